use super::*;
use crate::{
    card::Card,
    error::SlotError,
    holding::tests::{by, scripted},
};

/// A tenant that counts how often its token was pulled out.
#[derive(Default)]
struct Counting {
    number: usize,
    place: Place,
    pulled_out: usize,
}

impl Tenant for Counting {
    fn place(&self) -> &Place {
        &self.place
    }

    fn place_mut(&mut self) -> &mut Place {
        &mut self.place
    }

    fn pulled_out(&mut self) {
        self.pulled_out += 1;
    }
}

fn at(port: u16, bus_id: &str) -> Road {
    Road::UsbIp { address: format!("127.0.0.1:{port}"), bus_id: bus_id.into() }
}

const fn usb(device: u8) -> Road {
    Road::Usb { place: (1, device) }
}

/// A watch that has looked once, and found these.
fn watch(most: usize, found: &[Road]) -> Watch<Counting> {
    let watch = Watch::new(Selection::default(), most, |number| Counting { number, ..Counting::default() });
    watch.compare(|| found.to_vec()).unwrap();
    for tenant in watch.all().unwrap() {
        tenant.lock().unwrap().place.take_change();
    }
    watch
}

impl Watch<Counting> {
    /// Another look, which finds these; the places where something changed.
    fn sees(&self, found: &[Road]) -> Vec<usize> {
        self.compare(|| found.to_vec()).unwrap();
        let tenants = self.all().unwrap();
        (0..tenants.len()).filter(|at| tenants[*at].lock().unwrap().place.take_change()).collect()
    }

    fn road_of(&self, number: usize) -> Option<Road> {
        self.of(number, |tenant| tenant.place.road().cloned())
    }

    fn of<R>(&self, number: usize, ask: impl FnOnce(&mut Counting) -> R) -> R {
        self.with(number, |tenant| Ok::<R, Error>(ask(tenant))).unwrap()
    }
}

#[test]
fn without_a_token_there_is_one_place_to_wait_in() {
    let watch = watch(4, &[]);
    assert_eq!(watch.numbers(false, false).unwrap(), [0]);
    assert_eq!(watch.numbers(true, false).unwrap(), [0_usize; 0]);
    assert_eq!(watch.sees(&[at(1, "1-1")]), [0]);
    assert_eq!(watch.numbers(true, false).unwrap(), [0]);
    assert!(matches!(watch.with(1, |_| Ok::<(), Error>(())), Err(Error::NoPlace)));
}

#[test]
fn a_token_comes_back_to_its_place() {
    let watch = watch(4, &[at(1, "1-1"), at(1, "1-2")]);
    assert_eq!(watch.sees(&[at(1, "1-1"), at(1, "1-2")]), [0_usize; 0]);
    assert_eq!(watch.sees(&[at(1, "1-2")]), [0]);
    assert_eq!(
        watch.of(0, |tenant| (tenant.number, tenant.pulled_out, tenant.place.is_present())),
        (0, 1, false)
    );
    // Another token does not take the place of one that was there.
    assert_eq!(watch.sees(&[at(1, "1-2"), at(1, "1-3")]), [2]);
    assert_eq!(watch.sees(&[at(1, "1-1"), at(1, "1-2"), at(1, "1-3")]), [0]);
    assert_eq!(watch.of(0, |tenant| tenant.pulled_out), 1);
}

#[test]
fn a_token_on_usb_has_a_new_address_each_time() {
    let watch = watch(4, &[usb(5)]);
    // Two at once are two.
    assert_eq!(watch.sees(&[usb(5), usb(6)]), [1]);
    assert_eq!(watch.sees(&[usb(6)]), [0]);
    assert_eq!(watch.sees(&[usb(6), usb(7)]), [0]);
    assert_eq!((watch.road_of(0), watch.road_of(1)), (Some(usb(7)), Some(usb(6))));
}

#[test]
fn there_are_no_more_places_than_the_most() {
    let watch = watch(2, &[at(1, "1-1"), at(1, "1-2"), at(1, "1-3")]);
    assert_eq!(watch.numbers(false, false).unwrap(), [0, 1]);
}

/// Who works in a place is not waited for, unless a token came by a road that this place may have.
#[test]
fn a_place_in_use_is_passed_over() {
    let watch = watch(4, &[at(1, "1-1"), at(1, "1-2")]);
    let tenants = watch.all().unwrap();
    let used = tenants[0].lock().unwrap();
    assert_eq!(watch.compare(|| vec![at(1, "1-2")]).map_err(|error| error.to_string()), Ok(()));
    assert!(used.place.is_present());
    thread::scope(|scope| {
        let looking = scope.spawn(|| watch.compare(|| vec![at(1, "1-1"), at(1, "1-2")]));
        drop(used);
        looking.join().unwrap().unwrap();
    });
    assert_eq!(watch.numbers(true, false).unwrap(), [0, 1]);
}

#[test]
fn a_held_token_is_asked_and_not_missed_on_the_list() {
    let watch = watch(4, &[at(1, "1-1")]);
    let select: (&[u8], &[u8]) =
        (&hex_literal::hex!("00A4040009 F0555348 49454C4401 00"), &hex_literal::hex!("9000"));
    let there: (&[u8], &[u8]) = (&hex_literal::hex!("00200080"), &hex_literal::hex!("63C6"));
    watch.of(0, |tenant| tenant.place.hold(scripted(false, &[select, there, there])));
    assert_eq!(watch.sees(&[]), [0_usize; 0]);
    assert_eq!(watch.sees(&[]), [0_usize; 0]);
    watch.of(0, |tenant| tenant.place.let_go());
    assert_eq!(watch.sees(&[at(1, "1-1")]), [0_usize; 0]);
}

#[test]
fn a_held_token_that_does_not_answer_is_gone() {
    /// A card that was drawn.
    struct Drawn;
    impl crate::Transmit for Drawn {
        fn transmit(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), crate::Error> {
            Err(crate::Error::Slot(SlotError::Absent))
        }
        fn reset(&mut self) -> Result<Vec<u8>, crate::Error> {
            Ok(Vec::new())
        }
        fn extended(&self) -> bool {
            true
        }
    }
    let watch = watch(4, &[at(1, "1-1")]);
    watch.of(0, |tenant| tenant.place.hold(by(Card::by(Box::new(Drawn), Vec::new()))));
    assert_eq!(watch.sees(&[]), [0]);
    assert_eq!(watch.of(0, |tenant| (tenant.pulled_out, tenant.place.holding().is_none())), (1, true));
    // Plugged in again, it is in its place.
    assert_eq!(watch.sees(&[at(1, "1-1")]), [0]);
}

#[test]
fn after_a_panic_nobody_trusts_the_place() {
    let watch = watch(4, &[at(1, "1-1"), at(1, "1-2")]);
    let tenants = watch.all().unwrap();
    let panicked = thread::spawn(move || {
        let _held = tenants[0].lock().unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(matches!(watch.with(0, |_| Ok::<(), Error>(())), Err(Error::Poisoned)));
    assert!(watch.with(1, |_| Ok::<(), Error>(())).is_ok());
}
