//! Who may use a page: whoever has a link that nobody has used before.
//!
//! A link carries its secret behind `#`. A browser sends that part to no server. The page's script exchanges the secret once for a
//! token, and sends the token in a header. There is no cookie: cookies ignore ports, and every other service of the machine at 127.0.0.1
//! would get it.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io,
    net::SocketAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

use hyper::header::{AUTHORIZATION, HeaderMap};
use lock::lock;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::request::one;

/// So many links may wait for their use; one more ends the oldest.
const LINKS: usize = 8;
/// So many browsers may use the page; one more ends the oldest.
const SESSIONS: usize = 16;
/// How long a link waits for its use.
const LINK_LIFE: Duration = Duration::from_secs(3600);
/// Random bytes of a secret.
const BYTES: usize = 32;

/// The links that wait, and the tokens that they were exchanged for.
#[derive(Debug, Default)]
pub struct Passes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    links: VecDeque<(Random, Instant)>,
    tokens: VecDeque<Random>,
}

/// A secret, as it is sent: hexadecimal digits.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Random(String);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    fn new() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let mut text = String::with_capacity(2 * BYTES);
        for byte in bytes {
            // Writing into a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        bytes.zeroize();
        Ok(Self(text))
    }

    fn is(&self, said: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(said)
    }
}

impl Passes {
    /// A new link to the page at this address. Whoever opens it first may use the page.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn link(&self, address: SocketAddr) -> io::Result<String> {
        let secret = Random::new()?;
        let link = format!("http://{address}/#{}", secret.0);
        let mut kept = lock(&self.0);
        if kept.links.len() >= LINKS {
            kept.links.pop_front();
        }
        kept.links.push_back((secret, Instant::now()));
        Ok(link)
    }

    /// Exchanges the secret of a link for a token. The link is used up.
    pub fn exchange(&self, secret: &str) -> Option<String> {
        self.exchange_at(secret, Instant::now())
    }

    fn exchange_at(&self, secret: &str, now: Instant) -> Option<String> {
        let mut kept = lock(&self.0);
        kept.links.retain(|(_, made)| now.saturating_duration_since(*made) < LINK_LIFE);
        // Each is compared, whichever it is: how long that takes tells nothing.
        let found = kept.links.iter().map(|(link, _)| bool::from(link.is(secret.as_bytes())));
        let at = found.enumerate().fold(None, |found, (at, is)| if is { Some(at) } else { found })?;
        let token = Random::new().ok()?;
        kept.links.remove(at);
        if kept.tokens.len() >= SESSIONS {
            kept.tokens.pop_front();
        }
        let told = token.0.clone();
        kept.tokens.push_back(token);
        Some(told)
    }

    /// Whether the request has a token: `Authorization: Bearer TOKEN`, once.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(token) = one(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix(b"Bearer "))
        else {
            return false;
        };
        let kept = lock(&self.0);
        let known = kept.tokens.iter().fold(Choice::from(0), |known, kept| known | kept.is(token));
        known.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn address() -> SocketAddr {
        ([127, 0, 0, 1], 9).into()
    }

    fn secret(passes: &Passes) -> String {
        let link = passes.link(address()).unwrap();
        link.strip_prefix("http://127.0.0.1:9/#").unwrap().to_owned()
    }

    fn admits(passes: &Passes, value: &str) -> bool {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
        passes.admit(&headers)
    }

    #[test]
    fn a_link_is_used_once_and_is_no_token() {
        let passes = Passes::default();
        let secret = secret(&passes);
        assert_eq!(secret.len(), 64);
        for wrong in ["", "0", &secret[1..], &"0".repeat(64)] {
            assert_eq!(passes.exchange(wrong), None);
        }
        let token = passes.exchange(&secret).unwrap();
        assert_eq!(passes.exchange(&secret), None, "twice");
        assert!(admits(&passes, &format!("Bearer {token}")));
        for wrong in [&*token, &format!("Bearer {secret}"), "Bearer ", &format!("bearer {token}")] {
            assert!(!admits(&passes, wrong), "{wrong}");
        }
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        assert!(!passes.admit(&twice) && !passes.admit(&HeaderMap::new()));
    }

    #[test]
    fn links_end_by_time_and_by_number_and_so_do_sessions() {
        let passes = Passes::default();
        let first = secret(&passes);
        assert_eq!(passes.exchange_at(&first, Instant::now() + LINK_LIFE), None);
        let first = secret(&passes);
        let others: Vec<_> = (0..LINKS).map(|_| secret(&passes)).collect();
        assert_eq!(passes.exchange(&first), None, "the oldest of nine");
        let token = passes.exchange(&others[0]).unwrap();
        assert!(admits(&passes, &format!("Bearer {token}")));
        for _ in 0..SESSIONS {
            passes.exchange(&secret(&passes)).unwrap();
        }
        assert!(!admits(&passes, &format!("Bearer {token}")), "the oldest of seventeen");
    }
}
