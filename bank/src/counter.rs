//! The tellers' site, on an origin of its own: pages for a browser, and the same actions as an API.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod api;
mod puk;
mod pages;
mod session;
pub(crate) mod action;

use crate::site::Routes;

/// All routes of the tellers' site.
pub(crate) fn routes() -> Routes {
    session::routes().and(pages::routes()).and(puk::routes()).and(api::routes())
}
