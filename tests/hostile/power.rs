//! The power is cut at every write of every operation that writes. Afterwards the token is what it was before or
//! what it is after, never between, and no try has come back that was not earned.

mod operation;

use card::{Card, Error, piv::Piv, shield::Shield};
use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use firmware::fixture::{Cut, Holder, SharedFlash as Flash};
use firmware::{
    Factory, Token,
    profile::Profile,
    seams::{RecordName, Storage},
};
use ushield_tests::{
    bench::{self, Bench, PIN, PUK},
    scene::Make,
};
use wire::{
    piv::{Algorithm, PublicKey, Slot, object},
    pkix,
    shield::{Container, Contents as Held, DataObject, Place},
};

use self::operation::{OPERATIONS, algorithm, data_object, install, new_key, put_certificate, verified};
pub(crate) use self::operation::{managed, shield};

const NEW_PIN: &[u8] = b"246802";
const NEW_PUK: &[u8] = b"97531246";
/// PIN and PUK after a reset.
pub(crate) const FACTORY: &[u8] = b"12345678";
/// 0102…08 three times, as from the factory.
pub(crate) const MANAGEMENT: [u8; 24] =
    [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// What the factory calls the token.
const LABEL: &str = "cashier's";
const NEW_MANAGEMENT: [u8; 24] = [0xA5; 24];
const NINE_A: Container = Container::Piv(Slot::Authentication);
/// Where a personal ID is.
const ID: [Container; 2] = [Container::Payment, NINE_A];

/// One of the applet's getters.
type Get = fn(&mut Shield<'_>, Container) -> Result<Option<Vec<u8>>, Error>;

/// Everything that a host can see of a token, without the tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) pins: Vec<&'static [u8]>,
    pub(crate) puks: Vec<&'static [u8]>,
    pub(crate) management: Vec<[u8; 24]>,
    pub(crate) keys: Vec<Option<Vec<u8>>>,
    pub(crate) pending: Vec<Option<Vec<u8>>>,
    pub(crate) certificates: Vec<Option<Vec<u8>>>,
    pub(crate) objects: Vec<Option<Vec<u8>>>,
    pub(crate) heads: Vec<Held>,
    pub(crate) data: Vec<DataObject>,
    pub(crate) label: String,
}

/// The make of the token in a flash: the tests have no tokens but these two.
fn profile(flash: &Flash) -> Profile {
    let sm2 = flash.names().expect("a flash that works").contains(&RecordName::Algorithm);
    if sm2 { Make::Jade } else { Make::Standard }.profile()
}

/// Plugs in a copy of the flash.
pub(crate) fn card(flash: &Flash) -> Card {
    bench(flash).card().expect("powers on")
}

fn bench(flash: &Flash) -> Bench {
    Bench::plug(bench::open(profile(flash), flash, &Holder::default()))
}

pub(crate) fn tries(flash: &Flash) -> [u8; 2] {
    let information = shield(&mut card(&flash.copy())).unwrap().information().unwrap();
    assert!(information.has(wire::shield::Information::HEALTHY), "{information:?}");
    [information.tries[0], information.tries[1]]
}

/// Tries each command on a copy of its own, so that looking changes nothing.
pub(crate) fn contents(flash: &Flash) -> Contents {
    let works = |attempt: &dyn Fn(&mut Shield<'_>) -> Result<(), Error>| {
        attempt(&mut shield(&mut card(&flash.copy())).unwrap()).is_ok()
    };
    let mut look = card(&flash.copy());
    let mut applet = shield(&mut look).unwrap();
    let mut each =
        |get: Get| Container::all().map(|container| get(&mut applet, container).unwrap()).collect();
    let keys = each(|shield, container| shield.public_key(container));
    let pending = each(|shield, container| shield.pending_public_key(container));
    let certificates = each(|shield, container| shield.certificate(container));
    let (heads, label) = (applet.contents().unwrap(), applet.information().unwrap().label);
    let mut piv = Piv::select(&mut look).unwrap();
    let tags = [object::KEY_HISTORY, object::SECURITY_OBJECT];
    let objects = tags.iter().map(|tag| piv.data_object(*tag).unwrap()).collect();
    let pins: Vec<_> =
        [PIN, NEW_PIN, FACTORY].into_iter().filter(|pin| works(&|shield| shield.verify(pin))).collect();
    let data = pins.first().map(|pin| data(&mut card(&flash.copy()), pin)).unwrap_or_default();
    Contents {
        pins,
        puks: [PUK, NEW_PUK, FACTORY]
            .into_iter()
            .filter(|puk| works(&|shield| shield.unblock(puk, b"864208")))
            .collect(),
        management: [MANAGEMENT, NEW_MANAGEMENT]
            .into_iter()
            .filter(|key| {
                let mut card = card(&flash.copy());
                Piv::select(&mut card).unwrap().authenticate_management(Algorithm::Tdes, key).is_ok()
            })
            .collect(),
        keys,
        pending,
        certificates,
        objects,
        heads,
        data,
        label,
    }
}

/// All data objects, as the holder sees them.
fn data(card: &mut Card, pin: &[u8]) -> Vec<DataObject> {
    let mut shield = shield(card).unwrap();
    shield.verify(pin).unwrap();
    let heads = shield.data_objects().unwrap();
    heads.iter().map(|head| shield.read_data(head.number).unwrap()).collect()
}

/// A token with a personal ID, pending keys for the next one, a host's own key with its certificate, objects, and four of
/// its six tries.
fn used_token(make: Make) -> Flash {
    let flash = Flash::default();
    drop(bench::manufacture(make.profile(), Some(PIN), &flash, &Holder::default()));
    let mut card = card(&flash);
    managed(&mut card).unwrap().put_data_object(object::SECURITY_OBJECT, &[1; 20]).unwrap();
    request_id(&mut card).unwrap();
    install(&mut card).unwrap();
    request_id(&mut card).unwrap();
    let mut shield = verified(&mut card).unwrap();
    shield.create_key(Place::Any, &new_key()).unwrap();
    shield.create_data(&data_object(false, 1)).unwrap();
    shield.create_data(&data_object(true, 2)).unwrap();
    put_certificate(&mut card).unwrap();
    let mut shield = Shield::select(&mut card).unwrap();
    for _ in 0..2 {
        shield.verify(b"000001").unwrap_err();
    }
    flash
}

/// Pending keys for a personal ID.
fn request_id(card: &mut Card) -> Result<(), Error> {
    let mut shield = verified(card)?;
    for container in ID {
        let algorithm = algorithm(&mut shield, container)?;
        shield.generate(container, algorithm)?;
    }
    Ok(())
}

#[test]
fn every_write_of_every_operation() {
    for make in [Make::Standard, Make::Jade] {
        cut_everywhere(&used_token(make));
    }
}

fn cut_everywhere(used: &Flash) {
    assert_eq!(tries(used), [4, 6]);
    let before = contents(used);
    assert_eq!((before.pins.len(), before.puks.len(), before.management.len()), (1, 1, 1));
    let mut cuts = 0;
    for operation in OPERATIONS {
        let mut points = 0;
        // Keys come from the token's random source, so that the same run makes the same key.
        let whole = used.copy();
        (operation.run)(&mut card(&whole)).ok();
        let after = contents(&whole);
        for how in [Cut::Before, Cut::After] {
            for cut in 0.. {
                let flash = used.copy();
                let mut card = card(&flash);
                flash.cut_at(cut, how);
                let done = (operation.run)(&mut card);
                let reached = flash.writes() > cut;
                flash.mend();
                let at = format!("{}, write {cut}, {how:?}: {done:?}", operation.name);
                let now = contents(&flash);
                assert!(now == before || now == after, "{at}\n{now:#?}");
                if done.is_ok() {
                    assert_eq!(now, after, "{at}");
                }
                let [pin, puk] = tries(&flash);
                assert!(pin == 4 || operation.pin_tries.contains(&pin), "{at}: {pin} PIN tries");
                assert!(puk == 6 || operation.puk_tries.contains(&puk), "{at}: {puk} PUK tries");
                if !reached {
                    break;
                }
                points += 1;
            }
        }
        println!("{:>3} cut points: {}", points, operation.name);
        assert!(points > 0, "{} writes nothing", operation.name);
        cuts += points;
    }
    println!("{cuts} cut points in all");
    assert!(used.names().unwrap().len() > 5);
}

/// A wrong PIN whose try could not be paid is not compared, so that a full disk is no oracle.
#[test]
fn no_compare_without_payment() {
    let used = used_token(Make::Standard);
    used.cut_at(0, Cut::Before);
    let mut card = card(&used);
    for pin in [PIN, b"000001"] {
        let error = shield(&mut card).unwrap().verify(pin).unwrap_err();
        assert_eq!(error.status(), Some(wire::apdu::StatusWord::MEMORY_FAILURE));
    }
}

/// The certificates of the personal ID, each for the key in its container.
fn id(card: &mut Card, at: &str) -> [Vec<u8>; 2] {
    let mut shield = shield(card).unwrap();
    ID.map(|container| {
        let algorithm = algorithm(&mut shield, container).unwrap();
        let der = shield.certificate(container).unwrap().expect("a certificate");
        let key = shield.public_key(container).unwrap().expect("a key");
        let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(algorithm, &key) else {
            panic!("not a point")
        };
        let spki = pkix::certificate_public_key(&der).unwrap();
        assert!(spki.ends_with(point), "{at}: a certificate of another key in {container:?}");
        der
    })
}

/// The flash fails while certificates are installed and works again while the token is still plugged in, and the
/// host goes on as if nothing were: the former ID or the new one, whole.
#[test]
fn a_flash_that_recovers_while_installing() {
    for make in [Make::Standard, Make::Jade] {
        recovers_while_installing(&used_token(make));
    }
}

fn recovers_while_installing(used: &Flash) {
    let former = id(&mut card(&used.copy()), "before");
    let whole = used.copy();
    install(&mut card(&whole)).unwrap();
    let new = id(&mut card(&whole), "after");
    let mut cuts = 0;
    for how in [Cut::Before, Cut::After] {
        for cut in 0.. {
            let at = format!("write {cut}, {how:?}");
            let flash = used.copy();
            let bench = bench(&flash);
            let mut host = bench.card().unwrap();
            flash.cut_at(cut, how);
            let done = install(&mut host);
            flash.mend();
            request_id(&mut host).ok();
            drop(host);
            let reopened = id(&mut card(&flash.copy()), &at);
            bench.unplug();
            bench.plug_again();
            let mut host = bench.card().unwrap();
            let now = id(&mut host, &at);
            assert_eq!(now, reopened, "{at}: the same token and a new one see the same");
            assert!(now == former || now == new, "{at}: half of each");
            assert!(done.is_err() || now == new, "{at}");
            // And the token works on.
            request_id(&mut host).unwrap();
            install(&mut host).unwrap();
            let next = id(&mut host, &at);
            assert!(next[0] != now[0] && next[1] != now[1], "{at}");
            if done.is_ok() {
                break;
            }
            cuts += 1;
        }
    }
    println!("{cuts} cut points");
    assert!(cuts > 6);
}

/// Afterwards there is either a whole token, or none and a new one can be made.
#[test]
fn every_write_of_manufacture() {
    for make in [Make::Standard, Make::Jade] {
        every_write_of_making(make);
    }
}

fn every_write_of_making(of: Make) {
    let make = |flash: &Flash| {
        let (pin, puk) = (Some(PIN.to_vec().into()), PUK.to_vec().into());
        let factory = Factory { pin, puk, label: LABEL.to_owned() };
        let rng = ChaCha20Rng::from_seed([1; 32]);
        let holder = Holder::default();
        Token::manufacture(of.profile(), &bench::SECRET, flash.clone(), holder, rng, &factory).is_ok()
    };
    let mut cuts = 0;
    for how in [Cut::Before, Cut::After] {
        for cut in 0.. {
            let flash = Flash::default();
            flash.cut_at(cut, how);
            let done = make(&flash);
            let reached = flash.writes() > cut;
            flash.mend();
            let exists = Token::<Flash, Holder, ChaCha20Rng>::exists(&flash).unwrap();
            assert!(exists || !done, "write {cut}, {how:?}");
            if !exists {
                assert!(make(&flash), "write {cut}, {how:?}: made anew");
            }
            assert_eq!(tries(&flash), [6, 6], "write {cut}, {how:?}");
            let now = contents(&flash);
            assert_eq!((now.pins, now.puks, now.management), (vec![PIN], vec![PUK], vec![MANAGEMENT]));
            assert_eq!(now.label, LABEL, "write {cut}, {how:?}");
            let information = shield(&mut card(&flash)).unwrap().information().unwrap();
            assert_eq!(information.algorithm, of.brand().algorithm, "write {cut}, {how:?}");
            assert!(now.keys.iter().chain(&now.certificates).chain(&now.pending).all(Option::is_none));
            // It can attest: its key and certificate came with it.
            assert!(shield(&mut card(&flash)).unwrap().attestation_certificate().unwrap().is_some());
            if !reached {
                break;
            }
            cuts += 1;
        }
    }
    println!("{cuts} cut points");
    assert!(cuts > 12, "the inventory twice and six records or seven, before and after: {cuts}");
}
