//! Enrolment that asks for attestation.

use authority::{
    attestation::maker::{Maker, key, spki},
    certificate_kind::Kind,
};

use super::*;

impl Scene {
    /// Enrols with a token of the makers' factory only.
    fn enrol_attested(&mut self) -> (Result<Enrolled, Failure>, Vec<String>) {
        let factory = Maker::new(Kind::Payment).factory();
        let enrolment = Enrolment {
            wish: zhang(true),
            brand: None,
            validity: Validity::Days(365),
            factory: Some(&factory),
        };
        let mut lines = Vec::new();
        let mut progress = |step: &Step<'_>| lines.push(step.to_string());
        let pin = &mut |_: &Information| Ok(PIN.into());
        (enrol(&mut self.token, &mut self.ca, &enrolment, pin, &mut progress), lines)
    }
}

#[test]
fn both_keys_are_attested_before_anybody_presses_ok() {
    let mut scene = Scene::new();
    scene.token.attests = Some(|kind, key| Maker::new(kind).attest(key));
    let (enrolled, lines) = scene.enrol_attested();
    assert!(enrolled.unwrap().changed);
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        at("payment key attested") < at("press OK") && at("authentication key attested") < at("press OK")
    );
    scene.token.check_whole();
}

/// A key made in software, by another factory's token, or about which the token says something else: the CA issues
/// nothing, the holder was not asked, and the former ID is there.
#[test]
fn what_is_not_attested_is_not_certified() {
    type Attests = Option<fn(Kind, &[u8]) -> Attestation>;
    let stranger = |kind, _: &[u8]| Maker::new(kind).attest(&spki(&key(9)));
    let table: [(Attests, &str); 4] = [
        (None, "made in software"),
        (Some(|kind, key| Maker { brand: "another", ..Maker::new(kind) }.attest(key)), "O=another"),
        (Some(|_, key| Maker::new(Kind::Authentication).attest(key)), "another container"),
        (Some(stranger), "another key"),
    ];
    for (attests, expected) in table {
        let mut scene = Scene::new();
        scene.enrol().unwrap();
        let (former, issued, asked) = (scene.token.held(), scene.ca.issued, scene.token.seen.len());
        scene.token.attests = attests;
        let error = scene.enrol_attested().0.unwrap_err();
        assert_eq!(error.code(), Some("not-attested"), "{error}");
        assert!(error.why().unwrap().contains(expected), "{error}");
        assert!(error.state().unwrap().contains("former personal ID"), "{error}");
        assert_eq!((scene.token.held(), scene.ca.issued), (former, issued), "{expected}");
        // Only a statement about a key that the token does not have is found out by the request itself.
        assert_eq!(scene.token.seen.len() - asked, if expected == "another key" { 2 } else { 0 });
    }
}
