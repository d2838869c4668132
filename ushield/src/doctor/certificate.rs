//! The personal ID: whether its certificates are valid, and for how long.

use cert_tool::certificate::Certificate;
use time::{Duration, OffsetDateTime};

use super::{Finding, Patient, Reached};

const CERTIFICATE: &str = "certificate";
/// So long before the end it warns.
const SOON: Duration = Duration::days(30);
const RENEW: &str = "cert-tool enrol --ca CA --name NAME --user-id ID   (the former one works until then)";

pub(super) fn check(patient: &Patient<'_>, reached: &Reached) -> Vec<Finding> {
    // Why it was not reached is another check's word.
    let Ok(holding) = reached else { return Vec::new() };
    let serial = &holding.information.serial;
    if holding.certificates.iter().all(|(_, certificate)| certificate.is_none()) {
        let message = format!("there is no personal ID on token {serial} yet");
        return vec![
            Finding::warning(CERTIFICATE, "certificate_absent", message)
                .mended_by("cert-tool enrol --ca CA --name NAME --user-id ID"),
        ];
    }
    let there = holding.certificates.iter().filter_map(|(name, der)| Some((*name, der.as_deref()?)));
    there.map(|(name, der)| judge(name, der, patient.now())).collect()
}

fn judge(name: &str, der: &[u8], now: OffsetDateTime) -> Finding {
    let certificate = match Certificate::parse(der) {
        Ok(certificate) => certificate,
        Err(error) => {
            let message = format!("the certificate {name} cannot be read: {}", error.why());
            return Finding::error(CERTIFICATE, "certificate_damaged", message).mended_by(RENEW);
        }
    };
    let (begin, end) = (certificate.not_before, certificate.not_after);
    if now > end {
        let message = format!("the certificate {name} ended on {}", end.date());
        return Finding::error(CERTIFICATE, "certificate_expired", message).mended_by(RENEW);
    }
    if now < begin {
        let message =
            format!("the certificate {name} begins on {}, and the clock says {}", begin.date(), now.date());
        return Finding::error(CERTIFICATE, "certificate_not_yet_valid", message).mended_by("set the clock");
    }
    if end - now <= SOON {
        let message =
            format!("the certificate {name} ends on {}, in {} days", end.date(), (end - now).whole_days());
        return Finding::warning(CERTIFICATE, "certificate_ends_soon", message).mended_by(RENEW);
    }
    Finding::good(CERTIFICATE, format!("{name} is valid until {}", end.date()))
}
