//! Texts and lists in one piece of memory each, found by their number.

use std::collections::HashMap;
use std::hash::Hash;

/// Texts, one after the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<u32>,
}

/// Lists, one after the other.
#[derive(Debug)]
pub(super) struct Lists<T> {
    all: Vec<T>,
    ends: Vec<u32>,
}

/// Texts that are kept once each, while they are collected.
#[derive(Debug, Default)]
pub(super) struct UniqueTexts {
    texts: Texts,
    known: HashMap<Box<str>, u32>,
}

/// Lists that are kept once each, while they are collected.
#[derive(Debug)]
pub(super) struct UniqueLists<T> {
    lists: Lists<T>,
    known: HashMap<Box<[T]>, u32>,
}

impl Texts {
    /// Adds one and says its number.
    pub(super) fn push(&mut self, text: &str) -> u32 {
        self.all.push_str(text);
        self.ends.push(number(self.all.len()));
        number(self.ends.len() - 1)
    }

    pub(super) fn get(&self, number: u32) -> &str {
        let (from, to) = range(&self.ends, number);
        &self.all[from..to]
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    pub(super) fn shrunk(mut self) -> Self {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { all: Vec::new(), ends: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    /// Adds one and says its number.
    pub(super) fn push(&mut self, list: &[T]) -> u32 {
        self.all.extend_from_slice(list);
        self.ends.push(number(self.all.len()));
        number(self.ends.len() - 1)
    }

    pub(super) fn get(&self, number: u32) -> &[T] {
        let (from, to) = range(&self.ends, number);
        &self.all[from..to]
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<T>() + self.ends.capacity() * size_of::<u32>()
    }

    pub(super) fn shrunk(mut self) -> Self {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }
}

impl<T> Default for UniqueLists<T> {
    fn default() -> Self {
        Self { lists: Lists::default(), known: HashMap::new() }
    }
}

impl UniqueTexts {
    /// The number of a text, which is added where it is new.
    pub(super) fn number_of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = self.texts.push(text);
        self.known.insert(text.into(), number);
        number
    }

    pub(super) fn bytes(&self) -> usize {
        self.texts.all.len()
    }

    pub(super) fn into_texts(self) -> Texts {
        self.texts.shrunk()
    }
}

impl<T: Copy + Eq + Hash> UniqueLists<T> {
    /// The number of a list, which is added where it is new.
    pub(super) fn number_of(&mut self, list: &[T]) -> u32 {
        if let Some(number) = self.known.get(list) {
            return *number;
        }
        let number = self.lists.push(list);
        self.known.insert(list.into(), number);
        number
    }

    pub(super) fn len(&self) -> usize {
        self.lists.all.len()
    }

    pub(super) fn into_lists(self) -> Lists<T> {
        self.lists.shrunk()
    }
}

fn range(ends: &[u32], number: u32) -> (usize, usize) {
    let number = number as usize;
    let from = number.checked_sub(1).map_or(0, |before| ends[before]);
    (from as usize, ends[number] as usize)
}

/// Four thousand million bytes or entries are more than any catalogue's; the builder stops long before.
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).expect("the builder takes no more than fits")
}
