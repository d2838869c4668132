//! `cert-tool ca init`.

use std::path::PathBuf;

use authority::{
    ca::{DEFAULT_AUTHENTICATION_CRL_URL, DEFAULT_CRL_URL, Founding, found},
    moment::Validity,
    subject::DEFAULT_ORGANISATION,
};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use serde_json::json;
use wire::{algorithm::KeyAlgorithm, brand::ALGORITHMS};

use super::{
    Report,
    options::{PassphraseOptions, folder},
};
use terminal::{Failure, Reason, secret::Secret};

/// Make a bank CA with its key, certificate, CRL and index in one folder
#[derive(Args)]
#[command(after_help = "Examples:
  cert-tool ca init --dir CA --name \"Test Bank CA\" --crl-url http://crl.bank.example/ca.crl
  cert-tool ca init --dir CA --algorithm sm2
  cert-tool ca init --dir CA --algorithm sm2 --crl-url http://crl.bank.example/sm2.crl \
    --authentication-crl-url http://crl.bank.example/p256.crl

A CA of SM2 certifies payment keys of SM2. It has a second issuer, of P-256, for certificates for authentication, because stock TLS and
ssh programs verify no SM2: the files of that issuer are the authentication-… ones of the same folder.

Keys are encrypted with a passphrase of 8 characters or more. A CA that is there already is never overwritten.")]
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
    /// The algorithm of payment keys, and of the CA's key for them
    #[arg(long, value_name = "ALGORITHM", default_value = KeyAlgorithm::P256.name(), value_parser = algorithms())]
    algorithm: KeyAlgorithm,
    /// Where verifiers will fetch the CRL [default: a place at crl.bank.example, for tests]
    #[arg(long, value_name = "URL")]
    crl_url: Option<String>,
    /// Where verifiers will fetch the CRL of the issuer for authentication (with --algorithm sm2, and then with --crl-url)
    #[arg(long, value_name = "URL")]
    authentication_crl_url: Option<String>,
    /// Valid for so many days
    #[arg(long, value_name = "N", default_value_t = 3650)]
    days: u32,
    /// Leave the key in clear: for tests only
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

/// The algorithms that a payment key may have, by their names.
fn algorithms() -> impl clap::builder::TypedValueParser<Value = KeyAlgorithm> {
    PossibleValuesParser::new(ALGORITHMS.map(KeyAlgorithm::name))
        .map(|name| KeyAlgorithm::by_name(&name).unwrap_or(KeyAlgorithm::P256))
}

impl Init {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let folder = folder(self.dir.as_deref())?;
        let two = self.algorithm != KeyAlgorithm::P256;
        let (crl_url, authentication_crl_url) = self.places(two)?;
        let founding = Founding {
            name: &self.name,
            organisation: &self.organisation,
            algorithm: self.algorithm,
            crl_url,
            authentication_crl_url,
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
        let second = match two {
            true => format!(
                "Its issuer for authentication, of P-256, is there too: authentication-ca.pem (give it to TLS and ssh servers), \
                 authentication-crl.pem, authentication-crl.der (serve it at {}), authentication-ca-key.pem.\n",
                authentication_crl_url
            ),
            false => String::new(),
        };
        let text = format!(
            "The CA “{}” is in {path}: ca.pem (give it to verifiers), crl.pem, crl.der (serve it at {}), ca-key.pem \
             ({}).\n{second}Next: cert-tool enrol --ca {path} --name NAME --user-id ID\n",
            self.name,
            crl_url,
            if passphrase.is_some() { "encrypted" } else { "in clear: for tests only" },
        );
        Ok(Report {
            text,
            json: json!({
                "ca": folder.to_string_lossy(),
                "name": self.name,
                "algorithm": self.algorithm.name(),
                "crl_url": crl_url,
                "authentication_crl_url": two.then_some(authentication_crl_url),
            }),
        })
    }

    /// Where the CRLs will be: that of the main issuer, and that of the second one, where there are two issuers. An address is in every
    /// certificate for ever, so nobody who names one place gets an example for the other.
    fn places(&self, two: bool) -> Result<(&str, &str), Failure> {
        let refused = |why: &str, next: &str| Err(Failure::of(Reason::Invalid, "no CA was made", why, next));
        match (self.crl_url.as_deref(), self.authentication_crl_url.as_deref()) {
            (_, Some(_)) if !two => refused(
                "--authentication-crl-url is for a CA with two issuers, and a CA of P-256 has one issuer and one CRL",
                "leave --authentication-crl-url out, or say --algorithm sm2",
            ),
            (Some(_), None) | (None, Some(_)) if two => refused(
                "a CA of SM2 has two issuers with a CRL each, and only one of the two places was named",
                "give both --crl-url and --authentication-crl-url, each with a place of its own",
            ),
            (main, second) => {
                Ok((main.unwrap_or(DEFAULT_CRL_URL), second.unwrap_or(DEFAULT_AUTHENTICATION_CRL_URL)))
            }
        }
    }
}
