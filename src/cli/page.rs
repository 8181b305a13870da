//! Fetches a page of the shop as the proxy would, for `explain` and `check --online`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri, header};
use tower::{Service as _, ServiceExt as _};

use super::Failure;
use crate::body::Body;
use crate::config::Config;
use crate::upstream::Upstream;

/// How long a command waits for the shop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page to be fetched.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The host that shoppers ask for.
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
    /// Whether shoppers come over HTTPS.
    pub(super) secure: bool,
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "https" } else { "http" }, self.host, self.target)
    }
}

impl Wish {
    /// A page by its address as shoppers see it, or by its path alone on the shop's first host.
    pub(super) fn parse(config: &Config, url: &str) -> Result<Self, Failure> {
        let wrong =
            || Failure::Usage(format!("\"{url}\" is neither an address such as https://shop.example/ nor a path"));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        match (uri.scheme_str(), uri.authority()) {
            (Some("http" | "https"), Some(authority)) => {
                Ok(Self { host: authority.to_string(), target, secure: uri.scheme_str() == Some("https") })
            }
            (None, None) if target.starts_with('/') => {
                let secure = config.upstream.origin.scheme_str() == Some("https");
                Ok(Self { host: first_host(config), target, secure })
            }
            _ => Err(wrong()),
        }
    }

    /// The request as it goes to the origin.
    pub(super) fn request(&self, config: &Config) -> Result<Request<Body>, Failure> {
        let headers = &config.proxy.headers;
        let host = match &headers.host {
            Some(host) => host.clone(),
            None => {
                HeaderValue::try_from(&self.host).map_err(|_| Failure::Usage("the host is not valid".to_owned()))?
            }
        };
        let scheme = if self.secure { "https" } else { "http" };
        let request = Request::get(&self.target)
            .header(header::HOST, host)
            .header(header::ACCEPT, "text/html")
            .header(header::USER_AGENT, concat!("Segue/", env!("CARGO_PKG_VERSION"), " (operator)"))
            .header("x-forwarded-for", IpAddr::from(Ipv4Addr::LOCALHOST).to_string())
            .header("x-forwarded-host", &self.host)
            .header(&headers.proto_header, scheme)
            .body(Body::empty());
        request.map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// The host that pages are asked from when nobody names one.
pub(super) fn first_host(config: &Config) -> String {
    let configured = config.proxy.headers.host.as_ref().and_then(|host| host.to_str().ok()).map(str::to_owned);
    let of_view = || config.sites.views().iter().find_map(|view| view.hosts.first().cloned());
    let of_origin = || config.upstream.origin.authority().map(ToString::to_string);
    configured.or_else(of_view).or_else(of_origin).unwrap_or_default()
}

/// Asks the origin.
pub(super) async fn ask(config: &Config, request: Request<Body>) -> Result<Response<Body>, Failure> {
    let origin = &config.upstream.origin;
    let mut upstream = Upstream::new(&config.upstream).map_err(|error| Failure::Usage(error.to_string()))?;
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{origin} does not answer: {error}"));
    let answer = async {
        let ready = upstream.ready().await.map_err(|error| failed(&error))?;
        ready.call(request).await.map_err(|error| failed(&error))
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(failed(&"it took longer than 60 s")))
}
