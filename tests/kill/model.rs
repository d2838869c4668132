//! What the token may hold. After an answer it is one thing; after a kill it may be one of several, until looked at.

use std::collections::BTreeMap;

/// Tries of a full counter.
pub const FULL: u8 = 6;
/// The two PINs that the client changes between. Neither is trivial.
pub const PINS: [&[u8]; 2] = [crate::server::FIRST_PIN, b"246813"];

/// The values that something may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum May<T> {
    /// One of these. The first is the value from before.
    Be(Vec<T>),
    /// This value, or a new one that was on its way.
    New(T),
}

impl<T: Clone + PartialEq> May<T> {
    pub fn is(value: T) -> Self {
        Self::Be(vec![value])
    }

    /// Whether this was possible.
    pub fn admits(&self, value: &T) -> bool {
        match self {
            Self::Be(all) => all.contains(value),
            Self::New(_) => true,
        }
    }

    /// The value, or the one from before.
    pub fn former(&self) -> &T {
        match self {
            Self::Be(all) => &all[0],
            Self::New(former) => former,
        }
    }

    /// Another possibility.
    pub fn or(&mut self, value: T) {
        match self {
            Self::Be(all) => all.push(value),
            Self::New(_) => {}
        }
    }

    /// Something new may be there.
    pub fn or_new(&mut self) {
        *self = Self::New(self.former().clone());
    }
}

/// Both certificates of a personal ID, DER.
pub type PersonalId = Option<[Vec<u8>; 2]>;

/// The token, as far as it is known.
pub struct Model {
    /// Which of [`PINS`].
    pub pin: May<usize>,
    /// Tries left of PIN and PUK.
    pub tries: [May<u8>; 2],
    /// A data object.
    pub object: May<Option<Vec<u8>>>,
    /// 9C's public key.
    pub signature_key: May<Option<Vec<u8>>>,
    /// The pending payment key.
    pub pending: May<Option<Vec<u8>>>,
    /// What is installed.
    pub personal_id: May<PersonalId>,
    /// For each operation, the kills inside it and the answers to it.
    counts: BTreeMap<&'static str, [u32; 2]>,
}

impl Model {
    /// A token that was made just now.
    pub fn new() -> Self {
        Self {
            pin: May::is(0),
            tries: [May::is(FULL), May::is(FULL)],
            object: May::is(None),
            signature_key: May::is(None),
            pending: May::is(None),
            personal_id: May::is(None),
            counts: BTreeMap::new(),
        }
    }

    /// A PIN operation was under way. Its try may be paid, and where the PIN was right, all tries may be back.
    pub fn paying(&mut self, which: usize, right: bool) {
        let left = *self.tries[which].former();
        self.tries[which].or(left - 1);
        if right {
            self.tries[which].or(FULL);
        }
    }

    pub fn count(&mut self, name: &'static str, answered: bool) {
        self.counts.entry(name).or_default()[usize::from(answered)] += 1;
    }

    /// By operation: kills inside, and answers.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, [u32; 2])> {
        self.counts.iter().map(|(name, counts)| (*name, *counts))
    }
}
