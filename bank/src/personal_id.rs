//! The personal ID by API: a program shows reference and authorisation code, and fetches the two certificates of one shield.
//!
//! ```text
//! the counter      binds a shield's serial number, hands out reference and code
//! present          the code is right: whose ID it is, from the bank's books
//! certify (twice)  request and attestation → certificate; what was issued before and never arrived is revoked
//! deliver          both are on the shield: the code is spent, and the shield pays
//! ```
//!
//! A program that is interrupted anywhere starts again with the same code. Clients of EST get the same certificates ([`enrolment`],
//! [`renewal`]).

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
pub(crate) mod renewal;
pub(crate) mod enrolment;

use authority::{attestation::Attestation, certificate_kind::Kind, csr, index::Entry, subject::Subject};
use sha2::{Digest, Sha256};

use crate::{
    bank::Bank,
    books::{
        self, audit,
        authorisation::{self, Authorisation},
        certificate::{self, Place},
        contract, customer, puk,
        shield::{self, Shield},
    },
    clock::{DAY, Moment},
    database::{Connection, Work},
    error::{Error, Refusal, Result},
    generation,
    random::{self, hex},
    rights::Settled,
    secrets::{self, Purpose, Secret, alike},
    shields::{Page, Shields, Wanted},
};

/// What the counter hands out: shown once.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Code {
    pub(crate) serial: String,
    pub(crate) reference: String,
    pub(crate) code: String,
}

fn mac(bank: &Bank, version: i64, reference: &str, code: &str) -> Result<String> {
    Ok(hex(bank.secrets.mac(Purpose::Form(version), &["authorisation", reference, code])?.as_slice()))
}

/// Makes reference and code for a shield, in place of the former ones.
pub(crate) async fn hand_out(bank: &Bank, work: &mut Work, shield: &Shield, now: Moment) -> Result<Code> {
    let digits = |count| Ok::<_, Error>(random::signs(random::DIGITS, count)?.to_string());
    let (reference, code) = (digits(12)?, digits(10)?);
    let key_version = bank.secrets.current(secrets::Kind::Form, now);
    let mac = mac(bank, key_version, &reference, &code)?;
    held(work, shield).await?;
    authorisation::replace(work, &reference, &shield.id, (&mac, key_version), now).await?;
    Ok(Code { serial: shield.serial.clone(), reference, code })
}

/// The shield's row first, in each transaction that changes what belongs to the shield.
async fn held(work: &mut Work, shield: &Shield) -> Result<()> {
    if shield::hold(work, &shield.id).await? { Ok(()) } else { Err(Refusal::ShieldEnded.into()) }
}

/// What a program shows.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Words {
    pub(crate) reference: String,
    pub(crate) code: Secret,
}

/// The right to fetch the ID of one shield: the code was right.
#[derive(Debug)]
pub(crate) struct Granted {
    authorisation: Authorisation,
    shield: Shield,
    /// The holder's name in the books.
    name: String,
}

impl Granted {
    /// Checks reference and code. A wrong code costs one of five tries; unknown references and wrong codes have one answer.
    ///
    /// # Errors
    /// The code is wrong, dead or too old, or the shield was taken back.
    pub(crate) async fn check(bank: &Bank, words: &Words) -> Result<Self> {
        let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>();
        let reference = plain(&words.reference);
        let code = zeroize::Zeroizing::new(plain(&words.code));
        // Whoever guesses references takes no lock: only a reference that is there is written to.
        if authorisation::state(&mut *bank.database.connection().await?, &reference).await?.is_none() {
            return Err(Refusal::CodeWrong.into());
        }
        let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
        let Some(authorisation) = authorisation::pay_try(&mut work, &reference, now).await? else {
            let state = authorisation::state(&mut work, &reference).await?;
            let is_late = state.is_some_and(|(_, expires)| expires <= now);
            return Err(if is_late { Refusal::CodeExpired } else { Refusal::CodeWrong }.into());
        };
        let given = mac(bank, authorisation.key_version, &reference, &code)?;
        if !alike(given.as_bytes(), authorisation.mac.as_bytes()) {
            if authorisation::die_if_due(&mut work, &reference).await? {
                audit::add(&mut work, now, "bank", "code-dead", &reference, "").await?;
            }
            work.commit().await?;
            return Err(Refusal::CodeWrong.into());
        }
        authorisation::give_back(&mut work, &reference).await?;
        let missing = || Error::Broken("a code is for a shield that is not there".into());
        let shield = shield::find(&mut work, &authorisation.shield).await?.ok_or_else(missing)?;
        let customer = customer::by_id(&mut work, &shield.customer).await?.ok_or_else(missing)?;
        work.commit().await?;
        if !shield.is_held() {
            return Err(Refusal::ShieldEnded.into());
        }
        if shield.is_suspended() {
            return Err(Refusal::ShieldSuspended.into());
        }
        if bank.settings.puk_first
            && !puk::has_current(&mut *bank.database.connection().await?, &shield.serial).await?
        {
            return Err(Refusal::PukNotSet.into());
        }
        Ok(Self { authorisation, shield, name: customer.name })
    }

    pub(crate) fn subject(&self, shields: &Shields) -> Subject {
        shields.subject(&self.name, &self.shield.user_id)
    }

    pub(crate) fn serial(&self) -> &str {
        &self.shield.serial
    }

    fn actor(&self) -> String {
        format!("customer:{}", self.shield.customer)
    }
}

/// The serial numbers of the shield's certificates that stand, so that a program sees whether there is anything to do.
pub(crate) async fn standing(bank: &Bank, granted: &Granted) -> Result<Vec<String>> {
    let mut db = bank.database.connection().await?;
    let standing = certificate::standing(&mut db, &granted.shield.id).await?;
    Ok(standing.into_iter().map(|certificate| certificate.serial).collect())
}

/// Issues one certificate: the subject is the books' and the request must say the same, and the key must be attested as made on the
/// shield that the counter has bound. What was issued before for the same shield and kind, and never arrived, is revoked.
///
/// # Errors
/// The code is spent, or the request or its attestation is refused. Then nothing was issued, and what was on its way stays as it was.
pub(crate) async fn certify(
    bank: &Bank,
    granted: &Granted,
    kind: Kind,
    request: Vec<u8>,
    attestation: &Attestation,
) -> Result<Vec<u8>> {
    let (shields, now) = (bank.shields()?, bank.clock.date());
    if granted.authorisation.is_spent() {
        return Err(Refusal::IdDelivered.into());
    }
    let key = csr::check(&request).map_err(|_| Refusal::RequestRefused)?.public_key;
    shields.check_attested(kind, &key, &granted.shield.serial, attestation, now)?;
    issue(bank, granted, kind, (request, &key), Again::Another).await
}

/// What whoever asks a second time for the certificate of a key gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Another certificate, and the first is revoked: a client of the API tells when one is on the shield.
    Another,
    /// The certificate that the key got by the same code.
    TheSame,
}

/// Issues a certificate for a key that the shield has attested.
async fn issue(
    bank: &Bank,
    granted: &Granted,
    kind: Kind,
    (request, key): (Vec<u8>, &[u8]),
    again: Again,
) -> Result<Vec<u8>> {
    let subject = granted.subject(bank.shields()?);
    let signed = sign(bank, &granted.shield, kind, (request, key), subject).await?;
    let known = record(bank, granted, (kind, key, again), &signed).await?;
    Ok(known.unwrap_or(signed.der))
}

/// A certificate (DER), and what is to be written down of it.
struct Signed {
    der: Vec<u8>,
    page: Page,
    /// The generation of the CA's keys that has signed it.
    generation: i64,
}

impl Signed {
    /// Counts the certificate, in the transaction that writes it down, after the shield's row: a generation whose keys were stolen meanwhile has
    /// issued nothing.
    async fn count(&self, work: &mut Work) -> Result<()> {
        let may_issue = books::generation::count(work, self.generation).await?;
        if may_issue { Ok(()) } else { Err(Refusal::Busy.into()) }
    }
}

/// Has the generation sign that issues now.
async fn sign(
    bank: &Bank,
    shield: &Shield,
    kind: Kind,
    (request, key): (Vec<u8>, &[u8]),
    subject: Subject,
) -> Result<Signed> {
    let generation = generation::issuing(bank).await?;
    let mut db = bank.database.connection().await?;
    let rows = certificate::concerning(&mut db, &digest(key), &subject.user_id).await?;
    drop(db);
    let entries = rows.iter().map(certificate::Certificate::entry).collect::<Result<Vec<_>>>()?;
    let page = Page::of(entries, bank.public.main(), 0, generation);
    let (serial, days) = (shield.serial.clone(), bank.settings.certificate_days);
    let wanted = Wanted { kind, request, subject, serial, days };
    let (der, page) = bank.shields()?.issue(generation, wanted, page, bank.clock.date()).await?;
    Ok(Signed { der, page, generation })
}

/// The SHA-256 of a key (SubjectPublicKeyInfo), as the rows of certificates have it.
fn digest(key: &[u8]) -> String {
    authority::certificate::hex(&Sha256::digest(key))
}

/// The SHA-256 of a certificate (DER), as the rows have it.
fn fingerprint(der: &[u8]) -> String {
    hex(&Sha256::digest(der))
}

/// Writes the new certificate down, in one transaction. Where the same request was faster and is answered alike, nothing is written: the
/// certificate (DER) that it got.
async fn record(
    bank: &Bank,
    granted: &Granted,
    (kind, key, again): (Kind, &[u8], Again),
    signed: &Signed,
) -> Result<Option<Vec<u8>>> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let Granted { authorisation, shield, .. } = granted;
    held(&mut work, shield).await?;
    signed.count(&mut work).await?;
    // The shield's row is this transaction's, so whoever was faster is done.
    if again == Again::TheSame
        && let Some((reference, known)) = certificate::of_key(&mut work, &digest(key), &shield.id).await?
        && reference == authorisation.reference
    {
        return Ok(Some(known));
    }
    if !authorisation::count(&mut work, &authorisation.reference, now).await? {
        return Err(Refusal::CodeWrong.into());
    }
    certificate::revoke_on_the_way(&mut work, &shield.id, kind, now).await?;
    for entry in &signed.page.new {
        add(&mut work, entry, shield, &authorisation.reference, signed).await?;
        let detail = format!("{} {}", kind.name(), shield.serial);
        audit::add(&mut work, now, &granted.actor(), "certificate-issued", &entry.serial, &detail).await?;
    }
    work.commit().await?;
    Ok(None)
}

async fn add(
    work: &mut Work,
    entry: &Entry,
    shield: &Shield,
    reference: &str,
    Signed { der, generation, .. }: &Signed,
) -> Result<()> {
    let (fingerprint, generation) = (&fingerprint(der), *generation);
    let place = Place { shield: &shield.id, reference, fingerprint, der, generation };
    certificate::add(work, entry, place).await.map_err(|error| match error {
        // Another request certified the key meanwhile.
        Error::Database(sqlx::Error::Database(fault)) if fault.is_unique_violation() => {
            Refusal::RequestRefused.into()
        }
        other => other,
    })
}

/// Both certificates are on the shield: the code is spent, the shield pays, and what the shield had before is revoked. Confirming
/// twice changes nothing.
///
/// # Errors
/// These are not the two certificates that were issued for the shield.
pub(crate) async fn deliver(bank: &Bank, granted: &Granted, serials: &[String; 2]) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let (shield, reference) = (&granted.shield, granted.authorisation.reference.as_str());
    held(&mut work, shield).await?;
    let is_first = authorisation::spend(&mut work, reference, now).await?;
    for serial in serials {
        if !certificate::deliver(&mut work, serial, &shield.id, now).await? {
            return Err(Refusal::NotIssued.into());
        }
    }
    let standing = certificate::standing(&mut work, &shield.id).await?;
    let has = |kind| standing.iter().any(|row| row.kind() == kind && serials.contains(&row.serial));
    if !Kind::ALL.into_iter().all(has) {
        return Err(Refusal::NotIssued.into());
    }
    let [one, other] = serials;
    let former = certificate::revoke_former(&mut work, &shield.id, [one, other], now).await?;
    if !shield::deliver(&mut work, &shield.id, now).await? {
        return Err(Refusal::ShieldEnded.into());
    }
    if is_first || former > 0 {
        let detail = format!("{one} {other}, {former} revoked");
        audit::add(&mut work, now, &granted.actor(), "id-delivered", &shield.serial, &detail).await?;
    }
    work.commit().await?;
    Ok(())
}

/// So many certificates are withdrawn at once: two for each of the times that a code issues.
const WITHDRAWN: usize = 40;

/// Certificates that never reached the shield are revoked; the code stays good.
///
/// # Errors
/// More than [`WITHDRAWN`] are named, or the shield is its holder's no more.
pub(crate) async fn withdraw(bank: &Bank, granted: &Granted, serials: &[String]) -> Result<()> {
    if serials.len() > WITHDRAWN {
        return Err(Refusal::NotIssued.into());
    }
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    held(&mut work, &granted.shield).await?;
    for serial in serials {
        if certificate::withdraw(&mut work, serial, &granted.shield.id, now).await? > 0 {
            audit::add(&mut work, now, &granted.actor(), "certificate-withdrawn", serial, "").await?;
        }
    }
    work.commit().await?;
    Ok(())
}

/// From so long before the end of a certificate until so long after it, the holder renews it alone.
const RENEWAL: (Moment, Moment) = (90 * DAY, 30 * DAY);

/// The end of the personal ID on a shield.
pub(crate) struct End {
    /// The last moment of the payment certificate.
    pub(crate) until: Moment,
    /// The last moment at which the holder may renew the ID alone.
    pub(crate) renewable_until: Moment,
    /// Whether the ID has ended.
    pub(crate) is_over: bool,
    /// Whether the holder may renew the ID alone now.
    pub(crate) may_renew: bool,
}

/// When the personal ID of a shield ends; nothing where none has arrived.
pub(crate) async fn end_of(bank: &Bank, shield: &Shield) -> Result<Option<End>> {
    let mut db = bank.database.connection().await?;
    let standing = certificate::standing(&mut db, &shield.id).await?;
    let own = standing.iter().rev().find(|row| row.kind() == Kind::Payment && row.delivered_at.is_some());
    let now = bank.clock.now();
    Ok(own.map(|row| {
        let is_in_use = shield.is_delivered() && !shield.is_suspended();
        let (until, renewable_until) = (row.not_after, row.not_after + RENEWAL.1);
        let may_renew = is_in_use && now >= until - RENEWAL.0 && now <= renewable_until;
        End { until, renewable_until, is_over: now > until, may_renew }
    }))
}

/// The holder asks for a new ID on the same shield.
///
/// # Errors
/// There is no shield with an ID, or it is too early or too late.
pub(crate) async fn renew(bank: &Bank, who: &Settled) -> Result<Code> {
    let found = shield::of_customer(&mut *bank.database.connection().await?, &who.customer().id).await?;
    let shield = found.filter(Shield::is_delivered).ok_or(Refusal::ShieldNotDelivered)?;
    if shield.is_suspended() {
        return Err(Refusal::ShieldSuspended.into());
    }
    let end = end_of(bank, &shield).await?.ok_or(Refusal::ShieldNotDelivered)?;
    if !end.may_renew {
        return Err(Refusal::NotYetRenewed.into());
    }
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let code = hand_out(bank, &mut work, &shield, now).await?;
    audit::add(&mut work, now, &who.actor(), "renewal-asked", &shield.serial, &code.reference).await?;
    work.commit().await?;
    Ok(code)
}

/// Gives a shield to a customer, and hands out the first code.
///
/// # Errors
/// The number is none, the contract does not pay, or the customer or somebody else has a shield (this one).
pub(crate) async fn bind(
    bank: &Bank,
    work: &mut Work,
    (customer, user_id): (&str, &str),
    serial: &str,
    teller: &str,
    now: Moment,
) -> Result<Code> {
    let contract = contract::find(work, customer).await?.ok_or(Refusal::NoContract)?;
    contract.enabled_on.ok_or(Refusal::NotEnabled)?;
    let new = Shield {
        id: random::id()?,
        serial: serial_number(serial)?,
        customer: customer.to_owned(),
        user_id: user_id.to_owned(),
        state: "bound".to_owned(),
        bound_at: now,
        delivered_at: None,
        suspended_at: None,
    };
    if !shield::add(work, &new, teller).await? {
        return Err(Refusal::ShieldExists.into());
    }
    hand_out(bank, work, &new, now).await
}

/// A serial number as the shield's label has it.
pub(crate) fn serial_number(typed: &str) -> Result<String> {
    let number: String = typed.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let right = (4..=32).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if right { Ok(number) } else { Err(Refusal::BadShield.into()) }
}

/// Takes a shield back: its certificates are revoked, and its code is dead.
pub(crate) async fn take_back(
    work: &mut Work,
    shield: &Shield,
    why: certificate::Why,
    now: Moment,
) -> Result<u64> {
    let state = if why == certificate::Why::Lost { "lost" } else { "replaced" };
    if !shield::end(work, &shield.id, state, now).await? {
        return Err(Refusal::ShieldEnded.into());
    }
    authorisation::kill(work, &shield.id).await?;
    certificate::revoke_all(work, &shield.id, why, now).await
}

/// A restored bank does not know which shields were lost or replaced since its copy was made: all wait until the counter confirms them, and
/// outsiders are told that their certificates are on hold. How many shields there are.
pub(crate) async fn suspend_all(work: &mut Work, now: Moment) -> Result<u64> {
    let suspended = shield::suspend_all(work, now).await?;
    certificate::count_revocations(work, suspended).await?;
    Ok(suspended)
}

/// The serial numbers of all suspended shields.
pub(crate) async fn suspended(db: &mut Connection) -> Result<Vec<String>> {
    Ok(shield::suspended(db).await?.into_iter().map(|shield| shield.serial).collect())
}

/// All suspended shields stand again but those of these serial numbers. How many.
pub(crate) async fn confirm_all_but(work: &mut Work, except: &[String]) -> Result<u64> {
    let mut confirmed = 0;
    for shield in shield::suspended(work).await? {
        if !except.contains(&shield.serial) {
            confirmed += u64::from(shield::confirm(work, &shield.id).await?);
        }
    }
    // Last, because the row that counts is a lock that whoever reports a loss waits for, with a shield in the hand.
    certificate::count_revocations(work, confirmed).await?;
    Ok(confirmed)
}

/// The counter has confirmed a shield that was suspended: its certificates stand again. Whether it was suspended.
pub(crate) async fn confirm(work: &mut Work, shield: &Shield) -> Result<bool> {
    let is_confirmed = shield::confirm(work, &shield.id).await?;
    certificate::count_revocations(work, u64::from(is_confirmed)).await?;
    Ok(is_confirmed)
}
