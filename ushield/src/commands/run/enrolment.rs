//! The enrolment of a run's tokens: a bank's CA is founded in the run's folder, and each token gets its personal ID over
//! USB/IP, as any token does.

use std::path::PathBuf;

use authority::{certificate::Certificate, moment::Validity};
use card::{road, shield::Shield};
use cert_tool::enrol::{Enrolled, Enrolment, Silent, Wish, enrol};
use host_driver::control::rack::Served;
use terminal::{Failure, refusal::explain, secret::Secret};
use wire::{algorithm::KeyAlgorithm, shield::Container};

use super::folder::Folder;

/// The holders' name (CN), unless an option says otherwise.
pub(super) const NAME: &str = "Test Holder";
/// The user ID (serialNumber) of the first token's holder, unless an option says otherwise.
pub(super) const FIRST_USER: &str = "6222020200110001";

/// Whom a token's certificates name.
pub(super) struct Holder {
    name: String,
    user_id: String,
}

/// The holders of so many tokens. The first has the user ID as it was given; the others count on from it, in as many digits.
/// One token's holder has the name as it was given; of several each has the token's number behind it.
pub(super) fn holders(name: &str, user_id: &str, tokens: usize) -> Result<Vec<Holder>, Failure> {
    if tokens == 1 {
        return Ok(vec![Holder { name: name.into(), user_id: user_id.into() }]);
    }
    let digits = user_id.len() - user_id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    // 18 digits fit 64 bits; what stands before them stays as it is.
    let (prefix, counted) = user_id.split_at(user_id.len() - digits.min(18));
    let first: u64 = counted.parse().map_err(|_| cannot_count(user_id))?;
    (0..tokens)
        .zip(first..)
        .map(|(number, user)| {
            let user_id = format!("{prefix}{user:0width$}", width = counted.len());
            if user_id.len() != prefix.len() + counted.len() {
                return Err(cannot_count(&user_id));
            }
            Ok(Holder { name: format!("{name} {}", number + 1), user_id })
        })
        .collect()
}

fn cannot_count(user_id: &str) -> Failure {
    Failure::new("the tokens' holders have no user IDs")
        .because(format!("{user_id:?} does not end in digits that can be counted on from"))
        .next("end --user-id in as many digits as the tokens need, such as 0001")
}

/// The bank of a run.
pub(super) struct Bank {
    bank: trial_bank::Bank,
    validity: Validity,
}

/// A certificate of a token's.
pub(super) struct Issued {
    pub(super) container: Container,
    /// PEM.
    pub(super) file: PathBuf,
    pub(super) serial: String,
}

impl Bank {
    pub(super) fn open(
        folder: &Folder,
        validity: Validity,
        algorithm: KeyAlgorithm,
    ) -> Result<Self, Failure> {
        let bank = trial_bank::Bank::found_with(&folder.path("ca"), "U-shield Run CA", algorithm)?;
        Ok(Self { bank, validity })
    }

    /// Where ca.pem lies.
    pub(super) fn certificate(&self) -> PathBuf {
        self.bank.authority.certificate_path()
    }

    /// Where crl.pem lies.
    pub(super) fn crl(&self) -> PathBuf {
        self.bank.authority.crl_path()
    }

    /// Where the certificate lies of the issuer of certificates for authentication: ca.pem, where one issuer issues all.
    pub(super) fn authentication_certificate(&self) -> PathBuf {
        self.bank.authority.authentication_certificate_path()
    }

    /// Where that issuer's CRL lies.
    pub(super) fn authentication_crl(&self) -> PathBuf {
        self.bank.authority.authentication_crl_path()
    }

    /// Enrols a served token for this holder.
    pub(super) fn enrol(
        &mut self,
        folder: &Folder,
        usbip: &str,
        served: &Served,
        holder: &Holder,
        pin: &[u8],
    ) -> Result<Vec<Issued>, Failure> {
        let place = format!("{usbip}/{}", served.bus_id);
        let unreached = |error: card::Error| explain("the token was not reached", &error);
        let mut card = road::open(&road::Selection::usbip(place)).map_err(unreached)?;
        let mut shield = Shield::select(&mut card).map_err(unreached)?;
        let wish = Wish::Enrol { name: &holder.name, user_id: &holder.user_id, replace: false };
        let enrolment = Enrolment { wish, brand: None, validity: self.validity, factory: None };
        let mut ask = |_: &_| Ok(Secret::from(String::from_utf8_lossy(pin).as_ref()));
        let Enrolled { payment, authentication, .. } =
            enrol(&mut shield, &mut self.bank.authority, &enrolment, &mut ask, &mut Silent)?;
        let authentication = (Container::Piv(wire::piv::Slot::Authentication), authentication);
        [authentication, (Container::Payment, payment)]
            .into_iter()
            .map(|(container, certificate)| keep(folder, served, container, &certificate))
            .collect()
    }
}

fn keep(
    folder: &Folder,
    served: &Served,
    container: Container,
    certificate: &Certificate,
) -> Result<Issued, Failure> {
    let name = format!("{}-{}.pem", served.token.serial, container.name());
    let file = folder.write(&name, certificate.pem().as_bytes())?;
    Ok(Issued { container, file, serial: certificate.serial.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, user_id: &str, tokens: usize) -> Vec<(String, String)> {
        let holders = holders(name, user_id, tokens).unwrap();
        holders.into_iter().map(|holder| (holder.name, holder.user_id)).collect()
    }

    #[test]
    fn holders_count_on_from_the_first() {
        let pair = |name: &str, user_id: &str| (name.to_owned(), user_id.to_owned());
        assert_eq!(of("张三", "alice", 1), [pair("张三", "alice")]);
        assert_eq!(of("A", "0009", 2), [pair("A 1", "0009"), pair("A 2", "0010")]);
        assert_eq!(of("A", "u-8", 2), [pair("A 1", "u-8"), pair("A 2", "u-9")]);
        let long = "62220202001100016222020200110001";
        assert_eq!(of("A", long, 2)[1].1, "62220202001100016222020200110002");
    }

    #[test]
    fn an_id_that_cannot_be_counted_on_is_refused() {
        for user_id in ["alice", "u-9", "999999999999999999"] {
            assert!(holders("A", user_id, 2).is_err(), "{user_id}");
        }
    }
}
