//! Payment by shield: the order is made when the payer chooses the shield, and its bytes are the only thing that counts.
//!
//! A signed document needs no session: the order in it carries the nonce that only the payer's page has shown, and the signature is the
//! payer's word. Whoever sends the document, it pays that order and no other.

use std::time::Duration;

use payment::{Against, EncodedOrder, Reason, Verified, order::Terms};

use super::{
    condition::{Question, judge},
    rules,
    settle::settle,
    standing::{Method, standing},
};
use crate::{
    bank::Bank,
    books::{
        audit, certificate, challenge,
        order::{self, Order, OrderKind},
        signed::{self, Accepted},
    },
    clock::{self, Moment},
    database::Connection,
    error::{Error, Refusal, Result},
    generation,
    random::hex,
};

/// The order as the shield shows and signs it, with a new nonce. It ends with the challenge.
///
/// # Errors
/// A text of the order is one that no shield shows.
pub(super) fn issue(order: &Order, now: Moment, expires: Moment) -> Result<EncodedOrder> {
    let amount = order.amount().plain();
    // The screen has a line for the payee and none for the payee's bank, and what is signed must say where the money goes.
    let payee = match order.kind() {
        OrderKind::Remittance => format!("{}, {}", order.payee_name, order.payee_bank),
        _ => order.payee_name.clone(),
    };
    let terms = Terms {
        number: &order.id,
        payer_account: &order.payer,
        payee_name: &payee,
        payee_account: &order.payee,
        amount: &amount,
        currency: "CNY",
        memo: &order.memo,
        lifetime: Duration::from_millis(u64::try_from(expires - now).unwrap_or_default().max(1000)),
    };
    Ok(terms.issue(clock::time(now)).map_err(|_| Refusal::OrderUnshowable)?)
}

/// An order as `ushield pay` reads it: JSON.
///
/// # Errors
/// The bytes are no order.
pub(crate) fn json(der: &[u8]) -> Result<String> {
    let broken = || Error::Broken("a challenge asks for bytes that are no order".into());
    let order = payment::PaymentOrder::parse(der).map_err(|_| broken())?;
    payment::order::to_json(&order).map_err(|_| broken())
}

/// Pays by a signed document; `page` is the order on whose page it was sent. The same document again changes nothing: an order that it has paid is paid.
///
/// # Errors
/// What `payment` refuses, each as a sentence for the customer; the document is not the one that the order waits for; the certificate
/// does not stand at this moment or is another customer's; the method cannot pay, or there is not enough money.
pub(crate) async fn submit(bank: &Bank, document: &[u8], page: Option<&str>) -> Result<String> {
    // Whose account it is, the books say in the transaction below: the order is the customer's, and so must the certificate be.
    let against =
        Against { at: bank.clock.time(), payers: &|_: &payment::Holder, _: &str| true, issued: None };
    let verified = match bank.shields()?.verifier.examine(document, &against).map_err(refusal) {
        Err(Refusal::DocumentForeign) if generation::is_behind(bank).await? => {
            return Err(Error::Broken(
                "this node lacks keys of the CA: copy the folder ca to it, and restart it".into(),
            ));
        }
        judged => judged?,
    };
    let number = verified.order().number.as_str();
    if page.is_some_and(|page| page != number) {
        return Err(Refusal::OrderMismatch.into());
    }
    let mut db = bank.database.connection().await?;
    let found = order::find(&mut db, number).await?;
    let order = found.ok_or(Refusal::OrderMismatch)?;
    if order.state == "posted" {
        is_paid_by(&mut db, &order, &verified).await?;
        return Ok(order.id);
    }
    let standing = standing(bank, &mut db, &order.customer).await?;
    let question = Question { kind: order.kind(), amount: Some(order.amount()) };
    judge(Method::Shield, &standing, question, &bank.settings)?;
    drop(db);
    rules::pause(&bank.settings, order.amount()).await;
    let payment = Payment { bank, order: &order, verified: &verified, document };
    match payment.post().await {
        Ok(()) => {
            bank.metrics.payment(Method::Shield.name());
            Ok(order.id)
        }
        Err(Error::Refused(refusal)) => payment.refused(refusal).await.map(|()| order.id),
        Err(other) => Err(other),
    }
}

/// The order is paid: by this very order and certificate, or by another document.
async fn is_paid_by(db: &mut Connection, order: &Order, verified: &Verified) -> Result<()> {
    let own = (verified.order_key().to_string(), verified.signer().serial.clone());
    let by = signed::by(db, &order.id).await?;
    if by == Some(own) { Ok(()) } else { Err(Refusal::OrderReplayed.into()) }
}

/// A verified document on its way.
struct Payment<'a> {
    bank: &'a Bank,
    order: &'a Order,
    verified: &'a Verified,
    document: &'a [u8],
}

impl Payment<'_> {
    /// Order, challenge, certificate, order key, money and audit, in one transaction. Each statement says itself whether it may happen.
    async fn post(&self) -> Result<()> {
        let must = |happened: bool, refusal: Refusal| if happened { Ok(()) } else { Err(refusal) };
        let (order, verified, now) = (self.order, self.verified, self.bank.clock.now());
        let mut work = self.bank.database.begin().await?;
        must(order::authorise(&mut work, &order.id, now).await?, Refusal::OrderEnded)?;
        let live = signed::consume(&mut work, &order.id, verified.order_der(), now).await?;
        must(live, Refusal::DocumentReplaced)?;
        let (serial, fingerprint) = (&verified.signer().serial, hex(&verified.holder().fingerprint));
        let counted =
            certificate::count_payment(&mut work, serial, &fingerprint, &order.customer, now).await?;
        must(counted, Refusal::CertificateRevoked)?;
        let accepted = Accepted {
            order_key: &verified.order_key().to_string(),
            order: &order.id,
            certificate: serial,
            document: self.document,
        };
        must(signed::accept(&mut work, &accepted, now).await?, Refusal::OrderReplayed)?;
        settle(self.bank, &mut work, order, now).await?;
        let (actor, detail) = (format!("customer:{}", order.customer), format!("shield {serial}"));
        audit::add(&mut work, now, &actor, "paid", &order.id, &detail).await?;
        work.commit().await?;
        Ok(())
    }

    /// Nothing was posted. Another request may have posted the order meanwhile; too little money ends it; and the customer is told what
    /// exactly is wrong with the certificate.
    async fn refused(&self, refusal: Refusal) -> Result<()> {
        let (mut work, now) = (self.bank.database.begin().await?, self.bank.clock.now());
        let order = order::find(&mut work, &self.order.id).await?;
        if order.as_ref().is_some_and(|order| order.state == "posted") {
            return is_paid_by(&mut work, self.order, self.verified).await;
        }
        if refusal.ends_order() && order::refuse(&mut work, &self.order.id, refusal.code(), now).await? {
            challenge::kill(&mut work, &self.order.id).await?;
            let actor = format!("customer:{}", self.order.customer);
            audit::add(&mut work, now, &actor, "refused", &self.order.id, refusal.code()).await?;
        }
        let (serial, fingerprint) = (&self.verified.signer().serial, &self.verified.holder().fingerprint);
        let known = certificate::find(&mut work, serial, &hex(fingerprint)).await?;
        work.commit().await?;
        let refusal = match (refusal, known) {
            (Refusal::CertificateRevoked, Some(known)) if known.customer != self.order.customer => {
                Refusal::PayerMismatch
            }
            (Refusal::CertificateRevoked, Some(known)) if known.is_suspended() => Refusal::ShieldSuspended,
            (Refusal::CertificateRevoked, Some(known)) if known.is_revoked() => Refusal::CertificateRevoked,
            (Refusal::CertificateRevoked, Some(known)) if now >= known.not_after => {
                Refusal::CertificateExpired
            }
            (Refusal::CertificateRevoked, Some(known)) if !known.is_delivered() => {
                Refusal::ShieldNotDelivered
            }
            (Refusal::CertificateRevoked, None) => Refusal::DocumentForeign,
            (Refusal::OrderEnded, _) if order.is_some_and(|order| now >= order.expires_at) => {
                Refusal::OrderExpired
            }
            (other, _) => other,
        };
        Err(refusal.into())
    }
}

/// Each reason of `payment` as the bank tells it.
pub(crate) const fn refusal(reason: Reason) -> Refusal {
    match reason {
        Reason::TooLarge => Refusal::TooLarge,
        Reason::CertificateUntrusted
        | Reason::IssuerNotCa(_)
        | Reason::IssuerKeyUsage(_)
        | Reason::IssuerPathLength(_)
        | Reason::IssuerPurpose(_)
        | Reason::CertificatePurpose
        | Reason::CertificateKeyUsage
        | Reason::AlgorithmRefused => Refusal::DocumentForeign,
        Reason::CertificateExpired => Refusal::CertificateExpired,
        Reason::CertificateRevoked => Refusal::CertificateRevoked,
        Reason::SignatureInvalid => Refusal::SignatureInvalid,
        Reason::PayerMismatch => Refusal::PayerMismatch,
        Reason::OrderMismatch | Reason::OrderLifetime => Refusal::OrderMismatch,
        Reason::OrderUnshowable => Refusal::OrderUnshowable,
        Reason::OrderExpired => Refusal::OrderExpired,
        Reason::OrderReplayed => Refusal::OrderReplayed,
        Reason::CertificateNotYetValid
        | Reason::OrderNotYetValid
        | Reason::RevocationUnknown
        | Reason::CrlExpired
        | Reason::CrlNotYetValid
        | Reason::PayerUnavailable
        | Reason::ReplayUnavailable => Refusal::Busy,
        // Malformed, SignerCount, AttributesPresent, ContentRefused, OrderMalformed, CertificateMissing, CertificateMalformed, and what a
        // later version adds: not a document of the one form.
        _ => Refusal::DocumentMalformed,
    }
}
