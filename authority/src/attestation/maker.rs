//! For tests, of this crate and of others: a token and its factory in software, and what the token says of a key. A test may
//! spoil any part of it.

use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::EncodePublicKey as _,
};
use wire::{
    attest::{self, Confirmation, KeyDescription, Origin, Pin, Standing, Statement},
    pkix,
};

use super::{Attestation, Factory, TEST_BRAND};
use crate::certificate_kind::Kind;

/// The serial number of each such token.
pub const SERIAL: &str = "00C0FFEE";

/// A key from a seed, which is not 0.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from(
        SecretKey::from_slice(&[seed; 32]).expect("a scalar between 0 and the order of the curve"),
    )
}

/// The SubjectPublicKeyInfo of a key, DER.
pub fn spki(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_public_key_der().expect("a point of P-256").as_bytes().to_vec()
}

/// The certificate with these contents (TBSCertificate, DER), signed by this key.
pub fn certificate(tbs: &[u8], by: &SigningKey) -> Vec<u8> {
    let signature: Signature = by.sign(tbs);
    attest::certificate(tbs, signature.to_der().as_bytes())
}

/// A token, its factory and what the token says of its keys.
#[derive(Clone)]
pub struct Maker {
    /// The brand that the factory's certificate and the token's certificate name.
    pub brand: &'static str,
    /// The key of the factory's CA.
    pub factory: SigningKey,
    /// The attestation key that the token's certificate is for.
    pub token: SigningKey,
    /// The key that signs the statement: [`Self::token`], where nothing is spoilt.
    pub signer: SigningKey,
    /// The serial number in the token's certificate.
    pub serial: &'static str,
    /// What the statement says of the key.
    pub description: KeyDescription,
}

impl Maker {
    /// Nothing is spoilt: a token of the TEST factory attests a key of this kind, which waits for its certificate.
    pub fn new(kind: Kind) -> Self {
        let description = KeyDescription {
            container: kind.container().reference(),
            standing: Standing::Pending,
            origin: Origin::Generated,
            pin: if kind == Kind::Payment { Pin::Always } else { Pin::Once },
            confirmation: Confirmation::Nothing,
        };
        Self {
            brand: TEST_BRAND,
            factory: key(1),
            token: key(2),
            signer: key(2),
            serial: SERIAL,
            description,
        }
    }

    /// The certificate of the factory.
    pub fn factory(&self) -> Factory {
        let tbs = attest::factory(self.brand, &spki(&self.factory), &[1; 20]);
        Factory::parse(&certificate(&tbs, &self.factory)).expect("a certificate of a factory")
    }

    /// Attests a key (SubjectPublicKeyInfo, DER).
    pub fn attest(&self, public_key: &[u8]) -> Attestation {
        let tbs = attest::token([7; 16], self.brand, self.serial, &spki(&self.token), &[2; 20], &[1; 20]);
        let token = certificate(&tbs, &self.factory);
        let own = pkix::Certificate::parse(&token).expect("a certificate of a token");
        let statement = Statement {
            number: [9; 16],
            issuer: own.subject,
            validity: own.validity,
            issuer_key: [2; 20],
            name: "payment",
            public_key,
            version: [5, 4, 3],
            serial: 0x00C0_FFEE,
            description: self.description,
        };
        let statement = certificate(&statement.tbs(), &self.signer);
        Attestation { statement, token }
    }
}
