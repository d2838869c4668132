//! Checking a certification request as a CA must: nothing is taken from it on trust. Source: RFC 2986.

use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use wire::pkix::CertificationRequestInfo;
use x509_cert::request::CertReq;

use crate::{
    Error, Reason, certificate,
    signature::{PublicKey, names},
    subject::Subject,
};

/// The longest request that is looked at, in bytes of DER: an honest one has some 300.
pub const MAX_REQUEST: usize = 16 * 1024;

/// A request whose proof of possession was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The subject's attributes in order.
    pub subject: Vec<(ObjectIdentifier, String)>,
    /// SubjectPublicKeyInfo, DER, of an algorithm that is certified here.
    pub public_key: Vec<u8>,
}

/// Reads a request, DER, and checks its form, its key and its proof of possession.
///
/// # Errors
/// [`Reason::IssuerRefused`], with the first rule broken.
pub fn check(der: &[u8]) -> Result<Request, Error> {
    if der.len() > MAX_REQUEST {
        return Err(refused("it is longer than 16 KiB"));
    }
    let request = CertReq::from_der(der).map_err(|_| refused("it is not a PKCS #10 request in DER"))?;
    if request.to_der().ok().as_deref() != Some(der) {
        return Err(refused("it is not in DER, which has one encoding for everything"));
    }
    let info = request.info.to_der().map_err(|_| refused("its info has no encoding"))?;
    let glance = CertificationRequestInfo::parse(&info).map_err(|fault| refused(&fault.to_string()))?;
    if !request.info.attributes.is_empty() {
        return Err(refused("it asks for attributes or extensions, and this CA alone decides on them"));
    }
    let key = PublicKey::parse(glance.public_key)
        .ok_or_else(|| refused(&format!("its public key is not an uncompressed point for {}", names())))?;
    let signature = request.signature.as_bytes().unwrap_or_default();
    if !key.verify(&request.algorithm, &info, signature) {
        return Err(refused("its proof of possession is wrong: it is not signed by the key that it is for"));
    }
    Ok(Request { subject: glance.subject, public_key: glance.public_key.to_vec() })
}

/// As [`check`], and the subject is the one expected.
///
/// # Errors
/// [`Reason::IssuerRefused`].
pub fn check_for(der: &[u8], subject: &Subject) -> Result<Request, Error> {
    let request = check(der)?;
    if request.subject == subject.attributes() {
        return Ok(request);
    }
    Err(refused(&format!(
        "it is for “{}”, and a certificate for “{}” was asked for",
        certificate::display_name(&request.subject),
        certificate::display_name(&subject.attributes()),
    )))
}

fn refused(why: &str) -> Error {
    Error::new(
        Reason::IssuerRefused,
        "the request was refused",
        why,
        "make the request anew on the token: cert-tool request, or cert-tool enrol for all steps at once",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openssl, subject::tests::zhang};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};

    fn request(key: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = zhang().distinguished_name().unwrap();
        params.serialize_request(key).unwrap().der().to_vec()
    }

    fn why(der: &[u8]) -> String {
        let fault = check_for(der, &zhang()).unwrap_err();
        assert_eq!(fault.reason(), Reason::IssuerRefused);
        fault.why().to_string()
    }

    #[test]
    fn an_honest_request_passes() {
        let der = request(&KeyPair::generate().unwrap());
        let checked = check_for(&der, &zhang()).unwrap();
        assert_eq!(checked.subject, zhang().attributes());
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let der = request(&KeyPair::generate().unwrap());
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= 1;
            assert!(check_for(&changed, &zhang()).is_err(), "byte {place}");
        }
        for length in 0..der.len() {
            assert!(check(&der[..length]).is_err(), "{length} bytes");
        }
        let mut longer = der;
        longer.push(0);
        assert!(check(&longer).is_err());
    }

    #[test]
    fn other_keys_subjects_and_wishes_are_refused() {
        let p384 = request(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap());
        assert!(why(&p384).contains("P-256"));
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = Subject { name: "李四".into(), ..zhang() }.distinguished_name().unwrap();
        assert!(why(params.serialize_request(&key).unwrap().der()).contains("李四"));
        params.distinguished_name = zhang().distinguished_name().unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        assert!(why(params.serialize_request(&key).unwrap().der()).contains("extensions"));
        assert!(why(&vec![0x30; MAX_REQUEST + 1]).contains("16 KiB"));
    }

    #[test]
    fn takes_what_openssl_makes_and_makes_what_openssl_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let subject = "/O=U-shield Test Bank/OU=U-shield test token/CN=张三/serialNumber=6222020200112233";
        openssl::run(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &path("k.pem")]);
        openssl::run(&[
            "req",
            "-new",
            "-utf8",
            "-key",
            &path("k.pem"),
            "-subj",
            subject,
            "-outform",
            "DER",
            "-out",
            &path("r.der"),
        ]);
        check_for(&std::fs::read(path("r.der")).unwrap(), &zhang()).unwrap();

        std::fs::write(path("ours.der"), request(&KeyPair::generate().unwrap())).unwrap();
        let seen = openssl::run(&[
            "req",
            "-verify",
            "-inform",
            "DER",
            "-in",
            &path("ours.der"),
            "-noout",
            "-subject",
            "-nameopt",
            "utf8,sep_comma_plus",
        ]);
        assert!(seen.contains("verify OK"), "{seen}");
        assert!(seen.contains("CN=张三"), "{seen}");
    }
}
