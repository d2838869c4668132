//! What outsiders are told of certificates, from the books: lists that are made when somebody asks and something has changed, and answers
//! to single questions (RFC 6960).

use std::{collections::HashMap, sync::Arc};

use authority::{
    ca::{
        dated,
        ocsp::{self, Status},
    },
    certificate_kind::Kind,
    moment::Validity,
};
use time::OffsetDateTime;

use crate::{
    bank::Bank,
    books::{
        certificate,
        crl::{self, Crl},
    },
    clock::{DAY, Moment, SECOND},
    error::{Error, Result},
    generation,
    shields::Page,
};

/// A list is good for so long, and made anew when half of that is over or something was revoked.
const LIFE: Moment = 2 * DAY;

/// The list of what a generation of the CA's keys has issued and the bank has revoked, as it is now.
pub(crate) async fn current(bank: &Bank, kind: Kind, generation: i64) -> Result<Crl> {
    let mut db = bank.database.connection().await?;
    let (latest, revocations) =
        (crl::latest(&mut db, kind, generation).await?, crl::revocations(&mut db).await?);
    drop(db);
    match latest.filter(|list| is_fresh(bank, list, revocations)) {
        Some(list) => Ok(list),
        None => make(bank, kind, generation).await,
    }
}

fn is_fresh(bank: &Bank, list: &Crl, revocations: i64) -> bool {
    let now = bank.clock.now();
    // A list of a later time was made while the clock was ahead, and nobody takes it yet.
    list.revocations == revocations && list.next_update - now > LIFE / 2 && list.this_update <= now
}

/// Makes both lists of a generation under one number. The number is spent first, and its row holds off whoever else would make a list.
async fn make(bank: &Bank, kind: Kind, generation: i64) -> Result<Crl> {
    let shields = bank.shields()?;
    shields.issuers(generation)?;
    let mut work = bank.database.begin().await?;
    let (number, revocations) = crl::next(&mut work).await?;
    // Of all who wait here for the row, one signs.
    let latest = crl::latest(&mut work, kind, generation).await?;
    if let Some(list) = latest.filter(|list| is_fresh(bank, list, revocations)) {
        return Ok(list);
    }
    let rows = certificate::revoked(&mut work, generation).await?;
    let entries = rows.iter().map(certificate::Certificate::entry).collect::<Result<Vec<_>>>()?;
    let spent = u64::try_from(number).map_err(|_| Error::Broken("the number of the list is none".into()))?;
    let page = Arc::new(Page::of(entries, bank.public.main(), spent, generation));
    let now = bank.clock.date();
    let this_update = dated(now);
    let days = u32::try_from(LIFE / DAY).unwrap_or(1);
    let until = Validity::Days(days).not_after(now).map_err(|_| Error::Broken("no date".into()))?;
    let mut wanted = None;
    for each in Kind::ALL {
        let der = shields.crl(generation, each, page.clone(), this_update, until).await?;
        let milliseconds = |at: OffsetDateTime| at.unix_timestamp().saturating_mul(SECOND);
        let (this_update, next_update) = (milliseconds(this_update), milliseconds(until));
        let list = Crl { number, revocations, this_update, next_update, der };
        crl::add(&mut work, each, generation, &list).await?;
        if each == kind {
            wanted = Some(list);
        }
    }
    // Whoever is sending an old list has read it already.
    crl::sweep(&mut work, generation).await?;
    work.commit().await?;
    wanted.ok_or_else(|| Error::Broken("no list was made".into()))
}

/// An answer is good for so long.
const ANSWER_LIFE: time::Duration = time::Duration::hours(1);

/// The answer to a question about certificates of this kind, DER. What is no question gets an answer that says so.
pub(crate) async fn answer(bank: &Bank, kind: Kind, request: &[u8]) -> Result<Vec<u8>> {
    let Some(asked) = ocsp::read(request) else { return Ok(ocsp::MALFORMED.to_vec()) };
    let shields = bank.shields()?;
    // Whoever asks about another CA is told by the one that issues now that nobody knows.
    let generation = match shields.asked(kind, &asked) {
        Some(generation) => generation,
        None => generation::issuing(bank).await?,
    };
    let mut known = HashMap::new();
    let mut db = bank.database.connection().await?;
    for serial in asked.serials() {
        let status = match certificate::status(&mut db, &serial, kind, generation).await? {
            None => Status::Unknown,
            Some(None) => Status::Good,
            Some(Some((at, why))) => Status::Revoked(at, why),
        };
        known.insert(serial, status);
    }
    drop(db);
    let now = bank.clock.date();
    let responder = shields.issuers(generation)?.responder(kind, now).await?;
    let status = |serial: &str| known.get(serial).copied().unwrap_or(Status::Unknown);
    // One signature takes less time than a thread that may block takes to begin.
    let answer = responder.answer(&asked, status, dated(now), now + ANSWER_LIFE);
    answer.map_err(|error| Error::Broken(format!("no answer was signed: {}", error.why())))
}
