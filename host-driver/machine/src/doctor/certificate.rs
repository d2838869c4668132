//! The personal ID: whether its certificates are valid, and for how long.

use time::{Duration, OffsetDateTime};
use wire::pkix::begins_before_1970;
use x509_cert::{Certificate, der::Decode};

use super::{Examined, Finding, Reached};

const CERTIFICATE: &str = "certificate";
/// The doctor warns so long before the end.
const SOON: Duration = Duration::days(30);
const RENEW: &str = "cert-tool enrol --ca CA --name NAME --user-id ID   (the former one works until then)";

pub(super) fn check(examined: &Examined<'_>, reached: &Reached) -> Vec<Finding> {
    // Another check says why the token was not reached.
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
    there.map(|(name, der)| judge(name, der, examined.now())).collect()
}

fn judge(name: &str, der: &[u8], now: OffsetDateTime) -> Finding {
    let certificate = match Certificate::from_der(der) {
        Ok(certificate) => certificate,
        Err(_) => {
            let why = if begins_before_1970(der) {
                "it begins before 1970"
            } else {
                "it is not the DER of one X.509 certificate"
            };
            let message = format!("the certificate {name} cannot be read: {why}");
            return Finding::error(CERTIFICATE, "certificate_damaged", message).mended_by(RENEW);
        }
    };
    let validity = certificate.tbs_certificate().validity();
    let [begin, end] =
        [validity.not_before, validity.not_after].map(|time| OffsetDateTime::from(time.to_system_time()));
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
