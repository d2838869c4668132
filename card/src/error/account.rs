//! The words for each refusal: what happened, why, and what to do next. All programs take them from here.

use std::borrow::Cow;

use wire::{apdu::StatusWord, pin::FACTORY_PUK, shield::status};

/// What an error means to people. Each text is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What happened.
    pub what: Cow<'static, str>,
    /// Why, where the status word alone tells.
    pub why: Option<&'static str>,
    /// What to do next; `None` where [`Self::what`] says so itself.
    pub next: Option<Cow<'static, str>>,
}

impl Account {
    /// What happened, and what to do next.
    pub(super) fn new(what: impl Into<Cow<'static, str>>, next: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), why: None, next: Some(next.into()) }
    }

    /// What happened, in a text that says itself what to do next.
    pub(super) fn whole(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), why: None, next: None }
    }

    fn because(self, why: &'static str) -> Self {
        Self { why: Some(why), ..self }
    }

    /// A status word. Where it speaks of a secret, the secret was the PIN.
    pub(super) fn of(word: StatusWord) -> Self {
        match word.tries() {
            Some(0) => Self::pin_locked(),
            Some(left) => Self::new(
                format!("wrong PIN: {}", tries(left)),
                "run the same command with the right PIN; after the last wrong try the PIN locks",
            ),
            None => Self::of_other(word),
        }
    }

    /// A status word that answered a PUK, which nothing unlocks.
    pub(super) fn of_puk(word: StatusWord) -> Self {
        match word.tries() {
            None | Some(0) => Self::new(
                "the PUK is locked: no try is left",
                "nothing unlocks a PUK: take another token (of a real token, ask the bank)",
            )
            .because("too many wrong PUKs were given"),
            Some(left) => Self::new(
                format!("wrong PUK: {}", tries(left)),
                "run the same command with the right PUK; after the last wrong try the PUK locks for good",
            ),
        }
    }

    fn pin_locked() -> Self {
        Self::new(
            "the PIN is locked: no try is left",
            "unblock it with the PUK: `ushield pin unblock` (of a real token, the bank's counter does that)",
        )
        .because("too many wrong PINs were given")
    }

    /// Sources: ISO 7816-4, table 6; docs/shield-applet.md.
    fn of_other(word: StatusWord) -> Self {
        const AGAIN: &str = "unplug the token, plug it in and run the same command again";
        const VERSION: &str = "the token may be of another version: look with `cert-tool show`";
        match word {
            StatusWord::BLOCKED => Self::pin_locked(),
            status::CANCELLED => Self::new(
                "Cancel was pressed on the token, so nothing was signed",
                "run the same command again, and press OK",
            ),
            status::TIMED_OUT => Self::new(
                "nobody pressed a button on the token in time, so nothing was signed",
                "run the same command again, and press OK once the screen shows the request",
            ),
            status::FACTORY_PIN => Self::new(
                "the token still has its factory PIN",
                "choose a PIN with `ushield pin change`, then run the same command again",
            )
            .because("the payment key works only once the holder has chosen a PIN"),
            status::KNOWN_PUK => Self::new(
                "the token has the PUK that a reset gives, which everybody knows",
                format!(
                    "choose a PUK with `ushield pin change --puk` (it is {FACTORY_PUK} now), then run the same command again"
                ),
            )
            .because(
                "whoever knows the PUK can set a PIN and pay, so the payment key works only once the PUK was changed",
            ),
            status::CANNOT_SHOW => Self::new(
                "the token cannot show this text honestly, so it did not sign the text",
                "have the order issued in plain text; for a certificate, take a name in one script",
            )
            .because(
                "the text has control or zero-width characters, letters that pass for others, or a name that reads like an amount",
            ),
            status::NO_ROOM => Self::new(
                "the token's screen has no room for this text, so the token did not sign the text",
                "have the order issued in parts, take a shorter name, or use a token with a larger screen",
            )
            .because("a part of it, such as an amount, is longer than a line of the screen"),
            status::NOT_PENDING => Self::new(
                "the token did not take the certificate: it is not for the key that waits there",
                "run `cert-tool enrol`, which makes key, request and certificate anew",
            ),
            status::WEAK_PIN => Self::new(
                "the new PIN is too easy or has a wrong length",
                "choose another PIN, without repeated or ascending digits",
            ),
            StatusWord::SECURITY_NOT_SATISFIED => Self::new(
                "the token wants its PIN (or management key) first",
                "enter it and try again",
            ),
            StatusWord::CONDITIONS_NOT_SATISFIED => Self::new(
                "the token refused this use of the key",
                "run the same command again; if it stays so, run `cert-tool show` and ask the bank",
            )
            .because("the payment key signs payment orders and its own certificate request only"),
            StatusWord::NOT_ALLOWED => {
                Self::new("the command was aborted, or the token does not take it now", "try again")
            }
            StatusWord::WRONG_DATA => {
                Self::new("the token does not accept this data", "correct what was given to the token")
            }
            StatusWord::NOT_FOUND => Self::new(
                "there is no such object or application on the token",
                "look at what the token has: `cert-tool show`",
            ),
            StatusWord::NO_SUCH_KEY => {
                Self::new("there is no such key on the token yet", "make one with `cert-tool enrol`")
            }
            StatusWord::NO_MEMORY => Self::new(
                "the token has no room left",
                "delete what the token need not keep, and run the same command again",
            ),
            StatusWord::MEMORY_FAILURE => Self::new(
                "the token could not write its state",
                "make room on the disk where the token keeps its state, plug the token in again, and run the same command again",
            ),
            StatusWord::FAULT => Self::new(
                "the token reports a fault of its own",
                "unplug the token and plug it in; if it stays so, it has to be replaced",
            )
            .because("a token that fails its self-test, or finds a damaged record, works no more"),
            StatusWord::NOT_SUPPORTED | StatusWord::WRONG_INSTRUCTION | StatusWord::WRONG_CLASS => {
                Self::new("the token does not know this command", VERSION)
            }
            StatusWord::WRONG_LENGTH => Self::new("the token does not take a command of this length", VERSION),
            StatusWord::WRONG_P1P2 => Self::new("the token does not know this reference", VERSION),
            _ => Self::new("the token refused the command", AGAIN),
        }
    }
}

fn tries(left: u8) -> String {
    if left == 1 { "1 try left".into() } else { format!("{left} tries left") }
}
