//! `cert-tool ca init`.

use std::path::PathBuf;

use authority::{
    ca::{DEFAULT_CRL_URL, Founding, found},
    moment::Validity,
    subject::DEFAULT_ORGANISATION,
};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{PassphraseOptions, folder},
};
use terminal::{Failure, secret::Secret};

/// Make a bank CA: P-256, with its key, certificate, CRL and index in one folder
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool ca init --dir CA --name \"Test Bank CA\" --crl-url http://crl.bank.example/ca.crl

The key is encrypted with a passphrase of 8 characters or more. A CA that is there already is never overwritten.")]
pub(super) struct Init {
    /// The folder, which is made owner-only [default: ushield/ca in the user's state folder]
    #[arg(long, visible_alias = "ca", value_name = "DIR", env = "CERT_TOOL_CA")]
    dir: Option<PathBuf>,
    /// The CA's name (CN)
    #[arg(long, value_name = "CN", default_value = "U-shield Test CA")]
    name: String,
    /// The bank (O), named in all certificates
    #[arg(long, value_name = "O", default_value = DEFAULT_ORGANISATION)]
    organisation: String,
    /// Where verifiers will fetch the CRL
    #[arg(long, value_name = "URL", default_value = DEFAULT_CRL_URL)]
    crl_url: String,
    /// Valid for so many days
    #[arg(long, value_name = "N", default_value_t = 3650)]
    days: u32,
    /// Leave the key in clear: for tests only
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

impl Init {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let folder = folder(self.dir.as_deref())?;
        let founding = Founding {
            name: &self.name,
            organisation: &self.organisation,
            crl_url: &self.crl_url,
            validity: Validity::Days(self.days),
        };
        founding.check(&folder)?;
        let passphrase = match self.no_passphrase {
            true => None,
            false => Some(
                self.passphrase.source().ask_new("passphrase for the CA's key (8 characters or more): ")?,
            ),
        };
        found(&folder, &founding, passphrase.as_ref().map(Secret::bytes))?;
        let path = folder.display();
        let text = format!(
            "The CA “{}” is in {path}: ca.pem (give it to verifiers), crl.pem, crl.der (serve it at {}), ca-key.pem \
             ({}).\nNext: cert-tool enrol --ca {path} --name NAME --user-id ID\n",
            self.name,
            self.crl_url,
            if passphrase.is_some() { "encrypted" } else { "in clear: for tests only" },
        );
        Ok(Report {
            text,
            json: json!({ "ca": folder.to_string_lossy(), "name": self.name, "crl_url": self.crl_url }),
        })
    }
}
