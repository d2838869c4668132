//! Which addresses are the public network's. What the bank sends to others goes nowhere else: a name that resolves to the bank's own
//! network would make the bank knock at its own doors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether anybody in the world may be there (the registries of RFC 6890).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_four(four),
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or_else(|| is_public_six(six), is_public_four),
    }
}

fn is_public_four(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, carriers' NAT (RFC 6598), protocol assignments, 6to4 relays, benchmarks (RFC 2544).
        [0, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    let own = address.is_private() || address.is_loopback() || address.is_link_local();
    !(special || own || address.is_documentation())
}

/// Global unicast (2000::/3) without what carries an address of IPv4, and without what stands in no network.
fn is_public_six(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocol assignments with Teredo, documentation, 6to4, documentation (RFC 9637).
        [0x2001, 0..=0x01FF, ..] | [0x2001, 0x0DB8, ..] | [0x2002, ..] | [0x3FFF, 0..=0x0FFF, ..] => false,
        [first, ..] => (0x2000..=0x3FFF).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_the_public_network_is_public() {
        for public in
            ["1.1.1.1", "93.184.216.34", "100.63.0.1", "172.32.0.1", "2606:2800:220:1::1", "2a00::1"]
        {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for private in [
            "127.0.0.1",
            "127.255.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:0:7f00:1::",
            "2001:db8::1",
            "fe80::1",
            "fc00::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
    }
}
