//! The power is cut at every write of every operation that writes. Afterwards the token is what it was before or
//! what it is after, never between, and no try has come back that was not earned.

use card::{Card, Error, piv::Piv, shield::Shield};
use firmware::seams::Storage;
use ushield_tests::{
    bench::{self, Bench, PIN, PUK},
    flash::{Cut, Flash},
    holder::Holder,
};
use wire::{
    piv::{Algorithm, Slot, object},
    shield::Container,
};

const NEW_PIN: &[u8] = b"246802";
const NEW_PUK: &[u8] = b"97531246";
/// 0102…08 three times, as from the factory.
const MANAGEMENT: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// An operation on a token whose PIN has four tries left.
struct Operation {
    name: &'static str,
    run: fn(&mut Card) -> Result<(), Error>,
    /// PIN tries that a cut may leave besides the four, and PUK tries besides the six.
    pin_tries: &'static [u8],
    puk_tries: &'static [u8],
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "VERIFY, right",
        run: |card| shield(card)?.verify(PIN),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "VERIFY, wrong",
        run: |card| shield(card)?.verify(b"000001"),
        pin_tries: &[3],
        puk_tries: &[],
    },
    Operation {
        name: "change the PIN",
        run: |card| shield(card)?.change_pin(PIN, NEW_PIN),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "change the PIN, old one wrong",
        run: |card| shield(card)?.change_pin(b"000001", NEW_PIN),
        pin_tries: &[3],
        puk_tries: &[],
    },
    Operation {
        name: "change the PUK",
        run: |card| shield(card)?.change_puk(PUK, NEW_PUK),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "unblock",
        run: |card| shield(card)?.unblock(PUK, NEW_PIN),
        pin_tries: &[6],
        puk_tries: &[5],
    },
    Operation {
        name: "unblock, wrong PUK",
        run: |card| shield(card)?.unblock(b"00000000", NEW_PIN),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "GENERATE, pending",
        run: |card| {
            let mut shield = shield(card)?;
            shield.verify(PIN)?;
            shield.generate(Container::Payment, Algorithm::P256).map(drop)
        },
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE ASYMMETRIC KEY PAIR",
        run: |card| managed(card)?.generate(Slot::Signature, Algorithm::P384).map(drop),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE ASYMMETRIC KEY PAIR over another",
        run: |card| managed(card)?.generate(Slot::Authentication, Algorithm::P256).map(drop),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA",
        run: |card| managed(card)?.put_data_object(object::KEY_HISTORY, &[7; 120]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA over another",
        run: |card| managed(card)?.put_data_object(object::SECURITY_OBJECT, &[8; 300]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA, a certificate",
        run: |card| managed(card)?.put_certificate(Slot::Authentication, &[0x30, 2, 5, 0]),
        pin_tries: &[],
        puk_tries: &[],
    },
];

fn shield(card: &mut Card) -> Result<Shield<'_>, Error> {
    Shield::select(card)
}

fn managed(card: &mut Card) -> Result<Piv<'_>, Error> {
    let mut piv = Piv::select(card)?;
    piv.authenticate_management(Algorithm::Tdes, &MANAGEMENT)?;
    Ok(piv)
}

/// What a token is, but for its tries.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contents {
    pins: Vec<&'static [u8]>,
    puks: Vec<&'static [u8]>,
    keys: Vec<Option<Vec<u8>>>,
    objects: Vec<Option<Vec<u8>>>,
}

/// Plugs in a copy of the flash.
fn card(flash: &Flash) -> Card {
    Bench::plug(bench::open(bench::profile(), flash, &Holder::default())).card().expect("powers on")
}

fn tries(flash: &Flash) -> [u8; 2] {
    let information = shield(&mut card(&flash.copy())).unwrap().information().unwrap();
    assert!(information.has(wire::shield::Information::HEALTHY), "{information:?}");
    [information.tries[0], information.tries[1]]
}

/// Tries each thing on a copy of its own, so that looking changes nothing.
fn contents(flash: &Flash) -> Contents {
    let works = |attempt: &dyn Fn(&mut Shield<'_>) -> Result<(), Error>| {
        attempt(&mut shield(&mut card(&flash.copy())).unwrap()).is_ok()
    };
    let mut look = card(&flash.copy());
    let mut applet = shield(&mut look).unwrap();
    let mut keys: Vec<_> =
        Container::ALL.iter().map(|container| applet.public_key(*container).unwrap()).collect();
    keys.push(applet.pending_public_key(Container::Payment).unwrap());
    let mut piv = Piv::select(&mut look).unwrap();
    let tags = [object::KEY_HISTORY, object::SECURITY_OBJECT, object::AUTHENTICATION_CERTIFICATE];
    let objects = tags.iter().map(|tag| piv.data_object(*tag).unwrap()).collect();
    Contents {
        pins: [PIN, NEW_PIN].into_iter().filter(|pin| works(&|shield| shield.verify(pin))).collect(),
        puks: [PUK, NEW_PUK]
            .into_iter()
            .filter(|puk| works(&|shield| shield.unblock(puk, b"864208")))
            .collect(),
        keys,
        objects,
    }
}

/// A token with a key, a certificate and an object, and four of its six tries.
fn used_token() -> Flash {
    let flash = Flash::default();
    drop(bench::manufacture(bench::profile(), Some(PIN), &flash, &Holder::default()));
    let mut card = card(&flash);
    let mut piv = managed(&mut card).unwrap();
    piv.generate(Slot::Authentication, Algorithm::P256).unwrap();
    piv.put_data_object(object::SECURITY_OBJECT, &[1; 20]).unwrap();
    let mut shield = shield(&mut card).unwrap();
    for _ in 0..2 {
        shield.verify(b"000001").unwrap_err();
    }
    flash
}

#[test]
fn every_write_of_every_operation() {
    let used = used_token();
    assert_eq!(tries(&used), [4, 6]);
    let before = contents(&used);
    assert_eq!((before.pins.len(), before.puks.len()), (1, 1));
    let mut cuts = 0;
    for operation in OPERATIONS {
        let mut points = 0;
        for how in [Cut::Before, Cut::After] {
            for cut in 0.. {
                let flash = used.copy();
                // Keys come from the token's random source, so that the same run makes the same key.
                let whole = used.copy();
                (operation.run)(&mut card(&whole)).ok();
                let after = contents(&whole);
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
    let used = used_token();
    used.cut_at(0, Cut::Before);
    let mut card = card(&used);
    for pin in [PIN, b"000001"] {
        let error = shield(&mut card).unwrap().verify(pin).unwrap_err();
        assert_eq!(error.status(), Some(wire::apdu::StatusWord::MEMORY_FAILURE));
    }
}
