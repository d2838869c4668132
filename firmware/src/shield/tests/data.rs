use wire::shield::{DataHead, DataObject, Inventory, MAX_VALUE, parse_created, parse_number, what};

use super::*;
use crate::seams::RecordName;

impl Bench {
    fn create_data(&mut self, object: &DataObject) -> Result<u8, String> {
        let (answer, status) = self.send([0x80, 0xE0, 0, 0], &object.bytes(), 65_536);
        if status == "9000" { Ok(parse_number(&answer).unwrap()) } else { Err(status) }
    }

    fn heads(&mut self) -> Vec<DataHead> {
        DataHead::parse_list(&self.data([0x80, 0xF4, what::DATA, 0], &[])).unwrap()
    }

    fn read(&mut self, number: u8) -> Result<DataObject, String> {
        let (answer, status) = self.send([0x80, 0xB0, 0, number], &[], 65_536);
        if status == "9000" { Ok(DataObject::parse(&answer).unwrap()) } else { Err(status) }
    }
}

fn object(private: bool, value: &[u8]) -> DataObject {
    DataObject {
        private,
        label: "notes".into(),
        application: "mail".into(),
        object_id: b"\x06\x02\x2A\x03".into(),
        value: value.into(),
        notes: Vec::new(),
    }
}

#[test]
fn objects_come_and_go() {
    let mut bench = Bench::new();
    let (public, private) = (object(false, b"public value"), object(true, b"private value"));
    assert_eq!(bench.create_data(&public), Err("6982".into()));
    bench.verify();
    assert_eq!(bench.create_data(&public), Ok(1));
    assert_eq!(bench.create_data(&private), Ok(2));
    assert_eq!([bench.read(1), bench.read(2)], [Ok(public.clone()), Ok(private.clone())]);
    let heads = bench.heads();
    assert_eq!(heads.iter().map(|head| (head.number, head.length)).collect::<Vec<_>>(), [(1, 12), (2, 13)]);
    assert_eq!(heads[1].object, DataObject { value: Vec::new(), ..private.clone() });

    // Without the PIN the private object is not there, and neither is its name. The private object stands nowhere in
    // clear.
    let mut again = bench.again();
    assert_eq!(again.heads().len(), 1);
    assert_eq!([again.read(1), again.read(2)], [Ok(public), Err("6A82".into())]);
    for header in [[0x80, 0xE4, what::DATA, 1], [0x80, 0xD6, 0, 1]] {
        assert_eq!(again.word(header, &[]), "6982");
    }
    let stored = &again.application.storage().records[&RecordName::Data(2)];
    for clear in [&b"private value"[..], b"notes", b"mail"] {
        assert!(!stored.windows(clear.len()).any(|window| window == clear));
    }
    again.verify();
    assert_eq!(again.read(2), Ok(private));

    let changed = object(true, &[7; MAX_VALUE]);
    assert_eq!(again.word([0x80, 0xD6, 0, 1], &changed.bytes()), "9000");
    assert_eq!(again.read(1), Ok(changed.clone()));
    assert_eq!(again.word([0x80, 0xE4, what::DATA, 2], &[]), "9000");
    for header in [[0x80, 0xE4, what::DATA, 2], [0x80, 0xD6, 0, 2], [0x80, 0xD6, 0, 0], [0x80, 0xD6, 0, 33]] {
        let data = if header[1] == 0xD6 { changed.bytes() } else { Vec::new() };
        assert_eq!(again.word(header, &data), "6A82", "{header:02X?}");
    }
    assert_eq!(again.create_data(&object(false, &[])), Ok(2), "its number is free again");
    assert_eq!(again.word([0x80, 0xE0, 1, 0], &[]), "6A86");
}

/// LIST with everything tells what the single commands tell, and no private value.
#[test]
fn an_inventory_is_what_the_single_commands_tell() {
    let mut bench = Bench::verified();
    let noted = Name { notes: alloc::vec![1, 2], ..name("k", &[1]) };
    let (answer, _) = bench.create(Place::Any, &NewKey { name: noted.clone(), ..plain(Algorithm::P256) });
    let (container, public) = parse_created(&answer).unwrap();
    let der = certificate(&public);
    assert_eq!(bench.put(Place::Any, &der, &noted).1, "9000");
    bench.create(Place::Any, &plain(Algorithm::P384));
    let (open, secret) = (object(false, &[7; 9]), object(true, &[0xAA; 9]));
    let numbers = [&open, &secret].map(|data| bench.create_data(data).unwrap());

    let answer = bench.data([0x80, 0xF4, 0, 1], &[]);
    assert!(!answer.windows(9).any(|bytes| bytes == [0xAA; 9]));
    let found = Inventory::parse(&answer).unwrap();
    assert_eq!(
        found.shelves.iter().map(|shelf| shelf.contents.clone()).collect::<Vec<_>>(),
        bench.contents()
    );
    let [first, second] = &found.shelves[..] else { panic!("two containers") };
    assert_eq!(first.contents.container, container);
    assert_eq!(first.public_key.as_deref(), Some(&public[..]));
    assert_eq!(first.certificate.as_deref(), Some(&der[..]));
    assert_eq!([&first.key_notes, &first.certificate_notes], [&Some(noted.notes.clone()); 2]);
    assert!(second.public_key.is_some() && second.certificate.is_none() && second.key_notes.is_none());
    let heads = bench.heads();
    assert_eq!(found.data[0].0, DataHead { number: numbers[0], object: open, length: 9 });
    assert_eq!((found.data[0].1, &found.data[1]), (true, &(heads[1].clone(), false)));
    // Without the PIN a private object is not even named.
    let found = Inventory::parse(&bench.again().data([0x80, 0xF4, 0, 1], &[])).unwrap();
    assert_eq!(found.data.len(), 1);
}

#[test]
fn there_is_an_end_to_it() {
    let mut bench = Bench::verified();
    assert_eq!(bench.create_data(&object(false, &[0; MAX_VALUE + 1])), Err("6A80".into()));
    for number in 1..=7 {
        assert_eq!(bench.create_data(&object(number % 2 == 0, &[0; MAX_VALUE])), Ok(number));
    }
    assert_eq!(bench.create_data(&object(false, &[0; MAX_VALUE])), Err("6A84".into()), "64 KiB in all");
    for number in 8..=32 {
        assert_eq!(bench.create_data(&object(false, b"small")), Ok(number));
    }
    assert_eq!(bench.create_data(&object(false, &[])), Err("6A84".into()), "32 in all");
    assert_eq!(bench.heads().len(), 32);
    assert_eq!(bench.word([0x80, 0xD6, 0, 32], &object(true, &[0; MAX_VALUE]).bytes()), "6A84");
    assert_eq!(bench.read(32).unwrap().value, b"small");
}

/// GM/T 0027 5.3.4 and ISO 7816-4 11.5.3: the token gives random bytes to the host, without any PIN.
#[test]
fn random_can_be_sampled() {
    let mut bench = Bench::new();
    let mut seen = Vec::new();
    for (ne, length) in [(1, 1), (8, 8), (256, 256), (1024, 1024), (1025, 1024), (65_536, 1024)] {
        let (random, status) = bench.send([0, 0x84, 0, 0], &[], ne);
        assert_eq!((random.len(), &status[..]), (length, "9000"));
        seen.push(random);
    }
    assert_ne!(seen[3], seen[5]);
    let apdu = [0, 0x84, 0, 0];
    let step = bench.shield.command(&mut bench.application, &Command::parse(&apdu).unwrap());
    let Step::Done(answer) = step else { panic!("{step:?}") };
    assert_eq!(answer.status, StatusWord::WRONG_LENGTH, "without Le");
    assert_eq!(bench.send([0, 0x84, 0, 0], &[1], 8).1, "6700");
    assert_eq!(bench.send([0, 0x84, 0, 1], &[], 8).1, "6A86");
    assert_eq!(bench.send([0x80, 0x84, 0, 0], &[], 8).1, "6D00");
    // SP 800-22, 2.1: as many ones as zeros, within five standard deviations of 8192 bits.
    let ones: u32 = seen.iter().skip(3).flatten().map(|byte| byte.count_ones()).sum();
    assert!((12_288_u32.abs_diff(ones)) < 5 * 79, "{ones}");
    assert!(Response::parse(&[0x90, 0]).is_ok());
}
