//! `cert-tool ca issue`.

use std::path::PathBuf;

use authority::{
    attestation::{self, Attestation, Expected},
    certificate::{Certificate, pem_or_der},
    csr,
    issuer::{Issuer, Order},
    subject::{Subject, TEST_UNIT},
};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{
        AttestationOptions, CaOptions, HolderOptions, KindOptions, OutOptions, ValidityOptions,
        certificate_json,
    },
};
use terminal::Failure;

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
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        let request = pem_or_der("CERTIFICATE REQUEST", &file::read(&self.request)?)?;
        // The request may say that its key is in a test token (OU). The CA takes this one statement from the request, and
        // nothing else: it only ever makes a certificate worth less.
        let unit =
            csr::check(&request)?.subject.into_iter().map(|(_, text)| text).find(|text| text == TEST_UNIT);
        if let Some(factory) = self.attested.factory()? {
            let attestation = self.attestation.as_deref().map(Attestation::read).transpose()?;
            let public_key = &csr::check(&request)?.public_key;
            let expected = Expected { container: self.kind.kind().container(), public_key, serial: None };
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
            kind: self.kind.kind(),
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
            // The certificate was issued, and could not be handed to anybody. It is revoked, because a certificate that nobody
            // keeps is one whose misuse nobody would notice.
            Err(failure) => Err(match ca.withdraw(std::slice::from_ref(serial)) {
                Ok(()) => failure.with_state(format!("certificate {serial} was issued and is revoked again")),
                Err(_) => failure
                    .with_state(format!("certificate {serial} was issued: revoke it (cert-tool ca revoke)")),
            }),
        }
    }
}
