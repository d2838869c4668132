//! The CA's folder: founding it, its lock, its CRL files.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use wire::algorithm::KeyAlgorithm;
use zeroize::Zeroizing;

use super::{
    Authority, CRL_DAYS, sign,
    sign::Founding,
    signer::{AUTHENTICATION, Charge, Files, MAIN, Signer},
};
use crate::{
    Error, Reason,
    certificate::{Certificate, pem},
    index::Index,
    moment::{self, Validity},
    signature::PrivateKey,
    subject::{DEFAULT_ORGANISATION, check_text},
};
use file::{Access, Writing};

pub(super) const INDEX: &str = "index.json";
const LOCK: &str = "lock";

/// Where verifiers fetch the CRL of a CA that was not told another place.
pub const DEFAULT_CRL_URL: &str = "http://crl.bank.example/ca.crl";
/// Where they fetch the CRL of its issuer for authentication, where there are two issuers.
pub const DEFAULT_AUTHENTICATION_CRL_URL: &str = "http://crl.bank.example/authentication-ca.crl";

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(10);

impl Founding<'_> {
    /// Refuses now what [`found`] would refuse later, before anybody is asked for a passphrase.
    ///
    /// # Errors
    /// A text breaks a rule, the validity ends before it begins, or there is a CA already.
    pub fn check(&self, folder: &Path) -> Result<(), Error> {
        for charge in self.charges()? {
            check_text("name", &charge.common_name(self.name))?;
        }
        check_text("organisation", self.organisation)?;
        check_url(self.crl_url)?;
        check_url(self.authentication_crl_url)?;
        if self.charges()?.len() > 1 && self.crl_url == self.authentication_crl_url {
            return Err(Error::new(
                Reason::Invalid,
                "no CA was made",
                format!("the CRLs of its two issuers would lie at one place, {}", self.crl_url),
                "give each CRL a place of its own",
            ));
        }
        self.validity.not_after(moment::now())?;
        // A folder that has only some of the files may be a CA that another process is founding. Whoever takes the lock learns that.
        if folder.join(MAIN.certificate).exists() { Err(occupied(folder)) } else { Ok(()) }
    }

    /// The issuers that the CA has, the main one first.
    fn charges(&self) -> Result<&'static [Charge], Error> {
        match self.algorithm {
            KeyAlgorithm::P256 => Ok(Charge::of(false)),
            KeyAlgorithm::Sm2 => Ok(Charge::of(true)),
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => Err(Error::new(
                Reason::Invalid,
                "no CA was made",
                "payment keys are of P-256 or of SM2, and so is the key of their CA",
                "name one of these two algorithms",
            )),
        }
    }
}

/// Founds a CA in `folder`, which is made owner-only. Without a passphrase its key lies there in clear.
///
/// # Errors
/// There is a CA already (it is never overwritten), the folder is open to others, a text breaks a rule, the passphrase is
/// short, or the disk's fault; then no CA is there.
pub fn found(folder: &Path, founding: &Founding<'_>, passphrase: Option<&[u8]>) -> Result<(), Error> {
    found_by(file::write, folder, founding, passphrase)
}

/// Makes the keys and certificates of a CA whose books are not in its folder.
pub(super) fn found_signers(
    folder: &Path,
    founding: &Founding<'_>,
    passphrase: Option<&[u8]>,
) -> Result<(), Error> {
    in_vacant(folder, founding, passphrase, || {
        let now = moment::now();
        for &charge in founding.charges()?.iter().rev() {
            let made = make(founding, charge, passphrase, now)?;
            write_signer(file::write, folder, &made)?;
        }
        Ok(())
    })
}

fn found_by(
    write: Writing,
    folder: &Path,
    founding: &Founding<'_>,
    passphrase: Option<&[u8]>,
) -> Result<(), Error> {
    in_vacant(folder, founding, passphrase, || fill(write, folder, founding, passphrase))
}

/// Makes the folder, and fills it where no CA is. What was written goes away again when the filling fails.
fn in_vacant(
    folder: &Path,
    founding: &Founding<'_>,
    passphrase: Option<&[u8]>,
    fill: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    founding.check(folder)?;
    if let Some(passphrase) = passphrase {
        check_passphrase(passphrase)?;
    }
    file::make_private_folder(folder)?;
    let _lock = Lock::take(folder)?;
    check_vacant(folder)?;
    fill().inspect_err(|_| {
        // None of these files was there before, and the lock is held: this process made them, and may remove them.
        for name in names().rev() {
            let _ = fs::remove_file(folder.join(name));
        }
    })
}

/// Founds a CA for a trial, and opens it: its keys lie in clear, and it is valid for ten years. The demo, `ushield run` and tests
/// have such a CA, and nobody else should. Nothing that it writes is flushed to the disk.
///
/// # Errors
/// As [`found`].
pub fn found_for_trial(folder: &Path, name: &str, algorithm: KeyAlgorithm) -> Result<Authority, Error> {
    let founding = Founding {
        name,
        organisation: DEFAULT_ORGANISATION,
        algorithm,
        crl_url: DEFAULT_CRL_URL,
        authentication_crl_url: DEFAULT_AUTHENTICATION_CRL_URL,
        validity: Validity::Days(3650),
    };
    found_by(file::write_fleeting, folder, &founding, None)?;
    Ok(Authority { write: file::write_fleeting, ..Authority::open(folder, None)? })
}

/// Writes the files of a new CA. The main issuer's certificate comes last: a folder has a CA once it has that certificate.
fn fill(
    write: Writing,
    folder: &Path,
    founding: &Founding<'_>,
    passphrase: Option<&[u8]>,
) -> Result<(), Error> {
    let now = moment::now();
    let charges = founding.charges()?;
    let second = (charges.len() > 1).then(|| founding.authentication_crl_url.to_string());
    let index = Index::new(founding.crl_url.to_string(), second);
    index.save_by(write, &folder.join(INDEX))?;
    for &charge in charges.iter().rev() {
        let made = make(founding, charge, passphrase, now)?;
        let until = Validity::Days(CRL_DAYS).not_after(now)?;
        let crl = sign::crl(&made.signer, &index, sign::dated(now), until)?;
        write_crl(write, folder, charge.files(), &crl, false)?;
        write_signer(write, folder, &made)?;
    }
    Ok(())
}

/// A new issuer, and its key as it is written.
struct Made {
    signer: Signer,
    key: Zeroizing<String>,
}

fn make(
    founding: &Founding<'_>,
    charge: Charge,
    passphrase: Option<&[u8]>,
    now: OffsetDateTime,
) -> Result<Made, Error> {
    let private = PrivateKey::generate(charge.algorithm(founding.algorithm))?;
    let key = private.pem(passphrase)?;
    let root = sign::root(&private, &charge.common_name(founding.name), founding, now)?;
    Ok(Made { signer: Signer { charge, certificate: Certificate::parse(&root)?, key: private }, key })
}

/// Writes an issuer's key, and then the issuer's certificate.
fn write_signer(write: Writing, folder: &Path, made: &Made) -> Result<(), Error> {
    let files = made.signer.charge.files();
    write(&folder.join(files.key), made.key.as_bytes(), Access::Owner, false)?;
    let certificate = made.signer.certificate.pem();
    Ok(write(&folder.join(files.certificate), certificate.as_bytes(), Access::Everyone, false)?)
}

/// Writes both forms of an issuer's CRL.
pub(super) fn write_crl(
    write: Writing,
    folder: &Path,
    files: &Files,
    der: &[u8],
    force: bool,
) -> Result<(), Error> {
    write(&folder.join(files.crl), pem("X509 CRL", der).as_bytes(), Access::Everyone, force)?;
    Ok(write(&folder.join(files.crl_der), der, Access::Everyone, force)?)
}

/// The names of all files that a CA may have, but for its lock. The main certificate, which makes a folder a CA, comes first.
fn names() -> impl DoubleEndedIterator<Item = &'static str> {
    let of = |files: &'static Files| [files.certificate, files.key, files.crl, files.crl_der];
    of(&MAIN).into_iter().chain([INDEX]).chain(of(&AUTHENTICATION))
}

fn check_vacant(folder: &Path) -> Result<(), Error> {
    let Some(found) = names().find(|name| folder.join(name).exists()) else { return Ok(()) };
    if folder.join(MAIN.certificate).exists() {
        return Err(occupied(folder));
    }
    Err(Error::new(
        Reason::Exists,
        format!("no CA was made in {}", folder.display()),
        format!(
            "{found} is there without {}: a CA that was never finished, or something else",
            MAIN.certificate
        ),
        "if nothing in that folder matters, remove it, or name another folder with --dir",
    ))
}

fn occupied(folder: &Path) -> Error {
    Error::new(
        Reason::Exists,
        format!("no CA was made in {}", folder.display()),
        "there is one already, and a CA is never overwritten",
        "use it, or name another folder with --dir",
    )
}

/// The fewest characters of a passphrase. scrypt makes each guess slow, but a short passphrase is found after few guesses.
pub const LEAST_PASSPHRASE: usize = 8;

/// Refuses a passphrase that is soon guessed.
///
/// # Errors
/// [`Reason::Invalid`].
pub(super) fn check_passphrase(passphrase: &[u8]) -> Result<(), Error> {
    let characters = String::from_utf8_lossy(passphrase).chars().count();
    if characters >= LEAST_PASSPHRASE {
        return Ok(());
    }
    Err(Error::new(
        Reason::Invalid,
        "no CA was made",
        format!("its passphrase has fewer than {LEAST_PASSPHRASE} characters, and is soon guessed"),
        "give a longer one, or none for a test (--no-passphrase)",
    ))
}

/// Verifiers fetch a CRL by http, https or ldap (RFC 5280, 4.2.1.13); the URL goes into an IA5String.
fn check_url(url: &str) -> Result<(), Error> {
    let known = ["http://", "https://", "ldap://"].iter().any(|scheme| url.starts_with(scheme));
    if known && url.len() <= 512 && url.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::new(
        Reason::Invalid,
        "the CRL's URL was refused",
        "it is no http, https or ldap URL of at most 512 ASCII characters",
        "give another --crl-url",
    ))
}

/// The folder's lock. It is released when this value is dropped, and by the system when the process dies.
pub(super) struct Lock(#[expect(dead_code, reason = "holding the file is holding the lock")] fs::File);

impl Lock {
    /// Takes it, waiting some seconds for another process.
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(LOCK);
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(|fault| file::Error::system("open", &path, fault))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    // What a process that was killed has left beside the CA's files.
                    file::sweep(folder);
                    return Ok(Self(file));
                }
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(fs::TryLockError::WouldBlock) => return Err(locked(folder)),
                Err(fs::TryLockError::Error(fault)) => {
                    return Err(file::Error::system("lock", &path, fault).into());
                }
            }
        }
    }
}

fn locked(folder: &Path) -> Error {
    Error::new(
        Reason::Locked,
        format!("the CA in {} is in use", folder.display()),
        "another process has held its lock for 10 seconds",
        "run the command again when the other one has ended; nothing was changed",
    )
}
