//! `cert-tool ca issue`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{
        AttestationOptions, CaOptions, HolderOptions, KindOptions, OutOptions, ValidityOptions,
        certificate_json,
    },
};
use crate::{
    Error,
    attestation::{self, Attestation, Expected},
    certificate::{Certificate, pem_or_der},
    csr,
    issuer::{Issuer, Order},
    subject::{Subject, TEST_UNIT},
};

/// Issue one certificate for a request, after checking the request and whom it names
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool ca issue --dir CA --request pay.csr --kind payment --name 张三 --user-id 6222020200112233 --out pay.pem

The CA does not take the subject from the request: it must be the one named here. With --require-attestation the key
must be one that a token says was made on it: cert-tool request --attestation FILE brings that along.")]
pub(super) struct Issue {
    /// The certification request, PEM or DER
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// What the token says of the key, from cert-tool request --attestation
    #[arg(long, value_name = "FILE", requires = "require_attestation")]
    attestation: Option<PathBuf>,
    #[command(flatten)]
    attested: AttestationOptions,
    #[command(flatten)]
    kind: KindOptions,
    #[command(flatten)]
    holder: HolderOptions,
    #[command(flatten)]
    validity: ValidityOptions,
    #[command(flatten)]
    ca: CaOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Issue {
    pub(super) fn run(self) -> Result<Report, Error> {
        self.out.check()?;
        let request = pem_or_der("CERTIFICATE REQUEST", &file::read(&self.request)?)?;
        // The unit says that the key is in a test token: it is taken from the request, and nothing else is.
        let unit =
            csr::check(&request)?.subject.into_iter().map(|(_, text)| text).find(|text| text == TEST_UNIT);
        if let Some(factory) = self.attested.factory()? {
            let attestation = self.attestation.as_deref().map(Attestation::read).transpose()?;
            let public_key = &csr::check(&request)?.public_key;
            let expected = Expected { container: self.kind.kind.container(), public_key, serial: None };
            attestation::check(&factory, attestation.as_ref(), &expected)?;
        }
        let mut ca = self.ca.open()?;
        let subject = Subject {
            organisation: ca.organisation().to_string(),
            unit,
            name: self.holder.name,
            user_id: self.holder.user_id,
        };
        let order = Order {
            request: &request,
            kind: self.kind.kind,
            subject: &subject,
            validity: self.validity.validity(),
            token: None,
        };
        let certificate = Certificate::parse(&ca.issue(&order)?)?;
        let serial = &certificate.serial;
        let said = self.out.write(certificate.pem().as_bytes(), |path| {
            format!("certificate {serial} issued for {subject}: {}", path.display())
        });
        match said {
            Ok(text) => Ok(Report { text, json: json!({ "certificate": certificate_json(&certificate) }) }),
            // Nobody has it: it is revoked, so that none is about that nobody knows where.
            Err(error) => Err(match ca.withdraw(std::slice::from_ref(serial)) {
                Ok(()) => error.with_state(format!("certificate {serial} was issued and is revoked again")),
                Err(_) => error
                    .with_state(format!("certificate {serial} was issued: revoke it (cert-tool ca revoke)")),
            }),
        }
    }
}
