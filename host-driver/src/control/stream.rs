//! What happens to the tokens as lines of JSON, for one listener.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::{
    Semaphore, SemaphorePermit,
    broadcast::{Receiver, error::RecvError},
    mpsc, watch,
};

use super::{
    rack::Rack,
    view::{EndReason, Happening, What},
};
use crate::journal::Entry;

/// So many may listen at a time: each has a connection of its own, and is told everything.
pub(crate) const LISTENERS: usize = 32;

/// The lines, as the body of an answer. The body ends with a line that says why.
pub(crate) struct Lines(mpsc::Receiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// What a listener is told first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// All tokens as they are.
    Now,
    /// What the journal remembers, and then all tokens as they are.
    Before,
}

/// Begins to tell a listener: what the journal remembers, if that is wanted, then all tokens as they are, and then what happens. `None` where too many listen already. Must be
/// called inside a runtime.
pub(crate) fn follow(rack: &Arc<Rack>, from: From) -> Option<Lines> {
    static LISTENING: Semaphore = Semaphore::const_new(LISTENERS);
    let place = LISTENING.try_acquire().ok()?;
    // The listener is there before the look, so that nothing falls between the two.
    let (past, news) = rack.listen();
    let mut first = Vec::new();
    if from == From::Before {
        past.into_iter().map(Happening::from).for_each(|before| before.write(&mut first));
    }
    Happening::now(What::Tokens { tokens: rack.tokens() }).write(&mut first);
    let (lines, body) = mpsc::channel(1);
    tokio::spawn(Feed { news, lines, stopping: rack.stopping(), _place: place }.run(first));
    Some(Lines(body))
}

/// What tells one listener.
struct Feed {
    news: Receiver<Entry>,
    lines: mpsc::Sender<Bytes>,
    stopping: watch::Receiver<bool>,
    _place: SemaphorePermit<'static>,
}

impl Feed {
    async fn run(mut self, mut text: Vec<u8>) {
        let mut is_last = false;
        while self.tell(text).await && !is_last {
            let next: Happening = tokio::select! {
                biased;
                // The listener has hung up.
                () = self.lines.closed() => return,
                news = self.news.recv() => match news {
                    Ok(entry) => entry.into(),
                    // The listener reads too slowly: what it would read from here on had holes.
                    Err(RecvError::Lagged(missed)) => end(EndReason::Slow, missed),
                    Err(RecvError::Closed) => end(EndReason::Stopped, 0),
                },
                _ = self.stopping.wait_for(|stopping| *stopping) => end(EndReason::Stopped, 0),
            };
            is_last = matches!(next.what, What::End { .. });
            text = Vec::new();
            next.write(&mut text);
        }
    }

    /// Waits until the listener has room for these lines. False when there will be none: the listener has gone, or the server ends.
    async fn tell(&mut self, lines: Vec<u8>) -> bool {
        tokio::select! {
            biased;
            sent = self.lines.send(lines.into()) => sent.is_ok(),
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}

fn end(reason: EndReason, missed: u64) -> Happening {
    Happening::now(What::End { reason, missed })
}
