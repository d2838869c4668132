//! A payment: the bank's order is signed on the shield, as it is.

use base64ct::{Base64, Encoding};
use payment::{EncodedOrder, seal};
use serde_json::{Value, json};
use terminal::{Failure, refusal};
use wire::shield::{Container, Information};

use super::{Bench, Phase};
use crate::{prompter, trouble::Trouble};

/// Has the order signed, and gives the sealed payment.
pub(super) fn pay(bench: &Bench<'_>, order: &EncodedOrder) -> Result<Value, Trouble> {
    let mut opened = bench.open()?;
    let information = opened.information;
    refusal::ready(&information)?;
    let certificate = bench.on(&mut opened.card, |shield| Ok(shield.certificate(Container::Payment)?))?;
    let certificate = certificate
        .filter(|_| information.has(Information::ENROLLED))
        .ok_or_else(|| Trouble::plain("not-enrolled", "the shield has no personal ID"))?;
    let pin = bench.pin(prompter::payment(order.order(), bench.errand.language), &information)?;
    let shows = information.generation > 1;
    let sealed = seal(order, &[certificate], |bytes| {
        bench.on(&mut opened.card, |shield| {
            shield.verify(pin.bytes())?;
            if shows {
                bench.ear.phase(Phase::Shield);
            }
            Ok(shield.sign_payment(bytes)?)
        })
    });
    let sealed = sealed.map_err(|error| match error {
        payment::SealError::Sign(trouble) => trouble,
        // `Display` of the error is not asked for: of a signer's own trouble there is none.
        _ => Trouble::from(
            Failure::new("the payment was not sealed")
                .because("the certificate is no payment certificate, or the signature is not by its key"),
        ),
    })?;
    Ok(json!({ "payment": Base64::encode_string(&sealed), "serial": information.serial }))
}
