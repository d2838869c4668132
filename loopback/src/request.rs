//! Which requests count: Host, Origin and the kind of fetch, compared byte for byte (docs/assistant.md says which attack each check
//! stops). The checks stand in the order in which a service makes them.

use std::{error::Error, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Request,
    body::{Body, Bytes},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
};
use tokio::time::timeout;

/// The header that no form and no image sends, and no script of another origin without asking first.
const X_USHIELD: HeaderName = HeaderName::from_static("x-ushield");
/// Fetch Metadata. A page that came over http, other than this machine's own, sends none.
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a header that is there once: which of two counts is anybody's guess.
pub fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}

/// Whether the request means this host, such as `127.0.0.1:17320`, and no other name that was bent to this machine (DNS rebinding).
pub fn is_for(headers: &HeaderMap, host: &str) -> bool {
    one(headers, &HOST) == Some(host.as_bytes())
}

/// The origin of the page, where it is one of these: exactly, because a prefix or a pattern would let in pages that nobody named.
pub fn origin<'a, T>(headers: &HeaderMap, listed: &'a [T], name: impl Fn(&T) -> &str) -> Option<&'a T> {
    let origin = one(headers, &ORIGIN)?;
    listed.iter().find(|listed| name(listed).as_bytes() == origin)
}

/// Whether a script fetches: no navigation, image or frame. A browser that does not say how it fetches is not asked.
pub fn is_fetch(headers: &HeaderMap) -> bool {
    is_said(headers, &SEC_FETCH_MODE, &[b"cors"]) && is_said(headers, &SEC_FETCH_DEST, &[b"empty"])
}

/// Whether a person or a script opens a page of this address in a tab of its own, and not in a frame.
pub fn is_visit(headers: &HeaderMap) -> bool {
    is_said(headers, &SEC_FETCH_MODE, &[b"navigate"]) && is_said(headers, &SEC_FETCH_DEST, &[b"document"])
}

/// Whether a page of this very address asks for a part of itself.
pub fn is_own(headers: &HeaderMap) -> bool {
    is_said(headers, &SEC_FETCH_SITE, &[b"same-origin"])
}

fn is_said(headers: &HeaderMap, name: &HeaderName, wanted: &[&[u8]]) -> bool {
    !headers.contains_key(name) || one(headers, name).is_some_and(|value| wanted.contains(&value))
}

/// Whether the request has the two headers that no form can send: the body is said to be JSON, and `X-UShield: 1` (Fetch Standard,
/// "CORS-safelisted request-header").
pub fn is_call(headers: &HeaderMap) -> bool {
    let json = one(headers, &CONTENT_TYPE).is_some_and(|kind| {
        [&b"application/json"[..], b"application/json;charset=utf-8", b"application/json; charset=utf-8"]
            .contains(&kind)
    });
    json && one(headers, &X_USHIELD) == Some(b"1")
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBody {
    /// It has more bytes than are taken.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body came too slowly")]
    TooSlow,
    /// The connection broke, or the body is not framed as HTTP frames it.
    #[error("the body is malformed")]
    Malformed,
}

impl NoBody {
    /// The status that says so (RFC 9110, 15.5).
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::TooSlow => 408,
            Self::Malformed => 400,
        }
    }
}

/// The whole body of a request: at most so many bytes, within so much time.
///
/// # Errors
/// There is no such body.
pub async fn body<B>(request: Request<B>, longest: usize, patience: Duration) -> Result<Bytes, NoBody>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let said = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|length| length > longest as u64) {
        return Err(NoBody::TooLarge);
    }
    match timeout(patience, Box::pin(Limited::new(body, longest).collect())).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(NoBody::TooLarge),
        Ok(Err(_)) => Err(NoBody::Malformed),
        Err(_) => Err(NoBody::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_host_and_an_origin_are_there_once_and_byte_for_byte() {
        let host = |values: &[&str]| {
            is_for(&headers(&values.iter().map(|value| ("host", *value)).collect::<Vec<_>>()), "127.0.0.1:9")
        };
        assert!(host(&["127.0.0.1:9"]));
        for bad in
            [&["localhost:9"][..], &["127.0.0.1:90"], &["127.0.0.1"], &[], &["127.0.0.1:9", "127.0.0.1:9"]]
        {
            assert!(!host(bad), "{bad:?}");
        }
        let listed = ["https://bank.example"];
        let found = |values: &[&str]| {
            let lines: Vec<_> = values.iter().map(|value| ("origin", *value)).collect();
            origin(&headers(&lines), &listed, |listed| listed).is_some()
        };
        assert!(found(&["https://bank.example"]));
        for bad in [&["https://bank.example.evil"][..], &["null"], &[], &["https://bank.example"; 2]] {
            assert!(!found(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_navigation_is_no_fetch_and_a_frame_is_no_visit() {
        let said = |mode, dest| headers(&[("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]);
        assert!(is_fetch(&said("cors", "empty")) && is_visit(&said("navigate", "document")));
        assert!(!is_fetch(&said("navigate", "document")) && !is_fetch(&said("no-cors", "empty")));
        assert!(!is_visit(&said("navigate", "iframe")) && !is_visit(&said("cors", "empty")));
        // A browser of old says nothing.
        assert!(is_fetch(&headers(&[])) && is_visit(&headers(&[])) && is_own(&headers(&[])));
        assert!(!is_own(&headers(&[("sec-fetch-site", "cross-site")])));
    }
}
