mod secret;
mod walk;

use super::{BLANK, blank::Blank, *};
use crate::urb::{EndpointKind, Status, TransferEnd, TransferEvent};
use rustix::fs::{OFlags, fcntl_setfl};
use std::{
    fs::{File, Permissions},
    io::Read,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    thread,
};
use wire::{
    apdu::Command,
    ccid::{CommandStatus, IccStatus, ToHost, ToReader, level, to_host, to_reader},
    usb::Setup,
};

/// A PC_to_RDR_XfrBlock.
fn xfr(sequence: u8, part: u16, block: &[u8]) -> Vec<u8> {
    let [p0, p1] = part.to_le_bytes();
    let mut out = Vec::new();
    ToReader { kind: to_reader::XFR_BLOCK, slot: 0, sequence, specific: [0, p0, p1], data: block }
        .encode(&mut out);
    out
}

/// A RDR_to_PC_DataBlock.
fn answer(sequence: u8, chain: u8, data: &[u8]) -> Vec<u8> {
    let (icc, command) = (IccStatus::Active, CommandStatus::Done);
    let mut out = Vec::new();
    ToHost { kind: to_host::DATA_BLOCK, slot: 0, sequence, icc, command, specific: chain, data }
        .encode(&mut out);
    out
}

fn apdu(class: u8, instruction: u8, p1: u8, p2: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Command::new(class, instruction, p1, p2, data).expecting(256).encode(&mut out).unwrap();
    out
}

/// What is seen of a command and its answer, behind their CCID headers.
fn seen(blank: &mut Blank, command: &[u8], data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut back) = (xfr(3, level::WHOLE, command), answer(3, 0, data));
    blank.command(&mut out);
    blank.answer(&mut back);
    (out.split_off(10), back.split_off(10))
}

const SECRET: &[u8] = b"SECRETSECRETSECRET";
const ANSWER: &[u8] = b"ANSWERANSWER\x90\x00";

#[test]
fn of_a_secret_command_its_header_and_status_remain() {
    // VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, GENERAL AUTHENTICATE, Yubico's RESET, SET PIN RETRIES, IMPORT
    // and SET MANAGEMENT KEY, the shield's own forms, IMPORT KEY and USE KEY, and one that nobody knows.
    for (class, instruction, p1, p2) in [
        (0, 0x20, 0, 0x80),
        (0, 0x24, 0, 0x80),
        (0, 0x2C, 0, 0x80),
        (0, 0x87, 0x11, 0x9D),
        (0, 0xFB, 0, 0),
        (0, 0xFA, 3, 3),
        (0, 0xFE, 0x11, 0x9A),
        (0, 0xFF, 0xFF, 0xFF),
        (0x80, 0x20, 0, 0x80),
        (0x80, 0x24, 0, 0x81),
        (0x80, 0x2C, 0, 0x80),
        (0x80, 0xDB, 0, 0),
        (0x80, 0x49, 0, 0),
        (0x80, 0x2D, 1, 0x9A),
    ] {
        let mut blank = Blank::default();
        for data in [SECRET.to_vec(), SECRET.repeat(20)] {
            let command = apdu(class, instruction, p1, p2, &data);
            let lengths = if data.len() > 255 { 7 } else { 5 };
            let (out, back) = seen(&mut blank, &command, ANSWER);
            assert_eq!(out[..lengths], command[..lengths], "{instruction:02x}");
            assert!(out[lengths..].iter().all(|byte| *byte == BLANK), "{instruction:02x}");
            let blanked = [&[BLANK; 12][..], &[0x90, 0]].concat();
            assert_eq!((out.len(), back), (command.len(), blanked), "{instruction:02x}");
        }
    }
    // Of one that nobody knows, class, instruction and Lc.
    for (class, instruction) in [(0x80, 0x99), (0x0C, 0x87), (0, 0x99)] {
        let (out, back) = seen(&mut Blank::default(), &apdu(class, instruction, 0x31, 0x33, SECRET), ANSWER);
        assert_eq!(out[..5], [class, instruction, BLANK, BLANK, 18]);
        assert!(out[5..].iter().all(|byte| *byte == BLANK) && back.starts_with(&[BLANK; 12]));
    }
}

#[test]
fn what_anybody_may_read_is_shown() {
    for (class, instruction, p1, p2, data) in [
        (0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8][..]),
        (0, 0xCB, 0x3F, 0xFF, &[0x5C, 3, 0x5F, 0xC1, 0x05]),
        (0, 0xCB, 0x3F, 0xFF, &[0x5C, 1, 0x7E]),
        (0, 0x47, 0, 0x9A, &[0xAC, 3, 0x80, 1, 0x11]),
        (0, 0xFD, 0, 0, &[]),
        (0x80, 0xCA, 1, 0x50, &[]),
        (0x80, 0xF2, 0, 0, &[]),
    ] {
        let mut blank = Blank::default();
        let command = apdu(class, instruction, p1, p2, data);
        assert_eq!(seen(&mut blank, &command, ANSWER), (command, ANSWER.to_vec()), "{instruction:02x}");
        // GET RESPONSE brings more of the same.
        let rest = apdu(0, 0xC0, 0, 0, &[]);
        assert_eq!(seen(&mut blank, &rest, ANSWER).1, ANSWER);
    }
    // PRINTED INFORMATION wants a PIN, and some hosts keep the management key there.
    for object in [&[0x5C, 3, 0x5F, 0xC1, 0x09][..], &[0x5C, 3, 0x5F, 0xC1, 0x03]] {
        let (out, back) = seen(&mut Blank::default(), &apdu(0, 0xCB, 0x3F, 0xFF, object), ANSWER);
        assert!(out[5..].starts_with(object) && back.starts_with(&[BLANK; 12]));
    }
    let put = [&[0x5C, 3, 0x5F, 0xC1, 0x09, 0x53][..], SECRET].concat();
    let (out, _) = seen(&mut Blank::default(), &apdu(0, 0xDB, 0x3F, 0xFF, &put), &[0x90, 0]);
    assert!(out[5..].starts_with(&put[..5]) && out[10..].iter().all(|byte| *byte == BLANK));
}

#[test]
fn a_secret_in_parts_stays_one() {
    let is_hidden = |data: &[u8]| !data.windows(3).any(|part| SECRET.windows(3).any(|secret| part == secret));
    // A chain of commands; the last one brings the answer, and GET RESPONSE its rest.
    let mut blank = Blank::default();
    for class in [0x10, 0x10, 0x00] {
        let (out, back) = seen(&mut blank, &apdu(class, 0x87, 0x11, 0x9D, SECRET), SECRET);
        assert!(is_hidden(&out) && is_hidden(&back));
    }
    assert!(is_hidden(&seen(&mut blank, &apdu(0, 0xC0, 0, 0, &[]), SECRET).1));
    // One that begins like an open command and goes on as another.
    let mut blank = Blank::default();
    seen(&mut blank, &apdu(0x10, 0xA4, 4, 0, &[]), &[0x90, 0]);
    let (out, back) = seen(&mut blank, &apdu(0, 0x87, 0x11, 0x9D, SECRET), SECRET);
    assert!(is_hidden(&out) && is_hidden(&back));
    // Parts of one APDU (CCID 1.1, 6.1.4), the first of which ends anywhere.
    let command = apdu(0, 0x20, 0, 0x80, SECRET);
    for cut in 0..command.len() {
        let mut blank = Blank::default();
        let mut parts = [xfr(1, level::BEGINS, &command[..cut]), xfr(2, level::ENDS, &command[cut..])];
        for part in &mut parts {
            blank.command(part);
        }
        assert!(parts.iter().all(|part| is_hidden(part)), "{cut}");
    }
    // A message in several transfers, cut anywhere; and so an answer.
    let message = xfr(1, level::WHOLE, &command);
    for cut in 1..message.len() {
        let mut blank = Blank::default();
        let (mut first, mut second) = (message[..cut].to_vec(), message[cut..].to_vec());
        blank.command(&mut first);
        blank.command(&mut second);
        assert!(is_hidden(&first) && is_hidden(&second), "{cut}");
        // SET_CONFIGURATION makes both sides forget.
        blank.control(1, Setup { request_type: 0, request: 9, value: 1, index: 0, length: 0 }, &mut []);
        blank.controlled(1, true, &mut []);
        let select = apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]);
        assert_eq!(seen(&mut blank, &select, ANSWER), (select, ANSWER.to_vec()));
    }
    let message = answer(3, 0, &[SECRET, &[0x90, 0]].concat());
    for cut in 1..message.len() {
        let mut blank = Blank::default();
        blank.command(&mut xfr(3, level::WHOLE, &apdu(0, 0x87, 0x11, 0x9D, &[])));
        let (mut first, mut second) = (message[..cut].to_vec(), message[cut..].to_vec());
        blank.answer(&mut first);
        blank.answer(&mut second);
        assert!(is_hidden(&first) && is_hidden(&second), "{cut}");
    }
    // What answers a message in pieces is not judged by what had its bSeq before, nor is what GET RESPONSE brings, nor
    // what goes on with a chain that began in pieces.
    for (class, instruction) in [(0, 0x87), (0x10, 0xDB)] {
        let message = xfr(3, level::WHOLE, &apdu(class, instruction, 0x11, 0x9D, SECRET));
        for cut in 1..message.len() {
            let mut blank = Blank::default();
            seen(&mut blank, &apdu(0, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]), ANSWER);
            blank.command(&mut message[..cut].to_vec());
            blank.command(&mut message[cut..].to_vec());
            let mut back = answer(3, 0, &[SECRET, &[0x61, 0]].concat());
            blank.answer(&mut back);
            assert!(is_hidden(&back), "{cut}");
            assert!(is_hidden(&seen(&mut blank, &apdu(0, 0xC0, 0, 0, &[]), SECRET).1), "{cut}");
            let mut blank = Blank::default();
            blank.command(&mut message[..cut].to_vec());
            blank.command(&mut message[cut..].to_vec());
            let rest = apdu(0, instruction, 0x11, 0x9D, SECRET);
            assert!(is_hidden(&seen(&mut blank, &rest, SECRET).0), "{cut}");
        }
    }
    // An answer in parts: the end of each but the last is not a status word.
    let mut blank = Blank::default();
    blank.command(&mut xfr(3, level::WHOLE, &apdu(0, 0x87, 0x11, 0x9D, &[])));
    for chain in [1, 3] {
        let mut part = answer(3, chain, SECRET);
        blank.answer(&mut part);
        assert!(part[10..].iter().all(|byte| *byte == BLANK));
    }
    // A length that promises everything hides everything.
    let mut blank = Blank::default();
    let mut hostile = xfr(1, level::WHOLE, &apdu(0, 0xA4, 4, 0, &[]));
    hostile[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    blank.command(&mut hostile);
    for _ in 0..3 {
        let mut after = xfr(2, level::WHOLE, &command);
        blank.command(&mut after);
        assert!(after.iter().all(|byte| *byte == BLANK));
    }
}

#[test]
fn a_capture_is_its_owners_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    std::fs::write(&path, b"old").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let capture = Capture::start(&path).unwrap();
    let mut tap = capture.tap(128);
    let transfer = |event| Transfer { sequence: 7, endpoint: 0x01, kind: EndpointKind::Bulk, event };
    let pin = xfr(1, level::WHOLE, &apdu(0, 0x20, 0, 0x80, b"135246\xFF\xFF"));
    tap.see(&transfer(TransferEvent::Submitted { setup: None, length: pin.len(), data: &pin }));
    tap.see(&transfer(TransferEvent::Ended {
        end: TransferEnd::Status(Status::Stall),
        length: 0,
        data: &[],
    }));
    assert_eq!(capture.stop().unwrap(), Summary { packets: 2, dropped: 0 });
    // Whoever still looks on is not heard.
    tap.see(&transfer(TransferEvent::Ended { end: TransferEnd::Shutdown, length: 0, data: &[] }));
    let file = std::fs::read(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file.windows(6).any(|bytes| bytes == b"135246"));
    // Its blocks, by their lengths at both ends.
    let (mut kinds, mut rest) = (Vec::new(), &file[..]);
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let length = word(4) as usize;
        assert_eq!(word(length - 4) as usize, length);
        kinds.push(word(0));
        if word(0) == 6 {
            // usbmon's header: type S or C, bulk, endpoint 1, bus 2 device 1, status.
            let ended = kinds.iter().filter(|kind| **kind == 6).count() == 2;
            let header = &rest[28..28 + 64];
            assert_eq!(header[8..14], [if ended { b'C' } else { b'S' }, 3, 1, 1, 2, 0]);
            assert_eq!(
                i32::from_le_bytes(header[28..32].try_into().unwrap()),
                if ended { -32 } else { -115 }
            );
        }
        rest = &rest[length..];
    }
    assert_eq!(kinds, [0x0A0D_0D0A, 1, 6, 6, 5]);
}

#[test]
fn a_full_disk_ends_the_capture_and_nothing_else() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    assert!(Capture::start(Path::new("/dev/full")).is_err());
    assert!(Capture::start(Path::new("/nowhere/at/all")).is_err());
}

/// A pipe that is full, and the reader's end of the pipe, which nobody reads. It holds the pipe open for both ways.
fn stuffed(sizes: &'static [usize]) -> (Capture, File) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = File::options().read(true).write(true).open(&path).unwrap();
    let capture = Capture::start_with(&path, sizes).unwrap();
    let mut tap = capture.tap(1);
    // More than a pipe and the writer's queue hold.
    let data = [0; 2000];
    for _ in 0..2 * WAITING {
        let event = TransferEvent::Submitted { setup: None, length: data.len(), data: &data };
        tap.see(&Transfer { sequence: 7, endpoint: 0x01, kind: EndpointKind::Bulk, event });
    }
    (capture, reader)
}

/// The blocks of a file by their kind, and what its statistics say: all packets, and those left out.
fn blocks(mut rest: &[u8]) -> (Vec<u32>, Option<[u64; 2]>) {
    let (mut kinds, mut counted) = (Vec::new(), None);
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        assert_eq!(word(word(4) as usize - 4), word(4), "a block's length stands at both ends");
        kinds.push(word(0));
        // The statistics: 8 bytes of the block's head, 12 of its own, then two options of 4 and 8 bytes each.
        counted = (word(0) == 5).then(|| [24, 36].map(|at| u64::from(word(at)))).or(counted);
        rest = &rest[word(4) as usize..];
    }
    (kinds, counted)
}

/// However long the end would wait for a reader: it does not wait, because the pipe takes all that was counted.
#[test]
fn the_end_needs_no_reader_of_a_pipe() {
    let (mut capture, mut reader) = stuffed(&SIZES);
    capture.end_within(Duration::MAX).unwrap();
    let tally = {
        let tally = lock(&capture.shared.tally);
        (tally.taken, tally.dropped)
    };
    assert_eq!(tally.0 + tally.1, 2 * WAITING as u64);
    fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
    let mut file = Vec::new();
    assert_eq!(reader.read_to_end(&mut file).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let (kinds, counted) = blocks(&file);
    let packets = kinds.iter().filter(|kind| **kind == 6).count() as u64;
    assert_eq!((packets, counted), (tally.0, Some([tally.0 + tally.1, tally.1])));
}

/// Where the pipe cannot be made larger, the capture is given up in the end, and the writer lets go of the pipe.
#[test]
fn a_pipe_that_takes_no_more_is_given_up() {
    let (mut capture, reader) = stuffed(&[]);
    let ended = capture.end_within(Duration::from_millis(1));
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    // The same pipe, for reading only: it ends when nobody can write to it any more.
    let mut only_reads = File::open(format!("/proc/self/fd/{}", reader.as_raw_fd())).unwrap();
    drop(reader);
    let mut file = Vec::new();
    only_reads.read_to_end(&mut file).unwrap();
    assert!(file.len() >= 65_536 / 2, "{}", file.len());
}

/// What `stop` counts is what is in the file, whoever is still looking on at that moment.
#[test]
fn the_count_is_that_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..200 {
        let path = folder.path().join("count.pcapng");
        let capture = Capture::start(&path).unwrap();
        let begun = std::sync::Barrier::new(3);
        let summary = thread::scope(|scope| {
            for number in 1..=2 {
                let mut tap = capture.tap(number);
                let begun = &begun;
                scope.spawn(move || {
                    begun.wait();
                    for _ in 0..300 {
                        let event = TransferEvent::Submitted { setup: None, length: 8, data: &[0; 8] };
                        tap.see(&Transfer { sequence: 7, endpoint: 0x01, kind: EndpointKind::Bulk, event });
                    }
                });
            }
            begun.wait();
            (0..round * 50).for_each(|_| std::hint::spin_loop());
            capture.stop().unwrap()
        });
        let file = std::fs::read(&path).unwrap();
        let (kinds, counted) = blocks(&file);
        let packets = kinds.iter().filter(|kind| **kind == 6).count() as u64;
        assert_eq!(summary.packets, packets, "round {round}");
        assert_eq!(counted, Some([packets + summary.dropped, summary.dropped]), "round {round}");
    }
}
