//! A challenge is answered, and the order is posted: limit, order, balances, posting, challenge, use of the card and audit in one
//! transaction.

use std::time::{Duration, Instant};

use sqlx::Error::Database as Violation;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::{
    condition::{Question, judge},
    rules,
    settle::settle,
    standing::{EVER, Method, STATIC_TOTAL, Standing, standing},
};
use crate::{
    bank::Bank,
    books::{
        account::Account,
        allowance::{self, Period},
        audit,
        card::{self, Card},
        challenge::{self, Challenge},
        gate::{self, Subject, Try},
        order::{self, Order},
    },
    database::Connection,
    error::{Error, Refusal, Result},
    money::Fen,
    rights::{OwnerOf, PayerOf, Settled},
    secrets::{Secret, alike},
};

/// Between two looks whether there is room.
const GLANCE: Duration = Duration::from_millis(50);

/// What the customer typed.
pub(crate) struct Answer {
    pub(crate) challenge: String,
    pub(crate) password: Secret,
    /// The six digits of a password card.
    pub(crate) code: Secret,
}

/// A payment on its way: who pays what, and what was asked.
struct Payment<'a> {
    bank: &'a Bank,
    customer: &'a str,
    order: &'a Order,
    challenge: Challenge,
    method: Method,
    standing: Standing,
    now: i64,
}

/// Answers a challenge. An order that was paid before is paid: sending a page twice changes nothing.
///
/// # Errors
/// The challenge is not the live one, the method can no longer pay, the answer is wrong, or money or limit is too small.
pub(crate) async fn answer(
    bank: &Bank,
    customer: &Settled,
    payer: &PayerOf<Account>,
    order: &OwnerOf<Order>,
    answer: &Answer,
) -> Result<()> {
    let (order, now, id) = (order.order(), bank.clock.now(), payer.customer());
    if order.state == "posted" {
        return Ok(());
    }
    if order.payer != payer.account().number {
        return Err(Refusal::NotYours.into());
    }
    let mut db = bank.database.connection().await?;
    let session = &customer.session().id;
    let Some(challenge) = challenge::find(&mut db, &answer.challenge, &order.id, session, now).await? else {
        return is_posted_or(bank, &mut db, order).await;
    };
    let broken = || Error::Broken("a challenge names a method that is none".into());
    let method = Method::from_name(&challenge.method).ok_or_else(broken)?;
    if method == Method::Shield {
        return Err(Refusal::SignOnShield.into());
    }
    let standing = standing(bank, &mut db, id).await?;
    let question = Question { kind: order.kind(), amount: Some(order.amount()) };
    judge(method, &standing, question, &bank.settings)?;
    // A pair that was used for another order meanwhile is no question any more, so it costs no try either.
    let asked = standing.card.as_ref().and_then(|card| card.pair.as_ref());
    if challenge.pair.is_some() && challenge.pair.as_ref() != asked {
        return Err(Refusal::ChallengeReplaced.into());
    }
    drop(db);
    let payment = Payment { bank, customer: id, order, challenge, method, standing, now };
    payment.go(answer).await
}

/// Why there is no live challenge: the order is paid, or ended, or asked again.
async fn is_posted_or(bank: &Bank, db: &mut Connection, order: &Order) -> Result<()> {
    let now = bank.clock.now();
    match order::find(db, &order.id).await? {
        Some(order) if order.state == "posted" => Ok(()),
        Some(order) if order.is_open(now) => Err(Refusal::ChallengeReplaced.into()),
        Some(order) if now >= order.expires_at => Err(Refusal::OrderExpired.into()),
        _ => Err(Refusal::OrderEnded.into()),
    }
}

impl Payment<'_> {
    /// What is guessed at, and so what five wrong answers close.
    fn subject(&self) -> Subject<'_> {
        match &self.standing.card {
            Some(card) if self.method == Method::Card => Subject::Card(&card.id),
            _ => Subject::Static(self.customer),
        }
    }

    fn card(&self) -> Option<(&Card, &str)> {
        let card = self.standing.card.as_ref().filter(|_| self.method == Method::Card)?;
        Some((card, self.challenge.pair.as_deref()?))
    }

    async fn go(&self, answer: &Answer) -> Result<()> {
        let paid = &self.pay_try().await?;
        match self.is_right(answer).await {
            Ok(true) => self.settle(paid).await,
            Ok(false) => {
                self.close_if_due().await?;
                Err(Refusal::WrongAnswer.into())
            }
            // Nothing was compared: a busy bank must not close a customer's card.
            Err(fault) => self.give_back(paid, fault).await,
        }
    }

    /// The answer was right.
    async fn settle(&self, paid: &Try) -> Result<()> {
        rules::pause(&self.bank.settings, self.order.amount()).await;
        let posted = match self.make_rows().await {
            Ok(()) => self.post(paid).await,
            Err(fault) => Err(fault),
        };
        match posted {
            Ok(()) => {
                self.bank.metrics.payment(self.method.name());
                Ok(())
            }
            Err(Error::Refused(refusal)) => match self.refuse(paid, refusal).await {
                Ok(()) => self.look_again(refusal).await,
                Err(fault) => self.give_back(paid, fault).await,
            },
            // Another answer to the same order was faster, and wrote the one posting.
            Err(Error::Database(Violation(fault))) if fault.is_unique_violation() => {
                let mut db = self.bank.database.connection().await?;
                is_posted_or(self.bank, &mut db, self.order).await
            }
            Err(fault) => self.give_back(paid, fault).await,
        }
    }

    async fn give_back<T>(&self, paid: &Try, fault: Error) -> Result<T> {
        self.bank.give_try_back(paid).await;
        Err(fault)
    }

    /// Pays a try. While five are being compared, whoever comes next waits until one of them is told right or wrong.
    async fn pay_try(&self) -> Result<Try> {
        let until = Instant::now() + Duration::from_secs(self.bank.settings.answer_seconds);
        loop {
            let is_full =
                gate::is_full(&mut *self.bank.database.connection().await?, &self.subject()).await?;
            let wanted = Try::new(&self.subject(), &self.order.id, self.bank.clock.now())?;
            if !is_full {
                match gate::pay_try(&self.bank.database, &wanted).await {
                    Ok(true) => return Ok(wanted),
                    Ok(false) => {}
                    // It may have been paid all the same, where the answer was lost.
                    Err(fault) => return self.give_back(&wanted, fault).await,
                }
            }
            self.check_open().await?;
            if Instant::now() >= until {
                return Err(Refusal::TooManyTries.into());
            }
            sleep(GLANCE).await;
        }
    }

    const fn blocked(&self) -> Refusal {
        match self.method {
            Method::Card => Refusal::CardBlocked,
            _ => Refusal::StaticBlocked,
        }
    }

    /// Compares, both secrets and always both, so that the time tells nobody which one is wrong.
    async fn is_right(&self, answer: &Answer) -> Result<bool> {
        let kept = self.standing.payment_password.as_deref();
        let password = self.bank.hasher.verify(&answer.password, kept).await?;
        let code = match self.card() {
            Some((card, pair)) => {
                let right = Zeroizing::new(card.answer(&self.bank.secrets, pair)?);
                alike(right.as_bytes(), answer.code.trim().as_bytes())
            }
            None => self.method == Method::Static,
        };
        Ok(password & code)
    }

    /// No try was left: the gate is shut, or five tries are being compared at this moment.
    async fn check_open(&self) -> Result<()> {
        let now = self.bank.clock.now();
        let mut db = self.bank.database.connection().await?;
        if gate::is_stale(&mut db, &self.subject(), now).await? {
            drop(db);
            self.close_if_due().await?;
            db = self.bank.database.connection().await?;
        }
        let is_open = gate::look(&mut db, &self.subject(), now).await? == gate::Gate::Open;
        if is_open { Ok(()) } else { Err(self.blocked().into()) }
    }

    /// After a wrong answer: the fifth closes the gate, and the pair is not asked again.
    async fn close_if_due(&self) -> Result<()> {
        let mut work = self.bank.database.begin().await?;
        if gate::block_if_due(&mut work, &self.subject(), self.now).await? {
            challenge::kill(&mut work, &self.order.id).await?;
            if let Some((card, pair)) = self.card() {
                card::burn_pair(&mut work, &card.id, pair, self.now).await?;
            }
            let actor = format!("customer:{}", self.customer);
            audit::add(&mut work, self.now, &actor, "blocked", self.method.name(), &self.order.id).await?;
            work.commit().await?;
        }
        Ok(())
    }

    /// The period that this payment counts in, and its ceiling.
    fn limit(&self) -> (String, Fen) {
        match self.method {
            Method::Card => (self.bank.clock.business_date(), self.standing.card_per_day),
            _ => (EVER.to_owned(), STATIC_TOTAL),
        }
    }

    async fn make_rows(&self) -> Result<()> {
        let (period, ceiling) = self.limit();
        let row = Period { customer: self.customer, method: self.method.name(), period: &period };
        let mut db = self.bank.database.writer().await?;
        allowance::make(&mut db, &row, ceiling).await
    }

    /// The posting. Each statement says itself whether it may happen; the first that may not ends the transaction, and nothing
    /// has happened. Locks are taken in the order of `docs/decisions/0052-the-bank.md`.
    async fn post(&self, paid: &Try) -> Result<()> {
        let (order, now) = (self.order, self.bank.clock.now());
        let must = |happened: bool, refusal: Refusal| if happened { Ok(()) } else { Err(refusal) };
        let mut work = self.bank.database.begin().await?;
        let (period, _) = self.limit();
        let row = Period { customer: self.customer, method: self.method.name(), period: &period };
        let over = if self.method == Method::Card { Refusal::OverDay } else { Refusal::StaticUsedUp };
        must(allowance::spend(&mut work, &row, order.amount()).await?, over)?;
        must(gate::pass(&mut work, &self.subject()).await?, self.blocked())?;
        gate::settle(&mut work, paid).await?;
        // The counter may have issued a card or agreed another limit while the passwords were compared.
        let fresh = standing(self.bank, &mut work, self.customer).await?.before(self.method, order.amount());
        let question = Question { kind: order.kind(), amount: Some(order.amount()) };
        judge(self.method, &fresh, question, &self.bank.settings)?;
        must(order::authorise(&mut work, &order.id, now).await?, Refusal::OrderEnded)?;
        let consumed = challenge::consume(&mut work, &self.challenge.id, now).await?;
        must(consumed, Refusal::ChallengeReplaced)?;
        if let Some((card, pair)) = self.card() {
            let used = card::count_use(&mut work, &card.id, pair, now).await?;
            must(used, Refusal::ChallengeReplaced)?;
        }
        settle(self.bank, &mut work, order, now).await?;
        let actor = format!("customer:{}", self.customer);
        audit::add(&mut work, now, &actor, "paid", &order.id, self.method.name()).await?;
        work.commit().await?;
        Ok(())
    }

    /// The answer was right and nothing was posted. Money or limit too small ends the order.
    async fn refuse(&self, paid: &Try, refusal: Refusal) -> Result<()> {
        let mut work = self.bank.database.begin().await?;
        // A right answer is no guess, so the try is given back.
        gate::give_back(&mut work, paid).await?;
        if refusal.ends_order() && order::refuse(&mut work, &self.order.id, refusal.code(), self.now).await? {
            challenge::kill(&mut work, &self.order.id).await?;
            let actor = format!("customer:{}", self.customer);
            audit::add(&mut work, self.now, &actor, "refused", &self.order.id, refusal.code()).await?;
        }
        Ok(work.commit().await?)
    }

    /// The try was given back. What another request has changed meanwhile is looked at again.
    async fn look_again(&self, refusal: Refusal) -> Result<()> {
        let mut db = self.bank.database.connection().await?;
        match refusal {
            Refusal::OrderEnded | Refusal::ChallengeReplaced => {
                is_posted_or(self.bank, &mut db, self.order).await
            }
            _ if order::find(&mut db, &self.order.id).await?.is_some_and(|now| now.state == "posted") => {
                Ok(())
            }
            other => Err(other.into()),
        }
    }
}
