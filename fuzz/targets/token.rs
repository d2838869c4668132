//! A host that does anything, in any order, to an enrolled token, beside a model of PIN and key policy.
//!
//! The model is an upper bound: what it forbids must not happen. A signature needs its PIN, as the key's policy says; the
//! payment key's and 9C's need it anew each time; a payment needs OK on a screen that showed payee and amount; tries
//! never come back but by the right PIN or the PUK; keys and data come and go with the PIN only, and the payment key stays.
//! Where the first byte is 80 or more, the token's payments are signed with SM2.
#![no_main]

use std::collections::BTreeMap;

use firmware::{
    fixture::{Mood, PIN, PUK, SharedFlash as Flash},
    seams::Button,
    sm2,
};
use libfuzzer_sys::fuzz_target;
use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier};
use ushield_fuzz::{
    enrolled,
    host::{Host, IN, OUT},
};
use wire::{
    algorithm::KeyAlgorithm,
    apdu::{Command, StatusWord},
    payment::PaymentOrder,
    piv::{self, Algorithm, PinPolicy, instruction::SELECT},
    shield::{self, CLASS, Contents, DataObject, Information, Name, NewKey, Place, instruction, what},
    sm2::Ciphertext,
    tlv,
    usb::Setup,
};

/// The PIN that changes of PIN toggle to.
const OTHER_PIN: &[u8] = b"246813";
/// Tries of the default brand.
const TRIES: u8 = 6;
/// Operations in one run.
const MOST: usize = 64;

fuzz_target!(|input: &[u8]| {
    // Made once: enrolling takes longer than a run.
    thread_local!(static ENROLLED: [(Flash, Vec<u8>); 2] =
        [KeyAlgorithm::P256, KeyAlgorithm::Sm2].map(enrolled::enrolled));
    let is_sm2 = input.first().is_some_and(|first| *first >= 0x80);
    let (flash, point) = ENROLLED.with(|enrolled| {
        let (flash, point) = &enrolled[usize::from(is_sm2)];
        (flash.copy(), point.clone())
    });
    let (algorithm, payer) = if is_sm2 {
        (KeyAlgorithm::Sm2, Payer::Sm2(sm2::PublicKey::from_point(&point).expect("a point")))
    } else {
        (KeyAlgorithm::P256, Payer::P256(VerifyingKey::from_sec1_bytes(&point).expect("a point")))
    };
    let mut run = Run {
        host: Host::plug(enrolled::profile(algorithm), flash),
        algorithm,
        payer,
        pin: PIN,
        applet: None,
        tries: TRIES,
        verified: false,
        fresh: false,
        policies: BTreeMap::new(),
        own: Algorithm::P256,
    };
    run.look();
    let mut input = Input(input);
    for _ in 0..MOST {
        let Some(operation) = input.byte() else { break };
        run.step(operation, &mut input);
    }
    run.check_tries();
});

/// The bytes of the run, taken from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A byte of length, and as many bytes.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

/// The token, and what the model knows of it.
struct Run {
    host: Host,
    /// What the token tells of its payments.
    algorithm: KeyAlgorithm,
    payer: Payer,
    pin: &'static [u8],
    /// The applet that is selected, where that is known.
    applet: Option<&'static [u8]>,
    /// PIN tries left, exactly.
    tries: u8,
    /// The PIN may have been verified since the last reset.
    verified: bool,
    /// No private-key command since the PIN may have been verified.
    fresh: bool,
    /// When the key of each container wants the PIN; no entry, no key.
    policies: BTreeMap<u8, PinPolicy>,
    /// The algorithm of the model's own key.
    own: Algorithm,
}

/// The payment key's public half.
enum Payer {
    P256(VerifyingKey),
    Sm2(sm2::PublicKey),
}

impl Payer {
    /// Whether the payment key signed the document, with the identifier that the token alone chooses.
    fn signed(&self, document: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify(document, &signature).is_ok()),
            Self::Sm2(key) => wire::sm2::Signature::parse(signature).is_ok_and(|signature| {
                key.verifies(&key.digest(sm2::Identifier::DEFAULT, document), &signature)
            }),
        }
    }
}

/// The container of the model's own key.
const OWN: u8 = 0x95;

impl Run {
    fn step(&mut self, operation: u8, input: &mut Input<'_>) {
        match operation % 16 {
            0 => self.select(&piv::AID),
            1 => self.select(&shield::AID),
            2 => self.verify(self.pin),
            3 => self.verify(b"000000"),
            4 => self.sign(0x9A, Algorithm::P256),
            5 => self.sign(0x9C, Algorithm::P256),
            6 => self.pay(&enrolled::order()),
            7 => {
                // An order with some bytes changed: signed only if it still is one, and as it was shown.
                let mut order = enrolled::order();
                for change in input.bytes().chunks_exact(2) {
                    let at = usize::from(change[0]) % order.len();
                    order[at] = change[1];
                }
                self.pay(&order);
            }
            8 => {
                let moods = [Mood::Press(Button::Ok), Mood::Press(Button::Cancel), Mood::Look];
                self.host.token.panel().be(moods[usize::from(operation >> 4) % 3]);
            }
            9 => self.restart(),
            10 => self.change_pin(),
            11 => self.unblock(),
            12 => self.anything(input.bytes()),
            13 => self.object(operation >> 4, input),
            14 => self.bulk(input.bytes()),
            _ => self.control(input),
        }
    }

    fn select(&mut self, aid: &'static [u8]) {
        let select = Command::new(0, SELECT, 4, 0, aid);
        let (_, mut status) = self.host.transmit(select);
        if status == StatusWord::LAST_OF_CHAIN_EXPECTED {
            // Somebody began a chain: it is dropped now.
            (_, status) = self.host.transmit(select);
        }
        assert_eq!(status, StatusWord::OK);
        // SELECT spends the proof for one use; another applet spends them all.
        self.fresh = false;
        if self.applet.is_some_and(|former| former != aid) {
            self.verified = false;
        }
        self.applet = Some(aid);
    }

    fn verify(&mut self, pin: &'static [u8]) {
        self.select(&shield::AID);
        let (_, status) = self.host.transmit(Command::new(0, instruction::VERIFY, 0, 0x80, pin));
        if self.tries == 0 {
            assert_eq!(status, StatusWord::BLOCKED, "a blocked PIN stays so, even the right one");
        } else if pin == self.pin {
            assert_eq!(status, StatusWord::OK);
            (self.tries, self.verified, self.fresh) = (TRIES, true, true);
        } else {
            self.wrong();
            let word = if self.tries == 0 { StatusWord::BLOCKED } else { StatusWord::tries_left(self.tries) };
            assert!(status == word || status == StatusWord::tries_left(0), "{status} after a wrong PIN");
        }
    }

    /// A wrong PIN costs a try and takes the former verification back (ISO 7816-4, 11.6.6).
    fn wrong(&mut self) {
        self.tries -= 1;
        (self.verified, self.fresh) = (false, false);
    }

    /// GENERAL AUTHENTICATE with whatever applet is selected.
    fn sign(&mut self, slot: u8, algorithm: Algorithm) {
        let mut inside = tlv::object(piv::tag::RESPONSE, &[]);
        tlv::put(&mut inside, piv::tag::CHALLENGE, &[0x5A; 32]);
        let data = tlv::object(piv::tag::DYNAMIC_AUTHENTICATION_TEMPLATE, &inside);
        let command = Command::new(0, piv::instruction::GENERAL_AUTHENTICATE, algorithm as u8, slot, &data);
        let (_, status) = self.host.transmit(command);
        if status == StatusWord::OK {
            match self.policies.get(&slot).expect("it signs, so there is a key") {
                PinPolicy::Always => assert!(self.fresh, "{slot:02X} signed twice for one PIN"),
                PinPolicy::Once => assert!(self.verified, "{slot:02X} signed without the PIN"),
                PinPolicy::Never => {}
            }
        }
        self.spend(status);
    }

    /// A private-key command has taken the proof, unless no applet knew it.
    fn spend(&mut self, status: StatusWord) {
        if !matches!(status, StatusWord::WRONG_INSTRUCTION | StatusWord::WRONG_CLASS) {
            self.fresh = false;
        }
    }

    fn pay(&mut self, order: &[u8]) {
        self.host.token.panel().seen();
        let (signature, status) =
            self.host.transmit(Command::new(CLASS, instruction::SIGN_PAYMENT, 0, 0, order));
        if status == StatusWord::OK {
            assert!(self.fresh, "a payment without its own PIN");
            let panel = self.host.token.panel();
            assert!(panel.has_agreed(), "a payment without OK");
            let seen = squeeze(&panel.seen());
            let order_read = PaymentOrder::parse(order).expect("only an order is signed");
            for text in [&order_read.payee_name, &order_read.payee_account, &order_read.decimal_amount()] {
                let text = squeeze(text);
                assert!(seen.contains(&text), "{text} was not shown: {seen}");
            }
            assert!(self.payer.signed(order, &signature), "not the payment key's signature over these bytes");
        }
        self.spend(status);
    }

    /// Power off and on: what is stored stays, what was verified goes.
    fn restart(&mut self) {
        self.host.begin();
        self.applet = None;
        (self.verified, self.fresh) = (false, false);
        self.check_tries();
    }

    fn change_pin(&mut self) {
        let new = if self.pin == PIN { OTHER_PIN } else { PIN };
        self.select(&shield::AID);
        let data = [tlv::object(shield::tag::OLD, self.pin), tlv::object(shield::tag::NEW, new)].concat();
        let command = Command::new(CLASS, instruction::CHANGE_REFERENCE_DATA, 0, 0x80, &data);
        let (_, status) = self.host.transmit(command);
        if self.tries == 0 {
            assert_eq!(status, StatusWord::BLOCKED);
        } else {
            assert_eq!(status, StatusWord::OK);
            // Verified (SP 800-73-4 part 2, 3.2.2), but nothing was to be signed.
            (self.pin, self.tries, self.verified, self.fresh) = (new, TRIES, true, false);
        }
    }

    /// The counter unlocks the token with its PUK.
    fn unblock(&mut self) {
        self.select(&shield::AID);
        let data = [tlv::object(shield::tag::OLD, PUK), tlv::object(shield::tag::NEW, PIN)].concat();
        let (_, status) =
            self.host.transmit(Command::new(CLASS, instruction::RESET_RETRY_COUNTER, 0, 0x80, &data));
        if status == StatusWord::OK {
            // What was verified stays so, and nothing more (3.2.3).
            (self.pin, self.tries) = (PIN, TRIES);
        }
    }

    /// Keys and data of a program's own, and what the officer does.
    fn object(&mut self, which: u8, input: &mut Input<'_>) {
        match which {
            0..=3 => self.create_key(which),
            4 => self.sign(OWN, self.own),
            5 => self.decrypt(),
            6 => self.delete(OWN),
            7 => self.delete(0x50),
            8..=10 => self.create_data(which == 8, input.bytes()),
            11..=13 => self.read_data(which - 10),
            14 => self.initialise(b"00000000"),
            _ => self.initialise(PUK),
        }
    }

    /// What the containers hold, which anybody may ask.
    fn look(&mut self) {
        self.select(&shield::AID);
        let (data, status) = self.host.transmit(Command::new(CLASS, instruction::LIST, 0, 0, &[]));
        assert_eq!(status, StatusWord::OK);
        let contents = Contents::parse_list(&data).expect("its own format");
        let policy = |held: &Contents| Some((held.container.reference(), held.key.as_ref()?.policy.pin));
        self.policies = contents.iter().filter_map(policy).collect();
        let payment = contents.iter().find(|held| held.container == shield::Container::Payment);
        let payment = payment.expect("nothing removes it");
        assert!(payment.key.is_some() && payment.certificate.is_some(), "{payment:?}");
        assert_eq!(self.policies.get(&0x50), Some(&PinPolicy::Always));
    }

    fn create_key(&mut self, policy: u8) {
        // A key of the algorithm that the token pays with.
        let algorithm = Algorithm::from(self.algorithm);
        let key = NewKey {
            algorithm,
            pin: PinPolicy::parse(policy),
            uses: None,
            name: Name::default(),
        };
        let Some(place) = Place::parse(1, OWN) else { unreachable!("a retired slot") };
        let (p1, p2) = place.parameters();
        let command = key.bytes();
        let (_, status) = self.host.transmit(Command::new(CLASS, instruction::CREATE_KEY, p1, p2, &command));
        if status == StatusWord::OK {
            assert!(self.verified, "a key was made without the PIN");
            self.policies.insert(OWN, key.pin.unwrap_or(PinPolicy::Once));
            self.own = algorithm;
        }
    }

    /// USE KEY, to decrypt what was encrypted for another key of SM2: nothing comes out, whatever is known of the PIN.
    fn decrypt(&mut self) {
        let text = Ciphertext { x: [1; 32], y: [2; 32], hash: [3; 32], encrypted: vec![4; 16] }.bytes();
        let command = Command::new(CLASS, instruction::USE_KEY, 4, OWN, &text);
        let (data, status) = self.host.transmit(command);
        assert!(status != StatusWord::OK || data.is_empty(), "a text came out of nothing");
        self.spend(status);
    }

    fn delete(&mut self, container: u8) {
        let both = what::KEY | what::CERTIFICATE;
        let (_, status) = self.host.transmit(Command::new(CLASS, instruction::DELETE, both, container, &[]));
        if status == StatusWord::OK {
            assert!(self.verified && container != 0x50, "{container:02X} was emptied");
            self.policies.remove(&container);
        }
    }

    fn create_data(&mut self, private: bool, value: &[u8]) {
        let object = DataObject { private, value: value.to_vec(), ..DataObject::default() }.bytes();
        let (_, status) = self.host.transmit(Command::new(CLASS, instruction::CREATE_DATA, 0, 0, &object));
        assert!(status != StatusWord::OK || self.verified, "data was written without the PIN");
    }

    fn read_data(&mut self, number: u8) {
        let command = Command::new(CLASS, instruction::READ_DATA, 0, number, &[]).expecting(65_536);
        let (data, status) = self.host.transmit(command);
        if status == StatusWord::OK && self.applet == Some(&shield::AID) {
            let object = DataObject::parse(&data).expect("its own format");
            assert!(!object.private || self.verified, "private data without the PIN");
        }
    }

    /// All goes but the payment key, for whoever has the PUK.
    fn initialise(&mut self, puk: &[u8]) {
        self.select(&shield::AID);
        let data = [tlv::object(shield::tag::OLD, puk), tlv::object(shield::tag::NEW, b"label")].concat();
        let (_, status) = self.host.transmit(Command::new(CLASS, instruction::INITIALISE, 0, 0, &data));
        if status == StatusWord::OK {
            assert_eq!(puk, PUK, "a wrong PUK");
            (self.verified, self.fresh) = (false, false);
            self.look();
            assert_eq!(self.policies.len(), 1, "only the payment key is left");
        }
    }

    /// Any command APDU. It cannot know PIN or PUK; it may spend tries, and proofs.
    fn anything(&mut self, apdu: &[u8]) {
        if knows(apdu) {
            return;
        }
        let (data, status) = self.host.send(apdu);
        self.applet = None; // it may have been SELECT
        let signs = match apdu {
            [_, piv::instruction::GENERAL_AUTHENTICATE, _, slot, ..] => {
                self.policies.get(slot).is_some_and(|policy| *policy != PinPolicy::Never)
            }
            [_, instruction::SIGN_PAYMENT | instruction::SIGN_REQUEST, ..] => true,
            _ => false,
        };
        assert!(
            !(signs && status == StatusWord::OK && !data.is_empty()) || self.verified,
            "signed without the PIN"
        );
        self.tries_spent();
    }

    /// Any transfer to bulk OUT; then the host starts afresh.
    fn bulk(&mut self, data: &[u8]) {
        if !knows(data) {
            // A stall is an answer, too.
            let _ = self.host.token.bulk_out(OUT, data);
            self.host.work();
            let _ = self.host.token.bulk_in(IN, 70_000);
        }
        self.host.begin();
        self.applet = None;
        (self.verified, self.fresh) = (false, false);
        self.tries_spent();
    }

    /// Any control transfer; then the host starts afresh.
    fn control(&mut self, input: &mut Input<'_>) {
        let mut setup = [0; 8];
        setup.fill_with(|| input.byte().unwrap_or(0));
        let setup = Setup::parse(setup);
        if let Ok(data) = self.host.token.control(setup, input.bytes()) {
            assert!(data.len() <= usize::from(setup.length), "more than wLength");
        }
        self.host.begin();
        self.applet = None;
        (self.verified, self.fresh) = (false, false);
        self.tries_spent();
    }

    /// What the token says of itself.
    fn information(&mut self) -> Information {
        self.select(&shield::AID);
        let (data, status) = self.host.transmit(Command::new(CLASS, instruction::GET_INFORMATION, 0, 0, &[]));
        assert_eq!(status, StatusWord::OK);
        let information = Information::parse(&data).expect("its own format");
        assert!(information.has(Information::HEALTHY | Information::ENROLLED), "{information:?}");
        assert_eq!(information.algorithm, self.algorithm, "kept for life");
        information
    }

    fn check_tries(&mut self) {
        assert_eq!(self.information().tries[0], self.tries);
    }

    /// After something that may have spent tries but cannot bring any back, and that may have made or removed keys.
    fn tries_spent(&mut self) {
        self.look();
        let left = self.information().tries[0];
        assert!(left <= self.tries, "{} tries became {left}", self.tries);
        if left < self.tries {
            (self.verified, self.fresh) = (false, false);
        }
        self.tries = left;
    }
}

/// Whether bytes hold one of the secrets, which only the modelled operations may use.
fn knows(bytes: &[u8]) -> bool {
    [PIN, OTHER_PIN, PUK].iter().any(|secret| bytes.windows(secret.len()).any(|window| window == *secret))
}

/// Without the spaces and line breaks that a screen may add.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
