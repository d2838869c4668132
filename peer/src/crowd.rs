//! The connections of a server: so many at a time, and which of them ends when more come.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::task::{AbortHandle, JoinSet};

/// So many connections that were ended may still hold memory, until their tasks are gone.
const LEAVING: usize = 16;

/// The connections, oldest first.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    tasks: JoinSet<()>,
    order: VecDeque<Connection>,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    asking: Asking,
}

impl Crowd {
    /// A crowd of at most so many connections.
    pub fn of(most: usize) -> Self {
        Self { most, tasks: JoinSet::new(), order: VecDeque::new() }
    }

    /// Whether one more connection may be accepted. While connections that were ended are still there, it waits for [`Self::left`].
    pub fn has_room(&self) -> bool {
        self.tasks.len() < self.most + LEAVING
    }

    /// Serves one more connection. When there are too many, a connection without a request ends, so that a program which opens
    /// connections and asks nothing keeps nobody out. Must be called inside a runtime.
    pub fn take<F>(&mut self, serve: impl FnOnce(Asking) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.order.len() >= self.most {
            self.order.retain(|connection| !connection.task.is_finished());
        }
        if self.order.len() >= self.most {
            self.end_one();
            tracing::warn!("{} connections are open: the oldest that asks nothing was closed", self.most);
        }
        let asking = Asking::default();
        let task = self.tasks.spawn(serve(asking.clone()));
        self.order.push_back(Connection { task, asking });
    }

    /// Ends the oldest connection without a request; where each has a request, the oldest connection.
    pub fn end_one(&mut self) {
        let idle = self.order.iter().position(|connection| connection.asking.0.load(Ordering::Relaxed) == 0);
        if let Some(connection) = self.order.remove(idle.unwrap_or(0)) {
            connection.task.abort();
        }
    }

    /// Waits until a connection has left; [`None`] when there is none.
    pub async fn left(&mut self) -> Option<()> {
        self.tasks.join_next().await.map(drop)
    }
}

/// How many requests of one connection are being answered.
#[derive(Clone, Debug, Default)]
pub struct Asking(Arc<AtomicUsize>);

impl Asking {
    /// Counts one more request, until the value is dropped.
    #[must_use]
    pub fn begin(&self) -> Asked {
        self.0.fetch_add(1, Ordering::Relaxed);
        Asked(self.clone())
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Asked(Asking);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn the_oldest_that_asks_nothing_ends() {
        let mut crowd = Crowd::of(2);
        let mut asks = Vec::new();
        let serve = |asking: Asking, asks: &mut Vec<Asking>| {
            asks.push(asking);
            pending()
        };
        crowd.take(|asking| serve(asking, &mut asks));
        crowd.take(|asking| serve(asking, &mut asks));
        let asked = asks[0].begin();
        crowd.take(|asking| serve(asking, &mut asks));
        crowd.left().await.expect("the second has left");
        let there: Vec<_> = crowd.order.iter().map(|connection| Arc::as_ptr(&connection.asking.0)).collect();
        assert_eq!(there, [Arc::as_ptr(&asks[0].0), Arc::as_ptr(&asks[2].0)]);
        drop(asked);
        crowd.take(|asking| serve(asking, &mut asks));
        crowd.left().await.expect("the first has left");
        assert!(crowd.has_room() && crowd.order.len() == 2);
    }
}
