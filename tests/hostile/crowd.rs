//! Two hundred tokens in one process, all at work.

use std::thread;

use card::{Card, piv::Piv, usbip};
use firmware::fixture::{Holder, SharedFlash as Flash};
use host_driver::{Exporter, Listen};
use tokio::runtime::Builder;
use ushield_tests::bench::{self, PIN};
use wire::piv::{Algorithm, Slot};

const TOKENS: usize = 200;
const HANDS: usize = 8;

#[test]
fn two_hundred_tokens() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
    let exporter = runtime.block_on(Exporter::start(listen)).unwrap();
    let _context = runtime.enter();
    for _ in 0..TOKENS {
        let token = bench::manufacture(bench::profile(), Some(PIN), &Flash::default(), &Holder::default());
        exporter.plug(token, None).unwrap();
    }
    let address = exporter.local_addr().to_string();
    let devices = usbip::list(&address).unwrap();
    assert_eq!(devices.len(), TOKENS);
    thread::scope(|scope| {
        for hand in 0..HANDS {
            let (address, devices) = (&address, &devices);
            scope.spawn(move || {
                let mine = devices.iter().skip(hand).step_by(HANDS);
                // All of its tokens are held at once, then all sign.
                let mut cards: Vec<Card> = mine
                    .map(|device| Card::open(usbip::Link::import(address, &device.bus_id).unwrap()).unwrap())
                    .collect();
                for card in &mut cards {
                    let mut piv = Piv::select(card).unwrap();
                    piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))
                        .unwrap();
                    piv.generate(Slot::Authentication, Algorithm::P256).unwrap();
                    piv.verify(PIN).unwrap();
                    assert!(piv.sign(Slot::Authentication, Algorithm::P256, &[7; 32]).unwrap().len() > 60);
                }
            });
        }
    });
}
