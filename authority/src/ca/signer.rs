//! The issuers of a CA: one for all certificates, or one for each kind, with keys of two algorithms
//! (docs/decisions/0051-two-issuers.md). Two issuers share the folder, the index and the numbers of the CRLs.

use std::path::Path;

use wire::algorithm::KeyAlgorithm;
use zeroize::Zeroizing;

use crate::{
    Error, Reason,
    certificate::Certificate,
    certificate_kind::Kind,
    key,
    signature::{PrivateKey, PublicKey},
};

/// What an issuer issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    /// Both kinds of certificates.
    All,
    /// Certificates for payment.
    Payment,
    /// Certificates for authentication, beside an issuer for payment.
    Authentication,
}

/// The names of an issuer's files.
pub(super) struct Files {
    pub(super) certificate: &'static str,
    pub(super) key: &'static str,
    pub(super) crl: &'static str,
    pub(super) crl_der: &'static str,
}

/// The files of the issuer that every CA has.
pub(super) const MAIN: Files =
    Files { certificate: "ca.pem", key: "ca-key.pem", crl: "crl.pem", crl_der: "crl.der" };
/// The files of the issuer for authentication, where there are two.
pub(super) const AUTHENTICATION: Files = Files {
    certificate: "authentication-ca.pem",
    key: "authentication-ca-key.pem",
    crl: "authentication-crl.pem",
    crl_der: "authentication-crl.der",
};

impl Charge {
    /// The issuers of a CA, the main one first: two, or one.
    pub(super) const fn of(two: bool) -> &'static [Self] {
        if two { &[Self::Payment, Self::Authentication] } else { &[Self::All] }
    }

    /// Whether the issuer issues certificates of this kind.
    pub(super) fn covers(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Payment => kind == Kind::Payment,
            Self::Authentication => kind == Kind::Authentication,
        }
    }

    /// The names of its files.
    pub(super) const fn files(self) -> &'static Files {
        match self {
            Self::All | Self::Payment => &MAIN,
            Self::Authentication => &AUTHENTICATION,
        }
    }

    /// Its common name, in a CA of this name: two CAs of one name and two keys would be one CA to many programs.
    pub(super) fn common_name(self, name: &str) -> String {
        match self {
            Self::All | Self::Payment => name.to_owned(),
            Self::Authentication => format!("{name} for authentication"),
        }
    }

    /// The algorithm of its key, in a CA of this algorithm. Stock TLS and ssh programs verify no SM2.
    pub(super) const fn algorithm(self, of_the_ca: KeyAlgorithm) -> KeyAlgorithm {
        match self {
            Self::All | Self::Payment => of_the_ca,
            Self::Authentication => KeyAlgorithm::P256,
        }
    }
}

/// An issuer whose key is not opened yet.
pub(super) struct Sealed {
    charge: Charge,
    pub(super) certificate: Certificate,
    pem: Zeroizing<Vec<u8>>,
    pub(super) encrypted: bool,
}

impl Sealed {
    /// Finds the issuer's files.
    ///
    /// # Errors
    /// Others may read its key or write its certificate, or a file is damaged.
    pub(super) fn find(folder: &Path, charge: Charge) -> Result<Self, Error> {
        let files = charge.files();
        let (certificate, key) = (folder.join(files.certificate), folder.join(files.key));
        file::check_closed(&certificate, "644")?;
        let certificate = Certificate::parse(&file::read(&certificate)?)?;
        let pem = Zeroizing::new(file::read(&key)?);
        file::check_private(&key, "600")?;
        let encrypted = key::is_encrypted(&pem)?;
        Ok(Self { charge, certificate, pem, encrypted })
    }

    /// Opens the key.
    ///
    /// # Errors
    /// The passphrase is wrong or missing, the key is damaged, or key and certificate do not belong together.
    pub(super) fn open(self, folder: &Path, passphrases: &[&[u8]]) -> Result<Signer, Error> {
        let Self { charge, certificate, pem, .. } = self;
        let first = PrivateKey::parse(&pem, passphrases.first().copied());
        let others = passphrases.iter().skip(1);
        let key = first.or_else(|refused| {
            others.map(|other| PrivateKey::parse(&pem, Some(other))).find_map(Result::ok).ok_or(refused)
        })?;
        if PublicKey::parse(&certificate.public_key).as_ref() == Some(key.public()) {
            return Ok(Signer { charge, certificate, key });
        }
        let files = charge.files();
        Err(Error::new(
            Reason::WrongKey,
            format!("the CA in {} was not opened", folder.display()),
            format!("{} is not the key of {}", files.key, files.certificate),
            "put the two files of one CA there; nothing was changed",
        ))
    }
}

/// An issuer with its key.
pub(super) struct Signer {
    pub(super) charge: Charge,
    pub(super) certificate: Certificate,
    pub(super) key: PrivateKey,
}
