//! Rights, as values: who holds one has passed the check that makes it, because nothing else can make it. A function that pays
//! takes a [`PayerOf`] of the account, so it cannot be called for somebody else's account.

use crate::{
    bank::Bank,
    books::{
        account::{self, Account},
        customer::{self, Customer},
        merchant::{self, Merchant},
        order::{self, Order},
        session::{self, Session, SessionKind},
        teller,
    },
    database::Connection,
    error::{Refusal, Result},
};

/// The session of this token, which goes on from this moment.
async fn touched(bank: &Bank, kind: SessionKind, token: &str) -> Result<Option<Session>> {
    let mut db = bank.database.writer().await?;
    session::touch(&mut db, kind, token, bank.clock.now(), bank.settings.idle()).await
}

/// A customer whose session goes on. A customer with a password of the bank's making must choose another one first, and has no
/// other right until then.
#[derive(Debug)]
pub(crate) struct SignedIn {
    customer: Customer,
    session: Session,
    must_choose: bool,
}

impl SignedIn {
    /// Whoever holds this token.
    pub(crate) async fn by_token(bank: &Bank, token: &str) -> Result<Option<Self>> {
        let Some(session) = touched(bank, SessionKind::Customer, token).await? else { return Ok(None) };
        let mut db = bank.database.connection().await?;
        let Some(customer) = customer::by_id(&mut db, &session.subject).await? else { return Ok(None) };
        let Some(password) = customer::login(&mut db, &customer.id).await? else { return Ok(None) };
        Ok(Some(Self { customer, session, must_choose: password.one_time_until.is_some() }))
    }

    pub(crate) const fn customer(&self) -> &Customer {
        &self.customer
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    /// With all rights of a customer, or with none before the password was changed.
    pub(crate) fn settle(self) -> std::result::Result<Settled, Refusal> {
        if self.must_choose { Err(Refusal::ChangePasswordFirst) } else { Ok(Settled(self)) }
    }
}

/// A customer with a session and a password of the customer's own.
#[derive(Debug)]
pub(crate) struct Settled(SignedIn);

impl Settled {
    pub(crate) const fn customer(&self) -> &Customer {
        &self.0.customer
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.0.session
    }

    /// How the audit names the customer.
    pub(crate) fn actor(&self) -> String {
        format!("customer:{}", self.0.customer.id)
    }
}

/// The right to pay from an account, and whose right it is.
#[derive(Debug)]
pub(crate) struct PayerOf<T> {
    of: T,
    customer: String,
}

impl PayerOf<Account> {
    /// The customer's own account of this number. Another customer's account is not found: nobody learns that it exists.
    pub(crate) async fn check(db: &mut Connection, customer: &Settled, number: &str) -> Result<Self> {
        let found = account::find(db, number).await?;
        let customer = &customer.customer().id;
        let own = |account: &Account| account.customer.as_deref() == Some(customer);
        Ok(Self { of: found.filter(own).ok_or(Refusal::NotYours)?, customer: customer.clone() })
    }

    pub(crate) const fn account(&self) -> &Account {
        &self.of
    }

    /// The number of the customer who pays.
    pub(crate) fn customer(&self) -> &str {
        &self.customer
    }
}

/// The right to see, pay and cancel an order.
#[derive(Debug)]
pub(crate) struct OwnerOf<T>(T);

impl OwnerOf<Order> {
    /// The customer's own order of this number.
    pub(crate) async fn check(db: &mut Connection, customer: &Settled, id: &str) -> Result<Self> {
        let found = order::find(db, id).await?;
        Ok(Self(found.filter(|order| order.customer == customer.customer().id).ok_or(Refusal::NotYours)?))
    }

    pub(crate) const fn order(&self) -> &Order {
        &self.0
    }
}

/// A teller whose session goes on.
#[derive(Debug)]
pub(crate) struct Teller {
    name: String,
    session: Session,
}

impl Teller {
    /// Whoever holds this token, if that teller still works here.
    pub(crate) async fn by_token(bank: &Bank, token: &str) -> Result<Option<Self>> {
        let Some(session) = touched(bank, SessionKind::Teller, token).await? else { return Ok(None) };
        let mut db = bank.database.connection().await?;
        let works = teller::hash(&mut db, &session.subject).await?.is_some();
        Ok(works.then(|| Self { name: session.subject.clone(), session }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    /// How the audit names the teller.
    pub(crate) fn actor(&self) -> String {
        format!("teller:{}", self.name)
    }
}

/// A merchant whose program has shown a key.
#[derive(Debug)]
pub(crate) struct Shop(Merchant);

impl Shop {
    /// Whoever holds this key.
    pub(crate) async fn by_key(bank: &Bank, key: &str) -> Result<Option<Self>> {
        let mut db = bank.database.connection().await?;
        Ok(merchant::by_key(&mut db, key, bank.clock.now()).await?.map(Self))
    }

    pub(crate) const fn merchant(&self) -> &Merchant {
        &self.0
    }
}

/// A customer who stands at the counter: the teller has looked at the document and at the registered card.
#[derive(Debug)]
pub(crate) struct AtCounter {
    customer: Customer,
    account: String,
}

impl AtCounter {
    /// The customer of this account, if the document is that customer's.
    pub(crate) async fn check(
        db: &mut Connection,
        _teller: &Teller,
        account: &str,
        document: &str,
    ) -> Result<Self> {
        let found = customer::by_account(db, account).await?;
        let customer = found.filter(|customer| customer.document == document).ok_or(Refusal::NoMatch)?;
        Ok(Self { customer, account: account.to_owned() })
    }

    pub(crate) const fn customer(&self) -> &Customer {
        &self.customer
    }

    pub(crate) fn account(&self) -> &str {
        &self.account
    }
}
