//! Addresses with a port, as people write and read them: the zone of a link-local address is an interface (RFC 4007, 11).

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use rustix::net::{AddressFamily, SocketType, netdevice::index_to_name, socket};

/// Reads `ADDRESS:PORT`; an IPv6 address stands in brackets, and its zone may be a name or a number.
pub(super) fn parse(text: &str) -> Result<SocketAddr, String> {
    let address = match text.parse() {
        Ok(address) => address,
        Err(_) => zoned(text).ok_or_else(|| format!("{text} is not ADDRESS:PORT"))?,
    };
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => Err(format!(
            "{text} is a link-local address, which is one of an interface: name that too, as in [{}%eth0]:{}",
            v6.ip(),
            v6.port()
        )),
        address => Ok(address),
    }
}

/// Reads `[ADDRESS%INTERFACE]:PORT`. The system knows the interfaces. No name server is asked, because a name has no zone.
fn zoned(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.strip_prefix('[')?.split_once("]:")?;
    let (ip, _zone) = host.split_once('%')?;
    ip.parse::<std::net::Ipv6Addr>().ok()?;
    (host, port.parse().ok()?).to_socket_addrs().ok()?.next()
}

/// The host of an address as it is typed on this machine, with the interface that it belongs to.
pub(super) fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), interface(v6.scope_id())),
        other => other.ip().to_string(),
    }
}

/// The whole address as it is typed on this machine.
pub(super) fn full(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V6(_) => format!("[{}]:{}", host(address), address.port()),
        IpAddr::V4(_) => address.to_string(),
    }
}

/// The name of an interface, or its number if the interface has gone.
fn interface(index: u32) -> String {
    let name = socket(AddressFamily::INET, SocketType::DGRAM, None).and_then(|any| index_to_name(any, index));
    name.unwrap_or_else(|_| index.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_a_number() {
        // Every Linux has this interface, and it is always the first.
        for text in ["[fe80::1%lo]:9", "[fe80::1%1]:9"] {
            let address = parse(text).unwrap();
            assert!(matches!(address, SocketAddr::V6(v6) if v6.scope_id() == 1 && v6.port() == 9), "{text}");
            assert_eq!((host(address), full(address)), ("fe80::1%lo".into(), "[fe80::1%lo]:9".into()));
        }
        assert_eq!(full(parse("[::1]:9").unwrap()), "[::1]:9");
        assert_eq!(full(parse("127.0.0.1:9").unwrap()), "127.0.0.1:9");
        assert!(parse("[fe80::1]:9").unwrap_err().contains("[fe80::1%eth0]:9"));
        for wrong in
            ["fe80::1%lo", "[fe80::1%no-such-interface]:9", "[fe80::1%lo]:x", "localhost:9", "[a%lo]:9"]
        {
            assert!(parse(wrong).unwrap_err().contains("is not ADDRESS:PORT"), "{wrong}");
        }
    }
}
