//! The issuers of one generation of the CA's keys, and where their files lie: the first generation in the folder `ca`, and each later one in a
//! folder of its number there (`docs/decisions/0069-the-keys-of-the-ca-are-changed.md`).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use authority::{
    ca::{
        DEFAULT_AUTHENTICATION_CRL_URL, DEFAULT_CRL_URL, Founding, Signers,
        ocsp::{Asked, Responder},
    },
    certificate::Certificate,
    certificate_kind::Kind,
    moment::Validity,
    signature::PublicKey,
};
use file::Access;
use terminal::Failure;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use wire::algorithm::KeyAlgorithm;

use crate::error::{Error, Result};

/// The bank that certificates name.
const ORGANISATION: &str = "U-shield Test Bank";
/// The common name of the CA.
const NAME: &str = "U-shield Test Bank CA";
/// The CA's own certificates are good for so many days.
const CA_DAYS: u32 = 7305;
/// The generation that every bank begins with.
pub(crate) const FIRST: i64 = 1;
/// What a new generation is called in the folder until it is whole.
const UNFINISHED: &str = ".unfinished";
/// The file that makes a folder a CA's.
const CERTIFICATE: &str = "ca.pem";

/// The issuers of one generation, opened.
pub(crate) struct Issuers {
    signers: Arc<Signers>,
    /// What issuers of former generations say of these, DER, for each kind, by the number of the former generation.
    links: BTreeMap<i64, [Vec<u8>; 2]>,
    /// The responders of both kinds, in the order of [`Kind::ALL`], since somebody asked.
    responders: Mutex<[Option<Arc<Responder>>; 2]>,
}

/// Where a generation lies in the folder of the CA.
fn place(folder: &Path, number: i64) -> PathBuf {
    if number == FIRST { folder.to_owned() } else { folder.join(number.to_string()) }
}

/// Where a generation has what a former one says of it.
fn link(place: &Path, former: i64, kind: Kind, is_one: bool) -> PathBuf {
    let mark = if kind == Kind::Authentication && !is_one { "authentication-" } else { "" };
    place.join(format!("{mark}link-{former}.pem"))
}

/// The numbers of the generations that lie in the folder, whoever knows of them.
pub(crate) fn there(folder: &Path) -> Vec<i64> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let later = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all = later.filter(|number| *number > FIRST).chain([FIRST]);
    let mut all: Vec<i64> = all.filter(|number| place(folder, *number).join(CERTIFICATE).exists()).collect();
    all.sort_unstable();
    all
}

/// Makes keys and certificates of a generation. A later one has a name of its own, because many programs find an issuer by its name alone.
pub(crate) fn found(
    folder: &Path,
    number: i64,
    algorithm: KeyAlgorithm,
    passphrase: Option<&[u8]>,
) -> std::result::Result<(), Failure> {
    let name = if number == FIRST { NAME.to_owned() } else { format!("{NAME} {number}") };
    let founding = Founding {
        name: &name,
        organisation: ORGANISATION,
        algorithm,
        // Certificates name the bank's own address; these two stand for nothing here.
        crl_url: DEFAULT_CRL_URL,
        authentication_crl_url: DEFAULT_AUTHENTICATION_CRL_URL,
        validity: Validity::Days(CA_DAYS),
    };
    Ok(Signers::found(folder, &founding, passphrase)?)
}

/// Makes a generation that follows those which are trusted, each of which says so. The folder gets its name when all is in it; what an
/// interrupted command has made is taken up again. Whether it was made anew.
pub(crate) fn succeed(
    folder: &Path,
    (number, algorithm): (i64, KeyAlgorithm),
    passphrases: &[&[u8]],
    trusted: &BTreeMap<i64, &Issuers>,
    now: OffsetDateTime,
) -> std::result::Result<(Issuers, bool), Failure> {
    let (own, unfinished) = (place(folder, number), folder.join(UNFINISHED));
    let unmade =
        |fault: io::Error| Failure::new("no new generation of the CA's keys was made").because(fault);
    let is_new = !own.join(CERTIFICATE).exists();
    let made = if is_new { &unfinished } else { &own };
    if is_new {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(unmade)?;
        }
        found(made, number, algorithm, passphrases.first().copied())?;
    }
    let signers = Signers::open_by_any(made, passphrases)?;
    for (former, issuers) in trusted {
        issuers.vouch(*former, made, &signers, now)?;
    }
    if is_new {
        fs::rename(made, &own).map_err(unmade)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(unmade)?;
    }
    Ok((Issuers::open(folder, number, passphrases)?, is_new))
}

/// Takes a generation out of the folder: its keys first.
pub(crate) fn remove(folder: &Path, number: i64) -> io::Result<()> {
    let own = place(folder, number);
    if number != FIRST {
        return if own.exists() { fs::remove_dir_all(own) } else { Ok(()) };
    }
    // The folders of the others lie beside these files.
    for name in ["ca-key.pem", "authentication-ca-key.pem", CERTIFICATE, "authentication-ca.pem"] {
        match fs::remove_file(own.join(name)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
    }
    Ok(())
}

/// Closes the keys of all generations by another passphrase; they may be closed by any of the former ones.
pub(crate) fn close_again(folder: &Path, former: &[&[u8]], new: &[u8]) -> std::result::Result<(), Failure> {
    there(folder)
        .into_iter()
        .try_for_each(|number| Ok(Signers::close_again(&place(folder, number), former, new)?))
}

impl Issuers {
    /// Opens a generation by any of these passphrases, or without one where its keys lie in clear.
    pub(crate) fn open(
        folder: &Path,
        number: i64,
        passphrases: &[&[u8]],
    ) -> std::result::Result<Self, Failure> {
        let own = place(folder, number);
        let signers = Signers::open_by_any(&own, passphrases)?;
        let mut links = BTreeMap::new();
        for former in FIRST..number {
            let [payment, authentication] = Kind::ALL.map(|kind| link(&own, former, kind, signers.is_one()));
            if payment.exists() && authentication.exists() {
                let read = |path| Ok::<_, Failure>(Certificate::parse(&file::read(path)?)?.der);
                links.insert(former, [read(&payment)?, read(&authentication)?]);
            }
        }
        Ok(Self { signers: Arc::new(signers), links, responders: Mutex::default() })
    }

    /// Writes down what these issuers say of those that follow them, where it is not there yet.
    fn vouch(
        &self,
        own: i64,
        to: &Path,
        successor: &Signers,
        now: OffsetDateTime,
    ) -> std::result::Result<(), Failure> {
        for kind in Kind::ALL {
            let path = link(to, own, kind, successor.is_one());
            if !path.exists() {
                let said = self.signers.link(kind, successor.certificate(kind), now)?;
                let said = Certificate::parse(&said)?;
                file::write(&path, said.pem().as_bytes(), Access::Everyone, false)?;
            }
        }
        Ok(())
    }

    /// What the bank's shields sign payments with.
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        let key = PublicKey::parse(&self.certificate(Kind::Payment).public_key);
        key.map_or(KeyAlgorithm::P256, |key| key.algorithm)
    }

    pub(crate) fn organisation(&self) -> &str {
        self.signers.organisation()
    }

    pub(crate) const fn signers(&self) -> &Arc<Signers> {
        &self.signers
    }

    /// The issuer's own certificate for this kind.
    pub(crate) fn certificate(&self, kind: Kind) -> &Certificate {
        self.signers.certificate(kind)
    }

    /// The certificates of both kinds, DER.
    pub(crate) fn certificates(&self) -> [&[u8]; 2] {
        Kind::ALL.map(|kind| self.certificate(kind).der.as_slice())
    }

    /// What the issuer of this kind of a former generation says of this one, DER, where it has said something.
    pub(crate) fn link(&self, former: i64, kind: Kind) -> Option<&[u8]> {
        let [payment, authentication] = self.links.get(&former)?;
        Some(if kind == Kind::Payment { payment } else { authentication })
    }

    /// Whether a question is about one of this issuer's certificates.
    pub(crate) fn is_asked(&self, kind: Kind, asked: &Asked) -> bool {
        self.signers.is_asked(kind, asked).unwrap_or(false)
    }

    /// The responder for certificates of this kind, which is made anew before its certificate ends.
    pub(crate) async fn responder(&self, kind: Kind, now: OffsetDateTime) -> Result<Arc<Responder>> {
        let place = usize::from(kind != Kind::Payment);
        let held = || self.responders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(known)) = held().get(place)
            && known.is_fresh(now)
        {
            return Ok(known.clone());
        }
        let signers = self.signers.clone();
        let made = spawn_blocking(move || signers.responder(kind, now)).await;
        let made = made.map_err(|_| Error::Broken("signing panicked".into()))?;
        let made = made.map_err(|error| Error::Broken(format!("no responder was made: {}", error.why())))?;
        let made = Arc::new(made);
        if let Some(place) = held().get_mut(place) {
            *place = Some(made.clone());
        }
        Ok(made)
    }
}
