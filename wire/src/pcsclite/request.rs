//! Requests: the header that names a command, and the command's structure.

use alloc::vec::Vec;

use super::structure::{
    Attribute, Begin, Cancel, Connect, Control, Disconnect, End, Establish, Open, Reconnect, Release, Status,
    Transmit, Turn, Version,
};
use crate::Malformed;

/// `rxHeader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the structure that follows. `size` does not count a buffer behind that structure.
    pub size: u32,
    /// The command.
    pub command: u32,
}

impl Header {
    /// Bytes of the header on the line.
    pub const LEN: usize = 8;

    /// Reads a header.
    pub const fn parse(bytes: [u8; Self::LEN]) -> Self {
        let [s0, s1, s2, s3, c0, c1, c2, c3] = bytes;
        Self { size: u32::from_ne_bytes([s0, s1, s2, s3]), command: u32::from_ne_bytes([c0, c1, c2, c3]) }
    }

    /// The header's bytes.
    pub const fn bytes(self) -> [u8; Self::LEN] {
        let ([s0, s1, s2, s3], [c0, c1, c2, c3]) = (self.size.to_ne_bytes(), self.command.to_ne_bytes());
        [s0, s1, s2, s3, c0, c1, c2, c3]
    }

    /// The length of the structure that follows, which the command determines.
    ///
    /// # Errors
    /// A command that nobody knows, or another length than its structure has.
    pub fn body(self) -> Result<usize, Malformed> {
        let length = Request::length(self.command)
            .ok_or(Malformed::new("pcsc-lite request", "a command that is not known"))?;
        if usize::try_from(self.size) == Ok(length) {
            return Ok(length);
        }
        Err(Malformed::new("pcsc-lite request", "its length does not fit its command"))
    }
}

macro_rules! requests {
    ($($(#[$about:meta])* $name:ident$(($structure:ident))? = $command:literal,)*) => {
        /// What a client asks (`pcsc_msg_commands`).
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Request { $($(#[$about])* $name$(($structure))?,)* }

        impl Request {
            /// The command's number.
            pub const fn command(&self) -> u32 {
                match self { $(requests!(@pattern $name $($structure)?) => $command,)* }
            }

            /// Bytes of a command's structure; `None` when the command is not known.
            fn length(command: u32) -> Option<usize> {
                match command { $($command => Some(requests!(@length $($structure)?)),)* _ => None }
            }

            /// Reads the structure of a command.
            ///
            /// # Errors
            /// A command that nobody knows, or a structure of another length.
            pub fn parse(command: u32, body: &[u8]) -> Result<Self, Malformed> {
                match command {
                    $($command => requests!(@parse $name body $($structure)?),)*
                    _ => Err(Malformed::new("pcsc-lite request", "a command that is not known")),
                }
            }

            fn body(&self, out: &mut Vec<u8>) {
                match self { $(requests!(@bind $name structure $($structure)?) => requests!(@encode structure out $($structure)?),)* }
            }
        }
    };
    (@length) => { 0 };
    (@length $structure:ident) => { $structure::LEN };
    (@pattern $name:ident) => { Self::$name };
    (@pattern $name:ident $structure:ident) => { Self::$name(_) };
    (@bind $name:ident $bind:ident) => { Self::$name };
    (@bind $name:ident $bind:ident $structure:ident) => { Self::$name($bind) };
    (@encode $bind:ident $out:ident) => { {} };
    (@encode $bind:ident $out:ident $structure:ident) => { $bind.encode($out) };
    (@parse $name:ident $body:ident) => {
        if $body.is_empty() { Ok(Self::$name) } else {
            Err(Malformed::new("pcsc-lite request", "a structure where none belongs"))
        }
    };
    (@parse $name:ident $body:ident $structure:ident) => { $structure::parse($body).map(Self::$name) };
}

requests! {
    /// SCardEstablishContext.
    Establish(Establish) = 0x01,
    /// SCardReleaseContext.
    Release(Release) = 0x02,
    /// SCardConnect.
    Connect(Connect) = 0x04,
    /// SCardReconnect.
    Reconnect(Reconnect) = 0x05,
    /// SCardDisconnect.
    Disconnect(Disconnect) = 0x06,
    /// SCardBeginTransaction.
    Begin(Begin) = 0x07,
    /// SCardEndTransaction.
    End(End) = 0x08,
    /// SCardTransmit.
    Transmit(Transmit) = 0x09,
    /// SCardControl.
    Control(Control) = 0x0A,
    /// SCardStatus.
    Status(Status) = 0x0B,
    /// SCardCancel, on a connection of its own.
    Cancel(Cancel) = 0x0D,
    /// SCardGetAttrib.
    GetAttribute(Attribute) = 0x0F,
    /// SCardSetAttrib.
    SetAttribute(Attribute) = 0x10,
    /// The versions of both sides: the first request.
    Version(Version) = 0x11,
    /// The states of 16 readers.
    ReadersState = 0x12,
    /// Asks to be told of the next change. Up to 4.5 the states come at once.
    Wait = 0x13,
    /// Ends the wait for a change.
    StopWaiting = 0x14,
    /// How often the list of readers changed; since 4.5.
    ReaderEvents = 0x15,
    /// How many slots [`Self::ReadersStateArray`] has, an `i32`; since 4.6.
    ReadersStateSize = 0x16,
    /// The states of that many readers; since 4.6.
    ReadersStateArray = 0x17,
    /// Ours ([`extension`](super::extension)): a handle, and what the client wants to know of the reader.
    Open(Open) = 0x5553_0001,
    /// Ours: a command with the beginning and the end of its transaction.
    Turn(Turn) = 0x5553_0002,
}

impl Request {
    /// Appends header and structure. The buffer of [`Self::Transmit`], [`Self::Turn`] or [`Self::Control`] is the caller's
    /// to append.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let command = self.command();
        let length = Self::length(command).unwrap_or_default();
        out.reserve(length.saturating_add(Header::LEN));
        out.extend_from_slice(&Header { size: u32::try_from(length).unwrap_or_default(), command }.bytes());
        self.body(out);
    }

    /// Bytes of the buffer that follows the structure, according to the client. Compare the number with
    /// [`MAX_BUFFER`](super::MAX_BUFFER) before making room for the buffer.
    pub fn trailer(&self) -> usize {
        let length = match self {
            Self::Transmit(transmit) => transmit.send_length,
            Self::Turn(turn) => turn.send_length,
            Self::Control(control) => control.send_length,
            _ => 0,
        };
        usize::try_from(length).unwrap_or(usize::MAX)
    }
}
