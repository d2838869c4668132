//! PINs and passphrases: from a prompt, a file or the environment, never from `argv`, and wiped after use.

use std::{fmt, path::Path};

use wire::{pin::has_form, reason::Reason};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A PIN or a passphrase; wiped when dropped, and never shown.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes themselves, which are wiped when dropped.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// Refuses a PIN that no token with these shortest and longest lengths can have ([`has_form`]), so that it costs no
    /// try.
    ///
    /// # Errors
    /// It is shorter or longer, or has another character than a PIN may have.
    pub fn check_form(&self, [least, most]: [u8; 2]) -> Result<(), Failure> {
        if has_form(&self.0, (least, most)) {
            return Ok(());
        }
        Err(invalid("the PIN was not used")
            .because(format!(
                "it is not of {least} to {most} letters, digits and signs of ASCII, as every PIN of this token is; no try was \
                 spent"
            ))
            .next("give the token's PIN"))
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The variables of the environment that hold secrets. A process that stays takes them out of what it starts, by this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The user's PIN.
    Pin,
    /// The PUK.
    Puk,
    /// The PIN that is to be.
    NewPin,
    /// The PUK that is to be.
    NewPuk,
    /// The passphrase of the CA's key.
    Passphrase,
    /// Reference and authorisation code from a bank's counter.
    Code,
    /// The password of a teller of the bank.
    TellerPassword,
    /// The password of another teller, who consents.
    SecondPassword,
}

impl Variable {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Pin,
        Self::Puk,
        Self::NewPin,
        Self::NewPuk,
        Self::Passphrase,
        Self::Code,
        Self::TellerPassword,
        Self::SecondPassword,
    ];

    /// Its name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "USHIELD_PIN",
            Self::Puk => "USHIELD_PUK",
            Self::NewPin => "USHIELD_NEW_PIN",
            Self::NewPuk => "USHIELD_NEW_PUK",
            Self::Passphrase => "CERT_TOOL_PASSPHRASE",
            Self::Code => "CERT_TOOL_CODE",
            Self::TellerPassword => "BANK_TELLER_PASSWORD",
            Self::SecondPassword => "BANK_SECOND_PASSWORD",
        }
    }
}

/// Where a secret comes from: the file if one is named, else the environment, else a prompt.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What it is, for messages: "PIN".
    pub name: &'a str,
    /// The file that the user named; its first line is the secret.
    pub file: Option<&'a Path>,
    /// The variable of the environment.
    pub variable: Variable,
    /// The option that names the file, for messages.
    pub option: &'a str,
}

impl Source<'_> {
    /// Asks for the secret; `question` is what the prompt says.
    ///
    /// # Errors
    /// The file cannot be read, there is no terminal to ask at, or the secret is empty.
    pub fn ask(&self, question: &str) -> Result<Secret, Failure> {
        let secret = match self.stored()? {
            Some(secret) => secret,
            None => self.prompt(question)?,
        };
        self.not_empty(secret)
    }

    /// Asks for a new secret: at a prompt twice, so that a slip does not lock anybody out.
    ///
    /// # Errors
    /// As [`Self::ask`], and two answers that differ.
    pub fn ask_new(&self, question: &str) -> Result<Secret, Failure> {
        if let Some(secret) = self.stored()? {
            return self.not_empty(secret);
        }
        let first = self.prompt(question)?;
        let second = self.prompt("the same again: ")?;
        if first.0 != second.0 {
            let what = format!("the {} was not taken", self.name);
            return Err(invalid(what).because("the two answers differ").next("run the command again"));
        }
        self.not_empty(first)
    }

    fn stored(&self) -> Result<Option<Secret>, Failure> {
        if let Some(path) = self.file {
            let mut bytes = file::read_secret(path)?;
            // The buffer is cut in place: a copy would be one more buffer to wipe.
            let end = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(bytes.len());
            bytes.truncate(end);
            return Ok(Some(Secret(bytes)));
        }
        Ok(std::env::var(self.variable.name()).ok().map(|text| Secret(Zeroizing::new(text.into_bytes()))))
    }

    fn prompt(&self, question: &str) -> Result<Secret, Failure> {
        let not_asked = |NotTyped { why, before }: NotTyped| {
            invalid(format!("the {} was not asked for", self.name)).because(why).next(format!(
                "{before}put it in a file and say {} FILE, or set {}",
                self.option,
                self.variable.name()
            ))
        };
        typed(question).map(Secret).map_err(not_asked)
    }

    fn not_empty(&self, secret: Secret) -> Result<Secret, Failure> {
        if !secret.bytes().is_empty() {
            return Ok(secret);
        }
        Err(invalid(format!("the {} was not taken", self.name))
            .because("it is empty")
            .next(format!("give one, or say {} FILE", self.option)))
    }
}

/// Why nothing was typed.
struct NotTyped {
    why: String,
    /// The advice that comes before the others.
    before: &'static str,
}

impl From<String> for NotTyped {
    fn from(why: String) -> Self {
        Self { why, before: "" }
    }
}

/// What is typed at the terminal, unseen.
#[cfg(unix)]
fn typed(question: &str) -> Result<Zeroizing<Vec<u8>>, NotTyped> {
    use crate::prompt::{Prompt, Unanswered};
    let prompt = Prompt { text: question, hidden: true, patience: None, unwanted: &|| false };
    prompt.ask().map_err(|why| match why {
        Unanswered::NoTerminal(fault) => format!("there is no terminal to ask at ({fault})").into(),
        Unanswered::Background => NotTyped {
            why: "the program is in the background of its terminal".into(),
            before: "run the command in the foreground of its terminal, without & at its end; or ",
        },
        Unanswered::Failed(fault) => format!("the terminal failed ({fault})").into(),
        Unanswered::Unwanted | Unanswered::TimedOut | Unanswered::Interrupted => {
            "the question was ended".to_owned().into()
        }
    })
}

#[cfg(not(unix))]
fn typed(question: &str) -> Result<Zeroizing<Vec<u8>>, NotTyped> {
    let answer = rpassword::prompt_password(question);
    answer
        .map(|text| Zeroizing::new(text.into_bytes()))
        .map_err(|fault| format!("there is no terminal to ask at ({fault})").into())
}

fn invalid(what: impl Into<String>) -> Failure {
    Failure::new(what).coded(Reason::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_of_a_wrong_form_is_refused_unseen() {
        for (pin, good) in [
            ("13579", false),
            ("135790", true),
            ("13579024", true),
            ("135790246", false),
            ("135 790", false),
            ("密码密码", false),
        ] {
            let checked = Secret::from(pin).check_form([6, 8]);
            assert_eq!(checked.is_ok(), good, "{pin}");
            assert!(checked.err().is_none_or(|error| !error.to_string().contains(pin)));
        }
    }

    #[test]
    fn a_file_gives_its_first_line_and_debug_gives_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        std::fs::write(&path, "135246\r\nnot this\n").unwrap();
        let source =
            Source { name: "PIN", file: Some(&path), variable: Variable::Passphrase, option: "--pin-file" };
        let secret = source.ask("").unwrap();
        assert_eq!(secret.bytes(), b"135246");
        assert!(!format!("{secret:?}").contains("135"));
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(source.ask("").unwrap_err().code(), Some("invalid"));
    }
}
