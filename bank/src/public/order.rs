//! An order: the page where it is paid, and the public page on which a customer arrives from another site.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    checkout::found,
    method::{Choice, choices},
};
use crate::{
    bank::{Bank, Open},
    books::{
        challenge::{self, Challenge},
        merchant::Merchant,
        order::{self, Order},
        purchase::Purchase,
        remittance, shield,
    },
    entry::{Sent, Visit},
    error::{Refusal, Result},
    page::{Page, draw, draw_reaching, go},
    pay::{self, Answer, standing::Method},
    random,
    rights::{OwnerOf, PayerOf, Settled},
    secrets::Secret,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/pay/{id}", arrive)
        .get("/order", list)
        .get("/order/{id}", show)
        .post("/order/{id}/ask", ask)
        .post("/order/{id}/answer", answer)
        .post("/order/{id}/cancel", cancel)
}

#[derive(Template)]
#[template(path = "arrival.html")]
struct Arrival<'a> {
    page: &'a Page,
    /// Where the order is: a customer's own, or a merchant's.
    path: &'a str,
    id: &'a str,
}

/// Another site has sent the customer here, so the browser sends no cookie that is SameSite=Strict. This page is public and says
/// nothing of the order; the click on its link is of this site, and brings the cookie.
async fn arrive(State(bank): State<Open>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    if !random::is_id(&id) {
        return Err(Refusal::NotFound.into());
    }
    let is_purchase = found(&mut *bank.database.connection().await?, &id).await?.is_some();
    let path = if is_purchase { "/checkout" } else { "/order" };
    draw(&Arrival { page: &visit.page, path, id: &id })
}

#[derive(Template)]
#[template(path = "orders.html")]
struct Orders<'a> {
    page: &'a Page,
    orders: &'a [Order],
}

/// Writes down that orders of this customer are too old, so that the page shows them so. A page that changes nothing waits for no writer.
async fn expire(bank: &Bank, who: &Settled) -> Result<()> {
    let (customer, now) = (&who.customer().id, bank.clock.now());
    if order::has_late(&mut *bank.database.connection().await?, customer, now).await? {
        order::expire_of(&mut *bank.database.writer().await?, customer, now).await?;
    }
    Ok(())
}

async fn list(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    expire(&bank, &who).await?;
    let mut db = bank.database.connection().await?;
    let orders = order::of_customer(&mut db, &who.customer().id).await?;
    draw(&Orders { page: &visit.page, orders: &orders })
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage<'a> {
    page: &'a Page,
    order: &'a Order,
    is_open: bool,
    /// The methods.
    choices: &'a [Choice],
    /// What is asked.
    challenge: &'a Option<Challenge>,
    /// The serial number of the shield that is asked.
    serial: Option<String>,
    /// What the other bank said of a remittance: its state and its words.
    remittance: &'a Option<(String, String)>,
    /// The merchant's order that it pays.
    shop: &'a Option<(Purchase, Merchant)>,
}

impl OrderPage<'_> {
    /// The methods, but for the one that is asked now and still lives.
    fn other_ways(&self) -> impl Iterator<Item = &Choice> {
        let asked = self.challenge.as_ref().map(|challenge| challenge.method.as_str());
        self.choices.iter().filter(move |choice| asked != Some(choice.name))
    }

    /// The coordinates that a password card is asked.
    fn pair(&self) -> Vec<&str> {
        let pair = self.challenge.as_ref().and_then(|challenge| challenge.pair.as_deref());
        pair.map(|pair| pair.split('-').collect()).unwrap_or_default()
    }
}

async fn show(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Path(id): Path<String>,
) -> Result<Response> {
    let now = bank.clock.now();
    expire(&bank, &who).await?;
    let mut db = bank.database.connection().await?;
    let own = OwnerOf::check(&mut db, &who, &id).await?;
    let order = own.order();
    let is_open = order.is_open(now);
    let challenge = challenge::live(&mut db, &id, &who.session().id, now).await?.filter(|_| is_open);
    let (_, choices) = choices(&bank, &mut db, &who, order.kind(), Some(order.amount())).await?;
    let remittance = remittance::find(&mut db, &id).await?;
    let shop = match &order.purchase {
        Some(purchase) => found(&mut db, purchase).await?,
        None => None,
    };
    let asks_shield = challenge.as_ref().is_some_and(|challenge| challenge.method == "shield");
    let serial = if asks_shield {
        shield::of_customer(&mut db, &who.customer().id).await?.map(|shield| shield.serial)
    } else {
        None
    };
    let draw = if asks_shield { draw_reaching } else { draw };
    let (page, challenge, remittance, shop) = (&visit.page, &challenge, &remittance, &shop);
    draw(&OrderPage { page, order, is_open, choices: &choices, challenge, serial, remittance, shop })
}

#[derive(Deserialize)]
struct Chosen {
    method: String,
}

async fn ask(
    State(bank): State<Open>,
    who: Settled,
    Path(id): Path<String>,
    Sent(form): Sent<Chosen>,
) -> Result<Response> {
    let method = Method::from_name(&form.method).ok_or(Refusal::Malformed)?;
    let own = OwnerOf::check(&mut *bank.database.connection().await?, &who, &id).await?;
    pay::ask(&bank, &who, &own, method).await?;
    // The script of the page begins at once where the address says what the customer has just asked for, and not after a reload.
    let begin = if method == Method::Shield { "#shield" } else { "" };
    Ok(go(&format!("/order/{id}{begin}")))
}

#[derive(Deserialize)]
struct Typed {
    challenge: String,
    password: Secret,
    #[serde(default)]
    code: Secret,
}

async fn answer(
    State(bank): State<Open>,
    who: Settled,
    Path(id): Path<String>,
    Sent(form): Sent<Typed>,
) -> Result<Response> {
    let (own, payer) = {
        let mut db = bank.database.connection().await?;
        let own = OwnerOf::check(&mut db, &who, &id).await?;
        let payer = PayerOf::check(&mut db, &who, &own.order().payer).await?;
        (own, payer)
    };
    let Typed { challenge, password, code } = form;
    pay::answer(&bank, &who, &payer, &own, &Answer { challenge, password, code }).await?;
    Ok(go(&format!("/order/{id}")))
}

#[derive(Deserialize)]
struct Nothing {}

async fn cancel(
    State(bank): State<Open>,
    who: Settled,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response> {
    let own = OwnerOf::check(&mut *bank.database.connection().await?, &who, &id).await?;
    pay::cancel(&bank, &who, &own).await?;
    Ok(go(&format!("/order/{id}")))
}
