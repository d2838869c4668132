//! `bank counter`: what tellers do on their pages, as commands that speak the counter's API as that teller. Each action has the name
//! that it has in the API.

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod puk;

use std::path::PathBuf;

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use terminal::{
    Exit, Failure, Outcome, say, say_json,
    secret::{Source, Variable},
};
use zeroize::Zeroizing;

use crate::client::Client;

/// Where the system keeps the authorities that it trusts (Debian, ca-certificates).
pub(super) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

#[derive(Args)]
pub(super) struct Counter {
    /// Where the counter is
    #[arg(long, value_name = "ORIGIN", default_value = "http://127.0.0.1:8081")]
    at: String,
    /// The authorities of which one has signed the counter's certificate, where it is https
    #[arg(long, value_name = "FILE", default_value = AUTHORITIES)]
    ca: PathBuf,
    /// The teller's name
    #[arg(long, value_name = "NAME")]
    teller: String,
    #[command(flatten)]
    password: Password,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    #[command(flatten)]
    Errand(Errand),
    #[command(flatten)]
    AtShield(puk::AtShield),
}

/// Where a teller's password comes from.
#[derive(Args)]
pub(super) struct Password {
    /// A file for its owner only, whose first line is the teller's password; else BANK_TELLER_PASSWORD, else you are asked
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Password {
    fn source(&self) -> Result<Source<'_>, Failure> {
        let file = self.password_file.as_deref();
        if let Some(file) = file {
            file::check_private(file, "600")?;
        }
        Ok(Source { name: "password", file, variable: Variable::TellerPassword, option: "--password-file" })
    }

    /// Asks for the password of a teller who is there.
    pub(super) fn ask(&self, question: &str) -> Result<Zeroizing<String>, Failure> {
        text(self.source()?.ask(question)?)
    }

    /// Asks for the password of a new teller, twice at a prompt.
    pub(super) fn ask_new(&self) -> Result<Zeroizing<String>, Failure> {
        text(self.source()?.ask_new("password of the new teller: ")?)
    }
}

pub(super) fn text(secret: terminal::secret::Secret) -> Result<Zeroizing<String>, Failure> {
    let text = std::str::from_utf8(secret.bytes()).map_err(|_| Failure::new("the password is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What the teller has looked at.
#[derive(Args)]
struct Papers {
    /// The number of the card that the customer has shown
    #[arg(long, value_name = "NUMBER")]
    account: String,
    /// The number of the document that the customer has shown
    #[arg(long, value_name = "NUMBER")]
    document: String,
}

#[derive(Subcommand)]
enum Errand {
    /// Open an account
    Open {
        #[arg(long)]
        name: String,
        #[arg(long, value_name = "NUMBER")]
        document: String,
        #[arg(long, value_name = "NUMBER")]
        phone: String,
        /// Cash that is paid in at once
        #[arg(long, value_name = "YUAN", default_value = "")]
        deposit: String,
        /// Any word of your own: the same command with the same word opens no second account, whatever became of the first answer
        #[arg(long, value_name = "WORD", default_value = "")]
        key: String,
    },
    /// The application form: a contract of online banking, and its first password
    Contract(Papers),
    /// The change form: let a contract of the web pay
    Enable(Papers),
    /// Let a contract pay merchants
    Ecommerce(Papers),
    /// Issue the first password card
    Card(Papers),
    /// Block a password card at once
    BlockCard(Papers),
    /// Ask for another password card; a second teller approves
    ReplaceCard(Papers),
    /// Ask to hand out a shield, with the code that fetches its ID; a second teller approves
    Shield {
        #[command(flatten)]
        papers: Papers,
        /// The serial number on the shield's label
        #[arg(long, value_name = "NUMBER")]
        serial: String,
    },
    /// A shield is lost: its ID is revoked at once
    LoseShield(Papers),
    /// Ask to hand out another shield; a second teller approves
    ReplaceShield {
        #[command(flatten)]
        papers: Papers,
        /// The serial number on the other shield's label
        #[arg(long, value_name = "NUMBER")]
        serial: String,
    },
    /// Ask for another code of the same shield; a second teller approves
    ShieldCode(Papers),
    /// Ask to unblock the shield of a customer whose PIN is locked; a second teller approves
    UnblockShield(Papers),
    /// Ask to let a shield stand again that a restore has suspended; a second teller approves
    ConfirmShield(Papers),
    /// Ask to open a method that wrong answers have closed; a second teller approves
    OpenGate {
        #[command(flatten)]
        papers: Papers,
        /// `card` or `static`
        #[arg(long)]
        method: String,
    },
    /// Ask for other limits of the password card; a second teller approves
    Limits {
        #[command(flatten)]
        papers: Papers,
        #[arg(long, value_name = "YUAN")]
        per_payment: String,
        #[arg(long, value_name = "YUAN")]
        per_day: String,
    },
    /// Reset a log-in password: the customer must choose another one
    ResetLogin(Papers),
    /// End all sessions of a customer
    EndSessions(Papers),
    /// What waits for a second teller
    Approvals,
    /// Approve what another teller has asked
    Approve { id: String },
    /// Refuse what a teller has asked, or take back what you have asked
    Refuse { id: String },
}

/// The method, the path and the body of a request.
type Call = (Method, String, Value);

/// A name of the API is letters and digits; whatever else was typed becomes no other path.
fn plain(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).collect()
}

impl Papers {
    fn json(&self) -> Value {
        json!({ "account": self.account, "document": self.document })
    }
}

impl Errand {
    fn call(self) -> Call {
        let act = |name: &str, papers: Papers, more: Value| {
            let mut body = papers.json();
            if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
                body.extend(more);
            }
            (Method::POST, format!("/api/action/{name}"), body)
        };
        let answer = |id: String, approve: bool| {
            (Method::POST, format!("/api/approval/{}", plain(&id)), json!({ "approve": approve }))
        };
        match self {
            Self::Open { name, document, phone, deposit, key } => {
                let body = json!({ "name": name, "document": document, "phone": phone, "deposit": deposit, "key": key });
                (Method::POST, "/api/action/open".to_owned(), body)
            }
            Self::Contract(papers) => act("contract", papers, Value::Null),
            Self::Enable(papers) => act("enable", papers, Value::Null),
            Self::Ecommerce(papers) => act("ecommerce", papers, Value::Null),
            Self::Card(papers) => act("card", papers, Value::Null),
            Self::BlockCard(papers) => act("block-card", papers, Value::Null),
            Self::ReplaceCard(papers) => act("replace-card", papers, Value::Null),
            Self::Shield { papers, serial } => act("shield", papers, json!({ "serial": serial })),
            Self::LoseShield(papers) => act("lose-shield", papers, Value::Null),
            Self::ReplaceShield { papers, serial } => {
                act("replace-shield", papers, json!({ "serial": serial }))
            }
            Self::ShieldCode(papers) => act("shield-code", papers, Value::Null),
            Self::UnblockShield(papers) => act("unblock-shield", papers, Value::Null),
            Self::ConfirmShield(papers) => act("confirm-shield", papers, Value::Null),
            Self::OpenGate { papers, method } => act("open-gate", papers, json!({ "method": method })),
            Self::Limits { papers, per_payment, per_day } => {
                act("limits", papers, json!({ "per_payment": per_payment, "per_day": per_day }))
            }
            Self::ResetLogin(papers) => act("reset-login", papers, Value::Null),
            Self::EndSessions(papers) => act("end-sessions", papers, Value::Null),
            Self::Approvals => (Method::GET, "/api/approval".to_owned(), json!({})),
            Self::Approve { id } => answer(id, true),
            Self::Refuse { id } => answer(id, false),
        }
    }
}

impl Counter {
    pub(super) async fn run(self) -> Outcome {
        let password = self.password.ask("password: ")?;
        let mut client = Client::connect(&self.at, &self.ca).await?;
        client.sign_in(&self.teller, &password).await?;
        let answer = match self.deed {
            Deed::Errand(errand) => {
                let (method, path, body) = errand.call();
                client.ask(method, &path, &body).await
            }
            Deed::AtShield(deed) => deed.run(&mut client, self.json).await,
        };
        // The session is of this command, and ends with it, whatever came of it.
        let out = client.ask(Method::POST, "/api/sign-out", &json!({})).await;
        let answer = answer?;
        if self.json {
            say_json(&answer.to_string())
        } else {
            show(&answer)
        }
        out.map(|_| Exit::Done)
    }
}

/// Says what came of it.
fn show(answer: &Value) {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, what) in [
        ("account", "account"),
        ("password", "first password, for the customer only"),
        ("shield", "shield"),
        ("reference", "reference, for the customer only"),
        ("code", "authorisation code, for the customer only"),
        ("approval", "waits for a second teller"),
    ] {
        if let Some(value) = answer.get(key) {
            say(&format!("{what}: {}", word(value)));
        }
    }
    if answer.get("code").is_some() {
        say(
            "next: plug that shield in and run `bank counter set-puk`, if it comes from the factory; then give it to the customer",
        );
    }
    if let Some(card) = answer.get("card") {
        say(&format!(
            "password card, for the customer only: {}",
            word(card.get("number").unwrap_or(&Value::Null))
        ));
        let head: String =
            list(card.get("columns")).iter().map(|column| format!("   {}", word(column))).collect();
        say(&format!(" {head}"));
        for (at, row) in list(card.get("rows")).iter().enumerate() {
            let cells: Vec<_> = list(Some(row)).iter().map(word).collect();
            say(&format!("{} {}", at + 1, cells.join(" ")));
        }
    }
    let waiting = list(answer.get("waiting"));
    for row in &waiting {
        let of = |key: &str| word(row.get(key).unwrap_or(&Value::Null));
        say(&format!("{}  {} {} asked by {}", of("id"), of("action"), of("detail"), of("asked_by")));
    }
    if waiting.is_empty() && answer.get("waiting").is_some() {
        say("nothing waits");
    } else if answer.as_object().is_some_and(serde_json::Map::is_empty) {
        say("done");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::{commands::Line, counter::action::ACTIONS};

    #[test]
    fn each_action_of_the_api_is_a_command_of_the_same_name() {
        for action in ACTIONS {
            let line = ["bank", "counter", "--teller", "lin", action, "--help"];
            let said = Line::try_parse_from(line).err().map(|help| help.kind());
            assert_eq!(said, Some(clap::error::ErrorKind::DisplayHelp), "{action}");
        }
    }
}
