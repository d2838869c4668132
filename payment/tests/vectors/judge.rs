//! Who judges: the crate `payment`, and openssl.

use payment::{
    Accounts, Check, MemoryReplay, OrderKey, PayerBook, Recorded, ReplayStore, TrustError, Unavailable,
    Verifier, order,
};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::SystemTime,
};

use crate::index::Row;

/// A book or store that does not answer.
struct Silent;

impl PayerBook for Silent {
    fn may_pay(&self, _: &payment::Holder, _: &str) -> Result<bool, Unavailable> {
        Err(Unavailable)
    }
}

impl ReplayStore for Silent {
    fn record(&self, _: OrderKey, _: SystemTime, _: SystemTime) -> Result<Recorded, Unavailable> {
        Err(Unavailable)
    }
}

/// The replay stores that several rows share, by the store's name.
pub(crate) type Stores = HashMap<String, MemoryReplay>;

/// The crate's verdict on one row: `accepted`, the reason's code, or why no verifier could be made.
pub(crate) fn ours(folder: &Path, row: &Row, stores: &mut Stores) -> String {
    let read = |path: &str| fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let crls: Vec<Vec<u8>> = crls(row).map(read).collect();
    let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
    let verifier = match Verifier::new(&read(&row["ca"]), &crls) {
        Ok(verifier) => verifier,
        Err(TrustError::Ca(_) | TrustError::NotCa { .. }) => return "ca_refused".into(),
        Err(_) => return "crl_refused".into(),
    };
    let accounts = row["payer"]
        .split_once('=')
        .map(|(user, account)| Accounts(HashMap::from([(account.to_owned(), user.to_owned())])));
    let fresh = MemoryReplay::default();
    let replay: &dyn ReplayStore = match row["store"].as_str() {
        "-" => &fresh,
        "unavailable" => &Silent,
        name => stores.entry(name.into()).or_default(),
    };
    let check = Check {
        at: order::parse_time(&row["at"]).unwrap(),
        payers: accounts.as_ref().map_or(&Silent as &dyn PayerBook, |accounts| accounts),
        replay,
        issued: Some(&read(&row["issued"])),
    };
    match verifier.verify(&read(&row["document"]), &check) {
        Ok(_) => "accepted".into(),
        Err(reason) => reason.code().into(),
    }
}

fn crls(row: &Row) -> impl Iterator<Item = &str> {
    row["crls"].split(',').filter(|path| *path != "-")
}

/// openssl's verdict on one row by `openssl cms -verify`: the signature, the chain, and the CRL of every certificate
/// where there are CRLs. `trusted` is a file that may be written: openssl takes CRLs from the file of the CA.
pub(crate) fn openssl(folder: &Path, row: &Row, trusted: &Path) -> &'static str {
    let files = std::iter::once(row["ca"].as_str()).chain(crls(row));
    let bytes: Vec<u8> = files.flat_map(|path| fs::read(folder.join(path)).unwrap()).collect();
    fs::write(trusted, bytes).unwrap();
    let at = order::parse_time(&row["at"]).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut command = Command::new("openssl");
    command.args(["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-attime"]);
    command.arg(at.as_secs().to_string());
    command.arg("-in").arg(folder.join(&row["document"])).arg("-CAfile").arg(trusted);
    if crls(row).next().is_some() {
        command.arg("-crl_check_all");
    }
    command.args(["-out", "/dev/null"]).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().expect("openssl is installed").success() { "accepted" } else { "refused" }
}
