//! A token in software, for tests, that fails at the n-th command, before or after it took effect.

use std::{collections::BTreeMap, io};

use authority::{attestation::Attestation, certificate_kind::Kind};
use card::Error;
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::EncodePublicKey as _,
};
use wire::{
    algorithm::{Curve, KeyAlgorithm},
    apdu::StatusWord,
    piv::PublicKey,
    pkix,
    shield::{Container, Information, status},
};

use super::Token;

pub(crate) const PIN: &str = "135246";

/// When the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The command never arrives.
    Before,
    /// The command takes effect, its answer is lost.
    After,
    /// The command takes effect once the token is plugged in again.
    Late,
}

/// How a command fails that was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The token refuses.
    Refused(StatusWord),
    /// The token is pulled out.
    Unplugged,
}

impl Fault {
    fn error(self) -> Error {
        match self {
            Self::Refused(word) => Error::Refused(word),
            Self::Unplugged => Error::Broken(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

pub(crate) type Pair = (SigningKey, Vec<u8>);

/// A token in software. After a fault of the line everything fails until it is plugged in again.
pub(crate) struct Soft {
    pub(crate) information: Information,
    pub(crate) keys: BTreeMap<Container, Pair>,
    pub(crate) pending: BTreeMap<Container, SigningKey>,
    pub(crate) verified: bool,
    pub(crate) fresh_pin: bool,
    pub(crate) late: Vec<(Container, Vec<u8>)>,
    pub(crate) count: usize,
    pub(crate) fail: Option<(usize, Moment, Fault)>,
    pub(crate) gone: bool,
    /// Signs something else than it was given.
    pub(crate) liar: bool,
    /// Says that it installed, and does not.
    pub(crate) forgetful: bool,
    pub(crate) seen: Vec<String>,
    /// Attests a pending key, if it can.
    pub(crate) attests: Option<fn(Kind, &[u8]) -> Attestation>,
}

impl Soft {
    pub(crate) fn new() -> Self {
        Self {
            information: Information {
                version: 1,
                brand: "U-shield".into(),
                serial: "00C0FFEE".into(),
                generation: 2,
                tries: [6; 4],
                pin_length: [6, 8],
                state_version: 1,
                flags: Information::HEALTHY | Information::TEST_TOKEN,
                label: String::new(),
                algorithm: KeyAlgorithm::P256,
            },
            keys: BTreeMap::new(),
            pending: BTreeMap::new(),
            verified: false,
            fresh_pin: false,
            late: Vec::new(),
            count: 0,
            fail: None,
            gone: false,
            liar: false,
            forgetful: false,
            seen: Vec::new(),
            attests: None,
        }
    }

    pub(crate) fn plug(&mut self) {
        (self.gone, self.fail, self.count) = (false, None, 0);
        (self.verified, self.fresh_pin) = (false, false);
        for (container, certificate) in std::mem::take(&mut self.late) {
            self.swap(container, certificate);
        }
    }

    fn swap(&mut self, container: Container, certificate: Vec<u8>) {
        let key = self.pending.remove(&container).unwrap();
        self.keys.insert(container, (key, certificate));
    }

    /// Runs one command, with the fault that was ordered for it.
    fn command<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.gone {
            return Err(Fault::Unplugged.error());
        }
        self.count += 1;
        let Some((number, moment, fault)) = self.fail else { return body(self) };
        if number != self.count {
            return body(self);
        }
        self.gone = fault == Fault::Unplugged;
        if moment != Moment::Before {
            body(self)?;
        }
        Err(fault.error())
    }

    /// The certificates in use, in the order of [`Kind::ALL`].
    pub(crate) fn held(&self) -> [Option<Vec<u8>>; 2] {
        Kind::ALL.map(|kind| self.keys.get(&kind.container()).map(|(_, certificate)| certificate.clone()))
    }

    /// The model: each certificate in use is for the key in use.
    pub(crate) fn check_whole(&self) {
        for (key, certificate) in self.keys.values() {
            let info = pkix::certificate_public_key(certificate).unwrap();
            let point = key.verifying_key().to_sec1_point(false);
            assert!(info.ends_with(point.as_bytes()), "key and certificate do not belong together");
        }
    }
}

pub(crate) fn refused<T>(word: StatusWord) -> Result<T, Error> {
    Err(Error::Refused(word))
}

impl Token for Soft {
    fn information(&mut self) -> Result<Information, Error> {
        self.command(|token| Ok(token.information.clone()))
    }

    fn verify(&mut self, pin: &[u8]) -> Result<(), Error> {
        self.command(|token| {
            token.fresh_pin = pin == PIN.as_bytes();
            token.verified = token.fresh_pin;
            if token.verified {
                return Ok(());
            }
            token.information.tries[0] -= 1;
            refused(StatusWord::tries_left(token.information.tries[0]))
        })
    }

    fn generate(&mut self, container: Container, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error> {
        assert_eq!(algorithm, KeyAlgorithm::P256, "what it says of itself");
        self.command(|token| {
            if !token.verified {
                return refused(StatusWord::SECURITY_NOT_SATISFIED);
            }
            let mut scalar = [0; 32];
            getrandom::fill(&mut scalar).unwrap();
            let key = SigningKey::from(SecretKey::from_slice(&scalar).unwrap());
            let point = key.verifying_key().to_sec1_point(false);
            token.pending.insert(container, key);
            Ok(PublicKey::Point { curve: Curve::P256, point: point.as_bytes() }.bytes())
        })
    }

    fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Error> {
        self.command(|token| {
            if !std::mem::take(&mut token.fresh_pin) {
                return refused(StatusWord::SECURITY_NOT_SATISFIED);
            }
            let glance = pkix::CertificationRequestInfo::parse(info)?;
            token.seen.push(format!("{} {:?}", container.name(), glance.subject[2].1));
            let Some(key) = token.pending.get(&container) else { return refused(status::NOT_PENDING) };
            let signature: Signature = if token.liar { key.sign(b"something else") } else { key.sign(info) };
            Ok(signature.to_der().as_bytes().to_vec())
        })
    }

    fn install(&mut self, certificates: &[(Container, &[u8])]) -> Result<(), Error> {
        let late =
            self.fail.as_ref().is_some_and(|(n, moment, _)| (*n, *moment) == (self.count + 1, Moment::Late));
        self.command(|token| {
            if !token.verified {
                return refused(StatusWord::SECURITY_NOT_SATISFIED);
            }
            for (container, certificate) in certificates {
                let Some(key) = token.pending.get(container) else { return refused(status::NOT_PENDING) };
                let info = pkix::certificate_public_key(certificate)?;
                if !info.ends_with(key.verifying_key().to_sec1_point(false).as_bytes()) {
                    return refused(status::NOT_PENDING);
                }
            }
            for (container, certificate) in certificates {
                if token.forgetful {
                    continue;
                }
                if late {
                    token.late.push((*container, certificate.to_vec()));
                } else {
                    token.swap(*container, certificate.to_vec());
                }
            }
            Ok(())
        })
    }

    fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.command(|token| Ok(token.keys.get(&container).map(|(_, certificate)| certificate.clone())))
    }

    fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.command(|token| {
            let point = |key: &SigningKey| key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
            Ok(token
                .pending
                .get(&container)
                .map(|key| PublicKey::Point { curve: Curve::P256, point: &point(key) }.bytes()))
        })
    }

    fn attest_pending(&mut self, container: Container) -> Result<Option<Attestation>, Error> {
        self.command(|token| {
            let Some(key) = token.pending.get(&container) else { return refused(StatusWord::NO_SUCH_KEY) };
            let kind = Kind::ALL.into_iter().find(|kind| kind.container() == container);
            let spki = key.verifying_key().to_public_key_der().unwrap();
            Ok(token.attests.zip(kind).map(|(attest, kind)| attest(kind, spki.as_bytes())))
        })
    }
}
