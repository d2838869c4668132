//! The token's arithmetic: the token in this process, asked by commands without any line, beside aws-lc-rs with a key of its own.

use std::cell::RefCell;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        RSA_PKCS1_SHA256,
    },
};
use card::{Card, shield::Shield};
use firmware::fixture::{Holder, SharedFlash as Flash};
use ushield_tests::bench::{self, Bench, PIN};
use wire::{
    algorithm::KeyAlgorithm,
    piv::{Algorithm, PinPolicy, PublicKey},
    shield::{Container, Name, NewKey, Place, Uses},
};

use crate::{
    Scale,
    sample::{Arm, Figures, Samples, in_turn, ratio},
    table::{Goal, Row},
};

const DIGEST: [u8; 48] = [0x5A; 48];

/// A block below every modulus of 2048 bits whose first bit is set.
pub(crate) const BLOCK: [u8; 256] = [0x5A; 256];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let mut card = token()?;
    let mut shield = Shield::select(&mut card)?;
    shield.verify(PIN)?;
    let p256 = made(&mut shield, Algorithm::P256, Uses::SIGN)?;
    let p384 = made(&mut shield, Algorithm::P384, Uses::SIGN)?;
    let agreeing = made(&mut shield, Algorithm::P256, Uses::AGREE)?;
    let rsa = made(&mut shield, Algorithm::Rsa2048, Uses::SIGN)?;
    let (p256, p384, (agreeing, peer), rsa) = (p256.0, p384.0, agreeing, rsa.0);
    let shield = RefCell::new(shield);
    let using = |container, uses, input: &[u8]| -> Arm<'_> {
        let (shield, input) = (&shield, input.to_vec());
        Box::new(move || Ok(shield.borrow_mut().use_key(container, uses, &input).map(drop)?))
    };
    let random = SystemRandom::new();
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
    let mut signature = [0; BLOCK.len()];
    let mut arms = [
        using(p256, Uses::SIGN, &DIGEST[..32]),
        ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?,
        using(p384, Uses::SIGN, &DIGEST),
        ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, &random)?,
        using(rsa, Uses::SIGN, &BLOCK),
        Box::new(|| Ok(pair.sign(&RSA_PKCS1_SHA256, &random, &DIGEST, &mut signature)?)),
        using(agreeing, Uses::AGREE, &peer),
    ];
    let taken = in_turn(scale.rounds, scale.count(1000), &mut arms)?;
    drop(arms);
    let mut rows = Vec::new();
    let names =
        [("P-256 sign", None), ("P-384 sign", None), ("RSA-2048, padded block", Some(Goal::AtLeast(0.8)))];
    for (pair, (name, goal)) in taken.chunks(2).zip(names) {
        let [ours, floor] = pair else { anyhow::bail!("arms come in pairs") };
        rows.push(Row::timed(format!("aws-lc-rs: {name}"), Figures::of(floor)));
        let row = Row::timed(format!("token in this process: {name}"), Figures::of(ours));
        rows.push(row.beside("the rate of aws-lc-rs", 1.0 / ratio(ours, floor), goal));
    }
    rows.push(Row::timed("token in this process: P-256 agree", Figures::of(&taken[6])));
    rows.push(generation(&mut shield.borrow_mut(), scale)?);
    Ok(rows)
}

/// A token with its card powered, in this process.
pub(crate) fn token() -> anyhow::Result<Card> {
    let (flash, holder) = (Flash::default(), Holder::default());
    let token = bench::manufacture(bench::profile(), Some(PIN), &flash, &holder);
    drop(token);
    Ok(Bench::plug(bench::open(bench::profile(), &flash, &holder)).card()?)
}

/// A wish for a key that wants the PIN once.
pub(crate) fn wish(algorithm: Algorithm, uses: Uses) -> NewKey {
    NewKey { algorithm, pin: Some(PinPolicy::Once), uses: Some(uses), name: Name::default() }
}

/// A new key on the token, and its point where it is an elliptic key.
pub(crate) fn made(
    shield: &mut Shield<'_>,
    algorithm: Algorithm,
    uses: Uses,
) -> anyhow::Result<(Container, Vec<u8>)> {
    let (container, template) = shield.create_key(Place::Any, &wish(algorithm, uses))?;
    let key = algorithm.of_key_pair().unwrap_or(KeyAlgorithm::P256);
    let point = match PublicKey::parse(key, &template) {
        Ok(PublicKey::Point { point, .. }) => point.to_vec(),
        _ => Vec::new(),
    };
    Ok((container, point))
}

fn ecdsa<'a>(algorithm: &'static EcdsaSigningAlgorithm, random: &'a SystemRandom) -> anyhow::Result<Arm<'a>> {
    let pair = EcdsaKeyPair::generate(algorithm)?;
    Ok(Box::new(move || Ok(pair.sign(random, &DIGEST[..32]).map(drop)?)))
}

/// RSA keys, one after another in one place. How long the search for primes takes is a matter of luck.
fn generation(shield: &mut Shield<'_>, scale: Scale) -> anyhow::Result<Row> {
    let wish = wish(Algorithm::Rsa2048, Uses::SIGN);
    let (container, _) = shield.create_key(Place::Any, &wish)?;
    let samples =
        Samples::take(scale.count(50), || Ok(shield.create_key(Place::Over(container), &wish).map(drop)?))?;
    let figure = |share| samples.percentile(share) / 1e3;
    let figures = vec![("p50 ms", figure(0.5)), ("p10 ms", figure(0.1)), ("p90 ms", figure(0.9))];
    Ok(Row::new("token in this process: RSA-2048, new key", figures))
}
