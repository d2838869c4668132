//! What a token's refusals mean to people. The words are those of `card`; each gets its stable name for programs here.

use wire::{
    apdu::StatusWord,
    reason::Reason,
    shield::{Information, status},
};

use crate::failure::Failure;

impl From<card::Error> for Failure {
    fn from(error: card::Error) -> Self {
        let card::Account { what, why, next } = error.account();
        let reason = reason(&error);
        let (what, why) = match (why, error.status()) {
            (Some(why), _) => (what, why.into()),
            (None, Some(word)) => (what, format!("the token answered with status {word}")),
            // The card's one text says why; what became of the command is said before it.
            (None, None) => (unreached(reason).into(), what.into_owned()),
        };
        Failure::of(reason, what, why, next.map_or_else(|| otherwise(reason).into(), String::from))
    }
}

/// What a command was to do, and why the card did not do it, with what to do next.
pub fn explain(what: impl Into<String>, error: &card::Error) -> Failure {
    let account = error.account();
    let why = match error.status() {
        Some(word) => format!("{} (SW {word})", account.what),
        None => account.what.into(),
    };
    let reason = reason(error);
    Failure::of(reason, what, why, account.next.map_or_else(|| otherwise(reason).into(), String::from))
}

/// Refuses, before anybody is asked for a PIN, a token that would refuse to work afterwards: it is faulty, its PIN is locked or the
/// factory's, or everybody knows its PUK.
///
/// # Errors
/// The first of these, in the words with which the token's own refusal is told.
pub fn ready(information: &Information) -> Result<(), Failure> {
    information.refusal().map_or(Ok(()), |word| Err(card::Error::Refused(word).into()))
}

/// What happened, of an error that the card gives no status word for.
const fn unreached(reason: Reason) -> &'static str {
    match reason {
        Reason::TokenGone => "the token is gone",
        Reason::TokenRefused => "the token's answer was not understood",
        Reason::Invalid => "nothing was sent to the token",
        _ => "the token was not reached",
    }
}

/// What to do next where the card's text says so itself: the step after that.
const fn otherwise(reason: Reason) -> &'static str {
    match reason {
        Reason::Invalid => "correct that, then run the same command again",
        _ => "check with `ushield ls` that the token is plugged in, then run the same command again",
    }
}

/// The reason behind a card's error.
fn reason(error: &card::Error) -> Reason {
    match (error.status(), error) {
        (Some(word), _) => reason_of(word),
        (None, card::Error::Busy) => Reason::TokenBusy,
        (None, card::Error::Nonsense(_)) => Reason::TokenRefused,
        (None, card::Error::Invalid(_) | card::Error::Settings(_) | card::Error::Ambiguous(_)) => {
            Reason::Invalid
        }
        (None, _) => Reason::TokenGone,
    }
}

/// The reason behind a status word. Sources: ISO 7816-4, table 6; docs/shield-applet.md.
fn reason_of(word: StatusWord) -> Reason {
    if word.tries().is_some_and(|left| left > 0) {
        return Reason::SecretWrong;
    }
    match word {
        StatusWord::BLOCKED | StatusWord(0x63C0) => Reason::PinBlocked,
        status::CANCELLED => Reason::Cancelled,
        status::TIMED_OUT => Reason::TimedOut,
        status::FACTORY_PIN | status::KNOWN_PUK => Reason::FactoryPin,
        status::CANNOT_SHOW | status::NO_ROOM => Reason::CannotShow,
        status::NOT_PENDING => Reason::WrongKey,
        StatusWord::NO_MEMORY | StatusWord::MEMORY_FAILURE | StatusWord::FAULT => Reason::TokenFault,
        _ => Reason::TokenRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_name_and_says_what_to_do() {
        for (word, code, next) in [
            (0x63C5, "pin-wrong", "right PIN"),
            (0x63C0, "pin-blocked", "ushield pin unblock"),
            (0x6983, "pin-blocked", "ushield pin unblock"),
            (0x9D01, "cancelled", "press OK"),
            (0x9D03, "factory-pin", "ushield pin change"),
            (0x9D05, "wrong-key", "cert-tool enrol"),
            (0x6A99, "token-refused", "plug it in"),
        ] {
            let error = card::Error::Refused(StatusWord(word));
            let explained = explain("no", &error);
            let failure = Failure::from(error);
            assert_eq!((explained.code(), failure.code()), (Some(code), Some(code)), "{word:04X}");
            assert_eq!(explained.hint(), failure.hint(), "{word:04X}");
            assert!(failure.hint().is_some_and(|hint| hint.contains(next)), "{word:04X}: {failure}");
            // Both ways of telling it have the same words.
            assert!(explained.why().is_some_and(|why| why.starts_with(failure.what())), "{explained}");
        }
        assert_eq!(Failure::from(card::Error::Busy).code(), Some("token-busy"));
    }

    /// Whatever the card's error, people are told what to do next.
    #[test]
    fn each_error_says_what_to_do_next() {
        let gone = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let errors = || {
            [
                card::Error::PukRefused(StatusWord(0x63C2)),
                card::Error::Slot(card::SlotError::Mute),
                card::Error::Stalled,
                card::Error::Broken(gone()),
                card::Error::TimedOut("x"),
                card::Error::Nonsense(wire::Malformed::new("x", "y")),
                card::Error::Busy,
                card::Error::WasReset,
                card::Error::Disturbed,
                card::Error::NotFound("x".into()),
                card::Error::Ambiguous("x".into()),
                card::Error::Forbidden("x".into()),
                card::Error::Settings("x".into()),
                card::Error::Invalid("x"),
            ]
        };
        for error in errors() {
            let explained = explain("no", &error);
            assert!(explained.hint().is_some() && explained.why().is_some(), "{explained}");
        }
        for failure in errors().map(Failure::from) {
            assert!(failure.hint().is_some() && failure.why().is_some(), "{failure}");
        }
    }
}
