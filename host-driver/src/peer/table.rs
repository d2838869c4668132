//! Linux' socket tables `/proc/net/tcp` and `/proc/net/tcp6` (proc_net_tcp.rst).

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Both ends of a connection, seen from the peer: IPv4 in IPv6 is IPv4.
pub(super) type Ends = [(IpAddr, u16); 2];

/// `TCP_ESTABLISHED` of include/net/tcp_states.h. In other states the socket may have no owner any more, and its row
/// says uid 0, which is root's.
const ESTABLISHED: &str = "01";

/// The user of the open socket at the first of these ends; `None` when no row tells.
pub(super) fn uid(ends: Ends) -> io::Result<Option<u32>> {
    let mut unread = None;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(table) {
            Ok(text) => {
                let found = text.lines().skip(1).find_map(|row| row_uid(row, ends));
                if found.is_some() {
                    return Ok(found);
                }
            }
            Err(error) => unread = Some(error),
        }
    }
    unread.map_or(Ok(None), Err)
}

/// The uid of a row, if it is that of these ends.
fn row_uid(row: &str, ends: Ends) -> Option<u32> {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    let mut fields = row.split_ascii_whitespace().skip(1);
    let found = [address(fields.next()?)?, address(fields.next()?)?];
    if found != ends || fields.next()? != ESTABLISHED {
        return None;
    }
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?;
    (inode != "0").then_some(uid)
}

/// Words in the machine's order, as the kernel prints them; the port as a number.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (words, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(words.get(8 * at..8 * at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match words.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    const ROW: &str = "   3: 0100007F:A2C4 0100007F:0CA8 01 00000000:00000000 00:00000000 00000000  1000        0 123456 1 0000000000000000 20 4 30 10 -1";

    fn ends(peer: &str, local: &str) -> Ends {
        [peer, local]
            .map(|end| end.parse::<std::net::SocketAddr>().unwrap())
            .map(|end| (end.ip(), end.port()))
    }

    #[test]
    fn reads_a_row() {
        let (peer, local) = ("127.0.0.1:41668", "127.0.0.1:3240");
        assert_eq!(row_uid(ROW, ends(peer, local)), Some(1000));
        assert_eq!(row_uid(ROW, ends(local, peer)), None);
        assert_eq!(row_uid(&ROW.replace(" 01 ", " 06 "), ends(peer, local)), None);
        assert_eq!(row_uid(&ROW.replace("123456", "0"), ends(peer, local)), None);
        let mapped = ROW.replace("0100007F", "0000000000000000FFFF00000100007F");
        assert_eq!(row_uid(&mapped, ends(peer, local)), Some(1000));
        assert_eq!(row_uid("", ends(peer, local)), None);
    }
}
