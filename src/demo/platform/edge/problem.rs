//! What the Edge Network says when it refuses: RFC 7807, with Adobe's codes.

use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Adobe's code, whose last three digits are the status.
    code: String,
    title: &'static str,
    detail: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident($($what:ident)?) = $code:literal, $title:literal, $detail:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub fn $name($($what: &str)?) -> Self {
                Self { code: $code.to_owned(), title: $title, detail: format!($detail) }
            })*
        }
    };
}

problems! {
    /// The datastream parameter is missing.
    no_datastream(name) = "EXEG-0002-400", "Missing datastream parameter",
        "The required datastream parameter '{name}' is missing from your request. Provide a valid '{name}' value and try again.";
    /// There is no such datastream.
    unknown_datastream(id) = "EXEG-0003-400", "Invalid datastream ID",
        "The datastream ID '{id}' referenced in your request does not exist. Update the request with a valid datastream ID and try again.";
    /// It is off.
    disabled_datastream(id) = "EXEG-0004-422", "Datastream disabled",
        "The datastream with the ID '{id}' is disabled. Enable your datastream or update the request with a valid datastream ID and try again.";
    /// The body is no JSON.
    invalid_json() = "EXEG-0101-400", "Invalid JSON request",
        "The JSON request is invalid. Fix the request and try again.";
    /// A field has another type than it should.
    invalid_field(path) = "EXEG-0102-400", "Invalid request field",
        "The value supplied for the '{path}' field does not match your input schema. Update the '{path}' value and try again.";
    /// A field is missing.
    missing_field(path) = "EXEG-0103-400", "Missing required value",
        "The '{path}' field is mandatory. Provide a valid '{path}' value and try again.";
    /// The body is empty.
    empty() = "EXEG-0109-408", "Empty request",
        "The request body is empty. Update your request and try again.";
    /// Cookies are wanted, and it is not said where.
    no_cookie_domain() = "EXEG-0110-400", "Missing parameter value",
        "The 'meta.state.domain' value is required when cookie support is enabled. Provide a valid 'meta.state.domain' value and try again.";
    /// The body has a type that is not read.
    content_type() = "EXEG-0111-415", "Invalid request",
        "The request content type is not supported. Supported types are 'application/json', 'application/x-jackson-smile', 'text/plain' and 'text/javascript'. Update your request and try again.";
    /// The body is too large.
    too_large() = "EXEG-0112-413", "Invalid request",
        "The request payload is too large. The maximum accepted size for request payloads is '64 KB'. Update your request and try again.";
    /// A server named nobody.
    no_primary_identity() = "EXEG-0306-400", "Event is missing primary identity",
        "There was no primary identity provided for event '#0'. Update the request according to your schema and try again.";
    /// An id has not the form of its namespace.
    invalid_id(namespace) = "EXEG-0308-400", "Invalid identity format",
        "Event '#0' contains an ID in invalid format in the '{namespace}' namespace. Update the request and try again.";
    /// There is no token where there must be one.
    no_token() = "EXEG-0500-401", "Invalid authorization token",
        "The required authorization token is missing or has an invalid format. Add a valid token to the request and try again.";
    /// The token is not one of Adobe's.
    bad_signature() = "EXEG-0502-401", "Invalid authorization token signature",
        "The authorization token signature is invalid. Check the authorization token and try again.";
    /// The token was one of Adobe's.
    expired_token() = "EXEG-0503-401", "Authorization token expired",
        "The authorization token has expired. Generate a new authorization token and try again.";
    /// The token is for another organisation or account.
    other_product_context() = "EXEG-0504-401", "Missing required product context",
        "The user authorization token is missing the following required product context: 'acp'. Add the required product context to the user account and try again.";
}

impl Problem {
    /// The problem that usually has this status.
    pub fn of_status(status: u16) -> Self {
        let (code, title, detail) = match status {
            400 => return Self::invalid_json(),
            401 => return Self::expired_token(),
            403 => (
                "EXEG-0400",
                "Request ignored due to geographical restrictions",
                "Requests from this country are not allowed.",
            ),
            408 => return Self::empty(),
            422 => return Self::disabled_datastream(""),
            429 => ("EXEG-0000", "Too many requests", "The request rate is limited. Try again later."),
            502 => (
                "EXEG-0300",
                "Could not check user consent",
                "An error occurred while checking user consent. Please try again later.",
            ),
            503 => (
                "EXEG-0000",
                "Service unavailable",
                "The service is temporarily unable to process your request. Try again later.",
            ),
            504 => (
                "EXEG-0200",
                "The service call has timed out",
                "The service call exceeded the allowed time and was canceled. Try again.",
            ),
            _ => (
                "EXEG-0001",
                "Unexpected error",
                "An unexpected error has occurred while processing the request. Please try again.",
            ),
        };
        Self { code: format!("{code}-{status}"), title, detail: detail.to_owned() }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.code.rsplit('-').next().and_then(|status| status.parse().ok()).unwrap_or(500)
    }

    /// The whole answer's body.
    pub fn body(&self, request_id: &str, org: &str, datastream: Option<&str>) -> Value {
        let mut report = json!({ "requestId": request_id, "orgId": org });
        if let Some(id) = datastream {
            report["configId"] = json!(id);
        }
        json!({
            "type": format!("https://ns.adobe.com/aep/errors/{}", self.code),
            "status": self.status(),
            "title": self.title,
            "detail": self.detail,
            "report": report,
        })
    }
}
