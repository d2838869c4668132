//! What every page is drawn with, and how it is drawn.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};

use crate::{
    books::{
        account::{CLEARING, VAULT},
        posting::Entry,
    },
    error::{Error, Refusal, Result},
    text::Language,
};

/// The links of a customer who is logged in: paths and texts.
pub(crate) const OWN: &[(&str, &str)] = &[
    ("/account", "accounts"),
    ("/transfer", "transfer"),
    ("/remittance", "remittance"),
    ("/payment", "payment"),
    ("/order", "orders"),
    ("/method", "methods"),
    ("/card", "card"),
    ("/shield", "shield"),
    ("/session", "sessions"),
];
/// The links of everybody else.
pub(crate) const OPEN: &[(&str, &str)] =
    &[("/", "home"), ("/sign-in", "sign-in"), ("/register", "register"), ("/set-up", "set-up")];
/// The links of a teller.
pub(crate) const COUNTER: &[(&str, &str)] = &[("/", "desk"), ("/approval", "approvals"), ("/audit", "audit")];
/// The steps of registration.
pub(crate) const STEPS: &[(u8, &str)] =
    &[(1, "step-notice"), (2, "step-agreement"), (3, "step-data"), (4, "step-done")];

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
    /// The path of this page, or of the page whose form was sent: where the links to the other language come back to.
    pub(crate) path: String,
    /// Whether amounts decide outcomes, for tests.
    pub(crate) has_test_rules: bool,
    /// Whether somebody is logged in.
    pub(crate) is_signed_in: bool,
}

impl Page {
    /// The text of a key.
    pub(crate) fn t(&self, key: impl ToString) -> String {
        self.language.text(&key.to_string(), &[])
    }

    /// What happened.
    pub(crate) fn why(&self, refusal: &Refusal) -> String {
        self.t(format!("refusal-{}", refusal.code()))
    }

    /// What to do next.
    pub(crate) fn next(&self, refusal: &Refusal) -> String {
        self.t(format!("refusal-{}-next", refusal.code()))
    }

    /// Whether a link leads to this page.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// Whether this page is in that language.
    pub(crate) fn speaks(&self, language: &Language) -> bool {
        self.language == *language
    }

    /// The other account of a statement's line: the bank's own accounts have names.
    pub(crate) fn other(&self, account: &str) -> String {
        match account {
            VAULT => self.t("account-vault"),
            CLEARING => self.t("account-clearing"),
            other => grouped(other),
        }
    }

    /// The memo of a statement's line: the bank's own memos are in the page's language.
    pub(crate) fn memo(&self, entry: &Entry) -> String {
        match entry.debit.as_str() {
            VAULT => self.t("memo-deposit"),
            CLEARING => self.t("memo-returned"),
            _ => entry.memo.clone(),
        }
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

/// Marks the answer of a page with a script: the one that reaches the customer's shield.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReachesShield;

/// Draws a page whose script reaches the shield. The policy of this answer lets that script run, and lets it speak to the assistant.
pub(crate) fn draw_reaching(template: &impl Template) -> Result<Response> {
    let mut answer = draw(template)?;
    answer.extensions_mut().insert(ReachesShield);
    Ok(answer)
}

/// A form once more, with the reason why it was not taken and with what was typed, passwords excepted.
pub(crate) fn again(refusal: Refusal, form: &impl Template) -> Result<Response> {
    let mut answer = draw(form)?;
    *answer.status_mut() = status(refusal);
    answer.extensions_mut().insert(refusal);
    Ok(answer)
}

/// The HTTP status of a refusal.
pub(crate) fn status(refusal: Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A number of an account as it stands on a card: in groups of four.
pub(crate) fn grouped(number: &str) -> String {
    if number.len() < 12 || !number.is_ascii() {
        return number.to_owned();
    }
    let groups = number.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned());
    groups.collect::<Vec<_>>().join(" ")
}

/// The ends of a number of an account, which fit into a list on a telephone.
pub(crate) fn short(number: &str) -> String {
    match (number.get(..4), number.get(number.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if number.len() >= 12 => format!("{first} … {last}"),
        _ => number.to_owned(),
    }
}

/// The page that a request belongs to: its own, or the page whose form it sends, or what the page is a part of.
pub(crate) fn home_of(path: &str, is_read: bool) -> &str {
    const FORMS: [&str; 7] =
        ["/sign-in", "/password", "/payment-password", "/transfer", "/remittance", "/payment", "/register"];
    if FORMS.contains(&path) || is_read {
        return path;
    }
    above(path)
}

/// What a page is a part of: an order's list, or the home page.
pub(crate) fn above(path: &str) -> &str {
    match path.rsplit_once('/') {
        None | Some(("" | "/action" | "/pay", _)) => "/",
        Some((above, _)) => above,
    }
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
    /// Where its button leads, and the button's text.
    pub(crate) back: &'a str,
    pub(crate) back_text: &'a str,
}

#[cfg(test)]
mod tests {
    use super::{above, grouped, home_of, short};

    #[test]
    fn each_request_belongs_to_a_page_that_can_be_read() {
        for (path, home) in [
            ("/transfer", "/transfer"),
            ("/order/1f/answer", "/order/1f"),
            ("/register/done", "/register"),
            ("/card/activate", "/card"),
            ("/session/end", "/session"),
            ("/action/open", "/"),
            ("/approval/1f", "/approval"),
            ("/sign-out", "/"),
            ("//evil.test", "/"),
        ] {
            assert_eq!(home_of(path, false), home, "{path}");
        }
        assert_eq!(home_of("/order/1f", true), "/order/1f");
        assert_eq!((above("/order/1f"), above("/nowhere"), above("/")), ("/order", "/", "/"));
    }

    #[test]
    fn the_number_of_a_card_stands_in_groups() {
        assert_eq!((short("6222021234567890").as_str(), short("1001").as_str()), ("6222 … 7890", "1001"));
        assert_eq!(grouped("6222021234567890"), "6222 0212 3456 7890");
        assert_eq!((grouped("1001").as_str(), grouped("一二三四").as_str()), ("1001", "一二三四"));
    }
}
