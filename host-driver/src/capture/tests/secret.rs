//! A random secret, put anywhere in what a host sends to a real token, is never in the capture.

use std::sync::{Arc, Mutex};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use firmware::{Factory, Token, profile::Profile};
use proptest::{collection::vec, prelude::*};
use zeroize::Zeroizing;

use super::*;
use crate::{
    panel::{Habit, Panel, panel},
    store::MemoryStore,
    urb::{Device, Limits, Queue, Request, Urb},
};

/// What a host does.
#[derive(Clone, Debug)]
enum Deed {
    /// Bytes to an endpoint, cut into transfers of so many bytes.
    Out(u8, Vec<u8>, usize),
    Control(Setup, Vec<u8>),
    Read(usize),
}

/// Looks on as a capture does, and keeps what it would put down.
struct Witness(Blank, Arc<Mutex<Vec<Vec<u8>>>>);

impl Tap for Witness {
    fn see(&mut self, transfer: &Transfer<'_>) {
        let Shown { setup, data, .. } = self.0.shown(transfer);
        let bytes = [setup.map(|setup| setup.bytes().to_vec()).unwrap_or_default(), data].concat();
        self.1.lock().unwrap().push(bytes);
    }
}

fn message(kind: u8, length: u32, middle: [u8; 5], data: &[u8]) -> Vec<u8> {
    [&[kind][..], &length.to_le_bytes(), &middle, data].concat()
}

fn kinds() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => Just(to_reader::XFR_BLOCK),
        3 => proptest::sample::select(vec![0x61, 0x62, 0x63, 0x65, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x71, 0x72, 0x73]),
        1 => any::<u8>(),
    ]
}

/// The secret with bytes around it.
fn wrapped(secret: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..12))
        .prop_map(move |(before, after)| [&before[..], &secret, &after].concat())
}

/// A well-formed APDU with the secret in its data.
fn command(secret: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let instructions: Vec<u8> = vec![
        0x20, 0x24, 0x2A, 0x2B, 0x2C, 0x46, 0x47, 0x48, 0x84, 0x87, 0xA4, 0xB0, 0xC0, 0xCA, 0xCB, 0xD6, 0xDA,
        0xDB, 0xDC, 0xE0, 0xE4, 0xF2, 0xF4, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFD, 0xFE, 0xFF,
    ];
    let heads: Vec<&[u8]> =
        vec![b"", b"\x5C\x03\x5F\xC1\x05", b"\xAC\x03\x80\x01\x11", b"\x80\x01\x11", b"\x30\x80"];
    let shape = shape(&secret);
    let classes = || proptest::sample::select(vec![0x00, 0x10, 0x80, 0x90, 0x0C, 0x40]);
    let shaped = (classes(), shape)
        .prop_map(|(class, (instruction, p1, p2, data))| apdu(class, instruction, p1, p2, &data));
    let loose = (
        classes(),
        proptest::sample::select(instructions),
        any::<[bool; 2]>(),
        proptest::sample::select(heads),
        wrapped(secret),
    )
        .prop_map(|(class, instruction, [named, ours], head, data)| {
            let (p1, p2) = (if named { 0x04 } else { 0x00 }, if ours { 0x80 } else { 0x00 });
            apdu(class, instruction, p1, p2, &[head, &data].concat())
        });
    prop_oneof![loose, shaped]
}

/// Data that look much as a standard has them, and hold the secret: instruction, P1, P2, data.
fn shape(secret: &[u8]) -> impl Strategy<Value = (u8, u8, u8, Vec<u8>)> + use<> {
    let names: [&[u8]; 6] = [
        b"\xA0\0\0\x03\x08",
        &wire::piv::AID,
        b"\xA0\0\0\x05\x27",
        b"\xA0\0\0\x03\x97",
        b"\xD2\x76\0\x01\x24\x01",
        &wire::shield::AID,
    ];
    // The secret a byte at a time, in values that are one byte long.
    let fields = |tags: &[u8]| -> Vec<u8> {
        let tags = tags.iter().cycle();
        secret.iter().zip(tags).flat_map(|(byte, tag)| [*tag, 1, *byte]).collect()
    };
    let template = |fields: Vec<u8>| [&[0xAC, fields.len() as u8], &fields[..]].concat();
    let mut shapes: Vec<_> = names
        .into_iter()
        // Within what a name may have: 16 bytes.
        .map(|name| (0xA4, 4, 0, [name, secret].concat().into_iter().take(16).collect()))
        .collect();
    for tags in [&[0x80][..], &[0x80, 0xAA, 0xAB]] {
        shapes.push((0x47, 0, 0x9A, template(fields(tags))));
        shapes.push((0x46, 0, 0x9A, fields(tags)));
    }
    // In P1 and P2, and on in the data.
    for instruction in [0x20, 0x47, 0x87, 0xA4, 0xC0, 0xCB, 0xDB, 0xF2, 0xF7, 0xFA, 0xFD] {
        shapes.push((instruction, secret[0], secret[1], secret[2..].to_vec()));
    }
    proptest::sample::select(shapes)
}

fn deed(secret: Vec<u8>) -> impl Strategy<Value = Deed> {
    let packet = |secret: &[u8]| {
        let bytes: Vec<u8> = secret.iter().copied().cycle().take(8).collect();
        Setup::parse(bytes.try_into().unwrap())
    };
    let hidden = packet(&secret);
    let content = prop_oneof![command(secret.clone()), wrapped(secret.clone())];
    let whole = (kinds(), content, any::<u8>(), prop_oneof![Just(0u16), Just(1), Just(2), any::<u16>()])
        .prop_map(|(kind, data, sequence, part)| {
            let [low, high] = part.to_le_bytes();
            message(kind, data.len() as u32, [0, sequence % 3, 0, low, high], &data)
        });
    let whole = whole.boxed();
    let lying = (kinds(), wrapped(secret.clone()), 0u32..200)
        .prop_map(|(kind, data, length)| message(kind, length, [0, 1, 0, 0, 0], &data));
    let innocent = Just(xfr(1, level::WHOLE, &apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8])));
    let bytes = prop_oneof![
        4 => whole.clone(),
        2 => lying,
        1 => wrapped(secret.clone()),
        1 => Just(secret.clone()),
        2 => innocent.clone(),
        2 => (innocent, whole).prop_map(|(first, second)| [first, second].concat()),
    ];
    let endpoint = prop_oneof![8 => Just(1u8), 1 => Just(2), 1 => Just(9)];
    let cut = prop_oneof![3 => Just(usize::MAX), 1 => Just(64), 1 => 1usize..40];
    let data = wrapped(secret);
    let request = prop_oneof![
        Just(hidden),
        (any::<u8>(), any::<u8>()).prop_map(|(request_type, request)| Setup {
            request_type: request_type & 0x7F,
            request,
            value: 0,
            index: 0,
            length: 16
        }),
        Just(Setup { request_type: 0x02, request: 1, value: 0, index: 1, length: 0 }),
    ];
    prop_oneof![
        6 => (endpoint, bytes, cut).prop_map(|(endpoint, bytes, cut)| Deed::Out(endpoint, bytes, cut)),
        1 => (request, data).prop_map(|(setup, data)| Deed::Control(setup, data)),
        4 => (16usize..400).prop_map(Deed::Read),
    ]
}

/// A secret of 6 to 30 characters, and what is done with it.
fn story() -> impl Strategy<Value = (Vec<u8>, Vec<Deed>)> {
    "[1-9B-Zb-z]{6,30}".prop_flat_map(|secret| {
        let secret = secret.into_bytes();
        (Just(secret.clone()), vec(deed(secret), 1..12))
    })
}

fn token() -> Token<MemoryStore, Panel, ChaCha20Rng> {
    let profile = Profile { stretch: None, ..Profile::standard() };
    let pin = |text: &[u8]| Zeroizing::new(text.to_vec());
    let factory = Factory { pin: Some(pin(b"246802")), puk: pin(b"12345678"), label: String::new() };
    let (panel, _) = panel(Habit::Accept);
    let rng = ChaCha20Rng::seed_from_u64(1);
    Token::manufacture(profile, &[7; 32], MemoryStore::default(), panel, rng, &factory).unwrap()
}

/// Plays the deeds to a token; what a capture shows of each end of each transfer.
fn play(token: &mut dyn Device, deeds: &[Deed]) -> Vec<Vec<u8>> {
    let seen = Arc::default();
    let witness = Witness(Blank::default(), Arc::clone(&seen));
    let limits = Limits { transfers: 10_000, bytes: usize::MAX };
    let mut queue = Queue::new(&token.descriptors(), limits).tapped(Some(Box::new(witness)));
    let mut sequence = 0;
    let mut submit = |token: &mut dyn Device, request: Request<'_>| {
        sequence += 1;
        queue.submit(token, Urb { sequence, request }, &mut |_| {}).unwrap();
        while let Some(work) = token.job() {
            token.finish((work.run)(&mut firmware::Memory::default()));
        }
        queue.poll(token, &mut |_| {});
    };
    let configure = Setup { request_type: 0, request: 9, value: 1, index: 0, length: 0 };
    submit(token, Request::Control { setup: configure, data: &[], max: 0 });
    submit(token, Request::Out { endpoint: 1, data: &message(0x62, 0, [0; 5], &[]) });
    for deed in deeds {
        match deed {
            Deed::Out(endpoint, bytes, cut) => {
                for data in bytes.chunks(*cut) {
                    submit(token, Request::Out { endpoint: *endpoint, data });
                }
            }
            Deed::Control(setup, data) => {
                submit(token, Request::Control { setup: *setup, data, max: 64 });
            }
            Deed::Read(max) => submit(token, Request::In { endpoint: 2, max: *max }),
        }
    }
    drop(queue);
    std::mem::take(&mut *seen.lock().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Not even five bytes of it stand together anywhere.
    #[test]
    fn is_never_in_the_capture((secret, deeds) in story()) {
        let mut token = token();
        token.attach();
        for bytes in play(&mut token, &deeds) {
            let told = secret.windows(5).find(|part| bytes.windows(5).any(|window| window == *part));
            prop_assert!(told.is_none(), "{:?} of {:?} in {:02x?}", told, secret, bytes);
            // Nor with two bytes between its bytes, as in values that are one byte long.
            let apart = secret.windows(4).find(|part| {
                bytes.windows(10).any(|window| window.iter().step_by(3).eq(part.iter()))
            });
            prop_assert!(apart.is_none(), "{:?} of {:?} in {:02x?}", apart, secret, bytes);
        }
    }
}

#[test]
fn the_same_way_to_look_finds_what_is_open() {
    let mut token = token();
    token.attach();
    let select = apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]);
    let seen = play(&mut token, &[Deed::Out(1, xfr(1, level::WHOLE, &select), 1000), Deed::Read(400)]);
    assert!(seen.iter().any(|bytes| bytes.windows(select.len()).any(|window| window == select)));
}

/// The ways in which a secret was left in captures, one by one.
#[test]
fn where_it_was_once() {
    let pin = b"135246";
    let setup = Setup { request_type: 0x40, request: 9, value: 0x3331, index: 0x3235, length: 6 };
    for deeds in [
        vec![Deed::Out(1, message(0x61, 6, [0, 1, 1, 0, 0], pin), 100)],
        vec![Deed::Out(1, pin.to_vec(), 100)],
        vec![Deed::Control(setup, pin.to_vec())],
        vec![Deed::Out(9, xfr(1, level::WHOLE, pin), 100)],
        vec![Deed::Out(1, xfr(1, level::WHOLE, &apdu(0, 0xCB, 0x3F, 0xFF, pin)), 100)],
        vec![Deed::Out(1, xfr(1, level::WHOLE, &apdu(0, 0xFD, 0, 0, pin)), 100)],
        vec![Deed::Out(1, xfr(1, level::WHOLE, &apdu(0x80, 0x2A, 0, 0, pin)), 100)],
        // Behind the identifier of an application provider.
        vec![Deed::Out(1, xfr(1, level::WHOLE, &apdu(0, 0xA4, 4, 0, b"\xA0\0\0\x03\x08135246")), 100)],
        // T=1 parameters that a token takes, and tells to whoever asks.
        vec![
            Deed::Out(1, message(0x61, 7, [0, 1, 1, 0, 0], b"1\x1152\x03A\0"), 100),
            Deed::Read(100),
            Deed::Out(1, message(0x6C, 0, [0, 2, 0, 0, 0], &[]), 100),
            Deed::Read(100),
        ],
    ] {
        let mut token = token();
        token.attach();
        for bytes in play(&mut token, &deeds) {
            let told = [&b"135"[..], b"246", b"1\x1152\x03A"]
                .iter()
                .any(|part| bytes.windows(part.len()).any(|window| window == *part));
            assert!(!told, "{deeds:?}: {bytes:02x?}");
        }
    }
}

/// A host that talks on before it is answered: whose answer it is cannot be told.
#[test]
fn an_answer_that_another_command_waits_behind_is_not_shown() {
    let mut blank = Blank::default();
    blank.command(&mut xfr(3, level::WHOLE, &apdu(0, 0x87, 0x11, 0x9D, SECRET)));
    blank.command(&mut xfr(3, level::WHOLE, &apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8])));
    for _busy_and_done in 0..2 {
        let mut back = answer(3, 0, &[SECRET, &[0x90, 0]].concat());
        blank.answer(&mut back);
        assert!(back[10..].starts_with(&[BLANK; 18]));
    }
    // Both are answered: from here on it is known again.
    let select = apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]);
    assert_eq!(seen(&mut blank, &select, ANSWER), (select, ANSWER.to_vec()));
}
