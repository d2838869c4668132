//! How far enrolment is. A program prints each step as a line; another caller does with the steps what it likes.

use std::fmt;

use authority::{certificate::Certificate, certificate_kind::Kind, moment, subject::Subject};
use wire::shield::Information;

/// A step of enrolment; its `Display` is the line that people read.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A token answered.
    Found(&'a Information),
    /// It has a good ID of that person already: nothing is done.
    Kept(&'a Subject),
    /// The PIN was right.
    PinVerified,
    /// A pending key was made on the token.
    Generated(Kind),
    /// The token attests that it made the key, and its factory's CA vouches for the token.
    Attested(Kind),
    /// The token is about to sign the request; when `shown`, its screen waits for OK.
    Signing {
        /// Which of the two.
        kind: Kind,
        /// What the screen shows.
        subject: &'a Subject,
        /// Whether the token shows it and waits.
        shown: bool,
    },
    /// The CA issued a certificate, and it is what was asked for.
    Issued(Kind, &'a Certificate),
    /// Both certificates are on their way to the token. When `shown`, its screen asks for OK: they take the place of an ID.
    Installing {
        /// The new payment certificate.
        payment: &'a Certificate,
        /// Whether the token shows it and waits.
        shown: bool,
    },
    /// Both were read back and are the same.
    Compared,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(token) => write!(f, "token {} {} found", token.brand, token.serial),
            Self::Kept(subject) => write!(f, "it has a good personal ID of {subject}: nothing to do"),
            Self::PinVerified => f.write_str("PIN verified"),
            Self::Generated(kind) => write!(f, "{kind} key made on the token (pending)"),
            Self::Attested(kind) => {
                write!(f, "{kind} key attested: made on this token, a token of the factory")
            }
            Self::Signing { kind, subject, shown: true } => {
                write!(f, "{kind} request for {subject}: compare the token's screen, then press OK on it")
            }
            Self::Signing { kind, .. } => write!(f, "{kind} request: signed on the token"),
            Self::Issued(kind, certificate) => write!(
                f,
                "{kind} certificate {} issued, valid until {}",
                certificate.serial,
                moment::display(certificate.not_after)
            ),
            Self::Installing { payment, shown: true } => write!(
                f,
                "installing in place of the former ID: compare the token's screen (certificate number {}), \
                 then press OK on it",
                payment.serial
            ),
            Self::Installing { .. } => f.write_str("installing in one command"),
            Self::Compared => f.write_str("read back and compared: the new personal ID is on the token"),
        }
    }
}

/// Who wants to know.
pub trait Progress {
    /// A step was reached.
    fn step(&mut self, step: &Step<'_>);
}

impl<F: FnMut(&Step<'_>)> Progress for F {
    fn step(&mut self, step: &Step<'_>) {
        self(step);
    }
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _step: &Step<'_>) {}
}
