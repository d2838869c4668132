//! The power is cut at every write of SET PIN RETRIES and RESET, which replace many records. Afterwards the token is wholly the
//! former one or wholly the new one.

use card::{Card, Error, piv::Piv};
use firmware::fixture::{Cut, Holder, SharedFlash as Flash};
use ushield_tests::bench::{self, PIN, PUK};
use wire::{
    apdu::Command,
    piv::{Algorithm, Slot, object},
};

use crate::power::{Contents, FACTORY, MANAGEMENT, card, contents, managed, shield, tries};

/// A token with keys in two slots and an object, without a personal ID.
fn used() -> Flash {
    let flash = Flash::default();
    drop(bench::manufacture(bench::profile(), Some(PIN), &flash, &Holder::default()));
    let mut card = card(&flash);
    let mut piv = managed(&mut card).unwrap();
    for slot in [Slot::Authentication, Slot::CardAuthentication] {
        piv.generate(slot, Algorithm::P256).unwrap();
    }
    piv.put_data_object(object::SECURITY_OBJECT, &[1; 20]).unwrap();
    flash
}

/// Spends all tries.
fn block(flash: &Flash) {
    let mut card = card(flash);
    let mut piv = Piv::select(&mut card).unwrap();
    while piv.verify(b"000001").unwrap_err().tries() != Some(0) {}
    while tries(flash)[1] > 0 {
        Piv::select(&mut card).unwrap().unblock(b"00000000", b"246802").unwrap_err();
    }
}

/// SET PIN RETRIES (FA) with three and four tries.
fn set_retries(card: &mut Card) -> Result<(), Error> {
    managed(card)?.verify(PIN)?;
    card.data(&Command::new(0, 0xFA, 3, 4, &[])).map(drop)
}

/// RESET (FB).
fn reset(card: &mut Card) -> Result<(), Error> {
    Piv::select(card)?;
    card.data(&Command::new(0, 0xFB, 0, 0, &[])).map(drop)
}

/// Cuts the power before each write, and after each write before its success is told. Returns how many cuts there were.
fn cut_everywhere(
    used: &Flash,
    run: fn(&mut Card) -> Result<(), Error>,
    [former, new]: [(&Contents, [u8; 2]); 2],
) -> usize {
    let mut cuts = 0;
    for how in [Cut::Before, Cut::After] {
        for cut in 0.. {
            let flash = used.copy();
            let mut host = card(&flash);
            flash.cut_at(cut, how);
            let done = run(&mut host);
            let reached = flash.writes() > cut;
            flash.mend();
            let (now, left) = (contents(&flash), tries(&flash));
            let at = format!("write {cut}, {how:?}: {done:?}");
            // A try that was paid for VERIFY comes back with the next right PIN.
            let paid = [former.1[0].saturating_sub(1), former.1[1]];
            let is_former = now == *former.0 && (left == former.1 || left == paid);
            assert!(is_former || (now == *new.0 && left == new.1), "{at}: {left:?}\n{now:#?}");
            assert!(done.is_err() || !is_former, "{at}");
            if !reached {
                break;
            }
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn every_write_of_set_pin_retries() {
    let used = used();
    let former = contents(&used);
    let whole = used.copy();
    set_retries(&mut card(&whole)).unwrap();
    let new = contents(&whole);
    assert_eq!((&new.pins, &new.puks), (&vec![FACTORY], &vec![FACTORY]));
    assert_eq!((&new.keys, &new.objects), (&former.keys, &former.objects));
    assert_eq!((&former.pins, &former.puks), (&vec![PIN], &vec![PUK]));
    let cuts = cut_everywhere(&used, set_retries, [(&former, [6, 6]), (&new, [3, 4])]);
    println!("{cuts} cut points");
    assert!(cuts > 8);
}

#[test]
fn every_write_of_reset() {
    let used = used();
    block(&used);
    let former = contents(&used);
    assert_eq!((former.pins.len(), former.puks.len()), (0, 0));
    let whole = used.copy();
    reset(&mut card(&whole)).unwrap();
    let new = contents(&whole);
    assert_eq!((&new.pins, &new.puks, &new.management), (&vec![FACTORY], &vec![FACTORY], &vec![MANAGEMENT]));
    assert!(new.keys.iter().chain(&new.objects).all(Option::is_none));
    let cuts = cut_everywhere(&used, reset, [(&former, [0, 0]), (&new, [6, 6])]);
    println!("{cuts} cut points");
    assert!(cuts > 16);
    // The identity that it was made with is still there.
    let own = |flash: &Flash| shield(&mut card(flash)).unwrap().attestation_certificate().unwrap().unwrap();
    assert_eq!(own(&whole), own(&used));
}
