//! One client: reads its requests and answers each.

mod turn;
mod attribute;
mod inbox;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use card::feature;
use wire::pcsclite::{
    Attribute, Connect, Control, Establish, Header, MAJOR, MAX_BUFFER, MAX_READERS, MINORS, ReaderEvents,
    Request, Transmit, Version, Wait, extension, protocol, rv, scope,
};
use zeroize::{Zeroize, Zeroizing};

use inbox::Inbox;

use crate::{
    hub::{self, Hub, Outcome, Running},
    watch::Watch,
};

/// How long a client may leave an answer unread.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handles of one client.
const MAX_HANDLES: usize = 200;

/// Why a client is served no more.
pub(crate) enum End {
    /// The client hung up, or does not read its answers.
    Line,
    /// The client does not speak the protocol.
    Nonsense,
}

/// One client's connection.
pub(crate) struct Client<'a> {
    hub: &'a Hub,
    watch: &'a Watch,
    number: hub::ClientNumber,
    stream: Arc<UnixStream>,
    inbox: Inbox,
    /// The minor version that the client speaks.
    minor: i32,
    /// The client is one of ours, and said so.
    extended: bool,
    /// The client's context; 0 for none.
    context: u32,
    cards: Vec<i32>,
    /// The buffer behind a structure: a command, which may hold a PIN.
    buffer: Zeroizing<Vec<u8>>,
    /// The answer in the making, which may be secret, too.
    outbox: Zeroizing<Vec<u8>>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        hub: &'a Hub,
        watch: &'a Watch,
        number: hub::ClientNumber,
        stream: Arc<UnixStream>,
    ) -> std::io::Result<Self> {
        stream.set_write_timeout(Some(PATIENCE))?;
        let inbox = Inbox::new(Arc::clone(&stream));
        Ok(Self {
            hub,
            watch,
            number,
            stream,
            inbox,
            minor: MINORS[0],
            extended: false,
            context: 0,
            cards: Vec::new(),
            buffer: Zeroizing::default(),
            outbox: Zeroizing::default(),
        })
    }

    /// Serves the client until it hangs up or talks nonsense. Then what the client left open is put right.
    pub(crate) fn serve(mut self) -> End {
        let end = loop {
            if let Err(end) = self.turn() {
                break end;
            }
        };
        self.hub.forget(self.number);
        self.release();
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        end
    }

    /// One request and its answer.
    fn turn(&mut self) -> Result<(), End> {
        let mut header = [0; Header::LEN];
        self.read(&mut header)?;
        let header = Header::parse(header);
        let length = header.body().map_err(|_| End::Nonsense)?;
        let mut body = [0; Attribute::LEN]; // the longest structure
        let body = body.get_mut(..length).ok_or(End::Nonsense)?;
        self.read(body)?;
        let request = Request::parse(header.command, body).map_err(|_| End::Nonsense)?;
        self.read_buffer(request.trailer())?;
        self.outbox.clear();
        let waits = self.answer(request)?;
        self.buffer.as_mut_slice().zeroize();
        let sent = (&*self.stream).write_all(&self.outbox);
        self.outbox.as_mut_slice().zeroize();
        sent.map_err(|_| End::Line)?;
        if waits {
            self.hub.arm(self.number);
        }
        Ok(())
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), End> {
        self.inbox.take(into).map_err(|_| End::Line)
    }

    fn read_buffer(&mut self, length: usize) -> Result<(), End> {
        if length > MAX_BUFFER {
            return Err(End::Nonsense);
        }
        if self.buffer.capacity() < length {
            // A new buffer is made, so that the old one is wiped and not merely freed.
            self.buffer = Zeroizing::new(Vec::with_capacity(length));
        }
        self.buffer.resize(length, 0);
        self.inbox.take(&mut self.buffer).map_err(|_| End::Line)
    }

    /// Puts the answer into the outbox. True when the client now has the states and waits for news.
    fn answer(&mut self, request: Request) -> Result<bool, End> {
        match request {
            Request::Version(asked) => self.version(asked),
            Request::Establish(mut asked) => {
                asked.rv = rv::SUCCESS;
                match self.establish(&asked) {
                    Ok(context) => asked.context = context,
                    Err(outcome) => asked.rv = outcome,
                }
                asked.encode(&mut self.outbox);
            }
            Request::Release(mut asked) => {
                asked.rv = self.check_context(asked.context).err().unwrap_or(rv::SUCCESS);
                if asked.rv == rv::SUCCESS {
                    self.release();
                }
                asked.encode(&mut self.outbox);
            }
            Request::Connect(asked) => self.connect(asked),
            Request::Reconnect(mut asked) => {
                let done = self.own(asked.card).and_then(|card| {
                    self.hub.reconnect(card, asked.share, asked.preferred, asked.initialization)
                });
                (asked.active, asked.rv) = split(done);
                asked.encode(&mut self.outbox);
            }
            Request::Disconnect(mut asked) => {
                let done = self.own(asked.card).and_then(|card| self.hub.disconnect(card, asked.disposition));
                if done.is_ok() {
                    self.cards.retain(|card| *card != asked.card);
                }
                asked.rv = split(done).1;
                asked.encode(&mut self.outbox);
            }
            Request::Begin(mut asked) => {
                asked.rv = split(self.own(asked.card).and_then(|card| self.begin(card))).1;
                asked.encode(&mut self.outbox);
            }
            Request::End(mut asked) => {
                let done = self.own(asked.card).and_then(|card| self.hub.end(card, asked.disposition));
                asked.rv = split(done).1;
                asked.encode(&mut self.outbox);
            }
            Request::Status(mut asked) => {
                asked.rv = split(self.own(asked.card).and_then(|card| self.hub.status(card))).1;
                asked.encode(&mut self.outbox);
            }
            Request::Cancel(mut asked) => {
                asked.rv = self.hub.cancel(asked.context);
                asked.encode(&mut self.outbox);
            }
            Request::Transmit(asked) => self.transmit(asked),
            Request::Open(asked) if self.extended => self.open(asked),
            Request::Turn(asked) if self.extended => self.take_turn(asked),
            // libpcsclite never sends these, and pcscd hangs up, too.
            Request::Open(_) | Request::Turn(_) => return Err(End::Nonsense),
            Request::Control(asked) => self.control(asked),
            Request::GetAttribute(asked) => {
                let Some(room) = asked.value().map(<[u8]>::len) else { return Err(End::Nonsense) };
                self.attribute(asked, room);
            }
            Request::SetAttribute(mut asked) => {
                // No token has an attribute to be set.
                asked.rv = split(self.own(asked.card).and_then(|card| self.hub.status(card))).1;
                if asked.rv == rv::SUCCESS {
                    asked.rv = rv::UNSUPPORTED_FEATURE;
                }
                asked.encode(&mut self.outbox);
            }
            news => return Ok(self.news(&news)),
        }
        Ok(false)
    }

    /// The requests about readers and their changes. True when the client now has the states and waits.
    fn news(&mut self, request: &Request) -> bool {
        match request {
            Request::ReadersState | Request::ReadersStateArray => {
                self.watch.refresh();
                self.outbox.extend_from_slice(&self.hub.states(self.number));
                return true;
            }
            Request::Wait => {
                self.hub.watch(self.number, &self.stream);
                // From protocol 4.6 on the client asks for the states itself.
                if self.minor < 6 {
                    self.watch.refresh();
                    self.outbox.extend_from_slice(&self.hub.states(self.number));
                    return true;
                }
            }
            // The client is told news already: that message is the answer.
            Request::StopWaiting if !self.hub.forget(self.number) => {}
            Request::StopWaiting => Wait { timeout: 0, rv: rv::SUCCESS }.encode(&mut self.outbox),
            Request::ReaderEvents => {
                self.watch.refresh();
                ReaderEvents { events: self.hub.changes(), rv: rv::SUCCESS }.encode(&mut self.outbox);
            }
            Request::ReadersStateSize => {
                let count = i32::try_from(MAX_READERS).unwrap_or_default();
                self.outbox.extend_from_slice(&count.to_ne_bytes());
            }
            _ => {}
        }
        false
    }

    /// A client that offers an unknown version is told a known one, and may ask again with that.
    fn version(&mut self, asked: Version) {
        let last = MINORS[MINORS.len() - 1];
        let mut answer = Version { major: MAJOR, minor: last, rv: rv::SERVICE_STOPPED };
        if asked.major == MAJOR && MINORS.contains(&asked.minor) {
            self.minor = asked.minor;
            self.extended = asked.rv == extension::OFFER;
            answer = Version { rv: if self.extended { extension::TAKEN } else { rv::SUCCESS }, ..asked };
        }
        answer.encode(&mut self.outbox);
    }

    fn establish(&mut self, asked: &Establish) -> Outcome<u32> {
        if asked.scope > scope::GLOBAL {
            return Err(rv::INVALID_VALUE);
        }
        self.release(); // a client has one context at a time
        self.context = self.hub.establish(self.number)?;
        Ok(self.context)
    }

    fn check_context(&self, context: u32) -> Outcome<()> {
        match self.context {
            0 => Err(rv::INVALID_HANDLE),
            own if own == context => Ok(()),
            _ => Err(rv::INVALID_VALUE),
        }
    }

    fn begin(&self, card: i32) -> Outcome<()> {
        self.hub.begin(card, &|| hub::hung_up(&*self.stream))
    }

    /// Ends the context, and everything that belongs to it.
    fn release(&mut self) {
        for card in std::mem::take(&mut self.cards) {
            self.hub.abandon(card);
        }
        self.hub.release(self.context);
        self.context = 0;
    }

    /// A handle of this client. The number of another client's handle opens nothing.
    fn own(&self, card: i32) -> Outcome<i32> {
        if self.cards.contains(&card) { Ok(card) } else { Err(rv::INVALID_HANDLE) }
    }

    fn connect(&mut self, mut asked: Connect) {
        let (card, active, outcome) = match self.try_connect(&asked) {
            Ok((card, active)) => (card, active, rv::SUCCESS),
            Err(outcome) => (0, asked.active, outcome),
        };
        (asked.card, asked.active, asked.rv) = (card, active, outcome);
        asked.encode(&mut self.outbox);
    }

    fn try_connect(&mut self, asked: &Connect) -> Outcome<(i32, u32)> {
        self.check_context(asked.context)?;
        self.new_handle(asked.reader(), asked.share, asked.preferred)
    }

    /// A handle on a reader, and the protocol in use.
    fn new_handle(&mut self, reader: &[u8], share: u32, preferred: u32) -> Outcome<(i32, u32)> {
        if self.cards.len() >= MAX_HANDLES {
            return Err(rv::NO_MEMORY);
        }
        let gone = || hub::hung_up(&*self.stream);
        let connect = || self.hub.connect(reader, share, preferred, &gone);
        let (card, active) = match connect() {
            // The client knows the name and never asked for the list. The reader may have come meanwhile.
            Err(rv::UNKNOWN_READER) => {
                self.watch.refresh();
                connect()?
            }
            other => other?,
        };
        self.cards.push(card);
        Ok((card, active))
    }

    fn transmit(&mut self, mut asked: Transmit) {
        (asked.rv, asked.receive_length) =
            self.answer_behind(Transmit::LEN, |client| client.exchange(&asked));
        let mut head = Vec::with_capacity(Transmit::LEN);
        asked.encode(&mut head);
        self.put_head(&head);
    }

    /// Lets the work put a response APDU behind the room for a structure, whose numbers are known last. Returns the outcome
    /// and the length of the response APDU. There is none after any outcome but success.
    fn answer_behind(&mut self, head: usize, work: impl FnOnce(&mut Self) -> Outcome<()>) -> (u32, u32) {
        self.outbox.resize(head, 0);
        let outcome = split(work(self)).1;
        let length = u32::try_from(self.outbox.len() - head).unwrap_or(u32::MAX);
        if outcome != rv::SUCCESS {
            self.outbox.as_mut_slice().zeroize();
            self.outbox.truncate(head);
        }
        (outcome, length)
    }

    /// Puts a structure into the room that [`Self::answer_behind`] left for it.
    fn put_head(&mut self, head: &[u8]) {
        self.outbox.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
    }

    /// The response APDU goes behind what is in the outbox.
    fn exchange(&mut self, asked: &Transmit) -> Outcome<()> {
        let running = self.hub.run(self.own(asked.card)?)?;
        let any = [protocol::RAW, protocol::ANY_OLD].contains(&asked.send_protocol);
        if !any && asked.send_protocol != running.protocol {
            return Err(rv::PROTO_MISMATCH);
        }
        self.response(&running, asked.receive_length)
    }

    /// Sends the command that is in the buffer. The response APDU goes behind what is in the outbox.
    fn response(&mut self, running: &Running<'_>, room: u32) -> Outcome<()> {
        let before = self.outbox.len();
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let wanted = before + room.min(MAX_BUFFER);
        if self.outbox.capacity() < wanted {
            // The buffer gets its room before its bytes: a buffer that grows would leave copies of the answer behind.
            self.outbox = Zeroizing::new(Vec::with_capacity(wanted));
            self.outbox.resize(before, 0);
        }
        let done = running.token.ccid().transmit(&self.buffer, &mut self.outbox);
        done.map_err(|error| running.fault(&error))?;
        if self.outbox.len() - before > room { Err(rv::INSUFFICIENT_BUFFER) } else { Ok(()) }
    }

    fn control(&mut self, mut asked: Control) {
        let answer = self.feature(&asked);
        asked.returned = answer.as_ref().map_or(0, |answer| u32::try_from(answer.len()).unwrap_or(u32::MAX));
        asked.rv = answer.as_ref().err().copied().unwrap_or(rv::SUCCESS);
        if asked.returned > asked.receive_length {
            asked.rv = rv::INSUFFICIENT_BUFFER;
        }
        asked.encode(&mut self.outbox);
        if asked.rv == rv::SUCCESS {
            self.outbox.extend_from_slice(&answer.unwrap_or_default());
        }
    }

    /// The answer to SCardControl without data. A reset of the card does not matter, because the reader is asked and
    /// not the card.
    fn feature(&self, asked: &Control) -> Outcome<Vec<u8>> {
        let interface = self.hub.interface(self.own(asked.card)?)?;
        feature::control(asked.code, &interface).ok_or(rv::UNSUPPORTED_FEATURE)
    }

    fn attribute(&mut self, mut asked: Attribute, room: usize) {
        let value = self.own(asked.card).and_then(|card| {
            self.hub.status(card)?;
            attribute::value(asked.id, &self.hub.about(card)?).ok_or(rv::UNSUPPORTED_FEATURE)
        });
        asked.rv = rv::SUCCESS;
        match value {
            Ok(value) if value.len() <= room => {
                asked.value.fill(0);
                asked.value.iter_mut().zip(&value).for_each(|(to, from)| *to = *from);
                asked.length = u32::try_from(value.len()).unwrap_or_default();
            }
            Ok(value) => {
                asked.length = u32::try_from(value.len()).unwrap_or_default();
                asked.rv = rv::INSUFFICIENT_BUFFER;
            }
            Err(outcome) => asked.rv = outcome,
        }
        asked.encode(&mut self.outbox);
    }
}

/// Tells a client that there are too many clients. The answer to the client's first request says so, because
/// libpcsclite passes that answer on.
pub(crate) fn turn_away(stream: &UnixStream) {
    const GREETING: Duration = Duration::from_secs(1);
    let _ = stream.set_read_timeout(Some(GREETING));
    let _ = stream.set_write_timeout(Some(GREETING));
    let mut request = [0; Header::LEN + Version::LEN];
    let mut reader = stream;
    if reader.read_exact(&mut request).is_ok() {
        let mut answer = Vec::with_capacity(Version::LEN);
        Version { major: MAJOR, minor: MINORS[0], rv: rv::SERVER_TOO_BUSY }.encode(&mut answer);
        let _ = reader.write_all(&answer);
    }
}

/// The value, or its default, and the outcome.
fn split<T: Default>(done: Outcome<T>) -> (T, u32) {
    match done {
        Ok(value) => (value, rv::SUCCESS),
        Err(outcome) => (T::default(), outcome),
    }
}
