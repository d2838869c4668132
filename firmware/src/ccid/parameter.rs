//! The protocol parameters of T=1 (CCID 1.1, 6.1.7 and 6.2.3). The card is in the token, so that nothing depends
//! on them; a host may set and read them as with any reader.

use wire::ccid::slot_error;

/// bProtocolNum of T=1, the only protocol the ATR offers.
pub(super) const T1: u8 = 1;

/// abProtocolDataStructure for T=1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters([u8; 7]);

impl Default for Parameters {
    /// What the ATR says: F 372 and D 1; LRC, direct convention; no extra guard time; BWI 4 and CWI 13; no clock
    /// stop; IFSC 254; NAD 0.
    fn default() -> Self {
        Self([0x11, 0x10, 0x00, 0x4D, 0x00, 0xFE, 0x00])
    }
}

impl Parameters {
    pub(super) const fn bytes(&self) -> &[u8; 7] {
        &self.0
    }

    /// Reads the structure of SetParameters.
    ///
    /// # Errors
    /// bError: the offset of the wrong field in the message (CCID 1.1, table 6.2-2).
    pub(super) fn parse(protocol: u8, data: &[u8]) -> Result<Self, u8> {
        if protocol != T1 {
            return Err(slot_error::BAD_PROTOCOL);
        }
        let &[speed, checksum, guard, waiting, stop, ifsc, nad] = data else {
            return Err(slot_error::BAD_LENGTH);
        };
        if speed & 0xF0 == 0 || speed & 0x0F == 0 {
            return Err(10); // bmFindexDindex
        }
        if checksum & 0xFC != 0x10 {
            return Err(11); // bmTCCKST1
        }
        if waiting & 0xF0 > 0x90 {
            return Err(13); // bmWaitingIntegersT1: BWI goes to 9
        }
        if stop > 3 {
            return Err(14); // bClockStop
        }
        if ifsc == 0 || ifsc == 0xFF {
            return Err(15); // bIFSC
        }
        if nad != 0 {
            return Err(16); // bNadValue
        }
        Ok(Self([speed, checksum, guard, waiting, stop, ifsc, nad]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn names_the_wrong_field() {
        let good = Parameters::default();
        assert_eq!(Parameters::parse(1, good.bytes()), Ok(good));
        assert_eq!(Parameters::parse(0, &hex!("1100000A00")), Err(7));
        assert_eq!(Parameters::parse(1, &hex!("1100000A00")), Err(1));
        for (offset, byte) in [(10, 0x01), (11, 0x20), (13, 0xAD), (14, 4), (15, 0xFF), (16, 1)] {
            let mut bytes = *good.bytes();
            bytes[offset - 10] = byte;
            assert_eq!(Parameters::parse(1, &bytes), Err(offset as u8));
        }
    }
}
