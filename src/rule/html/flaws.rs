//! Why a trusted block's HTML must not go onto a page as it is.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind::{Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Elements without an end tag.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Stands behind the HTML: if it is not read as a tag, the HTML ends inside a tag, a comment or a text-only element.
const END: &str = "segue-end";

/// What is wrong with trusted HTML, one sentence each: scripts, event handlers, `javascript:` URLs and `srcdoc` documents (there is never
/// an inline script or handler), and markup that would change how the rest of the page is read.
pub fn flaws(html: &str) -> Vec<String> {
    let tokenizer = Tokenizer::new(Flaws::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    input.push_back(StrTendril::from(format!("<{END}>")));
    // The tokenizer pauses only behind scripts, and here it never learns that one ended.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let Flaws { open, found, ended } = tokenizer.sink;
    let mut found = found.into_inner();
    if ended.into_inner() {
        found.extend(open.into_inner().iter().map(|name| format!("<{name}> is never closed")));
    } else {
        found.push("it ends inside a tag, a comment or a text-only element, which would swallow the page".to_owned());
    }
    found.sort();
    found.dedup();
    found
}

#[derive(Default)]
struct Flaws {
    open: RefCell<Vec<String>>,
    found: RefCell<Vec<String>>,
    ended: RefCell<bool>,
}

impl TokenSink for Flaws {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        match tag.kind {
            TagKind::StartTag => self.start(&tag),
            TagKind::EndTag => self.end_tag(&tag.name),
        }
    }
}

impl Flaws {
    fn start(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        if name == END {
            *self.ended.borrow_mut() = true;
            return TokenSinkResult::Continue;
        }
        self.look_at_attributes(tag);
        if matches!(name, "script" | "html" | "head" | "body" | "base" | "meta" | "frameset" | "plaintext") {
            self.add(format!("<{name}> is not allowed"));
        }
        // Within SVG and MathML a tag may close itself, and no element holds mere text.
        let foreign = self.open.borrow().iter().any(|outer| matches!(outer.as_str(), "svg" | "math"));
        let ended_at_once = VOID.contains(&name) || (foreign && tag.self_closing);
        if !ended_at_once {
            self.open.borrow_mut().push(name.to_owned());
        }
        match name {
            _ if foreign => TokenSinkResult::Continue,
            "script" => TokenSinkResult::RawData(ScriptData),
            "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => TokenSinkResult::RawData(Rawtext),
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }

    fn look_at_attributes(&self, tag: &Tag) {
        for attribute in &tag.attrs {
            let name = attribute.name.local.to_ascii_lowercase();
            if name.len() > 2 && name.starts_with("on") || &*name == "srcdoc" {
                self.add(format!("the attribute {name} of <{}> is not allowed", tag.name));
            }
            if is_script_url(&attribute.value) {
                self.add(format!("the attribute {name} of <{}> must not hold a script", tag.name));
            }
        }
    }

    fn end_tag(&self, name: &str) -> TokenSinkResult<()> {
        let mut open = self.open.borrow_mut();
        match open.iter().rposition(|other| other == name) {
            Some(at) => {
                let inner: Vec<String> = open.drain(at..).skip(1).collect();
                inner.iter().for_each(|inner| self.add(format!("<{inner}> is never closed")));
            }
            None => self.add(format!("</{name}> closes nothing")),
        }
        TokenSinkResult::Continue
    }

    fn add(&self, flaw: String) {
        self.found.borrow_mut().push(flaw);
    }
}

/// Browsers skip controls and blanks before a scheme, and tabs and line breaks within it.
fn is_script_url(value: &str) -> bool {
    let plain: String = value.chars().filter(|c| !c.is_control() && *c != ' ').take(32).collect();
    let plain = plain.to_ascii_lowercase();
    ["javascript:", "vbscript:", "data:text/html"].iter().any(|scheme| plain.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_whole_markup() {
        for html in [
            "",
            "text & more",
            "<div id=\"a\"><img src=\"/a.png\"><br/><p>one</p></div>",
            "<!-- a --><style>p > a { color: red }</style>",
            "<a href=\"/x?on=1\" data-on=\"x\" title=\"<script>\">a</a>",
            "<svg><path d=\"M0 0\"/><g></g></svg>",
        ] {
            assert_eq!(flaws(html), Vec::<String>::new(), "{html}");
        }
    }

    #[test]
    fn names_scripts_and_handlers() {
        for (html, flaw) in [
            ("<script src=\"/x.js\"></script>", "<script> is not allowed"),
            ("<SCRIPT>1</SCRIPT>", "<script> is not allowed"),
            ("<p ONCLICK=x>a</p>", "the attribute onclick of <p> is not allowed"),
            ("<img src=x onerror=x>", "the attribute onerror of <img> is not allowed"),
            ("<a href=\" java\tscript:x()\">a</a>", "the attribute href of <a> must not hold a script"),
            ("<a href=\"&#106;avascript:x()\">a</a>", "the attribute href of <a> must not hold a script"),
            ("<svg><style><img onerror=x></style></svg>", "the attribute onerror of <img> is not allowed"),
            ("<iframe srcdoc=\"<script>\"></iframe>", "the attribute srcdoc of <iframe> is not allowed"),
        ] {
            assert_eq!(flaws(html), [flaw], "{html}");
        }
    }

    #[test]
    fn names_markup_that_would_change_the_rest_of_the_page() {
        let swallows = "it ends inside a tag, a comment or a text-only element, which would swallow the page";
        for html in ["<div class=\"a", "<!-- a", "<textarea>a", "<style>p {", "<p>a</p><b"] {
            assert_eq!(flaws(html), [swallows], "{html}");
        }
        assert_eq!(flaws("<div><p>a</div>"), ["<p> is never closed"]);
        assert_eq!(flaws("<div>"), ["<div> is never closed"]);
        assert_eq!(flaws("a</div>"), ["</div> closes nothing"]);
    }
}
