//! NETLINK_SOCK_DIAG: the kernel looks one connection up (sock_diag(7)). It costs the same however many there are.

use std::{io, net::IpAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
    netlink::{SOCK_DIAG, SocketAddrNetlink},
    recv, sendto, socket_with,
};

use super::table::Ends;

/// `SOCK_DIAG_BY_FAMILY`, the type of question and answer.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `TCP_ESTABLISHED` of include/net/tcp_states.h.
const ESTABLISHED: u8 = 1;
/// Bytes of `struct nlmsghdr`, and of it with `struct inet_diag_req_v2` or `struct inet_diag_msg` behind.
const HEADER: usize = 16;
const QUESTION: usize = HEADER + 56;
const ANSWER: usize = HEADER + 72;

/// The user of the open socket at the first of these ends; `None` when it has none.
pub(super) fn uid(ends: Ends) -> io::Result<Option<u32>> {
    let kernel =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    sendto(&kernel, &question(ends), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 512];
    // The kernel answers before sendto returns.
    let (_, length) = recv(&kernel, &mut answer[..], RecvFlags::DONTWAIT)?;
    let answer = answer.get(..length).and_then(<[u8]>::first_chunk::<ANSWER>);
    let answer = answer.filter(|answer| word16(&answer[4..]) == BY_FAMILY);
    // Anything else is an error of the kernel's, such as that there is no such socket.
    let answer = answer.ok_or(io::ErrorKind::NotFound)?;
    let state = answer[HEADER + 1];
    let [uid, inode] = [HEADER + 64, HEADER + 68].map(|at| word32(&answer[at..]));
    Ok((state == ESTABLISHED && inode != 0).then_some(uid))
}

/// A message in the machine's byte order, with ports and addresses in the network's.
fn question([from, to]: Ends) -> [u8; QUESTION] {
    let mut message = Vec::with_capacity(QUESTION);
    message.extend((QUESTION as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    let family = if from.0.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    message.extend([family.as_raw() as u8, TCP, 0, 0]);
    message.extend(u32::MAX.to_ne_bytes());
    for (_, port) in [from, to] {
        message.extend(port.to_be_bytes());
    }
    for (address, _) in [from, to] {
        match address {
            IpAddr::V4(address) => message.extend([&address.octets()[..], &[0; 12]].concat()),
            IpAddr::V6(address) => message.extend(address.octets()),
        }
    }
    // Any interface, and INET_DIAG_NOCOOKIE.
    message.extend([0; 4]);
    message.extend([0xFF; 8]);
    let mut out = [0; QUESTION];
    out.copy_from_slice(&message);
    out
}

fn word16(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |word| u16::from_ne_bytes(*word))
}

fn word32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_ne_bytes(*word))
}
