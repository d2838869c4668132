//! Programs of ours share a token and rely on what the reader says of the others, beside a program like libpcsclite's. In
//! whatever order they come, nobody works on another's PIN, and nobody's command reaches another applet.

use std::{
    io::Read as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use card::{
    Error,
    holding::{self, Holding, Key, Login, Pin},
    road::Road,
};
use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use proptest::{prelude::*, test_runner::TestRunner};
use ushield_tests::bench::PIN;
use wire::{
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    pcsclite::{
        Open, Request, Turn, Version, disposition,
        extension::{self, turn},
        protocol, reader_name, rv, share,
    },
    piv::{Algorithm, PinPolicy, PublicKey, Slot},
    shield::{self, Container, NewKey, Place, Uses},
};

use crate::{
    raw::{Raw, SELECT_PIV},
    world::World,
};

const DIGEST: [u8; 32] = [7; 32];
/// A key that wants the PIN once.
const FREE: Key = Key { container: Container::Piv(Slot::Authentication), pin: PinPolicy::Once };
/// A key that wants the PIN each time.
const GUARDED: Key = Key { container: Container::Piv(Slot::Signature), pin: PinPolicy::Always };

/// A program of ours.
struct Ours(Holding);

impl Ours {
    fn new(world: &World) -> Self {
        let road = Road::Pcsc { socket: world.socket().into(), reader: world.reader() };
        Self(Holding::open(&road).unwrap())
    }

    fn is_user(&self) -> bool {
        matches!(self.0.login(), Login::User(_))
    }

    fn log_in(&mut self) {
        self.0.log_in(PIN).unwrap();
    }

    /// Signs, and judges the outcome: only the user gets a signature, and it is the key's.
    fn sign(&mut self, key: Key, public: &VerifyingKey) {
        let pin = (key.pin == PinPolicy::Always).then(|| Pin::new(PIN.to_vec()));
        let user = self.is_user();
        match self.0.operate(key, pin.as_ref(), Uses::SIGN, &DIGEST) {
            Ok(signature) => {
                assert!(user, "a signature for a program that is not logged in");
                let signature = Signature::from_der(&signature).unwrap();
                public.verify_prehash(&DIGEST, &signature).unwrap();
            }
            Err(holding::Error::LoggedOut) if key.pin == PinPolicy::Always => assert!(!user),
            Err(holding::Error::Card(Error::Refused(StatusWord::SECURITY_NOT_SATISFIED))) => assert!(!user),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(self.is_user(), user);
        // A PIN that came with one operation serves no other.
        assert!(matches!(self.0.operate(GUARDED, None, Uses::SIGN, &DIGEST), Err(holding::Error::LoggedOut)));
    }
}

/// Makes both keys, and returns their public halves.
fn keys(world: &World) -> [VerifyingKey; 2] {
    let mut ours = Ours::new(world);
    ours.log_in();
    [FREE, GUARDED].map(|key| {
        let wish = NewKey {
            algorithm: Algorithm::P256,
            pin: Some(key.pin),
            uses: Some(Uses::SIGN),
            name: shield::Name::default(),
        };
        let (_, public) = ours.0.change(|shield| shield.create_key(Place::In(key.container), &wish)).unwrap();
        match PublicKey::parse(KeyAlgorithm::P256, &public) {
            Ok(PublicKey::Point { point, .. }) => VerifyingKey::from_sec1_bytes(point).unwrap(),
            _ => panic!("no point"),
        }
    })
}

/// A program that knows nothing of turns.
struct Stock {
    raw: Raw,
    card: i32,
    reader: String,
}

impl Stock {
    fn new(world: &World) -> Self {
        let (mut raw, reader) = (Raw::new(world.socket(), 4), world.reader());
        let card = raw.shared(&reader);
        Self { raw, card, reader }
    }

    /// Sends a command, outside a transaction unless one was begun. After a reset it connects anew, as such programs do.
    fn send(&mut self, apdu: &[u8]) {
        match self.raw.transmit(self.card, apdu) {
            Err(rv::RESET_CARD) => self.renew(disposition::LEAVE),
            Err(rv::SHARING_VIOLATION) | Ok(_) => {}
            other => panic!("{other:08X?}"),
        }
    }

    fn renew(&mut self, how: u32) {
        match self.raw.reconnect(self.card, share::SHARED, how) {
            // A reset is told to whoever made it, too.
            Ok(_) | Err(rv::SHARING_VIOLATION) => {}
            other => panic!("{other:08X?}"),
        }
    }

    fn act(&mut self, act: Act) {
        let mut verify = vec![0, 0x20, 0, 0x80, 8];
        verify.extend_from_slice(PIN);
        verify.resize(13, 0xFF);
        let mut select_shield = vec![0, 0xA4, 4, 0, 9];
        select_shield.extend_from_slice(&shield::AID);
        match act {
            Act::Select => self.send(SELECT_PIV),
            Act::SelectShield => self.send(&select_shield),
            Act::Verify => [SELECT_PIV, &verify].into_iter().for_each(|apdu| self.send(apdu)),
            Act::VerifyShield => {
                let mut short = vec![0, 0x20, 0, 0x80, PIN.len() as u8];
                short.extend_from_slice(PIN);
                [&select_shield, &short].into_iter().for_each(|apdu| self.send(apdu));
            }
            Act::Look => drop(self.raw.status(self.card)),
            Act::Reset => self.renew(disposition::RESET),
            Act::Renew => self.renew(disposition::LEAVE),
            Act::Transaction(end) => {
                if self.raw.begin(self.card) == rv::SUCCESS {
                    self.send(SELECT_PIV);
                    self.raw.end(self.card, end);
                }
            }
            Act::Leave(how) => {
                self.raw.disconnect(self.card, how);
                self.card = self.raw.connect(&self.reader, share::SHARED, protocol::ANY).unwrap();
            }
            _ => unreachable!("an act of ours"),
        }
    }
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Sign(usize),
    SignGuarded(usize),
    Ask(usize),
    Read(usize),
    LogIn(usize),
    LogOut(usize),
    /// From here on the stock program's.
    Select,
    SelectShield,
    Verify,
    VerifyShield,
    Look,
    Reset,
    Renew,
    Transaction(u32),
    Leave(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = 0..2_usize;
    let end = prop::sample::select(vec![disposition::LEAVE, disposition::RESET, disposition::UNPOWER]);
    let act = prop_oneof![
        6 => who.clone().prop_map(Act::Sign),
        2 => who.clone().prop_map(Act::SignGuarded),
        2 => who.clone().prop_map(Act::Ask),
        1 => who.clone().prop_map(Act::Read),
        2 => who.clone().prop_map(Act::LogIn),
        1 => who.prop_map(Act::LogOut),
        1 => Just(Act::Select),
        1 => Just(Act::SelectShield),
        1 => Just(Act::Verify),
        1 => Just(Act::VerifyShield),
        1 => Just(Act::Look),
        1 => Just(Act::Reset),
        1 => Just(Act::Renew),
        1 => end.clone().prop_map(Act::Transaction),
        1 => end.prop_map(Act::Leave),
    ];
    prop::collection::vec(act, 1..40)
}

#[test]
fn nobody_works_on_anothers_pin_in_whatever_order_they_come() {
    let world = World::new(1);
    let [free, guarded] = keys(&world);
    let serial = Ours::new(&world).0.information().unwrap().serial;
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&acts(), |acts| {
        let mut ours = [Ours::new(&world), Ours::new(&world)];
        let mut stock = Stock::new(&world);
        for act in acts {
            match act {
                Act::Sign(who) => ours[who].sign(FREE, &free),
                Act::SignGuarded(who) => ours[who].sign(GUARDED, &guarded),
                Act::Ask(who) => prop_assert_eq!(&ours[who].0.information().unwrap().serial, &serial),
                Act::Read(who) => {
                    prop_assert_eq!(ours[who].0.contents().unwrap().containers.len(), 2);
                }
                Act::LogIn(who) if !ours[who].is_user() => ours[who].log_in(),
                Act::LogOut(who) if ours[who].is_user() => ours[who].0.log_out().unwrap(),
                Act::LogIn(_) | Act::LogOut(_) => {}
                act => stock.act(act),
            }
        }
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The same at once, in threads: between the reader's look and the command nobody gets in.
#[test]
fn nobody_works_on_anothers_pin_when_all_come_at_once() {
    let world = World::new(1);
    let [free, _] = keys(&world);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Over(&over);
        let mut user = Ours::new(&world);
        user.log_in();
        let until = |mut work: Box<dyn FnMut() + Send>| {
            let over = &over;
            move || {
                while !over.load(Ordering::Relaxed) {
                    work();
                }
            }
        };
        let mut guest = Ours::new(&world);
        scope.spawn(until(Box::new(move || guest.sign(FREE, &free))));
        let mut second = Ours::new(&world);
        second.log_in();
        scope.spawn(until(Box::new(move || second.sign(FREE, &free))));
        let (mut stock, mut acts) =
            (Stock::new(&world), [Act::Select, Act::VerifyShield, Act::Verify].into_iter().cycle());
        scope.spawn(until(Box::new(move || acts.next().into_iter().for_each(|act| stock.act(act)))));
        let (mut stock, mut count) = (Stock::new(&world), 0);
        scope.spawn(until(Box::new(move || {
            count += 1;
            stock.act(if count % 16 == 0 { Act::Reset } else { Act::SelectShield });
        })));
        for _ in 0..150 {
            user.sign(FREE, &free);
        }
    });
}

/// The others end when this is dropped, also by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// libpcsclite makes no offer, and is answered as by pcscd: with the end of the line for a command that pcscd does not know.
#[test]
fn who_makes_no_offer_gets_no_turns() {
    let world = World::new(1);
    let asking = |card, bits| Turn { card, bits, send_length: 0, receive_length: 0, rv: 0 };
    let mut stock = Stock::new(&world);
    stock.raw.send(&Request::Turn(asking(stock.card, turn::BEGIN)), &[]);
    assert!(matches!(stock.raw.stream.read(&mut [0]), Ok(0) | Err(_)));

    let mut ours = Raw::silent(world.socket());
    ours.send(&Request::Version(Version { major: 4, minor: 5, rv: extension::OFFER }), &[]);
    let answer = Version::parse(&ours.receive(Version::LEN)).unwrap();
    assert_eq!(answer.rv, extension::TAKEN);
    ours.send(&Request::Open(Open::wish(reader_name(&world.reader()))), &[]);
    let opened = Open::parse(&ours.receive(Open::LEN)).unwrap();
    assert_eq!((opened.rv, opened.active, opened.extended), (rv::SUCCESS, protocol::T1, 1));
    assert!(opened.atr().starts_with(&[0x3B]));
    let mut ask = |card, bits| {
        ours.send(&Request::Turn(asking(card, bits)), &[]);
        Turn::parse(&ours.receive(Turn::LEN)).unwrap().rv
    };
    // Nothing was sent to the card yet, so that nobody knows what is selected.
    assert_eq!(ask(opened.card, turn::ALL), extension::DISTURBED);
    assert_eq!(ask(opened.card, turn::BEGIN | turn::END), rv::SUCCESS);
    assert_eq!(ask(opened.card, turn::UNDISTURBED), rv::INVALID_VALUE);
    assert_eq!(ask(opened.card, 8), rv::INVALID_VALUE);
    assert_eq!(ask(opened.card ^ 1, turn::BEGIN), rv::INVALID_HANDLE);
    // No turn is left open after any of these.
    assert_eq!(Raw::new(world.socket(), 4).shared(&world.reader()).signum(), 1);
    let mut other = Stock::new(&world);
    assert_eq!(other.raw.begin(other.card), rv::SUCCESS);
}

/// A token that is pulled out and plugged in again is another one to whoever had it: nobody's login goes on.
#[test]
fn a_token_plugged_in_again_is_nobodys() {
    let (mut world, ids) = World::without_reader(1);
    world.start().unwrap();
    let [free, _] = keys(&world);
    let mut ours = Ours::new(&world);
    ours.log_in();
    ours.sign(FREE, &free);
    world.pull_out(ids[0]);
    world.until(0);
    world.plug_again(ids[0]);
    world.until(1);
    let gone = ours.0.operate(FREE, None, Uses::SIGN, &DIGEST);
    assert!(matches!(gone, Err(holding::Error::Card(Error::Broken(_)))));
    Ours::new(&world).sign(FREE, &free);
}
