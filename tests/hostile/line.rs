//! The line is cut at every byte that a client sends: the token is back on the list at once, and nothing is lost.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use card::{
    Card, Error,
    piv::Piv,
    shield::Shield,
    usbip::{self, Stream},
};
use firmware::fixture::{Holder, SharedFlash as Flash};
use ushield_tests::{
    bench::{self, PIN},
    road::{Exported, Plugged, Road},
};
use wire::{
    piv::{Algorithm, Slot},
    shield::Container,
};

/// How long an answer that must come may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

fn exported(road: Road) -> Exported {
    let (flash, holder) = (Flash::default(), Holder::default());
    let mut token = bench::manufacture(bench::profile(), Some(PIN), &flash, &holder);
    token.unplug();
    match Plugged::new(road, bench::profile(), &flash, &holder) {
        Plugged::Exported(exported) => exported,
        Plugged::Bench(_) | Plugged::Shared(_) => unreachable!("asked for USB/IP"),
    }
}

fn import(address: &str) -> Result<Card, Error> {
    // A device that is held is not on the list, as with any other USB/IP server.
    let listed = usbip::list(address)?.into_iter().next().ok_or(Error::Busy)?;
    Card::open(usbip::Link::import(address, &listed.bus_id)?)
}

/// What a host does in a sitting: PIN, key, signature.
fn sitting(address: &str) -> Result<(), Error> {
    let mut card = import(address)?;
    let mut piv = Piv::select(&mut card)?;
    piv.verify(PIN)?;
    piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))?;
    piv.generate(Slot::Authentication, Algorithm::P256)?;
    piv.sign(Slot::Authentication, Algorithm::P256, &[7; 32]).map(drop)
}

/// A relay between one client and the exporter, which writes down what the client sends.
fn record(exporter: &str) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (exporter, log) = (exporter.to_owned(), Arc::clone(&sent));
    let relay = thread::spawn(move || {
        // The list, then the import.
        for _connection in 0..2 {
            let (mut client, _) = listener.accept().unwrap();
            let server = Stream::connect(&exporter).unwrap();
            let (mut back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let down = thread::spawn(move || drop(std::io::copy(&mut &answers, &mut back)));
            log.lock().unwrap().clear(); // only the import's connection is replayed
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = client.read(&mut buffer) {
                log.lock().unwrap().extend_from_slice(&buffer[..n]);
                if (&server).write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
            server.shutdown().ok();
            client.shutdown(Shutdown::Both).ok();
            down.join().unwrap();
        }
    });
    sitting(&address).expect("a sitting over the relay");
    relay.join().unwrap();
    Arc::try_unwrap(sent).unwrap().into_inner().unwrap()
}

/// What a cut must not change: the tries left, and 9A's key.
fn look(address: &str) -> Result<([u8; 4], Vec<u8>), Error> {
    let mut card = Card::open(usbip::Link::import(address, "1-1")?)?;
    let mut shield = Shield::select(&mut card)?;
    let key = shield.public_key(Container::Piv(Slot::Authentication))?;
    Ok((shield.information()?.tries, key.expect("a key in 9A")))
}

#[test]
fn cut_at_every_byte() {
    cut_at_every_byte_of(Road::UsbIp);
}

#[test]
fn cut_at_every_byte_of_the_unix_socket() {
    cut_at_every_byte_of(Road::Unix);
}

fn cut_at_every_byte_of(road: Road) {
    let exported = exported(road);
    let address = exported.address();
    let session = record(&address);
    let mut before = retry(&address);
    let (mut slowest, mut cuts) = (Duration::ZERO, 0);
    for cut in 0..=session.len() {
        let client = Stream::connect(&address).unwrap();
        (&client).write_all(&session[..cut]).unwrap();
        client.shutdown().ok();
        drop(client);
        let begin = Instant::now();
        // Back on the list, and to be had: at once, which the line below prints, but a busy machine may take longer. (The exporter may yet find the import of the client
        // that is gone, so that what is on the list is taken and given back once more.)
        let now = loop {
            match look(&address) {
                Ok(now) => break now,
                Err(Error::Busy | Error::Broken(_)) => {}
                Err(error) => panic!("cut at byte {cut}: {error}"),
            }
            assert!(begin.elapsed() < PATIENCE, "cut at byte {cut}: the token is not back");
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(now, before, "cut at byte {cut}");
        slowest = slowest.max(begin.elapsed());
        cuts += 1;
        // Spread over the session, a whole sitting: it works on.
        if cut % 97 == 0 {
            before = retry(&address);
        }
    }
    retry(&address);
    println!("{cuts} cuts, the token back after at most {slowest:?}");
}

/// A sitting by a host that waits for the token to be free, and what is so afterwards.
fn retry(address: &str) -> ([u8; 4], Vec<u8>) {
    let begin = Instant::now();
    while let Err(error) = sitting(address) {
        assert!(matches!(error, Error::Busy), "{error}");
        assert!(begin.elapsed() < PATIENCE, "still busy");
        thread::sleep(Duration::from_millis(1));
    }
    loop {
        match look(address) {
            Ok(now @ ([6, 6, 6, 6], _)) => return now,
            Err(Error::Busy) if begin.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_holder_at_a_time() {
    for road in [Road::UsbIp, Road::Unix] {
        one_holder_at_a_time_of(&exported(road));
    }
}

fn one_holder_at_a_time_of(exported: &Exported) {
    let address = exported.address();
    let card = import(&address).unwrap();
    assert_eq!(usbip::list(&address).unwrap().len(), 0);
    assert!(matches!(usbip::Link::import(&address, "1-1"), Err(Error::Busy)));
    drop(card);
    retry(&address);
}
