//! What is checked of a token before anything on it changes.

use authority::subject::TEST_UNIT;
use terminal::{Failure, Reason, refusal};
use wire::shield::Information;

/// The token must be healthy, of the brand asked for, and have a PIN that is not blocked and not the factory's.
///
/// # Errors
/// The first of these that it is not.
pub fn check(information: &Information, brand: Option<&str>) -> Result<(), Failure> {
    let serial = &information.serial;
    let refuse = |reason: Reason, what: String, why: &str, next: &str| {
        Err(reason.failure(what, why, next).with_state("nothing was changed on the token"))
    };
    if let Some(brand) = brand.filter(|brand| *brand != information.brand) {
        return refuse(
            Reason::OtherBrand,
            format!("token {serial} was refused: it is a {}", information.brand),
            &format!("the brand asked for is {brand}"),
            "plug in the right token, or say --brand with the brand of this one",
        );
    }
    if !information.has(Information::HEALTHY) {
        return refuse(
            Reason::TokenFault,
            format!("token {serial} was refused: it failed its self-test"),
            "a token whose self-test failed does not work",
            "unplug it and plug it in; if it stays so, it has to be replaced",
        );
    }
    if information.tries[0] == 0 {
        return refuse(
            Reason::PinBlocked,
            format!("the PIN of token {serial} is blocked"),
            "no tries are left",
            "have it unblocked at the bank's counter (ushield pin unblock, with the PUK)",
        );
    }
    if information.has(Information::FACTORY_PIN) {
        return Err(refusal::factory_pin().with_state("nothing was changed on the token"));
    }
    if information.has(Information::KNOWN_PUK) {
        return Err(refusal::known_puk().with_state("nothing was changed on the token"));
    }
    Ok(())
}

/// The organizationalUnit of certificates for this token: a certificate for an emulated token says that the token is a test token.
pub fn unit(information: &Information) -> Option<String> {
    information.has(Information::TEST_TOKEN).then(|| TEST_UNIT.to_string())
}
