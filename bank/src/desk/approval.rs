//! What wants a second teller: another card, the opening of a gate that wrong answers closed, and other limits.

use super::{
    Printed, replace_card,
    shield::{check_serial, confirm_shield, issue_shield, renew_code, replace_shield},
};
use crate::{
    bank::Bank,
    books::{
        allowance::{self, Period},
        approval::{self, Approval},
        audit, card,
        gate::{self, Subject},
    },
    error::{Error, Refusal, Result},
    money::Fen,
    pay::standing::Method,
    personal_id::Code,
    random,
    rights::{AtCounter, Teller},
};

/// What an approval brings forth: shown once.
#[derive(Debug)]
pub(crate) enum Brought {
    Card(Printed),
    Code(Code),
}

/// What one teller asks another to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Another card for a lost, used up or blocked one.
    ReplaceCard,
    /// Five wrong answers closed a method; the customer has shown a document.
    OpenGate(Method),
    /// Other limits of the password card: for a payment, and for a day.
    Limits(Fen, Fen),
    /// The first shield, of this serial number, for the ID that names this account.
    IssueShield(String, String),
    /// Another shield, of this serial number, for a lost or damaged one.
    ReplaceShield(String),
    /// Another authorisation code for the shield that the customer has.
    ShieldCode,
    /// The PUK of the shield of this serial number, once, for a holder whose PIN is locked.
    UnblockShield(String),
    /// The shield of this serial number, which a restore has suspended, stands again.
    ConfirmShield(String),
}

impl Action {
    const fn name(&self) -> &'static str {
        match self {
            Self::ReplaceCard => "replace-card",
            Self::OpenGate(_) => "open-gate",
            Self::Limits(..) => "limits",
            Self::IssueShield(..) => "shield",
            Self::ReplaceShield(_) => "replace-shield",
            Self::UnblockShield(_) => "unblock-shield",
            Self::ConfirmShield(_) => "confirm-shield",
            Self::ShieldCode => "shield-code",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::ReplaceCard | Self::ShieldCode => String::new(),
            Self::IssueShield(serial, account) => format!("{serial} {account}"),
            Self::ReplaceShield(serial) | Self::UnblockShield(serial) | Self::ConfirmShield(serial) => {
                serial.clone()
            }
            Self::OpenGate(method) => method.name().to_owned(),
            Self::Limits(payment, day) => format!("{} {}", payment.0, day.0),
        }
    }

    /// What a row of the database asks for.
    fn of(approval: &Approval) -> Result<Self> {
        let detail = approval.detail.as_str();
        let found = match approval.action.as_str() {
            "replace-card" => Some(Self::ReplaceCard),
            "replace-shield" => check_serial(detail).ok().map(Self::ReplaceShield),
            "shield" => detail.split_once(' ').and_then(|(serial, account)| {
                Some(Self::IssueShield(check_serial(serial).ok()?, account.to_owned()))
            }),
            "unblock-shield" => check_serial(detail).ok().map(Self::UnblockShield),
            "confirm-shield" => check_serial(detail).ok().map(Self::ConfirmShield),
            "shield-code" => Some(Self::ShieldCode),
            "open-gate" => Method::from_name(detail).map(Self::OpenGate),
            "limits" => detail.split_once(' ').and_then(|(payment, day)| {
                Some(Self::Limits(Fen(payment.parse().ok()?), Fen(day.parse().ok()?)))
            }),
            _ => None,
        };
        found.ok_or_else(|| Error::Broken("an approval in the database asks for nothing known".into()))
    }
}

/// What a request asks for, as the second teller reads it: money in yuan, and the method in the page's language.
pub(crate) fn detail(approval: &Approval, name: impl Fn(&str) -> String) -> String {
    match Action::of(approval) {
        Ok(Action::OpenGate(method)) => name(&format!("method-{}", method.name())),
        Ok(Action::Limits(payment, day)) => format!("¥{payment} / ¥{day}"),
        Ok(
            Action::IssueShield(serial, _)
            | Action::ReplaceShield(serial)
            | Action::UnblockShield(serial)
            | Action::ConfirmShield(serial),
        ) => serial,
        Ok(Action::ReplaceCard | Action::ShieldCode) | Err(_) => String::new(),
    }
}

/// Asks; nothing happens before another teller has approved. Gives the number of the request.
pub(crate) async fn ask(bank: &Bank, teller: &Teller, at: &AtCounter, action: Action) -> Result<String> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let new = Approval {
        id: random::id()?,
        action: action.name().to_owned(),
        customer: at.customer().id.clone(),
        customer_name: at.customer().name.clone(),
        detail: action.detail(),
        state: "waiting".to_owned(),
        asked_by: teller.name().to_owned(),
    };
    approval::add(&mut work, &new, now).await?;
    let detail = format!("{} {} {}", new.action, new.detail, at.account());
    audit::add(&mut work, now, &teller.actor(), "approval-asked", &new.id, &detail).await?;
    work.commit().await?;
    Ok(new.id)
}

/// What waits for a second teller.
pub(crate) async fn waiting(bank: &Bank, _teller: &Teller) -> Result<Vec<Approval>> {
    approval::waiting(&mut *bank.database.connection().await?).await
}

/// The second teller answers. What is approved is done in the same transaction; a new card is printed here.
///
/// # Errors
/// The same teller asked, or somebody has answered.
pub(crate) async fn answer(
    bank: &Bank,
    teller: &Teller,
    id: &str,
    approves: bool,
) -> Result<Option<Brought>> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let approval = approval::find(&mut work, id).await?.ok_or(Refusal::NotFound)?;
    if !approval::answer(&mut work, id, approves, teller.name(), now).await? {
        let own = approval.state == "waiting";
        return Err(if own { Refusal::SecondTeller } else { Refusal::AlreadyAnswered }.into());
    }
    let mut brought = None;
    if approves {
        let customer = approval.customer.as_str();
        match Action::of(&approval)? {
            Action::ReplaceCard => {
                brought = Some(Brought::Card(replace_card(bank, &mut work, customer, now).await?));
            }
            Action::IssueShield(serial, account) => {
                let (whose, of) =
                    ((customer, account.as_str()), (serial.as_str(), approval.asked_by.as_str()));
                brought = Some(Brought::Code(issue_shield(bank, &mut work, whose, of, now).await?));
            }
            // The counter's program that has asked fetches the PUK itself: it is shown to nobody.
            Action::UnblockShield(_) => {}
            Action::ConfirmShield(_) => confirm_shield(&mut work, customer).await?,
            Action::ReplaceShield(serial) => {
                let of = (serial.as_str(), approval.asked_by.as_str());
                let code = replace_shield(bank, &mut work, customer, of, now).await?;
                brought = Some(Brought::Code(code));
            }
            Action::ShieldCode => {
                brought = Some(Brought::Code(renew_code(bank, &mut work, customer, now).await?));
            }
            Action::OpenGate(Method::Card) => {
                let card = card::of_customer(&mut work, customer).await?.ok_or(Refusal::NoCard)?;
                gate::open(&mut work, &Subject::Card(&card.id)).await?;
            }
            Action::OpenGate(_) => gate::open(&mut work, &Subject::Static(customer)).await?,
            Action::Limits(payment, day) => {
                let period = bank.clock.business_date();
                let today = Period { customer, method: Method::Card.name(), period: &period };
                allowance::agree(&mut work, &today, payment, day).await?;
            }
        }
    }
    let action = if approves { "approved" } else { "approval-refused" };
    let card = match &brought {
        Some(Brought::Card(card)) => format!(" card {}", card.id),
        Some(Brought::Code(code)) => format!(" shield {} reference {}", code.serial, code.reference),
        None => String::new(),
    };
    let Approval { action: wanted, detail, customer, asked_by, .. } = &approval;
    let detail = format!("{wanted} {detail} for {customer} asked by {asked_by}{card}");
    audit::add(&mut work, now, &teller.actor(), action, id, &detail).await?;
    work.commit().await?;
    Ok(brought)
}
