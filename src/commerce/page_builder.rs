//! What Magento does to Page Builder's HTML before a page shows it (`Magento\PageBuilder\Model\Filter\Template`); GraphQL gives it as it is kept.

use lol_html::html_content::ContentType;
use lol_html::{RewriteStrSettings, element, rewrite_str, text};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::rewrite::plan::text::decode;

/// Where Page Builder's background images for phones hold.
const PHONE: &str = "only screen and (max-width: 768px)";

/// What the classes begin with that Magento gives to elements with background images.
const CLASS: &str = "background-image-";

/// Page Builder's HTML as a page shows it: background images as styles, HTML code as HTML. What has been made so already stays as it is.
pub(super) fn shown(html: &str) -> String {
    let images = element!("[data-background-images]", |element| {
        let class = element.get_attribute("class").unwrap_or_default();
        let images = element.get_attribute("data-background-images").unwrap_or_default();
        if !class.contains(CLASS)
            && let Some((own, style)) = style_of(&images)
        {
            element.set_attribute("class", format!("{class} {own}").trim_start())?;
            element.after(&style, ContentType::Html);
        }
        Ok(())
    });
    // A text may come in several chunks.
    let mut text = String::new();
    let code = text!("[data-content-type=html]:not([data-decoded=true])", move |chunk| {
        text.push_str(chunk.as_str());
        let is_last = chunk.last_in_text_node();
        chunk.remove();
        if is_last {
            let whole = std::mem::take(&mut text);
            let written = if is_code(&whole) { decode(&whole).into_owned() } else { whole };
            chunk.after(&written, ContentType::Html);
        }
        Ok(())
    });
    let settings =
        RewriteStrSettings::new().append_element_content_handler(images).append_element_content_handler(code);
    rewrite_str(html, settings).unwrap_or_else(|_| html.to_owned())
}

/// Whether a text holds tags that are written as text.
fn is_code(text: &str) -> bool {
    text.split("&lt;")
        .skip(1)
        .any(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '!')))
}

/// A class, and the style that gives its elements their background images.
fn style_of(attribute: &str) -> Option<(String, String)> {
    let plain = decode(attribute).replace("\\\"", "\"").replace("\\/", "/");
    let images: Value = serde_json::from_str(&plain).ok()?;
    let image = |key: &str| {
        let url = images[key].as_str()?;
        let is_plain =
            !url.is_empty() && !url.contains(['(', ')', '<', '>', '"', '\'', '\\', ';', '{', '}', ' ', '\n']);
        is_plain.then_some(url)
    };
    let (desktop, phone) = (image("desktop_image"), image("mobile_image"));
    if desktop.is_none() && phone.is_none() {
        return None;
    }
    let digest = Sha256::digest(format!("{desktop:?} {phone:?}"));
    let class = digest.iter().take(6).fold(CLASS.to_owned(), |class, byte| format!("{class}{byte:02x}"));
    let rule = |url: &str| format!(".{class} {{background-image: url({url});}}");
    let css = [desktop.map(rule), phone.map(|url| format!("@media {PHONE} {{ {} }}", rule(url)))];
    let css = css.into_iter().flatten().collect::<Vec<_>>().join("");
    Some((class, format!("<style type=\"text/css\">{css}</style>")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_images_become_styles() {
        let html = shown(
            r#"<div class="pagebuilder-poster" data-background-images="{\&quot;desktop_image\&quot;:\&quot;/media/a.jpg\&quot;,\&quot;mobile_image\&quot;:\&quot;/media/b.jpg\&quot;}"><p>a</p></div><p>b</p>"#,
        );
        let class = html.split("class=\"pagebuilder-poster ").nth(1).and_then(|rest| rest.split('"').next());
        let class = class.unwrap_or_else(|| panic!("no class in {html}"));
        assert!(
            class.starts_with("background-image-") && html.contains("<p>a</p></div><style type=\"text/css\">"),
            "{html}"
        );
        for css in [
            format!(".{class} {{background-image: url(/media/a.jpg);}}"),
            format!(
                "@media only screen and (max-width: 768px) {{ .{class} {{background-image: url(/media/b.jpg);}} }}"
            ),
        ] {
            assert!(html.contains(&css), "{css}: {html}");
        }
        assert_eq!(shown(&html), html, "once is enough");
    }

    #[test]
    fn what_is_no_image_stays() {
        for html in [
            r#"<div data-background-images="{}">a</div>"#,
            r#"<div data-background-images="">a</div>"#,
            r#"<div data-background-images="{&quot;desktop_image&quot;:&quot;x);}</style>&quot;}">a</div>"#,
            "<p>1 &lt; 2</p><div data-content-type=\"html\" data-decoded=\"true\">&lt;b&gt;</div>",
            "<div data-content-type=\"html\">1 &lt; 2 &amp; 3 <b>c</b></div>",
            "<div data-content-type=\"text\">&lt;b&gt;</div>",
            "<p>left open",
        ] {
            assert_eq!(shown(html), html);
        }
    }

    #[test]
    fn html_code_becomes_html() {
        let html = shown(
            r#"<div data-content-type="html" data-appearance="default">&lt;p class="x"&gt;Tea &amp;amp; cake&lt;/p&gt;</div>"#,
        );
        assert_eq!(
            html,
            r#"<div data-content-type="html" data-appearance="default"><p class="x">Tea &amp; cake</p></div>"#
        );
    }
}
