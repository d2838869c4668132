//! The CA's private key: PKCS #8, encrypted with a passphrase (RFC 5958; PBES2 of RFC 8018 with scrypt and AES-256-CBC, in
//! the parameters that openssl opens too).

use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use wire::algorithm::{Curve, KeyAlgorithm};
use zeroize::Zeroizing;

use crate::{
    Error, Reason,
    signature::{PrivateKey, names},
};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";

impl PrivateKey {
    /// A new key of this algorithm from the system's randomness.
    pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let mut scalar = Zeroizing::new(vec![0; algorithm.curve().map_or(0, Curve::field)]);
        // A random number is no private key of P-256 or SM2 in one case of 2^32.
        for _ in 0..8 {
            random(&mut scalar)?;
            if let Some(key) = Self::of_scalar(algorithm, &scalar) {
                return Ok(key);
            }
        }
        Err(broken("the system's randomness gave no key"))
    }

    /// The key in PEM, encrypted when there is a passphrase.
    pub(crate) fn pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, Error> {
        let document = self.pkcs8().map_err(|fault| broken(&fault.to_string()))?;
        let pem = match passphrase {
            None => document.to_pem(PLAIN, LineEnding::LF),
            Some(passphrase) => PrivateKeyInfoRef::try_from(document.as_bytes())
                .and_then(|info| info.encrypt(passphrase))
                .map_err(|fault| broken(&fault.to_string()))?
                .to_pem(ENCRYPTED, LineEnding::LF),
        };
        pem.map_err(|fault| broken(&fault.to_string()))
    }

    /// Reads PEM. A key that is not encrypted needs no passphrase.
    pub(crate) fn parse(pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        let (label, document) = read(pem)?;
        let document = match label {
            PLAIN => document,
            ENCRYPTED => {
                let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                    .map_err(|_| damaged("it is not an encrypted PKCS #8 key"))?;
                let passphrase = passphrase.ok_or_else(no_passphrase)?;
                info.decrypt(passphrase).map_err(|_| wrong_passphrase())?
            }
            other => return Err(damaged(&format!("it is a {other}"))),
        };
        Self::from_pkcs8(document.as_bytes())
            .ok_or_else(|| damaged(&format!("it is not a key in PKCS #8 for {}", names())))
    }
}

/// Whether the key in this PEM is encrypted.
pub(crate) fn is_encrypted(pem: &[u8]) -> Result<bool, Error> {
    read(pem).map(|(label, _)| label == ENCRYPTED)
}

fn read(pem: &[u8]) -> Result<(&str, SecretDocument), Error> {
    let text = std::str::from_utf8(pem).map_err(|_| damaged("it is not PEM"))?;
    SecretDocument::from_pem(text).map_err(|_| damaged("it is not PEM"))
}

/// Fills `bytes` from the system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|fault| broken(&fault.to_string()))
}

fn broken(why: &str) -> Error {
    Error::new(
        Reason::Disk,
        "no key was made",
        why.to_string(),
        "check that this system gives randomness, and run the command again",
    )
}

fn damaged(why: &str) -> Error {
    Error::new(
        Reason::Damaged,
        "the CA's key was not read",
        why.to_string(),
        "put ca-key.pem back from a copy; nothing was changed",
    )
}

fn no_passphrase() -> Error {
    Error::new(
        Reason::SecretWrong,
        "the CA's key was not opened",
        "the key is encrypted, and no passphrase was given",
        "give the passphrase of this CA; nothing was changed",
    )
}

fn wrong_passphrase() -> Error {
    Error::new(
        Reason::SecretWrong,
        "the CA's key was not opened",
        "the passphrase is wrong, or the file is damaged",
        "run the command again with the right passphrase; nothing was changed",
    )
}
