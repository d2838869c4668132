//! Whether time tells a secret: the test of dudect ("Dude, is my code constant time?", Reparaz, Balasch and Verbauwhede, 2017).
//!
//! Two classes of inputs come in random order, and Welch's t says how sure it is that their times have different means. Interrupts
//! make long samples in both classes, so the longest samples are cropped, at several places; the largest |t| of all croppings counts.
//! |t| above 10 is a leak for certain; up to 4.5 nothing was found with as many samples as were taken.

use std::time::Instant;

use anyhow::Context;
use card::shield::Shield;
use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use p256::{
    NonZeroScalar, Scalar,
    ecdsa::Signature,
    elliptic_curve::{PrimeField, ops::Reduce},
};
use ushield_tests::bench::PIN;
use wire::{
    piv::Algorithm,
    shield::{Container, Import, Place, PrivateParts, Uses},
};

use crate::{
    Scale,
    crypto::{BLOCK, token, wish},
    table::{Goal, Row},
};

/// Nobody leaks this much.
const CERTAIN: f64 = 10.0;
/// The shares of the samples that the croppings keep.
const KEPT: [f64; 8] = [1.0, 0.99, 0.97, 0.95, 0.9, 0.8, 0.65, 0.5];
/// The private key of the test, which the test knows.
const SECRET: [u8; 32] = [0x3B; 32];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let mut card = token()?;
    let mut shield = Shield::select(&mut card)?;
    shield.verify(PIN)?;
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let signing = imported(&mut shield, Uses::SIGN, &SECRET)?;
    let mut rows = nonces(&mut shield, signing, &mut rng, scale.count(200_000))?;
    rows.push(digests(&mut shield, signing, &mut rng, scale.count(100_000))?);
    rows.push(agreements(&mut shield, &mut rng, scale.count(20_000))?);
    rows.push(blocks(&mut shield, &mut rng, scale.count(10_000))?);
    rows.push(pins(&mut shield, &mut rng, scale.count(100_000))?);
    Ok(rows)
}

/// The times of two classes, in nanoseconds.
#[derive(Default)]
struct Classes([Vec<f64>; 2]);

impl Classes {
    /// Times one operation of this class.
    fn time(&mut self, class: bool, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let start = Instant::now();
        work()?;
        self.push(class, start.elapsed().as_nanos() as f64);
        Ok(())
    }

    fn push(&mut self, class: bool, time: f64) {
        self.0[usize::from(class)].push(time);
    }

    fn row(&self, name: &str) -> Row {
        let mut all: Vec<f64> = self.0.iter().flatten().copied().collect();
        all.sort_unstable_by(f64::total_cmp);
        let limit = |kept: f64| all[((all.len() - 1) as f64 * kept) as usize];
        let t = |kept| welch(&self.0, limit(kept)).abs();
        let worst = KEPT.into_iter().map(t).fold(0.0, f64::max);
        let figures = vec![("worst |t|", worst), ("|t| of all", t(1.0)), ("samples", all.len() as f64)];
        Row::new(format!("constant time: {name}"), figures).beside(
            "the |t| of a certain leak",
            worst / CERTAIN,
            Some(Goal::AtMost(1.0)),
        )
    }
}

/// Welch's t of the samples of both classes that took at most `limit`.
fn welch(classes: &[Vec<f64>; 2], limit: f64) -> f64 {
    let [(m1, v1), (m2, v2)] = classes.each_ref().map(|class| {
        let kept: Vec<f64> = class.iter().copied().filter(|time| *time <= limit).collect();
        let count = kept.len().max(2) as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    if v1 + v2 > 0.0 { (m1 - m2) / (v1 + v2).sqrt() } else { 0.0 }
}

fn imported(shield: &mut Shield<'_>, uses: Uses, secret: &[u8]) -> anyhow::Result<Container> {
    let import = Import { key: wish(Algorithm::P256, uses), parts: PrivateParts::Scalar(secret) };
    Ok(shield.import_key(Place::Any, &import)?.0)
}

/// Signatures by a key that this test knows, so that this test can tell each nonce afterwards. A signer whose time tells the length of a
/// nonce gives its key away after some thousand signatures (Minerva, TPM-FAIL); the weight is what a table or a branch would show.
fn nonces(
    shield: &mut Shield<'_>,
    key: Container,
    rng: &mut ChaCha20Rng,
    count: usize,
) -> anyhow::Result<Vec<Row>> {
    let (mut lengths, mut weights) = (Classes::default(), Classes::default());
    for _ in 0..count {
        let mut digest = [0; 32];
        rng.fill_bytes(&mut digest);
        let start = Instant::now();
        let signature = shield.use_key(key, Uses::SIGN, &digest)?;
        let time = start.elapsed().as_nanos() as f64;
        let nonce = nonce(&digest, &signature)?;
        lengths.push(nonce[0] < 8, time);
        weights.push(nonce.iter().map(|byte| byte.count_ones()).sum::<u32>() < 128, time);
    }
    Ok(vec![
        lengths.row("P-256 sign, nonces of at most 251 bits or longer"),
        weights.row("P-256 sign, nonces of few ones or of many"),
    ])
}

/// k = s⁻¹ (z + r d).
fn nonce(digest: &[u8; 32], signature: &[u8]) -> anyhow::Result<[u8; 32]> {
    let (r, s) = Signature::from_der(signature)?.split_scalars();
    let secret: Scalar = *NonZeroScalar::from_repr(SECRET.into()).into_option().context("a private key")?;
    let digest = <Scalar as Reduce<p256::FieldBytes>>::reduce(&(*digest).into());
    let inverse = s.invert_vartime().into_option().context("s is not zero")?;
    Ok((inverse * (digest + *r * secret)).to_repr().into())
}

/// The classes of dudect: always the same digest, or a random one.
fn digests(
    shield: &mut Shield<'_>,
    key: Container,
    rng: &mut ChaCha20Rng,
    count: usize,
) -> anyhow::Result<Row> {
    let mut classes = Classes::default();
    for _ in 0..count {
        let (class, digest) = drawn(rng, [0x5A; 32]);
        classes.time(class, || Ok(shield.use_key(key, Uses::SIGN, &digest).map(drop)?))?;
    }
    Ok(classes.row("P-256 sign, one digest or random ones"))
}

/// A private key with few ones, or a random one, each imported anew: d·P.
fn agreements(shield: &mut Shield<'_>, rng: &mut ChaCha20Rng, count: usize) -> anyhow::Result<Row> {
    let (mut classes, mut few) = (Classes::default(), [0; 32]);
    few[31] = 2;
    let peer = p256::PublicKey::from_secret_scalar(
        &NonZeroScalar::from_repr(SECRET.into()).into_option().context("a private key")?,
    );
    let peer = p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&peer, false);
    let container = imported(shield, Uses::AGREE, &SECRET)?;
    for _ in 0..count {
        let (class, mut secret) = drawn(rng, few);
        secret[0] &= 0x7F;
        let import = Import { key: wish(Algorithm::P256, Uses::AGREE), parts: PrivateParts::Scalar(&secret) };
        shield.import_key(Place::Over(container), &import)?;
        // The first use opens the key, and is not timed.
        shield.use_key(container, Uses::AGREE, peer.as_bytes())?;
        classes.time(class, || Ok(shield.use_key(container, Uses::AGREE, peer.as_bytes()).map(drop)?))?;
    }
    Ok(classes.row("P-256 agree, private key 2 or random ones"))
}

/// RSA: always the same block, or a random one.
fn blocks(shield: &mut Shield<'_>, rng: &mut ChaCha20Rng, count: usize) -> anyhow::Result<Row> {
    let mut classes = Classes::default();
    let (container, _) = shield.create_key(Place::Any, &wish(Algorithm::Rsa2048, Uses::SIGN))?;
    for _ in 0..count {
        let (class, mut block) = drawn(rng, BLOCK);
        block[0] &= 0x7F;
        classes.time(class, || Ok(shield.use_key(container, Uses::SIGN, &block).map(drop)?))?;
    }
    Ok(classes.row("RSA-2048, one block or random ones"))
}

/// Wrong PINs: one that differs from the right PIN in its last digit only, or random ones. The right PIN follows each, so that the tries
/// come back.
fn pins(shield: &mut Shield<'_>, rng: &mut ChaCha20Rng, count: usize) -> anyhow::Result<Row> {
    let (mut classes, mut near) = (Classes::default(), [0; 6]);
    near.copy_from_slice(PIN);
    near[5] ^= 1;
    for _ in 0..count {
        let (class, random) = drawn(rng, [0; 6]);
        // What is done before the clock starts is the same for both classes: the processor still works on it when the clock runs.
        let mut far = random.map(|byte| b'0' + byte % 10);
        far[0] = if far[0] == PIN[0] { b'9' } else { far[0] };
        let pin = *std::hint::black_box(if class { &far } else { &near });
        classes.time(class, || {
            anyhow::ensure!(shield.verify(&pin).is_err(), "a wrong PIN was right");
            Ok(())
        })?;
        shield.verify(PIN)?;
    }
    Ok(classes.row("VERIFY, a wrong last digit or all digits wrong"))
}

/// A class, and its input: `false` and what is fixed, or `true` and random bytes. Both draw the same.
fn drawn<const N: usize>(rng: &mut ChaCha20Rng, fixed: [u8; N]) -> (bool, [u8; N]) {
    let mut random = [0; N];
    rng.fill_bytes(&mut random);
    let class = rng.next_u32() & 1 == 1;
    (class, if class { random } else { fixed })
}
