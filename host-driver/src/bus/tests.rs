//! Leases, jobs and numbers of the bus.

use firmware::Memory;

use super::{lease::Running, *};
use crate::urb::{Work, fake::Echo};

fn bus() -> (Arc<Bus>, BusId) {
    let bus = Arc::new(Bus::default());
    let id = bus.plug(Box::new(Echo::default()), None).unwrap();
    (bus, id)
}

const PEER: Peer = Peer::Process(Some(9));

#[test]
fn a_name_has_one_spelling() {
    assert_eq!(BusId::parse("1-7"), Some(BusId(7)));
    for name in ["1-0", "1-07", "1-+7", "2-7", "1-65536", "1-", "17", " 1-7"] {
        assert_eq!(BusId::parse(name), None, "{name}");
    }
}

#[test]
fn a_number_is_not_used_again_before_its_turn() {
    let (bus, first) = bus();
    bus.remove(first).unwrap();
    let second = bus.plug(Box::new(Echo::default()), None).unwrap();
    assert_ne!(first, second);
    lock(&bus.ports).last = u16::MAX;
    assert_eq!(bus.plug(Box::new(Echo::default()), None), Ok(first));
    let third = bus.plug(Box::new(Echo::default()), None).unwrap();
    assert_eq!(third, BusId(3));
}

#[test]
fn one_lease_at_a_time_and_an_old_one_drives_nothing() {
    let (bus, id) = bus();
    let lease = bus.claim(id, PEER).unwrap();
    assert_eq!(bus.claim(id, PEER).unwrap_err(), Unavailable::Held);
    assert_eq!(bus.port(id).unwrap().state(), State::Held { peer: PEER });
    bus.unplug(id).unwrap();
    assert_eq!(lease.drive(|_| ()), Err(Gone));
    assert_eq!(bus.claim(id, PEER).unwrap_err(), Unavailable::Missing);
    bus.plug_again(id).unwrap();
    let next = bus.claim(id, PEER).unwrap();
    drop(lease);
    assert_eq!(next.drive(|_| ()), Ok(()));
    drop(next);
    assert_eq!(bus.port(id).unwrap().state(), State::Free);
}

#[tokio::test]
async fn the_outcome_of_a_job_is_for_the_lease_that_gave_it_out() {
    let (bus, id) = bus();
    let read = |device: &mut dyn Device| device.bulk_in(2, 64).unwrap();
    let lease = bus.claim(id, PEER).unwrap();
    lease.drive(|device| device.bulk_out(1, b"work").unwrap()).unwrap();
    drop(lease);
    let lease = bus.claim(id, PEER).unwrap();
    // The first job ends, and brings nothing.
    while lock(&lease.port.slot).working {
        lease.rung().await;
    }
    assert_eq!(lease.drive(read), Ok(None));
    lease.drive(|device| device.bulk_out(1, b"work").unwrap()).unwrap();
    while lock(&lease.port.slot).working {
        lease.rung().await;
    }
    assert_eq!(lease.drive(read), Ok(Some(b"worked".to_vec())));
}

/// A job whose host went while it waited is not computed, and says so: its device had no turn.
#[test]
fn nobody_computes_for_a_host_that_went() {
    let (bus, id) = bus();
    let lease = bus.claim(id, PEER).unwrap();
    for lasts in [true, false] {
        let job = Running { port: Arc::clone(&lease.port), lease: lease.number, done: false };
        let (does, did) = std::sync::mpsc::channel();
        let run = Box::new(move |_: &mut Memory| -> crate::urb::Done {
            does.send(()).unwrap();
            Box::new("worked")
        });
        if !lasts {
            bus.unplug(id).unwrap();
        }
        let work = Work { kind: crate::urb::Labour::KeyMaking, run };
        assert_eq!(job.run(work, &mut Memory::default()), lasts);
        assert_eq!(did.recv().is_ok(), lasts);
    }
}

#[tokio::test]
async fn changes_are_told() {
    let (bus, id) = bus();
    let mut changed = std::pin::pin!(bus.changed());
    changed.as_mut().enable();
    let lease = bus.claim(id, PEER).unwrap();
    changed.as_mut().await;
    changed.set(bus.changed());
    changed.as_mut().enable();
    drop(lease);
    changed.await;
}
