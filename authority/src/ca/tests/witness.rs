//! What guards the CA's books: the checksum, the CRL beside the index, whose the folder is; and whom it does not certify.

use super::*;
use crate::signature::PrivateKey;
use x509_cert::{crl::CertificateList, der::Decode};

/// A CA without a passphrase, with one certificate that stands and one that is revoked.
fn with_one_revoked() -> (tempfile::TempDir, PathBuf, Authority, String) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    found(&folder, &founding(), None).unwrap();
    let mut ca = reopened(&folder).unwrap();
    issue(&mut ca, Kind::Payment).unwrap();
    let revoked = issue(&mut ca, Kind::Payment).unwrap().serial;
    ca.revoke(&revoked, Revocation::KeyCompromise).unwrap();
    (parent, folder, ca, revoked)
}

fn reopened(folder: &Path) -> Result<Authority, Error> {
    Authority::open(folder, None)
}

/// The index as the former version wrote it.
fn former(index: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(index).unwrap();
    value["version"] = 1.into();
    value.as_object_mut().unwrap().remove("checksum");
    for entry in value["certificates"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("holder");
    }
    serde_json::to_string_pretty(&value).unwrap()
}

fn listed(folder: &Path) -> CertificateList {
    CertificateList::from_der(&fs::read(folder.join("crl.der")).unwrap()).unwrap()
}

#[test]
fn an_index_of_the_former_version_opens_and_becomes_one_with_a_checksum() {
    let (_parent, folder, _, revoked) = with_one_revoked();
    let path = folder.join(INDEX);
    fs::write(&path, former(&fs::read_to_string(&path).unwrap())).unwrap();
    let mut ca = reopened(&folder).unwrap();
    assert!(ca.index().unwrap().find(&revoked).unwrap().revoked_at.is_some());
    ca.issue_crl(1).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"version\": 2") && text.contains("checksum"), "{text}");
    assert_eq!(reopened(&folder).unwrap().index().unwrap().certificates.len(), 2);
}

/// The fault that was: of 1,041 changed bytes, 40 took a revoked certificate off the next CRL. With the checksum none is
/// taken (`index.rs`); without one, as the former version wrote it, the CRL in the folder is the witness.
#[test]
fn no_changed_byte_takes_a_revoked_certificate_off_the_crl() {
    let (_parent, folder, mut ca, revoked) = with_one_revoked();
    let path = folder.join(INDEX);
    let now = fs::read_to_string(&path).unwrap();
    let before = [CRL, "crl.der"].map(|name| (name, fs::read(folder.join(name)).unwrap()));
    let (mut taken, whole) = (0, former(&now));
    for at in 0..whole.len() {
        for mask in [0x01, 0x02] {
            let mut changed = whole.clone().into_bytes();
            changed[at] ^= mask;
            fs::write(&path, &changed).unwrap();
            if ca.index().is_err() {
                continue;
            }
            taken += 1;
            ca.issue_crl(1).unwrap();
            let list = listed(&folder);
            let serials = list.tbs_cert_list.revoked_certificates.into_iter().flatten();
            let serials: Vec<_> = serials.map(|entry| hex(entry.serial_number.as_bytes())).collect();
            assert_eq!(serials, [revoked.as_str()], "byte {at}");
            before.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
        }
    }
    // One that is refused is not touched.
    let damaged = now.replace(&revoked, &"7".repeat(40));
    fs::write(&path, &damaged).unwrap();
    assert_eq!(ca.issue_crl(1).unwrap_err().reason(), Reason::Damaged);
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    assert!(taken > 0, "names in the former version have no checksum");
}

#[test]
fn an_old_copy_of_the_index_is_refused() {
    let (_parent, folder, mut ca, _) = with_one_revoked();
    let (path, old) = (folder.join(INDEX), fs::read(folder.join(INDEX)).unwrap());
    ca.issue_crl(1).unwrap();
    fs::write(&path, &old).unwrap();
    let fault = reopened(&folder).err().unwrap();
    assert!(fault.reason() == Reason::Damaged && fault.why().contains("old copy"), "{fault}");
    assert_eq!(ca.issue_crl(1).unwrap_err().reason(), Reason::Damaged);
    // Without a CRL there is no witness; one that another has signed is none either.
    for name in [CRL, "crl.der"] {
        fs::write(folder.join(name), "nothing").unwrap();
    }
    ca.issue_crl(1).unwrap();
}

#[test]
fn a_revocation_is_not_younger_than_its_crl_and_no_crl_older_than_the_one_before() {
    let (_parent, folder, mut ca, revoked) = with_one_revoked();
    let dates = |list: &CertificateList| {
        let tbs = &list.tbs_cert_list;
        let entry = &tbs.revoked_certificates.as_ref().unwrap()[0];
        (tbs.this_update.to_unix_duration(), entry.revocation_date.to_unix_duration())
    };
    let (this_update, revoked_at) = dates(&listed(&folder));
    assert!(revoked_at <= this_update);
    // openssl takes it for revoked from the first moment.
    let entry = ca.index().unwrap().find(&revoked).unwrap().clone();
    assert!(entry.revoked_at.unwrap() <= moment::now() - time::Duration::minutes(5));
    // The CA's clock was some minutes ahead when the last CRL was made.
    let ahead = moment::now() + time::Duration::minutes(4);
    issued_ahead(&ca, &folder, ahead);
    ca.issue_crl(1).unwrap();
    let (after, revoked_then) = dates(&listed(&folder));
    assert_eq!(after.as_secs(), ahead.unix_timestamp().unsigned_abs());
    assert_eq!(revoked_then, revoked_at, "one date in all CRLs");
    openssl::run(&["crl", "-in", &at(&folder, CRL), "-CAfile", &at(&folder, CERTIFICATE), "-noout"]);
}

/// A CRL of a CA whose clock says this.
fn issued_ahead(ca: &Authority, folder: &Path, ahead: OffsetDateTime) {
    let mut index = ca.index().unwrap();
    index.crl_number += 1;
    index.save(&folder.join(INDEX)).unwrap();
    let crl = sign::crl(&ca.signers.main, &index, ahead, ahead + time::Duration::DAY).unwrap();
    folder::write_crl(file::write, folder, &MAIN, &crl, true).unwrap();
}

/// Each later CRL would be from the future as well, and every verifier would refuse it for months.
#[test]
fn after_a_crl_from_the_future_none_is_issued_until_it_is_moved_away() {
    let (_parent, folder, mut ca, revoked) = with_one_revoked();
    let now = moment::now();
    issued_ahead(&ca, &folder, now + time::Duration::days(90));
    let (index, number) = (fs::read(folder.join(INDEX)).unwrap(), ca.index().unwrap().crl_number);
    let fault = ca.issue_crl(1).unwrap_err().to_string();
    assert!(fault.contains("clock") && fault.contains("move crl.pem and crl.der out"), "{fault}");
    assert_eq!(fs::read(folder.join(INDEX)).unwrap(), index, "no number is spent");
    // A revocation is not lost meanwhile.
    let other = ca.index().unwrap().certificates[0].serial.clone();
    let fault = ca.revoke(&other, Revocation::KeyCompromise).unwrap_err().to_string();
    assert!(fault.contains("the index knows of the revocation"), "{fault}");
    // One of the two files is a witness still.
    fs::remove_file(folder.join(CRL)).unwrap();
    assert!(ca.issue_crl(1).is_err());
    fs::remove_file(folder.join("crl.der")).unwrap();
    assert!(reopened(&folder).unwrap().issue_crl(1).unwrap() > number);
    let list = listed(&folder).tbs_cert_list;
    assert!(list.this_update.to_unix_duration().as_secs() <= moment::now().unix_timestamp().unsigned_abs());
    let serials: Vec<_> = list.revoked_certificates.into_iter().flatten().collect();
    let mut serials: Vec<_> = serials.iter().map(|entry| hex(entry.serial_number.as_bytes())).collect();
    let mut expected = [revoked, other];
    serials.sort();
    expected.sort();
    assert_eq!(serials, expected);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let (_parent, folder, ..) = with_one_revoked();
    let reason = || reopened(&folder).err().map(|fault| fault.reason());
    let set = |name: &str, mode| {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, good) in [("", 0o700), (INDEX, 0o600), (CERTIFICATE, 0o644)] {
        for mode in [0o777, 0o720, 0o702] {
            set(name, mode);
            assert_eq!(reason(), Some(Reason::TooOpen), "{name} {mode:o}");
        }
        set(name, good);
    }
    // To serve the CRL from it.
    set("", 0o755);
    assert_eq!(reason(), None);
    // Only root can give a folder away.
    if rustix::process::geteuid().is_root() {
        for name in ["", INDEX, KEY] {
            chown(folder.join(name), Some(65_534), None).unwrap();
            assert_eq!(reason(), Some(Reason::TooOpen), "{name}");
            chown(folder.join(name), Some(0), None).unwrap();
        }
        assert_eq!(reason(), None);
    }
}

#[test]
fn the_cas_own_key_is_not_certified() {
    let (_parent, folder, mut ca, _) = with_one_revoked();
    let pem = fs::read(folder.join(KEY)).unwrap();
    let own = PrivateKey::parse(&pem, None).unwrap();
    let subject = zhang();
    let info = csr::info(&subject, own.public()).unwrap();
    let request = csr::signed(&info, KeyAlgorithm::P256, &own.sign(&info)).unwrap();
    let validity = Validity::Days(1);
    for kind in [Kind::Payment, Kind::Authentication] {
        let order = Order { request: &request, kind, subject: &subject, validity, token: None };
        let fault = ca.issue(&order).unwrap_err();
        assert!(fault.reason() == Reason::IssuerRefused && fault.why().contains("the CA's own"), "{fault}");
    }
    assert_eq!(ca.index().unwrap().certificates.len(), 2);
}

#[test]
fn an_id_has_one_name_as_long_as_a_certificate_stands() {
    let (_parent, folder, mut ca, _) = with_one_revoked();
    let ask = |ca: &mut Authority, name: &str, user_id: &str| {
        let key = KeyPair::generate().unwrap();
        let subject = Subject { name: name.into(), user_id: user_id.into(), ..zhang() };
        let request = request(&key, &subject);
        let (kind, validity) = (Kind::Payment, Validity::Days(1));
        ca.issue(&Order { request: &request, kind, subject: &subject, validity, token: None })
    };
    let fault = ask(&mut ca, "李四", "6222020200112233").unwrap_err();
    assert!(fault.why().contains("张三") && fault.why().contains("revoke"), "{fault}");
    ask(&mut ca, "张三", "6222020200112233").unwrap();
    ask(&mut ca, "李四", "62220202001122").unwrap();
    ask(&mut ca, "王五", "A 1").unwrap();
    assert!(ask(&mut ca, "赵六", "a  1").is_err());
    // An index of the former version knows names and IDs only as people see them.
    let path = folder.join(INDEX);
    fs::write(&path, former(&fs::read_to_string(&path).unwrap())).unwrap();
    assert!(ask(&mut ca, "李四", "6222020200112233").is_err());
    for entry in ca.index().unwrap().certificates {
        if entry.revoked_at.is_none() {
            ca.revoke(&entry.serial, Revocation::AffiliationChanged).unwrap();
        }
    }
    ask(&mut ca, "李四", "6222020200112233").unwrap();
}

#[test]
fn a_short_passphrase_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    for (number, passphrase) in ["", "1", "1234567", "电池电池电池电"].into_iter().enumerate() {
        let folder = parent.path().join(number.to_string());
        let fault = found(&folder, &founding(), Some(passphrase.as_bytes())).unwrap_err();
        assert!(fault.reason() == Reason::Invalid && fault.why().contains("8"), "{fault}");
        assert!(!folder.exists());
    }
    found(&parent.path().join("good"), &founding(), Some("电池电池电池电池".as_bytes())).unwrap();
}
