//! `bank counter set-puk` and `bank counter unblock`: the counter's API on one side, and the program `ushield` at the plugged shield on the
//! other. The PUK goes from one to the other through a pipe. It stands in no argument and in no variable, and nothing prints it.

use std::{
    ffi::OsString,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use terminal::{Failure, secret::Variable};
use zeroize::Zeroizing;

use super::{Papers, plain};
use crate::client::Client;

/// What needs the shield itself.
#[derive(Subcommand)]
pub(super) enum AtShield {
    /// Give the plugged shield of this customer a random PUK, which the bank keeps and nobody sees
    SetPuk {
        #[command(flatten)]
        papers: Papers,
        #[command(flatten)]
        plugged: Plugged,
    },
    /// Unblock the plugged shield, once a second teller has approved: the holder types a new PIN
    Unblock {
        /// What `unblock-shield` has printed
        #[arg(value_name = "ID")]
        consent: String,
        /// The file with the new PIN; else the holder is asked twice
        #[arg(long, value_name = "FILE")]
        new_file: Option<PathBuf>,
        #[command(flatten)]
        plugged: Plugged,
    },
}

impl AtShield {
    /// Does it, and gives what the command is to say.
    pub(super) async fn run(self, client: &mut Client, is_quiet: bool) -> Result<Value, Failure> {
        match self {
            Self::SetPuk { papers, plugged } => {
                Work { client, plugged: &plugged, is_quiet }.set(&papers.json()).await
            }
            Self::Unblock { consent, new_file, plugged } => {
                let mut work = Work { client, plugged: &plugged, is_quiet };
                work.unblock(&plain(&consent), new_file.as_ref()).await
            }
        }
    }
}

/// Where the shield is plugged in.
#[derive(Args)]
pub(super) struct Plugged {
    /// The program that reaches the shield [default: ushield beside this program, else in the search path]
    #[arg(long, value_name = "PROGRAM")]
    ushield: Option<PathBuf>,
    /// The USB/IP server of the shield, as `ushield pin` takes it [default: the roads that `ushield pin` looks at]
    #[arg(long, value_name = "SERVER")]
    usbip: Option<String>,
    /// A file for its owner only with the PUK of a shield that has another one than the factory's, and none that the bank knows
    #[arg(long, value_name = "FILE")]
    puk_file: Option<PathBuf>,
}

/// What is to be done with the shield.
struct Errand {
    id: String,
    serial: String,
    known: Vec<Zeroizing<String>>,
    puk: Zeroizing<String>,
    unblocks: bool,
}

fn undone(why: impl std::fmt::Display) -> Failure {
    Failure::new("the PUK was not set").because(why)
}

impl Errand {
    /// Takes the strings out of the answer, so that they are wiped.
    fn take(mut answer: Value) -> Option<Self> {
        fn secret(value: &mut Value) -> Option<Zeroizing<String>> {
            match value.take() {
                Value::String(text) => Some(Zeroizing::new(text)),
                _ => None,
            }
        }
        let known = answer.get_mut("known")?.as_array_mut()?.iter_mut().map(secret).collect::<Option<_>>()?;
        let puk = secret(answer.get_mut("puk")?)?;
        let plain = |name: &str| {
            let text = answer.get(name)?.as_str()?;
            let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !text.is_empty();
            is_plain.then(|| text.to_owned())
        };
        let unblocks = answer.get("unblocks")?.as_bool()?;
        Some(Self { id: plain("id")?, serial: plain("shield")?, known, puk, unblocks })
    }
}

impl Plugged {
    fn program(&self) -> OsString {
        if let Some(program) = &self.ushield {
            return program.clone().into();
        }
        let beside = std::env::current_exe().ok().map(|own| own.with_file_name("ushield"));
        beside.filter(|beside| beside.is_file()).map_or_else(|| "ushield".into(), Into::into)
    }

    /// The first line of the file with the shield's PUK, if there is one.
    fn own(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let Some(path) = &self.puk_file else { return Ok(None) };
        file::check_private(path, "600")?;
        let bytes = file::read_secret(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| undone("the file with the PUK is not text"))?;
        Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
    }

    /// Starts the program at the shield, and waits until it has done its deed.
    fn start(&self, errand: &Errand, new_file: Option<&PathBuf>, is_quiet: bool) -> Result<(), Failure> {
        let program = self.program();
        let mut command = Command::new(&program);
        command.args(["pin", "counter", if errand.unblocks { "unblock" } else { "set" }]);
        command.args(["--token", &errand.serial]);
        if let Some(usbip) = &self.usbip {
            command.args(["--usbip", usbip]);
        }
        if let Some(file) = new_file.filter(|_| errand.unblocks) {
            command.arg("--new-file").arg(file);
        }
        for variable in Variable::ALL {
            command.env_remove(variable.name());
        }
        let mut lines = Zeroizing::new(format!("{}\n{}\n", errand.serial, errand.puk.as_str()));
        for known in self.own()?.iter().chain(&errand.known).take(3) {
            lines.push_str(known);
            lines.push('\n');
        }
        let output = if is_quiet { Stdio::null() } else { Stdio::inherit() };
        let started = command.stdin(Stdio::piped()).stdout(output).spawn();
        let mut child = started.map_err(|fault| {
            undone(format!("{} did not start: {fault}", program.to_string_lossy()))
                .next("say --ushield PROGRAM, and run the same command again")
        })?;
        let piped = child.stdin.take().map(|mut pipe| pipe.write_all(lines.as_bytes()));
        let ended = child.wait().map_err(undone)?;
        if ended.success() && matches!(piped, Some(Ok(()))) {
            return Ok(());
        }
        Err(undone("the program at the shield has failed, and says why above").next(
            "mend that, and run the same command again: whichever PUK the shield has now, the bank has it",
        ))
    }
}

/// How a command of the counter speaks to the bank and to the shield.
struct Work<'a> {
    client: &'a mut Client,
    plugged: &'a Plugged,
    /// The answer is for a program.
    is_quiet: bool,
}

impl Work<'_> {
    async fn fetch(&mut self, path: &str, body: &Value) -> Result<Errand, Failure> {
        let answer = self.client.ask(Method::POST, path, body).await?;
        Errand::take(answer).ok_or_else(|| undone("the counter's answer lacks something"))
    }

    /// Has the shield take the PUK, and tells the bank that it did.
    async fn carry_out(&mut self, errand: &Errand, new_file: Option<&PathBuf>) -> Result<(), Failure> {
        tokio::task::block_in_place(|| self.plugged.start(errand, new_file, self.is_quiet))?;
        // The holder may have typed for longer than the counter keeps a quiet connection.
        self.client.reconnect().await?;
        let told = self.client.ask(Method::POST, &format!("/api/puk/{}", errand.id), &json!({})).await;
        told.map(drop).map_err(|failure| {
            failure.next("run the same command again: the shield has the PUK, and the bank is to be told so")
        })
    }

    /// The hand-over.
    async fn set(&mut self, papers: &Value) -> Result<Value, Failure> {
        let errand = self.fetch("/api/puk", papers).await?;
        self.carry_out(&errand, None).await?;
        Ok(json!({ "shield": errand.serial }))
    }

    /// The unblocking. What an interrupted command has left comes first.
    async fn unblock(&mut self, consent: &str, new_file: Option<&PathBuf>) -> Result<Value, Failure> {
        let path = format!("/api/unblocking/{consent}");
        let mut errand = self.fetch(&path, &json!({})).await?;
        if !errand.unblocks {
            self.carry_out(&errand, None).await?;
            errand = self.fetch(&path, &json!({})).await?;
        }
        if !errand.unblocks {
            return Err(undone("another counter works on the same shield").next("run the same command again"));
        }
        self.carry_out(&errand, new_file).await?;
        Ok(json!({ "shield": errand.serial }))
    }
}
