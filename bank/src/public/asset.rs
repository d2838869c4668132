//! The style, the mark, the choice of the language, and the sign of life.

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    bank::Open,
    entry::choose_language,
    error::{Refusal, Result},
    page::go,
    site::Routes,
    text::Language,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/asset/style.css", style)
        .get("/asset/mark.svg", mark)
        .get("/language/{tag}", language)
        .get("/healthz", health)
}

async fn style() -> Response {
    let css = include_str!("../../assets/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css).into_response()
}

async fn mark() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../../assets/mark.svg")).into_response()
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

async fn language(Path(tag): Path<String>, Query(Back { back }): Query<Back>) -> Result<Response> {
    let language = Language::from_tag(&tag).ok_or(Refusal::NotFound)?;
    // Only a path of this site: `//host` and `/\host` are other sites to a browser.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
    let is_own = back.starts_with('/') && !back.starts_with("//") && back.chars().all(plain);
    Ok(choose_language(language, go(if is_own { &back } else { "/" })))
}

/// Whether the database answers and has this program's tables.
async fn health(State(bank): State<Open>) -> Result<&'static str> {
    if bank.database.is_current().await? { Ok("ok\n") } else { Err(Refusal::Busy.into()) }
}
