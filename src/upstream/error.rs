//! Why the origin gave no answer, and whose fault that is.

use std::error::Error as StdError;
use std::time::Duration;

use hyper_util::client::legacy;

use super::connector::ConnectTimeout;
use super::upload::UploadError;

/// Who has to change something for the request to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The origin is away or answered what is not HTTP.
    Origin,
    /// The origin did not answer in time.
    OriginLate,
    /// The client stopped sending its request.
    Client,
}

/// Why there is no answer from the origin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection: refused, unreachable, name not found, or TLS failed.
    #[error("the origin takes no connection")]
    Connect(#[source] legacy::Error),
    /// No connection in time.
    #[error("the origin takes no connection in time")]
    ConnectTimeout(#[source] legacy::Error),
    /// Connected, but no answer began in time.
    #[error("the origin began no answer within {} s", .0.as_secs())]
    HeaderTimeout(Duration),
    /// The connection ended before an answer did begin.
    #[error("the origin closed the connection instead of answering")]
    Closed(#[source] legacy::Error),
    /// The answer is not HTTP, or breaks a limit.
    #[error("the origin's answer is not valid")]
    Protocol(#[source] legacy::Error),
    /// The origin changed protocols although nobody asked for that.
    #[error("the origin switched protocols unasked")]
    UnaskedUpgrade,
    /// The client's body broke off or fell silent.
    #[error("the client did not send its whole request")]
    Upload(#[source] legacy::Error),
    /// The request has no target that can be sent to the origin.
    #[error("the request target cannot be sent to the origin")]
    Target(#[source] http::Error),
}

impl Error {
    /// One word for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::HeaderTimeout(_) => "header_timeout",
            Self::Closed(_) => "closed",
            Self::Protocol(_) | Self::UnaskedUpgrade => "protocol",
            Self::Upload(_) => "upload",
            Self::Target(_) => "target",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::HeaderTimeout(_) | Self::ConnectTimeout(_) => Fault::OriginLate,
            Self::Connect(_) | Self::Closed(_) | Self::Protocol(_) | Self::UnaskedUpgrade => Fault::Origin,
            Self::Upload(_) | Self::Target(_) => Fault::Client,
        }
    }
}

impl From<legacy::Error> for Error {
    fn from(error: legacy::Error) -> Self {
        if error.is_connect() {
            return match find::<ConnectTimeout>(&error) {
                Some(_) => Self::ConnectTimeout(error),
                None => Self::Connect(error),
            };
        }
        if find::<UploadError>(&error).is_some() {
            return Self::Upload(error);
        }
        match find::<hyper::Error>(&error) {
            Some(cause) if cause.is_parse() => Self::Protocol(error),
            _ => Self::Closed(error),
        }
    }
}

/// Looks for an error of type `E` in `error` and what caused it.
pub(super) fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}
