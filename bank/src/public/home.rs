//! The home page: the bank's real address, what to look after, the kinds of user, and the way in. Below the way in is the page
//! that says what a computer needs for a U-shield.

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
    Routes::default().get("/", home).get("/set-up", set_up)
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    page: &'a Page,
    settings: &'a Settings,
}

/// The room of the assistant's package and of its wizard: until they come, the page says what a shield will need.
#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUp<'a> {
    page: &'a Page,
}

async fn home(State(bank): State<Open>, visit: Visit) -> Result<Response> {
    draw(&Home { page: &visit.page, settings: &bank.settings })
}

async fn set_up(visit: Visit) -> Result<Response> {
    draw(&SetUp { page: &visit.page })
}
