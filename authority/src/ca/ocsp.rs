//! Answers on the status of certificates, from a delegated responder. Source: RFC 6960; RFC 9654 for the nonce.
//!
//! The responder's key is made when the responder is, and dies with it: the CA certifies it for some days, for this purpose and without
//! revocation of its own (id-pkix-ocsp-nocheck).

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use der::{
    Any, Decode, Encode, Sequence,
    asn1::{GeneralizedTime, Int, ObjectIdentifier, OctetString},
};
use time::{Duration, OffsetDateTime};
use x509_cert::{
    ext::{
        Extension, Extensions,
        pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages},
    },
    spki::AlgorithmIdentifierOwned,
};

use super::{
    sign::{
        SKEW,
        build::{self, Content, broken, extension, key_identifier, own_identifier},
        serial,
    },
    signer::Signer,
    signers::Signers,
};
use crate::{
    Error,
    certificate::hex,
    certificate_kind::Kind,
    index::Revocation,
    signature::{PrivateKey, PublicKey},
    subject::name,
};
use const_oid::db::rfc4519::{CN, O};

/// The longest request that is looked at, and the most certificates that one asks about.
const MAX_REQUEST: usize = 8 << 10;
const MAX_ASKED: usize = 32;
/// The responder's certificate is good for so long.
const LIFE: Duration = Duration::days(30);

const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const SHA1_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

#[derive(Sequence)]
struct OcspRequest {
    tbs: TbsRequest,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    signature: Option<Any>,
}

#[derive(Sequence)]
struct TbsRequest {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    version: Option<u8>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    requestor: Option<Any>,
    requests: Vec<Request>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Sequence)]
struct Request {
    id: CertId,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Clone, Sequence)]
struct CertId {
    hash: AlgorithmIdentifierOwned,
    name: OctetString,
    key: OctetString,
    serial: Int,
}

/// What a request asks.
pub struct Asked {
    ids: Vec<CertId>,
    nonce: Option<Extension>,
}

/// What the CA's books say of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was issued and is not revoked.
    Good,
    /// It was revoked, when and why.
    Revoked(OffsetDateTime, Revocation),
    /// No such certificate was issued.
    Unknown,
}

/// The answer to what is no request (RFC 6960, 4.2.1: malformedRequest, without a signature).
pub const MALFORMED: [u8; 5] = [0x30, 0x03, 0x0A, 0x01, 0x01];

/// A delegated responder for one issuer of a CA.
pub struct Responder {
    key: PrivateKey,
    certificate: Vec<u8>,
    issuer: Names,
    until: OffsetDateTime,
}

/// What identifiers of certificates name an issuer by.
struct Names {
    /// DER.
    name: Vec<u8>,
    /// The bits of its key.
    key: Vec<u8>,
}

impl Names {
    fn of(signer: &Signer) -> Result<Self, Error> {
        let key = PublicKey::parse(&signer.certificate.public_key).ok_or_else(|| broken("the CA's key"))?;
        let name = own_identifier(&signer.certificate)?.0.to_der().map_err(broken)?;
        Ok(Self { name, key: key.point })
    }

    /// Whether an identifier names this issuer, by SHA-1 or SHA-256 of its name and key.
    fn are_in(&self, id: &CertId) -> bool {
        let with = |algorithm: &'static Algorithm| {
            digest(algorithm, &self.name).as_ref() == id.name.as_bytes()
                && digest(algorithm, &self.key).as_ref() == id.key.as_bytes()
        };
        match id.hash.oid {
            SHA1_ID => with(&SHA1_FOR_LEGACY_USE_ONLY),
            SHA256_ID => with(&SHA256),
            _ => false,
        }
    }
}

impl Signers {
    /// Whether a question is about a certificate that the issuer of this kind has issued, or could have.
    ///
    /// # Errors
    /// A file of the CA is none.
    pub fn is_asked(&self, kind: Kind, asked: &Asked) -> Result<bool, Error> {
        let names = Names::of(self.of(kind))?;
        Ok(asked.ids.iter().any(|id| names.are_in(id)))
    }

    /// A new responder for certificates of this kind.
    ///
    /// # Errors
    /// The system gives no randomness, or a file of the CA is none.
    pub fn responder(&self, kind: Kind, now: OffsetDateTime) -> Result<Responder, Error> {
        let signer = self.of(kind);
        let key = PrivateKey::generate(signer.key.public().algorithm)?;
        let until = (now + LIFE).min(signer.certificate.not_after);
        let certificate = delegate(signer, &key, self.organisation(), now, until)?;
        Ok(Responder { key, certificate, issuer: Names::of(signer)?, until })
    }
}

fn delegate(
    signer: &Signer,
    key: &PrivateKey,
    organisation: &str,
    now: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let (issuer, authority) = own_identifier(&signer.certificate)?;
    let null = OctetString::new([0x05, 0x00]).map_err(broken)?;
    let content = Content {
        serial: serial()?,
        issuer,
        subject: name(&[(O, organisation.to_owned()), (CN, "OCSP responder".to_owned())])?,
        from: now - SKEW,
        until,
        key: key.public().info(),
        extensions: vec![
            authority,
            key_identifier(key.public())?,
            extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
            extension(&KeyUsage(KeyUsages::DigitalSignature.into()), true)?,
            extension(&ExtendedKeyUsage(vec![OCSP_SIGNING]), false)?,
            Extension { extn_id: NO_CHECK, critical: false, extn_value: null },
        ],
    };
    content.signed(&signer.key)
}

/// Reads a request, DER; [`None`]: it is none, or asks for more than an answer has room for.
pub fn read(der: &[u8]) -> Option<Asked> {
    if der.len() > MAX_REQUEST {
        return None;
    }
    let request = OcspRequest::from_der(der).ok()?;
    let TbsRequest { requests, extensions, version, .. } = request.tbs;
    if requests.is_empty() || requests.len() > MAX_ASKED || version.is_some_and(|version| version != 0) {
        return None;
    }
    let extensions = extensions.unwrap_or_default();
    // What must be understood and is not makes the whole request worthless (RFC 6960, 4.4).
    let own = requests.iter().flat_map(|request| request.extensions.iter().flatten());
    if extensions.iter().chain(own).any(|extension| extension.critical && extension.extn_id != NONCE) {
        return None;
    }
    let nonce = extensions.into_iter().find(|extension| extension.extn_id == NONCE);
    // RFC 9654, 2.1: an OCTET STRING of 1 to 128 bytes.
    if let Some(nonce) = &nonce {
        let value = OctetString::from_der(nonce.extn_value.as_bytes()).ok()?;
        if !(1..=128).contains(&value.as_bytes().len()) {
            return None;
        }
    }
    Some(Asked { ids: requests.into_iter().map(|request| request.id).collect(), nonce })
}

impl Asked {
    /// The serial numbers, as the books have them.
    pub fn serials(&self) -> Vec<String> {
        self.ids.iter().map(|id| hex(id.serial.as_bytes())).collect()
    }
}

impl Responder {
    /// Whether its own certificate is good for a day more.
    pub fn is_fresh(&self, now: OffsetDateTime) -> bool {
        now + Duration::DAY < self.until
    }

    /// The answer, DER, signed. `status` tells of a serial number what the books say; of another CA's certificate nothing is told.
    ///
    /// # Errors
    /// A moment that no answer holds.
    pub fn answer(
        &self,
        asked: &Asked,
        status: impl Fn(&str) -> Status,
        this_update: OffsetDateTime,
        next_update: OffsetDateTime,
    ) -> Result<Vec<u8>, Error> {
        let mut singles = Vec::new();
        for id in &asked.ids {
            let known =
                if self.issuer.are_in(id) { status(&hex(id.serial.as_bytes())) } else { Status::Unknown };
            let state = match known {
                Status::Good => tlv(0x80, &[]),
                Status::Unknown => tlv(0x82, &[]),
                Status::Revoked(at, why) => {
                    let reason = tlv(0xA0, &[&super::sign::code(why).to_der().map_err(broken)?]);
                    tlv(0xA1, &[&moment(at)?, &reason])
                }
            };
            let (id, next) = (id.to_der().map_err(broken)?, tlv(0xA0, &[&moment(next_update)?]));
            singles.push(tlv(0x30, &[&id, &state, &moment(this_update)?, &next]));
        }
        let singles = tlv(0x30, &[&singles.concat()]);
        // byKey is SHA-1 of the responder's key (RFC 6960, 4.2.1).
        let key = digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.key.public().point);
        let by = tlv(0xA2, &[&tlv(0x04, &[key.as_ref()])]);
        let nonce = match &asked.nonce {
            Some(nonce) => tlv(0xA1, &[&vec![nonce.clone()].to_der().map_err(broken)?]),
            None => Vec::new(),
        };
        let data = tlv(0x30, &[&by, &moment(this_update)?, &singles, &nonce]);
        let signature = tlv(0x03, &[&[0], &self.key.sign(&data)]);
        let algorithm = build::algorithm(&self.key)?.to_der().map_err(broken)?;
        let certificates = tlv(0xA0, &[&tlv(0x30, &[&self.certificate])]);
        let basic = tlv(0x30, &[&data, &algorithm, &signature, &certificates]);
        let kind = BASIC.to_der().map_err(broken)?;
        let bytes = tlv(0xA0, &[&tlv(0x30, &[&kind, &tlv(0x04, &[&basic])])]);
        Ok(tlv(0x30, &[&[0x0A, 0x01, 0x00], &bytes]))
    }
}

/// GeneralizedTime, whole seconds.
fn moment(at: OffsetDateTime) -> Result<Vec<u8>, Error> {
    let since = u64::try_from(at.unix_timestamp()).map_err(broken)?;
    let time = GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(since));
    time.and_then(|time| time.to_der()).map_err(broken)
}

/// A tag, the length in its shortest form (X.690, 10.1), and the contents.
fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let bytes = contents.len().to_be_bytes();
    let digits: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let length = match contents.len() {
        short @ 0..=127 => vec![u8::try_from(short).unwrap_or_default()],
        _ => [vec![0x80 | u8::try_from(digits.len()).unwrap_or_default()], digits].concat(),
    };
    [vec![tag], length, contents].concat()
}
