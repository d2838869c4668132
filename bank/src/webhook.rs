//! The outbox is emptied: each outcome is sent to its merchant until the merchant's server says that it has it, signed as Standard
//! Webhooks 1.0 says (standardwebhooks.com).
//!
//! At least once: a node that is killed between an answer and the row that says so sends the same id again, and the receiver drops it.

use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use sha2::Sha256;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use crate::{
    bank::{Bank, Open},
    books::{merchant, webhook, webhook::Webhook},
    clock::{HOUR, MINUTE, Moment, SECOND},
    dial::{Caller, PATIENCE},
    error::{Error, Result},
    log,
    merchant::secrets,
    money::Fen,
    pay::rules::{Rule, rule},
    random,
};

/// So many are sent at a time, one to each merchant.
const AT_ONCE: usize = 64;
/// So many of these places are for merchants who have not failed: however many servers hang, nobody else waits for them.
const FOR_THE_READY: usize = 16;
/// Between two looks into the outbox.
const GLANCE: Duration = Duration::from_millis(200);
/// The pauses after each try that failed; after the last one the operator must look.
const PAUSES: [Moment; 9] =
    [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR];

/// Sends what is due, until the bank stops.
pub(crate) async fn run(bank: Open, caller: Caller, mut stop: watch::Receiver<bool>) {
    let mut sending = JoinSet::new();
    while !*stop.borrow() {
        while sending.try_join_next().is_some() {}
        let places = AT_ONCE - sending.len();
        let due = if places > 0 { claim(&bank, places <= FOR_THE_READY).await } else { Ok(None) };
        match due {
            Ok(Some(webhook)) => {
                let (bank, caller) = (bank.clone(), caller.clone());
                sending.spawn(async move {
                    if let Err(error) = deliver(&bank, &caller, &webhook).await {
                        log::fault(&format!("a webhook: {error}"));
                    }
                });
                continue;
            }
            Ok(None) => {}
            Err(error) => log::fault(&format!("the outbox: {error}")),
        }
        tokio::select! {
            () = sleep(GLANCE) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    let _ = timeout(PATIENCE, async { while sending.join_next().await.is_some() {} }).await;
}

/// Takes the one that has waited longest; `ready`: of merchants who have not failed. Its try is counted before anything is sent.
async fn claim(bank: &Bank, ready: bool) -> Result<Option<Webhook>> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let Some(mut due) = webhook::next(&mut db, now, ready).await? else { return Ok(None) };
    drop(db);
    let mut db = bank.database.writer().await?;
    Ok(webhook::lease(&mut db, &mut due, now + webhook::LEASE_LASTS).await?.then_some(due))
}

/// Sends one, and writes down what came of it. Only 2xx says that the merchant has it.
async fn deliver(bank: &Bank, caller: &Caller, webhook: &Webhook) -> Result<()> {
    let broken = || Error::Broken("a webhook is for a merchant that is not there".into());
    let merchant = {
        let mut db = bank.database.connection().await?;
        merchant::find(&mut db, &webhook.merchant).await?.ok_or_else(broken)?
    };
    // A try that cannot be signed counts, or the webhook would wait for ever.
    let secrets = secrets(bank, &merchant).inspect_err(|fault| log::fault(&fault.to_string()));
    let send = async || {
        let secrets = secrets.as_ref().map_err(|_| "the bank lacks the key of the merchant's secret")?;
        match signed(&merchant.webhook, webhook, secrets, bank.clock.now()) {
            Some(request) => caller.send(request).await,
            None => Err("the merchant has no address for webhooks"),
        }
    };
    let answer = match test_rule(bank, webhook) {
        Some(Rule::FailsOnce) if webhook.tries == 1 => Err("a test rule: not sent"),
        Some(Rule::Twice) => match send().await {
            Ok(_) => send().await,
            refused => refused,
        },
        _ => send().await,
    };
    let (mut db, now) = (bank.database.writer().await?, bank.clock.now());
    let words = match answer {
        Ok(status) if status.is_success() => {
            return webhook::sent(&mut db, webhook, status.as_str(), now).await;
        }
        Ok(status) if status.is_redirection() => format!("{}: redirects are not followed", status.as_u16()),
        Ok(status) => status.as_str().to_owned(),
        Err(why) => why.to_owned(),
    };
    // 410 Gone: the receiver wants no more.
    let is_gone = answer == Ok(StatusCode::GONE);
    match pause(webhook.tries)?.filter(|_| !is_gone) {
        Some(pause) => webhook::later(&mut db, webhook, &words, now + pause).await,
        None => webhook::failed(&mut db, webhook, &words, now).await,
    }
}

/// What the amount of the order asks for, where test rules hold.
fn test_rule(bank: &Bank, webhook: &Webhook) -> Option<Rule> {
    let body: serde_json::Value = serde_json::from_str(&webhook.body).ok()?;
    rule(&bank.settings, Fen::parse(body["data"]["amount"].as_str()?)?)
}

/// How long to wait after so many tries: up to a fifth more than the table says, so that many that failed at once do not come back at
/// once.
fn pause(tries: i64) -> Result<Option<Moment>> {
    let at = usize::try_from(tries - 1).unwrap_or(usize::MAX);
    let Some(pause) = PAUSES.get(at) else { return Ok(None) };
    let jitter = random::below(u32::try_from(pause / 5).unwrap_or(u32::MAX))?;
    Ok(Some(pause + Moment::from(jitter)))
}

/// The request: for each secret `v1,` and HMAC-SHA256 over id, timestamp and body with a full stop between them, and a blank between two.
fn signed(
    target: &str,
    webhook: &Webhook,
    secrets: &[Zeroizing<[u8; 32]>],
    now: Moment,
) -> Option<Request<Full<Bytes>>> {
    let seconds = (now / SECOND).to_string();
    let signature = |secret: &Zeroizing<[u8; 32]>| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_slice()).ok()?;
        mac.update(format!("{}.{seconds}.{}", webhook.id, webhook.body).as_bytes());
        Some(format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes())))
    };
    let signature = secrets.iter().map(signature).collect::<Option<Vec<_>>>()?.join(" ");
    let host = target.split_once("://")?.1.split(['/', '?']).next()?;
    let request = Request::post(target)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "u-shield-bank")
        .header("webhook-id", &webhook.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .header(header::CONNECTION, "close");
    request.body(Full::new(Bytes::from(webhook.body.clone()))).ok()
}

/// A secret as Standard Webhooks writes it.
pub(crate) fn written(secret: &[u8]) -> String {
    format!("whsec_{}", Base64::encode_string(secret))
}
