//! A run's tokens get their personal IDs: a bank's CA is founded in the run's folder, and each token is enrolled over USB/IP,
//! as any token is.

use std::path::PathBuf;

use card::{road, shield::Shield};
use cert_tool::{
    ca::{Authority, Founding, found},
    certificate::Certificate,
    enrol::{Enrolled, Enrolment, Silent, Wish, enrol},
    moment::Validity,
    secret::Secret,
    subject::DEFAULT_ORGANISATION,
};
use wire::shield::Container;

use super::folder::Folder;
use crate::{control::bench::Seat, failure::Failure, token::explain};

/// CN and serialNumber of the first token's holder; the others count on from it.
const NAME: &str = "Test Holder";
const FIRST_USER: u64 = 6_222_020_200_110_001;

/// The bank of a run.
pub(super) struct Bank {
    authority: Authority,
    validity: Validity,
    /// ca.pem.
    pub(super) certificate: PathBuf,
}

/// A certificate of a token's.
pub(super) struct Issued {
    pub(super) container: Container,
    /// PEM.
    pub(super) file: PathBuf,
    pub(super) serial: String,
}

impl Bank {
    pub(super) fn open(folder: &Folder, validity: Validity) -> Result<Self, Failure> {
        let place = folder.path("ca");
        let founding = Founding {
            name: "U-shield Run CA",
            organisation: DEFAULT_ORGANISATION,
            crl_url: "http://bank.example/crl.der",
            validity: Validity::Days(3650),
        };
        found(&place, &founding, None)?;
        let authority = Authority::open(&place, &mut || Ok("".into()))?;
        Ok(Self { authority, validity, certificate: place.join("ca.pem") })
    }

    /// Enrols the token at the seat, the `number`th from 1.
    pub(super) fn enrol(
        &mut self,
        folder: &Folder,
        usbip: &str,
        seat: &Seat,
        number: u64,
        pin: &[u8],
    ) -> Result<Vec<Issued>, Failure> {
        let place = format!("{usbip}/{}", seat.bus_id);
        let unreached = |error: card::Error| explain("the token was not reached", &error);
        let mut card = road::open(&road::Selection::usbip(place)).map_err(unreached)?;
        let mut shield = Shield::select(&mut card).map_err(unreached)?;
        let (name, user_id) = (format!("{NAME} {number}"), (FIRST_USER + number - 1).to_string());
        let wish = Wish::Enrol { name: &name, user_id: &user_id, replace: false };
        let enrolment = Enrolment { wish, brand: None, validity: self.validity, factory: None };
        let mut ask = |_: &_| Ok(Secret::from(String::from_utf8_lossy(pin).as_ref()));
        let Enrolled { payment, authentication, .. } =
            enrol(&mut shield, &mut self.authority, &enrolment, &mut ask, &mut Silent)?;
        let authentication = (Container::Piv(wire::piv::Slot::Authentication), authentication);
        [authentication, (Container::Payment, payment)]
            .into_iter()
            .map(|(container, certificate)| keep(folder, seat, container, &certificate))
            .collect()
    }
}

fn keep(
    folder: &Folder,
    seat: &Seat,
    container: Container,
    certificate: &Certificate,
) -> Result<Issued, Failure> {
    let name = format!("{}-{}.pem", seat.token.serial, container.name());
    let file = folder.write(&name, certificate.pem().as_bytes())?;
    Ok(Issued { container, file, serial: certificate.serial.clone() })
}
