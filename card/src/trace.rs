//! What goes over the line, for people who look for a fault: `USHIELD_DEBUG=1` traces every APDU to standard error,
//! and `USHIELD_DEBUG=FILE` appends to a file of the user's own ([`file::append`]). Every program and library has the trace,
//! because all roads to a token pass here.
//!
//! Only what is known to be public is written ([`wire::disclosure`]). Of everything else the trace has the command's
//! header and the answer's status word.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::{self, Write},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use lock::lock;
use wire::{
    apdu::{Command, StatusWord},
    disclosure::Disclosure,
    display::printed,
};

use crate::{config, environment, error::Error};

/// The environment variable: empty or `0` for nothing, `1` for standard error, else a file.
pub const ENVIRONMENT: &str = "USHIELD_DEBUG";

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static SINK: Mutex<Option<Box<dyn Write + Send>>> = Mutex::new(None);
static CARDS: AtomicU32 = AtomicU32::new(1);
/// [`STATE`]: the environment has not been looked at.
const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

/// Traces into `sink` from now on, whatever the environment says.
pub fn to(sink: impl Write + Send + 'static) {
    *lock(&SINK) = Some(Box::new(sink));
    STATE.store(ON, Ordering::Release);
}

/// The trace of one card.
#[derive(Debug, Default)]
pub struct Trace {
    card: u32,
    /// Whether the last command's answer may be shown: GET RESPONSE brings more of the same.
    open: bool,
}

impl Trace {
    /// The trace of another card.
    pub fn new() -> Self {
        Self { card: CARDS.fetch_add(1, Ordering::Relaxed), open: false }
    }

    /// Writes something that happened to the card.
    pub(crate) fn note(&self, what: &str) {
        if is_on() {
            self.line(what);
        }
    }

    /// Runs one exchange and writes both sides of it.
    pub(crate) fn exchange(
        &mut self,
        apdu: &[u8],
        response: &mut Vec<u8>,
        exchange: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !is_on() {
            return exchange(apdu, response);
        }
        let shown = self.command(apdu);
        self.line(&format!("> {shown}"));
        let (begin, before) = (Instant::now(), response.len());
        let done = exchange(apdu, response);
        let took = begin.elapsed();
        let answer = match &done {
            Ok(()) => self.answer(response.get(before..).unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        self.line(&format!("< {answer} ({:.1} ms)", took.as_secs_f64() * 1e3));
        done
    }

    /// What is written of a command. Whether its answer may be shown is remembered.
    pub fn command(&mut self, apdu: &[u8]) -> String {
        let Ok(command) = Command::parse(apdu) else {
            self.open = false;
            return "[blanked: no command APDU]".into();
        };
        let known = Disclosure::of(&command);
        let header = hex(apdu.get(..known.header).unwrap_or_default());
        let header = if known.header < 4 { format!("{header}[blanked]") } else { header };
        self.open = known.shows_answer(&command, self.open);
        let shown = hex(command.data.get(..known.data).unwrap_or_default());
        match (known.data == command.data.len(), shown.is_empty()) {
            (true, true) => header,
            (true, false) => format!("{header} {shown}"),
            (false, true) => format!("{header} [blanked]"),
            (false, false) => format!("{header} {shown} [blanked]"),
        }
    }

    /// What is written of the answer to the last command.
    pub fn answer(&self, response: &[u8]) -> String {
        let Some((data, status)) = response.split_last_chunk::<2>() else {
            return "[blanked: no response APDU]".into();
        };
        let status = StatusWord(u16::from_be_bytes(*status));
        match (data.is_empty(), self.open) {
            (true, _) => status.to_string(),
            (false, true) => format!("{} {status}", hex(data)),
            (false, false) => format!("[blanked] {status}"),
        }
    }

    fn line(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros) = (now.as_secs() % 86_400, now.subsec_micros());
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let line = format!(
            "{hour:02}:{minute:02}:{second:02}.{micros:06} {}#{} {text}\n",
            std::process::id(),
            self.card
        );
        if let Some(sink) = &mut *lock(&SINK) {
            // Lines are written whole, so that the lines of several threads do not mix. A full disk ends the trace,
            // not the work.
            let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn is_on() -> bool {
    match STATE.load(Ordering::Acquire) {
        UNKNOWN => start(),
        state => state == ON,
    }
}

/// Looks at the environment once, and at the config file where the environment says nothing.
fn start() -> bool {
    let wish = environment::variable(ENVIRONMENT).or_else(|| config::read().ok()?.debug.map(Into::into));
    let sink = wish.as_deref().and_then(|wish| {
        open(wish).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "ushield: no trace is written: {}", printed(error));
            None
        })
    });
    match sink {
        Some(sink) => {
            *lock(&SINK) = Some(sink);
            STATE.store(ON, Ordering::Release);
            true
        }
        None => {
            STATE.store(OFF, Ordering::Release);
            false
        }
    }
}

/// Where the trace goes, if one is wished.
fn open(wish: &OsStr) -> Result<Option<Box<dyn Write + Send>>, file::Error> {
    if wish.is_empty() || wish == "0" {
        return Ok(None);
    }
    if wish == "1" {
        return Ok(Some(Box::new(io::stderr())));
    }
    Ok(Some(Box::new(file::append(Path::new(wish))?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn what_is_public_is_shown() {
        let mut trace = Trace::new();
        for (apdu, shown, answer) in [
            (&hex!("00A4040005 A000000308")[..], "00A40400 A000000308", "4F00 9000"),
            (&hex!("00CB3FFF05 5C035FC105 00"), "00CB3FFF 5C035FC105", "4F00 9000"),
            (&hex!("00CB3FFF05 5C035FC109 00"), "00CB3FFF 5C035FC109", "[blanked] 9000"),
            (&hex!("0047009A05 AC03800111 00"), "0047009A AC03800111", "4F00 9000"),
            (&hex!("80F2000000"), "80F20000", "4F00 9000"),
            (&hex!("80CA0150"), "80CA0150", "4F00 9000"),
            (&hex!("80CA0350"), "80CA0350", "[blanked] 9000"),
            (&hex!("00FD0000"), "00FD0000", "4F00 9000"),
        ] {
            assert_eq!(trace.command(apdu), shown);
            assert_eq!(trace.answer(&hex!("4F00 9000")), answer, "{shown}");
        }
        assert_eq!(trace.answer(&hex!("6A82")), "6A82");
    }

    #[test]
    fn secrets_are_not() {
        let mut trace = Trace::new();
        for apdu in [
            &hex!("0020008008 31323334353637FF")[..], // VERIFY
            &hex!("1020008004 31323334"),             // a part of one
            &hex!("0024008010 31313131313131FF31323334353637FF"),
            &hex!("002C008010 31313131313131FF31323334353637FF"),
            &hex!("0087119A04 7C028200"), // GENERAL AUTHENTICATE: a shared secret may come back
            &hex!("00DB3FFF04 5C017E53"),
            &hex!("80200080 06 313335323436"),
            &hex!("80490000 0A 800111 A405 0603313233"), // IMPORT KEY: a private key
            &hex!("802D0282 04 04313233"),               // USE KEY: a shared secret may come back
            &hex!("00FFFFFF03 039B18"),                  // Yubico's SET MANAGEMENT KEY
            &hex!("0CA4040005 31323334FF"),              // secure messaging: who knows
            &hex!("00F2000004 31323334"),                // another applet's
            &hex!("00F2313233"),                         // the same
            &hex!("00CB3FFF04 31323334"),                // an open command with something else in it
            &hex!("00FD000004 31323334"),
            &hex!("802A000004 31323334"),
            &hex!("3132"),
        ] {
            let shown = trace.command(apdu);
            assert!(shown.ends_with("[blanked]") || shown.starts_with("[blanked"), "{shown}");
            assert_eq!(trace.answer(&hex!("31323334 9000")), "[blanked] 9000");
            // What comes with GET RESPONSE is the same answer.
            assert_eq!(trace.command(&hex!("00C0000000")), "00C00000");
            assert_eq!(trace.answer(&hex!("31323334 9000")), "[blanked] 9000");
        }
        assert_eq!(trace.command(&hex!("00200080")), "00200080");
        assert_eq!(trace.command(&hex!("00A4040004 31323334")), "00A40400 [blanked]");
        assert_eq!(trace.command(&hex!("0099313304 31323334")), "0099[blanked] [blanked]");
        assert_eq!(trace.answer(&[0x31]), "[blanked: no response APDU]");
    }

    proptest::proptest! {
        /// A secret in the data of any command but an open one, in its form, is nowhere in the trace.
        #[test]
        fn a_secret_is_never_in_the_trace(
            secret in "[1-9B-Zb-z]{6,30}",
            class in proptest::sample::select(vec![0x00u8, 0x10, 0x80, 0x90, 0x0C, 0x40]),
            header in proptest::prelude::any::<[u8; 3]>(),
            head in proptest::sample::select(vec![&b""[..], b"\x5C\x03\x5F\xC1\x05", b"\xAC\x03\x80\x01\x11"]),
            bare in proptest::prelude::any::<bool>(),
        ) {
            let [instruction, p1, p2] = header;
            let data = [head, secret.as_bytes()].concat();
            let mut apdu = Vec::new();
            Command::new(class, instruction, p1, p2, &data).encode(&mut apdu).unwrap();
            let apdu = if bare { data } else { apdu };
            let shown = Trace::new().command(&apdu);
            let parts = secret.as_bytes().windows(5).map(hex);
            proptest::prop_assert!(!parts.clone().any(|part| shown.contains(&part)), "{shown}");
        }
    }

    #[test]
    fn a_trace_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("mine"), folder.path().join("link"));
        std::fs::write(&file, "mine").unwrap();
        #[cfg(target_os = "linux")]
        {
            std::os::unix::fs::symlink(&file, &link).unwrap();
            assert!(open(link.as_os_str()).is_err());
        }
        assert!(open(file.as_os_str()).unwrap().is_some());
    }

    #[test]
    fn the_wish_of_the_environment() {
        assert!(open(OsStr::new("")).unwrap().is_none() && open(OsStr::new("0")).unwrap().is_none());
        assert!(open(OsStr::new("1")).unwrap().is_some());
        assert!(open(OsStr::new("/proc/no/such/folder")).is_err());
    }
}
