//! Reading certificates: what `show` tells, and what enrolment checks before and after it installs one.

use const_oid::{
    AssociatedOid, ObjectIdentifier,
    db::{
        rfc4519::{CN, O, ORGANIZATIONAL_UNIT_NAME as OU, SERIAL_NUMBER},
        rfc5280::ID_KP_CLIENT_AUTH,
    },
};
use der::{Decode, Encode};
use time::OffsetDateTime;
use wire::{payment::PAYMENT_PURPOSE, pkix::begins_before_1970};
use x509_cert::{
    ext::pkix::{BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage},
    name::Name,
    spki::AlgorithmIdentifierOwned,
};

use crate::{Error, Reason, certificate_kind::Kind, signature::PublicKey, subject::Subject};

/// The extensions that are looked at.
const UNDERSTOOD: [ObjectIdentifier; 4] =
    [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, CrlDistributionPoints::OID];

/// A certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The bytes it was read from, DER.
    pub der: Vec<u8>,
    /// The serial number in upper-case hexadecimal, as openssl prints it.
    pub serial: String,
    /// The subject: type and text of each attribute, in order.
    pub subject: Vec<(ObjectIdentifier, String)>,
    /// The issuer, likewise.
    pub issuer: Vec<(ObjectIdentifier, String)>,
    /// The first moment of its validity.
    pub not_before: OffsetDateTime,
    /// The last moment of its validity.
    pub not_after: OffsetDateTime,
    /// The key usages by their names in RFC 5280, 4.2.1.3.
    pub usages: Vec<&'static str>,
    /// The extended key usages.
    pub purposes: Vec<ObjectIdentifier>,
    /// Whether it has a CRL distribution point.
    pub crl_pointed_at: bool,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    authority: bool,
    unknown_critical: bool,
    signed: Vec<u8>,
    signature: Vec<u8>,
    algorithm: AlgorithmIdentifierOwned,
}

impl Certificate {
    /// Reads one certificate, PEM or DER.
    ///
    /// # Errors
    /// [`Reason::Damaged`]: anything else; [`Reason::Invalid`]: one that begins before 1970.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let der = pem_or_der("CERTIFICATE", bytes)?;
        Self::read(&der).ok_or_else(|| match begins_before_1970(&der) {
            true => Error::new(
                Reason::Invalid,
                "the certificate was not read",
                "it begins before 1970, and times before 1970 are not understood here",
                "have its CA issue one that begins later",
            ),
            false => damaged("certificate", "it is not the DER of one X.509 certificate"),
        })
    }

    fn read(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        if certificate.to_der().ok()? != der {
            return None;
        }
        let tbs = certificate.tbs_certificate();
        let usages =
            tbs.get_extension::<KeyUsage>().ok()?.map_or(Vec::new(), |(_, usage)| usage_names(&usage));
        let purposes = tbs.get_extension::<ExtendedKeyUsage>().ok()?.map_or(Vec::new(), |(_, eku)| eku.0);
        let time = |time: x509_cert::time::Time| {
            OffsetDateTime::from_unix_timestamp(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
        };
        Some(Self {
            serial: hex(tbs.serial_number().as_bytes()),
            subject: attributes(tbs.subject()),
            issuer: attributes(tbs.issuer()),
            not_before: time(tbs.validity().not_before)?,
            not_after: time(tbs.validity().not_after)?,
            usages,
            purposes,
            crl_pointed_at: tbs.get_extension::<CrlDistributionPoints>().ok()?.is_some(),
            public_key: tbs.subject_public_key_info().to_der().ok()?,
            authority: tbs.get_extension::<BasicConstraints>().ok()?.is_some_and(|(_, found)| found.ca),
            unknown_critical: tbs.extensions().is_some_and(|all| {
                all.iter().any(|extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id))
            }),
            signed: tbs.to_der().ok()?,
            signature: certificate.signature().as_bytes()?.to_vec(),
            algorithm: certificate.signature_algorithm().clone(),
            der: der.to_vec(),
        })
    }

    /// Whether `issuer` is named in this certificate and signed it, with a key of an algorithm that is certified here.
    pub fn issued_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
            && PublicKey::parse(&issuer.public_key)
                .is_some_and(|key| key.verify(&self.algorithm, &self.signed, &self.signature))
    }

    /// Whether it is a CA's: basic constraints and key usage say that it signs certificates (RFC 5280, 4.2.1.9).
    pub fn is_authority(&self) -> bool {
        self.authority && self.usages.contains(&"keyCertSign")
    }

    /// Whether something in it must be understood and is not (RFC 5280, 4.2).
    pub const fn has_unknown_critical_extension(&self) -> bool {
        self.unknown_critical
    }

    /// Whether it is valid at this moment.
    pub fn valid_at(&self, moment: OffsetDateTime) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }

    /// The subject, when it is that of a personal certificate of this kind of CA.
    pub fn holder(&self) -> Option<Subject> {
        Subject::from_attributes(&self.subject)
    }

    /// Whether it has exactly this kind's extended key usage and key usages.
    pub fn is_of(&self, kind: Kind) -> bool {
        let usages: &[&str] = match kind {
            Kind::Payment => &["digitalSignature", "nonRepudiation"],
            Kind::Authentication => &["digitalSignature"],
        };
        self.purposes == [kind.purpose()] && self.usages == usages
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }
}

/// A name for people: `O=…, OU=…, CN=…, serialNumber=…`.
pub fn display_name(attributes: &[(ObjectIdentifier, String)]) -> String {
    let one = |(oid, text): &(ObjectIdentifier, String)| {
        let label = match *oid {
            O => "O".into(),
            OU => "OU".into(),
            CN => "CN".into(),
            SERIAL_NUMBER => "serialNumber".into(),
            other => other.to_string(),
        };
        format!("{label}={text}")
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// An extended key usage for people.
pub fn display_purpose(purpose: ObjectIdentifier) -> String {
    match purpose {
        PAYMENT_PURPOSE => format!("payment ({purpose})"),
        ID_KP_CLIENT_AUTH => "clientAuth".into(),
        other => other.to_string(),
    }
}

/// The DER in `bytes`: PEM with this label, or DER already.
///
/// # Errors
/// [`Reason::Damaged`]: PEM of another label, or damaged.
pub fn pem_or_der(label: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    match der::pem::decode_vec(bytes) {
        Ok((found, der)) if found == label => Ok(der),
        // Other tools say NEW (RFC 7468, 7).
        Ok((found, der)) if found.strip_prefix("NEW ") == Some(label) => Ok(der),
        Ok((found, _)) => Err(damaged(label, format!("it is a {found}"))),
        Err(fault) => Err(damaged(label, format!("it is neither DER nor PEM ({fault})"))),
    }
}

/// PEM with this label.
pub fn pem(label: &'static str, der: &[u8]) -> String {
    // The label is one of ours and the length fits memory: there is nothing else to fail on.
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap_or_default()
}

/// Upper-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn attributes(name: &Name) -> Vec<(ObjectIdentifier, String)> {
    name.iter().map(|attribute| (attribute.oid, text(&attribute.value))).collect()
}

/// The text of an attribute, or its bytes in hexadecimal when it is no text.
fn text(value: &der::asn1::Any) -> String {
    use der::{Tag, Tagged};
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => std::str::from_utf8(value.value()).ok(),
        _ => None,
    };
    text.map_or_else(|| format!("#{}", hex(&value.to_der().unwrap_or_default())), String::from)
}

fn usage_names(usage: &KeyUsage) -> Vec<&'static str> {
    [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

fn damaged(what: &str, why: impl Into<String>) -> Error {
    let what = format!("the {} was not read", what.to_lowercase());
    Error::new(Reason::Damaged, what, why.into(), "name the right file, or make it anew")
}
