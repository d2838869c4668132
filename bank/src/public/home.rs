//! The home page: the bank's real address, what to look after, the kinds of user, and the way in.

use askama::Template;
use axum::response::Response;

use crate::{
    entry::Visit,
    error::Result,
    page::{Page, draw},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/", home)
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    page: &'a Page,
}

async fn home(visit: Visit) -> Result<Response> {
    draw(&Home { page: &visit.page })
}
