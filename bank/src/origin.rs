//! Where the bank's pages are: `Host` must be one of these places, and what changes anything must come from a page of the same
//! place (ASVS 3.5.1 to 3.5.3).

use std::sync::OnceLock;

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

#[cfg(test)]
mod tests {
    use super::Origins;

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
