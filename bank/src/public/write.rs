//! The pages on which an order is written: a transfer, a remittance to another bank, and a bill.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::{
        account::{self, Account},
        order::OrderKind,
    },
    entry::{Sent, Visit},
    error::{Refusal, Result, refusable},
    page::{Page, again, draw, go},
    pay::{Wish, order},
    random,
    rights::{PayerOf, Settled},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/transfer", transfer)
        .post("/transfer", write_transfer)
        .get("/remittance", remittance)
        .post("/remittance", write_remittance)
        .get("/payment", payment)
        .post("/payment", write_payment)
}

#[derive(Template)]
#[template(path = "write.html")]
struct Blank<'a> {
    page: &'a Page,
    /// `transfer`, `remittance` or `payment`: where the form goes, and which texts it has.
    kind: &'a str,
    /// The accounts that can pay.
    accounts: &'a [Account],
    /// Whom a bill can be paid to.
    payees: &'a [Account],
    /// What was typed, and the key of this form.
    form: &'a Form,
    /// Why the form was not taken.
    why: Option<Refusal>,
}

impl Blank<'_> {
    fn is_payment(&self) -> bool {
        self.kind == OrderKind::Payment.name()
    }

    fn is_remittance(&self) -> bool {
        self.kind == OrderKind::Remittance.name()
    }
}

async fn draw_form(
    bank: &Open,
    visit: &Visit,
    who: &Settled,
    kind: OrderKind,
    (form, why): (&Form, Option<Refusal>),
) -> Result<Response> {
    let mut db = bank.database.connection().await?;
    let accounts = account::of_customer(&mut db, &who.customer().id).await?;
    let payees = if kind == OrderKind::Payment { account::payees(&mut db).await? } else { Vec::new() };
    let (page, kind) = (&visit.page, kind.name());
    let blank = Blank { page, kind, accounts: &accounts, payees: &payees, form, why };
    why.map_or_else(|| draw(&blank), |why| again(why, &blank))
}

async fn blank(bank: &Open, visit: &Visit, who: &Settled, kind: OrderKind) -> Result<Response> {
    let form = Form { form_key: random::id()?, ..Form::default() };
    draw_form(bank, visit, who, kind, (&form, None)).await
}

#[derive(Clone, Default, Deserialize)]
struct Form {
    payer: String,
    payee: String,
    #[serde(default)]
    payee_name: String,
    #[serde(default)]
    payee_bank: String,
    amount: String,
    #[serde(default)]
    memo: String,
    form_key: String,
}

async fn write(bank: &Open, visit: &Visit, who: &Settled, kind: OrderKind, form: Form) -> Result<Response> {
    let payer = PayerOf::check(&mut *bank.database.connection().await?, who, &form.payer).await?;
    let Form { payee, payee_name, payee_bank, amount, memo, form_key, .. } = form.clone();
    let wish = Wish { kind, payee, payee_name, payee_bank, amount, memo, form_key };
    match refusable(order(bank, &payer, &wish).await)? {
        Ok(order) => Ok(go(&format!("/order/{}", order.id))),
        // A form that has made another order, or has no key, is not shown again: a new one is wanted.
        Err(why @ (Refusal::FormUsed | Refusal::Malformed)) => Err(why.into()),
        Err(why) => draw_form(bank, visit, who, kind, (&form, Some(why))).await,
    }
}

async fn transfer(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    blank(&bank, &visit, &who, OrderKind::Transfer).await
}

async fn remittance(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    blank(&bank, &visit, &who, OrderKind::Remittance).await
}

async fn payment(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    blank(&bank, &visit, &who, OrderKind::Payment).await
}

async fn write_transfer(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(form): Sent<Form>,
) -> Result<Response> {
    write(&bank, &visit, &who, OrderKind::Transfer, form).await
}

async fn write_remittance(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(form): Sent<Form>,
) -> Result<Response> {
    write(&bank, &visit, &who, OrderKind::Remittance, form).await
}

async fn write_payment(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(form): Sent<Form>,
) -> Result<Response> {
    write(&bank, &visit, &who, OrderKind::Payment, form).await
}
