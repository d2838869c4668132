//! The numbers of the PC/SC API that travel in the structures. Source: pcsc-lite, `pcsclite.h` and `reader.h`.
#![allow(missing_docs)] // each constant has the standard's name

/// Outcomes: SCARD_S_*, SCARD_E_*, SCARD_W_*, SCARD_F_*.
pub mod rv {
    pub const SUCCESS: u32 = 0;
    pub const INTERNAL_ERROR: u32 = 0x8010_0001;
    pub const CANCELLED: u32 = 0x8010_0002;
    pub const INVALID_HANDLE: u32 = 0x8010_0003;
    pub const INVALID_PARAMETER: u32 = 0x8010_0004;
    pub const NO_MEMORY: u32 = 0x8010_0006;
    pub const INSUFFICIENT_BUFFER: u32 = 0x8010_0008;
    pub const UNKNOWN_READER: u32 = 0x8010_0009;
    pub const TIMEOUT: u32 = 0x8010_000A;
    pub const SHARING_VIOLATION: u32 = 0x8010_000B;
    pub const NO_SMARTCARD: u32 = 0x8010_000C;
    pub const PROTO_MISMATCH: u32 = 0x8010_000F;
    pub const INVALID_VALUE: u32 = 0x8010_0011;
    pub const SYSTEM_CANCELLED: u32 = 0x8010_0012;
    pub const COMM_ERROR: u32 = 0x8010_0013;
    pub const NOT_TRANSACTED: u32 = 0x8010_0016;
    pub const READER_UNAVAILABLE: u32 = 0x8010_0017;
    pub const NO_SERVICE: u32 = 0x8010_001D;
    pub const SERVICE_STOPPED: u32 = 0x8010_001E;
    /// pcsc-lite has one number for SCARD_E_UNEXPECTED and SCARD_E_UNSUPPORTED_FEATURE.
    pub const UNSUPPORTED_FEATURE: u32 = 0x8010_001F;
    pub const NO_READERS_AVAILABLE: u32 = 0x8010_002E;
    pub const SERVER_TOO_BUSY: u32 = 0x8010_0031;
    pub const UNRESPONSIVE_CARD: u32 = 0x8010_0066;
    pub const UNPOWERED_CARD: u32 = 0x8010_0067;
    pub const RESET_CARD: u32 = 0x8010_0068;
    pub const REMOVED_CARD: u32 = 0x8010_0069;
    pub const SECURITY_VIOLATION: u32 = 0x8010_006A;
}

/// SCARD_SCOPE_*.
pub mod scope {
    pub const USER: u32 = 0;
    pub const TERMINAL: u32 = 1;
    pub const SYSTEM: u32 = 2;
    pub const GLOBAL: u32 = 3;
}

/// SCARD_SHARE_*.
pub mod share {
    pub const EXCLUSIVE: u32 = 1;
    pub const SHARED: u32 = 2;
    pub const DIRECT: u32 = 3;
}

/// SCARD_PROTOCOL_*.
pub mod protocol {
    pub const UNDEFINED: u32 = 0;
    pub const T0: u32 = 1;
    pub const T1: u32 = 2;
    pub const RAW: u32 = 4;
    pub const T15: u32 = 8;
    pub const ANY: u32 = T0 | T1;
    /// SCARD_PROTOCOL_ANY_OLD.
    pub const ANY_OLD: u32 = 0x1000;
}

/// What to do with the card: SCARD_LEAVE_CARD and the others.
pub mod disposition {
    pub const LEAVE: u32 = 0;
    pub const RESET: u32 = 1;
    pub const UNPOWER: u32 = 2;
    pub const EJECT: u32 = 3;
}

/// Bits of a reader's state: SCARD_ABSENT and the others.
pub mod state {
    pub const UNKNOWN: u32 = 0x01;
    pub const ABSENT: u32 = 0x02;
    pub const PRESENT: u32 = 0x04;
    pub const SWALLOWED: u32 = 0x08;
    pub const POWERED: u32 = 0x10;
    pub const NEGOTIABLE: u32 = 0x20;
    pub const SPECIFIC: u32 = 0x40;
}

/// PCSCLITE_SHARING_*; a positive number counts the handles.
pub mod sharing {
    pub const EXCLUSIVE: i32 = -1;
    pub const NONE: i32 = 0;
}

/// SCARD_ATTR_*: class in the upper half, tag in the lower.
pub mod attribute {
    pub const VENDOR_NAME: u32 = 0x0001_0100;
    pub const VENDOR_IFD_TYPE: u32 = 0x0001_0101;
    /// 0xMMmmbbbb: major, minor, build.
    pub const VENDOR_IFD_VERSION: u32 = 0x0001_0102;
    pub const VENDOR_IFD_SERIAL_NO: u32 = 0x0001_0103;
    /// 0xDDDDCCCC: the channel's type (0020 is USB) and its number.
    pub const CHANNEL_ID: u32 = 0x0002_0110;
    pub const ASYNC_PROTOCOL_TYPES: u32 = 0x0003_0120;
    pub const CURRENT_PROTOCOL_TYPE: u32 = 0x0008_0201;
    pub const ICC_PRESENCE: u32 = 0x0009_0300;
    pub const ICC_INTERFACE_STATUS: u32 = 0x0009_0301;
    pub const ATR_STRING: u32 = 0x0009_0303;
    pub const ICC_TYPE_PER_ATR: u32 = 0x0009_0304;
    pub const MAXINPUT: u32 = 0x0007_A007;
    pub const DEVICE_FRIENDLY_NAME: u32 = 0x7FFF_0003;
    pub const DEVICE_SYSTEM_NAME: u32 = 0x7FFF_0004;
}
