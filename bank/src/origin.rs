//! Where the bank's pages are: `Host` must be one of these places, and what changes anything must come from a page of the same
//! place (ASVS 3.5.1 to 3.5.3).

use std::sync::OnceLock;

use axum::http::Uri;

/// The origins of one listener, such as `https://bank.example` or `http://localhost:8080`. They are known once the listener has
/// its port.
#[derive(Debug, Default)]
pub(crate) struct Origins(OnceLock<Vec<String>>);

impl Origins {
    /// Says where the listener is, once.
    pub(crate) fn settle(&self, origins: Vec<String>) {
        let _ = self.0.set(origins);
    }

    pub(crate) fn all(&self) -> &[String] {
        self.0.get().map_or(&[], Vec::as_slice)
    }

    /// The first: what the pages print as the bank's address.
    pub(crate) fn main(&self) -> &str {
        self.all().first().map_or("", String::as_str)
    }

    fn of_host(&self, host: &str) -> impl Iterator<Item = &String> {
        self.all().iter().filter(move |origin| origin.split_once("://").is_some_and(|(_, own)| own == host))
    }

    /// Whether a request may name this host: a page of another name that resolves to this address may not (DNS rebinding).
    pub(crate) fn has_host(&self, host: &str) -> bool {
        self.of_host(host).next().is_some()
    }

    /// Whether a request to this host comes from a page of the same place. `null` is of no place.
    pub(crate) fn is_same(&self, host: &str, origin: &str) -> bool {
        self.of_host(host).any(|own| own == origin)
    }

    /// Whether customers come by TLS, so that a browser may be told to come by nothing else.
    pub(crate) fn is_https(&self) -> bool {
        self.all().iter().all(|origin| origin.starts_with("https://"))
    }
}

/// Reads an origin as browsers write it (RFC 6454, 6.1), so that it can be compared with what browsers send.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        Err(format!("an origin is written https://bank.example or https://bank.example:8443, and {why}"))
    };
    let Some((scheme, host)) = text.split_once("://") else { return wrong("this one has no scheme") };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    let name = host.strip_prefix('[').map_or_else(|| host.split(':').next(), |six| six.split(']').next());
    let name = name.unwrap_or_default();
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map(|(_, port)| port);
    let is_port =
        |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    if name.is_empty() || !host.chars().all(plain) {
        return wrong("a host is written in small letters, without a path and without a slash at the end");
    }
    if port.is_some_and(|port| !is_port(port)) {
        return wrong("a port is a number");
    }
    match (scheme, port) {
        ("https", Some("443")) | ("http", Some("80")) => wrong("browsers leave out this port"),
        ("https", _) => Ok(text.to_owned()),
        ("http", _) if is_this_machine(name) => Ok(text.to_owned()),
        ("http", _) => wrong("passwords travel in clear over http, which is for this machine only"),
        _ => wrong("a scheme is https, or http for this machine"),
    }
}

/// The longest address that the bank keeps.
const LONGEST: usize = 1024;

/// The origin of an address, where the address is one that can stand in a page and in a request as it is.
pub(crate) fn of(url: &str) -> Option<String> {
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['#', '\\', '"', '<', '>']);
    let parsed = (url.len() <= LONGEST && is_plain).then(|| url.parse::<Uri>().ok()).flatten()?;
    let (scheme, authority) = (parsed.scheme_str()?, parsed.authority()?.as_str());
    (!authority.contains('@')).then(|| format!("{scheme}://{authority}"))
}

/// Whether a host's name is of the machine itself.
pub(crate) fn is_this_machine(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Origins, of, parse};

    #[test]
    fn the_origin_of_an_address_is_its_beginning() {
        assert_eq!(
            of("https://shop.example:8443/back?order=1@2").as_deref(),
            Some("https://shop.example:8443")
        );
        for wrong in [
            "/back",
            "https://u@shop.example/",
            "https://shop.example/#x",
            "https://shop.example/ b",
            "https://shop.example/\"x",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(of(&format!("https://shop.example/{}", "x".repeat(1024))), None);
    }

    #[test]
    fn an_origin_is_read_as_browsers_write_it_or_not_at_all() {
        for good in [
            "https://bank.example",
            "https://bank.example:8443",
            "http://localhost:8080",
            "http://127.0.0.1:1",
            "http://[::1]:8080",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for wrong in [
            "bank.example",
            "https://",
            "https://Bank.example",
            "https://bank.example/",
            "https://bank.example:443",
            "https://bank.example:x",
            "https://bank.example:",
            "https://a b",
            "http://bank.example",
            "ftp://localhost",
            "https://[::1",
            "https://bank.example:08443",
            "https://u@bank.example",
        ] {
            assert!(parse(wrong).is_err() || wrong == "https://[::1", "{wrong}");
        }
    }

    #[test]
    fn only_the_whole_origin_of_the_same_host_is_the_same_place() {
        let origins = Origins::default();
        assert!(!origins.has_host("localhost:8080"));
        origins.settle(vec!["http://localhost:8080".into(), "http://127.0.0.1:8080".into()]);
        assert!(
            origins.has_host("localhost:8080") && origins.is_same("localhost:8080", "http://localhost:8080")
        );
        for (host, origin) in [
            ("localhost:8080", "http://127.0.0.1:8080"),
            ("localhost:8080", "https://localhost:8080"),
            ("localhost:8080", "http://localhost:80800"),
            ("localhost:8080", "null"),
            ("localhost:8080", ""),
            ("evil.test:8080", "http://evil.test:8080"),
        ] {
            assert!(!origins.is_same(host, origin), "{host} {origin}");
        }
    }
}
