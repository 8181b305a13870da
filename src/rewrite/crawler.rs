//! Crawlers that say so: they get the origin's page, so that search results and link previews show nobody's own price.

/// Parts of `User-Agent` values, in lower case, that crawlers and link previews declare themselves by. Names that end in `bot` are
/// found without this table. Names of applications with a browser inside (Pinterest, Instagram) must not stand here.
const DECLARED: [&str; 24] = [
    "adsbot",
    "bingpreview",
    "bytespider",
    "chatgpt-user",
    "chrome-lighthouse",
    "crawler",
    "embedly",
    "facebookexternalhit",
    "feedfetcher",
    "google-inspectiontool",
    "google-read-aloud",
    "googleother",
    "gtmetrix",
    "ia_archiver",
    "mediapartners-google",
    "meta-externalagent",
    "perplexity-user",
    "pingdom",
    "screaming frog",
    "skypeuripreview",
    "slurp",
    "spider",
    "storebot-google",
    "whatsapp/",
];

/// Whether a `User-Agent` value is that of a crawler which declares itself.
pub fn declared_crawler(user_agent: &str) -> bool {
    let agent = user_agent.to_ascii_lowercase();
    DECLARED.iter().any(|name| agent.contains(name)) || agent.split(|c: char| !c.is_ascii_alphanumeric()).any(is_bot)
}

/// Cubot is a maker of telephones.
fn is_bot(word: &str) -> bool {
    word.ends_with("bot") && word != "cubot"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_crawlers_that_declare_themselves() {
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "AdsBot-Google (+http://www.google.com/adsbot.html)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "facebookexternalhit/1.1",
            "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        ] {
            assert!(declared_crawler(agent), "{agent}");
        }
    }

    #[test]
    fn takes_shoppers_for_shoppers() {
        for agent in [
            "",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0 Mobile Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [Pinterest/iOS]",
            "curl/8.5.0",
        ] {
            assert!(!declared_crawler(agent), "{agent}");
        }
    }
}
