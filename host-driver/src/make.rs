//! Makes new tokens, opens those that are there, and plugs them in.
//!
//! ```text
//! STATE/1/flash/   the first token's records, locked while the token is served
//! STATE/1/puk      the first token's PUK: the envelope that the bank's counter keeps
//! ```

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use file::Access;
use firmware::{Factory, Token, profile::Profile, refusal::Refusal, seams::Storage};
use terminal::{
    Context, Failure, progress,
    secret::{Source, Variable},
    warn_lines,
};
use wire::{
    brand::Generation,
    pin::{FACTORY_PIN, FACTORY_PUK, FIELD},
};
use zeroize::Zeroizing;

use crate::{
    Exporter,
    control::{rack::Served, view},
    labour, memory,
    panel::{Habit, Panel, panel},
    store::{self, DeviceSecret, FileStore, MemoryStore},
};

/// Where the state of tokens is kept.
pub enum Home {
    /// Nowhere: the tokens end with the process.
    Memory,
    /// In a folder. A secret that is kept elsewhere opens it.
    Disk {
        /// The folder of the tokens.
        state: PathBuf,
        /// The file of the device secret.
        secret: PathBuf,
    },
}

/// The codes of new tokens.
#[derive(Clone)]
pub enum Codes {
    /// The factory's PIN, and a PUK of the token's own in an envelope beside the state. Tokens in memory have no envelope, and the
    /// factory's PUK.
    Envelope,
    /// The factory's PIN and PUK, which everybody knows: a bank's counter gives the token another PUK, and keeps that one.
    Factory,
    /// The PIN that the user chose, and the factory's PUK.
    Chosen(Zeroizing<Vec<u8>>),
}

impl Codes {
    const fn chosen(&self) -> Option<&Zeroizing<Vec<u8>>> {
        match self {
            Self::Chosen(pin) => Some(pin),
            Self::Envelope | Self::Factory => None,
        }
    }
}

/// The tokens of one server, before they are plugged in.
pub struct Batch {
    profile: Profile,
    codes: Codes,
    /// Whether the user chose the codes of new tokens, and by which option.
    option: Option<&'static str>,
    place: Place,
    made: Vec<Made>,
    old: usize,
}

enum Place {
    Memory { count: u16 },
    Disk { state: PathBuf, secret: DeviceSecret, flashes: Vec<FileStore> },
}

/// A token that was made just now.
struct Made {
    bus_id: String,
    puk: Option<PathBuf>,
}

type Plugged<S> = Token<S, Panel, ChaCha20Rng>;

impl Batch {
    /// Locks the folders of `count` tokens, or of all tokens that are there, so that no other process serves them. New tokens
    /// get this profile and these codes.
    ///
    /// # Errors
    /// A folder is damaged, or locked, or not the user's own.
    pub fn open(home: Home, mut profile: Profile, codes: Codes, count: Option<u16>) -> Result<Self, Failure> {
        let place = match home {
            Home::Memory => {
                // A PIN is stretched against somebody who has copied a token's records. Nobody can copy these.
                profile.stretch = None;
                Place::Memory { count: count.unwrap_or(1) }
            }
            Home::Disk { state, secret } => open_state(&state, &secret, count)?,
        };
        memory::scrub();
        let option = match &codes {
            Codes::Envelope => None,
            Codes::Factory => Some("--factory"),
            Codes::Chosen(_) => Some("--pin-file"),
        };
        Ok(Self { profile, option, codes, place, made: Vec::new(), old: 0 })
    }

    /// The folder of the tokens; `None` for tokens in memory.
    pub fn state(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory { .. } => None,
            Place::Disk { state, .. } => Some(state),
        }
    }

    /// Plugs all tokens in; a token that is not there yet is made first. Then the PIN and the device secret are forgotten.
    ///
    /// # Errors
    /// A token cannot be made or opened, or does not fit the profile.
    pub fn plug_in(&mut self, exporter: &Exporter, habit: Habit) -> Result<Vec<Served>, Failure> {
        let served = self.plug_all(exporter, habit);
        // A chosen PIN is wiped here.
        self.codes = Codes::Factory;
        memory::scrub();
        served
    }

    fn plug_all(&mut self, exporter: &Exporter, habit: Habit) -> Result<Vec<Served>, Failure> {
        match &mut self.place {
            Place::Memory { count } => {
                let count = *count;
                let mut secret = DeviceSecret::default();
                getrandom::fill(secret.as_mut_slice()).what("there is no randomness")?;
                (1..=count)
                    .map(|number| {
                        self.plug_one(exporter, &habit, &secret, number.into(), MemoryStore::default(), None)
                    })
                    .collect()
            }
            Place::Disk { state, secret, flashes } => {
                let (state, secret, flashes) =
                    (state.clone(), std::mem::take(secret), std::mem::take(flashes));
                let place = |number: usize| state.join(number.to_string());
                let (count, mut pace) = (flashes.len(), Pace::begin(Instant::now()));
                let numbered = (1..).zip(flashes);
                numbered
                    .map(|(number, flash)| {
                        let place = place(number);
                        let served = self.plug_one(exporter, &habit, &secret, number, flash, Some(&place))?;
                        if pace.is_due(Instant::now()) {
                            progress(format!("{number} of {count} tokens are there"));
                        }
                        Ok(served)
                    })
                    .collect()
            }
        }
    }

    /// Plugs in the token with these records. `folder` is the token's folder; `None` for a token in memory.
    fn plug_one<S: Storage + Send + 'static>(
        &mut self,
        exporter: &Exporter,
        habit: &Habit,
        secret: &[u8; 32],
        number: usize,
        flash: S,
        folder: Option<&Path>,
    ) -> Result<Served, Failure> {
        let rng = rng()?;
        let (inside, handle) = panel(habit.clone());
        let profile = self.profile.clone();
        let mut made = None;
        let token = if Plugged::<S>::exists(&flash).what("the token's state could not be read")? {
            Token::open(profile, secret, flash, inside, rng)
        } else {
            let has_envelope = matches!(self.codes, Codes::Envelope);
            let envelope = folder.filter(|_| has_envelope).map(|folder| folder.join("puk"));
            let label = label(number);
            let factory =
                Factory { pin: self.codes.chosen().cloned(), puk: puk(envelope.as_deref())?, label };
            made = Some(envelope);
            let memory = &mut labour::memory();
            Token::manufacture_in(memory, profile, secret, flash, inside, rng, &factory).map_err(not_made)?
        };
        fit(token.fault(), folder)?;
        let serial = token.serial().to_owned();
        let bus_id = exporter.plug(token, Some(handle.clone())).what("the token could not be plugged in")?;
        match made {
            Some(puk) => self.made.push(Made { bus_id: bus_id.to_string(), puk }),
            None => self.old += 1,
        }
        Ok(Served { bus_id, token: self.view(bus_id.to_string(), serial), panel: handle })
    }

    fn view(&self, bus_id: String, serial: String) -> view::Token {
        let (vendor, product) = self.profile.brand.usb;
        let [name, _] = &self.profile.brand.product;
        view::Token {
            bus_id,
            serial,
            product: name.clone(),
            usb: format!("{vendor:04x}:{product:04x}"),
            generation: self.profile.brand.generation.number(),
            plugged: true,
            attached: false,
            screen: None,
            display: match self.profile.brand.generation {
                Generation::One => None,
                Generation::Two { columns, rows } => Some(view::Display { columns, rows }),
            },
            tries: None,
        }
    }

    /// The files with the PUKs of the new tokens.
    fn envelopes(&self) -> String {
        let envelopes = self.made.iter().filter_map(|made| Some(made.puk.as_ref()?.display().to_string()));
        envelopes.collect::<Vec<_>>().join(", ")
    }

    /// What the holder of new tokens must know: PIN, PUK, and what an option did not do.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(option) = self.option.filter(|_| self.old > 0) {
            notes.push(format!("{option} changed nothing on tokens that were there already."));
        }
        let Some(first) = self.made.first() else { return notes };
        let names: Vec<&str> = self.made.iter().map(|made| made.bus_id.as_str()).collect();
        let names = names.join(", ");
        let [pin, puk] = [FACTORY_PIN, FACTORY_PUK];
        notes.push(match (self.option, &first.puk) {
            (Some("--factory"), _) => format!(
                "New: {names}, as from the factory: PIN {pin} and PUK {puk}.\n\
                 A bank's counter gives the token a PUK that only the bank has (bank counter set-puk)."
            ),
            (Some(_), _) => format!("New: {names}, with the PIN that you chose and the PUK {puk}."),
            (None, Some(_)) => format!(
                "New: {names}, with the factory PIN {pin}: change it first (ushield pin change).\n\
                 The PUK is in {}, the counter's envelope (ushield pin unblock).",
                self.envelopes()
            ),
            (None, None) => format!(
                "New: {names}, in memory only, with the factory PIN {pin}: change it first (ushield pin change).\n\
                 The PUK is {puk}."
            ),
        });
        notes
    }
}

/// How often people are told how far the start is. A new token on the disk takes some hundredths of a second, and a start that
/// makes a thousand of them takes a minute.
struct Pace {
    last: Instant,
}

impl Pace {
    const SECOND: Duration = Duration::from_secs(1);

    const fn begin(now: Instant) -> Self {
        Self { last: now }
    }

    /// Whether it is time to tell again.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now.duration_since(self.last) >= Self::SECOND;
        if is_due {
            self.last = now;
        }
        is_due
    }
}

/// The label of a new token: its number among the tokens that are made together. The token keeps this label, wherever it is
/// plugged in, until its owner gives it another.
pub fn label(number: usize) -> String {
    format!("ushield-{number}")
}

/// Digits of the PUK that a new token gets: as many as PIV's field has room for.
const PUK_DIGITS: usize = FIELD;

/// The PUK of a new token. It is written to the token's envelope before the token is made, so that every token can be
/// unblocked. An envelope may be there already: a token that was never finished has left it, or a token whose records were
/// moved away. Nobody can tell which, so the envelope is not written over: the new token gets the PUK that is in it.
fn puk(envelope: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let Some(path) = envelope else { return Ok(Zeroizing::new(FACTORY_PUK.into())) };
    if fs::symlink_metadata(path).is_err() {
        let mut line = digits()?;
        line.push(b'\n');
        file::write(path, &line, Access::Owner, false)?;
    }
    // To read from a pipe would wait for a writer, and there is none.
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    let line = if is_file { file::read_secret(path)? } else { Zeroizing::default() };
    let puk = line.strip_suffix(b"\n").unwrap_or(&line);
    if puk.len() != PUK_DIGITS || !puk.iter().all(u8::is_ascii_digit) {
        return Err(Failure::new("no token was made")
            .because(format!(
                "the PUK of a new token belongs into {}, and what stands there is no PUK of {PUK_DIGITS} digits",
                path.display()
            ))
            .next("move that file away, or name another folder with --state DIR"));
    }
    Ok(Zeroizing::new(puk.to_vec()))
}

/// The failure of a token that could not be made.
fn not_made(refusal: Refusal) -> Failure {
    let failure = Failure::new("no token could be made").because(refusal);
    match refusal {
        Refusal::Exists | Refusal::Fault => failure.next(
            "nothing was changed. The token's folder holds records that were not made with this device secret: put the \
             right secret in its place (ushield up: or name the right one, --secret FILE), or name another folder with \
             --state DIR",
        ),
        _ => failure,
    }
}

/// Refuses a token of another make, and a token that has lost a record. A token with another fault is
/// served: it tells of its fault whoever asks (GM/T 0027 5.5).
fn fit(fault: Option<Refusal>, folder: Option<&Path>) -> Result<(), Failure> {
    match fault {
        None => Ok(()),
        Some(Refusal::Missing(record)) => {
            let flash = folder.unwrap_or(Path::new(".")).join("flash");
            let (file, flash) = (flash.join(record.to_string()), flash.display());
            Err(Failure::new("the token is not served")
                .because(format!(
                    "its record {} is missing: its state is damaged, and was not written to",
                    file.display()
                ))
                .next(format!(
                    "put that file back from a copy of {flash}, or move {flash} away to begin with a new token; its \
                     keys are lost then"
                )))
        }
        Some(refusal @ Refusal::OtherMake) => Err(Failure::new("the token is not served")
            .because(format!("it was {refusal}, and stays so for life"))
            .next(
                "say the --brand (ushield up: and --generation) that it was made with, or make another one: --state DIR",
            )),
        Some(refusal) => {
            warn_lines(&format!(
                "ushield: a token failed its self-test ({refusal}): it is there, says so, and refuses to work.\n  \
                 next: if the device secret is another than the token's own, start again with the right one"
            ));
            Ok(())
        }
    }
}

/// Reads the PIN that the user chose for new tokens.
///
/// # Errors
/// The file cannot be read.
pub fn chosen_pin(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let source = Source { name: "PIN", file: Some(path), variable: Variable::Pin, option: "--pin-file" };
    Ok(source.ask("")?.into_bytes())
}

fn open_state(state: &Path, secret: &Path, count: Option<u16>) -> Result<Place, Failure> {
    file::make_private_folder(state)?;
    let state = fs::canonicalize(state).what(format!("the folder {} could not be read", state.display()))?;
    let numbers = numbers(&state)?;
    let begun = |number: u16| store::has_records(&state.join(format!("{number}/flash")));
    // The secret is durable before a token's first record is written. So a record without a secret means that the secret is lost.
    if fs::symlink_metadata(secret).is_err() && numbers.iter().any(|number| begun(*number)) {
        return Err(Failure::new(format!("there is no device secret {}", secret.display()))
            .because(format!("the tokens in {} were made with one, and open with no other", state.display()))
            .next(
                "put the file back (ushield up: or say where it is, --secret FILE); new tokens: another --state DIR",
            ));
    }
    let last = numbers.iter().rev().copied().find(|number| begun(*number)).unwrap_or(0);
    if let Some(lost) = (1..last).find(|number| !numbers.contains(number)) {
        let (lost, state) = (state.join(lost.to_string()), state.display());
        return Err(Failure::new("no token is served, and none was made")
            .because(format!(
                "the folder {} is missing, and there is a token {last} in {state}: tokens are numbered without a gap",
                lost.display()
            ))
            .next("put that folder back from a copy, or make it, empty and for you only, to begin with a new token there"));
    }
    let there = (1..=u16::MAX).take_while(|number| numbers.contains(number)).count();
    let count = count.map_or(there.max(1), usize::from);
    // The secret is made before any token's folder: every token that is there had its secret from the start.
    let secret = store::secret(secret).what("the device secret was not read")?;
    let mut flashes = Vec::new();
    for number in 1..=count {
        let folder = state.join(number.to_string());
        file::make_private_folder(&folder)?;
        // A process that was killed may have left the beginning of an envelope there.
        file::sweep(&folder);
        let flash = FileStore::open(&folder.join("flash"));
        flashes.push(flash.map_err(|error| Failure::new("the token is not served").because(error))?);
    }
    Ok(Place::Disk { state, secret, flashes })
}

/// The numbers of the tokens that have a folder.
fn numbers(state: &Path) -> Result<BTreeSet<u16>, Failure> {
    let unread = || format!("the folder {} could not be read", state.display());
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(state).what(unread())? {
        let entry = entry.what(unread())?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.parse::<u16>().ok());
        // A number has one spelling: `+1` and `01` are no folders of tokens.
        let number = number.filter(|number| *number != 0 && name == *number.to_string());
        numbers.extend(number.filter(|_| entry.path().is_dir()));
    }
    Ok(numbers)
}

fn rng() -> Result<ChaCha20Rng, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).what("there is no randomness")?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

/// Eight random digits. Each digit is as likely as every other.
///
/// # Errors
/// The system gives no randomness.
pub fn digits() -> Result<Zeroizing<Vec<u8>>, Failure> {
    // One byte more than the digits, for the end of their line.
    let mut digits = Zeroizing::new(Vec::with_capacity(PUK_DIGITS + 1));
    while digits.len() < PUK_DIGITS {
        let mut byte = Zeroizing::new([0; 1]);
        getrandom::fill(byte.as_mut()).what("there is no randomness")?;
        // 250 is the largest multiple of ten that a byte can hold: larger bytes would make low digits more likely.
        if byte[0] < 250 {
            digits.push(b'0' + byte[0] % 10);
        }
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_missed_only_where_a_token_was_made_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (state, secret) = (folder.path().join("state"), folder.path().join("secret"));
        // A process that was killed after it made the folder: there is no token, so the secret is made anew.
        file::make_private_folder(&state.join("1")).unwrap();
        file::make_private_folder(&state).unwrap();
        drop(open_state(&state, &secret, None).unwrap());
        fs::remove_file(&secret).unwrap();
        let mut flash = FileStore::open(&state.join("1/flash")).unwrap();
        flash.save(firmware::seams::RecordName::Tries, b"six").unwrap();
        drop(flash);
        let refused = open_state(&state, &secret, None).err().unwrap().to_string();
        assert!(refused.contains("there is no device secret"), "{refused}");
        assert!(!secret.exists());
    }

    #[test]
    fn a_start_that_takes_long_says_how_far_it_is_once_a_second() {
        let begun = Instant::now();
        let mut pace = Pace::begin(begun);
        let told: Vec<u64> =
            (0..3000).filter(|after| pace.is_due(begun + Duration::from_millis(*after))).collect();
        assert_eq!(told, [1000, 2000]);
    }

    #[test]
    fn the_envelope_that_a_killed_process_began_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let (state, secret) = (folder.path().join("state"), folder.path().join("secret"));
        drop(open_state(&state, &secret, None).unwrap());
        let begun = state.join("1/.puk.0123456789abcdef.tmp");
        fs::write(&begun, "1234").unwrap();
        drop(open_state(&state, &secret, None).unwrap());
        assert!(!begun.exists());
    }

    /// The first of two tokens is lost. The failure says so, with the secret and without it, and nothing is made.
    #[test]
    fn a_gap_is_damage_and_never_a_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let (state, secret) = (folder.path().join("state"), folder.path().join("secret"));
        drop(open_state(&state, &secret, Some(2)).unwrap());
        let mut flash = FileStore::open(&state.join("2/flash")).unwrap();
        flash.save(firmware::seams::RecordName::Tries, b"six").unwrap();
        drop(flash);
        fs::remove_dir_all(state.join("1")).unwrap();
        // Neither of these is a token's folder.
        fs::create_dir(state.join("01")).unwrap();
        fs::write(state.join("9"), "no folder").unwrap();
        let refused = |count| open_state(&state, &secret, count).err().unwrap().to_string();
        for count in [None, Some(1), Some(2), Some(3)] {
            let why = refused(count);
            assert!(why.contains("state/1 is missing"), "{why}");
        }
        fs::remove_file(&secret).unwrap();
        for count in [None, Some(1), Some(3)] {
            let why = refused(count);
            assert!(why.contains("there is no device secret"), "{why}");
        }
        assert!(!secret.exists() && !state.join("1").exists() && !state.join("3").exists());
    }
}
