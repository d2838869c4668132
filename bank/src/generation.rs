//! Generations of the CA's keys: which one issues now, what others are to trust, and how a generation begins and ends
//! (`docs/decisions/0069-the-keys-of-the-ca-are-changed.md`).

use authority::{
    certificate::{Certificate, pem},
    certificate_kind::Kind,
};
use serde_json::{Value, json};

use crate::{
    bank::Bank,
    books::{
        audit, certificate,
        generation::{self, Generation},
        node, shield,
    },
    clock::Moment,
    error::{Error, Result},
    issuers::FIRST,
};

/// All that the books know of, the first one first.
pub(crate) async fn all(bank: &Bank) -> Result<Vec<Generation>> {
    generation::all(&mut *bank.database.connection().await?).await
}

/// The one that issues at this moment: the newest that has begun and is trusted.
fn issuing_of(all: &[Generation], now: Moment) -> Option<i64> {
    let begun = all.iter().rev().find(|own| own.is_trusted() && own.from_at <= now);
    begun.map(|own| own.number)
}

/// The one that issues now.
///
/// # Errors
/// None does, because the keys of all of them were stolen.
pub(crate) async fn issuing(bank: &Bank) -> Result<i64> {
    issuing_of(&all(bank).await?, bank.clock.now()).ok_or_else(|| {
        Error::Broken("no generation of the CA's keys issues: `bank ca add --hours 0` makes one".into())
    })
}

/// Those that others are to trust, the one that issues first, and then the newest first. One that begins tomorrow is among them, so that others
/// know it by then. A node that was not restarted yet does not have all of them, and tells of those that it has.
async fn trusted(bank: &Bank) -> Result<Vec<i64>> {
    let all = all(bank).await?;
    let issuing = issuing_of(&all, bank.clock.now());
    let others = all.iter().rev().filter(|own| own.is_trusted() && Some(own.number) != issuing);
    Ok(issuing.into_iter().chain(others.map(|own| own.number)).collect())
}

/// The certificates of the issuers of this kind that others are to trust: the one that issues first.
pub(crate) async fn anchors(bank: &Bank, kind: Kind) -> Result<Vec<&Certificate>> {
    let (shields, trusted) = (bank.shields()?, trusted(bank).await?);
    Ok(trusted.iter().filter_map(|number| Some(shields.all().get(number)?.certificate(kind))).collect())
}

/// What trusted issuers of this kind say of the trusted ones that follow them, DER.
pub(crate) async fn links(bank: &Bank, kind: Kind) -> Result<Vec<&[u8]>> {
    let (shields, trusted) = (bank.shields()?, trusted(bank).await?);
    let mut links = Vec::new();
    for own in trusted.iter().filter_map(|number| shields.all().get(number)) {
        links.extend(trusted.iter().filter_map(|former| own.link(*former, kind)));
    }
    Ok(links)
}

/// The issuers that programs are told of with the one that issues now: each with what it says of that one.
pub(crate) async fn former(bank: &Bank, issuing: i64) -> Result<Value> {
    let (shields, trusted) = (bank.shields()?, trusted(bank).await?);
    let own = shields.issuers(issuing)?;
    let mut told = json!({});
    for kind in Kind::ALL {
        let mut list = Vec::new();
        for number in &trusted {
            if let (Some(link), Some(former)) = (own.link(*number, kind), shields.all().get(number)) {
                let ca = former.certificate(kind).pem();
                list.push(json!({ "ca": ca, "link": pem("CERTIFICATE", link) }));
            }
        }
        told[kind.name()] = list.into();
    }
    Ok(told)
}

/// Whether this node was started before a generation was made, so that it does not know all of the bank's certificates.
pub(crate) async fn is_behind(bank: &Bank) -> Result<bool> {
    let (known, all) = (bank.shields()?.all(), all(bank).await?);
    Ok(all.iter().any(|own| own.is_kept() && !known.contains_key(&own.number)))
}

/// How many nodes serve by a program that knows of no generations.
pub(crate) async fn strangers(bank: &Bank) -> Result<i64> {
    let mut db = bank.database.connection().await?;
    node::former(&mut db, bank.clock.now(), KNOWN, Moment::MIN).await
}

/// How many nodes were started before a generation was made.
pub(crate) async fn late(bank: &Bank, own: &Generation) -> Result<i64> {
    let mut db = bank.database.connection().await?;
    node::former(&mut db, bank.clock.now(), KNOWN, own.made_at).await
}

/// The migration since which a program knows of generations.
const KNOWN: &str = "0011_generations";

/// How many certificates of a generation have not ended.
pub(crate) async fn living(bank: &Bank, number: i64) -> Result<i64> {
    let mut db = bank.database.connection().await?;
    certificate::of_generation(&mut db, number, bank.clock.now()).await
}

/// Writes a new generation into the books, with the certificates of its issuers. Whether there was none of its number.
pub(crate) async fn begin(bank: &Bank, number: i64, certificates: [&[u8]; 2], from: Moment) -> Result<bool> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if let Some(first) = bank.shields()?.all().get(&FIRST) {
        generation::write_down(&mut work, FIRST, first.certificates()).await?;
    }
    if !generation::add(&mut work, number, certificates, (from, now)).await? {
        return Ok(false);
    }
    audit::add(&mut work, now, "owner", "ca-generation-added", &number.to_string(), "").await?;
    work.commit().await?;
    Ok(true)
}

/// What happens when nobody trusts a generation any more.
pub(crate) struct Distrusted {
    pub(crate) certificates: u64,
    /// So many shields wait for another ID.
    pub(crate) shields: u64,
}

/// The keys of a generation were stolen: in one transaction nobody trusts it any more, all that it has issued is revoked, and shields wait for
/// another ID. Nothing where the bank has no such generation, or has given it up before.
pub(crate) async fn distrust(bank: &Bank, number: i64) -> Result<Option<Distrusted>> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    // As whoever gets a certificate does: the shields first, then the generation.
    shield::hold_all(&mut work).await?;
    if !generation::distrust(&mut work, number, now).await? {
        return Ok(None);
    }
    let certificates = certificate::revoke_generation(&mut work, number, now).await?;
    let shields = shield::wait_for_an_id(&mut work).await?;
    let detail = format!("{certificates} certificates revoked, {shields} shields wait for an ID");
    audit::add(&mut work, now, "owner", "ca-generation-stolen", &number.to_string(), &detail).await?;
    work.commit().await?;
    Ok(Some(Distrusted { certificates, shields }))
}

/// Why a generation is not taken out.
pub(crate) enum Kept {
    /// It issues, or it is the only one.
    Needed,
    /// So many of its certificates have not ended.
    Living(i64),
    /// It was taken out before.
    Forgotten,
    /// The books know of no such generation.
    Unknown,
}

/// The bank has a generation no more. Why it still has it, otherwise.
pub(crate) async fn forget(bank: &Bank, number: i64) -> Result<Option<Kept>> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let all = generation::all(&mut work).await?;
    let is_issuing = issuing_of(&all, now) == Some(number);
    // The row is held from here on: no certificate comes between.
    if !generation::forget(&mut work, number, now).await? {
        let is_known = all.iter().any(|own| own.number == number);
        return Ok(Some(if is_known { Kept::Forgotten } else { Kept::Unknown }));
    }
    let living = certificate::of_generation(&mut work, number, now).await?;
    if living > 0 {
        return Ok(Some(Kept::Living(living)));
    }
    let rest = generation::all(&mut work).await?;
    if is_issuing || !rest.iter().any(Generation::is_kept) {
        return Ok(Some(Kept::Needed));
    }
    audit::add(&mut work, now, "owner", "ca-generation-forgotten", &number.to_string(), "").await?;
    work.commit().await?;
    Ok(None)
}
