//! `bank ca`: generations of the keys of the bank's CA. Each command may be cut off anywhere and be run again.

use std::{collections::BTreeMap, fs};

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say_lines};

use super::{
    Place,
    secrets::{check_alone, lock},
    told,
};
use crate::{
    bank::{Bank, Folder},
    books::generation::Generation,
    clock::{Clock, HOUR, Moment, shown},
    generation::{self, Kept},
    issuers::{self, Issuers},
};

#[derive(Subcommand)]
pub(super) enum CaCommand {
    /// The generations of the CA's keys, from when on each issues, and how many certificates name it
    List(Place),
    /// Make new keys, which issue from tomorrow on: until then the folder ca belongs on all nodes
    Add(Add),
    /// The keys of a generation were stolen: revoke at once all that it has issued. Its customers fetch another ID with a code of the counter
    Stolen(Named),
    /// Take a generation out whose certificates have all ended
    Forget(Named),
}

#[derive(Args)]
pub(super) struct Add {
    /// In how many hours the new keys issue; 0 where there is one node, or where the former keys were stolen
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=720))]
    hours: i64,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Named {
    /// Its number, as `bank ca list` has it
    generation: i64,
    #[command(flatten)]
    place: Place,
}

impl CaCommand {
    pub(super) async fn run(self) -> Outcome {
        match self {
            Self::List(place) => list(&place).await,
            Self::Add(add) => add.run().await,
            Self::Stolen(named) => named.stolen().await,
            Self::Forget(named) => named.forget().await,
        }
    }
}

async fn list(place: &Place) -> Outcome {
    let bank = place.open(Clock::default()).await?;
    let unread = told("the books were not read");
    let issuing = generation::issuing(&bank).await.ok();
    let mut lines = Vec::new();
    for own in generation::all(&bank).await.map_err(&unread)? {
        let living = generation::living(&bank, own.number).await.map_err(&unread)?;
        let mark = if issuing == Some(own.number) { ", issues" } else { "" };
        lines.push(format!(
            "{}: {}{mark}, {living} certificates that have not ended",
            own.number,
            state(&own)
        ));
        let late = generation::late(&bank, &own).await.map_err(&unread)?;
        if own.is_trusted() && own.number != issuers::FIRST && late > 0 {
            let why = format!("{late} nodes were started before generation {} was made", own.number);
            lines.push(format!("   {why}: copy the folder ca to them, and restart them"));
        }
    }
    say_lines(&lines.join("\n"));
    Ok(Exit::Done)
}

fn state(own: &Generation) -> String {
    match own {
        Generation { forgotten_at: Some(at), .. } => format!("taken out on {}", shown(*at)),
        Generation { distrusted_at: Some(at), .. } => format!("stolen, trusted no more since {}", shown(*at)),
        Generation { from_at: 0, .. } => "from its first day on".to_owned(),
        Generation { from_at, .. } => format!("from {} on", shown(*from_at)),
    }
}

fn refused(why: String, next: &str) -> Failure {
    Failure::new("the keys of the CA were not changed").because(why).next(next)
}

impl Add {
    async fn run(self) -> Outcome {
        let _lock = lock(&self.place)?;
        let bank = self.place.open_whole(Clock::default()).await?;
        let unread = told("the books were not read");
        let former = generation::strangers(&bank).await.map_err(&unread)?;
        if former > 0 {
            let why = format!("{former} nodes serve by a program that knows of no generations");
            return Err(refused(
                why,
                "restart them by this program first; a node that was killed counts for a minute",
            ));
        }
        // Where no generation issues, the new one waits for nobody.
        if self.hours == 0 && generation::issuing(&bank).await.is_ok() {
            check_alone(&bank).await?;
        }
        let all = generation::all(&bank).await.map_err(&unread)?;
        let number = all.last().map_or(issuers::FIRST, |last| last.number) + 1;
        let now = bank.clock.now();
        let from = if self.hours == 0 { now } else { now + self.hours * HOUR };
        self.make(&bank, number, &trusted(&bank, &all)?, from).await?;
        let (at, until) = if from > now {
            (format!("from {} on", shown(from)), "before that")
        } else {
            ("from now on".to_owned(), "at once")
        };
        say_lines(&format!(
            "generation {number} of the CA's keys issues {at}; what the former ones have issued is good until it ends\n\
             next: copy the folder ca to all nodes and to where its copy is kept, and restart the nodes in turn, {until}; `bank ca list` says which \
             nodes are late\n\
             next: whoever verifies elsewhere fetches /ca/payment.pem and /crl/payment.pem anew, {until}: both have every generation; whoever takes \
             log-ins by shield fetches /ca/authentication.pem"
        ));
        Ok(Exit::Done)
    }

    /// The keys are in the folder before the books know of them. Of two folders that are changed at once one is first in the books.
    async fn make(
        &self,
        bank: &Bank,
        number: i64,
        trusted: &BTreeMap<i64, &Issuers>,
        from: Moment,
    ) -> Result<(), Failure> {
        let folder = Folder(&self.place.folder).authority();
        let passphrases: Vec<_> = bank.secrets.passphrases().collect();
        let algorithm = bank.shields().map_err(told("the bank was not opened"))?.algorithm();
        let kind = (number, algorithm);
        let (made, is_new) = issuers::succeed(&folder, kind, &passphrases, trusted, bank.clock.date())?;
        let begun = generation::begin(bank, number, made.certificates(), from).await;
        if !begun.map_err(told("the books do not know of the new keys yet: run the command again"))? {
            if is_new {
                issuers::remove(&folder, number)
                    .map_err(|fault| refused(fault.to_string(), "remove the folder"))?;
            }
            let why = format!("another command has made generation {number} at the same moment");
            return Err(refused(why, "copy the folder ca from where the other command was run"));
        }
        Ok(())
    }
}

/// The generations that vouch for the next one. Keys that were stolen vouch for nobody.
fn trusted<'a>(bank: &'a Bank, all: &[Generation]) -> Result<BTreeMap<i64, &'a Issuers>, Failure> {
    let shields = bank.shields().map_err(told("the bank was not opened"))?;
    let trusted = all.iter().filter(|own| own.is_trusted());
    Ok(trusted.filter_map(|own| Some((own.number, shields.all().get(&own.number)?))).collect())
}

impl Named {
    async fn stolen(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let number = self.generation;
        let done = generation::distrust(&bank, number).await.map_err(told("nothing was changed"))?;
        let Some(done) = done else {
            let why = format!("there is no generation {number} that is trusted");
            return Err(refused(why, "`bank ca list` has all of them"));
        };
        let next = match generation::issuing(&bank).await {
            Ok(issuing) => format!("generation {issuing} issues"),
            Err(_) => "no generation issues: run `bank ca add --hours 0`, copy the folder ca to all nodes, and restart them".to_owned(),
        };
        say_lines(&format!(
            "all that generation {number} has issued is revoked: {} certificates; {} shields pay again when their holders have another ID\n\
             next: {next}\n\
             next: whoever verifies elsewhere takes the certificate out of the file of trusted issuers, and fetches /ca/payment.pem anew\n\
             next: a customer gets another code for the same shield at the counter (shield-code), and enrols with --replace",
            done.certificates, done.shields
        ));
        Ok(Exit::Done)
    }

    async fn forget(self) -> Outcome {
        let _lock = lock(&self.place)?;
        let bank = self.place.open(Clock::default()).await?;
        let (number, folder) = (self.generation, Folder(&self.place.folder).authority());
        let kept = generation::forget(&bank, number).await.map_err(told("nothing was taken out"))?;
        let refused = |why: String, next: &str| Failure::new("nothing was taken out").because(why).next(next);
        match kept {
            // Where it was taken out before, the command may have been cut off before its files were gone.
            None | Some(Kept::Forgotten) => {}
            Some(Kept::Needed) => {
                return Err(refused(
                    format!("generation {number} issues"),
                    "run `bank ca add`, and wait until it issues",
                ));
            }
            Some(Kept::Living(count)) => {
                let why = format!("{count} certificates of generation {number} have not ended");
                return Err(refused(
                    why,
                    "wait until they have ended: verifiers ask for their list until then",
                ));
            }
            Some(Kept::Unknown) => {
                let why = format!("the books know of no generation {number}");
                return Err(refused(
                    why,
                    "`bank ca list` has all of them; where the folder ca has one more, `bank ca add` takes it up",
                ));
            }
        }
        issuers::remove(&folder, number).map_err(|fault: std::io::Error| {
            refused(format!("its files are in the way: {fault}"), "mend that, and run the command again")
        })?;
        let sync = fs::File::open(&folder).and_then(|folder| folder.sync_all());
        sync.map_err(|fault| refused(fault.to_string(), "run the command again"))?;
        let files = if number == issuers::FIRST {
            "ca/ca.pem, ca/ca-key.pem and ca/authentication-*".to_owned()
        } else {
            format!("ca/{number}")
        };
        say_lines(&format!(
            "generation {number} is taken out\n\
             next: remove {files} on all nodes, and where the copy of ca is kept; keep one copy as long as a backup of the database from before now"
        ));
        Ok(Exit::Done)
    }
}
