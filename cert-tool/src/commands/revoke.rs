//! `cert-tool ca revoke`.

use std::path::Path;

use authority::{certificate::Certificate, certificate_kind::Kind, moment};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{CaOptions, RevocationName},
};
use terminal::{Failure, Reason};

/// Revoke a certificate and issue the CRL anew
#[derive(Args)]
#[command(after_help = "Examples:
  cert-tool ca revoke --dir CA cert.pem --reason key-compromise
  cert-tool ca revoke --dir CA 5F3A9C…")]
pub(super) struct Revoke {
    /// The certificate's serial number in hexadecimal, or a file with the certificate
    #[arg(value_name = "SERIAL|CERT")]
    certificate: String,
    /// Why
    #[arg(long, value_enum, default_value = "unspecified")]
    reason: RevocationName,
    #[command(flatten)]
    ca: CaOptions,
}

impl Revoke {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let mut ca = self.ca.open()?;
        let path = Path::new(&self.certificate);
        let serial = if path.is_file() {
            let certificate = Certificate::parse(&file::read(path)?)?;
            if !ca.issued(&certificate) {
                return Err(Failure::of(
                    Reason::Invalid,
                    "nothing was revoked",
                    format!("{} was not issued by this CA", path.display()),
                    "name the folder of the CA that issued it",
                ));
            }
            certificate.serial
        } else {
            serial(&self.certificate)?
        };
        let entry = ca.revoke(&serial, self.reason.into())?;
        let crl = match entry.kind {
            Kind::Payment => ca.crl_path(),
            Kind::Authentication => ca.authentication_crl_path(),
        };
        let text = format!(
            "{} certificate {serial} ({}) is revoked; new CRL: {}",
            entry.kind,
            entry.subject,
            crl.display()
        );
        let at = entry.revoked_at.map(moment::display);
        Ok(Report {
            text,
            json: json!({ "serial": serial, "reason": entry.reason, "revoked_at": at, "crl": crl.to_string_lossy() }),
        })
    }
}

/// A serial number as openssl prints it, with or without colons, in either case.
fn serial(text: &str) -> Result<String, Failure> {
    let digits = text.replace(':', "").to_ascii_uppercase();
    let good = !digits.is_empty() && digits.len() <= 40 && digits.chars().all(|c| c.is_ascii_hexdigit());
    if good {
        return Ok(if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") });
    }
    Err(Failure::of(
        Reason::Invalid,
        "nothing was revoked",
        format!("“{text}” is neither a file nor a serial number in hexadecimal"),
        "name the certificate's file, or its number (cert-tool show --file CERT)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_in_every_form() {
        assert_eq!(serial("5f:3a").unwrap(), "5F3A");
        assert_eq!(serial("F3A").unwrap(), "0F3A");
        assert!(serial("").is_err() && serial("no.pem").is_err() && serial(&"A".repeat(41)).is_err());
    }
}
