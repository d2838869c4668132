//! SET PIN RETRIES and RESET, and the data that they do not touch.

use super::*;
use crate::{
    application::Application,
    consent::Consent,
    crypto::{KeyAlgorithm, ManagementAlgorithm, ManagementKey},
    fixture::{PUK, SECRET, rng},
    refusal::Refusal,
    seams::{RecordName, Storage as _},
    vault::{KeyId, Op},
};
use hex_literal::hex;
use wire::shield::Container;

const FACTORY: &[u8] = wire::pin::FACTORY_PIN.as_bytes();
const PAYMENT: [KeyId; 2] = [KeyId::Current(Container::Payment), KeyId::Pending(Container::Payment)];
const RESET: [u8; 4] = [0, 0xFB, 0, 0];
const RETRIES: [u8; 4] = [0, 0xFA, 3, 4];

impl Bench {
    /// Spends all tries of the PIN and all tries of the PUK.
    fn block(&mut self) {
        while self.tries().0 > 0 {
            self.verify(b"000000");
        }
        self.block_puk();
    }

    fn block_puk(&mut self) {
        while self.tries().1 > 0 {
            self.word([0, 0x2C, 0, 0x80], &[padded(b"00000000"), padded(b"246813")].concat());
        }
    }

    fn change(&mut self, reference: u8, old: &[u8], new: &[u8]) -> String {
        self.word([0, 0x24, 0, reference], &[padded(old), padded(new)].concat())
    }

    /// Whether the payment key would sign if the holder confirmed.
    fn payment(&mut self, key: KeyId) -> Result<(), Refusal> {
        let proof = self.application.take_proof();
        self.application.check_ready(key, proof.as_ref())
    }
}

/// docs.yubico.com, "Set PIN retries": the command wants the management key and the PIN. Afterwards PIN and PUK are the
/// factory's.
#[test]
fn retries_are_set() {
    let mut bench = Bench::managed();
    assert_eq!(bench.word(RETRIES, &[]), "6982", "without the PIN");
    assert_eq!(bench.verify(PIN), "9000");
    for wrong in [[0, 0xFA, 0, 3], [0, 0xFA, 3, 0], [0, 0xFA, 7, 6], [0, 0xFA, 6, 255]] {
        assert_eq!(bench.word(wrong, &[]), "6A86", "no try, or more than the brand has: {wrong:02X?}");
    }
    assert_eq!(bench.word(RETRIES, &[1]), "6A80");
    bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
    let key = bench.data([0, 0xF7, 0, 0x9A], &[]);
    assert_eq!(bench.word(RETRIES, &[]), "9000");
    assert_eq!(bench.tries(), (3, 4));
    assert_eq!(bench.data([0, 0xF7, 0, 0x80], &[]), hex!("0101FF 050101 06020303"));
    assert_eq!(bench.data([0, 0xF7, 0, 0x81], &[]), hex!("0101FF 050101 06020404"));
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C3"), "not verified");
    assert_eq!(bench.word(RETRIES, &[]), "6982", "nor is the management key proved");
    assert_eq!(bench.verify(PIN), "63C2", "the former PIN");
    assert_eq!(bench.verify(FACTORY), "9000");
    assert_eq!(bench.tries(), (3, 4));
    // The keys are as before, and work.
    assert_eq!(bench.data([0, 0xF7, 0, 0x9A], &[]), key);
    let sign = authenticate(&[(tag::RESPONSE, &[]), (tag::CHALLENGE, &[7; 32])]);
    assert_eq!(bench.word([0, 0x87, 0x11, 0x9A], &sign), "9000");
    // The numbers of tries stay for the token's life.
    bench.application.power_off();
    bench.application.power_on();
    assert_eq!(bench.tries(), (3, 4));
    assert_eq!(Bench::new().word(RETRIES, &[]), "6982", "without the management key");
}

/// docs.yubico.com, "Reset the PIV application": all is made new but the attestation key.
#[test]
fn a_blocked_token_is_reset() {
    let mut bench = Bench::managed();
    bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
    bench.data([0, 0x47, 0, 0x95], &hex!("AC03 800111"));
    let put = [&hex!("5C03 5FC106")[..], &hex!("53 02 AABB")].concat();
    assert_eq!(bench.word([0, 0xDB, 0x3F, 0xFF], &put), "9000");
    let aes = ManagementKey::new(ManagementAlgorithm::Aes128, &[7; 16]).unwrap();
    bench.application.set_management_key(&aes).unwrap();
    let identity = |bench: &mut Bench| {
        [bench.data([0, 0xF8, 0, 0], &[]), bench.data([0, 0xCB, 0x3F, 0xFF], &hex!("5C03 5FFF01"))]
    };
    let before = identity(&mut bench);
    assert_eq!(bench.verify(PIN), "9000");
    let private = wire::shield::DataObject { private: true, ..Default::default() };
    bench.application.create_data(&private).unwrap();

    assert_eq!(bench.word(RESET, &[]), "6985", "both have tries");
    while bench.tries().0 > 0 {
        bench.verify(b"000000");
    }
    assert_eq!(bench.word(RESET, &[]), "6985", "the PUK has tries");
    bench.block_puk();
    assert_eq!(bench.word([0, 0xFB, 0, 1], &[]), "6A86");
    assert_eq!(bench.word(RESET, &[1]), "6A80");
    assert_eq!(bench.word(RESET, &[]), "9000");

    assert_eq!(bench.tries(), (6, 6));
    for slot in [0x9A, 0x95] {
        assert_eq!(bench.word([0, 0xF7, 0, slot], &[]), "6A88", "{slot:02X}");
    }
    assert_eq!(bench.word([0, 0xCB, 0x3F, 0xFF], &hex!("5C03 5FC106")), "6A82");
    assert_eq!(bench.data([0, 0xF7, 0, 0x9B], &[]), hex!("010103 02020001 050101"));
    assert_eq!(identity(&mut bench), before);
    assert_eq!(
        bench.word([0, 0x47, 0, 0x9A], &hex!("AC03 800111")),
        "6982",
        "the former key's proof is gone"
    );
    assert_eq!(bench.manage(0x03, &ManagementKey::factory()), "9000");
    bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
    assert_eq!(bench.verify(FACTORY), "9000");
    assert_eq!(bench.application.data_heads(), Ok(Vec::new()), "nothing of the former vault");
    let sign = authenticate(&[(tag::RESPONSE, &[]), (tag::CHALLENGE, &[7; 32])]);
    assert_eq!(bench.word([0, 0x87, 0x11, 0x9A], &sign), "9000");
    assert_eq!(bench.change(0x81, FACTORY, b"24681357"), "9000");
    // A lower number of tries lasts only until the reset.
    assert_eq!(bench.manage(0x03, &ManagementKey::factory()), "9000");
    assert_eq!(bench.word(RETRIES, &[]), "9000");
    bench.block();
    assert_eq!(bench.word(RESET, &[]), "9000");
    assert_eq!(bench.tries(), (6, 6));
}

/// Where a payment key is in use or pending, neither command changes anything.
#[test]
fn the_payment_key_is_never_touched() {
    for key in PAYMENT {
        let mut bench = Bench::managed();
        bench.application.generate(key, KeyAlgorithm::P256).unwrap();
        assert_eq!(bench.verify(PIN), "9000");
        let before = bench.application.storage().records.clone();
        assert_eq!(bench.word(RETRIES, &[]), "6985");
        assert_eq!(bench.application.storage().records, before);
        assert_eq!(bench.verify(PIN), "9000");
        bench.block();
        let before = bench.application.storage().records.clone();
        assert_eq!(bench.word(RESET, &[]), "6985");
        assert_eq!(bench.application.storage().records, before);
        assert_eq!(bench.verify(PIN), "6983", "and the token stays locked");
    }
}

/// Somebody who resets a token knows its codes. A payment key works only where nobody but the holder knows the codes.
#[test]
fn a_payment_key_waits_for_codes_of_its_own() {
    let [current, pending] = PAYMENT;
    for reset in [false, true] {
        let mut bench = Bench::managed();
        if reset {
            bench.block();
            assert_eq!(bench.word(RESET, &[]), "9000");
        } else {
            assert_eq!(bench.verify(PIN), "9000");
            assert_eq!(bench.word(RETRIES, &[]), "9000");
        }
        for key in PAYMENT {
            bench.application.generate(key, KeyAlgorithm::P256).unwrap();
        }
        assert_eq!(bench.verify(FACTORY), "9000");
        assert_eq!(bench.payment(pending), Err(Refusal::PinFactory));
        assert_eq!(bench.change(0x80, FACTORY, PIN), "9000");
        assert_eq!(bench.verify(PIN), "9000");
        assert_eq!(bench.payment(pending), Err(Refusal::PukKnown));
        assert_eq!(bench.verify(PIN), "9000");
        let (proof, seen) = (bench.application.take_proof(), Consent::unseen(Vec::from([7; 32])));
        assert_eq!(bench.application.operate(current, Op::Sign, proof, seen), Err(Refusal::PukKnown));
        assert_eq!(bench.change(0x81, FACTORY, PUK), "9000");
        assert_eq!(bench.verify(PIN), "9000");
        assert_eq!(bench.payment(pending), Ok(()));
    }
}

/// The power is cut at each write. Afterwards the token is either the former one, whole, or the new one, whole.
#[test]
fn power_cuts() {
    let prepared = |reset: bool| {
        let mut bench = Bench::managed();
        bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
        bench.data([0, 0x47, 0, 0x9E], &hex!("AC03 800111"));
        if reset {
            bench.block()
        } else {
            drop(bench.verify(PIN))
        }
        bench
    };
    let mut cuts = 0;
    for reset in [false, true] {
        for cut in 0.. {
            for lands in [false, true] {
                let mut bench = prepared(reset);
                let former = bench.application.storage().records.clone();
                bench.application.storage().writes_left = Some(cut);
                bench.application.storage().last_write_lands = lands;
                let done = bench.word(if reset { RESET } else { RETRIES }, &[]);
                let mut flash = bench.application.storage().clone();
                flash.writes_left = None;
                let whole = flash.records == former;
                bench.application = Application::open(profile(), &SECRET, flash, rng(9));
                assert!(bench.application.healthy(), "{cut}");
                let records = &bench.application.storage().records;
                assert_eq!(records.get(&RecordName::Renewal), None);
                let keys = records.keys().filter(|name| matches!(name, RecordName::Container(_))).count();
                let tries = bench.tries();
                let expected = match (whole, reset) {
                    (true, false) => (2, (6, 6)),
                    (true, true) => (2, (0, 0)),
                    (false, false) => (2, (3, 4)),
                    (false, true) => (0, (6, 6)),
                };
                assert_eq!((keys, tries), expected, "{reset} {cut} {lands}: {done}");
                assert!(done != "9000" || !whole);
                // One PIN opens the token, and a key that is made now works with that PIN.
                let pin = if whole { PIN } else { FACTORY };
                if !(whole && reset) {
                    assert_eq!(bench.verify(pin), "9000", "{reset} {cut} {lands}");
                    assert_eq!(bench.manage(0x03, &ManagementKey::factory()), "9000");
                    bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
                    let sign = authenticate(&[(tag::RESPONSE, &[]), (tag::CHALLENGE, &[7; 32])]);
                    assert_eq!(bench.word([0, 0x87, 0x11, 0x9A], &sign), "9000");
                }
                cuts += 1;
            }
            let mut bench = prepared(reset);
            bench.application.storage().writes_left = Some(cut);
            if bench.word(if reset { RESET } else { RETRIES }, &[]) == "9000" {
                break;
            }
        }
    }
    std::println!("{cuts} cut points");
    assert!(cuts > 20, "{cuts}");
}

/// While the codes are stretched the host selects another applet, or the line is lost. Then nothing has happened.
#[test]
fn a_renewal_that_is_not_waited_for() {
    let mut bench = Bench::managed();
    bench.block();
    let before = bench.application.storage().names().unwrap();
    let command = Command::parse(&hex!("00FB0000")).unwrap();
    let Step::Work(job) = bench.piv.command(&mut bench.application, &command) else { panic!("no job") };
    bench.application.select(true);
    let late = bench.application.finish_renewal(job.run());
    assert_eq!(late, Err(Refusal::Fault));
    assert_eq!(bench.application.storage().names().unwrap(), before);
    assert_eq!(bench.tries(), (0, 0));
}
