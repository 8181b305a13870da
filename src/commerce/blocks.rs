//! Commerce's dynamic blocks, as its GraphQL API tells guests of them. Only Adobe Commerce has them; no other API of it tells what is in one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::{Value, json};

use super::error::{Area, Cause, CommerceError};
use super::{Client, page_builder};

/// Blocks that are asked for at a time.
const PAGE: usize = 50;

/// Pages of blocks at most, so that memory has a bound.
const MOST_PAGES: usize = 100;

/// A dynamic block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicBlock {
    /// Its UID: the number that the Admin shows, in Base64.
    pub uid: String,
    /// Ids of the audiences that it is for; none is everyone.
    pub audiences: BTreeSet<String>,
    /// Its HTML by the code of each store view that has it, as pages show it: addresses of media and of pages are written out.
    pub html: BTreeMap<String, String>,
}

impl DynamicBlock {
    /// The number that the Admin shows.
    pub fn number(&self) -> Option<u64> {
        String::from_utf8(STANDARD.decode(&self.uid).ok()?).ok()?.parse().ok()
    }
}

impl Client {
    /// The dynamic blocks that guests may see in some store views, by number: for everyone, or for one of these audiences. `uids` asks for
    /// no others. Blocks of customer segments are told to nobody who is not in them.
    ///
    /// # Errors
    /// When the shop has no dynamic blocks at all ([`Cause::Absent`]), or does not give them.
    pub async fn dynamic_blocks(
        &self,
        store_views: &[&str],
        audiences: &[&str],
        uids: &[&str],
    ) -> Result<Vec<DynamicBlock>, CommerceError> {
        let mut found = BTreeMap::new();
        // Adobe's extension for audiences is a module that a shop may lack: it adds a filter and a field.
        let mut knows_audiences = true;
        for view in store_views {
            if knows_audiences
                && let Err(error) = self.blocks_of(view, Filter { uids, audiences: Some(&[]) }, &mut found).await
            {
                if !is_about(&error, "audience_id") {
                    return Err(error);
                }
                knows_audiences = false;
            }
            if !knows_audiences {
                self.blocks_of(view, Filter { uids, audiences: None }, &mut found).await?;
            } else if !audiences.is_empty() {
                self.blocks_of(view, Filter { uids, audiences: Some(audiences) }, &mut found).await?;
            }
        }
        let mut blocks: Vec<DynamicBlock> = found.into_values().collect();
        blocks.sort_by(|a, b| (a.number(), &a.uid).cmp(&(b.number(), &b.uid)));
        Ok(blocks)
    }

    async fn blocks_of(
        &self,
        store_view: &str,
        filter: Filter<'_>,
        found: &mut BTreeMap<String, DynamicBlock>,
    ) -> Result<(), CommerceError> {
        let malformed = |why: &str| CommerceError { area: Area::Blocks, cause: Cause::Malformed(why.to_owned()) };
        let mut seen = BTreeSet::new();
        for page in 1..=MOST_PAGES {
            let answer = self.graphql(Area::Blocks, store_view, &filter.query(), &filter.variables(page)).await;
            let data = answer.map_err(|error| match is_about(&error, "\"dynamicBlocks\"") {
                true => CommerceError { cause: Cause::Absent, ..error },
                false => error,
            })?;
            let addresses = Addresses::of(&data["storeConfig"]);
            let items =
                data["dynamicBlocks"]["items"].as_array().ok_or_else(|| malformed("it has no list of blocks"))?;
            let mut is_news = false;
            for item in items {
                let Some(uid) = item["uid"].as_str() else { continue };
                is_news |= seen.insert(uid.to_owned());
                let block = found.entry(uid.to_owned()).or_default();
                block.uid = uid.to_owned();
                block.audiences.extend(texts(&item["audience_id"]).map(str::to_owned));
                let html = addresses.written_out(item["content"]["html"].as_str().unwrap_or_default());
                block.html.insert(store_view.to_owned(), page_builder::shown(&html));
            }
            // A page past the end is the last one again.
            let pages = data["dynamicBlocks"]["page_info"]["total_pages"].as_u64().unwrap_or(1);
            if !is_news || u64::try_from(page).is_ok_and(|page| page >= pages) {
                return Ok(());
            }
        }
        Err(malformed(&format!("its list goes on for more than {MOST_PAGES} pages")))
    }
}

/// Which blocks are asked for.
#[derive(Clone, Copy)]
struct Filter<'a> {
    uids: &'a [&'a str],
    /// Those for these audiences; an empty list is no filter, and none where the shop knows no audiences.
    audiences: Option<&'a [&'a str]>,
}

impl Filter<'_> {
    fn query(&self) -> String {
        let (declared, filter, field) = match self.audiences {
            Some(_) => (", $audience: FilterEqualTypeInput", ", audience_id: $audience", " audience_id"),
            None => ("", "", ""),
        };
        format!(
            "query ($uids: [ID], $pageSize: Int, $currentPage: Int{declared}) {{ \
             dynamicBlocks(input: {{ type: SPECIFIED, dynamic_block_uids: $uids{filter} }}, pageSize: $pageSize, currentPage: $currentPage) \
             {{ items {{ uid content {{ html }}{field} }} page_info {{ total_pages }} }} \
             storeConfig {{ secure_base_url secure_base_media_url }} }}"
        )
    }

    fn variables(&self, page: usize) -> Value {
        let mut variables = json!({ "uids": self.uids, "pageSize": PAGE, "currentPage": page });
        if let Some(audiences) = self.audiences.filter(|audiences| !audiences.is_empty()) {
            variables["audience"] = json!({ "in": audiences });
        }
        variables
    }
}

fn is_about(error: &CommerceError, word: &str) -> bool {
    matches!(&error.cause, Cause::Refused(Some(said)) if said.contains(word))
}

/// One text, or several.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Where a store view's pages and media are.
struct Addresses {
    pages: Option<String>,
    media: Option<String>,
}

impl Addresses {
    fn of(config: &Value) -> Self {
        let url = |key: &str| config[key].as_str().map(str::to_owned).filter(|url| !url.is_empty());
        let (pages, media) = (url("secure_base_url"), url("secure_base_media_url"));
        let origin = |url: &Option<String>| url.as_deref().and_then(|url| Url::parse(url).ok()).map(|url| url.origin());
        // Media of the shop's own host are found by their paths too, whatever name shoppers know it by.
        let is_own = origin(&media).is_some_and(|own| origin(&pages) == Some(own));
        let path = |url: String| Url::parse(&url).map_or(url, |url| url.path().to_owned());
        Self { media: if is_own { media.map(path) } else { media }, pages: pages.map(path) }
    }

    /// HTML with `{{media url=...}}` and `{{store url=...}}` as addresses. Whatever else only Magento can resolve stays.
    fn written_out(&self, html: &str) -> String {
        let mut written = String::with_capacity(html.len());
        let mut rest = html;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((directive, behind)) = after.split_once("}}") else { break };
            written.push_str(before);
            match self.address(directive) {
                Some(address) => written.push_str(&address),
                None => written.extend(["{{", directive, "}}"]),
            }
            rest = behind;
        }
        written + rest
    }

    fn address(&self, directive: &str) -> Option<String> {
        let (word, parameter) = directive.trim().split_once(char::is_whitespace)?;
        let (key, value) = parameter.trim().split_once('=')?;
        let value = value.trim().replace("&quot;", "\"");
        let value = value.trim_matches(['"', '\'', '\\']);
        let base = match (word, key.trim()) {
            ("media", "url") => self.media.as_ref()?,
            ("store", "url" | "direct_url") => self.pages.as_ref()?,
            _ => return None,
        };
        let is_plain = !value.contains(['"', '\'', '<', '>', ' ', '=']);
        is_plain.then(|| format!("{}/{}", base.trim_end_matches('/'), value.trim_start_matches('/')))
    }
}

#[cfg(test)]
mod tests;
