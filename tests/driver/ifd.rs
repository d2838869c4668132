//! The IFD handler, called as pcscd calls it, over real USB/IP, with the real firmware behind.

use std::{
    ffi::CString,
    ptr,
    time::{Duration, Instant},
};

use card::feature::GET_FEATURE_REQUEST;
use firmware::fixture::{Holder, SharedFlash as Flash};
use ifd_ushield::{
    code::{self, Code, Dword},
    entry::{
        IFDHCloseChannel, IFDHControl, IFDHCreateChannel, IFDHCreateChannelByName, IFDHGetCapabilities,
        IFDHICCPresence, IFDHPowerICC, IFDHSetCapabilities, IFDHSetProtocolParameters, IFDHTransmitToICC,
        IoHeader,
    },
};
use ushield_tests::{
    bench::{self, PIN},
    road::{Plugged, Road},
};

const POWER_UP: Dword = 500;
const POWER_DOWN: Dword = 501;
const SELECT_PIV: [u8; 14] = [0, 0xA4, 4, 0, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0];
const OK: [u8; 2] = [0x90, 0];

/// A reader, as pcscd has it.
struct Reader(Dword);

impl Reader {
    fn open(lun: Dword, name: &str) -> Result<Self, Code> {
        let name = CString::new(name).unwrap();
        // SAFETY: the name is a C string.
        match unsafe { IFDHCreateChannelByName(lun, name.as_ptr()) } {
            code::SUCCESS => Ok(Self(lun)),
            other => Err(other),
        }
    }

    fn presence(&self) -> Code {
        IFDHICCPresence(self.0)
    }

    /// Asks as often as pcscd does, until the handler reports the wanted state of the card.
    fn until(&self, wanted: Code) {
        let begin = Instant::now();
        while self.presence() != wanted {
            assert!(begin.elapsed() < Duration::from_secs(120), "never {wanted}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn power(&self, action: Dword) -> Result<Vec<u8>, Code> {
        let (mut atr, mut length) = ([0; 33], 0);
        // SAFETY: the buffer has room for 33 bytes, and the length may be written.
        match unsafe { IFDHPowerICC(self.0, action, atr.as_mut_ptr(), &mut length) } {
            code::SUCCESS => Ok(atr[..length as usize].to_vec()),
            other => Err(other),
        }
    }

    fn transmit_into(&self, command: &[u8], room: usize) -> Result<Vec<u8>, Code> {
        let mut response = vec![0; room];
        let (mut length, mut receive) = (room as Dword, IoHeader::default());
        // SAFETY: both buffers are as long as their lengths say.
        let done = unsafe {
            IFDHTransmitToICC(
                self.0,
                IoHeader::default(),
                command.as_ptr(),
                command.len() as Dword,
                response.as_mut_ptr(),
                &mut length,
                &mut receive,
            )
        };
        response.truncate(length as usize);
        if done == code::SUCCESS { Ok(response) } else { Err(done) }
    }

    fn transmit(&self, command: &[u8]) -> Result<Vec<u8>, Code> {
        self.transmit_into(command, 65_538)
    }

    fn verify(&self) -> Result<Vec<u8>, Code> {
        let pin = [PIN, &[0xFF; 8][PIN.len()..]].concat();
        self.transmit(&[&[0, 0x20, 0, 0x80, 8][..], &pin].concat())
    }

    fn is_verified(&self) -> bool {
        self.transmit(&[0, 0x20, 0, 0x80]).unwrap() == OK
    }

    fn capability(&self, tag: Dword, room: usize) -> Result<Vec<u8>, Code> {
        let (mut value, mut length) = (vec![0; room], room as Dword);
        // SAFETY: the buffer is as long as its length says.
        let done = unsafe { IFDHGetCapabilities(self.0, tag, &mut length, value.as_mut_ptr()) };
        value.truncate(length as usize);
        if done == code::SUCCESS { Ok(value) } else { Err(done) }
    }

    fn control(&self, control_code: u32, room: usize) -> Result<Vec<u8>, Code> {
        let (mut answer, mut returned) = (vec![0; room], 0);
        // SAFETY: the buffer is as long as its length says, and no data goes in.
        let done = unsafe {
            IFDHControl(
                self.0,
                control_code.into(),
                ptr::null(),
                0,
                answer.as_mut_ptr(),
                room as Dword,
                &mut returned,
            )
        };
        answer.truncate(returned as usize);
        if done == code::SUCCESS { Ok(answer) } else { Err(done) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        IFDHCloseChannel(self.0);
    }
}

/// A token with a PIN, and the DEVICENAME of that token.
fn token() -> (Plugged, String) {
    let (flash, holder) = (Flash::default(), Holder::default());
    drop(bench::manufacture(bench::profile(), Some(PIN), &flash, &holder));
    let plugged = Plugged::new(Road::UsbIp, bench::profile(), &flash, &holder);
    let Plugged::Exported(exported) = &plugged else { unreachable!("asked for USB/IP") };
    let name = format!("usbip:{}/1-1", exported.address());
    (plugged, name)
}

#[test]
fn a_card_is_powered_spoken_to_and_powered_off() {
    let (_token, name) = token();
    let reader = Reader::open(0x0001_0000, &name).unwrap();
    assert_eq!(reader.presence(), code::PRESENT);
    assert_eq!(reader.transmit(&SELECT_PIV), Err(code::NOT_PRESENT), "it has no power yet");
    let atr = reader.power(POWER_UP).unwrap();
    assert_eq!(atr.first(), Some(&0x3B));
    assert_eq!(reader.capability(0x0303, 33), Ok(atr.clone()));
    assert_eq!(reader.capability(0x0009_0303, 33), Ok(atr.clone()));
    let negotiate = |protocol| IFDHSetProtocolParameters(reader.0, protocol, 0, 0, 0, 0);
    assert_eq!((negotiate(2), negotiate(4)), (code::SUCCESS, code::PROTOCOL_NOT_SUPPORTED));

    assert!(reader.transmit(&SELECT_PIV).unwrap().ends_with(&OK));
    assert_eq!(reader.verify().unwrap(), OK);
    assert!(reader.is_verified());
    assert_eq!(reader.power(502), Ok(atr), "a reset");
    assert!(reader.transmit(&SELECT_PIV).unwrap().ends_with(&OK));
    assert!(!reader.is_verified(), "a card that was reset forgets the PIN");
    assert_eq!(reader.power(POWER_DOWN), Ok(Vec::new()));
    assert_eq!(reader.transmit(&SELECT_PIV), Err(code::NOT_PRESENT));
    assert_eq!(reader.power(503), Err(code::NOT_SUPPORTED));
    assert_eq!(reader.presence(), code::PRESENT);
}

#[test]
fn a_token_that_comes_back_is_a_card_that_was_drawn() {
    let (token, name) = token();
    let reader = Reader::open(0x0002_0000, &name).unwrap();
    reader.power(POWER_UP).unwrap();
    assert!(reader.transmit(&SELECT_PIV).unwrap().ends_with(&OK));
    // The token goes and comes back between two looks of pcscd's. The next look must tell of it.
    token.unplug();
    token.plug_again();
    assert_eq!(reader.verify(), Err(code::NOT_PRESENT));
    assert_eq!(reader.presence(), code::NOT_PRESENT);
    reader.until(code::PRESENT);
    reader.power(POWER_UP).unwrap();
    assert!(reader.transmit(&SELECT_PIV).unwrap().ends_with(&OK));
    assert!(!reader.is_verified());
    // The token goes while pcscd does nothing but look.
    token.unplug();
    reader.until(code::NOT_PRESENT);
    assert_eq!(reader.power(POWER_UP), Err(code::NOT_PRESENT));
    token.plug_again();
    reader.until(code::PRESENT);
    reader.power(POWER_UP).unwrap();
}

#[test]
fn a_closed_reader_lets_the_token_go() {
    let (_token, name) = token();
    let first = Reader::open(0x0003_0000, &name).unwrap();
    assert_eq!(first.presence(), code::PRESENT);
    let second = Reader::open(0x0004_0000, &name).unwrap();
    assert_eq!(second.presence(), code::NOT_PRESENT, "another reader holds it");
    drop(first);
    second.until(code::PRESENT);
    assert_eq!(IFDHCloseChannel(0x0003_0000), code::NO_SUCH_DEVICE);
    assert_eq!(IFDHICCPresence(0x0003_0000), code::NO_SUCH_DEVICE);
}

#[test]
fn applications_learn_how_much_a_command_carries() {
    let (_token, name) = token();
    let reader = Reader::open(0x0005_0000, &name).unwrap();
    let features = reader.control(GET_FEATURE_REQUEST, 12).unwrap();
    assert_eq!(features.len(), 12);
    let properties = u32::from_be_bytes(features[8..].try_into().unwrap());
    let properties = reader.control(properties, 256).unwrap();
    // dwMaxAPDUDataSize: 65,535, little-endian.
    assert!(properties.windows(6).any(|property| property == [0x0A, 4, 0xFF, 0xFF, 0, 0]));
    assert_eq!(reader.control(0x4200_0001, 256), Err(code::NOT_SUPPORTED));
    assert_eq!(reader.capability(0x0007_A007, 4), Ok(65_535_u32.to_ne_bytes().to_vec()));
    let serial = String::from_utf8(reader.capability(0x0001_0103, 256).unwrap()).unwrap();
    assert!(serial.len() > 4 && serial.ends_with('\0'), "{serial:?}");
}

#[test]
fn wrong_calls_are_refused_by_name() {
    assert_eq!(Reader::open(0x0006_0000, "/dev/ttyS0").err(), Some(code::NO_SUCH_DEVICE));
    // SAFETY: the handler tests the name for null.
    assert_eq!(unsafe { IFDHCreateChannelByName(0x0006_0000, ptr::null()) }, code::NO_SUCH_DEVICE);
    assert_eq!(IFDHCreateChannel(0x0006_0000, 0x8C7B_0000), code::NO_SUCH_DEVICE);
    let (_token, name) = token();
    let reader = Reader::open(0x0006_0000, &name).unwrap();
    reader.power(POWER_UP).unwrap();
    for (command, room) in [(&SELECT_PIV[..], 0), (&SELECT_PIV[..], 1)] {
        assert_eq!(reader.transmit_into(command, room), Err(code::INSUFFICIENT_BUFFER));
    }
    assert_eq!(reader.transmit(&[]), Err(code::COMMUNICATION));
    assert!(reader.transmit(&SELECT_PIV).unwrap().ends_with(&OK), "and the reader works on");
    for (control, room) in [(GET_FEATURE_REQUEST, 0), (GET_FEATURE_REQUEST, 11)] {
        assert_eq!(reader.control(control, room), Err(code::INSUFFICIENT_BUFFER));
    }
    assert_eq!(reader.capability(0x0FAE, 1), Ok(vec![1]), "one slot");
    assert_eq!(reader.capability(0x0FAE, 0), Err(code::INSUFFICIENT_BUFFER));
    assert_eq!(reader.capability(0x0FFF, 8), Err(code::TAG));
    assert_eq!(IFDHSetCapabilities(reader.0, 0x0FAE, 1, ptr::null()), code::READ_ONLY);
    assert_eq!(IFDHSetCapabilities(reader.0, 0x0FFF, 1, ptr::null()), code::TAG);
}
