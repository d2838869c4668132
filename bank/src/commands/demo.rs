//! `bank demo`: a bank with customers of all kinds, to try.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf};

use authority::attestation::{Factory, TEST_BRAND};
use clap::Args;
use terminal::{Failure, Outcome, say_lines};
use wire::algorithm::KeyAlgorithm;

use super::{Listen, Place, merchant, run, told};
use crate::{
    bank::{Bank, Folder},
    clock::Clock,
    demo::{self, Kept, Seeded},
    log,
    package::Package,
    secrets::Secrets,
    shields::Shields,
    shop::Room,
};

#[derive(Args)]
pub(super) struct Demo {
    #[command(flatten)]
    listen: Listen,
    /// Open a shop there, which sells one thing to customers of this bank
    #[arg(long, value_name = "A:P")]
    shop: Option<SocketAddr>,
    /// Write addresses, customers and passwords into this file as JSON, once the pages are served
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The serial number of a shield that a customer has: reference and code for its ID are printed
    #[arg(long, value_name = "SERIAL")]
    shield: Option<String>,
    /// The only port of 127.0.0.1 at which the pages look for the Online Banking Assistant, for several worlds on one machine
    #[arg(long, value_name = "N")]
    assistant_port: Option<u16>,
    /// Keep the bank in this folder: the next demo with it has the same customers and books
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Demo {
    /// Opens the shop's place: where it was, if there was one, because the books know the shop by its address.
    async fn room(&self, kept: Option<&str>) -> Result<Option<Room>, Failure> {
        let Some(at) = self.shop else { return Ok(None) };
        let former = kept.and_then(|origin| origin.strip_prefix("http://")?.parse().ok());
        let opened = Room::open(former.unwrap_or(at)).await;
        let next = "end the program that has this address: the kept books know the shop by it";
        let told = |failure: Failure| if former.is_some() { failure.next(next) } else { failure };
        opened.map(Some).map_err(told)
    }

    /// The bank in this folder, with whom the demo has. A new one is founded and filled.
    async fn bank(
        &self,
        folder: &demo::Folder,
        package: Option<Package>,
        kept: Option<Seeded>,
    ) -> Result<(Bank, Seeded), Failure> {
        let place = Place { folder: folder.path().to_owned(), database: None };
        let own = Folder(folder.path());
        if kept.is_none() {
            Secrets::new().map_err(told("no secrets were made"))?.write(&own.secrets())?;
            // The demo's passwords are printed, so its CA's keys lie in its own folder in clear, and it opens at once.
            Shields::found(&own.authority(), KeyAlgorithm::P256, None)?;
        }
        let database = place.make_database().await?;
        database.migrate(Clock::default().now()).await.map_err(told("the database was not made"))?;
        database.close().await;
        let bank = place.open(Clock::new(self.listen.business_date)).await?;
        let shields = place.shields(&bank).await?.trusting(Factory::test(TEST_BRAND)?);
        let mut bank = bank.with_shields(shields).with_package(package);
        bank.settings.test_rules = self.listen.test_rules;
        let bank = bank.with_assistant(self.assistant_port);
        let made = match kept {
            Some(made) => made,
            None => {
                let made = demo::seed(&bank, self.shield.as_deref()).await;
                made.map_err(told("the demo was not seeded"))?
            }
        };
        Ok((bank, made))
    }

    pub(super) async fn run(self) -> Outcome {
        self.listen.check_metrics()?;
        if ![self.listen.public, self.listen.counter].iter().all(|place| place.ip().is_loopback()) {
            return Err(Failure::new("the demo was not opened")
                .because("its passwords are printed, so it is for this machine only")
                .next("name an address of 127.0.0.1"));
        }
        let folder = demo::Folder::open(self.folder.clone())?;
        let kept = folder.kept()?;
        let (made, shop) = kept.map_or((None, None), |kept| (Some(kept.made), kept.shop));
        // What can fail for a reason of the machine's comes first: a bank that was founded and not filled cannot be opened again.
        let (package, room) = (self.listen.package()?, self.room(shop.as_deref()).await?);
        let (bank, made) = self.bank(&folder, package, made).await?;
        // The guide stays on the screen: the log of requests is for whoever sends it elsewhere.
        log::keep_requests(!std::io::stderr().is_terminal());
        let papers = folder.path().join("shop.json");
        if let Some(room) = room.as_ref().filter(|_| shop.is_none()) {
            merchant::furnish(&bank, room, &papers).await?;
        }
        let shop = shop.or_else(|| room.as_ref().map(|room| room.origin().to_owned()));
        let kept = Kept { made, shop };
        folder.keep(&kept)?;
        let Kept { made, .. } = kept;
        // What the demo's merchant was given, for programs that try the merchants' API.
        let merchant = room.as_ref().map(|_| file::read(&papers)).transpose()?;
        let merchant: Option<serde_json::Value> =
            merchant.and_then(|papers| serde_json::from_slice(&papers).ok());
        run(bank, self.listen.places(), |at| {
            say_lines(&demo::guide(at, &made));
            let shop = room.as_ref().map(|room| room.origin().to_owned());
            if let Some(room) = room {
                say_lines(&format!("7. Buy in a shop\n   Open {}, and pay as in 1 or 2.", room.origin()));
                let bank = at.public.clone();
                tokio::spawn(async move { room.sell(&bank, papers).await });
            }
            let Some(path) = &self.ready_file else { return Ok(()) };
            let ready =
                serde_json::json!({ "addresses": at, "demo": made, "shop": shop, "merchant": merchant });
            let ready = ready.to_string();
            Ok(file::write_fleeting(path, ready.as_bytes(), file::Access::Owner, true)?)
        })
        .await
    }
}
