//! Enrolment against a token in software that fails at each command, in each way.

mod attested;

use std::{cell::RefCell, rc::Rc};

use authority::{
    ca::{Authority, found_for_trial},
    signature::PublicKey,
};
use rcgen::{PublicKeyData as _, SigningKey as _};
use terminal::Reason;
use wire::{
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    shield::{Information, status},
};

use super::*;
use crate::token::soft::{Fault, Moment, PIN, Soft};

/// A CA that refuses the n-th certificate, or cannot write down what became of it.
struct Frail {
    ca: Authority,
    /// What it issues in place of what it was asked for.
    instead: Option<Vec<u8>>,
    refuse: Option<usize>,
    cannot_record: bool,
    issued: usize,
}

fn disk_full() -> authority::Error {
    authority::Error::new(Reason::Disk, "index not written", "no space left", "make room")
}

impl Issuer for Frail {
    fn certificate(&self, kind: Kind) -> &Certificate {
        self.ca.certificate(kind)
    }

    fn organisation(&self) -> &str {
        self.ca.organisation()
    }

    fn ready(&mut self, subject: &Subject, validity: Validity) -> Result<(), authority::Error> {
        self.ca.ready(subject, validity)
    }

    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, authority::Error> {
        self.issued += 1;
        match self.instead.clone() {
            Some(other) => Ok(other),
            None if self.refuse == Some(self.issued) => Err(disk_full()),
            None => self.ca.issue(order),
        }
    }

    fn stands(&mut self, certificate: &Certificate) -> Result<bool, authority::Error> {
        self.ca.stands(certificate)
    }

    fn delivered(&mut self, token: &str, serials: &[String]) -> Result<(), authority::Error> {
        if self.cannot_record { Err(disk_full()) } else { self.ca.delivered(token, serials) }
    }

    fn withdraw(&mut self, serials: &[String]) -> Result<(), authority::Error> {
        if self.cannot_record { Err(disk_full()) } else { self.ca.withdraw(serials) }
    }
}

/// A folder with a CA, and a token.
struct Scene {
    _folder: tempfile::TempDir,
    ca: Frail,
    token: Soft,
}

impl Scene {
    fn new() -> Self {
        Self::of(KeyAlgorithm::P256)
    }

    /// With a CA whose payment certificates are for keys of this algorithm.
    fn of(algorithm: KeyAlgorithm) -> Self {
        // In memory where there is such a place: hundreds of cuts need no real disk.
        let memory = std::path::Path::new("/dev/shm");
        let parent =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let folder = parent.path().join("ca");
        let ca = found_for_trial(&folder, "Test CA", algorithm).unwrap();
        let ca = Frail { ca, instead: None, refuse: None, cannot_record: false, issued: 0 };
        Self { _folder: parent, ca, token: Soft::new() }
    }

    fn run(&mut self, wish: Wish<'_>, pin: &str) -> Result<Enrolled, Failure> {
        let enrolment =
            Enrolment { wish, brand: Some("U-shield"), validity: Validity::Days(365), factory: None };
        enrol(&mut self.token, &mut self.ca, &enrolment, &mut |_| Ok(pin.into()), &mut Silent)
    }

    fn enrol(&mut self) -> Result<Enrolled, Failure> {
        self.run(zhang(true), PIN)
    }

    /// Serial numbers that the CA has neither seen delivered nor revoked.
    fn on_their_way(&self) -> usize {
        self.ca.ca.index().unwrap().certificates.iter().filter(|entry| entry.is_on_its_way()).count()
    }
}

fn zhang(replace: bool) -> Wish<'static> {
    Wish::Enrol { name: "张三", user_id: "6222020200112233", replace }
}

#[test]
fn the_happy_day() {
    let mut scene = Scene::new();
    let lines = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&lines);
    let enrolment =
        Enrolment { wish: zhang(false), brand: None, validity: Validity::Days(365), factory: None };
    let mut progress = move |step: &Step<'_>| told.borrow_mut().push(step.to_string());
    let enrolled =
        enrol(&mut scene.token, &mut scene.ca, &enrolment, &mut |_| Ok(PIN.into()), &mut progress).unwrap();
    assert!(enrolled.changed && enrolled.warnings.is_empty());
    assert_eq!(enrolled.subject.unit.as_deref(), Some("U-shield test token"));
    assert_eq!(
        scene.token.held(),
        [&enrolled.payment, &enrolled.authentication].map(|c| Some(c.der.clone()))
    );
    assert_eq!(scene.token.seen, ["payment \"张三\"", "9a \"张三\""]);
    scene.token.check_whole();
    assert_eq!(scene.on_their_way(), 0);
    let lines = lines.borrow();
    assert_eq!(lines[0], "token U-shield 00C0FFEE found");
    assert_eq!(lines.last().unwrap(), "read back and compared: the new personal ID is on the token");
    assert!(lines.iter().any(|line| line.contains("press OK")), "{lines:?}");
}

/// A CA certifies payment keys of its own algorithm. A token of another algorithm is refused before a key is made on the token and before
/// anybody is asked for a PIN.
#[test]
fn a_token_of_another_algorithm_than_the_cas_is_left_alone() {
    for (of_the_ca, of_the_token, names) in [
        (
            KeyAlgorithm::P256,
            KeyAlgorithm::Sm2,
            ["keys are of SM2 with SM3", "certifies keys of ECDSA on P-256"],
        ),
        (
            KeyAlgorithm::Sm2,
            KeyAlgorithm::P256,
            ["keys are of ECDSA on P-256", "certifies keys of SM2 with SM3"],
        ),
    ] {
        let mut scene = Scene::of(of_the_ca);
        scene.token.information.algorithm = of_the_token;
        let enrolment =
            Enrolment { wish: zhang(false), brand: None, validity: Validity::Days(1), factory: None };
        let mut pin = |_: &Information| -> Result<_, Failure> { panic!("nobody is asked for a PIN") };
        let refused = enrol(&mut scene.token, &mut scene.ca, &enrolment, &mut pin, &mut Silent).unwrap_err();
        let why = refused.why().unwrap();
        assert_eq!(refused.code(), Some("issuer-refused"), "{refused}");
        assert!(names.iter().all(|name| why.contains(name)), "{why}");
        let next = format!("--algorithm {}", of_the_token.name());
        assert!(refused.to_string().contains(&next), "{refused}");
        assert!(refused.state().unwrap().contains("nothing was changed"), "{refused}");
        assert!(scene.token.pending.is_empty() && scene.token.keys.is_empty());
        assert_eq!((scene.ca.issued, scene.on_their_way()), (0, 0));
    }
}

#[test]
fn enrolling_twice_does_nothing_the_second_time() {
    let mut scene = Scene::new();
    let first = scene.run(zhang(false), PIN).unwrap();
    let commands = scene.token.seen.len();
    let second = scene.run(zhang(false), "000000").unwrap();
    assert!(!second.changed);
    assert_eq!((second.payment, scene.token.seen.len()), (first.payment, commands));
    let other = Wish::Enrol { name: "李四", user_id: "1", replace: false };
    let fault = scene.run(other, PIN).unwrap_err();
    assert_eq!(fault.code(), Some("other-holder"));
    assert!(fault.why().unwrap().contains("李四") && fault.what().contains("张三"));
    // A revoked ID is no good one: enrolling makes another.
    scene.ca.ca.revoke(&second.authentication.serial, authority::index::Revocation::KeyCompromise).unwrap();
    assert!(scene.run(zhang(false), PIN).unwrap().changed);
}

/// Whoever answers in the bank's place has a CA of its own: the ID on the token is not given up for it without a word of the holder's.
#[test]
fn an_id_of_another_ca_is_replaced_only_where_that_is_said() {
    // The same name of a bank and of a person, and another key.
    let (mut former, mut scene) = (Scene::new(), Scene::new());
    former.enrol().unwrap();
    let held = former.token.held();
    std::mem::swap(&mut former.token, &mut scene.token);
    for wish in [zhang(false), Wish::Renew] {
        let refused = scene.run(wish, PIN).unwrap_err();
        assert_eq!(refused.code(), Some(Reason::IssuerRefused.code()));
        assert!(refused.to_string().contains("another CA"), "{refused}");
        assert_eq!((scene.token.held(), scene.on_their_way()), (held.clone(), 0));
    }
    scene.run(zhang(true), PIN).unwrap();
    assert_ne!(scene.token.held(), held);
    assert!(!scene.run(zhang(false), PIN).unwrap().changed, "now it is this CA's");
}

#[test]
fn renewing_takes_new_keys_and_the_same_name() {
    let mut scene = Scene::new();
    assert_eq!(scene.run(Wish::Renew, PIN).unwrap_err().code(), Some("not-enrolled"));
    let first = scene.enrol().unwrap();
    let second = scene.run(Wish::Renew, PIN).unwrap();
    assert_eq!(second.subject, first.subject);
    assert_ne!(second.payment.public_key, first.payment.public_key);
    assert!(scene.ca.stands(&first.payment).unwrap(), "payments signed before the renewal stay verifiable");
    scene.ca.ca.revoke(&second.payment.serial, authority::index::Revocation::KeyCompromise).unwrap();
    assert_eq!(scene.run(Wish::Renew, PIN).unwrap_err().code(), Some("issuer-refused"));
    let mut elsewhere = Scene::new();
    std::mem::swap(&mut elsewhere.token, &mut scene.token);
    assert_eq!(elsewhere.run(Wish::Renew, PIN).unwrap_err().code(), Some("issuer-refused"));
}

/// Each command fails once, in each way: the ID is the former or the new one, whole, what was issued in vain is
/// revoked once that is known, and the message is true.
#[test]
fn interrupted_at_each_step() {
    let faults = [
        (Moment::Before, Fault::Unplugged),
        (Moment::After, Fault::Unplugged),
        (Moment::Before, Fault::Refused(StatusWord::MEMORY_FAILURE)),
        (Moment::After, Fault::Refused(StatusWord::MEMORY_FAILURE)),
        (Moment::Late, Fault::Unplugged),
        (Moment::Late, Fault::Refused(StatusWord::MEMORY_FAILURE)),
        (Moment::Before, Fault::Refused(status::CANCELLED)),
        (Moment::Before, Fault::Refused(status::TIMED_OUT)),
    ];
    let mut cuts = 0;
    for with_former in [false, true] {
        for (moment, fault) in &faults {
            let mut number = 1;
            loop {
                let mut scene = Scene::new();
                if with_former {
                    scene.enrol().unwrap();
                }
                scene.token.plug();
                let former = scene.token.held();
                scene.token.fail = Some((number, *moment, *fault));
                let outcome = scene.enrol();
                if scene.token.count < number {
                    assert!(outcome.unwrap().changed, "without a fault it succeeds");
                    break;
                }
                cuts += 1;
                judge(&mut scene, &former, outcome, &format!("{fault:?} {moment:?} command {number}"));
                number += 1;
            }
        }
    }
    println!("{cuts} cut points");
    assert!(cuts > 150, "only {cuts} cut points");
}

fn judge(scene: &mut Scene, former: &[Option<Vec<u8>>; 2], outcome: Result<Enrolled, Failure>, place: &str) {
    scene.token.check_whole();
    scene.token.plug();
    let held = scene.token.held();
    match outcome {
        Ok(enrolled) => {
            let new = [&enrolled.payment, &enrolled.authentication].map(|c| Some(c.der.clone()));
            assert_eq!(held, new, "{place}: success, but not the new ID");
        }
        Err(error) => {
            let state = error.state().unwrap_or_default().to_string();
            let doubt = state.contains("former personal ID or the new one") || state.contains("is installed");
            let claims_former = state.contains("untouched") || state.contains("has none now");
            assert!(!(claims_former && held != *former), "{place}: “{state}” is not true");
            assert!(held == *former || doubt, "{place}: the ID changed, and “{state}” does not tell");
            assert!(error.hint().is_some() && error.why().is_some());
            if claims_former {
                assert_eq!(scene.on_their_way(), 0, "{place}: issued in vain and not revoked");
            }
        }
    }
    // Plugged in again, the same command works, and nothing is left on its way.
    let again = scene.run(zhang(false), PIN).unwrap();
    assert_eq!(again.changed, former[0].is_none() && held[0].is_none(), "{place}");
    scene.token.check_whole();
    assert_eq!(scene.on_their_way(), 0, "{place}");
}

#[test]
fn the_ca_refuses_at_each_step() {
    for refuse in [1, 2] {
        for cannot_record in [false, true] {
            let mut scene = Scene::new();
            scene.enrol().unwrap();
            let former = scene.token.held();
            scene.ca = Frail { refuse: Some(refuse), cannot_record, issued: 0, ..scene.ca };
            let error = scene.enrol().unwrap_err();
            assert_eq!(error.code(), Some("disk"));
            assert!(error.state().unwrap().starts_with("the former personal ID on the token is untouched"));
            assert_eq!(scene.token.held(), former);
            let vain = usize::from(refuse == 2 && cannot_record);
            assert_eq!(scene.on_their_way(), vain);
            assert_eq!(vain == 1, error.to_string().contains("cert-tool ca revoke"), "{error}");
        }
    }
}

#[test]
fn a_ca_that_cannot_record_the_delivery_is_a_warning() {
    let mut scene = Scene::new();
    scene.ca.cannot_record = true;
    let enrolled = scene.enrol().unwrap();
    assert!(enrolled.changed);
    assert!(enrolled.warnings[0].contains("installed and good"), "{:?}", enrolled.warnings);
}

#[test]
fn what_is_refused_before_anything_changes() {
    type Change = fn(&mut Soft);
    let change: [(&str, Change, Reason); 5] = [
        ("brand", |token| token.information.brand = "Other".into(), Reason::OtherBrand),
        ("health", |token| token.information.flags = 0, Reason::TokenFault),
        ("tries", |token| token.information.tries[0] = 0, Reason::PinBlocked),
        ("factory", |token| token.information.flags |= Information::FACTORY_PIN, Reason::FactoryPin),
        ("known PUK", |token| token.information.flags |= Information::KNOWN_PUK, Reason::FactoryPin),
    ];
    for (name, change, reason) in change {
        let mut scene = Scene::new();
        change(&mut scene.token);
        let error = scene.enrol().unwrap_err();
        assert_eq!(
            (error.code(), error.state()),
            (Some(reason.code()), Some("nothing was changed on the token")),
            "{name}"
        );
        assert!(scene.token.pending.is_empty());
    }
    let mut scene = Scene::new();
    for (wish, pin) in [
        (zhang(true), "12345"),
        (zhang(true), "123456789"),
        (Wish::Enrol { name: "张\u{202E}三", user_id: "1", replace: true }, PIN),
        (Wish::Enrol { name: "张三", user_id: "一", replace: true }, PIN),
    ] {
        assert_eq!(scene.run(wish, pin).unwrap_err().code(), Some("invalid"));
        assert_eq!(scene.token.information.tries[0], 6);
    }
    let error = scene.run(zhang(true), "000000").unwrap_err();
    assert_eq!(error.code(), Some("pin-wrong"));
    assert!(error.what().contains("5 tries left"));
    assert!(scene.token.pending.is_empty(), "the PIN comes before the keys");
    scene.token.information.tries[0] = 1;
    assert_eq!(scene.run(zhang(true), "000000").unwrap_err().code(), Some("pin-blocked"));
}

#[test]
fn a_token_that_signs_something_else_gets_no_certificate() {
    let mut scene = Scene::new();
    scene.token.liar = true;
    let error = scene.enrol().unwrap_err();
    assert_eq!(error.code(), Some("issuer-refused"));
    assert!(error.why().unwrap().contains("proof of possession"));
    assert!(scene.ca.ca.index().unwrap().certificates.is_empty());
}

#[test]
fn what_the_ca_issues_is_checked_before_it_is_installed() {
    let mut elsewhere = Scene::new();
    let foreign = elsewhere.enrol().unwrap().payment;
    let mut scene = Scene::new();
    let former = scene.enrol().unwrap();
    let held = scene.token.held();
    for (instead, why) in [
        (foreign.der, "not signed by the CA"),
        (former.payment.der, "for another key"),
        (former.authentication.der, "for another key"),
        (b"junk".to_vec(), "neither DER nor PEM"),
    ] {
        scene.ca.instead = Some(instead);
        let error = scene.enrol().unwrap_err();
        assert!(error.why().unwrap().contains(why), "{error}");
        assert!(error.state().unwrap().contains("untouched"), "{error}");
        assert_eq!(scene.token.held(), held);
    }
}

#[test]
fn each_thing_that_a_certificate_must_be() {
    let mut scene = Scene::new();
    let enrolled = scene.enrol().unwrap();
    let root = scene.ca.certificate(Kind::Payment).clone();
    let key = rcgen::KeyPair::generate().unwrap();
    let public = PublicKey::parse(&key.subject_public_key_info()).unwrap();
    let info = csr::info(&enrolled.subject, &public).unwrap();
    let request = csr::signed(&info, public.algorithm, &key.sign(&info).unwrap()).unwrap();
    let subject = &enrolled.subject;
    let order =
        Order { request: &request, kind: Kind::Payment, subject, validity: Validity::Days(1), token: None };
    let good = Certificate::parse(&scene.ca.ca.issue(&order).unwrap()).unwrap();
    let why = |certificate: &Certificate, kind, subject: &Subject| {
        check::issued(certificate, kind, &request, subject, &root)
            .map_err(|error| error.why().unwrap().to_string())
    };
    assert_eq!(why(&good, Kind::Payment, subject), Ok(()));
    let says = |outcome: Result<(), String>, text: &str| {
        assert!(outcome.as_ref().is_err_and(|e| e.contains(text)), "{outcome:?}")
    };
    says(why(&good, Kind::Authentication, subject), "usage");
    let other = Subject { name: "李四".into(), ..subject.clone() };
    says(why(&good, Kind::Payment, &other), "somebody else");
    let mut expired = good.clone();
    expired.not_after = good.not_before;
    says(why(&expired, Kind::Payment, subject), "not valid now");
}
