//! The price guard: compares what carts are charged with what was promised, and pauses offers that do not keep their promise.
//!
//! It only listens: answers of the shop pass as they are, and are judged after their last byte.

pub mod counts;
pub mod totals;

/// Why a cart could not be compared. Counted, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotComparable {
    /// The answer is in a content coding that Segue does not read.
    Coding,
    /// The answer is larger than carts are.
    TooLarge,
    /// It ended before it was whole.
    CutShort,
    /// It is in no form that Segue knows.
    Unreadable,
    /// It does not say all that is needed.
    Incomplete,
    /// It says two things that cannot both be.
    Contradiction,
}

impl NotComparable {
    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coding => "coding",
            Self::TooLarge => "too_large",
            Self::CutShort => "cut_short",
            Self::Unreadable => "unreadable",
            Self::Incomplete => "incomplete",
            Self::Contradiction => "contradiction",
        }
    }
}
