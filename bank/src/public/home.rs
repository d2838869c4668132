//! The home page: the bank's real address, what to look after, the kinds of user, and the way in.

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    bank::Open,
    entry::Visit,
    error::Result,
    page::{Page, draw},
    settings::Settings,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/", home)
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    page: &'a Page,
    settings: &'a Settings,
}

async fn home(State(bank): State<Open>, visit: Visit) -> Result<Response> {
    draw(&Home { page: &visit.page, settings: &bank.settings })
}
