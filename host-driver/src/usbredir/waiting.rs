//! The guests that wait for a device. A guest may wait as long as it likes: QEMU connects when the machine starts, and the token
//! may be plugged in tomorrow. Therefore the number of guests that wait has a limit.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use lock::lock;
use tokio::sync::Notify;

/// So many guests may wait at one socket.
const MOST: usize = 64;

/// The guests that wait at one socket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Guests(Mutex<VecDeque<Arc<Notify>>>);

/// A guest's place among those that wait, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    guests: &'a Guests,
    leave: Arc<Notify>,
}

impl Guests {
    /// Lets one more guest wait. When there are too many, the guest that waited longest has to leave, so that guests which do
    /// nothing never keep a new one out.
    pub(super) fn enter(&self) -> Waiting<'_> {
        let leave = Arc::new(Notify::new());
        let mut all = lock(&self.0);
        all.push_back(Arc::clone(&leave));
        if all.len() > MOST
            && let Some(oldest) = all.pop_front()
        {
            oldest.notify_one();
        }
        Waiting { guests: self, leave }
    }
}

impl Waiting<'_> {
    /// Returns when this guest has to leave.
    pub(super) async fn over(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.guests.0).retain(|waiting| !Arc::ptr_eq(waiting, &self.leave));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::Future,
        task::{Context, Waker},
    };

    #[tokio::test]
    async fn the_one_that_waited_longest_makes_room() {
        let guests = Guests::default();
        let mut waiting: VecDeque<_> = (0..MOST).map(|_| guests.enter()).collect();
        drop(waiting.remove(3));
        let _last = [guests.enter(), guests.enter()];
        waiting[0].over().await;
        let mut stays = std::pin::pin!(waiting[1].over());
        assert!(stays.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(lock(&guests.0).len(), MOST);
    }
}
