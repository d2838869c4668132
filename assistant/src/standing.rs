//! What state the assistant and the shield are in, as a page is told.

use std::{sync::Mutex, time::Duration};

use authority::{certificate::Certificate, moment};
use lock::lock;
use machine::{
    doctor::{Card, Finding, Holding, Reached, Severity, treat},
    system::System,
};
use serde_json::{Value, json};
use wire::{apdu::StatusWord, shield::status};

use crate::{shield::Shields, words};

/// Which shield a page wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// The number of the shield that the bank has bound to the customer.
    pub serial: Option<String>,
    /// The brand that the bank serves.
    pub brand: Option<String>,
}

/// Looks at the shields, and where none is reached, at the machine. It may take seconds.
pub(crate) fn look(shields: &Shields, wish: &Wish) -> Value {
    let mut reached = shields.reach();
    let ours = reached.iter().filter(|reached| reached.is_ok()).count();
    let wanted = |reached: &Reached| {
        reached
            .as_ref()
            .is_ok_and(|held| wish.serial.as_ref().is_none_or(|serial| held.information.serial == *serial))
    };
    let fitting: Vec<&Holding> = reached.iter().filter(|one| wanted(one)).flatten().collect();
    match fitting[..] {
        [held] => told(state_of(held, wish), Some(held), &[]),
        [_, _, ..] => told("several_tokens", None, &[]),
        [] if ours > 0 => told("other_token", None, &[]),
        [] => {
            let why = reached.pop().and_then(Result::err);
            let state = unreached(why.as_ref());
            let findings = examine(why);
            // The system shows a device of a brand whose driver is missing: no road leads to it.
            let driver = findings.iter().any(|finding| finding.code == "brand_unknown");
            told(if driver { "driver_missing" } else { state }, None, &findings)
        }
    }
}

/// The state of a shield. What stands first has to be mended first.
fn state_of(held: &Holding, wish: &Wish) -> &'static str {
    let information = &held.information;
    if wish.brand.as_ref().is_some_and(|brand| *brand != information.brand) {
        return "other_brand";
    }
    match information.refusal() {
        Some(StatusWord::BLOCKED) => return "pin_locked",
        Some(status::FACTORY_PIN) => return "factory_pin",
        Some(status::KNOWN_PUK) => return "puk_known",
        Some(_) => return "token_fault",
        None => {}
    }
    match payment_certificate(held) {
        None => "no_id",
        Some(certificate) if certificate.not_after < moment::now() => "expired",
        Some(_) => "ready",
    }
}

fn payment_certificate(held: &Holding) -> Option<Certificate> {
    certificate(held, 0)
}

/// The certificate at this place: of payment, or of authentication.
fn certificate(held: &Holding, place: usize) -> Option<Certificate> {
    let (_, der) = held.certificates.get(place)?;
    Certificate::parse(der.as_deref()?).ok()
}

fn unreached(why: Option<&card::Error>) -> &'static str {
    match why {
        None | Some(card::Error::NotFound(_)) => "no_token",
        Some(card::Error::Busy) => "token_held",
        // A card that has no applet of ours.
        Some(card::Error::Refused(_)) => "other_brand",
        Some(_) => "token_unread",
    }
}

/// What is wrong with the machine.
fn examine(why: Option<card::Error>) -> Vec<Finding> {
    let (mut findings, _) = treat(&System::here(), &Known(Mutex::new(why)), false, Duration::ZERO);
    findings.retain(|finding| matches!(finding.severity, Severity::Warning | Severity::Error));
    findings
}

/// What the doctor would find out again.
struct Known(Mutex<Option<card::Error>>);

impl Card for Known {
    fn reach(&self) -> Vec<Reached> {
        lock(&self.0).take().map(Err).into_iter().collect()
    }
}

/// The answer. A finding's own message stays here: it may name the holder's files and programs. Its code says enough to a page.
fn told(state: &'static str, held: Option<&Holding>, findings: &[Finding]) -> Value {
    let shield = held.map(|held| {
        let information = &held.information;
        let [left, ..] = information.tries;
        json!({
            "brand": information.brand,
            "serial": information.serial,
            "generation": information.generation,
            "tries": left,
        })
    });
    let other = held.and_then(|held| certificate(held, 1)).map(|certificate| certificate.serial);
    let id = held.and_then(payment_certificate).map(|certificate| {
        json!({ "serial": certificate.serial, "authentication": other, "not_after": certificate.not_after.unix_timestamp() })
    });
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| json!({ "code": finding.code, "mendable": finding.fix.is_some(), "words": words::of(finding.code) }))
        .collect();
    json!({ "state": state, "words": words::of(state), "shield": shield, "id": id, "findings": findings })
}

/// A state of which there is no more to say.
pub(crate) fn plain(state: &'static str) -> Value {
    told(state, None, &[])
}

#[cfg(test)]
mod tests {
    use wire::{algorithm::KeyAlgorithm, shield::Information};

    use super::*;

    fn held(flags: u8, left: u8) -> Holding {
        let information = Information {
            version: 1,
            brand: "U-shield".into(),
            serial: "00C0FFEE".into(),
            generation: 2,
            tries: [left, 10, 6, 10],
            pin_length: [6, 16],
            state_version: 1,
            flags,
            label: String::new(),
            algorithm: KeyAlgorithm::P256,
        };
        Holding { information, certificates: Vec::new() }
    }

    /// What a shield says of itself, before anybody looks for an ID.
    #[test]
    fn what_has_to_be_mended_first_stands_first() {
        use Information as I;
        let all = I::FACTORY_PIN | I::KNOWN_PUK;
        for (flags, left, state) in [
            (all, 0, "token_fault"),
            (I::HEALTHY | all, 0, "pin_locked"),
            (I::HEALTHY | all, 6, "factory_pin"),
            (I::HEALTHY | I::KNOWN_PUK, 6, "puk_known"),
            (I::HEALTHY, 1, "no_id"),
        ] {
            let held = held(flags, left);
            assert_eq!(state_of(&held, &Wish::default()), state);
            assert_ne!(words::of(state), words::of("failed"), "{state} has words");
            let [own, other] =
                ["U-shield", "Indigo"].map(|brand| Wish { brand: Some(brand.into()), serial: None });
            assert_eq!((state_of(&held, &own), state_of(&held, &other)), (state, "other_brand"));
        }
    }
}
