//! `ushield wait`.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use host_driver::control::view::{Token, Tokens};
use terminal::{Exit, Failure, Outcome};

use crate::commands::plug::Chosen;

/// How often to look.
const PERIOD: Duration = Duration::from_millis(50);

/// Wait until the tokens are ready, attached, and so on
///
/// Exit code: 0, or 1 when it did not come to that in time.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield wait
  ushield wait --for attached --timeout 120")]
pub(crate) struct Wait {
    #[command(flatten)]
    chosen: Chosen,
    /// What to wait for
    #[arg(long = "for", value_enum, default_value_t = Goal::Ready)]
    goal: Goal,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// A token can be seen by hosts
    Ready,
    /// A token can be seen, and no host holds it
    Free,
    /// A host holds it
    Attached,
    /// Its screen asks for OK
    Asked,
    /// It is pulled out
    Unplugged,
    /// Nothing is running
    Down,
}

impl Goal {
    const fn met(self, token: &Token) -> bool {
        match self {
            Self::Ready => token.plugged,
            Self::Free => token.plugged && !token.attached,
            Self::Attached => token.attached,
            Self::Asked => token.screen.is_some(),
            Self::Unplugged => !token.plugged,
            Self::Down => false,
        }
    }
}

impl Wait {
    pub(crate) fn run(self) -> Outcome {
        let end = Instant::now() + Duration::from_secs(self.timeout);
        loop {
            let why = match self.look()? {
                Ok(()) => return Ok(Exit::Done),
                Err(why) => why,
            };
            if Instant::now() >= end {
                return Err(Failure::new(format!("not so within {} seconds", self.timeout))
                    .because(why)
                    .next("look at it: ushield ls"));
            }
            std::thread::sleep(PERIOD);
        }
    }

    /// Looks once. Returns `Ok` when the goal is met, and otherwise the state of things. A choice that is not clear is a failure,
    /// because waiting does not make it clear.
    fn look(&self) -> Result<Result<(), String>, Failure> {
        let Some(client) = self.chosen.which.find()? else {
            let met = self.goal == Goal::Down;
            return Ok(if met { Ok(()) } else { Err("nothing is running".into()) });
        };
        if self.goal == Goal::Down {
            return Ok(Err(format!("process {} runs", client.health().pid)));
        }
        let Ok(Tokens { tokens }) = client.get("/tokens", Duration::ZERO) else {
            return Ok(Err("it has just stopped".into()));
        };
        let chosen = |token: &&Token| {
            self.chosen
                .token
                .as_ref()
                .is_none_or(|id| token.bus_id == *id || token.serial.eq_ignore_ascii_case(id))
        };
        let met: Vec<bool> = tokens.iter().filter(chosen).map(|token| self.goal.met(token)).collect();
        Ok(match met.contains(&true) {
            true => Ok(()),
            false if met.is_empty() => Err("there is no such token".into()),
            false => Err("no token is so".into()),
        })
    }
}
