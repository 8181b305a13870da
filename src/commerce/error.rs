//! Why Commerce did not give what it was asked for, and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::aep::http::CallError;

/// What is asked for, which decides the permission that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Cart price rules and coupons.
    Rules,
    /// Products.
    Products,
    /// Categories.
    Categories,
    /// Attributes of products.
    Attributes,
    /// Websites and store views.
    Stores,
    /// Customer groups.
    Groups,
    /// Currencies and their rates.
    Currency,
    /// A guest's cart, for which no permission is needed.
    Cart,
    /// Dynamic blocks, as guests are told of them.
    Blocks,
}

impl Area {
    /// All that need a permission, or may be closed.
    pub const ALL: [Self; 7] =
        [Self::Rules, Self::Products, Self::Categories, Self::Attributes, Self::Stores, Self::Groups, Self::Currency];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "cart price rules and coupons",
            Self::Products => "products",
            Self::Categories => "categories",
            Self::Attributes => "product attributes",
            Self::Stores => "websites and store views",
            Self::Groups => "customer groups",
            Self::Currency => "currency rates",
            Self::Cart => "guest carts",
            Self::Blocks => "dynamic blocks",
        }
    }

    /// The permission as the tree of an integration's resources in the Admin shows it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Rules => "Marketing > Promotions > Cart Price Rules",
            Self::Products => "Catalog > Inventory > Products",
            Self::Categories => "Catalog > Inventory > Categories",
            Self::Attributes => "Stores > Attributes > Product",
            Self::Stores => "Stores > Settings > All Stores",
            Self::Groups => "Stores > Other Settings > Customer Groups",
            Self::Currency | Self::Cart | Self::Blocks => "none",
        }
    }
}

/// Why Commerce did not give what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {cause}", area.as_str())]
pub struct CommerceError {
    /// What was asked for.
    pub area: Area,
    /// Why it was not given.
    #[source]
    pub cause: Cause,
}

/// The reasons for a [`CommerceError`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// 401 without a permission's name: the token is none of an active integration.
    #[error("Commerce does not accept the token{}", quoted(.0))]
    Token(Option<String>),
    /// 401 or 403 with the name of what the integration may not do.
    #[error("the integration lacks the permission {0}")]
    Permission(String),
    /// 403 of something before Commerce: a firewall, basic authentication.
    #[error("something in front of Commerce refuses the call ({0})")]
    Barred(StatusCode),
    /// 404.
    #[error("there is no such thing in Commerce{}", quoted(.0))]
    NotFound(Option<String>),
    /// The shop's edition has nothing of the kind.
    #[error("this shop has none")]
    Absent,
    /// 400: Commerce's own words.
    #[error("Commerce refuses it{}", quoted(.0))]
    Refused(Option<String>),
    /// 429.
    #[error("Commerce takes no more calls for now")]
    Throttled(Option<Duration>),
    /// 503 with a page: maintenance mode, or a gateway without Commerce behind it.
    #[error("Commerce is closed for maintenance, or its gateway cannot reach it ({0})")]
    Closed(StatusCode),
    /// 5xx.
    #[error("Commerce is in trouble ({status}{})", quoted(.said))]
    Server {
        /// The status.
        status: StatusCode,
        /// Commerce's own words.
        said: Option<String>,
    },
    /// 3xx: the address is not the shop's own.
    #[error("Commerce sends the call elsewhere ({0})")]
    Redirect(String),
    /// A page instead of data.
    #[error("a page of HTML came instead of data ({0})")]
    Html(StatusCode),
    /// Any other status.
    #[error("Commerce answers {status}{}", quoted(.said))]
    Unexpected {
        /// The status.
        status: StatusCode,
        /// Commerce's own words.
        said: Option<String>,
    },
    /// No answer in time.
    #[error("Commerce does not answer in time")]
    Timeout,
    /// No connection, or one that broke.
    #[error("Commerce {0}")]
    Unreachable(#[source] Arc<CallError>),
    /// An answer in another form than Magento's.
    #[error("the answer cannot be understood: {0}")]
    Malformed(String),
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

impl CommerceError {
    /// One word for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match &self.cause {
            Cause::Token(_) => "token",
            Cause::Permission(_) => "permission",
            Cause::Barred(_) => "barred",
            Cause::NotFound(_) => "not_found",
            Cause::Absent => "absent",
            Cause::Refused(_) => "refused",
            Cause::Throttled(_) => "throttled",
            Cause::Closed(_) => "closed",
            Cause::Server { .. } => "server",
            Cause::Redirect(_) => "redirect",
            Cause::Html(_) => "html",
            Cause::Unexpected { .. } => "unexpected",
            Cause::Timeout => "timeout",
            Cause::Unreachable(_) => "unreachable",
            Cause::Malformed(_) => "malformed",
        }
    }

    /// What the operator can do about it, and on which screen of the Admin.
    pub fn advice(&self) -> String {
        match &self.cause {
            Cause::Token(_) => "Admin > System > Extensions > Integrations: the integration must be active, and token its access token; \
                 since 2.4.4 Stores > Configuration > Services > OAuth > Consumer Settings > \"Allow OAuth Access Tokens to be used as standalone \
                 Bearer tokens\" must be Yes"
                .to_owned(),
            Cause::Permission(resource) => format!(
                "Admin > System > Extensions > Integrations > the integration > API: allow {} ({resource}), save, and reauthorize",
                self.area.resource()
            ),
            Cause::Barred(_) => "let this machine through to /rest/ (firewall, basic authentication, list of addresses), or let commerce.url \
                 name a way past it"
                .to_owned(),
            Cause::NotFound(_) => "see whether commerce.url is the shop's base URL, under which rest/V1 is".to_owned(),
            Cause::Absent => "they come with Adobe Commerce, on premises or on its cloud infrastructure; Magento Open Source has none".to_owned(),
            Cause::Refused(_) => "Commerce's own words say what is wrong".to_owned(),
            Cause::Throttled(_) => "wait; if it goes on, make commerce.poll longer".to_owned(),
            Cause::Closed(_) => "wait, or end the maintenance: bin/magento maintenance:disable".to_owned(),
            Cause::Server { .. } => "Commerce's var/log/exception.log and var/report say why".to_owned(),
            Cause::Redirect(to) => format!("set commerce.url to the shop's own base URL: it leads to {to}"),
            Cause::Html(_) => "see whether commerce.url is Magento itself and not a page, a login or a firewall in front of it".to_owned(),
            Cause::Timeout => "see whether Commerce is overloaded; commerce.timeout says how long Segue waits".to_owned(),
            Cause::Unreachable(_) => "see whether this machine may connect to commerce.url (DNS, firewall, TLS)".to_owned(),
            Cause::Unexpected { .. } | Cause::Malformed(_) => {
                "see whether commerce.url is a Magento shop and no proxy stands between".to_owned()
            }
        }
    }

    /// How long Commerce asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Throttled(wait) => *wait,
            _ => None,
        }
    }

    /// Whether the same call may do better in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self.cause, Cause::Throttled(_) | Cause::Closed(_) | Cause::Timeout | Cause::Unreachable(_))
            || matches!(self.cause, Cause::Server { status, .. } if matches!(status.as_u16(), 502..=504))
    }
}
