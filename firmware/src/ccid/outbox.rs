//! Bulk IN: the messages that wait for the host, each read in one piece or in several.

use alloc::{collections::VecDeque, vec::Vec};

/// Most messages that wait. A host that sends commands and never reads is stalled then.
const MOST: usize = 8;

/// The messages that wait. An empty outbox holds no memory.
#[derive(Default)]
pub(super) struct Outbox {
    messages: VecDeque<Vec<u8>>,
    /// Bytes of the first one that were read already.
    read: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MOST
    }

    pub(super) fn push(&mut self, message: Vec<u8>) {
        self.messages.push_back(message);
    }

    /// Bytes that are left of the next message; `None` when there is none.
    pub(super) fn left(&self) -> Option<usize> {
        self.messages.front().map(|first| first.len().saturating_sub(self.read))
    }

    /// At most `max` bytes of the next message; `None` when there is none.
    pub(super) fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        let first = self.messages.front()?;
        let left = first.len().saturating_sub(self.read);
        if left <= max {
            let mut message = self.messages.pop_front()?;
            if self.messages.is_empty() {
                self.messages = VecDeque::new();
            }
            message.drain(..core::mem::take(&mut self.read).min(message.len()));
            return Some(message);
        }
        let end = self.read.saturating_add(max);
        let piece = first.get(self.read..end).unwrap_or_default().to_vec();
        self.read = end;
        Some(piece)
    }

    /// Drops a message that was read in part: the host lost its place in it.
    pub(super) fn drop_partial(&mut self) {
        if core::mem::take(&mut self.read) > 0 {
            drop(self.messages.pop_front());
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.messages.iter().map(Vec::capacity).sum()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_pieces() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.read(64), None);
        outbox.push(std::vec![1; 100]);
        outbox.push(std::vec![2; 3]);
        assert_eq!(outbox.left(), Some(100));
        assert_eq!(outbox.read(64), Some(std::vec![1; 64]));
        assert_eq!(outbox.left(), Some(36));
        assert_eq!(outbox.read(64), Some(std::vec![1; 36]));
        assert_eq!(outbox.left(), Some(3));
        assert_eq!(outbox.read(3), Some(std::vec![2; 3]));
        assert!(outbox.is_empty());
        assert_eq!(outbox.messages.capacity(), 0);
    }

    #[test]
    fn a_partial_message_is_dropped_and_the_next_stays() {
        let mut outbox = Outbox::default();
        outbox.push(std::vec![1; 100]);
        outbox.push(std::vec![2; 3]);
        outbox.read(64).unwrap();
        outbox.drop_partial();
        outbox.drop_partial();
        assert_eq!(outbox.read(64), Some(std::vec![2; 3]));
    }
}
