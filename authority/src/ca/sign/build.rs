//! The way from contents to signed DER. The crate `x509-cert` builds it, and a key of this crate signs it, whatever the key's
//! algorithm.

use std::time::SystemTime;

use der::{
    Decode as _, Encode,
    asn1::{BitString, OctetString},
    oid::AssociatedOid,
};
use p256::ecdsa::signature::{self, Keypair, Signer};
use pkcs8::Document;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_cert::{
    TbsCertificate,
    builder::{Builder as _, CertificateBuilder, profile::BuilderProfile},
    crl::{CertificateList, TbsCertList},
    ext::{
        Extension,
        pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{
        self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
        SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
    },
    time::{Time, Validity},
};

use crate::{
    Error, Reason,
    certificate::Certificate,
    signature::{PrivateKey, PublicKey},
};

/// What a certificate is to say.
pub(in crate::ca) struct Content {
    pub(in crate::ca) serial: SerialNumber,
    pub(in crate::ca) issuer: Name,
    pub(in crate::ca) subject: Name,
    pub(in crate::ca) from: OffsetDateTime,
    pub(in crate::ca) until: OffsetDateTime,
    /// SubjectPublicKeyInfo, DER.
    pub(in crate::ca) key: Vec<u8>,
    pub(in crate::ca) extensions: Vec<Extension>,
}

impl Content {
    /// The certificate, DER, signed with this key.
    pub(in crate::ca) fn signed(self, key: &PrivateKey) -> Result<Vec<u8>, Error> {
        let validity = Validity::new(moment(self.from)?, moment(self.until)?);
        let subject_key = SubjectPublicKeyInfoOwned::from_der(&self.key).map_err(broken)?;
        let serial = self.serial.clone();
        let builder = CertificateBuilder::new(self, serial, validity, subject_key).map_err(broken)?;
        let certificate = builder.build::<_, Signature>(&Hand(key)).map_err(broken)?;
        certificate.to_der().map_err(broken)
    }
}

impl BuilderProfile for Content {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// The CRL, DER, signed with this key.
pub(in crate::ca) fn list(tbs: TbsCertList, key: &PrivateKey) -> Result<Vec<u8>, Error> {
    let signature = key.sign(&tbs.to_der().map_err(broken)?);
    let signature_algorithm = tbs.signature.clone();
    let signature = BitString::from_bytes(&signature).map_err(broken)?;
    CertificateList { tbs_cert_list: tbs, signature_algorithm, signature }.to_der().map_err(broken)
}

/// What a signature of this key is named, without parameters (RFC 5758, 3.2; GM/T 0015, 5.2.3).
pub(in crate::ca) fn algorithm(key: &PrivateKey) -> Result<AlgorithmIdentifierOwned, Error> {
    let oid =
        key.public().algorithm.signature().ok_or_else(|| broken("a key of its algorithm signs nothing"))?;
    Ok(AlgorithmIdentifierOwned { oid, parameters: None })
}

/// An extension with this value.
pub(in crate::ca) fn extension<T: Encode + AssociatedOid>(
    value: &T,
    critical: bool,
) -> Result<Extension, Error> {
    let extn_value = value.to_der().and_then(OctetString::new).map_err(broken)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value })
}

/// The subjectKeyIdentifier of a key.
pub(in crate::ca) fn key_identifier(key: &PublicKey) -> Result<Extension, Error> {
    extension(&SubjectKeyIdentifier(identifier(key)?), false)
}

/// The name of a CA, and the authorityKeyIdentifier of what it issues: the identifier that its own certificate has.
pub(in crate::ca) fn own_identifier(ca: &Certificate) -> Result<(Name, Extension), Error> {
    let read = x509_cert::Certificate::from_der(&ca.der).map_err(broken)?;
    let tbs = read.tbs_certificate();
    let key_identifier = match tbs.get_extension::<SubjectKeyIdentifier>().map_err(broken)? {
        Some((_, SubjectKeyIdentifier(identifier))) => identifier,
        None => {
            let key =
                PublicKey::parse(&ca.public_key).ok_or_else(|| broken("the CA's key cannot be read"))?;
            identifier(&key)?
        }
    };
    let authority = AuthorityKeyIdentifier { key_identifier: Some(key_identifier), ..Default::default() };
    Ok((tbs.subject().clone(), extension(&authority, false)?))
}

/// RFC 7093, 2, method 1.
fn identifier(key: &PublicKey) -> Result<OctetString, Error> {
    OctetString::new(&Sha256::digest(&key.point)[..20]).map_err(broken)
}

/// A moment as certificates and CRLs have it: UTCTime until 2049, and GeneralizedTime after (RFC 5280, 4.1.2.5).
pub(in crate::ca) fn moment(moment: OffsetDateTime) -> Result<Time, Error> {
    Time::try_from(SystemTime::from(moment)).map_err(broken)
}

pub(in crate::ca) fn broken(fault: impl std::fmt::Display) -> Error {
    Error::new(
        Reason::IssuerRefused,
        "the CA could not sign",
        fault,
        "check the CA's files; nothing was issued",
    )
}

/// A key as the builder wants one.
struct Hand<'a>(&'a PrivateKey);

/// A signature in the DER of its algorithm.
struct Signature(Vec<u8>);

/// A public key that is written as it was read.
#[derive(Clone)]
struct Info(Vec<u8>);

impl Keypair for Hand<'_> {
    type VerifyingKey = Info;

    fn verifying_key(&self) -> Info {
        Info(self.0.public().info())
    }
}

impl EncodePublicKey for Info {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.clone())?)
    }
}

impl DynSignatureAlgorithmIdentifier for Hand<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        algorithm(self.0).map_err(|_| spki::Error::KeyMalformed)
    }
}

impl Signer<Signature> for Hand<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        Ok(Signature(self.0.sign(message)))
    }
}

impl SignatureBitStringEncoding for Signature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
