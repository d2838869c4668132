//! Messages to and from a browser: JSON, each with a zero byte behind it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{ChildStdin, ChildStdout},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Instant,
};

use serde_json::Value;

/// The most bytes of a message: a picture of a window is some hundred thousand.
const LONGEST: u64 = 32 << 20;
/// How many messages may wait. Then the browser waits.
const MOST: usize = 64;

/// Both ends of the line to a browser. A thread reads, so that a browser that says nothing makes nobody wait for ever.
pub(super) struct Pipe {
    to: ChildStdin,
    from: Receiver<Value>,
}

impl Pipe {
    /// The thread ends with the browser.
    pub(super) fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let (told, heard) = sync_channel(MOST);
        thread::spawn(move || read(BufReader::new(from), &told));
        Self { to, from: heard }
    }

    pub(super) fn send(&mut self, message: &Value) -> Result<(), String> {
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).map_err(|fault| format!("the browser has gone: {fault}"))
    }

    /// The next message.
    pub(super) fn receive(&self, end: Instant) -> Result<Value, String> {
        self.from.recv_timeout(end.saturating_duration_since(Instant::now())).map_err(|fault| {
            match fault {
                RecvTimeoutError::Timeout => "the browser does not answer",
                RecvTimeoutError::Disconnected => "the browser has gone",
            }
            .to_owned()
        })
    }
}

/// Reads messages until the browser has ended, or says what is no message.
fn read(mut from: impl BufRead, told: &SyncSender<Value>) {
    loop {
        let mut bytes = Vec::new();
        let read = from.by_ref().take(LONGEST).read_until(0, &mut bytes);
        let Ok(message) = read.map_err(drop).and_then(|_| match bytes.strip_suffix(&[0]) {
            Some(message) => serde_json::from_slice(message).map_err(drop),
            None => Err(()),
        }) else {
            return;
        };
        if told.send(message).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> Vec<Value> {
        let (told, heard) = sync_channel(MOST);
        read(bytes, &told);
        drop(told);
        heard.iter().collect()
    }

    #[test]
    fn messages_end_with_a_zero_byte() {
        assert_eq!(
            heard(b"{\"id\":1}\0{\"id\":2}\0"),
            [serde_json::json!({"id": 1}), serde_json::json!({"id": 2})]
        );
    }

    #[test]
    fn what_is_no_message_ends_the_line() {
        for (bytes, whole) in
            [(&b""[..], 0), (b"{\"id\":1}", 0), (b"{}\0nonsense\0{}\0", 1), (b"{}\0\xff\0", 1)]
        {
            assert_eq!(heard(bytes).len(), whole, "{bytes:?}");
        }
    }
}
