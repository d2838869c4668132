//! The personal ID for programs (`cert-tool enrol --bank URL`): JSON, and reference and authorisation code in every request. DER travels
//! as PEM. No cookie is looked at, so no page of another site can do anything here.

use authority::{
    attestation::Attestation,
    certificate::{Certificate, pem, pem_or_der},
    certificate_kind::Kind,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bank::{Bank, Open},
    entry::Told,
    error::{Error, Refusal, Result},
    generation,
    issuers::FIRST,
    personal_id::{self, Granted, Words},
    revocation,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/id/present", present)
        .post("/api/id/certify", certify)
        .post("/api/id/deliver", deliver)
        .post("/api/id/withdraw", withdraw)
        .get("/crl/payment.crl", payment_crl)
        .get("/crl/authentication.crl", authentication_crl)
        .get("/crl/{generation}/payment.crl", payment_crl_of)
        .get("/crl/{generation}/authentication.crl", authentication_crl_of)
        .get("/crl/payment.pem", payment_crls)
        .get("/crl/authentication.pem", authentication_crls)
        .post("/api/ocsp/payment", payment_ocsp)
        .post("/api/ocsp/authentication", authentication_ocsp)
        .get("/api/ocsp/payment/{*request}", payment_ocsp_by_url)
        .get("/api/ocsp/authentication/{*request}", authentication_ocsp_by_url)
        .get("/ca/payment.pem", payment_ca)
        .get("/ca/authentication.pem", authentication_ca)
        .get("/ca/payment-links.pem", payment_links)
        .get("/ca/authentication-links.pem", authentication_links)
}

async fn present(State(bank): State<Open>, Told(words): Told<Words>) -> Result<Json<Value>> {
    let granted = Granted::check(&bank, &words).await?;
    let shields = bank.shields()?;
    let subject = granted.subject(shields);
    let issuing = generation::issuing(&bank).await?;
    let ca = |kind| Ok::<_, Error>(shields.issuers(issuing)?.certificate(kind).pem());
    Ok(Json(json!({
        "organisation": subject.organisation,
        "unit": subject.unit,
        "name": subject.name,
        "user_id": subject.user_id,
        "serial": granted.serial(),
        "standing": personal_id::standing(&bank, &granted).await?,
        "ca": { "payment": ca(Kind::Payment)?, "authentication": ca(Kind::Authentication)? },
        "former": generation::former(&bank, issuing).await?,
    })))
}

#[derive(Deserialize)]
struct Request {
    #[serde(flatten)]
    words: Words,
    kind: Kind,
    /// PKCS #10, PEM.
    request: String,
    /// The shield's statement on the key, and the shield's own certificate, PEM.
    statement: String,
    token: String,
}

fn der(label: &str, pem: &str) -> Result<Vec<u8>> {
    Ok(pem_or_der(label, pem.as_bytes()).map_err(|_| Refusal::Malformed)?)
}

async fn certify(State(bank): State<Open>, Told(told): Told<Request>) -> Result<Json<Value>> {
    let request = der("CERTIFICATE REQUEST", &told.request)?;
    let attestation = Attestation {
        statement: der("CERTIFICATE", &told.statement)?,
        token: der("CERTIFICATE", &told.token)?,
    };
    let granted = Granted::check(&bank, &told.words).await?;
    let certificate = personal_id::certify(&bank, &granted, told.kind, request, &attestation).await?;
    let Certificate { serial, .. } = Certificate::parse(&certificate)
        .map_err(|_| Error::Broken("what the bank has issued is no certificate".into()))?;
    Ok(Json(json!({ "certificate": pem("CERTIFICATE", &certificate), "serial": serial })))
}

#[derive(Deserialize)]
struct Serials<T> {
    #[serde(flatten)]
    words: Words,
    serials: T,
}

async fn deliver(State(bank): State<Open>, Told(told): Told<Serials<[String; 2]>>) -> Result<Json<Value>> {
    let granted = Granted::check(&bank, &told.words).await?;
    personal_id::deliver(&bank, &granted, &told.serials).await?;
    Ok(Json(json!({})))
}

async fn withdraw(State(bank): State<Open>, Told(told): Told<Serials<Vec<String>>>) -> Result<Json<Value>> {
    let granted = Granted::check(&bank, &told.words).await?;
    personal_id::withdraw(&bank, &granted, &told.serials).await?;
    Ok(Json(json!({})))
}

/// Certificates and lists, one after the other (RFC 8555, 9.1 has the name).
const PEM: &str = "application/pem-certificate-chain";

fn file(kind: &'static str, bytes: Vec<u8>) -> Response {
    let mut answer = bytes.into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// RFC 2585, 4.1: one CRL, DER.
async fn crl(bank: &Bank, kind: Kind, generation: i64) -> Result<Response> {
    if !bank.shields()?.all().contains_key(&generation) {
        return Err(Refusal::NotFound.into());
    }
    Ok(file("application/pkix-crl", revocation::current(bank, kind, generation).await?.der))
}

async fn payment_crl(State(bank): State<Open>) -> Result<Response> {
    crl(&bank, Kind::Payment, FIRST).await
}

async fn authentication_crl(State(bank): State<Open>) -> Result<Response> {
    crl(&bank, Kind::Authentication, FIRST).await
}

fn number(generation: &str) -> Result<i64> {
    Ok(generation.parse().map_err(|_| Refusal::NotFound)?)
}

async fn payment_crl_of(State(bank): State<Open>, Path(generation): Path<String>) -> Result<Response> {
    crl(&bank, Kind::Payment, number(&generation)?).await
}

async fn authentication_crl_of(State(bank): State<Open>, Path(generation): Path<String>) -> Result<Response> {
    crl(&bank, Kind::Authentication, number(&generation)?).await
}

/// The lists of all generations that this node has, in PEM: a verifier who trusts several issuers needs the list of each.
async fn crls(bank: &Bank, kind: Kind) -> Result<Response> {
    let mut all = String::new();
    for generation in bank.shields()?.all().keys() {
        all.push_str(&pem("X509 CRL", &revocation::current(bank, kind, *generation).await?.der));
    }
    Ok(file(PEM, all.into_bytes()))
}

async fn payment_crls(State(bank): State<Open>) -> Result<Response> {
    crls(&bank, Kind::Payment).await
}

async fn authentication_crls(State(bank): State<Open>) -> Result<Response> {
    crls(&bank, Kind::Authentication).await
}

/// RFC 6960, appendix A: by POST, or by GET with the request in base64 and escaped.
async fn ocsp(bank: &Bank, kind: Kind, request: &[u8]) -> Result<Response> {
    Ok(file("application/ocsp-response", revocation::answer(bank, kind, request).await?))
}

async fn payment_ocsp(State(bank): State<Open>, request: Bytes) -> Result<Response> {
    ocsp(&bank, Kind::Payment, &request).await
}

async fn authentication_ocsp(State(bank): State<Open>, request: Bytes) -> Result<Response> {
    ocsp(&bank, Kind::Authentication, &request).await
}

fn decoded(base64: &str) -> Vec<u8> {
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem = format!("-----BEGIN OCSP REQUEST-----\n{}\n-----END OCSP REQUEST-----\n", lines.join("\n"));
    // What is not base64 becomes no bytes, and those are no request.
    pem_or_der("OCSP REQUEST", pem.as_bytes()).unwrap_or_default()
}

async fn payment_ocsp_by_url(State(bank): State<Open>, Path(request): Path<String>) -> Result<Response> {
    ocsp(&bank, Kind::Payment, &decoded(&request)).await
}

async fn authentication_ocsp_by_url(
    State(bank): State<Open>,
    Path(request): Path<String>,
) -> Result<Response> {
    ocsp(&bank, Kind::Authentication, &decoded(&request)).await
}

/// The issuers that verifiers are to trust: the one that issues first.
async fn ca(bank: &Bank, kind: Kind) -> Result<Response> {
    let all: String = generation::anchors(bank, kind).await?.into_iter().map(Certificate::pem).collect();
    Ok(file(PEM, all.into_bytes()))
}

async fn payment_ca(State(bank): State<Open>) -> Result<Response> {
    ca(&bank, Kind::Payment).await
}

async fn authentication_ca(State(bank): State<Open>) -> Result<Response> {
    ca(&bank, Kind::Authentication).await
}

/// What former issuers say of those that follow them: whoever trusts one of them knows the others by it.
async fn links(bank: &Bank, kind: Kind) -> Result<Response> {
    let links = generation::links(bank, kind).await?;
    let all: String = links.into_iter().map(|link| pem("CERTIFICATE", link)).collect();
    Ok(file(PEM, all.into_bytes()))
}

async fn payment_links(State(bank): State<Open>) -> Result<Response> {
    links(&bank, Kind::Payment).await
}

async fn authentication_links(State(bank): State<Open>) -> Result<Response> {
    links(&bank, Kind::Authentication).await
}
