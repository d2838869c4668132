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
  cert-tool ca crl --dir CA --days 7 --out /srv/www/ca.crl --der --force")]
pub(super) struct Crl {
    /// The next one comes within so many days (nextUpdate)
    #[arg(long, value_name = "N", default_value_t = CRL_DAYS)]
    days: u32,
    /// Write DER, as web servers serve it
    #[arg(long, requires = "out")]
    der: bool,
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
        let path = ca.crl_path();
        let mut text = format!("CRL number {number}: {}", path.display());
        if self.out.is_named() {
            let copy = file::read(&if self.der { path.with_extension("der") } else { path.clone() })?;
            text = self.out.write(&copy, |out| format!("CRL number {number}: {}", out.display()))?;
        }
        Ok(Report {
            text,
            json: json!({ "number": number, "crl": path.to_string_lossy(), "days": self.days }),
        })
    }
}
