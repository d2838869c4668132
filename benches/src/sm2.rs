//! SM2 beside OpenSSL's: the token's signatures and the bank's verification, on one core. `openssl speed` signs and verifies a
//! message of a few bytes, and computes SM3 and Z as well, which take some hundredths of the time.

use std::process::Command;

use anyhow::{Context as _, anyhow};
use card::shield::Shield;
use sm2_signature::PublicKey;
use ushield_tests::bench::PIN;
use wire::{piv::Algorithm, shield::Uses, sm2::Signature};

use crate::{
    Scale,
    crypto::{made, token},
    sample::{Figures, Samples, median},
    table::{Goal, Row},
};

const DIGEST: [u8; 32] = [0x5A; 32];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let mut card = token()?;
    let mut shield = Shield::select(&mut card)?;
    shield.verify(PIN)?;
    let (container, point) = made(&mut shield, Algorithm::Sm2, Uses::SIGN)?;
    let public =
        PublicKey::from_point(&point).ok_or_else(|| anyhow!("the token's key is no point of SM2"))?;
    let (mut signed, mut verified) = (Vec::new(), Vec::new());
    let mut openssl = [Vec::new(), Vec::new()];
    for _ in 0..scale.rounds {
        for (rates, rate) in openssl.iter_mut().zip(openssl_speed()?) {
            rates.push(rate);
        }
        let mut signature = Vec::new();
        signed.push(Samples::take(scale.count(2000), || {
            signature = shield.use_key(container, Uses::SIGN, &DIGEST)?.to_vec();
            Ok(())
        })?);
        let signature =
            Signature::parse(&signature).map_err(|error| anyhow!("no signature of SM2: {error}"))?;
        verified.push(Samples::take(scale.count(2000), || {
            public.verifies_digest(&DIGEST, &signature).then_some(()).ok_or_else(|| anyhow!("refused"))
        })?);
    }
    let [signs, verifies] = openssl;
    let mut rows = Vec::new();
    for (name, theirs, what, ours, goal) in [
        ("sign", signs, "token in this process: SM2 sign", signed, 3.0),
        ("verify", verifies, "payment: SM2, verify one signature", verified, 1.2),
    ] {
        let ratios =
            ours.iter().zip(&theirs).map(|(ours, theirs)| 1e6 / ours.percentile(0.5) / theirs).collect();
        rows.push(Row::new(format!("openssl speed: SM2 {name}"), vec![("per s", median(theirs))]));
        let row = Row::timed(what, Figures::of(&ours));
        rows.push(row.beside("the rate of openssl", median(ratios), Some(Goal::AtLeast(goal))));
    }
    Ok(rows)
}

/// Signatures and verifications of openssl in a second of the processor's time.
fn openssl_speed() -> anyhow::Result<[f64; 2]> {
    let ran = Command::new("openssl").args(["speed", "-seconds", "1", "sm2"]).output();
    let said = String::from_utf8(ran.context("openssl is measured beside our SM2: install openssl")?.stdout)?;
    // The last line ends with both rates: "256 bits SM2 (CurveSM2)   0.0003s   0.0003s   2978.7   3444.3".
    let rates = said.lines().last().map(|line| line.split_whitespace().rev().take(2).map(str::parse));
    match rates.map(Iterator::collect::<Result<Vec<f64>, _>>) {
        Some(Ok(rates)) if rates.len() == 2 => Ok([rates[1], rates[0]]),
        _ => Err(anyhow!("this openssl knows no SM2, or says its speed in another form: {said}")),
    }
}
