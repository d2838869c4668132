//! What a computer needs for a U-shield, and the script with which pages reach the shield.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    bank::Open,
    entry::Visit,
    error::{Refusal, Result},
    package::Package,
    page::{Page, draw_reaching},
    shields::Shields,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/set-up", set_up).get("/set-up/{name}", package).get("/asset/shield.js", script)
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUp<'a> {
    page: &'a Page,
    package: Option<&'a Package>,
    /// The brand of the bank's shields. A page that knows no serial number tells another bank's shield by its brand.
    brand: Option<&'a str>,
}

async fn set_up(State(bank): State<Open>, visit: Visit) -> Result<Response> {
    let brand = bank.shields().ok().and_then(Shields::brand);
    draw_reaching(&SetUp { page: &visit.page, package: bank.package.as_ref(), brand })
}

/// The assistant's package, under its own name.
async fn package(State(bank): State<Open>, Path(name): Path<String>) -> Result<Response> {
    let package = bank.package.as_ref().filter(|package| package.name == name).ok_or(Refusal::NotFound)?;
    let headers = [(header::CONTENT_TYPE, "application/gzip"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, package.bytes.clone()).into_response())
}

async fn script(State(bank): State<Open>) -> Response {
    let script = bank.assistant.script();
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}
