//! Linux' socket tables `/proc/net/tcp` and `/proc/net/tcp6` (proc_net_tcp.rst).

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Mutex,
    thread,
};

use lock::lock;
use tokio::sync::oneshot;

/// Both ends of a connection, seen from the peer: IPv4 in IPv6 is IPv4.
pub(super) type Ends = [(IpAddr, u16); 2];

/// `TCP_ESTABLISHED` of include/net/tcp_states.h. In other states the socket may have no owner any more, and its row
/// says uid 0, which is root's.
const ESTABLISHED: &str = "01";

/// Questions that wait for the next reading.
static DESK: Mutex<Desk> = Mutex::new(Desk { waiting: Vec::new(), reading: false });

struct Desk {
    waiting: Vec<(Ends, Answer)>,
    /// A thread reads, and looks here again before it ends.
    reading: bool,
}

/// The user of the open socket; `None` when no row tells.
type Answer = oneshot::Sender<io::Result<Option<u32>>>;

/// The user of the open socket at the first of these ends; `None` when no row tells.
///
/// The table has a row for each connection of this machine: reading it may take seconds. A thread of its own does that, once
/// for all who ask meanwhile.
///
/// # Errors
/// The table cannot be read.
pub(super) async fn ask(ends: Ends) -> io::Result<Option<u32>> {
    let answer = {
        let (answer, answered) = oneshot::channel();
        let mut desk = lock(&DESK);
        if !desk.reading {
            thread::Builder::new().name("ushield-peers".into()).spawn(read_for_all)?;
            desk.reading = true;
        }
        desk.waiting.push((ends, answer));
        answered
    };
    answer.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

/// Reads the table again and again until nobody asks any more.
fn read_for_all() {
    loop {
        let asked = {
            let mut desk = lock(&DESK);
            desk.reading = !desk.waiting.is_empty();
            if !desk.reading {
                return;
            }
            std::mem::take(&mut desk.waiting)
        };
        let mut found = asked.iter().map(|(ends, _)| (*ends, None)).collect();
        let read = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| look(table, &mut found));
        let unread = read.into_iter().find_map(Result::err);
        for (ends, answer) in asked {
            let uid = found.get(&ends).copied().flatten();
            let told = match &unread {
                Some(error) if uid.is_none() => Err(io::Error::new(error.kind(), error.to_string())),
                _ => Ok(uid),
            };
            // Whoever asked may have gone.
            let _ = answer.send(told);
        }
    }
}

/// Looks for all of these in one table.
fn look(table: &str, found: &mut HashMap<Ends, Option<u32>>) -> io::Result<()> {
    let mut rows = BufReader::new(File::open(table)?);
    let mut text = String::new();
    while rows.read_line(&mut text)? > 0 {
        if let Some((ends, uid)) = row(&text)
            && let Some(place) = found.get_mut(&ends)
        {
            *place = Some(uid);
        }
        text.clear();
    }
    Ok(())
}

/// The ends of a row's open connection, and its user.
fn row(text: &str) -> Option<(Ends, u32)> {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    let mut fields = text.split_ascii_whitespace().skip(1);
    let ends = [address(fields.next()?)?, address(fields.next()?)?];
    if fields.next()? != ESTABLISHED {
        return None;
    }
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?;
    (inode != "0").then_some((ends, uid))
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
        let open = ends("127.0.0.1:41668", "127.0.0.1:3240");
        assert_eq!(row(ROW), Some((open, 1000)));
        assert_eq!(row(&ROW.replace(" 01 ", " 06 ")), None);
        assert_eq!(row(&ROW.replace("123456", "0")), None);
        let mapped = ROW.replace("0100007F", "0000000000000000FFFF00000100007F");
        assert_eq!(row(&mapped), Some((open, 1000)));
        assert_eq!(row("sl  local_address rem_address   st"), None);
        assert_eq!(row(""), None);
    }

    #[tokio::test]
    async fn many_who_ask_are_answered_together() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(to).unwrap()).collect();
        let asked: Vec<_> = clients
            .iter()
            .map(|client| {
                tokio::spawn(ask([client.local_addr().unwrap(), to].map(|end| (end.ip(), end.port()))))
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap().unwrap(), Some(rustix::process::geteuid().as_raw()));
        }
    }
}
