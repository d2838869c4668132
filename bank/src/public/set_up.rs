//! What a computer needs for a U-shield, and the script with which pages reach the shield.

use askama::Template;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    entry::Visit,
    error::Result,
    page::{Page, draw},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/set-up", set_up).get("/asset/shield.js", script)
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUp<'a> {
    page: &'a Page,
}

async fn set_up(visit: Visit) -> Result<Response> {
    draw(&SetUp { page: &visit.page })
}

async fn script() -> Response {
    let script = include_str!("../../assets/shield.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}
