//! Whether a key was made on a token: the token's statement, checked up to its factory's CA.
//!
//! ```text
//! factory CA  ──signs──▸  the token's certificate  ──signs──▸  the statement: a certificate for the key
//! ```
//!
//! Source of the bytes: `wire::attest`. A key made in software has no such chain, whatever its request says.

#[cfg(any(test, feature = "fixtures"))]
pub mod maker;
mod factory;

use std::path::Path;

use const_oid::db::rfc4519::SERIAL_NUMBER;
use der::Decode;
use time::OffsetDateTime;
use wire::{
    attest::{ALGORITHM, KEY_DESCRIPTION, KeyDescription, Origin, Pin},
    shield::Container,
};

pub use self::factory::{Factory, TEST_BRAND};
use crate::{
    Error, Reason,
    certificate::{self, Certificate, display_name},
    moment,
    signature::PublicKey,
};

/// What a token says of a key, and the certificate of the key that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The statement, DER.
    pub statement: Vec<u8>,
    /// The token's own certificate, DER.
    pub token: Vec<u8>,
}

impl Attestation {
    /// Reads what [`Self::pem`] wrote: two certificates in PEM, the statement first.
    ///
    /// # Errors
    /// [`Reason::Damaged`]: anything else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = file::read(path)?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
            Error::new(
                Reason::Damaged,
                format!("the attestation {} was not read", path.display()),
                "it is not two certificates in PEM: the statement, then the token's own",
                "make it with cert-tool request --attestation FILE",
            )
        })
    }

    /// Two certificates in PEM, the statement first. [`None`]: anything else.
    pub fn parse(text: &str) -> Option<Self> {
        const END: &str = "-----END CERTIFICATE-----";
        let one = |pem: &str| {
            certificate::pem_or_der("CERTIFICATE", format!("{}{END}\n", pem.trim_start()).as_bytes()).ok()
        };
        match text.split(END).collect::<Vec<_>>()[..] {
            [statement, token, rest] if rest.trim().is_empty() => {
                Some(Self { statement: one(statement)?, token: one(token)? })
            }
            _ => None,
        }
    }

    /// Both certificates in PEM, the statement first.
    pub fn pem(&self) -> String {
        [&self.statement, &self.token].map(|der| certificate::pem("CERTIFICATE", der)).concat()
    }
}

/// What must be attested.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose key it is.
    pub container: Container,
    /// The key, SubjectPublicKeyInfo in DER.
    pub public_key: &'a [u8],
    /// The serial number of the token, where it is known.
    pub serial: Option<&'a str>,
}

/// Checks that a token of this factory says of the key that it was made on it.
///
/// # Errors
/// [`Reason::NotAttested`], with the first rule broken; without an attestation too.
pub fn check(
    factory: &Factory,
    attestation: Option<&Attestation>,
    expected: &Expected<'_>,
) -> Result<(), Error> {
    check_at(factory, attestation, expected, moment::now())
}

/// As [`check`], by the clock of whoever asks.
///
/// # Errors
/// As [`check`].
pub fn check_at(
    factory: &Factory,
    attestation: Option<&Attestation>,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let why = match attestation {
        Some(attestation) => judge(factory, attestation, expected, now).err(),
        None => Some(
            "nothing attests it: it was made in software, or on a token that cannot attest its keys".into(),
        ),
    };
    match why {
        None => Ok(()),
        Some(why) => Err(Error::new(
            Reason::NotAttested,
            format!(
                "the {} key was refused: it is not shown to have been made on a token",
                expected.container.name()
            ),
            why,
            "enrol with a token of the factory whose CA is trusted here (--factory-ca FILE names another CA; \
             cert-tool factory-ca --brand BRAND writes that of a test brand)",
        )),
    }
}

fn judge(
    factory: &Factory,
    attestation: &Attestation,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<(), String> {
    let root = factory.certificate();
    let token = read(&attestation.token, "the token's certificate")?;
    let statement = read(&attestation.statement, "the token's statement")?;
    let description = describe(&attestation.statement)?;
    let serial = attribute(&token);
    let issued = format!(
        "the token's certificate is not signed by the factory CA that is trusted here (“{}”), but by “{}”",
        display_name(&root.subject),
        display_name(&token.issuer),
    );
    let rules = [
        (token.issued_by(root), &*issued),
        (
            attests(&token),
            "the token's attestation key is of another algorithm than those of tokens' factories",
        ),
        (token.is_authority(), "the token's certificate is not one that signs statements"),
        (statement.issued_by(&token), "the statement is not signed by the token's attestation key"),
        (!statement.is_authority(), "the statement is a CA's certificate"),
        (
            [root, &token, &statement].iter().all(|certificate| certificate.valid_at(now)),
            "a certificate of the chain is not valid now",
        ),
        (statement.public_key == expected.public_key, "the statement is about another key"),
        (description.origin == Origin::Generated, "the key came from outside, and was not made on the token"),
        (
            description.container == expected.container.reference(),
            "the statement is about a key in another container",
        ),
        // GM/T 0027 9.2 c.
        (
            expected.container != Container::Payment || description.pin == Pin::Always,
            "the key does not want the PIN each time",
        ),
        (
            expected.serial.is_none_or(|expected| serial == Some(expected)),
            "the statement is another token's: the serial numbers differ",
        ),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        None => Ok(()),
        Some((_, why)) => Err(why.into()),
    }
}

/// Whether a key is one that factories and tokens attest with, whatever the algorithm of the keys that they attest.
fn attests(certificate: &Certificate) -> bool {
    PublicKey::parse(&certificate.public_key).is_some_and(|key| key.algorithm == ALGORITHM)
}

fn read(der: &[u8], what: &str) -> Result<Certificate, String> {
    let certificate = Certificate::parse(der)
        .map_err(|fault| format!("{what} is no certificate that can be read here: {}", fault.why()))?;
    if certificate.has_unknown_critical_extension() {
        return Err(format!("{what} has a critical extension that is not understood here"));
    }
    Ok(certificate)
}

/// The token's serial number, from its certificate's subject.
fn attribute(token: &Certificate) -> Option<&str> {
    token.subject.iter().find(|(kind, _)| *kind == SERIAL_NUMBER).map(|(_, text)| &**text)
}

fn describe(statement: &[u8]) -> Result<KeyDescription, String> {
    let certificate =
        x509_cert::Certificate::from_der(statement).map_err(|_| "the statement is no certificate")?;
    let extensions = certificate.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
    let mut found = extensions.iter().filter(|extension| extension.extn_id == KEY_DESCRIPTION);
    match (found.next(), found.next()) {
        (Some(extension), None) => KeyDescription::parse(extension.extn_value.as_bytes())
            .map_err(|_| "the statement's key description is not understood".into()),
        _ => Err("the statement does not say where the key comes from".into()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
