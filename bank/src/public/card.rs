//! The customer's password card: its state, and its activation by the number that is printed on it.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::{
        audit,
        card::{self, Card, MOST_USES},
    },
    entry::{Sent, Visit},
    error::{Refusal, Result},
    page::{Page, again, draw, go},
    rights::Settled,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default().get("/card", show).post("/card/activate", activate)
}

#[derive(Template)]
#[template(path = "card.html")]
struct Shown<'a> {
    page: &'a Page,
    card: &'a Option<Card>,
    most: i64,
    why: Option<Refusal>,
}

async fn show(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    let card = card::of_customer(&mut *bank.database.connection().await?, &who.customer().id).await?;
    draw(&Shown { page: &visit.page, card: &card, most: MOST_USES, why: None })
}

#[derive(Deserialize)]
struct Number {
    number: String,
}

async fn activate(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(form): Sent<Number>,
) -> Result<Response> {
    let number: String = form.number.chars().filter(|c| !c.is_whitespace()).take(32).collect();
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !card::activate(&mut work, &number, &who.customer().id, now).await? {
        let (card, why) = (card::of_customer(&mut work, &who.customer().id).await?, Refusal::NotThatCard);
        return again(why, &Shown { page: &visit.page, card: &card, most: MOST_USES, why: Some(why) });
    }
    audit::add(&mut work, now, &who.actor(), "card-activated", &number, "").await?;
    work.commit().await?;
    Ok(go("/card"))
}
