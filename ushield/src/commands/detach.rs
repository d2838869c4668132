//! `ushield detach`.

use clap::Args;
use machine::{
    system::System,
    vhci::{self, Port, State, Vhci},
};
use terminal::{Exit, Failure, Outcome, say};

/// Take an attached token off this Linux (root)
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sudo ushield detach\n  sudo ushield detach 3\n  sudo ushield detach all"
)]
pub(crate) struct Detach {
    /// The port that `ushield ports` shows, or `all`; may be left out where one is in use
    #[arg(value_name = "PORT|all", value_parser = which)]
    which: Option<Which>,
}

#[derive(Clone, Copy, Debug)]
enum Which {
    One(u16),
    All,
}

fn which(text: &str) -> Result<Which, String> {
    match text {
        "all" => Ok(Which::All),
        _ => text.parse().map(Which::One).map_err(|_| "neither a number nor `all`".into()),
    }
}

impl Detach {
    pub(crate) fn run(self) -> Outcome {
        let system = System::here();
        vhci::check_root(&system, "ushield detach")?;
        let vhci = Vhci::find(&system).map_err(|missing| missing.failure())?;
        let mut taken: Vec<Port> =
            vhci.ports()?.into_iter().filter(|port| port.state != State::Free).collect();
        match self.which {
            Some(Which::All) => {}
            Some(Which::One(number)) => {
                taken.retain(|port| port.number == number);
                if taken.is_empty() {
                    return Err(Failure::new(format!("nothing is attached at port {number}"))
                        .next("see `ushield ports`"));
                }
            }
            None if taken.len() > 1 => {
                let ports: Vec<String> =
                    taken.iter().map(|port| format!("sudo ushield detach {}", port.number)).collect();
                return Err(Failure::new("it is not clear which token you mean")
                    .because(format!("{} ports are in use; `ushield ports` shows them", taken.len()))
                    .next(format!("{}\nsudo ushield detach all", ports.join("\n"))));
            }
            None => {}
        }
        if taken.is_empty() {
            say("Nothing is attached.");
        }
        for port in taken {
            vhci.detach(port.number)?;
            say(&format!("Detached: port {}.", port.number));
        }
        Ok(Exit::Done)
    }
}
