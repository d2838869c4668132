//! `bank confirm-shields`: after a restore, when somebody has compared the books with what happened since the copy was made.

use std::path::PathBuf;

use clap::Args;
use terminal::{
    Exit, Failure, Outcome, say,
    secret::{Source, Variable},
};

use super::{Place, counter, told};
use crate::{clock::Clock, desk};

#[derive(Args)]
pub(super) struct ConfirmShields {
    /// The name of a teller
    #[arg(long, value_name = "NAME")]
    teller: String,
    #[command(flatten)]
    password: counter::Password,
    /// The name of another teller
    #[arg(long, value_name = "NAME")]
    second: String,
    /// The file with the other teller's password; else you are asked
    #[arg(long, value_name = "FILE")]
    second_password_file: Option<PathBuf>,
    /// The serial number of a shield that stays suspended, because it was lost or replaced since, or nobody knows; may be repeated
    #[arg(long, value_name = "NUMBER")]
    except: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl ConfirmShields {
    pub(super) async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let except =
            self.except.iter().map(|serial| desk::check_serial(serial)).collect::<Result<Vec<_>, _>>();
        let except = except.map_err(told("no shield was confirmed"))?;
        let unknown = desk::not_suspended(&bank, &except).await.map_err(told("no shield was confirmed"))?;
        if !unknown.is_empty() {
            // A number that was mistyped would let the very shield stand again that it is about.
            return Err(Failure::new("no shield was confirmed")
                .because(format!("no suspended shield has the number {}", unknown.join(" or ")))
                .next("compare it with the label, or leave --except away for a shield that the counter has settled"));
        }
        let first = self.password.ask(&format!("password of {}: ", self.teller))?;
        let second = counter::text(self.second_source()?.ask(&format!("password of {}: ", self.second))?)?;
        let both = [(self.teller.as_str(), first.as_str()), (self.second.as_str(), second.as_str())];
        let confirmed =
            desk::confirm_all(&bank, both, &except).await.map_err(told("no shield was confirmed"))?;
        bank.seal().await.map_err(told("the audit was not sealed"))?;
        say(&format!("{confirmed} shields stand again, {} were named to stay suspended", except.len()));
        Ok(Exit::Done)
    }

    fn second_source(&self) -> Result<Source<'_>, Failure> {
        let file = self.second_password_file.as_deref();
        if let Some(file) = file {
            file::check_private(file, "600")?;
        }
        let option = "--second-password-file";
        Ok(Source { name: "second password", file, variable: Variable::SecondPassword, option })
    }
}
