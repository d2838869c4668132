//! `bank serve`: the pages and the counter, and what must hold before they are opened.

use std::{
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use authority::certificate_kind::Kind;
use clap::Args;
use terminal::{Failure, Outcome, say_lines};
use tokio::signal::unix::{SignalKind, signal};

use super::{Listen, Place, check_version, counter, not_opened, run, told};
use crate::{
    bank::Bank,
    clock::Clock,
    database,
    dial::Caller,
    log, origin, proxy,
    proxy::{Network, Proxies},
    serve::Places,
    tls::{self, Doorkeeper, Holders},
};

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    listen: Listen,
    /// The certificate of the bank's own TLS, with its chain, in PEM; it is read again when it changes, and at SIGHUP
    #[arg(long, value_name = "CERT", requires = "key")]
    tls: Option<PathBuf>,
    /// The key of that certificate, in PEM, for its owner only
    #[arg(long, value_name = "KEY", requires = "tls")]
    key: Option<PathBuf>,
    /// What customers type, where the bank is not at loopback or a proxy with TLS stands before it
    #[arg(long, value_name = "ORIGIN", value_parser = origin::parse)]
    public_origin: Option<String>,
    /// What tellers type, where the counter is not at loopback or a proxy with TLS stands before it
    #[arg(long, value_name = "ORIGIN", value_parser = origin::parse)]
    counter_origin: Option<String>,
    /// A network whose machines may say in X-Forwarded-For where a request comes from; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = proxy::parse)]
    trusted_proxy: Vec<Network>,
    /// Where programs enrol shields by EST (RFC 7030), by the certificate of --tls; nowhere unless this is said
    #[arg(long, value_name = "A:P", requires = "tls")]
    est: Option<SocketAddr>,
    #[command(flatten)]
    telling: Telling,
}

/// How merchants are told.
#[derive(Args)]
struct Telling {
    /// For trials: webhooks may go to private addresses, and by http to loopback
    #[arg(long)]
    allow_private_webhooks: bool,
    /// The authorities of which one has signed the certificate of a merchant's server
    #[arg(long, value_name = "FILE", default_value = counter::AUTHORITIES)]
    webhook_ca: PathBuf,
}

impl Telling {
    fn caller(&self, clock: &Clock) -> Result<Caller, Failure> {
        // Where the system has no list of authorities the bank still serves: whoever is to be told by https waits, and the operator sees why.
        let is_default = self.webhook_ca.as_path() == Path::new(counter::AUTHORITIES);
        let is_missing = is_default && !self.webhook_ca.exists();
        let tls = (!is_missing).then(|| tls::connector(&self.webhook_ca, clock)).transpose()?;
        Ok(Caller { allows_private: self.allow_private_webhooks, tls })
    }
}

/// Passwords travel in clear at loopback only. Elsewhere there is TLS of the bank's own, or a proxy's; and there somebody must say what
/// people type, because an address such as 0.0.0.0 is nothing to type.
fn check_door(
    place: SocketAddr,
    origin: Option<&String>,
    (has_tls, has_proxy): (bool, bool),
    option: &str,
) -> Result<(), Failure> {
    let is_https = origin.is_some_and(|origin| origin.starts_with("https://"));
    if origin.is_some() && !is_https && has_tls {
        let why = format!("{option} is http, and --tls answers no http");
        return Err(not_opened(why, &format!("say {option} https://…")));
    }
    if place.ip().is_loopback() || (is_https && (has_tls || has_proxy)) {
        return Ok(());
    }
    if is_https {
        let why = format!(
            "{place} is not loopback, and nothing is known of a proxy with TLS that stands before it"
        );
        let next = "say --tls CERT --key KEY, or --trusted-proxy with the address that the proxy comes from";
        return Err(not_opened(why, next));
    }
    let why = format!("{place} is not loopback, and passwords would travel in clear");
    Err(if has_tls {
        not_opened(
            format!("nobody types {place}"),
            &format!("say {option} https://…, as the certificate has it"),
        )
    } else {
        not_opened(
            why,
            &format!(
                "say --tls CERT --key KEY, or put a proxy with TLS before it; and say {option} https://…"
            ),
        )
    })
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        self.listen.check_metrics()?;
        let (listen, by_tls) = (&self.listen, (self.tls.is_some(), !self.trusted_proxy.is_empty()));
        check_door(listen.public, self.public_origin.as_ref(), by_tls, "--public-origin")?;
        check_door(listen.counter, self.counter_origin.as_ref(), by_tls, "--counter-origin")?;
        let tls = match (&self.tls, &self.key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Doorkeeper::new(certificate, key, None)?)),
            _ => None,
        };
        self.listen.check_test_rules(self.public_origin.as_deref())?;
        let bank = self.place.open_whole(Clock::new(self.listen.business_date)).await?;
        join(&bank).await?;
        let est = self.est(&bank)?;
        let mut bank = bank.with_package(self.listen.package()?);
        bank.settings.test_rules = self.listen.test_rules;
        if tls.is_none() {
            outlive_hangups()?;
        }
        let places = Places {
            public_origin: self.public_origin,
            counter_origin: self.counter_origin,
            proxies: Proxies(self.trusted_proxy),
            tls,
            caller: self.telling.caller(&bank.clock)?,
            est,
            ..self.listen.places()
        };
        run(bank, places, |at| {
            let est = at.est.as_ref().map(|est| format!("\nEST        {est}")).unwrap_or_default();
            say_lines(&format!(
                "customers  {}\ntellers    {}\nmetrics    {}{est}",
                at.public, at.counter, at.metrics
            ));
            Ok(())
        })
        .await
    }

    /// The place of EST, which asks for the certificates on shields.
    fn est(&self, bank: &Bank) -> Result<Option<(SocketAddr, Arc<Doorkeeper>)>, Failure> {
        let (Some(place), Some(certificate), Some(key)) = (self.est, &self.tls, &self.key) else {
            return Ok(None);
        };
        let shields = bank.shields().map_err(told("the bank was not opened"))?;
        let all = shields.all().values();
        let authorities = all.map(|own| own.certificate(Kind::Authentication).der.clone()).collect();
        let holders = Holders { authorities, clock: bank.clock.clone() };
        Ok(Some((place, Arc::new(Doorkeeper::new(certificate, key, Some(holders))?))))
    }
}

/// Whoever has all nodes read their certificates again ends none that has no certificate. A terminal that is closed ends what was started in it.
fn outlive_hangups() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut hangups = signal(SignalKind::hangup())
        .map_err(|fault| Failure::new("the bank cannot hear SIGHUP").because(fault))?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            log::event("SIGHUP: without --tls there is nothing to read again");
        }
    });
    Ok(())
}

/// From now on no migration takes away what this node uses. One that was under way may have.
async fn join(bank: &Bank) -> Result<(), Failure> {
    if bank.database.is_replica().await.map_err(told("the bank was not opened"))? {
        return Err(not_opened(
            "its database is a replica, in which nobody writes".into(),
            "name the server that the replica follows, or promote the replica",
        ));
    }
    bank.join_time().await.map_err(told("the bank was not opened"))?;
    bank.join().await.map_err(told("the bank was not opened"))?;
    check_version(bank).await?;
    if bank.database.kind == database::Kind::Postgres
        && bank.database.may_rewrite().await.map_err(told("the bank was not opened"))?
    {
        log::event("the role of the database may change the ledger: `bank grant` makes one that may not");
    }
    for name in bank.database.strangers().await.map_err(told("the bank was not opened"))? {
        log::event(&format!("the database has {name}, which a newer program has added"));
    }
    Ok(())
}
