//! A bank for trials: its CA, and its check of what comes back. (Orders are issued by [`payment::order::Terms`], as at any bank.) The
//! demo, `ushield run`, tests and measurements bank with it.
//!
//! A real bank has its CA behind other doors, and remembers what was paid in a database ([`payment::ReplayStore`]): this one keeps its
//! CA's key in clear, and forgets with its process.

use std::{path::Path, time::SystemTime};

use authority::ca::{Authority, found_for_trial};
use payment::{Check, MemoryReplay, Payment, Reason, SameId, TrustError, Verifier};
use wire::algorithm::KeyAlgorithm;

/// A bank.
pub struct Bank {
    /// Its CA.
    pub authority: Authority,
    replay: MemoryReplay,
}

/// The bank cannot judge a payment, because its own files are not as it wrote them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read.
    #[error("{0}")]
    File(#[from] file::Error),
    /// The CA's certificate or its CRL is not what it was.
    #[error("{0}")]
    Trust(#[from] TrustError),
}

impl Bank {
    /// Founds a bank of P-256, whose CA has this name and lies in this folder, which holds no CA yet.
    ///
    /// # Errors
    /// As [`found_for_trial`].
    pub fn found(folder: &Path, name: &str) -> Result<Self, authority::Error> {
        Self::found_with(folder, name, KeyAlgorithm::P256)
    }

    /// Founds a bank whose payments are of this algorithm: P-256 or SM2.
    ///
    /// # Errors
    /// As [`found_for_trial`].
    pub fn found_with(folder: &Path, name: &str, algorithm: KeyAlgorithm) -> Result<Self, authority::Error> {
        let authority = found_for_trial(folder, name, algorithm)?;
        Ok(Self { authority, replay: MemoryReplay::default() })
    }

    /// Its verifier, with the CRL as it is now.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verifier(&self) -> Result<Verifier, Error> {
        let ca = file::read(&self.authority.certificate_path())?;
        let crl = file::read(&self.authority.crl_path())?;
        Ok(Verifier::new(&ca, &[&crl])?)
    }

    /// Verifies a payment as a bank's backend does: the user's ID is the account. A good payment is remembered. `issued` is the
    /// order as the bank issued it.
    ///
    /// # Errors
    /// [`Error`]; the inner error says why the payment is refused.
    pub fn verify(&self, document: &[u8], issued: Option<&[u8]>) -> Result<Result<Payment, Reason>, Error> {
        let check = Check { at: SystemTime::now(), payers: &SameId, replay: &self.replay, issued };
        Ok(self.verifier()?.verify(document, &check))
    }
}

#[cfg(test)]
mod tests;
