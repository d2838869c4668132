use std::collections::VecDeque;

use hex_literal::hex;

use super::*;

/// A card that expects these commands in turn and gives these responses.
struct Script {
    lines: VecDeque<(Vec<u8>, Vec<u8>)>,
    extended: bool,
}

impl Transmit for Script {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        let (expected, answer) = self.lines.pop_front().expect("the script has another command");
        assert_eq!(command, expected, "{command:02X?} is not {expected:02X?}");
        response.extend(answer);
        Ok(())
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        Ok(vec![0x3B, 0])
    }

    fn extended(&self) -> bool {
        self.extended
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.lines.is_empty(), "commands that were never sent: {:02X?}", self.lines);
        }
    }
}

fn scripted(extended: bool, lines: &[(&[u8], &[u8])]) -> Card {
    let lines = lines.iter().map(|(command, answer)| (command.to_vec(), answer.to_vec())).collect();
    Card::by(Box::new(Script { lines, extended }), vec![0x3B, 0])
}

/// A card with extended length that keeps to a script.
pub(crate) fn script(lines: &[(&[u8], &[u8])]) -> Card {
    scripted(true, lines)
}

/// A card that keeps to a script, on a road that says before which commands another program had the card: before those
/// with these numbers, counted from 0.
pub(crate) fn disturbed(before: &[usize], lines: &[(&[u8], &[u8])]) -> Card {
    let lines = lines.iter().map(|(command, answer)| (command.to_vec(), answer.to_vec())).collect();
    let script = Script { lines, extended: true };
    let road = Telling { script, before: before.into(), sent: 0, relies: false };
    Card::by(Box::new(road), vec![0x3B, 0])
}

struct Telling {
    script: Script,
    before: Vec<usize>,
    sent: usize,
    /// The work relies on what was selected and verified before.
    relies: bool,
}

impl Transmit for Telling {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        self.look()?;
        self.sent += 1;
        self.script.transmit(command, response)
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        self.script.reset()
    }

    fn extended(&self) -> bool {
        true
    }

    fn resume(&mut self) -> Result<(), Error> {
        self.relies = true;
        Ok(())
    }

    fn look(&mut self) -> Result<(), Error> {
        let disturbed = std::mem::take(&mut self.relies) && self.before.contains(&self.sent);
        if disturbed { Err(Error::Disturbed) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.relies = false;
        Ok(())
    }
}

/// A card whose answers a function computes.
pub(crate) struct Answering<F>(pub(crate) F);

impl<F: FnMut(&[u8]) -> Vec<u8>> Transmit for Answering<F> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        response.extend((self.0)(command));
        Ok(())
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn extended(&self) -> bool {
        true
    }
}

const GET: Command<'static> = Command::new(0, 0xCB, 0x3F, 0xFF, &[0x7E]).expecting(256);

#[test]
fn what_is_more_is_fetched() {
    let mut card = script(&[
        (&hex!("00CB3FFF01 7E 00"), &hex!("01 6102")),
        (&hex!("00C00000 02"), &hex!("0203 6100")),
        (&hex!("00C00000 00"), &hex!("04 9000")),
    ]);
    assert_eq!(card.data(&GET).unwrap(), [1, 2, 3, 4]);
}

#[test]
fn a_wrong_le_is_corrected_once() {
    let mut card = script(&[
        (&hex!("00CB3FFF01 7E 00"), &hex!("6C05")),
        (&hex!("00CB3FFF01 7E 05"), &hex!("0102030405 9000")),
        (&hex!("00CB3FFF01 7E 00"), &hex!("6C05")),
        (&hex!("00CB3FFF01 7E 05"), &hex!("6C06")),
    ]);
    assert_eq!(card.data(&GET).unwrap().len(), 5);
    assert_eq!(card.transmit(&GET).unwrap().status, StatusWord(0x6C06));
}

#[test]
fn get_response_ends_whatever_the_card_says() {
    let mut silent = Card::by(Box::new(Answering(|_: &[u8]| hex!("6110").to_vec())), vec![]);
    assert!(matches!(silent.transmit(&GET), Err(Error::Nonsense(_))));
    let mut asked = 0;
    let endless = move |_: &[u8]| {
        asked += 1;
        assert!(asked < 1000, "never ends");
        [&[0xAA; 256][..], &hex!("6100")].concat()
    };
    let mut endless = Card::by(Box::new(Answering(endless)), vec![]);
    assert!(matches!(endless.transmit(&GET), Err(Error::Nonsense(_))));
}

#[test]
fn long_data_is_extended_or_chained() {
    let long = [0x5A; 300];
    let command = Command::new(0, 0xDB, 0x3F, 0xFF, &long).expecting(65_536);
    let whole = [&hex!("00DB3FFF 00012C")[..], &long, &[0, 0]].concat();
    assert!(script(&[(&whole, &hex!("9000"))]).transmit(&command).is_ok());

    let parts = [
        [&hex!("10DB3FFF FF")[..], &long[..255]].concat(),
        [&hex!("00DB3FFF 2D")[..], &long[..45], &[0]].concat(),
    ];
    let lines: [(&[u8], &[u8]); 2] = [(&parts[0], &hex!("9000")), (&parts[1], &hex!("07 9000"))];
    assert_eq!(scripted(false, &lines).data(&command).unwrap(), [7]);
    let mut asked = script(&lines);
    asked.chain(true);
    assert_eq!(asked.data(&command).unwrap(), [7]);
    // A chain that the card refuses halfway ends there.
    let mut refused = scripted(false, &[(&parts[0], &hex!("6884"))]);
    assert_eq!(refused.transmit(&command).unwrap().status, StatusWord(0x6884));
    // 255 and 510 bytes leave no empty last part.
    let even = Command::new(0, 0xDB, 0x3F, 0xFF, &[1; 510]);
    let parts =
        [[&hex!("10DB3FFF FF")[..], &[1; 255]].concat(), [&hex!("00DB3FFF FF")[..], &[1; 255]].concat()];
    assert!(scripted(false, &[(&parts[0], &hex!("9000")), (&parts[1], &hex!("9000"))]).data(&even).is_ok());
}

#[test]
fn a_response_without_status_word() {
    for response in [&[][..], &[0x90]] {
        let response = response.to_vec();
        let mut card = Card::by(Box::new(Answering(move |_: &[u8]| response.clone())), vec![]);
        assert!(matches!(card.transmit(&GET), Err(Error::Nonsense(_))));
    }
}

#[test]
fn a_transaction_ends_when_its_work_fails() {
    #[derive(Default)]
    struct Held(std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>);
    impl Transmit for Held {
        fn transmit(&mut self, _: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
            self.0.lock().unwrap().push("transmit");
            response.extend([0x69, 0x82]);
            Ok(())
        }
        fn reset(&mut self) -> Result<Vec<u8>, Error> {
            Ok(Vec::new())
        }
        fn extended(&self) -> bool {
            true
        }
        fn begin(&mut self) -> Result<(), Error> {
            self.0.lock().unwrap().push("begin");
            Ok(())
        }
        fn end(&mut self) -> Result<(), Error> {
            self.0.lock().unwrap().push("end");
            Ok(())
        }
    }
    let held = Held::default();
    let calls = held.0.clone();
    let mut card = Card::by(Box::new(held), vec![]);
    assert!(card.transaction(|card| card.data(&GET)).is_err());
    assert_eq!(*calls.lock().unwrap(), ["begin", "transmit", "end"]);
}

#[test]
fn an_answer_is_never_printed() {
    let answer = Answer { data: vec![0xC0, 0xFF, 0xEE], status: StatusWord::OK };
    assert_eq!(format!("{answer:?}"), "Answer(3 bytes, 9000)");
}
