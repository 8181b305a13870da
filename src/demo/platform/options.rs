//! What a stand-in is told: the organisation, its account, its datastreams and destinations, and its audiences.

use std::time::Duration;

use secrecy::SecretString;

use super::push::Target;
use crate::demo::{AUDIENCES, membership};

/// The datastream of [`Options::default`].
pub const DATASTREAM: &str = "9f2b8c1e-6d34-4a57-8be0-1c7d95e2f4a6";

/// A destination of Adobe's that gives memberships to pages, and the audiences that are activated for it.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The target connection's id, which memberships carry as `destinationId`.
    pub id: String,
    /// What the marketer called it.
    pub name: String,
    /// The integration alias that the marketer gave it.
    pub alias: String,
    /// Whether its flow is on.
    pub enabled: bool,
    /// The audiences that are activated for it, by id. No others show in its memberships.
    pub audiences: Vec<String>,
}

/// A datastream of the Edge Network.
#[derive(Clone, Debug)]
pub struct Datastream {
    /// What requests name.
    pub id: String,
    /// A datastream that is off refuses every request.
    pub enabled: bool,
    /// Whether requests must carry a token.
    pub authenticated: bool,
    /// The destinations on it.
    pub destinations: Vec<Destination>,
}

/// Where an audience is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Not yet in use.
    Draft,
    /// In use.
    Published,
    /// No longer evaluated.
    Inactive,
    /// Put away.
    Archived,
}

impl Lifecycle {
    /// Adobe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }
}

/// How an audience gets its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// Once a day.
    Batch,
    /// As events arrive.
    Streaming,
    /// At the Edge Network.
    Edge,
}

/// An audience of the organisation.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Experience Platform's id.
    pub id: String,
    /// The id that another system gave it; with one, it is an external audience.
    pub external_id: Option<String>,
    /// What the marketer called it.
    pub name: String,
    /// What the marketer says of it.
    pub description: String,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// How it gets its members.
    pub evaluation: Evaluation,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was changed last, in seconds since 1970.
    pub updated: u64,
}

impl Audience {
    /// A published audience of Experience Platform's own, evaluated at the Edge Network.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            external_id: None,
            name: name.to_owned(),
            description: String::new(),
            lifecycle: Lifecycle::Published,
            evaluation: Evaluation::Edge,
            created: 1_767_225_600,
            updated: 1_793_491_200,
        }
    }
}

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The organisation, such as `53A16ACB5CC1D3760A495C99@AdobeOrg`.
    pub org: String,
    /// The account's client id, which is also its `x-api-key`.
    pub client_id: String,
    /// The account's secrets; every one is valid.
    pub client_secrets: Vec<SecretString>,
    /// The scopes that the account may ask for.
    pub scopes: Vec<String>,
    /// For how long a token is valid.
    pub token_lifetime: Duration,
    /// The only sandbox there is.
    pub sandbox: String,
    /// The datastreams.
    pub datastreams: Vec<Datastream>,
    /// The audiences, in no order.
    pub audiences: Vec<Audience>,
    /// The Edge Network's region that answers requests without a location hint.
    pub region: String,
    /// Whether a visitor's profile is known only in the region that saw him first.
    pub regional_profiles: bool,
    /// Whether somebody who was never seen before has a profile at once, in no audience. Otherwise his profile is unknown until he is
    /// moved into one.
    pub profiles_at_once: bool,
    /// Whether each destination's membership comes in a handle of its own instead of all in one.
    pub handle_per_destination: bool,
    /// Hosts by which this Edge Network is part of a customer's own domain: there it sets cookies itself.
    pub first_party_hosts: Vec<String>,
    /// Whether `state:store` asks for `SameSite=None`, as Adobe does. A page without TLS cannot keep such cookies.
    pub same_site_none: bool,
    /// Where the shop is, for the control page's link.
    pub shop_url: Option<String>,
    /// Where it says that somebody was moved.
    pub push: Option<Target>,
}

impl Default for Options {
    /// The demo's organisation: its three audiences, activated for one destination on one datastream, and a few that are not.
    fn default() -> Self {
        let activated = AUDIENCES.iter().map(|(id, _)| (*id).to_owned()).collect();
        let scopes = ["openid", "AdobeID", "read_organizations", "additional_info.projectedProductContext", "session"];
        Self {
            org: "5E60E5E60E5E60E50A495E60@AdobeOrg".to_owned(),
            client_id: "4f6e2a90c1d84b7fa3e5082d9b61c7f0".to_owned(),
            client_secrets: vec!["p8e-segue-stand-in-secret-1".into(), "p8e-segue-stand-in-secret-2".into()],
            scopes: scopes.map(str::to_owned).to_vec(),
            token_lifetime: Duration::from_secs(86_399),
            sandbox: "prod".to_owned(),
            datastreams: vec![Datastream {
                id: DATASTREAM.to_owned(),
                enabled: true,
                authenticated: false,
                destinations: vec![Destination {
                    id: "0c5f7d2a-91be-4e36-a8d4-7f3b60e19c58".to_owned(),
                    name: "Adobe Commerce".to_owned(),
                    alias: "commerce".to_owned(),
                    enabled: true,
                    audiences: activated,
                }],
            }],
            audiences: audiences(),
            region: "or2".to_owned(),
            regional_profiles: false,
            profiles_at_once: true,
            handle_per_destination: false,
            first_party_hosts: Vec::new(),
            same_site_none: true,
            shop_url: None,
            push: None,
        }
    }
}

fn audiences() -> Vec<Audience> {
    let about = |id: &str| match id {
        membership::VIP => "Bought for more than $1,000 within a year",
        membership::NEW_VISITOR => "Came for the first time within the last day",
        _ => "Trade customers with an account",
    };
    let own =
        AUDIENCES.iter().map(|(id, name)| Audience { description: about(id).to_owned(), ..Audience::new(id, name) });
    let draft = Audience {
        description: "Has things in a cart and did not order today".to_owned(),
        lifecycle: Lifecycle::Draft,
        evaluation: Evaluation::Streaming,
        ..Audience::new("3e9a0d57-2b64-4c18-9f7e-d8150b62ca04", "Left a full cart")
    };
    let archived = Audience {
        description: "Bought something on sale in July 2025".to_owned(),
        lifecycle: Lifecycle::Archived,
        evaluation: Evaluation::Batch,
        ..Audience::new("7c21f8b3-0e95-4d6a-b417-5a9e3d80f605", "Summer sale 2025")
    };
    let external = Audience {
        description: "Uploaded by the newsletter's own system".to_owned(),
        external_id: Some("crm-newsletter-readers".to_owned()),
        evaluation: Evaluation::Batch,
        ..Audience::new("a5d83e60-4f17-4b29-8c02-6e1b97d4f306", "Newsletter readers")
    };
    own.chain([draft, archived, external]).collect()
}
