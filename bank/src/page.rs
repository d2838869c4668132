//! What every page is drawn with, and how it is drawn.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::{
    error::{Error, Result},
    text::Language,
};

/// What every template has under the name `page`.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) language: Language,
    /// Of this answer's Content-Security-Policy.
    pub(crate) nonce: String,
    /// The hidden field `token` of every form.
    pub(crate) token: String,
    /// The bank's real address.
    pub(crate) address: String,
    pub(crate) hotline: String,
    /// The path of this page, for the links to the other language.
    pub(crate) path: String,
    /// Whether somebody is logged in.
    pub(crate) is_signed_in: bool,
}

impl Page {
    /// The text of a key.
    pub(crate) fn t(&self, key: impl ToString) -> String {
        self.language.text(&key.to_string(), &[])
    }

    /// The text of a key that has one value.
    pub(crate) fn t1(&self, key: &str, name: &str, value: impl ToString) -> String {
        self.language.text(key, &[(name, &value.to_string())])
    }

    /// The text of a key that has two values.
    pub(crate) fn t2(
        &self,
        key: &str,
        one: &str,
        first: impl ToString,
        other: &str,
        second: impl ToString,
    ) -> String {
        self.language.text(key, &[(one, &first.to_string()), (other, &second.to_string())])
    }
}

/// Draws a page.
pub(crate) fn draw(template: &impl Template) -> Result<Response> {
    let html = template.render().map_err(|fault| Error::Broken(format!("a page was not drawn: {fault}")))?;
    Ok(Html(html).into_response())
}

/// POST → 303 → GET, so that the back button and a reload send nothing twice.
pub(crate) fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// The page of a refusal.
#[derive(Template)]
#[template(path = "refusal.html")]
pub(crate) struct RefusalPage<'a> {
    pub(crate) page: &'a Page,
    pub(crate) why: String,
    pub(crate) next: String,
}
