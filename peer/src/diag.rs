//! NETLINK_SOCK_DIAG: the kernel looks one connection up (sock_diag(7)). It costs the same however many there are.

use std::{io, net::IpAddr, os::fd::OwnedFd, sync::Mutex};

use lock::lock;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::{SOCK_DIAG, SocketAddrNetlink},
        recv, sendto, socket_with,
    },
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
/// `NLMSG_ERROR`: an errno, negative, stands behind the header.
const NLMSG_ERROR: u16 = 2;
/// Bytes of `struct nlmsghdr`, and of it with `struct inet_diag_req_v2`, `struct inet_diag_msg` or an errno behind.
const HEADER: usize = 16;
const QUESTION: usize = HEADER + 56;
const ANSWER: usize = HEADER + 72;
const ERROR: usize = HEADER + 4;

/// What the kernel has at the first of these ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An open connection of this user.
    Open(u32),
    /// A socket that is no open connection: one that listens, or that was closed.
    Closed,
    /// No socket. A kernel that cannot look for TCP says the same.
    Nothing,
}

/// Looks a connection up.
///
/// # Errors
/// The kernel is not to be asked, or has no answer.
pub(super) fn look(ends: Ends) -> io::Result<Found> {
    let mut line = lock(&LINE);
    // Whatever went wrong, the next question has a line of its own.
    let mut kernel = line.take().map_or_else(Kernel::connect, Ok)?;
    let found = kernel.ask(ends)?;
    *line = Some(kernel);
    Ok(found)
}

/// The line to the kernel: to open one for each question would cost more than the question.
static LINE: Mutex<Option<Kernel>> = Mutex::new(None);

struct Kernel {
    socket: OwnedFd,
    sequence: u32,
}

impl Kernel {
    fn connect() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
        Ok(Self { socket, sequence: 0 })
    }

    fn ask(&mut self, ends: Ends) -> io::Result<Found> {
        self.sequence = self.sequence.wrapping_add(1);
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.socket, &question(ends, self.sequence), SendFlags::empty(), &kernel)?;
        let mut answer = [0; 512];
        // The kernel answers before sendto returns.
        let (_, length) = recv(&self.socket, &mut answer[..], RecvFlags::DONTWAIT)?;
        let answer = answer.get(..length).unwrap_or_default();
        let ours = answer.get(8..HEADER).is_some_and(|head| word32(head) == self.sequence);
        if ours { read(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

/// What an answer says.
fn read(answer: &[u8]) -> io::Result<Found> {
    if answer.first_chunk::<ERROR>().is_some_and(|error| word16(&error[4..]) == NLMSG_ERROR) {
        return match Errno::from_raw_os_error(word32(&answer[HEADER..]).cast_signed().wrapping_neg()) {
            Errno::NOENT => Ok(Found::Nothing),
            error => Err(error.into()),
        };
    }
    let found = answer.first_chunk::<ANSWER>().filter(|found| word16(&found[4..]) == BY_FAMILY);
    let found = found.ok_or(io::ErrorKind::InvalidData)?;
    let state = found[HEADER + 1];
    let [uid, inode] = [HEADER + 64, HEADER + 68].map(|at| word32(&found[at..]));
    Ok(if state == ESTABLISHED && inode != 0 { Found::Open(uid) } else { Found::Closed })
}

/// A message in the machine's byte order, with ports and addresses in the network's.
fn question([from, to]: Ends, sequence: u32) -> [u8; QUESTION] {
    let mut message = Vec::with_capacity(QUESTION);
    message.extend((QUESTION as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]);
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
