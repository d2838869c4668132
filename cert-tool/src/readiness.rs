//! What is checked of a token before anything on it changes.

use authority::subject::TEST_UNIT;
use terminal::{Failure, Reason, refusal};
use wire::shield::Information;

const UNCHANGED: &str = "nothing was changed on the token";

/// The token must be of the brand asked for, be healthy, and have a PIN that is neither locked nor the factory's.
///
/// # Errors
/// The first of these that it is not.
pub fn check(information: &Information, brand: Option<&str>) -> Result<(), Failure> {
    if let Some(brand) = brand.filter(|brand| *brand != information.brand) {
        let failure = Failure::of(
            Reason::OtherBrand,
            format!("token {} was refused: it is of the brand {}", information.serial, information.brand),
            format!("the brand asked for is {brand}"),
            "plug in the right token, or say --brand with the brand of this one",
        );
        return Err(failure.with_state(UNCHANGED));
    }
    refusal::ready(information).map_err(|failure| failure.with_state(UNCHANGED))
}

/// The organizationalUnit of certificates for this token: a certificate for an emulated token says that the token is a test token.
pub fn unit(information: &Information) -> Option<String> {
    information.has(Information::TEST_TOKEN).then(|| TEST_UNIT.to_string())
}
