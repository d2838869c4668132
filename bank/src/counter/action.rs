//! The actions of the counter, by their names: the pages and the API both come through here.

use serde::{Deserialize, Serialize};

use crate::{
    bank::Bank,
    desk::{self, Action, Opening, Printed},
    error::{Refusal, Result},
    money::Fen,
    pay::standing::Method,
    personal_id::Code,
    rights::{AtCounter, Teller},
};

/// What a teller types. Each action wants some of the fields; `account` and `document` are the customer's card and document, which
/// the teller looks at before every action but `open`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Fields {
    pub(crate) account: String,
    pub(crate) document: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) deposit: String,
    pub(crate) method: String,
    pub(crate) per_payment: String,
    pub(crate) per_day: String,
    /// The serial number of a shield.
    pub(crate) serial: String,
    /// What a form has of its own, so that the form opens one account however often it is sent.
    pub(crate) key: String,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// The number of a new account.
    Account(String),
    /// A password that the bank made: shown once.
    Password(String),
    /// A card to print: shown once.
    Card(Printed),
    /// Reference and authorisation code of a shield: shown once.
    Code(Code),
    /// The number of a request that waits for a second teller.
    Asked(String),
    /// Nothing more to say.
    Well,
}

/// The names of the actions.
pub(crate) const ACTIONS: &[&str] = &[
    "open",
    "contract",
    "enable",
    "ecommerce",
    "card",
    "block-card",
    "replace-card",
    "shield",
    "lose-shield",
    "replace-shield",
    "shield-code",
    "unblock-shield",
    "confirm-shield",
    "open-gate",
    "limits",
    "reset-login",
    "end-sessions",
];

/// Does what the teller wants.
///
/// # Errors
/// There is no such action, document and card do not match, or the action refuses.
pub(crate) async fn perform(bank: &Bank, teller: &Teller, action: &str, fields: Fields) -> Result<Done> {
    if !ACTIONS.contains(&action) {
        return Err(Refusal::NotFound.into());
    }
    if action == "open" {
        let Fields { name, document, phone, deposit, key, .. } = fields;
        let opening = Opening { name, document, phone, deposit, key };
        return Ok(Done::Account(desk::open_account(bank, teller, &opening).await?));
    }
    let at = {
        let mut db = bank.database.connection().await?;
        AtCounter::check(&mut db, teller, fields.account.trim(), &fields.document.trim().to_uppercase())
            .await?
    };
    let ask = async |action| Ok(Done::Asked(desk::ask(bank, teller, &at, action).await?));
    match action {
        "contract" => Ok(Done::Password(desk::make_contract(bank, teller, &at).await?)),
        "reset-login" => Ok(Done::Password(desk::reset_login(bank, teller, &at).await?)),
        "card" => Ok(Done::Card(desk::issue_card(bank, teller, &at).await?)),
        "replace-card" => ask(Action::ReplaceCard).await,
        "shield" => {
            let serial = desk::check_first(bank, &at, &fields.serial).await?;
            ask(Action::IssueShield(serial, at.account().to_owned())).await
        }
        "unblock-shield" => ask(Action::UnblockShield(desk::locked(bank, &at).await?)).await,
        "confirm-shield" => ask(Action::ConfirmShield(desk::check_suspended(bank, &at).await?)).await,
        "lose-shield" => desk::lose_shield(bank, teller, &at).await.map(|()| Done::Well),
        "replace-shield" => ask(Action::ReplaceShield(desk::check_serial(&fields.serial)?)).await,
        "shield-code" => ask(Action::ShieldCode).await,
        "open-gate" => {
            ask(Action::OpenGate(Method::from_name(&fields.method).ok_or(Refusal::Malformed)?)).await
        }
        "limits" => {
            let read = |text: &str| Fen::parse(text).ok_or(Refusal::BadAmount);
            ask(Action::Limits(read(&fields.per_payment)?, read(&fields.per_day)?)).await
        }
        "enable" => desk::enable(bank, teller, &at).await.map(|()| Done::Well),
        "ecommerce" => desk::enable_ecommerce(bank, teller, &at).await.map(|()| Done::Well),
        "block-card" => desk::block_card(bank, teller, &at).await.map(|()| Done::Well),
        "end-sessions" => desk::end_sessions(bank, teller, &at).await.map(|()| Done::Well),
        _ => Err(Refusal::NotFound.into()),
    }
}
