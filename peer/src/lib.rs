//! Who may connect: on the loopback interface root and the server's own user, and from elsewhere the addresses of `--allow`.
//!
//! The server of tokens and the assistant ask here. The answer comes from the kernel, because a peer's own word proves nothing.
//! [`Crowd`] holds the connections of those who are served, and [`Patient`] gives up those that read nothing.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod crowd;
mod patient;
mod owner;
mod diag;
mod table;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

pub use crowd::{Asking, Crowd};
use file::socket;
use owner::Owner;
pub use patient::Patient;

/// Bits before the IPv4 address in an IPv6 address that holds one (RFC 4291, 2.5.5.2).
const MAPPED: u8 = 96;

/// A range of addresses, such as `192.168.122.0/24`; a single address is its own range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is not a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses such as 192.168.122.0/24 or fd00::/8")]
pub struct NotCidr;

impl FromStr for Cidr {
    type Err = NotCidr;

    fn from_str(text: &str) -> Result<Self, NotCidr> {
        let (network, prefix) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let network: IpAddr = network.parse().map_err(|_| NotCidr)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.map_or(Ok(longest), str::parse).map_err(|_| NotCidr)?;
        if prefix > longest {
            return Err(NotCidr);
        }
        // Addresses are compared in their shortest form: an IPv4 range that is written inside IPv6 is an IPv4 range.
        match network.to_canonical() {
            IpAddr::V4(network) if prefix >= MAPPED && longest == 128 => {
                Ok(Self { network: network.into(), prefix: prefix - MAPPED })
            }
            _ => Ok(Self { network, prefix }),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl Cidr {
    /// Whether the range holds this address. IPv4 inside IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        differ >= u32::from(self.prefix)
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An address, at TCP.
    Host(SocketAddr),
    /// A process of this machine, at a Unix socket. There is no number where the process lives in a PID namespace of its own.
    Process(Option<u32>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => write!(f, "{address}"),
            Self::Process(Some(number)) => write!(f, "process {number}"),
            Self::Process(None) => f.write_str("a process of another PID namespace"),
        }
    }
}

/// Why a peer was sent away.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its address is not allowed.
    #[error("its address is not allowed: start with --allow {0} to let it in")]
    Address(IpAddr),
    /// The peer's socket belongs to another user.
    #[error(
        "it belongs to user {0}, and only root and the server's own user are served: --allow {1} lets all in"
    )]
    OtherUser(u32, IpAddr),
    /// The process at the other end of a Unix socket belongs to another user.
    #[error(
        "it belongs to user {0}, and a Unix socket serves root and the server's own user only: others connect by TCP, with \
         --allow CIDR"
    )]
    Stranger(u32),
    /// The system does not say whose the peer's socket is.
    #[error("the system does not say whose it is ({0}): --allow {1} lets all in")]
    Unknown(io::Error, IpAddr),
}

/// What is known of a connection at once.
#[derive(Debug)]
pub enum Admission {
    /// It is known whether the peer is served.
    Decided(Result<(), Refused>),
    /// The connection has to be looked for in the kernel's table.
    Open(Question),
}

/// A connection whose owner is looked for.
#[derive(Debug)]
pub struct Question {
    ends: table::Ends,
    address: IpAddr,
}

/// Decides about a connection between these two addresses. Quick, whatever the peer does.
///
/// On the loopback interface the kernel says whose the peer's socket is. Where it does not (we know how to ask Linux
/// only), or knows no such connection, the peer is refused: whoever wants to serve all local users says so with
/// `--allow 127.0.0.0/8`.
pub fn admit(peer: SocketAddr, local: SocketAddr, allow: &[Cidr]) -> Admission {
    let address = peer.ip().to_canonical();
    if allow.iter().any(|range| range.contains(address)) {
        return Admission::Decided(Ok(()));
    }
    if !address.is_loopback() {
        return Admission::Decided(Err(Refused::Address(address)));
    }
    match owner::owner(peer, local) {
        Ok(Owner::Known(uid)) => Admission::Decided(judge(Ok(uid), address)),
        Ok(Owner::Untold(ends)) => Admission::Open(Question { ends, address }),
        Err(error) => Admission::Decided(judge(Err(error), address)),
    }
}

/// Decides about a process that connected to a Unix socket. The socket's mode keeps other users out, too, but whoever owns
/// the socket may have changed the mode.
pub fn admit_process(peer: socket::Peer) -> (Peer, Result<(), Refused>) {
    let decided = if file::is_trusted(peer.user) { Ok(()) } else { Err(Refused::Stranger(peer.user)) };
    (Peer::Process(peer.process), decided)
}

impl Question {
    /// Decides, once the table was read.
    ///
    /// # Errors
    /// The peer must not be served.
    pub async fn answer(self) -> Result<(), Refused> {
        judge(table::ask(self.ends).await, self.address)
    }
}

fn judge(uid: io::Result<Option<u32>>, address: IpAddr) -> Result<(), Refused> {
    let found = uid.and_then(|uid| uid.ok_or_else(|| io::Error::other("the connection is not an open one")));
    let uid = found.map_err(|error| Refused::Unknown(error, address))?;
    if file::is_trusted(uid) { Ok(()) } else { Err(Refused::OtherUser(uid, address)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn decided(admission: Admission) -> Result<(), Refused> {
        match admission {
            Admission::Decided(decision) => decision,
            Admission::Open(question) => panic!("{question:?} should not need the table"),
        }
    }

    #[test]
    fn ranges() {
        for (range, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.122.77", "192.168.122.77", true),
            ("192.168.122.77", "192.168.122.76", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("192.168.122.9/24", "::ffff:192.168.122.1", true),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::1", true),
            ("::ffff:192.168.122.0/120", "192.168.122.77", true),
            ("::ffff:192.168.122.0/120", "::ffff:192.168.122.77", true),
            ("::ffff:192.168.122.0/120", "192.168.123.77", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:10.0.0.1", "10.0.0.2", false),
            ("::ffff:0:0/96", "8.8.8.8", true),
            ("::ffff:0:0/96", "fd12::1", false),
        ] {
            assert_eq!(cidr(range).contains(address.parse().unwrap()), inside, "{range} {address}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(NotCidr), "{text}");
        }
        assert_eq!(cidr("10.0.0.0/8").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn a_process_of_another_user_is_no_guest_at_a_unix_socket() {
        let (end, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let own = socket::Peer::of(&end).unwrap();
        let (peer, decided) = admit_process(own);
        assert!(peer == Peer::Process(Some(std::process::id())) && decided.is_ok());
        assert!(admit_process(socket::Peer { user: 0, process: None }).1.is_ok());
        let stranger = socket::Peer { user: own.user + 1, ..own };
        assert!(matches!(admit_process(stranger).1, Err(Refused::Stranger(_))));
    }

    #[test]
    fn our_own_connection_is_admitted_and_a_stranger_is_not() {
        for listen in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(listen) else { continue };
            let mut to = listener.local_addr().unwrap();
            if to.ip().is_unspecified() {
                to.set_ip([127, 0, 0, 1].into());
            }
            let client = TcpStream::connect(to).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let local = server.local_addr().unwrap();
            decided(admit(peer, local, &[])).unwrap();
            // One that has hung up is nobody's any more: its row says uid 0.
            drop(client);
            assert!(matches!(decided(admit(peer, local, &[])), Err(Refused::Unknown(..))));
            decided(admit(peer, local, &[cidr("127.0.0.0/8"), cidr("::1")])).unwrap();
        }
        let far = "192.0.2.1:5000".parse().unwrap();
        assert!(matches!(decided(admit(far, far, &[cidr("10.0.0.0/8")])), Err(Refused::Address(_))));
    }
}
