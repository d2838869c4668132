//! How a customer stands with each method.

use crate::{
    bank::Bank,
    books::{
        allowance::{self, Period},
        card::{self, Card},
        contract::{self, Contract},
        customer,
        gate::{self, Gate, Subject},
        shield::{self, Shield},
    },
    database::Connection,
    error::Result,
    money::Fen,
};

/// A way to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Static,
    Card,
    Shield,
}

impl Method {
    pub(crate) const ALL: [Self; 3] = [Self::Static, Self::Card, Self::Shield];

    /// As the database, the forms and the texts write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Card => "card",
            Self::Shield => "shield",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// The static password pays so much in total, for ever.
pub(crate) const STATIC_TOTAL: Fen = Fen::yuan(300);
/// The period of what is counted for ever.
pub(crate) const EVER: &str = "ever";

/// All that the conditions look at.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) contract: Option<Contract>,
    pub(crate) has_chosen_login: bool,
    pub(crate) payment_password: Option<String>,
    pub(crate) static_gate: Gate,
    pub(crate) static_spent: Fen,
    pub(crate) card: Option<Card>,
    pub(crate) card_gate: Gate,
    pub(crate) card_per_payment: Fen,
    pub(crate) card_per_day: Fen,
    pub(crate) card_spent: Fen,
    pub(crate) shield: Option<Shield>,
}

impl Standing {
    /// How it stood before this much was spent by this method.
    pub(super) fn before(mut self, method: Method, amount: Fen) -> Self {
        let spent = if method == Method::Card { &mut self.card_spent } else { &mut self.static_spent };
        *spent = Fen(spent.0 - amount.0);
        self
    }
}

/// How this customer stands now.
pub(crate) async fn standing(bank: &Bank, db: &mut Connection, customer: &str) -> Result<Standing> {
    let (now, today) = (bank.clock.now(), bank.clock.business_date());
    let card = card::of_customer(db, customer).await?;
    let card_gate = match &card {
        Some(card) => gate::look(db, &Subject::Card(&card.id), now).await?,
        None => Gate::Open,
    };
    let period = |method: Method, period| Period { customer, method: method.name(), period };
    let agreed = allowance::agreed(db, customer, Method::Card.name()).await?;
    let (card_per_payment, card_per_day) =
        agreed.unwrap_or((bank.settings.card_per_payment(), bank.settings.card_per_day()));
    let login = customer::login(db, customer).await?;
    Ok(Standing {
        contract: contract::find(db, customer).await?,
        has_chosen_login: login.is_some_and(|login| login.one_time_until.is_none()),
        payment_password: customer::payment_password(db, customer).await?,
        static_gate: gate::look(db, &Subject::Static(customer), now).await?,
        static_spent: allowance::spent(db, &period(Method::Static, EVER)).await?,
        card,
        card_gate,
        card_per_payment,
        card_per_day,
        card_spent: allowance::spent(db, &period(Method::Card, &today)).await?,
        shield: shield::of_customer(db, customer).await?,
    })
}
