//! The origin of a page: scheme, host and port, as browsers write them (HTML Standard, 7.1.1; Fetch Standard, "Origin header").

use std::{fmt, str::FromStr};

/// The origin of a bank's pages. It is compared byte for byte with what a browser sends: a prefix, a suffix or a pattern would let
/// in pages that nobody named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A text that no browser sends as the origin of a page which may use the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOrigin {
    /// Another scheme than https and http, or none.
    #[error("it does not begin with https://; name the bank as in https://bank.example")]
    Scheme,
    /// http, and the host is not this machine.
    #[error(
        "it begins with http:// and is not this machine's: what comes over http may come from anybody; name the bank's https:// address"
    )]
    Open,
    /// Something stands behind host and port.
    #[error(
        "a path or more stands behind the host; name scheme, host and port only, as in https://bank.example:8443"
    )]
    Long,
    /// The host is no host as browsers write it.
    #[error(
        "its host is not as browsers write hosts: lower-case letters, digits, dots and hyphens of ASCII (names of other scripts in their xn-- form)"
    )]
    Host,
    /// The port is no port, or the scheme's own, which browsers leave out.
    #[error("its port is not a number from 1 to 65535, or it is the scheme's own, which browsers leave out")]
    Port,
}

impl Origin {
    /// As browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = NotOrigin;

    fn from_str(text: &str) -> Result<Self, NotOrigin> {
        let (open, rest) = match text.split_once("://") {
            Some(("https", rest)) => (false, rest),
            Some(("http", rest)) => (true, rest),
            _ => return Err(NotOrigin::Scheme),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(NotOrigin::Long);
        }
        let (host, port) = split(rest);
        let named = !host.is_empty()
            && !host.starts_with('.')
            && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if !named && host != "[::1]" {
            return Err(NotOrigin::Host);
        }
        if open && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
            return Err(NotOrigin::Open);
        }
        let own = if open { "80" } else { "443" };
        let good = |port: &str| {
            port != own && port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
        };
        if port.is_some_and(|port| !good(port)) {
            return Err(NotOrigin::Port);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Host and port. The colons of an IPv6 address stand in brackets.
fn split(text: &str) -> (&str, Option<&str>) {
    let from = text.rfind(']').unwrap_or(0);
    match text[from..].find(':') {
        Some(at) => (&text[..from + at], Some(&text[from + at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_write_is_taken_and_nothing_else() {
        for good in [
            "https://bank.example",
            "https://bank.example:8443",
            "https://xn--fiq228c.example",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("null", NotOrigin::Scheme),
            ("*", NotOrigin::Scheme),
            ("", NotOrigin::Scheme),
            ("bank.example", NotOrigin::Scheme),
            ("file:///etc", NotOrigin::Scheme),
            ("HTTPS://bank.example", NotOrigin::Scheme),
            ("http://bank.example", NotOrigin::Open),
            ("http://localhost.evil.example", NotOrigin::Open),
            ("https://bank.example/", NotOrigin::Long),
            ("https://user@bank.example", NotOrigin::Long),
            ("https://*.bank.example", NotOrigin::Host),
            ("https://Bank.example", NotOrigin::Host),
            ("https://.bank.example", NotOrigin::Host),
            ("https://银行.example", NotOrigin::Host),
            ("https://", NotOrigin::Host),
            ("https://:8443", NotOrigin::Host),
            ("https://bank.example:443", NotOrigin::Port),
            ("http://localhost:80", NotOrigin::Port),
            ("https://bank.example:", NotOrigin::Port),
            ("https://bank.example:0", NotOrigin::Port),
            ("https://bank.example:08443", NotOrigin::Port),
            ("https://bank.example:65536", NotOrigin::Port),
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(why), "{bad}");
        }
    }
}
