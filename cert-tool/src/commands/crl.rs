//! `cert-tool ca crl`.

use authority::ca::CRL_DAYS;
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{CaOptions, OutOptions},
};
use terminal::Failure;

/// Issue the CRL anew, before the last one runs out
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool ca crl --dir CA --days 7 --out /srv/www/ca.crl --der --force

A CA of SM2 has two issuers, and issues a CRL of each. --out writes that for payments; --authentication writes the other one.")]
pub(super) struct Crl {
    /// The next one comes within so many days (nextUpdate)
    #[arg(long, value_name = "N", default_value_t = CRL_DAYS)]
    days: u32,
    /// Write DER, as web servers serve it
    #[arg(long, requires = "out")]
    der: bool,
    /// Write the CRL of the issuer for authentication
    #[arg(long, requires = "out")]
    authentication: bool,
    #[command(flatten)]
    ca: CaOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Crl {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        let mut ca = self.ca.open()?;
        let number = ca.issue_crl(self.days)?;
        let (path, second) = (ca.crl_path(), ca.authentication_crl_path());
        let mut text = format!("CRL number {number}: {}", path.display());
        if second != path {
            text = format!("{text}\nCRL number {number} for authentication: {}", second.display());
        }
        if self.out.is_named() {
            let path = if self.authentication { &second } else { &path };
            let copy = file::read(&if self.der { path.with_extension("der") } else { path.clone() })?;
            text = self.out.write(&copy, |out| format!("CRL number {number}: {}", out.display()))?;
        }
        Ok(Report {
            text,
            json: json!({
                "number": number,
                "crl": path.to_string_lossy(),
                "authentication_crl": second.to_string_lossy(),
                "days": self.days,
            }),
        })
    }
}
