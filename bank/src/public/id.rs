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
        .post("/api/ocsp/payment", payment_ocsp)
        .post("/api/ocsp/authentication", authentication_ocsp)
        .get("/api/ocsp/payment/{*request}", payment_ocsp_by_url)
        .get("/api/ocsp/authentication/{*request}", authentication_ocsp_by_url)
        .get("/ca/payment.pem", payment_ca)
        .get("/ca/authentication.pem", authentication_ca)
}

async fn present(State(bank): State<Open>, Told(words): Told<Words>) -> Result<Json<Value>> {
    let granted = Granted::check(&bank, &words).await?;
    let shields = bank.shields()?;
    let subject = granted.subject(shields);
    Ok(Json(json!({
        "organisation": subject.organisation,
        "unit": subject.unit,
        "name": subject.name,
        "user_id": subject.user_id,
        "serial": granted.serial(),
        "standing": personal_id::standing(&bank, &granted).await?,
        "ca": { "payment": shields.ca(Kind::Payment), "authentication": shields.ca(Kind::Authentication) },
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

fn file(kind: &'static str, bytes: Vec<u8>) -> Response {
    let mut answer = bytes.into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// RFC 2585, 4.1: one CRL, DER.
async fn crl(bank: &Bank, kind: Kind) -> Result<Response> {
    Ok(file("application/pkix-crl", revocation::current(bank, kind).await?.der))
}

async fn payment_crl(State(bank): State<Open>) -> Result<Response> {
    crl(&bank, Kind::Payment).await
}

async fn authentication_crl(State(bank): State<Open>) -> Result<Response> {
    crl(&bank, Kind::Authentication).await
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

async fn payment_ca(State(bank): State<Open>) -> Result<Response> {
    Ok(file("application/pem-certificate-chain", bank.shields()?.ca(Kind::Payment).into_bytes()))
}

async fn authentication_ca(State(bank): State<Open>) -> Result<Response> {
    Ok(file("application/pem-certificate-chain", bank.shields()?.ca(Kind::Authentication).into_bytes()))
}
