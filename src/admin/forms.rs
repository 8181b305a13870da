//! Forms as they are sent.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::{Form, RequestExt as _};

use super::Admin;
use super::answer::Refused;
use super::sign_in::Signed;

/// What a form's fields hold, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Fields by name.
    #[cfg(test)]
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The first field of a name, as it was typed; empty where there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The same without blanks around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// Every field of a name that holds something.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let own = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.trim());
        own.filter(|value| !value.is_empty()).collect()
    }

    /// Whether a box is ticked or a button was pressed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    /// The fields whose names begin so, by the rest of their names.
    pub(super) fn under<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// The entries of a field whose value is a list, one a line or between commas.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let parts = self.raw(name).split(['\n', ',']).map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    }
}

/// A form of somebody who need not be signed in.
pub(super) struct Sent(pub(super) Fields);

impl FromRequest<Admin> for Sent {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Admin) -> Result<Self, Refused> {
        let fields: Result<Form<Vec<(String, String)>>, _> = request.extract().await;
        fields.map(|Form(fields)| Self(Fields(fields))).map_err(|error| Refused::Bad(error.to_string()))
    }
}

/// A form of somebody who is signed in, from a page of his own session.
pub(super) struct Posted {
    pub(super) who: Signed,
    pub(super) fields: Fields,
}

impl FromRequest<Admin> for Posted {
    type Rejection = Refused;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let who = Signed::from_request_parts(&mut parts, admin).await?;
        let Sent(fields) = Sent::from_request(Request::from_parts(parts, body), admin).await?;
        if fields.raw("csrf") != who.csrf {
            return Err(Refused::Foreign);
        }
        Ok(Self { who, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let fields = Fields::of(&[("a", " x "), ("a", ""), ("a", "y"), ("label:de", "Z"), ("l", "p, q\nr,,")]);
        assert_eq!((fields.raw("a"), fields.text("a"), fields.text("b")), (" x ", "x", ""));
        assert_eq!(fields.all("a"), ["x", "y"]);
        assert_eq!(fields.under("label:").collect::<Vec<_>>(), [("de", "Z")]);
        assert_eq!(fields.list("l"), ["p", "q", "r"]);
        assert!(fields.has("a") && !fields.has("b"));
    }
}
