use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use hex_literal::hex;
use proptest::prelude::*;
use wire::usb::DeviceDescriptor;

use super::*;
use crate::pipe::Interface;

/// A reader whose answers a function computes: the transfers that bulk IN gives, in turn, for each message out.
struct Fake<F> {
    interface: Interface,
    answers: VecDeque<Vec<u8>>,
    behave: F,
    controls: Arc<Mutex<Vec<Setup>>>,
    /// How long each answer takes.
    pace: Duration,
}

fn fake<F: FnMut(ToReader<'_>) -> Vec<Vec<u8>> + Send>(max_message: usize, behave: F) -> Reader<Fake<F>> {
    let device = DeviceDescriptor {
        usb: 0x0200,
        class: [0; 3],
        max_packet: 64,
        vendor: 0x163C,
        product: 0x0407,
        release: 0,
        strings: [0; 3],
        configurations: 1,
    };
    let interface = Interface {
        device,
        configuration: 1,
        number: 0,
        bulk_out: 1,
        bulk_in: 0x82,
        interrupt_in: None,
        features: 0x0004_047E,
        max_message,
    };
    let fake =
        Fake { interface, answers: VecDeque::new(), behave, controls: Arc::default(), pace: Duration::ZERO };
    Reader::new(fake).unwrap()
}

impl<F: FnMut(ToReader<'_>) -> Vec<Vec<u8>> + Send> Pipe for Fake<F> {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn control(&mut self, setup: Setup, _: &[u8]) -> Result<Vec<u8>, Error> {
        self.controls.lock().unwrap().push(setup);
        Ok(Vec::new())
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        assert!(data.len() <= self.interface.max_message, "a message over dwMaxCCIDMessageLength");
        let message = ToReader::parse(data).expect("a whole message in one transfer");
        self.answers.extend((self.behave)(message));
        Ok(())
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, _: Duration) -> Result<(), Error> {
        std::thread::sleep(self.pace);
        let answer = self.answers.pop_front().ok_or(Error::TimedOut("the fake"))?;
        assert!(answer.len() <= max, "an overflow");
        into.extend(answer);
        Ok(())
    }

    fn interrupt_in(&mut self, _: Duration) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
}

fn answer(kind: u8, sequence: u8, command: CommandStatus, specific: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ToHost { kind, slot: 0, sequence, icc: IccStatus::Active, command, specific, data }.encode(&mut out);
    out
}

fn block(sequence: u8, chain: u16, data: &[u8]) -> Vec<u8> {
    answer(to_host::DATA_BLOCK, sequence, CommandStatus::Done, chain as u8, data)
}

/// A card that answers each APDU with itself and 9000, in blocks as large as `room`.
fn echo(room: usize) -> impl FnMut(ToReader<'_>) -> Vec<Vec<u8>> + Send {
    let (mut apdu, mut response, mut first) = (Vec::new(), Vec::new(), true);
    move |message| {
        assert_eq!(message.kind, to_reader::XFR_BLOCK);
        apdu.extend_from_slice(message.data);
        match message.level() {
            level::BEGINS | level::CONTINUES => return vec![block(message.sequence, level::GO_ON, &[])],
            level::WHOLE | level::ENDS => {
                response = [&std::mem::take(&mut apdu)[..], &[0x90, 0]].concat();
                first = true;
            }
            _ => assert_eq!((message.level(), message.data), (level::GO_ON, &[][..])),
        }
        let rest = response.split_off(room.min(response.len()));
        let now = std::mem::replace(&mut response, rest);
        let chain = match (std::mem::take(&mut first), response.is_empty()) {
            (true, true) => level::WHOLE,
            (true, false) => level::BEGINS,
            (false, false) => level::CONTINUES,
            (false, true) => level::ENDS,
        };
        vec![block(message.sequence, chain, &now)]
    }
}

fn transmit<P: Pipe>(reader: &mut Reader<P>, apdu: &[u8]) -> Result<Vec<u8>, Error> {
    let mut response = Vec::new();
    reader.transmit(apdu, &mut response)?;
    Ok(response)
}

#[test]
fn powers_on_with_the_voltage_that_the_reader_takes() {
    let mut asked = Vec::new();
    let mut reader = fake(271, move |message| {
        assert_eq!(message.kind, to_reader::ICC_POWER_ON);
        asked.push(message.specific[0]);
        let done = message.specific[0] == 2;
        let (status, atr): (_, &[u8]) =
            if done { (CommandStatus::Done, &[0x3B, 0]) } else { (CommandStatus::Failed(7), &[]) };
        assert!(asked.len() == usize::from(message.specific[0]) + 1, "in turn");
        vec![answer(to_host::DATA_BLOCK, message.sequence, status, 0, atr)]
    });
    assert_eq!(reader.power_on().unwrap(), [0x3B, 0]);
}

#[test]
fn absent_and_mute_cards() {
    let mut reader = fake(271, |message| {
        let mut out = Vec::new();
        let kind =
            if message.kind == to_reader::ICC_POWER_ON { to_host::DATA_BLOCK } else { to_host::SLOT_STATUS };
        let (icc, command) = (IccStatus::Absent, CommandStatus::Failed(slot_error::ICC_MUTE));
        ToHost { kind, slot: 0, sequence: message.sequence, icc, command, specific: 0, data: &[] }
            .encode(&mut out);
        vec![out]
    });
    assert!(matches!(reader.power_on(), Err(Error::Slot(SlotError::Absent))));
    assert_eq!(reader.slot_status().unwrap(), IccStatus::Absent);
    for (error, expected) in [
        (slot_error::ICC_MUTE, SlotError::Mute),
        (slot_error::CMD_SLOT_BUSY, SlotError::Busy),
        (slot_error::CMD_ABORTED, SlotError::Aborted),
        (slot_error::HW_ERROR, SlotError::Other(0xFB)),
    ] {
        let mut reader = fake(271, move |message| {
            vec![answer(to_host::DATA_BLOCK, message.sequence, CommandStatus::Failed(error), 0, &[])]
        });
        assert!(matches!(transmit(&mut reader, &[0; 4]), Err(Error::Slot(found)) if found == expected));
    }
}

proptest! {
    #[test]
    fn apdus_of_any_length_pass_in_blocks_of_any_length(
        apdu in prop::collection::vec(any::<u8>(), 4..2000), max_message in 20usize..600, room in 1usize..300,
    ) {
        let mut reader = fake(max_message, echo(room.min(max_message - HEADER)));
        for _ in 0..2 {
            let response = transmit(&mut reader, &apdu).unwrap();
            prop_assert_eq!(&response[..apdu.len()], &apdu[..]);
            prop_assert_eq!(&response[apdu.len()..], &[0x90, 0]);
        }
    }

    /// Whatever comes, the reader ends with an answer or an error.
    #[test]
    fn never_panics_on_an_answer(transfers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let mut reader = fake(271, move |_| transfers.clone());
        let _ = transmit(&mut reader, &[0, 0xA4, 4, 0]);
        let _ = reader.power_on();
        let _ = reader.slot_status();
    }

    /// The same, with a header that is nearly right.
    #[test]
    fn never_panics_on_a_chain(chains in prop::collection::vec((0u8..0x12, 0usize..30, 0u8..3), 1..30)) {
        let mut turn = 0;
        let mut reader = fake(271, move |message| {
            let (chain, length, status) = chains[turn % chains.len()];
            turn += 1;
            let status = match status {
                0 => CommandStatus::Done,
                1 => CommandStatus::Failed(chain),
                _ => CommandStatus::TimeExtension(chain),
            };
            if turn > 3000 { return vec![]; }
            vec![answer(to_host::DATA_BLOCK, message.sequence, status, chain, &vec![7; length])]
        });
        let _ = transmit(&mut reader, &[0, 0xA4, 4, 0]);
    }
}

#[test]
fn more_time_as_often_as_the_token_asks() {
    let mut reader = fake(271, |message| {
        let more = |times| {
            answer(to_host::DATA_BLOCK, message.sequence, CommandStatus::TimeExtension(times), 0, &[])
        };
        vec![more(1), more(0), more(255), block(message.sequence, 0, &[0x90, 0])]
    });
    assert_eq!(transmit(&mut reader, &[0, 0xA4, 4, 0]).unwrap(), [0x90, 0]);
}

#[test]
fn patience_ends_and_the_command_is_aborted() {
    let commands = Arc::new(Mutex::new(Vec::new()));
    let seen = commands.clone();
    let mut reader = fake(271, move |message| {
        seen.lock().unwrap().push((message.kind, message.sequence));
        let (kind, sequence) = (message.kind, message.sequence);
        if kind == to_reader::ABORT {
            return vec![answer(to_host::SLOT_STATUS, sequence, CommandStatus::Done, 0, &[])];
        }
        vec![answer(to_host::DATA_BLOCK, sequence, CommandStatus::TimeExtension(1), 0, &[]); 3000]
    })
    .patience(Duration::from_millis(20), Duration::from_millis(20));
    reader.pipe().pace = Duration::from_millis(1);
    assert!(matches!(transmit(&mut reader, &[0, 0xA4, 4, 0]), Err(Error::TimedOut(_))));
    assert!(!reader.pipe().answers.is_empty(), "it was patience that ended, not the token");
    let commands = commands.lock().unwrap();
    let [(to_reader::XFR_BLOCK, _), (to_reader::ABORT, sequence)] = commands[..] else {
        panic!("{commands:02X?}");
    };
    let controls = reader.pipe().controls.lock().unwrap().clone();
    // Both halves of an abort carry the same bSeq (CCID 1.1, 5.3.1).
    assert!(matches!(controls[..], [Setup { request_type: 0x21, request: 1, value, .. }]
        if value == u16::from(sequence) << 8));
}

#[test]
fn silence_is_aborted_and_the_next_command_works() {
    let mut silent = true;
    let mut reader = fake(271, move |message| match message.kind {
        to_reader::ABORT => {
            silent = false;
            // The answer to the given-up command comes first: it is dropped by its bSeq.
            let late = block(message.sequence.wrapping_sub(1), 0, &[0x6F, 0]);
            vec![late, answer(to_host::SLOT_STATUS, message.sequence, CommandStatus::Done, 0, &[])]
        }
        _ if silent => vec![],
        _ => vec![block(message.sequence, 0, &[0x90, 0])],
    });
    assert!(matches!(transmit(&mut reader, &[0; 4]), Err(Error::TimedOut(_))));
    assert_eq!(transmit(&mut reader, &[0; 4]).unwrap(), [0x90, 0]);
}

#[test]
fn stale_answers_are_passed_over_and_no_more_than_a_few() {
    let mut reader = fake(271, |message| {
        let stale = block(message.sequence.wrapping_add(7), 0, &[0x6F, 0]);
        vec![stale.clone(), stale, block(message.sequence, 0, &[0x90, 0])]
    });
    assert_eq!(transmit(&mut reader, &[0; 4]).unwrap(), [0x90, 0]);
    let mut reader = fake(271, |message| vec![block(message.sequence.wrapping_add(7), 0, &[0x6F, 0]); 1000]);
    assert!(matches!(transmit(&mut reader, &[0; 4]), Err(Error::Nonsense(_))));
}

#[test]
fn sequence_numbers_wrap() {
    let mut last = None;
    let mut reader = fake(271, move |message| {
        assert_eq!(
            last.replace(message.sequence).map_or(1, |last: u8| last.wrapping_add(1)),
            message.sequence
        );
        vec![block(message.sequence, 0, &[0x90, 0])]
    });
    for _ in 0..600 {
        transmit(&mut reader, &[0; 4]).unwrap();
    }
}

#[test]
fn a_message_in_pieces_is_put_together() {
    let mut reader = fake(271, |message| {
        let whole = block(message.sequence, 0, &[0xAB; 60]);
        let mut pieces: Vec<Vec<u8>> = whole.chunks(7).map(<[u8]>::to_vec).collect();
        pieces.insert(3, Vec::new()); // the empty packet that ends a transfer
        pieces
    });
    assert_eq!(transmit(&mut reader, &[0; 4]).unwrap(), [0xAB; 60]);
}

#[test]
fn lengths_and_chains_that_lie() {
    let lies: [&[u8]; 6] = [
        &hex!("80 FFFFFFFF 00 01 00 00 00"),        // dwLength of 4 GiB
        &hex!("80 02000000 00 01 00 00 00 900000"), // more than dwLength
        &hex!("81 00000000 00 01 00 00 00"),        // another message than XfrBlock's answer
        &hex!("80 02000000 00 01 00 00 02 9000"),   // the end of a chain that never began
        &hex!("80 00000000 00 01 00 00 01"),        // a chain that begins with nothing
        &hex!("80 02000000 00 01 C0 00 00 9000"),   // a reserved status
    ];
    for lie in lies {
        let mut reader = fake(271, move |_| vec![lie.to_vec()]);
        assert!(matches!(transmit(&mut reader, &[0; 4]), Err(Error::Nonsense(_))), "{lie:02X?}");
    }
    // A command in parts, whose first part is answered as if it were the whole.
    let mut reader = fake(20, |message| vec![block(message.sequence, 0, &[0x90, 0])]);
    assert!(matches!(transmit(&mut reader, &[0; 40]), Err(Error::Nonsense(_))));
    // A response that never ends.
    let mut first = true;
    let mut reader = fake(4096, move |message| {
        let chain = if std::mem::take(&mut first) { level::BEGINS } else { level::CONTINUES };
        vec![block(message.sequence, chain, &[0; 4000])]
    });
    assert!(matches!(transmit(&mut reader, &[0; 4]), Err(Error::Nonsense(_))));
}

#[test]
fn a_reader_for_short_apdus_gets_whole_ones_only() {
    let mut reader = fake(271, |message| {
        assert_eq!(message.level(), level::WHOLE);
        vec![block(message.sequence, 0, &[0x90, 0])]
    });
    reader.extended = false;
    assert!(transmit(&mut reader, &[0; 261]).is_ok());
    assert!(matches!(transmit(&mut reader, &[0; 262]), Err(Error::Invalid(_))));
    let mut pipe = reader.pipe;
    pipe.interface.features = 0x0001_0000; // TPDU level
    assert!(matches!(Reader::new(pipe), Err(Error::Nonsense(_))));
}

#[test]
fn a_pin_leaves_no_trace_in_the_reader() {
    let mut reader = fake(271, |message| vec![block(message.sequence, 0, &[0x90, 0])]);
    transmit(&mut reader, b"\x00\x20\x00\x80\x06secret").unwrap();
    assert_eq!(reader.command[..], [0; HEADER + 11]);
}
