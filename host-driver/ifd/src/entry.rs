//! The functions that pcscd calls, with C's types. All bytes pass here and nowhere else; nothing unwinds into C.
// C hands over pointers. The rules for the pointers are in `ifdhandler.h`, and each use names the rule that it relies
// on.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char},
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};

use crate::{
    code::{self, Code, Dword},
    device::Device,
    journal,
    slot::{Power, Slot},
    table,
};

/// `SCARD_IO_HEADER`: the protocol, which the reader settles by itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IoHeader {
    /// Protocol: T=0, T=1.
    pub protocol: Dword,
    /// Length.
    pub length: Dword,
}

/// Power actions.
const POWER_UP: Dword = 500;
const POWER_DOWN: Dword = 501;
const RESET: Dword = 502;
/// Tags of IFDHGetCapabilities that pcscd asks.
const TAG_ATR: Dword = 0x0303;
const TAG_SLOT_THREAD_SAFE: Dword = 0x0FAC;
const TAG_THREAD_SAFE: Dword = 0x0FAD;
const TAG_SLOTS_NUMBER: Dword = 0x0FAE;
const TAG_SIMULTANEOUS_ACCESS: Dword = 0x0FAF;
/// Attributes that applications ask for with SCardGetAttrib (PC/SC part 3, 3.1.1).
const ATTR_IFD_VERSION: Dword = 0x0001_0102;
const ATTR_IFD_SERIAL: Dword = 0x0001_0103;
const ATTR_MAX_INPUT: Dword = 0x0007_A007;
const ATTR_ICC_PRESENCE: Dword = 0x0009_0300;
const ATTR_ICC_INTERFACE_STATUS: Dword = 0x0009_0301;
const ATTR_ATR_STRING: Dword = 0x0009_0303;
/// MAX_ATR_SIZE of pcsc-lite: the room behind IFDHPowerICC's pointer.
const MAX_ATR: usize = 33;
/// SCARD_PROTOCOL_T0 and SCARD_PROTOCOL_T1.
const PROTOCOLS: [Dword; 2] = [1, 2];

/// Opens the token that DEVICENAME names. A token that is not there yet is looked for again whenever pcscd asks for
/// the card.
///
/// # Safety
/// `name` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(lun: Dword, name: *const c_char) -> Code {
    guard(|| {
        if name.is_null() {
            return Err(code::NO_SUCH_DEVICE);
        }
        // SAFETY: not null, and a C string by the caller's contract.
        let name = unsafe { CStr::from_ptr(name) };
        create(lun, name.to_str().map_err(|_| "DEVICENAME is not UTF-8".to_owned()).and_then(Device::parse))
    })
}

/// As [`IFDHCreateChannelByName`], for a configuration without DEVICENAME: CHANNELID is a port of this machine.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(lun: Dword, channel: Dword) -> Code {
    guard(|| create(lun, Device::channel(channel)))
}

fn create(lun: Dword, device: Result<Device, String>) -> Result<Code, Code> {
    match device {
        Ok(device) => {
            table::open(lun, Slot::new(device));
            Ok(code::SUCCESS)
        }
        Err(why) => {
            journal::say(&why);
            Err(code::NO_SUCH_DEVICE)
        }
    }
}

/// Lets the token go.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(lun: Dword) -> Code {
    guard(|| table::close(lun).map(|()| code::SUCCESS))
}

/// Tells what the driver and the reader can do.
///
/// # Safety
/// `length` points to the room behind `value`; both may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    lun: Dword,
    tag: Dword,
    length: *mut Dword,
    value: *mut u8,
) -> Code {
    guard(|| {
        let answer = capability(lun, tag)?;
        // SAFETY: the caller's contract is the function's own.
        unsafe { give(&answer, value, length) }
    })
}

fn capability(lun: Dword, tag: Dword) -> Result<Vec<u8>, Code> {
    match tag {
        TAG_THREAD_SAFE => Ok(vec![1]),
        TAG_SLOT_THREAD_SAFE => Ok(vec![0]),
        TAG_SLOTS_NUMBER => Ok(vec![1]),
        TAG_SIMULTANEOUS_ACCESS => Ok(vec![table::MOST]),
        TAG_ATR | ATTR_ATR_STRING => {
            table::with(lun, |slot| slot.atr().map(<[u8]>::to_vec).ok_or(code::NOT_PRESENT))
        }
        // 2 is a card that is swallowed or cannot be taken out, as the chip of a token cannot.
        ATTR_ICC_PRESENCE => {
            table::with(lun, |slot| Ok(vec![if slot.presence() == code::PRESENT { 2 } else { 0 }]))
        }
        ATTR_ICC_INTERFACE_STATUS => table::with(lun, |slot| Ok(vec![u8::from(slot.atr().is_some())])),
        ATTR_MAX_INPUT => table::with(lun, |slot| {
            slot.max_input().map(|most| most.to_ne_bytes().to_vec()).ok_or(code::NOT_PRESENT)
        }),
        // 0xMMmmbbbb: major, minor, build.
        ATTR_IFD_VERSION => Ok(version().to_ne_bytes().to_vec()),
        ATTR_IFD_SERIAL => table::with(lun, |slot| {
            slot.serial().map(|serial| (serial + "\0").into_bytes()).ok_or(code::NOT_PRESENT)
        }),
        _ => Err(code::TAG),
    }
}

fn version() -> u32 {
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    number(env!("CARGO_PKG_VERSION_MAJOR")) << 24
        | number(env!("CARGO_PKG_VERSION_MINOR")) << 16
        | number(env!("CARGO_PKG_VERSION_PATCH"))
}

/// Nothing of the reader can be set.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetCapabilities(lun: Dword, tag: Dword, _length: Dword, _value: *const u8) -> Code {
    guard(|| capability(lun, tag).and(Err(code::READ_ONLY)))
}

/// Chooses T=0 or T=1. The reader exchanges whole APDUs and negotiates by itself (CCID 1.1, 5.1: dwFeatures).
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    lun: Dword,
    protocol: Dword,
    _flags: u8,
    _pts1: u8,
    _pts2: u8,
    _pts3: u8,
) -> Code {
    guard(|| {
        table::with(lun, |slot| {
            slot.atr().ok_or(code::NOT_PRESENT)?;
            if PROTOCOLS.contains(&protocol) { Ok(code::SUCCESS) } else { Err(code::PROTOCOL_NOT_SUPPORTED) }
        })
    })
}

/// Powers the card up or down, or resets the card. Gives the ATR.
///
/// # Safety
/// `atr` has room for 33 bytes (`ifdhandler.h`: MAX_ATR_SIZE), and `length` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(lun: Dword, action: Dword, atr: *mut u8, length: *mut Dword) -> Code {
    guard(|| {
        // Not every caller sets the length that comes in. The contract says how much room there is. SAFETY: `length`
        // may be written, by the caller's contract.
        unsafe { set(length, MAX_ATR) };
        let action = match action {
            POWER_UP => Power::Up,
            POWER_DOWN => Power::Down,
            RESET => Power::Reset,
            _ => return Err(code::NOT_SUPPORTED),
        };
        let answer = table::with(lun, |slot| slot.power(action)).inspect_err(|_| {
            // SAFETY: as above.
            unsafe { set(length, 0) }
        })?;
        // SAFETY: `atr` has room for MAX_ATR bytes, which `length` now says.
        unsafe { give(&answer, atr, length) }
    })
}

/// One command APDU, one response APDU.
///
/// # Safety
/// `command` has `command_length` bytes; `response` has room for what `response_length` points to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    lun: Dword,
    _send: IoHeader,
    command: *const u8,
    command_length: Dword,
    response: *mut u8,
    response_length: *mut Dword,
    receive: *mut IoHeader,
) -> Code {
    guard(|| {
        // SAFETY: the caller's contract.
        let command = unsafe { bytes(command, command_length) };
        let answer = table::with(lun, |slot| slot.transmit(command)).inspect_err(|_| {
            // SAFETY: `response_length` may be written, by the caller's contract.
            unsafe { set(response_length, 0) }
        })?;
        if !receive.is_null() {
            // SAFETY: not null, and the caller's to be written.
            unsafe { receive.write(IoHeader::default()) };
        }
        // SAFETY: the caller's contract.
        unsafe { give(&answer, response, response_length) }
    })
}

/// Whether a card is there.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(lun: Dword) -> Code {
    guard(|| table::with(lun, |slot| Ok(slot.presence())))
}

/// SCardControl: the features of PC/SC part 10.
///
/// # Safety
/// `answer` has room for `answer_length` bytes; `returned` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    lun: Dword,
    control_code: Dword,
    _data: *const u8,
    _data_length: Dword,
    answer: *mut u8,
    answer_length: Dword,
    returned: *mut Dword,
) -> Code {
    guard(|| {
        // SAFETY: `returned` may be written, by the caller's contract.
        unsafe { set(returned, 0) };
        let control_code = u32::try_from(control_code).map_err(|_| code::NOT_SUPPORTED)?;
        let data = table::with(lun, |slot| slot.control(control_code))?;
        let mut room = answer_length;
        // SAFETY: `answer` has `answer_length` bytes of room.
        let done = unsafe { give(&data, answer, &mut room) }?;
        // SAFETY: as above.
        unsafe { set(returned, data.len()) };
        Ok(done)
    })
}

/// Runs one function: a panic becomes an error code, because unwinding into C would end pcscd.
fn guard(work: impl FnOnce() -> Result<Code, Code>) -> Code {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(code) | Err(code)) => code,
        Err(_) => code::COMMUNICATION,
    }
}

/// What the caller sends.
///
/// # Safety
/// `data` has `length` bytes, or either is none.
unsafe fn bytes<'a>(data: *const u8, length: Dword) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: not null, and of that length by the caller's contract.
        Ok(length) if !data.is_null() && length > 0 => unsafe { slice::from_raw_parts(data, length) },
        _ => &[],
    }
}

/// Copies an answer out, if there is room. The length is set to 0 if there is none.
///
/// # Safety
/// `to` has room for as many bytes as `length` says, and `length` may be written.
unsafe fn give(answer: &[u8], to: *mut u8, length: *mut Dword) -> Result<Code, Code> {
    if length.is_null() {
        return Err(code::INSUFFICIENT_BUFFER);
    }
    // SAFETY: not null, and readable by the caller's contract.
    let room = usize::try_from(unsafe { *length }).unwrap_or(usize::MAX);
    if answer.len() > room || (to.is_null() && !answer.is_empty()) {
        // SAFETY: writable by the caller's contract.
        unsafe { set(length, 0) };
        return Err(code::INSUFFICIENT_BUFFER);
    }
    // SAFETY: `to` has the room, or nothing is copied. `answer` is this library's memory, and does not overlap `to`.
    unsafe {
        if !answer.is_empty() {
            to.copy_from_nonoverlapping(answer.as_ptr(), answer.len());
        }
        set(length, answer.len());
    }
    Ok(code::SUCCESS)
}

/// Writes a length, if the caller wants it.
///
/// # Safety
/// `length` is null, or may be written.
unsafe fn set(length: *mut Dword, value: usize) {
    if !length.is_null() {
        // SAFETY: not null, and writable by the caller's contract.
        unsafe { length.write(Dword::try_from(value).unwrap_or_default()) };
    }
}
