//! Enrolment over Secure Transport (RFC 7030, with the corrections of RFC 8951), on a listener of its own that an operator opens: the same
//! ID as by the API, for programs that others wrote. A client shows reference and authorisation code by HTTP Basic, or, to renew, the certificate
//! on its shield by TLS. `docs/decisions/0061-est.md` says what a key must have before it gets a certificate.

use authority::{attestation::Attestation, certificate_kind::Kind};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64ct::{Base64, Encoding};
use cms::content_info::ContentInfo;
use der::{Decode, Encode};
use x509_cert::Certificate;
use zeroize::Zeroizing;

use crate::{
    bank::Open,
    error::{Error, Refusal, Result},
    generation,
    personal_id::{Granted, Words, enrolment, renewal},
    site::Routes,
    tls::Holder,
};

/// Where clients bring what a shield says of its keys.
const ATTESTATION: &str = "/attestation";

/// All routes of the listener. A label in the address is one of the two certificates (RFC 7030, 3.2.2).
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/.well-known/est/cacerts", authorities)
        .get("/.well-known/est/{label}/cacerts", authorities)
        .post("/.well-known/est/simpleenroll", enrol)
        .post("/.well-known/est/{label}/simpleenroll", enrol)
        .post("/.well-known/est/simplereenroll", renew)
        .post("/.well-known/est/{label}/simplereenroll", renew)
        .post(ATTESTATION, attest)
}

/// RFC 7030, 4.1: the CA of the labelled certificate, or of both. Of a CA whose keys were changed: the certificates of all that are trusted, and
/// what each says of those that follow it (4.1.3).
async fn authorities(State(bank): State<Open>, Label(kind): Label) -> Result<Response> {
    let mut found: Vec<&[u8]> = Vec::new();
    for kind in kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]) {
        let own = generation::anchors(&bank, kind).await?.into_iter().map(|own| own.der.as_slice());
        for der in own.chain(generation::links(&bank, kind).await?) {
            // A bank of P-256 has one CA for both.
            if !found.contains(&der) {
                found.push(der);
            }
        }
    }
    certificates(&found)
}

/// RFC 7030, 4.2.1.
async fn enrol(
    State(bank): State<Open>,
    Label(kind): Label,
    Basic(words): Basic,
    Asked(request): Asked,
) -> Result<Response> {
    let granted = Granted::check(&bank, &words).await?;
    certificates(&[&enrolment::enrol(&bank, &granted, kind, request).await?])
}

/// RFC 7030, 4.2.2.
async fn renew(
    State(bank): State<Open>,
    Label(kind): Label,
    holder: Holder,
    Asked(request): Asked,
) -> Result<Response> {
    let shown = holder.0.ok_or(Refusal::NoCertificate)?;
    certificates(&[&renewal::renew(&bank, &shown, kind, request).await?])
}

/// Before the enrolment: what `cert-tool request --attestation FILE` has written.
async fn attest(State(bank): State<Open>, Basic(words): Basic, told: Bytes) -> Result<StatusCode> {
    let attestation = Attestation::parse(&String::from_utf8_lossy(&told)).ok_or(Refusal::Malformed)?;
    let granted = Granted::check(&bank, &words).await?;
    enrolment::attest(&bank, &granted, &attestation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Certificates as SignedData without a signer (RFC 7030, 4.1.3 and 4.2.3), in base64 whatever the headers say (RFC 8951, 3), and on one line:
/// there are clients that stumble over line ends.
fn certificates(ders: &[&[u8]]) -> Result<Response> {
    let read = ders.iter().map(|der| Certificate::from_der(der)).collect::<der::Result<Vec<_>>>();
    let bag = read.and_then(ContentInfo::try_from).and_then(|bag| bag.to_der());
    let bag = bag.map_err(|_| Error::Broken("certificates of the bank have no encoding".into()))?;
    let kind = [(header::CONTENT_TYPE, "application/pkcs7-mime; smime-type=certs-only")];
    Ok((kind, Base64::encode_string(&bag)).into_response())
}

impl FromRequestParts<Open> for Holder {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Open) -> Result<Self> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Which of the two certificates the address names, if it names one.
struct Label(Option<Kind>);

impl FromRequestParts<Open> for Label {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, bank: &Open) -> Result<Self> {
        let label = Option::<Path<String>>::from_request_parts(parts, bank).await;
        let Some(Path(name)) = label.map_err(|_| Refusal::NotFound)? else { return Ok(Self(None)) };
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(Refusal::NotFound)?;
        Ok(Self(Some(kind)))
    }
}

/// Reference and authorisation code, as user and password (RFC 7617, 2).
struct Basic(Words);

impl Basic {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, shown) = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))?;
        let decoded = Zeroizing::new(Base64::decode_vec(shown.trim()).ok()?);
        let (reference, code) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self(Words { reference: reference.to_owned(), code: code.into() }))
    }
}

impl FromRequestParts<Open> for Basic {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Open) -> Result<Self> {
        Ok(Self::read(&parts.headers).ok_or(Refusal::NoCode)?)
    }
}

/// A certification request, DER, which came in base64.
struct Asked(Vec<u8>);

impl FromRequest<Open> for Asked {
    type Rejection = Error;

    async fn from_request(request: Request, bank: &Open) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("application/pkcs10") {
            return Err(Refusal::WrongType.into());
        }
        let body = Bytes::from_request(request, bank).await.map_err(|_| Refusal::TooLarge)?;
        let plain: String =
            body.iter().filter(|sign| !sign.is_ascii_whitespace()).map(|&sign| sign as char).collect();
        Ok(Self(Base64::decode_vec(&plain).map_err(|_| Refusal::Malformed)?))
    }
}
