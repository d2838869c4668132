//! Which protocols a card offers. Source: ISO/IEC 7816-3:2006, 8.2.3.

use wire::pcsclite::protocol;

/// The protocols that an ATR offers, as bits, and the first of them, which holds without negotiation.
pub(super) fn protocols(atr: &[u8]) -> (u32, u32) {
    let (mut offered, mut first) = (0, None);
    let mut rest = atr.get(1..).unwrap_or_default(); // TS is before T0
    let mut indicator = rest.first().copied().unwrap_or_default();
    while indicator & 0x80 != 0 {
        // TA, TB and TC, as far as they are there, stand between one indicator and the next (TD).
        let between = (indicator & 0x70).count_ones() as usize;
        rest = rest.get(1 + between..).unwrap_or_default();
        let Some(next) = rest.first() else { break };
        indicator = *next;
        let bit = match indicator & 0x0F {
            0 => protocol::T0,
            1 => protocol::T1,
            _ => continue, // T=15 holds global bytes, the others nobody uses
        };
        offered |= bit;
        first.get_or_insert(bit);
    }
    match first {
        Some(first) => (offered, first),
        // Without TD1 it is T=0.
        None => (protocol::T0, protocol::T0),
    }
}

/// The protocol to use: the card's first when the client takes it, else another that both know.
pub(super) fn choose(atr: &[u8], preferred: u32) -> Option<u32> {
    let preferred = if preferred & protocol::ANY_OLD != 0 { protocol::ANY } else { preferred };
    let (offered, first) = protocols(atr);
    let common = offered & preferred;
    if common & first != 0 {
        return Some(first);
    }
    [protocol::T0, protocol::T1].into_iter().find(|bit| common & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cards_offer() {
        // T=0 without TD1; T=1; T=0 then T=1; T=1 with TA3 and T=15 behind it.
        assert_eq!(protocols(&[0x3B, 0x02, 1, 2]), (protocol::T0, protocol::T0));
        assert_eq!(protocols(&[0x3B, 0x80, 0x01]), (protocol::T1, protocol::T1));
        assert_eq!(protocols(&[0x3B, 0x80, 0x80, 0x01, 0x01]), (protocol::ANY, protocol::T0));
        assert_eq!(protocols(&[0x3B, 0xF0, 1, 2, 3, 0x91, 4, 0x1F, 5]), (protocol::T1, protocol::T1));
        for cut in [&[][..], &[0x3B], &[0x3B, 0x80], &[0x3B, 0xF0, 1]] {
            assert_eq!(protocols(cut), (protocol::T0, protocol::T0));
        }
    }

    #[test]
    fn what_is_chosen() {
        let both = [0x3B, 0x80, 0x80, 0x01, 0x01];
        assert_eq!(choose(&both, protocol::ANY), Some(protocol::T0));
        assert_eq!(choose(&both, protocol::T1), Some(protocol::T1));
        assert_eq!(choose(&both, protocol::ANY_OLD), Some(protocol::T0));
        assert_eq!(choose(&[0x3B, 0x80, 0x01], protocol::T0), None);
    }
}
