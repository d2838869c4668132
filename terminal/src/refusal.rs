//! What a token's refusals mean to people.

use wire::{apdu::StatusWord, pin::FACTORY_PUK, shield::status};

use crate::{failure::Failure, reason::Reason};

impl From<card::Error> for Failure {
    fn from(error: card::Error) -> Self {
        match error {
            card::Error::Refused(word) | card::Error::PukRefused(word) => refused(word),
            card::Error::Busy => busy(),
            card::Error::Nonsense(fault) => not_understood(fault.to_string()),
            other => gone(other.to_string()),
        }
    }
}

/// What a command was to do, and why the card did not do it: the card's own text says why, and what to do next.
pub fn explain(what: impl Into<String>, error: &card::Error) -> Failure {
    Failure::new(what).coded(reason(error).code()).because(error)
}

/// The reason behind a card's error.
fn reason(error: &card::Error) -> Reason {
    match (error.status(), error) {
        (Some(word), _) => account(word).0,
        (None, card::Error::Busy) => Reason::TokenBusy,
        (None, card::Error::Nonsense(_)) => Reason::TokenRefused,
        (None, card::Error::Invalid(_) | card::Error::Settings(_) | card::Error::Ambiguous(_)) => {
            Reason::Invalid
        }
        (None, _) => Reason::TokenGone,
    }
}

/// The line to the token broke, or the token is unplugged.
pub fn gone(why: String) -> Failure {
    Reason::TokenGone.failure("the token is gone", why, "plug the token in and run the same command again")
}

/// Another program holds the token.
pub fn busy() -> Failure {
    Reason::TokenBusy.failure(
        "the token was not reached",
        "the token is in use by another program",
        "end the other program (a kernel that attached the token, another cert-tool) and run this one again",
    )
}

/// The token's answer breaks the standard.
pub fn not_understood(why: String) -> Failure {
    Reason::TokenRefused.failure(
        "the token's answer was not understood",
        why,
        "unplug the token, plug it in and run the same command again",
    )
}

/// The token refused with this status word.
pub fn refused(word: StatusWord) -> Failure {
    if let Some(left) = word.tries().filter(|left| *left > 0) {
        let tries = if left == 1 { "1 try".into() } else { format!("{left} tries") };
        return Reason::PinWrong.failure(
            format!("wrong PIN: {tries} left"),
            format!("the token said {word}"),
            "run the same command with the right PIN; after the last wrong try the token locks",
        );
    }
    match word {
        status::FACTORY_PIN => factory_pin(),
        status::KNOWN_PUK => known_puk(),
        _ => {
            let (reason, what, next) = account(word);
            reason.failure(what, format!("it answered with status {word}"), next)
        }
    }
}

/// The reason behind a status word, what happened, and what to do next. Sources: ISO 7816-4, table 6;
/// docs/shield-applet.md.
fn account(word: StatusWord) -> (Reason, &'static str, &'static str) {
    if word.tries().is_some_and(|left| left > 0) {
        return (Reason::PinWrong, "wrong PIN", "run the same command with the right PIN");
    }
    match word {
        StatusWord::BLOCKED | StatusWord(0x63C0) => (
            Reason::PinBlocked,
            "the PIN is locked: no try is left",
            "have the token unblocked at the bank's counter (ushield pin unblock, with the PUK)",
        ),
        status::CANCELLED => {
            (Reason::Cancelled, "Cancel was pressed on the token", "run the same command again, and press OK")
        }
        status::TIMED_OUT => (
            Reason::TimedOut,
            "nobody pressed a button on the token in time",
            "run the same command again, and press OK once the screen shows the request",
        ),
        status::FACTORY_PIN | status::KNOWN_PUK => (
            Reason::FactoryPin,
            "the token's PIN or PUK is one that others know",
            "change it: ushield pin change",
        ),
        status::CANNOT_SHOW => (
            Reason::CannotShow,
            "the token cannot show the subject honestly, so it did not sign",
            "take a name without control or zero-width characters, in one script, without letters that pass for others",
        ),
        status::NO_ROOM => (
            Reason::CannotShow,
            "the token's screen has no room for the subject, so it did not sign",
            "use a token with a larger screen",
        ),
        status::NOT_PENDING => (
            Reason::WrongKey,
            "the token did not take the certificate: it is not for the key that waits there",
            "run cert-tool enrol, which makes key, request and certificate anew",
        ),
        StatusWord::NO_MEMORY | StatusWord::MEMORY_FAILURE => (
            Reason::TokenFault,
            "the token could not store what it was given",
            "make room where the token keeps its state, and run the same command again",
        ),
        StatusWord::FAULT => (
            Reason::TokenFault,
            "the token reports a fault of its own",
            "unplug it and plug it in; if it stays so, it has to be replaced",
        ),
        StatusWord::CONDITIONS_NOT_SATISFIED => (
            Reason::TokenRefused,
            "the token refused this use of the key",
            "run the same command again; if it stays so, run cert-tool show and ask the bank",
        ),
        _ => (
            Reason::TokenRefused,
            "the token refused",
            "unplug the token, plug it in and run the same command again",
        ),
    }
}

/// The factory PIN works for nothing but being changed.
pub fn factory_pin() -> Failure {
    Reason::FactoryPin.failure(
        "the token still has its factory PIN",
        "the payment key works only once the holder has chosen a PIN",
        "ushield pin change, then run the same command again",
    )
}

/// After a reset the PUK is one that everybody knows.
pub fn known_puk() -> Failure {
    Reason::FactoryPin.failure(
        "the token has the PUK that a reset gives, which everybody knows",
        "whoever knows the PUK can set a PIN and pay, so the payment key works only once the PUK was changed",
        format!("ushield pin change --puk (it is {FACTORY_PUK} now), then run the same command again"),
    )
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
            assert_eq!(explain("no", &error).code(), Some(code), "{word:04X}");
            let failure = Failure::from(error);
            assert_eq!(failure.code(), Some(code), "{word:04X}");
            assert!(failure.to_string().contains(next), "{word:04X}: {failure}");
        }
        assert_eq!(Failure::from(card::Error::Busy).code(), Some("token-busy"));
    }
}
