//! RSA's private operation by aws-lc, for programs on hosts: several times faster than by the crate rsa
//! (docs/decisions/0042-host-arithmetic.md).
//!
//! aws-lc could blind by itself, but takes a tenth of a second of each process before its random source gives the first byte. So the
//! blinding is here, as aws-lc has it: a pair of factors from the token's own random source, squared for each operation, and drawn
//! anew after 32.

use crypto_bigint::{
    BoxedUint, RandomMod as _,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use rsa::{
    hazmat::rsa_encrypt,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use zeroize::Zeroizing;

use super::{BITS, BLOCK};
use crate::{crypto::aws_lc, seams::CryptoRng};

/// How often a pair of factors serves (aws-lc's `BN_BLINDING_COUNTER`).
const USES: u8 = 32;

/// A key as aws-lc holds it, and what blinds the key's next block.
pub(super) struct Key {
    key: aws_lc::Rsa,
    parameters: BoxedMontyParams,
    blinding: Option<Blinding>,
}

impl Key {
    /// `None`: aws-lc has no memory, or refuses the key.
    pub(super) fn new(key: &rsa::PrivateKey) -> Option<Self> {
        let bytes = |number: &BoxedUint| Zeroizing::new(number.to_be_bytes().into_vec());
        let [p, q] = key.primes() else { return None };
        let coefficient = Zeroizing::new(key.crt_coefficient()?);
        let key_of_aws_lc = aws_lc::Rsa::new(&aws_lc::RsaNumbers {
            modulus: &key.n_bytes(),
            public_exponent: &key.e_bytes(),
            private_exponent: &bytes(key.d()),
            primes: [&bytes(p.as_ref()), &bytes(q.as_ref())],
            exponents: [&bytes(key.dp()?), &bytes(key.dq()?)],
            coefficient: &bytes(&coefficient),
        })?;
        Some(Self { key: key_of_aws_lc, parameters: key.n_params().clone(), blinding: None })
    }

    /// The private operation on a number below the modulus that is not zero. `None`: the result failed its check, or aws-lc has no memory.
    pub(super) fn raw<R: CryptoRng + ?Sized>(
        &mut self,
        key: &rsa::PrivateKey,
        representative: &BoxedUint,
        rng: &mut R,
    ) -> Option<Zeroizing<[u8; BLOCK]>> {
        let mut blinding = match self.blinding.take() {
            Some(blinding) if blinding.left > 0 => blinding,
            _ => Blinding::new(key, &self.parameters, rng)?,
        };
        let blinded = product(&form(representative, &self.parameters), &blinding.factor)?;
        let result = self.key.raw(&blinded)?;
        let result = Zeroizing::new(BoxedUint::from_be_slice(&*result, BITS).ok()?);
        let freed = product(&form(&result, &self.parameters), &blinding.inverse)?;
        blinding.square();
        self.blinding = Some(blinding);
        Some(freed)
    }
}

/// A random number raised to the public exponent, and the number's inverse: what is blinded by the first is freed by the second.
struct Blinding {
    factor: Secret,
    inverse: Secret,
    left: u8,
}

impl Blinding {
    fn new<R: CryptoRng + ?Sized>(
        key: &rsa::PrivateKey,
        parameters: &BoxedMontyParams,
        rng: &mut R,
    ) -> Option<Self> {
        let (number, inverse) = loop {
            let number = Zeroizing::new(BoxedUint::random_mod_vartime(rng, key.n()));
            // Only zero and multiples of a prime have no inverse.
            if let Some(inverse) = number.invert_mod(key.n()).into_option() {
                break (number, Zeroizing::new(inverse));
            }
        };
        let factor = Zeroizing::new(rsa_encrypt(key.as_public_key(), &number).ok()?);
        Some(Self { factor: form(&factor, parameters), inverse: form(&inverse, parameters), left: USES })
    }

    fn square(&mut self) {
        self.factor = Zeroizing::new(self.factor.square());
        self.inverse = Zeroizing::new(self.inverse.square());
        self.left = self.left.saturating_sub(1);
    }
}

/// A number modulo the key's modulus, wiped when dropped.
type Secret = Zeroizing<BoxedMontyForm>;

fn form(number: &BoxedUint, parameters: &BoxedMontyParams) -> Secret {
    Zeroizing::new(BoxedMontyForm::new(number.clone(), parameters))
}

fn product(one: &Secret, other: &Secret) -> Option<Zeroizing<[u8; BLOCK]>> {
    let product = Zeroizing::new(one.mul(other));
    let bytes = Zeroizing::new(Zeroizing::new(product.retrieve()).to_be_bytes());
    bytes.first_chunk().copied().map(Zeroizing::new)
}
