//! `cert-tool factory-ca`.

use authority::attestation::{Factory, TEST_BRAND};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{OutOptions, certificate_json},
};
use terminal::Failure;

/// Write the certificate of a brand's TEST factory CA, which certifies the tokens that ushield makes
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool factory-ca --brand \"My bank\" --out factory.pem

Then: cert-tool enrol --require-attestation --factory-ca factory.pem, or openssl verify -CAfile factory.pem. The key of
a TEST factory follows from the brand's name, so that everybody has it: trust it in tests only.")]
pub(super) struct FactoryCa {
    /// The brand, as cert-tool show tells it
    #[arg(long, value_name = "BRAND", default_value = TEST_BRAND)]
    brand: String,
    #[command(flatten)]
    out: OutOptions,
}

impl FactoryCa {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        let factory = Factory::test(&self.brand)?;
        let certificate = factory.certificate();
        let text = self.out.write(certificate.pem().as_bytes(), |path| {
            format!("TEST factory CA of {}: {}", self.brand, path.display())
        })?;
        Ok(Report {
            text,
            json: json!({ "brand": self.brand, "certificate": certificate_json(certificate) }),
        })
    }
}
