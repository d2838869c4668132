//! Who may pay from which account.

use std::collections::HashMap;

use crate::replay::Unavailable;

/// Whom the certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user's ID at the bank: the subject's one serialNumber attribute (2.5.4.5), where enrolment puts it.
    pub user_id: String,
    /// The subject's commonName, or empty without one. People read the name; nothing is decided by it.
    pub name: String,
    /// SHA-256 of the certificate's DER.
    pub fingerprint: [u8; 32],
}

/// A certificate as the books of its CA name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its serial number in upper-case hexadecimal, as openssl prints it.
    pub serial: String,
    /// The distinguished name of its issuer, DER.
    pub issuer: Vec<u8>,
}

/// The bank's book: binds the payer of an order to the holder of a certificate. A certificate names a user, an order
/// names an account, and only the bank knows whose account it is.
///
/// A closure `|holder, payer_account| -> bool` is a book, as are [`SameId`] and [`Accounts`].
pub trait PayerBook: Send + Sync {
    /// Whether the holder may pay from the account.
    ///
    /// # Errors
    /// The book cannot tell now.
    fn may_pay(&self, holder: &Holder, payer_account: &str) -> Result<bool, Unavailable>;
}

impl<F: Fn(&Holder, &str) -> bool + Send + Sync> PayerBook for F {
    fn may_pay(&self, holder: &Holder, payer_account: &str) -> Result<bool, Unavailable> {
        Ok(self(holder, payer_account))
    }
}

/// A book in which the user's ID is the account, for banks that enrol by account, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct SameId;

impl PayerBook for SameId {
    fn may_pay(&self, holder: &Holder, payer_account: &str) -> Result<bool, Unavailable> {
        Ok(holder.user_id == payer_account)
    }
}

/// A table from account to the user's ID.
#[derive(Clone, Debug, Default)]
pub struct Accounts(pub HashMap<String, String>);

impl PayerBook for Accounts {
    fn may_pay(&self, holder: &Holder, payer_account: &str) -> Result<bool, Unavailable> {
        Ok(self.0.get(payer_account) == Some(&holder.user_id))
    }
}
