//! The other nodes, and the time that they go by. A node that has just started knows nothing of the bank's time but what the database's clock
//! shows at this moment, which may be wrong for a moment: those that serve know better (`docs/decisions/0070-a-node-joins-the-time.md`).

use std::{collections::BTreeMap, time::Duration};

use crate::clock::{Moment, SECOND};

/// A node says each ten seconds that it serves: a row that is not older than this is of a node that goes by the same time.
const NEAR: Moment = 20 * SECOND;
/// So long is looked whether a node with another time serves.
pub(crate) const LOOK: Duration = Duration::from_secs(15);
pub(crate) const GLANCE: Duration = Duration::from_millis(250);

/// Whether a node that has said so at this moment goes by a clock that shows `now`.
pub(crate) fn is_near(seen: Moment, now: Moment) -> bool {
    seen.saturating_sub(now).saturating_abs() <= NEAR
}

/// Each node, and when it has said last that it serves, by its own clock.
#[derive(Debug, Default)]
pub(crate) struct Neighbours(BTreeMap<String, Moment>);

impl Neighbours {
    /// The moments that nodes have shown since the last look. The row of a node that was killed stays as it is, and says nothing.
    pub(crate) fn renewed(&mut self, rows: Vec<(String, Moment)>) -> Vec<Moment> {
        let rows: BTreeMap<_, _> = rows.into_iter().collect();
        let has_changed = |(id, seen): (&String, &Moment)| {
            self.0.get(id).is_some_and(|before| before != seen).then_some(*seen)
        };
        let renewed = rows.iter().filter_map(has_changed).collect();
        self.0 = rows;
        renewed
    }
}

#[cfg(test)]
mod tests {
    use super::{Neighbours, is_near};
    use crate::clock::{DAY, Moment, SECOND};

    #[test]
    fn only_a_node_that_lives_says_something() {
        let rows =
            |rows: &[(&str, Moment)]| rows.iter().map(|(id, seen)| ((*id).to_owned(), *seen)).collect();
        let mut known = Neighbours::default();
        let none: [Moment; 0] = [];
        assert_eq!(known.renewed(rows(&[("a", 1), ("dead", 2)])), none, "nothing is known yet");
        assert_eq!(known.renewed(rows(&[("a", 1), ("dead", 2)])), none);
        assert_eq!(known.renewed(rows(&[("a", 11), ("dead", 2), ("new", 5)])), [11]);
        assert_eq!(known.renewed(rows(&[("a", 21), ("new", 15)])), [21, 15]);
        assert_eq!(known.renewed(rows(&[])), none);
        assert!(is_near(5 * DAY, 5 * DAY + 20 * SECOND) && is_near(5 * DAY + SECOND, 5 * DAY));
        assert!(!is_near(5 * DAY, 6 * DAY) && !is_near(Moment::MAX, Moment::MIN));
    }
}
