//! The cases, by what they are about.

use crate::case::Case;

mod bank;
mod certificate;
mod form;
mod issuer;
mod openssl;
mod order;
mod revocation;
mod signer;
mod sm2;
mod text;

/// All of them, in the order of the index.
pub(crate) fn all() -> Vec<Case> {
    let mut all = [
        order::cases(),
        form::cases(),
        signer::cases(),
        certificate::cases(),
        issuer::cases(),
        revocation::cases(),
        bank::cases(),
        text::cases(),
        sm2::cases(),
    ]
    .concat();
    openssl::mark(&mut all);
    all
}
