//! Who somebody is: log-in, self-registration, and the passwords that a customer chooses.

use crate::{
    bank::Bank,
    books::{
        audit, contract, customer,
        session::{self, NewSession, SessionKind},
        teller, throttle,
    },
    database::Connection,
    error::{Error, Refusal, Result},
    password,
    proxy::household,
    rights::{Settled, SignedIn},
    secrets::Secret,
};

/// The version of the agreement that the pages show. Which one a customer accepted, and when, is kept.
pub(crate) const AGREEMENT: &str = "2026-11-28";
/// Its articles: the texts `agreement-N` and `agreement-N-text`. A test holds their words to the version.
pub(crate) const ARTICLES: [u8; 6] = [1, 2, 3, 4, 5, 6];
/// So many tries for one account from one address cost nothing, and so many from one address for all accounts.
const FREE_TRIES: i64 = 5;
const FREE_TRIES_OF_ADDRESS: i64 = 50;

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// The network address, without its port.
    pub(crate) address: String,
    /// What the browser calls itself, cut to 120 characters.
    pub(crate) agent: String,
}

impl From {
    /// What is counted as one place.
    fn network(&self) -> String {
        self.address.parse().map_or_else(|_| self.address.clone(), |address| household(address).to_string())
    }
}

/// A try that was paid: for one account from one address, and from that address for all accounts.
struct Try {
    own: String,
    all: String,
}

/// Pays a try for an account from an address, before anything is compared. The address is asked first, so that whoever invents
/// accounts fills no table.
async fn pay_try(bank: &Bank, what: &str, account: &str, from: &From) -> Result<Try> {
    let (mut work, now, network) = (bank.database.begin().await?, bank.clock.now(), from.network());
    // What was typed can be anything, so a short digest of it names the row.
    let paid =
        Try { own: format!("{what}:{}:{network}", digest(account)), all: format!("{what}:*:{network}") };
    let may = throttle::pay(&mut work, &paid.all, FREE_TRIES_OF_ADDRESS, now).await?
        && throttle::pay(&mut work, &paid.own, FREE_TRIES, now).await?;
    if !may {
        return Err(Refusal::TooManyTries.into());
    }
    work.commit().await?;
    Ok(paid)
}

impl Try {
    /// It was no guess: a household or an office that logs in all day is no guesser.
    async fn succeed(&self, db: &mut Connection) -> Result<()> {
        throttle::give_back(db, &self.all).await?;
        throttle::forget(db, &self.own).await
    }

    /// As [`Self::succeed`], where nothing else is written.
    async fn succeed_alone(&self, bank: &Bank) -> Result<()> {
        let mut work = bank.database.begin().await?;
        self.succeed(&mut work).await?;
        work.commit().await?;
        Ok(())
    }

    /// Does what the try was paid for. A try that ends in a fault of the bank's own, or in an answer that the bank is too busy to compare, was no
    /// guess, and is given back.
    async fn spend<T>(&self, bank: &Bank, act: impl Future<Output = Result<T>>) -> Result<T> {
        let done = act.await;
        match &done {
            Ok(_) => {}
            Err(Error::Refused(refusal)) if *refusal != Refusal::Busy => {}
            Err(_) => bank.give_log_in_back([&self.own, &self.all]).await,
        }
        done
    }
}

fn digest(text: &str) -> String {
    use sha2::Digest;
    crate::random::hex(sha2::Sha256::digest(text.as_bytes()).get(..16).unwrap_or_default())
}

/// Logs a customer in, and gives the token of the new session. Unknown accounts and wrong passwords get the same answer after the
/// same work.
///
/// # Errors
/// The account or its password is wrong, or too many were tried.
pub(crate) async fn sign_in(bank: &Bank, account: &str, password: &str, from: &From) -> Result<String> {
    let account: String = account.chars().filter(|c| !c.is_whitespace()).take(64).collect();
    let paid = pay_try(bank, "customer", &account, from).await?;
    let act = async {
        let now = bank.clock.now();
        let (customer, kept) = {
            let mut db = bank.database.connection().await?;
            let customer = customer::by_account(&mut db, &account).await?;
            let kept = match &customer {
                Some(customer) => customer::login(&mut db, &customer.id).await?,
                None => None,
            };
            (customer, kept)
        };
        let is_right = bank.hasher.verify(password, kept.as_ref().map(|kept| kept.hash.as_str())).await?;
        let is_late = kept.and_then(|kept| kept.one_time_until).is_some_and(|until| until <= now);
        let Some(customer) = customer.filter(|_| is_right && !is_late) else {
            return Err(Refusal::WrongLogin.into());
        };
        let mut work = bank.database.begin().await?;
        paid.succeed(&mut work).await?;
        let new = NewSession {
            kind: SessionKind::Customer,
            subject: &customer.id,
            address: &from.address,
            agent: &from.agent,
        };
        let token = session::begin(&mut work, &new, now, now + bank.settings.session_life()).await?;
        audit::add(&mut work, now, &format!("customer:{}", customer.id), "sign-in", "", &from.address)
            .await?;
        work.commit().await?;
        Ok(token)
    };
    paid.spend(bank, act).await
}

/// Checks who stands at the bank's own machine, without a session.
///
/// # Errors
/// The name or the password is wrong, or too many were tried.
pub(crate) async fn check_teller(bank: &Bank, name: &str, password: &str) -> Result<()> {
    let from = From { address: "console".into(), agent: String::new() };
    let paid = pay_try(bank, "teller", name, &from).await?;
    let act = async {
        let kept = teller::hash(&mut *bank.database.connection().await?, name).await?;
        if !bank.hasher.verify(password, kept.as_deref()).await? {
            return Err(Refusal::WrongLogin.into());
        }
        paid.succeed_alone(bank).await
    };
    paid.spend(bank, act).await
}

/// Logs a teller in.
///
/// # Errors
/// The name or the password is wrong, or too many were tried.
pub(crate) async fn sign_in_teller(bank: &Bank, name: &str, password: &str, from: &From) -> Result<String> {
    let paid = pay_try(bank, "teller", name, from).await?;
    let act = async {
        let kept = teller::hash(&mut *bank.database.connection().await?, name).await?;
        if !bank.hasher.verify(password, kept.as_deref()).await? {
            return Err(Refusal::WrongLogin.into());
        }
        let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
        paid.succeed(&mut work).await?;
        let new = NewSession {
            kind: SessionKind::Teller,
            subject: name,
            address: &from.address,
            agent: &from.agent,
        };
        let token = session::begin(&mut work, &new, now, now + bank.settings.session_life()).await?;
        audit::add(&mut work, now, &format!("teller:{name}"), "sign-in", "", &from.address).await?;
        work.commit().await?;
        Ok(token)
    };
    paid.spend(bank, act).await
}

/// What somebody who registers types.
pub(crate) struct Registration {
    pub(crate) account: String,
    pub(crate) document: String,
    pub(crate) phone: String,
    pub(crate) password: Secret,
    /// The version of the agreement that was on the page.
    pub(crate) agreement: String,
}

/// Registers a customer of the counter for online banking. Whatever does not match gets the same answer after the same work: nobody
/// learns which accounts, documents or phones the bank knows, or who has registered.
///
/// # Errors
/// Something does not match, the password is weak, the agreement has changed, or too many were tried.
pub(crate) async fn register(bank: &Bank, new: &Registration, from: &From) -> Result<()> {
    if new.agreement != AGREEMENT {
        return Err(Refusal::AgreementChanged.into());
    }
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).take(64).collect::<String>();
    let (account, document, phone) = (plain(&new.account), plain(&new.document), plain(&new.phone));
    password::check(&new.password, &[&account, &document, &phone])?;
    let paid = pay_try(bank, "register", &account, from).await?;
    let act = async {
        let hash = bank.hasher.hash(&new.password).await?;
        let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
        let found = customer::by_account(&mut work, &account).await?;
        let right = |found: &customer::Customer| {
            found.document.eq_ignore_ascii_case(&document) && found.phone == phone
        };
        let customer = found.filter(right).ok_or(Refusal::NoMatch)?;
        let today = bank.clock.business_date();
        let maker = contract::Maker::Web;
        if !contract::add(&mut work, &customer.id, maker, &today, AGREEMENT, now).await? {
            return Err(Refusal::NoMatch.into());
        }
        customer::set_chosen_login(&mut work, &customer.id, &hash, now).await?;
        paid.succeed(&mut work).await?;
        let actor = format!("customer:{}", customer.id);
        audit::add(&mut work, now, &actor, "registered", &account, AGREEMENT).await?;
        work.commit().await?;
        Ok(())
    };
    paid.spend(bank, act).await
}

/// Whoever has an open session proves to know the log-in password, too. A password of the bank's making proves nothing after its
/// end, though the session goes on.
async fn prove_login(bank: &Bank, customer: &str, login: &str, from: &From) -> Result<()> {
    let paid = pay_try(bank, "password", customer, from).await?;
    let act = async {
        let kept = customer::login(&mut *bank.database.connection().await?, customer).await?;
        let is_right = bank.hasher.verify(login, kept.as_ref().map(|kept| kept.hash.as_str())).await?;
        let is_late =
            kept.and_then(|kept| kept.one_time_until).is_some_and(|until| until <= bank.clock.now());
        if !is_right || is_late {
            return Err(Refusal::WrongPassword.into());
        }
        paid.succeed_alone(bank).await
    };
    paid.spend(bank, act).await
}

/// A customer logs out.
pub(crate) async fn sign_out(bank: &Bank, who: &SignedIn) -> Result<()> {
    end_session(bank, &who.customer().id, &who.session().id, "sign-out").await.map(drop)
}

/// A customer ends one session, perhaps of another browser.
///
/// # Errors
/// The customer has no such session.
pub(crate) async fn end_one(bank: &Bank, who: &Settled, session: &str) -> Result<()> {
    let there = end_session(bank, &who.customer().id, session, "session-ended").await?;
    if there { Ok(()) } else { Err(Refusal::NotYours.into()) }
}

async fn end_session(bank: &Bank, customer: &str, session: &str, action: &str) -> Result<bool> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let there = session::end(&mut work, SessionKind::Customer, customer, session).await?;
    if there {
        audit::add(&mut work, now, &format!("customer:{customer}"), action, "", "").await?;
        work.commit().await?;
    }
    Ok(there)
}

/// A customer ends all sessions of the customer's own.
pub(crate) async fn end_all(bank: &Bank, who: &Settled) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    session::end_all(&mut work, SessionKind::Customer, &who.customer().id).await?;
    audit::add(&mut work, now, &who.actor(), "sessions-ended", "", "").await?;
    work.commit().await?;
    Ok(())
}

/// A customer chooses another log-in password. All sessions end, and the caller begins a new one by logging in.
///
/// # Errors
/// The former password is wrong, or the new one is the same or weak.
pub(crate) async fn choose_password(
    bank: &Bank,
    who: &SignedIn,
    former: &str,
    chosen: &str,
    from: &From,
) -> Result<()> {
    let customer = who.customer();
    prove_login(bank, &customer.id, former, from).await?;
    if former == chosen {
        return Err(Refusal::SamePassword.into());
    }
    password::check(chosen, &[&customer.document, &customer.phone])?;
    let hash = bank.hasher.hash(chosen).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    customer::set_chosen_login(&mut work, &customer.id, &hash, now).await?;
    session::end_all(&mut work, SessionKind::Customer, &customer.id).await?;
    audit::add(&mut work, now, &format!("customer:{}", customer.id), "password-chosen", "", "").await?;
    work.commit().await?;
    Ok(())
}

/// A customer chooses a payment password: 6 to 30 digits and letters, with at least one of each. The log-in password is asked,
/// because whoever finds an open session must not be able to choose it.
///
/// # Errors
/// The log-in password is wrong, or the payment password has another form or is the same.
pub(crate) async fn choose_payment_password(
    bank: &Bank,
    who: &Settled,
    login: &str,
    chosen: &str,
    from: &From,
) -> Result<()> {
    let customer = who.customer();
    prove_login(bank, &customer.id, login, from).await?;
    let is_plain = chosen.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let has = |kind: fn(&u8) -> bool| chosen.as_bytes().iter().any(kind);
    let both = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    if !(6..=30).contains(&chosen.len()) || !is_plain || !both {
        return Err(Refusal::PaymentPasswordForm.into());
    }
    if chosen == login {
        return Err(Refusal::SamePassword.into());
    }
    let hash = bank.hasher.hash(chosen).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    customer::set_payment_password(&mut work, &customer.id, &hash, now).await?;
    audit::add(&mut work, now, &who.actor(), "payment-password-chosen", "", "").await?;
    work.commit().await?;
    Ok(())
}
