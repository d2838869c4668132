//! The ways to pay: which are possible, and why the others are not.

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    bank::{Bank, Open},
    books::order::OrderKind,
    database::Connection,
    entry::Visit,
    error::{Refusal, Result},
    money::Fen,
    page::{Page, draw},
    pay::{
        condition::{Question, judge},
        standing::{Method, STATIC_TOTAL, Standing, standing},
    },
    rights::Settled,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/method", list)
}

/// A method, as a page shows it.
pub(super) struct Choice {
    pub(super) name: &'static str,
    /// Why it is not possible.
    pub(super) refusal: Option<Refusal>,
}

impl Choice {
    pub(super) fn why(&self, page: &Page) -> String {
        self.refusal.map(|refusal| page.t(format!("refusal-{}", refusal.code()))).unwrap_or_default()
    }

    pub(super) fn next(&self, page: &Page) -> String {
        self.refusal.map(|refusal| page.t(format!("refusal-{}-next", refusal.code()))).unwrap_or_default()
    }
}

/// The methods for an order, or in general.
pub(super) async fn choices(
    bank: &Bank,
    db: &mut Connection,
    who: &Settled,
    kind: OrderKind,
    amount: Option<Fen>,
) -> Result<(Standing, Vec<Choice>)> {
    let standing = standing(bank, db, &who.customer().id).await?;
    let question = Question { kind, amount };
    let choice = |method: Method| Choice {
        name: method.name(),
        refusal: judge(method, &standing, question, &bank.settings).err(),
    };
    let choices = Method::ALL.into_iter().map(choice).collect();
    Ok((standing, choices))
}

#[derive(Template)]
#[template(path = "method.html")]
struct Methods<'a> {
    page: &'a Page,
    choices: &'a [Choice],
    standing: &'a Standing,
    static_total: Fen,
    large: Fen,
}

async fn list(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    let mut db = bank.database.connection().await?;
    let (standing, choices) = choices(&bank, &mut db, &who, OrderKind::Payment, None).await?;
    let (page, large) = (&visit.page, bank.settings.large());
    draw(&Methods { page, choices: &choices, standing: &standing, static_total: STATIC_TOTAL, large })
}
