//! `ushield pin counter`: what a bank's counter does with the PUK. The counter's program starts it, and writes the PUKs into its standard
//! input, where no other program sees them.
//!
//! ```text
//! 00C0FFEE    the serial number of the shield
//! k7m2p9xq    the PUK that the shield is to have
//! 12345678    the PUK that the shield has; a second line where it may have another one
//! ```

use std::io::{IsTerminal, Read};

use card::{Error, shield::Shield};
use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, TokenOptions, refusal::explain, say};
use wire::{
    apdu::StatusWord,
    display::escaped,
    pin::{PUK_LENGTH, has_form},
    shield::Information,
};
use zeroize::Zeroizing;

use super::New;

/// More than three short lines and a serial number need.
const LONGEST: u64 = 4096;

#[derive(Args)]
pub(super) struct Counter {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Give the token the PUK that the bank keeps
    Set {
        #[command(flatten)]
        token: TokenOptions,
    },
    /// Let the holder type a new PIN, and give the token another PUK
    Unblock {
        #[command(flatten)]
        new: New,
    },
}

/// What the counter's program has written.
struct Told {
    lines: Zeroizing<String>,
}

impl Told {
    fn read() -> Result<Self, Failure> {
        let input = std::io::stdin();
        if input.is_terminal() {
            return Err(refused("the PUKs come through a pipe, and nobody types them")
                .next("let the counter's program start it: `bank counter set-puk`, `bank counter unblock`"));
        }
        // As long as it can get, so that no shorter copy of it is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
        input
            .take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|fault| refused(format!("the PUKs were not read: {fault}")))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| refused("what came is not text"))?;
        let told = Self { lines: Zeroizing::new(text.to_owned()) };
        let [_, puks @ ..] = &told.split()[..] else { return Err(refused("nothing came")) };
        let are_puks = puks.iter().all(|puk| has_form(puk.as_bytes(), PUK_LENGTH));
        let is_whole = bytes.len() as u64 <= LONGEST && (2..=4).contains(&puks.len()) && are_puks;
        if is_whole { Ok(told) } else { Err(refused("what came is no serial number with its PUKs")) }
    }

    fn split(&self) -> Vec<&str> {
        self.lines.lines().collect()
    }

    fn serial(&self) -> &str {
        self.split().first().copied().unwrap_or_default()
    }

    fn puk(&self) -> &[u8] {
        self.split().get(1).copied().unwrap_or_default().as_bytes()
    }

    /// The PUKs of which the token has one.
    fn known(&self) -> Vec<&[u8]> {
        self.split().into_iter().skip(2).map(str::as_bytes).collect()
    }

    /// Refuses a token that the counter does not mean, before anything is tried on it.
    fn check(&self, found: &Information) -> Result<(), Failure> {
        if self.serial().eq_ignore_ascii_case(&found.serial) {
            return Ok(());
        }
        Err(refused(format!(
            "the plugged token is {}, and the counter means {}",
            escaped(&found.serial),
            escaped(self.serial())
        ))
        .next("plug in the token of this customer"))
    }
}

fn refused(why: impl std::fmt::Display) -> Failure {
    Failure::new("the PUK was not used").because(why)
}

/// Does it with the first PUK that the token takes. A wrong one costs a try, and a right one gives all tries back. The last try is spent
/// only where no other PUK is left to be tried.
fn with_known(
    shield: &mut Shield<'_>,
    known: &[&[u8]],
    what: &str,
    mut deed: impl FnMut(&mut Shield<'_>, &[u8]) -> Result<(), Error>,
) -> Result<(), Failure> {
    let explained = |error: Error| explain(what, &error);
    for (at, puk) in known.iter().enumerate() {
        let left = shield.information().map_err(explained)?.tries[1];
        if left == 0 {
            return Err(explained(Error::PukRefused(StatusWord::BLOCKED)));
        }
        let is_last = at + 1 == known.len();
        if left == 1 && !is_last {
            return Err(Failure::new(what)
                .because("the token has one try of its PUK left, and the counter knows two PUKs of which one is right")
                .next("hand out another shield; no try was spent"));
        }
        match deed(shield, puk) {
            Ok(()) => return Ok(()),
            Err(Error::PukRefused(word)) if !is_last && word != StatusWord::BLOCKED => {}
            Err(error) => return Err(explained(error)),
        }
    }
    Err(refused("the counter knows no PUK of this token"))
}

impl Counter {
    pub(super) fn run(self) -> Outcome {
        let told = Told::read()?;
        match self.deed {
            Deed::Set { token } => {
                let mut card = token.open()?;
                let what = "the PUK was not changed";
                let mut shield = Shield::select(&mut card).map_err(|error| explain(what, &error))?;
                told.check(&shield.information().map_err(|error| explain(what, &error))?)?;
                with_known(&mut shield, &told.known(), what, |shield, known| {
                    shield.change_puk(known, told.puk())
                })?;
                say("The token has the PUK that the bank keeps.");
            }
            Deed::Unblock { new } => {
                let mut card = new.token.open()?;
                let what = "the PIN was not unblocked";
                let mut shield = Shield::select(&mut card).map_err(|error| explain(what, &error))?;
                let information = shield.information().map_err(|error| explain(what, &error))?;
                told.check(&information)?;
                // The holder types while the token is there, and no try of the PUK depends on what is typed.
                let pin = new.ask_pin(&information)?;
                with_known(&mut shield, &told.known(), what, |shield, known| {
                    shield.unblock(known, pin.bytes())?;
                    shield.change_puk(known, told.puk())
                })?;
                say("The PIN is set anew, and the token has another PUK that the bank keeps.");
            }
        }
        Ok(Exit::Done)
    }
}
