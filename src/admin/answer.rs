//! Answers that are no page of their own: refusals and redirections.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::layout;
use crate::store::{Role, StoreError};

/// Why something is not answered.
#[derive(Debug)]
pub(super) enum Refused {
    /// Nobody is signed in; where to go on afterwards.
    SignIn(String),
    /// Who is signed in may not do that.
    Role(Role),
    /// A form was sent from elsewhere, or its page is older than the session.
    Foreign,
    /// There is no such thing.
    NotFound,
    /// What was sent makes no sense.
    Bad(String),
    /// Rules are edited in a file.
    ReadOnly(String),
    /// Somebody else was faster.
    Conflict(String),
    /// Something that is needed is not there.
    Unavailable(String),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Refused {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Role(_) | Self::Foreign => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::ReadOnly(_) | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn words(&self) -> (&'static str, String) {
        match self {
            Self::SignIn(_) => ("Please sign in", String::new()),
            Self::Role(needed) => (
                "You may not do that",
                format!("It takes the role “{}”. Whoever looks after people here can give it to you.", needed.as_str()),
            ),
            Self::Foreign => (
                "This form is out of date",
                "It was not sent from a page of your present session. Go back, reload the page, and send it again."
                    .to_owned(),
            ),
            Self::NotFound => ("There is no such page", "It may have been deleted or renamed.".to_owned()),
            Self::Bad(why) => ("That could not be understood", why.clone()),
            Self::ReadOnly(file) => (
                "Rules are edited in a file",
                format!(
                    "They come from {file}. To edit them here, say store = true under [rules] instead of file, and import the file with `segue rules import`."
                ),
            ),
            Self::Conflict(why) => ("Somebody else was faster", why.clone()),
            Self::Unavailable(why) => ("Not available right now", why.clone()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if let Self::SignIn(to) = &self {
            return see_other(&sign_in_path(to));
        }
        let (title, words) = self.words();
        let body = html! {
            div.notice.notice--bad role="alert" { p { (words) } }
            p { a.button href="/" { "To the start" } }
        };
        (self.status(), page(layout::bare(title, &body))).into_response()
    }
}

fn sign_in_path(to: &str) -> String {
    format!("/sign-in?to={}", encoded(to))
}

/// A text as part of a query.
pub(super) fn encoded(text: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// A page.
pub(super) fn page(markup: Markup) -> Html<String> {
    Html(markup.into_string())
}

/// On to another page of this UI, after a form was sent.
pub(super) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}
