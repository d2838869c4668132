//! The client's side: an order and its signature become a document.

use wire::{
    display::{NotShown, check_order},
    payment::EncodedOrder,
};

use crate::{
    certificate::{Leaf, parse},
    document::{self, MAX_CERTIFICATES, MAX_DOCUMENT},
};

/// Why a document was not sealed; `E` is why the signer did not sign.
#[derive(Debug, thiserror::Error)]
pub enum SealError<E> {
    /// No token shows the order, and no bank takes it.
    #[error("{0}; have the order issued in plain text")]
    NotShown(#[from] NotShown),
    /// The first certificate is not for payments, or another one cannot be read, or there is none, or there are too many.
    #[error(
        "the first certificate is not a payment certificate, or another one cannot be read; enrol, and give the payment \
         certificate first and the certificates of its CAs after it"
    )]
    Certificate,
    /// The signer did not sign.
    #[error("{0}")]
    Sign(E),
    /// The signer signed something else, or with another key.
    #[error(
        "the signature does not fit the order and the certificate; give the certificate of the key that signed"
    )]
    Signature,
}

/// Seals an order: CMS SignedData in DER, content attached, no attributes.
///
/// `order` is the order as the bank issued it. `certificates` (DER) begins with the signer's; intermediate CAs may
/// follow, up to eight in all. `sign` gets the order's DER, and returns the signature of the certificate's key over it:
/// ECDSA P-256 with SHA-256, or SM2 with SM3 and the default identifier, as the certificate's key is; DER encoded.
/// The signature is checked before anything is returned. No clock is read here: a program asks [`crate::order::check_open`] first.
///
/// # Errors
/// See [`SealError`].
pub fn seal<E>(
    order: &EncodedOrder,
    certificates: &[impl AsRef<[u8]>],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, SealError<E>> {
    check_order(order.order())?;
    let certificates: Vec<&[u8]> = certificates.iter().map(AsRef::as_ref).collect();
    let signer = *certificates.first().ok_or(SealError::Certificate)?;
    let leaf = Leaf::read(signer).map_err(|_| SealError::Certificate)?;
    if certificates.iter().any(|certificate| parse(certificate).is_err()) {
        return Err(SealError::Certificate);
    }
    let signature = sign(order).map_err(SealError::Sign)?;
    let scheme = leaf.key.scheme();
    leaf.key.check(scheme, order, &signature).map_err(|_| SealError::Signature)?;
    document::write(order, &certificates, signer, scheme, &signature)
        .filter(|sealed| sealed.len() <= MAX_DOCUMENT && certificates.len() <= MAX_CERTIFICATES)
        .ok_or(SealError::Certificate)
}
