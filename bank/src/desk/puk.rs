//! The PUK of a shield at the counter: set at the hand-over, and used once to unblock a shield, with a second teller's consent.
//!
//! ```text
//! hand_over, unblock   a PUK is made, sealed, and committed as pending       the line breaks here: nothing has changed
//! (ushield)            the shield takes it in place of the one it has        here: it has one of two, and the books have both
//! set                  pending → current                                     here: the answer is lost, and asking again is no harm
//! ```
//!
//! An errand begins with whatever an interrupted one has left: first the shield is brought to the pending PUK, and only then it is used.

use zeroize::Zeroizing;

use super::shield::in_use;
use crate::{
    bank::Bank,
    books::{
        approval, audit,
        puk::{self, Kept, Puk},
        shield::{self, Shield},
    },
    clock::{MINUTE, Moment},
    database::Work,
    error::{Refusal, Result},
    random,
    rights::{AtCounter, Teller},
};

/// A shield takes six tries.
const LENGTH: usize = wire::pin::FIELD;
/// The consent of the second teller is good for so long.
const CONSENT: Moment = 30 * MINUTE;

/// A PUK in clear: wiped when dropped, and never printed.
pub(crate) struct Clear(Zeroizing<Vec<u8>>);

impl Clear {
    fn new(text: &[u8]) -> Self {
        Self(Zeroizing::new(text.to_vec()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for Clear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clear(..)")
    }
}

/// What the counter's program is to do with the shield that is plugged in.
#[derive(Debug)]
pub(crate) struct Errand {
    /// The number of the PUK that the shield is to have.
    pub(crate) id: String,
    /// The serial number of the shield.
    pub(crate) serial: String,
    /// The PUKs of which the shield has one.
    pub(crate) known: Vec<Clear>,
    pub(crate) puk: Clear,
    /// The holder types a new PIN; else the shield is only brought to the PUK.
    pub(crate) unblocks: bool,
}

fn draw() -> Result<Clear> {
    loop {
        let signs = random::signs(random::CLEAR, LENGTH)?;
        if !wire::pin::is_trivial(signs.as_bytes()) {
            return Ok(Clear::new(signs.as_bytes()));
        }
    }
}

fn open(bank: &Bank, sealed: &Puk) -> Result<Clear> {
    let parts = ["puk", &sealed.serial, &sealed.id];
    bank.secrets.open(sealed.key_version, &parts, &sealed.sealed).map(Clear)
}

/// Seals a new PUK and writes it down as pending.
async fn make(
    bank: &Bank,
    work: &mut Work,
    serial: &str,
    approval: Option<&str>,
    teller: &Teller,
    now: Moment,
) -> Result<(String, Clear)> {
    let (id, clear) = (random::id()?, draw()?);
    let (key_version, sealed) = bank.secrets.seal(&["puk", serial, &id], &clear.0, now)?;
    let new = Puk { id, serial: serial.to_owned(), state: "pending".into(), key_version, sealed };
    puk::add(work, &new, approval, teller.name(), now).await?;
    audit::add(work, now, &teller.actor(), "puk-sealed", serial, &new.id).await?;
    Ok((new.id, clear))
}

/// What the shield has where nothing is pending: the PUK of the books, or the one that all shields leave the factory with.
fn current(bank: &Bank, kept: &Kept) -> Result<Clear> {
    match &kept.current {
        Some(sealed) => open(bank, sealed),
        None => Ok(Clear::new(wire::pin::FACTORY_PUK.as_bytes())),
    }
}

/// A pending PUK is one that the shield may have already: it is brought there, and nothing new is made.
async fn finish(bank: &Bank, work: &mut Work, kept: &Kept, pending: &Puk) -> Result<Errand> {
    puk::release(work, &pending.id).await?;
    Ok(Errand {
        id: pending.id.clone(),
        serial: pending.serial.clone(),
        known: vec![current(bank, kept)?, open(bank, pending)?],
        puk: open(bank, pending)?,
        unblocks: false,
    })
}

/// The shield's row first: two counters at once wait for each other here.
async fn hold(work: &mut Work, shield: &Shield) -> Result<()> {
    if shield::hold(work, &shield.id).await? { Ok(()) } else { Err(Refusal::ShieldEnded.into()) }
}

/// The hand-over of a shield from the factory: the PUK that it is to have instead of the factory's.
///
/// # Errors
/// The customer has no shield, or the bank has its PUK already.
pub(crate) async fn hand_over(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<Errand> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let shield = in_use(&mut work, &at.customer().id).await?;
    hold(&mut work, &shield).await?;
    let kept = puk::of(&mut work, &shield.serial).await?;
    // Whoever sees the PUK of a shield in use wants a second teller.
    if kept.current.is_some() {
        return Err(Refusal::PukKept.into());
    }
    let errand = match &kept.pending {
        Some(pending) => finish(bank, &mut work, &kept, pending).await?,
        None => {
            let (id, puk) = make(bank, &mut work, &shield.serial, None, teller, now).await?;
            let known = vec![current(bank, &kept)?];
            Errand { id, serial: shield.serial.clone(), known, puk, unblocks: false }
        }
    };
    audit::add(&mut work, now, &teller.actor(), "puk-fetched", &errand.serial, "hand-over").await?;
    work.commit().await?;
    Ok(errand)
}

/// The unblocking of a shield, for which a second teller has consented: the PUK that unblocks it, and the one that it has afterwards.
///
/// # Errors
/// This teller has asked for no such thing, nobody has consented, or the consent is used or too old; or the shield was taken back.
pub(crate) async fn unblock(bank: &Bank, teller: &Teller, consent: &str) -> Result<Errand> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let asked = approval::approved(&mut work, consent, "unblock-shield", teller.name()).await?;
    let (customer, serial, answered_at) = asked.ok_or(Refusal::NoConsent)?;
    let shield = in_use(&mut work, &customer).await?;
    hold(&mut work, &shield).await?;
    let is_used = puk::has_unblocked(&mut work, consent).await?;
    if is_used || now - answered_at > CONSENT || shield.serial != serial {
        return Err(Refusal::NoConsent.into());
    }
    let kept = puk::of(&mut work, &serial).await?;
    let errand = match &kept.pending {
        Some(pending) => finish(bank, &mut work, &kept, pending).await?,
        None => {
            let (id, puk) = make(bank, &mut work, &serial, Some(consent), teller, now).await?;
            Errand { id, serial: serial.clone(), known: vec![current(bank, &kept)?], puk, unblocks: true }
        }
    };
    audit::add(&mut work, now, &teller.actor(), "puk-fetched", &serial, consent).await?;
    work.commit().await?;
    Ok(errand)
}

/// The shield has taken the PUK. Saying so twice changes nothing.
///
/// # Errors
/// There is no such PUK, or another one took its place.
pub(crate) async fn set(bank: &Bank, teller: &Teller, id: &str) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let (serial, state, approval) = puk::find(&mut work, id).await?.ok_or(Refusal::NotFound)?;
    if state == "current" {
        return Ok(());
    }
    if state != "pending" || !puk::set(&mut work, id, &serial, now).await? {
        return Err(Refusal::NotFound.into());
    }
    let action = if approval.is_some() { "shield-unblocked" } else { "puk-set" };
    let detail = approval.unwrap_or_default();
    audit::add(&mut work, now, &teller.actor(), action, &serial, &detail).await?;
    work.commit().await?;
    Ok(())
}

/// The serial number of the shield that is to be unblocked, before a second teller is asked.
///
/// # Errors
/// The customer has no shield.
pub(crate) async fn locked(bank: &Bank, at: &AtCounter) -> Result<String> {
    let shield = in_use(&mut *bank.database.connection().await?, &at.customer().id).await?;
    Ok(shield.serial)
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_puk_is_one_that_every_token_takes_and_no_two_are_alike() {
        let puks: Vec<_> = (0..50).map(|_| draw().expect("random numbers")).collect();
        for (at, puk) in puks.iter().enumerate() {
            assert!(wire::pin::has_form(&puk.0, wire::pin::PUK_LENGTH), "{} signs", puk.0.len());
            assert!(!format!("{puk:?}").contains(puk.text()));
            assert!(puks.iter().skip(at + 1).all(|other| other.text() != puk.text()));
            assert!(!wire::pin::is_trivial(&puk.0));
        }
    }
}
