//! Multiples of points: nearly all that a signature, a shared secret or a new elliptic key costs.
//!
//! The crates p256 and p384 compute these everywhere. In a program for hosts aws-lc computes the same points many times faster
//! (docs/decisions/0042-host-arithmetic.md). Where aws-lc finds no memory, the crates compute after all.

use p256::{
    NistP256,
    elliptic_curve::{
        self, CurveArithmetic, FieldBytes, NonZeroScalar, PublicKey, ecdh,
        sec1::{FromSec1Point, ModulusSize, ToSec1Point},
    },
};
use p384::NistP384;
use wire::algorithm::Curve;
use zeroize::Zeroizing;

/// A curve whose points are multiplied here.
pub(super) trait Group:
    CurveArithmetic<AffinePoint: FromSec1Point<Self> + ToSec1Point<Self>>
    + elliptic_curve::Curve<FieldBytesSize: ModulusSize>
{
    /// Its name.
    #[cfg_attr(not(feature = "aws-lc"), expect(dead_code, reason = "only aws-lc asks for the name"))]
    const CURVE: Curve;
}

impl Group for NistP256 {
    const CURVE: Curve = Curve::P256;
}

impl Group for NistP384 {
    const CURVE: Curve = Curve::P384;
}

/// scalar · G: the public key of a private key, or the point of a nonce.
pub(super) fn of_base<C: Group>(scalar: &NonZeroScalar<C>) -> PublicKey<C> {
    fast::of_base(scalar).unwrap_or_else(|| portable::of_base(scalar))
}

/// The x coordinate of scalar · peer (SP 800-56A revision 3, 5.7.1.2).
pub(super) fn of_point<C: Group>(scalar: &NonZeroScalar<C>, peer: &PublicKey<C>) -> Zeroizing<FieldBytes<C>> {
    fast::of_point(scalar, peer).unwrap_or_else(|| portable::of_point(scalar, peer))
}

/// Whether the arithmetic that this build prefers is there and computes scalar · G as it is known. Without this question a fast
/// arithmetic that computes nothing would go unnoticed, because the crates would compute in its place.
pub(super) fn is_known<C: Group>(scalar: &NonZeroScalar<C>, product: &[u8]) -> bool {
    let found =
        if cfg!(feature = "aws-lc") { fast::of_base(scalar) } else { Some(portable::of_base(scalar)) };
    found.is_some_and(|found| found.to_sec1_point(false).as_bytes() == product)
}

/// The crates' arithmetic.
mod portable {
    use super::{FieldBytes, Group, NonZeroScalar, PublicKey, Zeroizing, ecdh};

    pub(super) fn of_base<C: Group>(scalar: &NonZeroScalar<C>) -> PublicKey<C> {
        PublicKey::from_secret_scalar(scalar)
    }

    pub(super) fn of_point<C: Group>(
        scalar: &NonZeroScalar<C>,
        peer: &PublicKey<C>,
    ) -> Zeroizing<FieldBytes<C>> {
        let shared = ecdh::diffie_hellman::<C>(scalar, peer.as_affine());
        Zeroizing::new(*shared.raw_secret_bytes())
    }
}

/// aws-lc's. What goes to aws-lc is a copy of the scalar, wiped here, and wiped there when the memory is freed.
#[cfg(feature = "aws-lc")]
mod fast {
    use p256::elliptic_curve::{PrimeField as _, sec1::ToSec1Point as _};

    use super::{Curve, FieldBytes, Group, NonZeroScalar, PublicKey, Zeroizing};
    use crate::crypto::aws_lc;

    /// The longest point.
    const POINT: usize = Curve::P384.point();

    /// The crate checks that aws-lc's point lies on the curve.
    pub(super) fn of_base<C: Group>(scalar: &NonZeroScalar<C>) -> Option<PublicKey<C>> {
        let (scalar, mut point) = (Zeroizing::new(scalar.to_repr()), [0; POINT]);
        let point = point.get_mut(..C::CURVE.point())?;
        aws_lc::of_base(C::CURVE, &scalar, point)?;
        PublicKey::from_sec1_bytes(point).ok()
    }

    pub(super) fn of_point<C: Group>(
        scalar: &NonZeroScalar<C>,
        peer: &PublicKey<C>,
    ) -> Option<Zeroizing<FieldBytes<C>>> {
        let (scalar, mut point) = (Zeroizing::new(scalar.to_repr()), Zeroizing::new([0; POINT]));
        let point = point.get_mut(..C::CURVE.point())?;
        aws_lc::of_point(C::CURVE, &scalar, peer.to_sec1_point(false).as_bytes(), point)?;
        let x = point.get(1..=C::CURVE.field())?;
        FieldBytes::<C>::try_from(x).ok().map(Zeroizing::new)
    }
}

/// Nothing: this build has only the crates.
#[cfg(not(feature = "aws-lc"))]
mod fast {
    use super::{FieldBytes, Group, NonZeroScalar, PublicKey, Zeroizing};

    pub(super) const fn of_base<C: Group>(_: &NonZeroScalar<C>) -> Option<PublicKey<C>> {
        None
    }

    pub(super) const fn of_point<C: Group>(
        _: &NonZeroScalar<C>,
        _: &PublicKey<C>,
    ) -> Option<Zeroizing<FieldBytes<C>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use p256::elliptic_curve::{Field as _, Generate as _};
    use rand_core::SeedableRng as _;

    /// 1, 2, the order less 1 and less 2, and random ones.
    fn scalars<C: Group>() -> std::vec::Vec<NonZeroScalar<C>> {
        let one = C::Scalar::ONE;
        let edges = [one, one + one, -one, -(one + one)].map(|scalar| NonZeroScalar::new(scalar).unwrap());
        let mut rng = ChaCha20Rng::from_seed([11; 32]);
        let random = (0..50).map(|_| NonZeroScalar::generate_from_rng(&mut rng));
        edges.into_iter().chain(random).collect()
    }

    fn both_agree<C: Group>() {
        let scalars = scalars::<C>();
        for (scalar, other) in scalars.iter().zip(scalars.iter().rev()) {
            let (public, peer) = (portable::of_base(scalar), portable::of_base(other));
            let shared = portable::of_point(scalar, &peer);
            assert_eq!((of_base(scalar), of_point(scalar, &peer)), (public, shared.clone()));
            assert_eq!(fast::of_base(scalar).is_some(), cfg!(feature = "aws-lc"));
            assert_eq!(fast::of_point(scalar, &peer).is_some(), cfg!(feature = "aws-lc"));
            if let (Some(found), Some(x)) = (fast::of_base(scalar), fast::of_point(scalar, &peer)) {
                assert_eq!((found, x), (public, shared));
            }
        }
    }

    /// Whatever computes, the same points come out. Without the feature `aws-lc` this test holds the crates against themselves.
    #[test]
    fn fast_and_portable_arithmetic_agree() {
        both_agree::<NistP256>();
        both_agree::<NistP384>();
    }

    #[test]
    fn a_wrong_product_is_not_known() {
        let scalar = NonZeroScalar::<NistP256>::new(p256::Scalar::ONE).unwrap();
        let generator = portable::of_base(&scalar).to_sec1_point(false);
        assert!(is_known(&scalar, generator.as_bytes()));
        let double = NonZeroScalar::<NistP256>::new(p256::Scalar::ONE.double()).unwrap();
        assert!(!is_known(&double, generator.as_bytes()));
    }
}
