//! A connection whose other end must go on reading.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A connection that fails where its other end takes nothing for some time. Otherwise a client that asks for much and reads nothing
/// holds what it was to be sent, and its place, for as long as it likes.
#[derive(Debug)]
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// When patience ends; [`None`] while the other end takes what it is sent.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// Waits for so long.
    pub const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, end: None }
    }

    /// What a write came to. A write that waits begins or goes on with the time of patience; any other ends it.
    fn judge<T>(
        end: &mut Option<Pin<Box<Sleep>>>,
        patience: Duration,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            *end = None;
            return written;
        }
        let over = end.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, patience, end } = &mut *self;
        let written = Pin::new(stream).poll_write(cx, data);
        Self::judge(end, *patience, cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, patience, end } = &mut *self;
        let written = Pin::new(stream).poll_write_vectored(cx, data);
        Self::judge(end, *patience, cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, patience, end } = &mut *self;
        let written = Pin::new(stream).poll_flush(cx);
        Self::judge(end, *patience, cx, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, patience, end } = &mut *self;
        let written = Pin::new(stream).poll_shutdown(cx);
        Self::judge(end, *patience, cx, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn who_reads_nothing_is_given_up_and_who_reads_slowly_is_not() {
        let (near, mut far) = duplex(4);
        let mut patient = Patient::new(near, Duration::from_secs(3600));
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.map(|_| read)
        });
        patient.write_all(b"more than the line holds").await.unwrap();
        drop(patient);
        assert_eq!(reading.await.unwrap().unwrap(), b"more than the line holds");
        let (near, _far) = duplex(4);
        let mut patient = Patient::new(near, Duration::from_millis(20));
        let failed = patient.write_all(b"more than the line holds").await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }
}
