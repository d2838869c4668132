//! The files of a service's own page, and the headers that keep other pages away from it.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::request;

/// The page loads from its own address only, runs no script that stands in it, and stands in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer that is there as a whole.
pub type Whole = Response<Full<Bytes>>;

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its path, such as `/`.
    pub path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// What is in it.
    pub content: &'static str,
}

/// The answer to a GET for one of these files, at this host. The page itself is shown in a tab of its own only; its parts are for the
/// page alone.
pub fn serve<B>(request: &Request<B>, host: &str, files: &[File]) -> Whole {
    let headers = request.headers();
    let path = request.uri().path();
    let wanted = if path == "/" { request::is_visit(headers) } else { request::is_own(headers) };
    if !request::is_for(headers, host) || !wanted {
        return shut();
    }
    let file = files.iter().find(|file| file.path == path);
    let Some(file) = file.filter(|_| *request.method() == Method::GET) else {
        return answer(StatusCode::NOT_FOUND, "text/plain", Bytes::new());
    };
    answer(StatusCode::OK, file.kind, Bytes::from_static(file.content.as_bytes()))
}

/// An answer of the service's, with all headers.
pub fn answer(status: StatusCode, kind: &'static str, content: Bytes) -> Whole {
    let mut answer = Response::new(Full::from(content));
    *answer.status_mut() = status;
    protect(answer.headers_mut(), kind);
    answer
}

/// The headers of every answer.
pub fn protect(headers: &mut HeaderMap, kind: &'static str) {
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The answer to whoever is not let in: the same for every path, method and reason.
pub fn shut() -> Whole {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
