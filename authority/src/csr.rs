//! Certification requests: how one is written for a key that signs elsewhere, and how a CA checks one, which takes nothing from it on
//! trust. Source: RFC 2986.

use const_oid::ObjectIdentifier;
use der::{Decode, Encode, asn1::BitString};
use wire::{algorithm::KeyAlgorithm, pkix::CertificationRequestInfo};
use x509_cert::{
    attr::Attributes,
    request::{CertReq, CertReqInfo, Version},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

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
    /// The key's algorithm.
    pub algorithm: KeyAlgorithm,
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
    Ok(Request { subject: glance.subject, public_key: glance.public_key.to_vec(), algorithm: key.algorithm })
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

/// A CertificationRequestInfo without attributes, DER: what the key of a request signs.
///
/// # Errors
/// [`Reason::Invalid`]: a subject that no request holds.
pub fn info(subject: &Subject, key: &PublicKey) -> Result<Vec<u8>, Error> {
    let public_key = SubjectPublicKeyInfoOwned::from_der(&key.info()).map_err(unwritten)?;
    let (version, attributes) = (Version::V1, Attributes::new());
    CertReqInfo { version, subject: subject.name()?, public_key, attributes }.to_der().map_err(unwritten)
}

/// The request of such an info, DER, with the signature that a key of this algorithm has made over the whole of the info.
///
/// # Errors
/// [`Reason::Invalid`]: the info is none, or no key of the algorithm is certified here.
pub fn signed(info: &[u8], algorithm: KeyAlgorithm, signature: &[u8]) -> Result<Vec<u8>, Error> {
    let oid = algorithm.signature().ok_or_else(|| unwritten("keys of its algorithm sign no requests"))?;
    let request = || -> der::Result<Vec<u8>> {
        let info = CertReqInfo::from_der(info)?;
        let algorithm = AlgorithmIdentifierOwned { oid, parameters: None };
        CertReq { info, algorithm, signature: BitString::from_bytes(signature)? }.to_der()
    };
    request().map_err(unwritten)
}

fn unwritten(why: impl std::fmt::Display) -> Error {
    Error::new(
        Reason::Invalid,
        "the request was not written",
        why,
        "name another subject, or use another key",
    )
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
    use crate::{openssl, signature::PrivateKey, subject::tests::zhang};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};

    const CERTIFIED: [KeyAlgorithm; 2] = [KeyAlgorithm::P256, KeyAlgorithm::Sm2];

    fn request(algorithm: KeyAlgorithm, subject: &Subject) -> Vec<u8> {
        let key = PrivateKey::generate(algorithm).unwrap();
        let info = info(subject, key.public()).unwrap();
        signed(&info, algorithm, &key.sign(&info)).unwrap()
    }

    fn why(der: &[u8]) -> String {
        let fault = check_for(der, &zhang()).unwrap_err();
        assert_eq!(fault.reason(), Reason::IssuerRefused);
        fault.why().to_string()
    }

    #[test]
    fn an_honest_request_passes() {
        for algorithm in CERTIFIED {
            let checked = check_for(&request(algorithm, &zhang()), &zhang()).unwrap();
            assert_eq!((checked.subject, checked.algorithm), (zhang().attributes(), algorithm));
        }
    }

    #[test]
    fn every_changed_byte_is_refused() {
        for algorithm in CERTIFIED {
            let der = request(algorithm, &zhang());
            for place in 0..der.len() {
                let mut changed = der.clone();
                changed[place] ^= 1;
                assert!(check_for(&changed, &zhang()).is_err(), "{algorithm:?}: byte {place}");
            }
            for length in 0..der.len() {
                assert!(check(&der[..length]).is_err(), "{length} bytes");
            }
            let mut longer = der;
            longer.push(0);
            assert!(check(&longer).is_err());
        }
    }

    #[test]
    fn other_keys_subjects_and_wishes_are_refused() {
        let mut params = CertificateParams::default();
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        assert!(why(params.serialize_request(&p384).unwrap().der()).contains("P-256"));
        let other = request(KeyAlgorithm::Sm2, &Subject { name: "李四".into(), ..zhang() });
        assert!(why(&other).contains("李四"));
        let key = KeyPair::generate().unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        assert!(why(params.serialize_request(&key).unwrap().der()).contains("extensions"));
        assert!(why(&vec![0x30; MAX_REQUEST + 1]).contains("16 KiB"));
    }

    /// The info and the key of one algorithm under the name of another, and a name with parameters.
    #[test]
    fn a_request_names_its_keys_algorithm_alone() {
        for (own, other) in
            [CERTIFIED, [KeyAlgorithm::Sm2, KeyAlgorithm::P256]].map(|[own, other]| (own, other))
        {
            let key = PrivateKey::generate(own).unwrap();
            let info = info(&zhang(), key.public()).unwrap();
            let renamed = signed(&info, other, &key.sign(&info)).unwrap();
            assert!(why(&renamed).contains("proof of possession"), "{own:?}");
            let good = signed(&info, own, &key.sign(&info)).unwrap();
            let mut request = CertReq::from_der(&good).unwrap();
            request.algorithm.parameters = Some(der::asn1::Null.into());
            assert!(why(&request.to_der().unwrap()).contains("proof of possession"), "{own:?}");
            check(&good).unwrap();
        }
    }

    #[test]
    fn takes_what_openssl_makes_and_makes_what_openssl_takes() {
        for (algorithm, curve, sign, verify) in [
            (KeyAlgorithm::P256, "prime256v1", &[][..], &[][..]),
            (
                KeyAlgorithm::Sm2,
                "SM2",
                &["-sm3", "-sigopt", "distid:1234567812345678"],
                &["-vfyopt", "distid:1234567812345678"],
            ),
        ] {
            openssl_agrees(algorithm, curve, sign, verify);
        }
    }

    fn openssl_agrees(algorithm: KeyAlgorithm, curve: &str, sign: &[&str], verify: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let subject = "/O=U-shield Test Bank/OU=U-shield test token/CN=张三/serialNumber=6222020200112233";
        let (key, theirs, ours) = (path("k.pem"), path("r.der"), path("ours.der"));
        openssl::run(&["ecparam", "-name", curve, "-genkey", "-noout", "-out", &key]);
        let new =
            ["req", "-new", "-utf8", "-key", &key, "-subj", subject, "-outform", "DER", "-out", &theirs];
        openssl::run(&[&new, sign].concat());
        let checked = check_for(&std::fs::read(&theirs).unwrap(), &zhang()).unwrap();
        assert_eq!(checked.algorithm, algorithm);

        std::fs::write(&ours, request(algorithm, &zhang())).unwrap();
        let look = ["req", "-verify", "-inform", "DER", "-in", &ours, "-noout", "-subject"];
        let seen = openssl::run(&[&look[..], &["-nameopt", "utf8,sep_comma_plus"], verify].concat());
        assert!(seen.contains("verify OK"), "{seen}");
        assert!(seen.contains("CN=张三"), "{seen}");
    }
}
