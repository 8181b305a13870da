//! About how many different things there were (HyperLogLog; Flajolet et al., 2007), of which none can be told from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The number of registers: the count is off by 3 percent, one time in three by more.
const REGISTERS: usize = 1 << BITS;
const BITS: u32 = 10;

/// A sketch of a set.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch(Box<[u8; REGISTERS]>);

impl Default for Sketch {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl std::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sketch({})", self.count())
    }
}

impl Sketch {
    /// Adds something by its number; whether that makes a difference.
    pub fn add(&mut self, number: u64) -> bool {
        let hash = mixed(number);
        let at = usize::try_from(hash >> (64 - BITS)).unwrap_or_default();
        let rest = (hash << BITS) | (1 << (BITS - 1));
        let rank = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
        let is_news = self.0[at] < rank;
        self.0[at] = self.0[at].max(rank);
        is_news
    }

    /// Adds all that another one has.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0.iter()) {
            *own = (*own).max(*other);
        }
    }

    /// About how many there are.
    pub fn count(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| 2_f64.powi(-i32::from(*rank))).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.0.iter().filter(|rank| **rank == 0).count();
        // Few are told better by how many registers are empty.
        let few = registers * (registers / empty.max(1) as f64).ln();
        let best = if estimate <= 2.5 * registers && empty > 0 { few } else { estimate };
        // It is a count of shoppers, far below what a float holds exactly.
        best.round() as u64
    }

    /// As text.
    pub fn to_text(&self) -> String {
        STANDARD_NO_PAD.encode(&self.0[..])
    }

    /// Of a text; `None` where it is of none.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        Some(Self(Box::new(bytes.try_into().ok()?)))
    }
}

/// Spreads numbers evenly (the finalizer of splitmix64; Steele et al., 2014). Of the same one in every process, as sketches are put together.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::default();
        numbers.for_each(|number| {
            sketch.add(number);
        });
        sketch
    }

    #[test]
    fn counts_few_exactly_and_many_about() {
        assert_eq!([0, 1, 5, 20].map(|count| of(0..count).count()), [0, 1, 5, 20]);
        for count in [100_u64, 1_000, 3_000, 50_000, 1_000_000] {
            let off = of(0..count).count().abs_diff(count) as f64 / count as f64;
            assert!(off < 0.1, "{count}: {off}");
        }
    }

    #[test]
    fn what_is_in_both_counts_once() {
        let (mut one, other) = (of(0..2_000), of(1_000..3_000));
        one.merge(&other);
        assert_eq!(one, of(0..3_000));
        assert!(!one.clone().add(17), "it is in it already");
        assert_eq!(Sketch::from_text(&one.to_text()), Some(one));
        assert_eq!(Sketch::from_text("AAAA"), None);
    }
}
