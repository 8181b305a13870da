//! One call to Commerce: as whom, how long, and what its answer means.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Client as Http, RequestBuilder, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::Config;
use super::error::{Area, Cause, CommerceError};
use crate::aep::http::{Answer, BuildError, CallError, bearer, client, send};

/// The most bytes of an answer: a page of products with all their attributes has some megabytes.
const MOST: usize = 64 << 20;

/// Characters of Commerce's own words that are repeated in an error.
const MOST_SAID: usize = 300;

/// How often a question is asked that may be asked again.
const ATTEMPTS: u32 = 3;

/// The longest wait between attempts. Whoever waits for a whole sync can wait this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Entries of a list that are asked for at a time.
pub(super) const PAGE: usize = 200;

/// Pages of a list at most, so that memory has a bound.
const MOST_PAGES: usize = 500;

/// Asks Commerce. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    base: Url,
    token: HeaderValue,
}

/// What a call's query may hold.
pub type Query = [(String, String)];

impl Client {
    /// A client for a shop. Nothing is asked yet.
    ///
    /// # Errors
    /// When TLS cannot be set up, or no header can hold the token.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let http = client(&config.url, config.timeout)?;
        let token = bearer(config.token.expose_secret()).ok_or(BuildError::Header("commerce.token"))?;
        Ok(Self { http, base: config.url.clone(), token })
    }

    /// Asks for something: a path such as `/V1/salesRules/3`, of all store views. It is asked again where that may help.
    ///
    /// # Errors
    /// When Commerce does not give it.
    pub async fn get(&self, area: Area, path: &str, query: &Query) -> Result<Value, CommerceError> {
        let mut attempt = 1;
        loop {
            match self.ask(area, Method::GET, path, query, None).await {
                Err(error) if attempt < ATTEMPTS && error.is_passing() => {
                    let wait = error.retry_after().unwrap_or(Duration::from_millis(300) * attempt);
                    tokio::time::sleep(wait.min(LONGEST_PAUSE)).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Asks for something once.
    ///
    /// # Errors
    /// When Commerce does not give it.
    pub async fn get_once(&self, area: Area, path: &str, query: &Query) -> Result<Value, CommerceError> {
        self.ask(area, Method::GET, path, query, None).await
    }

    /// Changes something, once: whether a change whose answer is lost was made, nobody knows.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn change(
        &self,
        area: Area,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CommerceError> {
        self.ask(area, method, path, &[], body).await
    }

    /// Every entry of a list, by its id in ascending order, so that what is added meanwhile comes last.
    ///
    /// # Errors
    /// When Commerce does not give it, or its list has no end.
    pub async fn list(&self, area: Area, path: &str, id: &str, filters: &Query) -> Result<Vec<Value>, CommerceError> {
        let mut items = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut query = filters.to_vec();
            let mut add = |key: &str, value: String| query.push((format!("searchCriteria{key}"), value));
            add("[pageSize]", PAGE.to_string());
            add("[currentPage]", page.to_string());
            add("[sortOrders][0][field]", id.to_owned());
            add("[sortOrders][0][direction]", "ASC".to_owned());
            let mut answer = self.get(area, path, &query).await?;
            let total = answer.get("total_count").and_then(Value::as_u64);
            let Some(Value::Array(found)) = answer.get_mut("items").map(Value::take) else {
                return Err(CommerceError { area, cause: Cause::Malformed("it has no list of items".to_owned()) });
            };
            let count = found.len();
            items.extend(found);
            let total = total.and_then(|total| usize::try_from(total).ok()).unwrap_or(items.len());
            // Magento answers a page past the end with the last one again.
            if count == 0 || items.len() >= total {
                return Ok(items);
            }
        }
        Err(CommerceError {
            area,
            cause: Cause::Malformed(format!("its list goes on for more than {MOST_PAGES} pages")),
        })
    }

    async fn ask(
        &self,
        area: Area,
        method: Method,
        path: &str,
        query: &Query,
        body: Option<&Value>,
    ) -> Result<Value, CommerceError> {
        let failed = |cause| CommerceError { area, cause };
        let mut request = self.http.request(method, self.url(path, query));
        request = request.header(header::ACCEPT, "application/json");
        if area != Area::Cart {
            request = request.header(header::AUTHORIZATION, self.token.clone());
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = sent(request).await.map_err(failed)?;
        self.understand(&answer).map_err(failed)
    }

    /// Asks the GraphQL API about a store view, once, and answers with its data. It is asked as a guest: it knows no integrations.
    ///
    /// # Errors
    /// When Commerce does not give it; what it says to be wrong with the query is [`Cause::Refused`].
    pub async fn graphql(
        &self,
        area: Area,
        store_view: &str,
        query: &str,
        variables: &Value,
    ) -> Result<Value, CommerceError> {
        let failed = |cause| CommerceError { area, cause };
        let mut url = self.base.clone();
        url.set_path(&format!("{}/graphql", self.base.path().trim_end_matches('/')));
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(url).header(header::ACCEPT, "application/json").header("store", store_view);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = sent(request).await.map_err(failed)?;
        // Releases differ in whether a mistake comes as 200 or as 400.
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let errors = said.as_ref().and_then(|said| said.get("errors")?.as_array()).filter(|errors| !errors.is_empty());
        if let Some(errors) = errors {
            let words: Vec<&str> = errors.iter().filter_map(|error| error.get("message")?.as_str()).collect();
            return Err(failed(Cause::Refused(self.quotable(&words.join("; ")))));
        }
        let data = self.understand(&answer).map_err(failed)?.get_mut("data").map(Value::take);
        data.filter(Value::is_object).ok_or_else(|| failed(Cause::Malformed("it has no data".to_owned())))
    }

    fn url(&self, path: &str, query: &Query) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/rest/all{path}", self.base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn understand(&self, answer: &Answer) -> Result<Value, Cause> {
        let status = answer.status;
        let body = serde_json::from_slice::<Value>(&answer.body);
        if let Ok(value) = &body
            && status.is_success()
        {
            return Ok(value.clone());
        }
        let body = body.ok().filter(|body| body.is_object());
        let said = || body.as_ref().and_then(|body| self.words(body));
        let lacking = || body.as_ref().and_then(lacking);
        Err(match status.as_u16() {
            _ if status.is_redirection() => Cause::Redirect(redirect(answer)),
            200..300 if is_html(answer) => Cause::Html(status),
            200..300 => Cause::Malformed("it is not JSON".to_owned()),
            401 | 403 => match (lacking(), &body) {
                (Some(resource), _) => Cause::Permission(resource),
                (None, Some(_)) => Cause::Token(said()),
                (None, None) => Cause::Barred(status),
            },
            404 if body.is_some() => Cause::NotFound(said()),
            400 => Cause::Refused(said()),
            429 => Cause::Throttled(answer.retry_after()),
            502..=504 if body.is_none() => Cause::Closed(status),
            500..600 => Cause::Server { status, said: said() },
            _ if is_html(answer) => Cause::Html(status),
            _ => Cause::Unexpected { status, said: said() },
        })
    }

    /// Commerce's own words with what belongs into them.
    fn words(&self, body: &Value) -> Option<String> {
        let mut text = body.get("message")?.as_str()?.to_owned();
        match body.get("parameters") {
            Some(Value::Array(values)) => {
                for (at, value) in values.iter().enumerate().rev() {
                    text = text.replace(&format!("%{}", at + 1), plain(value).as_str());
                }
            }
            Some(Value::Object(values)) => {
                for (name, value) in values {
                    text = text.replace(&format!("%{name}"), plain(value).as_str());
                }
            }
            _ => {}
        }
        self.quotable(&text)
    }

    /// Words of Commerce as they may be repeated: no more than a few, and not with the token in them.
    fn quotable(&self, text: &str) -> Option<String> {
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = text.trim().chars().map(shown).take(MOST_SAID).collect();
        let secret = self.token.to_str().ok()?.trim_start_matches("Bearer ");
        (!text.is_empty() && !text.contains(secret)).then_some(text)
    }
}

impl crate::catalog::rest::Ask for Client {
    async fn get(&self, path: &str, query: &Query) -> Result<Value, crate::catalog::rest::Failure> {
        let area = match path {
            path if path.starts_with("/V1/products/attributes") => Area::Attributes,
            path if path.starts_with("/V1/products") || path.contains("-products/") => Area::Products,
            path if path.starts_with("/V1/categories") => Area::Categories,
            _ => Area::Stores,
        };
        Ok(Self::get(self, area, path, query).await?)
    }
}

async fn sent(request: RequestBuilder) -> Result<Answer, Cause> {
    send(request, MOST).await.map_err(|error| match error {
        CallError::Timeout(_) => Cause::Timeout,
        other => Cause::Unreachable(other.into()),
    })
}

/// What `The consumer isn't authorized to access %resources.` is about. Magento says the same of a token that it does not know.
fn lacking(body: &Value) -> Option<String> {
    let resource = body.pointer("/parameters/resources")?.as_str()?;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    (!resource.is_empty()).then(|| resource.chars().map(plain).take(MOST_SAID).collect())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_html(answer: &Answer) -> bool {
    let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/html") || answer.body.trim_ascii_start().starts_with(b"<")
}

/// Where a redirect leads, without what may be secret in it.
fn redirect(answer: &Answer) -> String {
    let to = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    match Url::parse(to) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => StatusCode::canonical_reason(&answer.status).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests;
