//! Accidents that happen to pages: in transport, in templates, in modules that rewrite them.

use std::ops::Range;

/// Numbers that are the same again for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64, throw: u64) -> Self {
        Self(seed ^ throw.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or zero.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number").max(1);
        usize::try_from(self.next() % end).expect("below a small number")
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A stretch of the page with what stands there instead.
#[derive(Clone, Debug)]
pub struct Edit {
    pub what: &'static str,
    pub at: Range<usize>,
    pub text: String,
}

/// Words near which accidents matter.
const NEEDLES: [&str; 24] = [
    "price",
    "Price",
    "amount",
    "product-id",
    "data-role",
    "class=",
    "<script",
    "</script",
    "</span>",
    "</div>",
    "<p ",
    "</p>",
    "optionPrices",
    "priceConfig",
    "tierPrices",
    "finalPrice",
    "basePrice",
    "jsonConfig",
    "selections",
    "formatted_prices",
    "<input",
    "<option",
    "name=\"product\"",
    "\"prices\"",
];

/// Pieces that end, open or hide what they should not.
const PIECES: [&str; 58] = [
    "<",
    ">",
    "\"",
    "'",
    "&",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "0",
    "9",
    ".",
    "-",
    " ",
    "\n",
    "</span>",
    "</div>",
    "</p>",
    "<p>",
    "<span>",
    "<div>",
    "<a>",
    "<li>",
    "</li>",
    "<table>",
    "<tr>",
    "</table>",
    "<select>",
    "</select>",
    "<option>",
    "<form>",
    "</form>",
    "<!--",
    "-->",
    "<!-->",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<template>",
    "</template>",
    "<noscript>",
    "</noscript>",
    "<textarea>",
    "</textarea>",
    "<title>",
    "<svg>",
    "</svg>",
    "<math>",
    "<br>",
    "</body>",
    "</head>",
    "<![CDATA[",
    "&nbsp;",
    "&#x20;",
];

/// Attributes that a module may add.
const ATTRIBUTES: [&str; 12] = [
    " hidden",
    " class=\"price\"",
    " class=\"old-price\"",
    " class=\"price-box\"",
    " data-role=\"priceBox\"",
    " data-product-id=\"1\"",
    " data-price-amount=\"1\"",
    " data-price-type=\"finalPrice\"",
    " data-price-type=\"oldPrice\"",
    " id=\"x\"",
    " itemprop=\"price\"",
    " data-label=\"x\"",
];

/// Elements that a module may add.
const ELEMENTS: [&str; 10] = [
    "<span class=\"price\">$24.00</span>",
    "<span class=\"badge\">-20%</span>",
    "<span data-price-type=\"finalPrice\" data-price-amount=\"24\"></span>",
    "<meta itemprop=\"price\" content=\"24\"/>",
    "<div class=\"price-box\"></div>",
    "<span class=\"price-label\">Now</span>",
    "<b>15.00</b>",
    "<!-- $24.00 -->",
    "<script type=\"text/x-magento-init\">{\"*\":{\"priceBox\":{}}}</script>",
    "<link itemprop=\"url\" href=\"/\"/>",
];

/// One accident.
pub fn accident(page: &str, dice: &mut Dice) -> Option<Edit> {
    let spot = spot(page, dice);
    let edit = |what, at: Range<usize>, text: String| Some(Edit { what, at, text });
    match dice.below(22) {
        0 => edit("deleted", stretch(page, spot, dice), String::new()),
        1 => {
            let at = stretch(page, spot, dice);
            edit("repeated", at.end..at.end, page[at].to_owned())
        }
        2 => {
            let other = self::spot(page, dice);
            let source = stretch(page, other, dice);
            edit("copied from elsewhere", spot..spot, page[source].to_owned())
        }
        3 | 4 => edit("inserted", spot..spot, (*dice.pick(&PIECES)).to_owned()),
        5 => edit("tag lost", tag(page, spot)?, String::new()),
        6 => {
            let of = tag(page, spot)?;
            let end = boundary(page, of.start + dice.below(of.len()).max(1));
            edit("tag cut", end..of.end, String::new())
        }
        7 => {
            let source = tag(page, self::spot(page, dice))?;
            let at = tag(page, spot)?.end;
            edit("tag copied", at..at, page[source].to_owned())
        }
        8 => {
            let value = attribute_value(page, spot)?;
            edit("quotes lost", value.start - 1..value.end + 1, page[value].to_owned())
        }
        9 => {
            let value = attribute_value(page, spot)?;
            let coded: String = page[value.clone()].chars().map(|shown| coded(shown, dice)).collect();
            edit("coded", value, coded)
        }
        10 => {
            let (value, other) = (attribute_value(page, spot)?, attribute_value(page, self::spot(page, dice))?);
            edit("attribute's value of another", value, page[other].to_owned())
        }
        11 => {
            let of = tag(page, spot)?;
            let at = of.start + page[of.clone()].find([' ', '>'])?;
            edit("attribute added", at..at, (*dice.pick(&ATTRIBUTES)).to_owned())
        }
        12 => {
            let at = tag(page, spot)?.end;
            edit("element added", at..at, (*dice.pick(&ELEMENTS)).to_owned())
        }
        13 => {
            let number = number(page, spot)?;
            let other = self::number(page, self::spot(page, dice))?;
            edit("number of another", number, page[other].to_owned())
        }
        14 => {
            let number = number(page, spot)?;
            let at = number.start + dice.below(number.len());
            edit("digit", at..at + 1, dice.below(10).to_string())
        }
        15 => edit("member lost", member(page, spot)?, String::new()),
        16 => {
            let of = member(page, spot)?;
            edit("member repeated", of.end..of.end, page[of].to_owned())
        }
        17 => {
            let of = member(page, spot)?;
            let at = boundary(page, of.start + dice.below(of.len()));
            edit("member cut", at..of.end, String::new())
        }
        18 => {
            let (of, other) = (member(page, spot)?, member(page, self::spot(page, dice))?);
            edit("member of another", of, page[other].to_owned())
        }
        19 => {
            let of = tag(page, spot)?;
            let text = page[of.clone()].to_owned();
            let text = if dice.one_in(2) { text.to_ascii_uppercase() } else { text.replace('"', "'") };
            edit("other spelling", of, text)
        }
        20 if dice.one_in(4) => {
            let end = boundary(page, spot + dice.below(page.len() - spot));
            edit("page cut", end..page.len(), String::new())
        }
        20 => {
            let at = element(page, spot)?;
            edit("element lost", at, String::new())
        }
        _ => {
            let at = element(page, spot)?;
            let to = tag(page, self::spot(page, dice))?.end;
            edit("element copied", to..to, page[at].to_owned())
        }
    }
}

/// A page as a minifier leaves it: no white space between tags, no quotes where none are needed.
pub fn minified(page: &str, dice: &mut Dice) -> String {
    let mut lean = String::with_capacity(page.len());
    let mut rest = page;
    let quotes = dice.one_in(2);
    while let Some(open) = rest.find('<') {
        let text = &rest[..open];
        lean.push_str(if text.trim().is_empty() { "" } else { text });
        rest = &rest[open..];
        let raw = ["<script", "<style", "<!--"].iter().any(|begin| rest.starts_with(begin));
        let end = if raw { rest.find("</script>").or(rest.find("-->")) } else { rest.find('>').map(|end| end + 1) };
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        lean.push_str(&if raw { piece.to_owned() } else { lean_tag(piece, quotes) });
        rest = after;
        if end == Some(0) {
            break;
        }
    }
    lean.push_str(rest);
    lean
}

fn lean_tag(tag: &str, quotes: bool) -> String {
    let words: Vec<&str> = tag.split_ascii_whitespace().collect();
    let joined = words.join(" ").replace(" >", ">");
    if !quotes || joined.contains(['\'', '{']) {
        return joined;
    }
    let mut lean = String::new();
    let mut parts = joined.split("=\"");
    lean.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (value, rest) = part.split_once('"').unwrap_or((part, ""));
        let bare = !value.is_empty()
            && !value.contains([' ', '=', '<', '>', '`'])
            && !value.ends_with('/')
            && !rest.starts_with('/');
        lean.push_str(&if bare { format!("={value}{rest}") } else { format!("=\"{value}\"{rest}") });
    }
    lean
}

fn boundary(page: &str, mut at: usize) -> usize {
    at = at.min(page.len());
    while !page.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A place, mostly one where prices are near.
fn spot(page: &str, dice: &mut Dice) -> usize {
    let from = boundary(page, dice.below(page.len()));
    if dice.one_in(6) {
        return from;
    }
    let needle = *dice.pick(&NEEDLES);
    let found = page[from..].find(needle).map(|at| from + at).or_else(|| page.find(needle)).unwrap_or(from);
    let reach = 60;
    boundary(page, (found + dice.below(reach)).saturating_sub(reach / 3))
}

fn stretch(page: &str, spot: usize, dice: &mut Dice) -> Range<usize> {
    let most = *dice.pick(&[1, 3, 12, 80, 600]);
    spot..boundary(page, spot + 1 + dice.below(most)).max(spot)
}

/// The next tag.
fn tag(page: &str, spot: usize) -> Option<Range<usize>> {
    let start = spot + page[spot..].find('<')?;
    Some(start..start + page[start..].find('>')? + 1)
}

/// The next element, as far as its first end tag of the same name.
fn element(page: &str, spot: usize) -> Option<Range<usize>> {
    let open = tag(page, spot)?;
    let name: String = page[open.start + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let end = format!("</{name}>");
    let length = page[open.start..].find(&end)? + end.len();
    (!name.is_empty()).then_some(open.start..open.start + length)
}

/// The next attribute's value in double quotes.
fn attribute_value(page: &str, spot: usize) -> Option<Range<usize>> {
    let start = spot + page[spot..].find("=\"")? + 2;
    Some(start..start + page[start..].find('"')?)
}

/// The next number.
fn number(page: &str, spot: usize) -> Option<Range<usize>> {
    let start = spot + page[spot..].find(|shown: char| shown.is_ascii_digit())?;
    let rest = &page[start..];
    Some(start..start + rest.find(|shown: char| !(shown.is_ascii_digit() || shown == '.')).unwrap_or(rest.len()))
}

/// The next member of an object in JSON, with its comma.
fn member(page: &str, spot: usize) -> Option<Range<usize>> {
    let colon = spot + page[spot..].find("\":")?;
    let start = page[..colon].rfind('"')?;
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, byte) in page.bytes().enumerate().skip(colon + 2) {
        match byte {
            b'"' if page.as_bytes()[at - 1] != b'\\' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(start..if byte == b',' { at + 1 } else { at }),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A character as an entity, sometimes.
fn coded(shown: char, dice: &mut Dice) -> String {
    match dice.below(4) {
        _ if shown.is_ascii_alphanumeric() || shown == '&' || shown == ';' => shown.to_string(),
        0 => shown.to_string(),
        1 => format!("&#{};", u32::from(shown)),
        _ => format!("&#x{:X};", u32::from(shown)),
    }
}
