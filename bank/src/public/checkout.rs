//! A merchant's order, on the page where the customer chooses the account that pays it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::{
        account::{self, Account},
        merchant::{self, Merchant},
        purchase::{self, Purchase},
    },
    database::Connection,
    entry::{Sent, Visit},
    error::{Error, Refusal, Result},
    page::{Page, draw, go},
    pay, random,
    rights::{PayerOf, Settled},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/checkout/{id}", show).post("/checkout/{id}", choose)
}

/// A merchant's order and whose it is.
pub(super) async fn found(db: &mut Connection, id: &str) -> Result<Option<(Purchase, Merchant)>> {
    let Some(purchase) = purchase::find(db, id).await? else { return Ok(None) };
    let broken = || Error::Broken("a merchant's order is of a merchant that is not there".into());
    let merchant = merchant::find(db, &purchase.merchant).await?.ok_or_else(broken)?;
    Ok(Some((purchase, merchant)))
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout<'a> {
    page: &'a Page,
    purchase: &'a Purchase,
    merchant: &'a Merchant,
    /// How it stands: `open`, `paid`, `cancelled` or `expired`.
    state: String,
    accounts: &'a [Account],
    form_key: &'a str,
}

async fn show(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Path(id): Path<String>,
) -> Result<Response> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let (purchase, merchant) = found(&mut db, &id).await?.ok_or(Refusal::NotFound)?;
    let accounts = account::of_customer(&mut db, &who.customer().id).await?;
    let (page, state, form_key) = (&visit.page, purchase.state(now).to_owned(), random::id()?);
    let (purchase, merchant, accounts, form_key) = (&purchase, &merchant, &accounts[..], form_key.as_str());
    draw(&Checkout { page, purchase, merchant, state, accounts, form_key })
}

#[derive(Deserialize)]
struct Chosen {
    payer: String,
    form_key: String,
}

async fn choose(
    State(bank): State<Open>,
    who: Settled,
    Path(id): Path<String>,
    Sent(form): Sent<Chosen>,
) -> Result<Response> {
    let (payer, of) = {
        let mut db = bank.database.connection().await?;
        let of = found(&mut db, &id).await?.ok_or(Refusal::NotFound)?;
        (PayerOf::check(&mut db, &who, &form.payer).await?, of)
    };
    let order = pay::purchase(&bank, &payer, (&of.0, &of.1), &form.form_key).await?;
    Ok(go(&format!("/order/{}", order.id)))
}
