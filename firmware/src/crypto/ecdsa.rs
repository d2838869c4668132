//! ECDSA (FIPS 186-5, 6.4.1) with the nonce of RFC 6979, over any curve of `multiple`.

use ecdsa::{
    EcdsaCurve, Signature,
    elliptic_curve::{
        FieldBytes, NonZeroScalar, PrimeField as _, Scalar,
        ops::{Invert as _, Reduce},
        point::AffineCoordinates as _,
    },
};
use rfc6979::KGenerator;
use sha2::digest::{Digest, block_api::BlockSizeUser};
use zeroize::Zeroizing;

use super::multiple::{self, Group};

/// Signs a digest that has as many bytes as a field element. The nonce is RFC 6979's with the hash `D` and with `extra` as its additional
/// data (3.6): a bad random source does not give the key away, and a glitch cannot make two signatures with one nonce.
pub(super) fn sign<C: EcdsaCurve + Group, D: Digest + BlockSizeUser>(
    secret: &NonZeroScalar<C>,
    digest: &FieldBytes<C>,
    extra: &[u8],
) -> Signature<C> {
    let (key, order) = (Zeroizing::new(secret.to_repr()), C::ORDER);
    let mut nonces = KGenerator::<D, C::Uint>::new(&key, digest, extra, &order);
    let mut bytes = Zeroizing::new(FieldBytes::<C>::default());
    loop {
        nonces.fill_next_k(&mut bytes);
        let nonce = NonZeroScalar::<C>::from_repr(*bytes).into_option().map(Zeroizing::new);
        if let Some(signature) = nonce.and_then(|nonce| with_nonce(secret, &nonce, digest)) {
            return signature;
        }
    }
}

/// FIPS 186-5, 6.4.1, steps 3 to 11; `None` when r or s is zero.
#[expect(clippy::arithmetic_side_effects, reason = "scalars are reduced modulo the order")]
fn with_nonce<C: EcdsaCurve + Group>(
    secret: &NonZeroScalar<C>,
    nonce: &NonZeroScalar<C>,
    digest: &FieldBytes<C>,
) -> Option<Signature<C>> {
    let reduce = |bytes: &FieldBytes<C>| <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(bytes);
    let r = reduce(&multiple::of_base(nonce).as_affine().x());
    let inverse = Zeroizing::new(nonce.invert());
    let s = **inverse * (reduce(digest) + r * **secret);
    Signature::from_scalars(r, s).ok()
}
