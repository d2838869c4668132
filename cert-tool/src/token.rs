//! The token as enrolment sees it, and what its refusals mean to people.

mod shield;
#[cfg(test)]
pub(crate) mod soft;

use wire::{
    Malformed,
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    pin::FACTORY_PUK,
    piv::PublicKey,
    shield::{Container, Information, status},
};

use crate::{Error, Reason, attestation::Attestation};

/// What a token does for enrolment. Each call is one command of the shield applet (docs/shield-applet.md).
pub trait Token {
    /// GET INFORMATION.
    ///
    /// # Errors
    /// The line broke, or the token refused.
    fn information(&mut self) -> Result<Information, Fault>;

    /// VERIFY with the PIN; the proof is spent by the next use of the payment key.
    ///
    /// # Errors
    /// As above; `63Cx` tells the tries left.
    fn verify(&mut self, pin: &[u8]) -> Result<(), Fault>;

    /// GENERATE a pending P-256 key: its public key, tag 7F49. The key in use stays as it is.
    ///
    /// # Errors
    /// As above.
    fn generate(&mut self, container: Container) -> Result<Vec<u8>, Fault>;

    /// SIGN REQUEST: the signature (DER) over the whole CertificationRequestInfo by the pending key.
    ///
    /// # Errors
    /// As above; Cancel and time-out have status words of their own.
    fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Fault>;

    /// INSTALL CERTIFICATES: all of them with their pending keys, or none.
    ///
    /// # Errors
    /// As above. When the line broke, either may be the case.
    fn install(&mut self, certificates: &[(Container, &[u8])]) -> Result<(), Fault>;

    /// The certificate in use, DER.
    ///
    /// # Errors
    /// As above.
    fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Fault>;

    /// The pending public key, tag 7F49.
    ///
    /// # Errors
    /// As above.
    fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Fault>;

    /// ATTEST of the pending key; `None` from a token that cannot attest.
    ///
    /// # Errors
    /// As above.
    fn attest_pending(&mut self, container: Container) -> Result<Option<Attestation>, Fault>;
}

/// Why a token did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It said no.
    #[error("the token refused with status {0}")]
    Refused(StatusWord),
    /// The line broke: unplugged, powered off, or the road to it is gone.
    #[error("{0}")]
    Gone(String),
    /// Somebody else holds it.
    #[error("the token is in use by another program")]
    Busy,
    /// What it said breaks the standard.
    #[error("{0}")]
    Nonsense(String),
}

impl From<Malformed> for Fault {
    fn from(fault: Malformed) -> Self {
        Self::Nonsense(fault.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let (reason, what, why, next): (_, &str, String, &str) = match &fault {
            Fault::Refused(word) => return refusal(*word),
            Fault::Gone(why) => (
                Reason::TokenGone,
                "the token is gone",
                why.clone(),
                "plug the token in and run the same command again",
            ),
            Fault::Busy => (
                Reason::TokenBusy,
                "the token was not reached",
                fault.to_string(),
                "end the other program (a kernel that attached it, another cert-tool) and run this one again",
            ),
            Fault::Nonsense(why) => (
                Reason::TokenRefused,
                "the token's answer was not understood",
                why.clone(),
                "unplug the token, plug it in and run the same command again",
            ),
        };
        Self::new(reason, what, why, next)
    }
}

/// What a status word means to people.
fn refusal(word: StatusWord) -> Error {
    if let Some(left) = word.tries().filter(|left| *left > 0) {
        let tries = if left == 1 { "1 try".into() } else { format!("{left} tries") };
        let what = format!("wrong PIN: {tries} left");
        let next = "run the same command with the right PIN; after the last wrong try the token locks";
        return Error::new(Reason::PinWrong(Some(left)), what, format!("the token said {word}"), next);
    }
    let (reason, what, next) = match word {
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
        status::FACTORY_PIN => return factory_pin(),
        status::KNOWN_PUK => return known_puk(),
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
    };
    Error::new(reason, what, format!("it answered with status {word}"), next)
}

/// The factory PIN works for nothing but being changed.
pub(crate) fn factory_pin() -> Error {
    Error::new(
        Reason::FactoryPin,
        "the token still has its factory PIN",
        "the payment key works only once the holder has chosen a PIN",
        "ushield pin change, then run the same command again",
    )
}

/// After a reset the PUK is one that everybody knows.
pub(crate) fn known_puk() -> Error {
    Error::new(
        Reason::FactoryPin,
        "the token has the PUK that a reset gives, which everybody knows",
        "whoever knows the PUK can set a PIN and pay, so the payment key works only once it was changed",
        format!("ushield pin change --puk (it is {FACTORY_PUK} now), then run the same command again"),
    )
}

/// The P-256 point in a public key template (tag 7F49), uncompressed, 65 bytes.
pub(crate) fn point(template: &[u8]) -> Result<Vec<u8>, Fault> {
    match PublicKey::parse(KeyAlgorithm::P256, template)? {
        PublicKey::Point { point, .. } => Ok(point.to_vec()),
        PublicKey::Rsa { .. } => {
            Err(Fault::Nonsense("the token's public key is not a point of P-256".into()))
        }
    }
}
