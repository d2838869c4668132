//! The structures, each read and written field by field in the order of `winscard_msg.h`.

use alloc::{string::String, vec::Vec};

use super::{MAX_ATR, MAX_ATTRIBUTE, MAX_READERS, NAME};
use crate::Malformed;

/// A field of a structure.
trait Field: Sized {
    const LEN: usize;
    /// Takes the field off the front of `bytes`.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! number {
    ($($kind:ty)*) => {$(
        impl Field for $kind {
            const LEN: usize = 4;
            fn take(bytes: &mut &[u8]) -> Option<Self> {
                let (first, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_ne_bytes(*first))
            }
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }
        }
    )*};
}
number!(u32 i32);

impl<const N: usize> Field for [u8; N] {
    const LEN: usize = N;
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(*first)
    }
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

macro_rules! structure {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$of])* pub $field: $kind,)* }

        impl $name {
            /// Bytes of the structure on the line.
            #[allow(clippy::arithmetic_side_effects)] // constants, added by the compiler
            pub const LEN: usize = 0 $(+ <$kind as Field>::LEN)*;

            /// Reads the structure.
            ///
            /// # Errors
            /// Another length than [`Self::LEN`].
            pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
                let short = || Malformed::new(concat!("pcsc-lite ", stringify!($name)), "cut short");
                let mut rest = bytes;
                let read = Self { $($field: Field::take(&mut rest).ok_or_else(short)?,)* };
                if !rest.is_empty() {
                    return Err(Malformed::new(concat!("pcsc-lite ", stringify!($name)), "too long"));
                }
                Ok(read)
            }

            /// Appends the structure's bytes.
            pub fn encode(&self, out: &mut Vec<u8>) {
                out.reserve(Self::LEN);
                $(self.$field.put(out);)*
            }
        }
    };
}

structure! {
    /// `version_struct`: the client's version out, the server's back.
    Version {
        /// [`MAJOR`](super::MAJOR).
        major: i32,
        /// One of [`MINORS`](super::MINORS).
        minor: i32,
        /// The outcome, one of [`rv`](super::rv).
        rv: u32,
    }
}

structure! {
    /// `establish_struct`.
    Establish {
        /// One of [`scope`](super::scope).
        scope: u32,
        /// The context, in the answer.
        context: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `release_struct`.
    Release {
        /// The context.
        context: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `connect_struct`.
    Connect {
        /// The context.
        context: u32,
        /// The reader's name, ended by a zero.
        reader: [u8; NAME],
        /// One of [`share`](super::share).
        share: u32,
        /// Bits of [`protocol`](super::protocol) that the client takes.
        preferred: u32,
        /// The handle, in the answer.
        card: i32,
        /// The protocol in use, in the answer.
        active: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// Ours ([`extension`](super::extension)): a handle on a reader, shared with others, by whatever protocol the card has, and
    /// what a client wants to know before its first command. No context is wanted.
    Open {
        /// The reader's name, ended by a zero.
        reader: [u8; NAME],
        /// The handle, in the answer.
        card: i32,
        /// The protocol in use, in the answer.
        active: u32,
        /// 1 when extended APDUs pass, else 0; in the answer.
        extended: u32,
        /// The card's ATR, at the front; in the answer.
        atr: [u8; MAX_ATR],
        /// Bytes that keep the numbers at multiples of 4.
        padding: [u8; 3],
        /// Bytes of the ATR, in the answer.
        atr_length: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `reconnect_struct`.
    Reconnect {
        /// The handle.
        card: i32,
        /// One of [`share`](super::share).
        share: u32,
        /// Bits of [`protocol`](super::protocol) that the client takes.
        preferred: u32,
        /// What to do with the card first: one of [`disposition`](super::disposition).
        initialization: u32,
        /// The protocol in use, in the answer.
        active: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `disconnect_struct`.
    Disconnect {
        /// The handle.
        card: i32,
        /// One of [`disposition`](super::disposition).
        disposition: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `begin_struct`.
    Begin {
        /// The handle.
        card: i32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `end_struct`.
    End {
        /// The handle.
        card: i32,
        /// One of [`disposition`](super::disposition).
        disposition: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `cancel_struct`.
    Cancel {
        /// The context whose wait is to end.
        context: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `status_struct`. Clients use the outcome only, since the readers' states say the rest.
    Status {
        /// The handle.
        card: i32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `transmit_struct`. The command APDU follows it. In the answer the response APDU follows it, if the outcome is
    /// success.
    Transmit {
        /// The handle.
        card: i32,
        /// dwProtocol of SCARD_IO_REQUEST: one of [`protocol`](super::protocol).
        send_protocol: u32,
        /// cbPciLength: the size of the caller's SCARD_IO_REQUEST.
        send_pci: u32,
        /// Bytes of the command APDU.
        send_length: u32,
        /// The protocol of the answer.
        receive_protocol: u32,
        /// cbPciLength of the answer.
        receive_pci: u32,
        /// Room for the response APDU; in the answer its length.
        receive_length: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// Ours ([`extension`](super::extension)): a command with the beginning and the end of its transaction. The command APDU
    /// follows it; an empty one is not sent to the card. In the answer the response APDU follows it, if the outcome is
    /// success.
    Turn {
        /// The handle.
        card: i32,
        /// Bits of [`extension::turn`](super::extension::turn).
        bits: u32,
        /// Bytes of the command APDU.
        send_length: u32,
        /// Room for the response APDU; in the answer its length.
        receive_length: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `control_struct`. A buffer follows it. In the answer the response follows it, if the outcome is success.
    Control {
        /// The handle.
        card: i32,
        /// dwControlCode.
        code: u32,
        /// Bytes of the buffer sent.
        send_length: u32,
        /// Room for the answer.
        receive_length: u32,
        /// Bytes of the answer's buffer.
        returned: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `getset_struct`.
    Attribute {
        /// The handle.
        card: i32,
        /// One of [`attribute`](super::attribute).
        id: u32,
        /// The value, at the front.
        value: [u8; MAX_ATTRIBUTE],
        /// Bytes of the value. In a question they say how much room there is for the value.
        length: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `wait_reader_state_change`: the answer says that something changed, that the wait was cancelled, or that the
    /// wait ended.
    Wait {
        /// Not used.
        timeout: u32,
        /// Success when something changed, CANCELLED after SCardCancel.
        rv: u32,
    }
}

structure! {
    /// `get_reader_events`, since 4.5.
    ReaderEvents {
        /// How often the list of readers changed, 1 to 32,767.
        events: u32,
        /// The outcome.
        rv: u32,
    }
}

structure! {
    /// `READER_STATE`: what a client is told of each reader.
    ReaderState {
        /// The reader's name, ended by a zero; empty in a free slot.
        name: [u8; NAME],
        /// How often a card came or went, 0 to 65,535.
        events: u32,
        /// Bits of [`state`](super::state).
        state: u32,
        /// One of [`sharing`](super::sharing), or how many handles share it.
        sharing: i32,
        /// The card's ATR, at the front.
        atr: [u8; MAX_ATR],
        /// Bytes that a C compiler leaves free.
        padding: [u8; 3],
        /// Bytes of the ATR.
        atr_length: u32,
        /// The protocol in use, one of [`protocol`](super::protocol).
        protocol: u32,
    }
}

impl ReaderState {
    /// A slot without a reader.
    pub const FREE: Self = Self {
        name: [0; NAME],
        events: 0,
        state: 0,
        sharing: 0,
        atr: [0; MAX_ATR],
        padding: [0; 3],
        atr_length: 0,
        protocol: 0,
    };

    /// The reader's name; `None` for a free slot. Bytes that are no UTF-8 are replaced.
    pub fn reader(&self) -> Option<String> {
        let text = text(&self.name);
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// The ATR.
    pub fn atr(&self) -> &[u8] {
        front(&self.atr, self.atr_length)
    }
}

impl Connect {
    /// The reader's name without its zero.
    pub fn reader(&self) -> &[u8] {
        text(&self.reader)
    }
}

impl Open {
    /// A wish for a handle on this reader.
    pub fn wish(reader: [u8; NAME]) -> Self {
        Self {
            reader,
            card: 0,
            active: 0,
            extended: 0,
            atr: [0; MAX_ATR],
            padding: [0; 3],
            atr_length: 0,
            rv: 0,
        }
    }

    /// The reader's name without its zero.
    pub fn reader(&self) -> &[u8] {
        text(&self.reader)
    }

    /// The ATR.
    pub fn atr(&self) -> &[u8] {
        front(&self.atr, self.atr_length)
    }
}

impl Attribute {
    /// The value; `None` where the length exceeds the field.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.get(..usize::try_from(self.length).ok()?)
    }
}

/// As many bytes of an ATR as its length says.
fn front(atr: &[u8; MAX_ATR], length: u32) -> &[u8] {
    let length = usize::try_from(length).unwrap_or(MAX_ATR).min(MAX_ATR);
    atr.get(..length).unwrap_or_default()
}

/// What stands before the first zero.
fn text(name: &[u8; NAME]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A name as the structures hold it. A longer name is cut off at a character, so that the final zero fits.
pub fn reader_name(name: &str) -> [u8; NAME] {
    let mut end = name.len().min(NAME.saturating_sub(1));
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let mut field = [0; NAME];
    for (to, from) in field.iter_mut().zip(name.bytes().take(end)) {
        *to = from;
    }
    field
}

/// Reads the answer to GET_READERS_STATE (16 slots) or GET_READERS_STATE_ARRAY (as many as the size said).
///
/// # Errors
/// Bytes that are no whole number of slots.
pub fn reader_states(bytes: &[u8]) -> Result<Vec<ReaderState>, Malformed> {
    if !bytes.len().is_multiple_of(ReaderState::LEN) {
        return Err(Malformed::new("pcsc-lite reader states", "cut short"));
    }
    let mut states = Vec::with_capacity(MAX_READERS);
    for slot in bytes.chunks_exact(ReaderState::LEN) {
        states.push(ReaderState::parse(slot)?);
    }
    Ok(states)
}
