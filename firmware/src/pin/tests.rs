//! Which codes are accepted, what a wrong code costs, and what a power cut changes of that.

use chacha20::ChaCha20Rng;
use wire::pin::FACTORY_PIN;

use super::*;
use crate::fixture::{Flash, PIN, PUK, SECRET, profile, rng};

struct Bench {
    store: Store<Flash, ChaCha20Rng>,
    pins: Pins,
}

impl Bench {
    fn new(pin: Option<&[u8]>) -> Self {
        let mut store = Store::new(&SECRET, Flash::default(), rng(2));
        let opening = OpeningKey::generate(&mut rng(1));
        let memory = &mut Memory::default();
        Pins::manufacture(&mut store, memory, &profile(), (pin, PUK), &opening).unwrap();
        let pins = Pins::open(&store, &profile()).unwrap();
        Self { store, pins }
    }

    /// Cuts the power, and plugs the token in again.
    fn replug(&mut self) {
        self.store.storage.writes_left = None;
        self.pins = Pins::open(&self.store, &profile()).unwrap();
    }

    fn finish(&mut self, progress: Progress) -> Result<(), Refusal> {
        match progress {
            Progress::Done => Ok(()),
            Progress::Work(job) => self.pins.finish(&mut self.store, job.run()),
        }
    }

    fn verify(&mut self, pin: &[u8]) -> Result<(), Refusal> {
        let progress = self.pins.verify(&mut self.store, pin)?;
        self.finish(progress)
    }

    fn replace(&mut self, proof: (Reference, &[u8]), target: (Reference, &[u8])) -> Result<(), Refusal> {
        let progress = self.pins.replace(&mut self.store, proof, target)?;
        self.finish(progress)
    }
}

#[test]
fn wrong_until_blocked_then_the_puk() {
    let mut bench = Bench::new(Some(PIN));
    for left in (0..6).rev() {
        assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left }));
    }
    assert_eq!(bench.verify(PIN), Err(Refusal::PinBlocked));
    bench.replug();
    assert_eq!(bench.verify(PIN), Err(Refusal::PinBlocked));
    let target = (Reference::Pin, &b"246810"[..]);
    assert_eq!(bench.replace((Reference::Puk, b"00000000"), target), Err(Refusal::PinWrong { left: 5 }));
    assert_eq!(bench.replace((Reference::Puk, PUK), target), Ok(()));
    assert_eq!(bench.pins.tries(), [6, 6, 6, 6]);
    assert_eq!(bench.verify(PIN), Err(Refusal::PinWrong { left: 5 }));
    assert_eq!(bench.verify(b"246810"), Ok(()));
}

#[test]
fn a_wrong_pin_after_a_right_one_takes_the_proof_away() {
    let mut bench = Bench::new(Some(PIN));
    bench.verify(PIN).unwrap();
    assert!(bench.pins.verified().is_some() && bench.pins.take_fresh().is_some());
    assert!(bench.pins.take_fresh().is_none(), "one VERIFY, one proof");
    assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left: 5 }));
    assert!(bench.pins.verified().is_none());
    bench.verify(PIN).unwrap();
    assert_eq!(bench.pins.left(Reference::Pin), 6);
}

#[test]
fn the_try_is_paid_before_the_compare() {
    let mut bench = Bench::new(Some(PIN));
    let progress = bench.pins.verify(&mut bench.store, PIN).unwrap();
    assert!(matches!(progress, Progress::Work(_)));
    bench.replug(); // the power goes before the compare
    assert_eq!(bench.pins.left(Reference::Pin), 5);
    bench.verify(PIN).unwrap();
    bench.store.storage.writes_left = Some(0); // a try that cannot be paid buys no compare, right or wrong
    assert_eq!(bench.verify(PIN), Err(Refusal::Memory));
    assert!(bench.pins.verified().is_none());
}

/// A candidate that was never compared costs no try, because nobody learnt anything from it.
#[test]
fn a_candidate_that_is_never_compared_costs_nothing() {
    let mut bench = Bench::new(Some(PIN));
    assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left: 5 }));
    for _ in 0..10 {
        let progress = bench.pins.verify(&mut bench.store, PIN).unwrap();
        assert_eq!(bench.pins.left(Reference::Pin), 4);
        bench.pins.power_off(&mut bench.store);
        let Progress::Work(job) = progress else { panic!() };
        let late = bench.pins.finish(&mut bench.store, job.run());
        assert_eq!(late, Err(Refusal::Fault), "and it is not compared later");
    }
    bench.replug();
    assert_eq!(bench.pins.left(Reference::Pin), 5);
}

/// Where there is no memory for stretching, a candidate costs no try, however often a host asks again. A wrong PIN
/// still costs one try each time.
#[test]
fn a_candidate_that_could_not_be_stretched_costs_nothing() {
    let mut bench = Bench::new(Some(PIN));
    assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left: 5 }));
    for _ in 0..10 {
        bench.pins.verify(&mut bench.store, PIN).unwrap();
        assert_eq!(bench.pins.left(Reference::Pin), 4, "paid before");
        let failed = Outcome::Failed(Refusal::Memory);
        let done = bench.pins.finish(&mut bench.store, failed);
        assert_eq!(done, Err(Refusal::Memory));
        assert!(bench.pins.verified().is_none());
        let (proof, target) = ((Reference::Puk, PUK), (Reference::Pin, &b"246810"[..]));
        bench.pins.replace(&mut bench.store, proof, target).unwrap();
        let failed = Outcome::Failed(Refusal::Memory);
        bench.pins.finish(&mut bench.store, failed).unwrap_err();
        assert_eq!(bench.pins.tries(), [5, 6, 6, 6]);
        bench.replug();
        assert_eq!(bench.pins.tries(), [5, 6, 6, 6], "it is written");
    }
    assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left: 4 }));
    assert_eq!(bench.verify(PIN), Ok(()));
}

#[test]
fn a_new_pin_must_not_be_trivial() {
    let mut bench = Bench::new(None);
    assert!(bench.pins.is_factory());
    let old = (Reference::Pin, FACTORY_PIN.as_bytes());
    for (new, refusal) in [
        (&b"111111"[..], Refusal::PinWeak),
        (b"123456", Refusal::PinWeak),
        (b"12345678", Refusal::PinWeak),
        (b"abcdefg", Refusal::PinWeak),
        (b"987654", Refusal::PinWeak),
        (b"13579", Refusal::PinForm),
        (b"135791357", Refusal::PinForm),
        (b"1357\x0079", Refusal::PinForm),
    ] {
        assert_eq!(bench.replace(old, (Reference::Pin, new)), Err(refusal), "{new:?}");
    }
    assert_eq!(bench.pins.tries(), [6, 6, 6, 6], "the form of a new PIN costs no try");
    bench.replace(old, (Reference::Pin, PIN)).unwrap();
    assert!(!bench.pins.is_factory());
    assert_eq!(bench.verify(FACTORY_PIN.as_bytes()), Err(Refusal::PinWrong { left: 5 }));
    bench.replug();
    assert!(!bench.pins.is_factory());
    bench.verify(PIN).unwrap();
}

/// SP 800-73-4 part 2, 3.2.2: the PUK, too, is changed by giving the former PUK.
#[test]
fn the_puk_changes() {
    let mut bench = Bench::new(Some(PIN));
    let new = (Reference::Puk, &b"11223344"[..]);
    assert_eq!(bench.replace((Reference::Puk, b"00000000"), new), Err(Refusal::PinWrong { left: 5 }));
    bench.replace((Reference::Puk, PUK), new).unwrap();
    let pin = (Reference::Pin, &b"246810"[..]);
    assert_eq!(bench.replace((Reference::Puk, PUK), pin), Err(Refusal::PinWrong { left: 5 }));
    bench.replace(new, pin).unwrap();
    bench.verify(b"246810").unwrap();
}

/// The power is cut at every write. The tries never come back without a right PIN. A change of PIN leaves the old PIN
/// or the new PIN.
#[test]
fn power_cuts() {
    let mut cuts = 0;
    for cut in 0..6 {
        let mut bench = Bench::new(Some(PIN));
        bench.store.storage.writes_left = Some(cut);
        let tries = bench.verify(b"000001").err();
        bench.replug();
        let paid = u8::from(cut > 0);
        assert_eq!(bench.pins.left(Reference::Pin), 6 - paid, "{tries:?}");

        let before = bench.pins.left(Reference::Pin);
        bench.store.storage.writes_left = Some(cut);
        let done = bench.replace((Reference::Pin, PIN), (Reference::Pin, b"246810"));
        bench.replug();
        let left = bench.pins.left(Reference::Pin);
        assert!(left == before || left + 1 == before || (left == 6 && cut > 1), "{cut}: {before} to {left}");
        let working: Vec<_> = [PIN, b"246810"].into_iter().filter(|pin| bench.verify(pin).is_ok()).collect();
        assert_eq!(working.len(), 1, "one PIN works, old or new: {done:?}");
        assert!(done.is_err() || working == [b"246810"]);
        cuts += 2;
    }
    std::println!("{cuts} cut points");
}

/// Replacing a reference ends every proof that was made with the former one, also when the write fails.
#[test]
fn a_replaced_pin_ends_every_proof_made_with_it() {
    let new = (Reference::Pin, &b"246810"[..]);
    for (proof, verified) in [((Reference::Pin, PIN), true), ((Reference::Puk, PUK), false)] {
        let mut bench = Bench::new(Some(PIN));
        bench.verify(PIN).unwrap();
        assert!(bench.pins.verified().is_some() && bench.pins.fresh.is_some());
        bench.replace(proof, new).unwrap();
        // SP 800-73-4 part 2, 3.2.2: CHANGE REFERENCE DATA counts as a proof of the new PIN. RESET RETRY COUNTER
        // (3.2.3) does not.
        assert_eq!(bench.pins.verified().is_some(), verified);
        assert!(bench.pins.take_fresh().is_none());
        assert!(bench.verify(PIN).is_err(), "nothing remembers the old one");

        let mut bench = Bench::new(Some(PIN));
        bench.verify(PIN).unwrap();
        let progress = bench.pins.replace(&mut bench.store, proof, new).unwrap();
        bench.store.storage.writes_left = Some(0);
        bench.store.storage.last_write_lands = true;
        assert_eq!(bench.finish(progress), Err(Refusal::Memory));
        assert!(bench.pins.verified().is_none() && bench.pins.take_fresh().is_none());
        bench.store.storage.writes_left = None;
        assert!(bench.verify(PIN).is_err(), "the new one is stored");
        assert_eq!(bench.verify(b"246810"), Ok(()));
    }
    let mut bench = Bench::new(Some(PIN));
    let Progress::Work(job) = bench.pins.prove(&mut bench.store, PUK).unwrap() else { panic!() };
    bench.pins.finish(&mut bench.store, job.run()).unwrap();
    bench.replace((Reference::Puk, PUK), (Reference::Puk, b"13572468")).unwrap();
    assert!(bench.pins.take_officer().is_none());
}

/// The newer state of the tries is damaged. That state may have paid for a try.
#[test]
fn damage_never_gives_a_try() {
    let mut bench = Bench::new(Some(PIN));
    bench.verify(b"000001").unwrap_err();
    bench.store.storage.doubtful = true;
    for _plugged_in_again in 0..3 {
        bench.replug();
        assert_eq!(bench.pins.tries(), [4, 5, 6, 6]);
    }
    assert_eq!(bench.verify(b"000001"), Err(Refusal::PinWrong { left: 3 }));
    bench.store.storage.doubtful = false;
    bench.replug();
    assert_eq!(bench.pins.tries(), [3, 5, 6, 6], "written down with the try");
    assert_eq!(bench.verify(PIN), Ok(()));
    assert_eq!(bench.pins.tries(), [6, 5, 6, 6]);
    // The tries never fall below none, and never rise above the most.
    for _wrong in 0..6 {
        bench.verify(b"000001").unwrap_err();
    }
    bench.store.storage.doubtful = true;
    bench.replug();
    assert_eq!(bench.pins.tries(), [0, 4, 6, 6]);
    bench.store.save(RecordName::Limits, &Tries { pin: 3, puk: 2 }).unwrap();
    bench.replug();
    assert_eq!(bench.pins.tries(), [0, 2, 3, 2]);
}
