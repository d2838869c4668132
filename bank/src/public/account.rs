//! The customer's accounts: balances as they are now, and the last entries of each.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    bank::Open,
    books::{
        account::{self, Account},
        posting::{self, Entry},
        shield,
    },
    clock::Moment,
    entry::Visit,
    error::Result,
    page::{Page, draw},
    personal_id::{self, End},
    rights::{PayerOf, Settled},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/account", list).get("/account/{number}", one)
}

#[derive(Template)]
#[template(path = "account.html")]
struct Accounts<'a> {
    page: &'a Page,
    name: &'a str,
    accounts: &'a [Account],
    now: Moment,
    /// The end of the ID on the customer's shield, where the ID is to be renewed now.
    end: &'a Option<End>,
}

#[derive(Template)]
#[template(path = "statement.html")]
struct Statement<'a> {
    page: &'a Page,
    account: &'a Account,
    entries: &'a [Entry],
    now: Moment,
}

async fn list(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    let mut db = bank.database.connection().await?;
    let accounts = account::of_customer(&mut db, &who.customer().id).await?;
    let shield = shield::of_customer(&mut db, &who.customer().id).await?;
    drop(db);
    let end = match &shield {
        Some(shield) => personal_id::end_of(&bank, shield).await?,
        None => None,
    };
    let end = &end.filter(|end| end.may_renew);
    let (page, name, now) = (&visit.page, who.customer().name.as_str(), bank.clock.now());
    draw(&Accounts { page, name, accounts: &accounts, now, end })
}

async fn one(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Path(number): Path<String>,
) -> Result<Response> {
    let mut db = bank.database.connection().await?;
    let own = PayerOf::check(&mut db, &who, &number).await?;
    let entries = posting::of_account(&mut db, &own.account().number).await?;
    let (page, account, now) = (&visit.page, own.account(), bank.clock.now());
    draw(&Statement { page, account, entries: &entries, now })
}
