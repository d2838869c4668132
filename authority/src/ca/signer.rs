//! What a CA's certificate says of the CA as a signer: its name, the identifier of its key, and what the key is for. Whatever the
//! CA signs repeats the name byte for byte (RFC 5280, 4.1.2.4 and 7.1).
//!
//! The crate that writes certificates can read a CA's certificate itself. It does so by a second reader of X.509, which brings a
//! dozen crates, and we read certificates by the first.

use der::{Decode, Tag, Tagged, asn1::Any};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, Issuer as Signer, KeyIdMethod, KeyUsagePurpose,
    string::BmpString,
};
use x509_cert::{
    ext::pkix::{KeyUsage, SubjectKeyIdentifier},
    name::Name,
};

use super::sign::broken;
use crate::{Error, Reason, signature::PrivateKey, subject::arcs};

/// The signer with this certificate (DER) and the key that belongs to it.
pub(super) fn signer(certificate: &[u8], key: PrivateKey) -> Result<Signer<'static, PrivateKey>, Error> {
    let unread = |_: der::Error| refused("its certificate is not the DER of one X.509 certificate");
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(unread)?;
    let tbs = certificate.tbs_certificate();
    let mut params = CertificateParams::default();
    params.distinguished_name = name(tbs.subject())?;
    // Without an identifier in the certificate, the writer's own rule makes one of the key (RFC 7093, 2).
    if let Some((_, identifier)) = tbs.get_extension::<SubjectKeyIdentifier>().map_err(unread)? {
        params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.0.as_bytes().to_vec());
    }
    let usage = tbs.get_extension::<KeyUsage>().map_err(unread)?;
    params.key_usages = usage.map_or_else(Vec::new, |(_, usage)| usages(&usage));
    Ok(Signer::new(params, key))
}

/// A CA signs certificates and lists. Its other usages matter to nobody here: the writer looks at these two alone.
fn usages(usage: &KeyUsage) -> Vec<KeyUsagePurpose> {
    [(usage.key_cert_sign(), KeyUsagePurpose::KeyCertSign), (usage.crl_sign(), KeyUsagePurpose::CrlSign)]
        .into_iter()
        .filter_map(|(set, purpose)| set.then_some(purpose))
        .collect()
}

/// The name, as the writer keeps names: each type of attribute once, and one attribute in each part of the name. A name of another
/// form would be written as another name, so its CA is refused.
fn name(name: &Name) -> Result<DistinguishedName, Error> {
    let mut written = DistinguishedName::new();
    for part in name.iter_rdn() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
            return Err(refused("a part of its name has several attributes"));
        };
        let kind = DnType::from_oid(&arcs(attribute.oid));
        if written.get(&kind).is_some() {
            return Err(refused("an attribute is twice in its name"));
        }
        written.push(kind, value(&attribute.value)?);
    }
    Ok(written)
}

/// The value of an attribute, in the same type of string. UniversalString is no type that our reader of certificates knows.
fn value(value: &Any) -> Result<DnValue, Error> {
    let bytes = value.value();
    let text =
        || std::str::from_utf8(bytes).map_err(|_| refused("a text of its name has bytes that are no text"));
    Ok(match value.tag() {
        Tag::Utf8String => DnValue::Utf8String(text()?.to_owned()),
        Tag::PrintableString => DnValue::PrintableString(text()?.try_into().map_err(broken)?),
        Tag::Ia5String => DnValue::Ia5String(text()?.try_into().map_err(broken)?),
        Tag::TeletexString => DnValue::TeletexString(text()?.try_into().map_err(broken)?),
        Tag::BmpString => DnValue::BmpString(BmpString::from_utf16be(bytes.to_vec()).map_err(broken)?),
        _ => return Err(refused("its name has a value that is no text")),
    })
}

fn refused(why: &'static str) -> Error {
    Error::new(
        Reason::Invalid,
        "the CA was not opened",
        why,
        "make a CA with another name: cert-tool ca init --dir DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;
    use std::str::FromStr;
    use x509_cert::name::RdnSequence;

    /// A certificate whose issuer is the signer. Its issuer's name must be the bytes that the signer's certificate has.
    fn issuer_of(subject: &DistinguishedName) -> (Vec<u8>, Vec<u8>) {
        let key = PrivateKey::generate().unwrap();
        let mut root = CertificateParams::default();
        root.distinguished_name = subject.clone();
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let root = root.self_signed(&key).unwrap();
        let signer = signer(root.der(), key).unwrap();
        let mut leaf = CertificateParams::default();
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&rcgen::KeyPair::generate().unwrap(), &signer).unwrap();
        let read = |der: &[u8]| x509_cert::Certificate::from_der(der).unwrap();
        let (root, leaf) = (read(root.der()), read(leaf.der()));
        let identifier = |found: &x509_cert::Certificate| {
            found.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().unwrap().1
        };
        let named = leaf
            .tbs_certificate()
            .get_extension::<x509_cert::ext::pkix::AuthorityKeyIdentifier>()
            .unwrap()
            .unwrap()
            .1;
        assert_eq!(named.key_identifier.unwrap().as_bytes(), identifier(&root).0.as_bytes());
        (
            root.tbs_certificate().subject().to_der().unwrap(),
            leaf.tbs_certificate().issuer().to_der().unwrap(),
        )
    }

    #[test]
    fn what_is_signed_repeats_the_name_byte_for_byte() {
        let mut all = DistinguishedName::new();
        all.push(DnType::CountryName, DnValue::PrintableString("CN".try_into().unwrap()));
        all.push(DnType::OrganizationName, DnValue::Utf8String("银行".into()));
        all.push(DnType::OrganizationalUnitName, DnValue::TeletexString("Unit".try_into().unwrap()));
        all.push(DnType::LocalityName, DnValue::BmpString("北京".try_into().unwrap()));
        // domainComponent and an attribute that nobody knows.
        let mail = DnType::from_oid(&[0, 9, 2342, 19200300, 100, 1, 25]);
        all.push(mail, DnValue::Ia5String("example".try_into().unwrap()));
        all.push(DnType::from_oid(&[1, 3, 6, 1, 4, 1, 32473, 1]), "own");
        all.push(DnType::CommonName, "CA");
        let (subject, issuer) = issuer_of(&all);
        assert_eq!(subject, issuer);
        let (subject, issuer) = issuer_of(&DistinguishedName::new());
        assert_eq!(subject, issuer);
    }

    #[test]
    fn a_name_that_would_be_written_otherwise_is_refused() {
        let why = |text: &str| {
            let der = RdnSequence::from_str(text).unwrap().to_der().unwrap();
            name(&Name::from_der(&der).unwrap()).err().map(|error| error.why().to_string())
        };
        assert_eq!(why("CN=CA,O=Bank"), None);
        assert!(why("CN=CA,OU=a,OU=b").unwrap().contains("twice"));
        assert!(why("CN=CA+O=Bank").unwrap().contains("several"));
        let number = Any::new(Tag::Integer, vec![1]).unwrap();
        assert!(value(&number).unwrap_err().why().to_string().contains("no text"));
    }
}
