//! Whose address counts: behind a balancer that the bank trusts, the last address that the balancer names.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// Networks whose machines may say where a request comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(pub(crate) Vec<Network>);

/// A network, as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

/// Reads a network.
pub(crate) fn parse(text: &str) -> Result<Network, String> {
    let wrong = || "a network is written ADDRESS/BITS, such as 10.0.0.0/8".to_owned();
    let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
    Ok(Network { address, bits })
}

fn number(address: IpAddr) -> (u128, u32) {
    match address.to_canonical() {
        IpAddr::V4(four) => (u32::from(four).into(), 32),
        IpAddr::V6(six) => (six.into(), 128),
    }
}

/// What counts as one place: an address, or the 64 bits of IPv6 that one household has (RFC 6177).
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        four => four,
    }
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        let ((own, length), (other, others)) = (number(self.address), number(address));
        let shift = length - self.bits.min(length);
        length == others && own.checked_shr(shift) == other.checked_shr(shift)
    }
}

impl Proxies {
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }

    /// The address of whoever asks: from the right of X-Forwarded-For, the first that is no trusted proxy. What a stranger writes
    /// there stands further left, and is not read.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let mut named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut address = peer.to_canonical();
        while self.trusts(address) {
            let Some(before) = named.pop().and_then(|name| name.parse::<IpAddr>().ok()) else { break };
            address = before.to_canonical();
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::HeaderMap;

    use super::{Proxies, parse};

    fn address(networks: &[&str], peer: &str, forwarded: &str) -> String {
        let networks = networks.iter().map(|text| parse(text).expect("a network")).collect();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
        Proxies(networks).address(peer.parse::<IpAddr>().expect("an address"), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_comes_from() {
        assert_eq!(address(&[], "192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(address(&["10.0.0.0/8"], "10.1.2.3", "203.0.113.9"), "203.0.113.9");
        // A stranger has written an address before the balancer wrote the stranger's own.
        assert_eq!(address(&["10.0.0.0/8"], "10.1.2.3", "198.51.100.7, 203.0.113.9"), "203.0.113.9");
        assert_eq!(address(&["10.0.0.0/8"], "10.1.2.3", "203.0.113.9, 10.9.9.9"), "203.0.113.9");
        assert_eq!(address(&["10.0.0.0/8"], "10.1.2.3", "nonsense"), "10.1.2.3");
        assert_eq!(address(&["::1/128"], "::1", "2001:db8::5"), "2001:db8::5");
        assert_eq!(address(&["10.0.0.0/8"], "::ffff:10.1.2.3", "203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn a_network_is_written_whole() {
        for wrong in ["10.0.0.0", "10.0.0.0/33", "ten/8", "10.0.0.0/-1", "::/129"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
