//! The two certificates of a personal ID, and what each may do.

use const_oid::{ObjectIdentifier, db::rfc5280::ID_KP_CLIENT_AUTH};
use wire::{payment::PAYMENT_PURPOSE, piv::Slot, shield::Container};
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

/// Days that a customer's certificate is valid where nobody says otherwise.
pub const DAYS: u32 = 365;

/// One of the two certificates of a personal ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// For the payment key: signs payment orders and nothing else.
    Payment,
    /// For PIV's 9A: client authentication, for TLS and ssh.
    Authentication,
}

impl Kind {
    /// Both, in the order in which they are made.
    pub const ALL: [Self; 2] = [Self::Payment, Self::Authentication];

    /// Where it lives on the token.
    pub const fn container(self) -> Container {
        match self {
            Self::Payment => Container::Payment,
            Self::Authentication => Container::Piv(Slot::Authentication),
        }
    }

    /// The name that people see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Authentication => "authentication",
        }
    }

    /// The one extended key usage (RFC 5280, 4.2.1.12).
    pub const fn purpose(self) -> ObjectIdentifier {
        match self {
            Self::Payment => PAYMENT_PURPOSE,
            Self::Authentication => ID_KP_CLIENT_AUTH,
        }
    }

    /// The key usage (RFC 5280, 4.2.1.3).
    pub fn usage(self) -> KeyUsage {
        KeyUsage(match self {
            Self::Payment => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
            Self::Authentication => KeyUsages::DigitalSignature.into(),
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
