//! The CA's private key: P-256, PKCS #8, encrypted with a passphrase (RFC 5958; PBES2 of RFC 8018 with scrypt and
//! AES-256-CBC, in the parameters that openssl opens too).

use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use zeroize::Zeroizing;

use crate::{Error, Reason};
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";

/// The CA's key pair; it is wiped when dropped.
pub(crate) struct Key {
    private: SigningKey,
    public: Vec<u8>,
}

impl Key {
    /// A new key from the system's randomness.
    pub(crate) fn generate() -> Result<Self, Error> {
        // A random number is a scalar of P-256 but for one case in 2^32.
        for _ in 0..8 {
            let mut scalar = Zeroizing::new([0; 32]);
            random(&mut *scalar)?;
            if let Ok(private) = SecretKey::from_slice(&*scalar) {
                return Ok(private.into());
            }
        }
        Err(broken("the system's randomness gave no key"))
    }

    /// The key in PEM, encrypted when there is a passphrase.
    pub(crate) fn pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, Error> {
        let key = SecretKey::from(&self.private);
        let document = key.to_pkcs8_der().map_err(|fault| broken(&fault.to_string()))?;
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
        let key = SecretKey::from_pkcs8_der(document.as_bytes())
            .map_err(|_| damaged("it is not a P-256 key in PKCS #8"))?;
        Ok(key.into())
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

impl From<SecretKey> for Key {
    fn from(key: SecretKey) -> Self {
        let private = SigningKey::from(key);
        let public = private.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { private, public }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: Signature = self.private.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
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
        Reason::PassphraseWrong,
        "the CA's key was not opened",
        "the key is encrypted, and no passphrase was given",
        "give the passphrase of this CA; nothing was changed",
    )
}

fn wrong_passphrase() -> Error {
    Error::new(
        Reason::PassphraseWrong,
        "the CA's key was not opened",
        "the passphrase is wrong, or the file is damaged",
        "run the command again with the right passphrase; nothing was changed",
    )
}
