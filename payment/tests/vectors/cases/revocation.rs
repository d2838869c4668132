//! CRLs: who signed them, how old they are, in which order they come.

use crate::{
    case::{BANK, Case, case},
    certificate::{
        Authority, Certificate, Crl, DISTRIBUTION_POINTS, ISSUING_DISTRIBUTION_POINT, KEY_CERT_SIGN,
        KEY_USAGE, UNKNOWN, usage,
    },
    der::{context, integer, sequence, tlv},
    key::Key,
};

/// The serial number of the customer's certificate, and that of another certificate.
const OWN: u8 = 0x42;
const OTHER: u8 = 0x66;

/// The good document, held against these CRLs.
fn held(name: &str, expected: &'static str, wrong: &str, crls: &[(&str, &[u8])]) -> Case {
    case(name, BANK.document().der(), expected, wrong).crls(crls)
}

pub(crate) fn cases() -> Vec<Case> {
    [lists(), orders(), holds(), ages(), issuers(), kinds()].concat()
}

fn by_bank(crl: &Crl) -> Vec<u8> {
    crl.signed_by(&BANK.root)
}

fn lists() -> Vec<Case> {
    let revoked = by_bank(&Crl::new(2, &[OTHER, OWN]));
    let mut later = Crl::new(2, &[OWN]);
    later.revoked[0].1 = "20260601080459Z".into();
    let mut tomorrow = Crl::new(2, &[OWN]);
    tomorrow.revoked[0].1 = "20260602000000Z".into();
    let because = |reason| by_bank(&Crl::new(2, &[OWN]).because(reason));
    let revoked_as =
        |name: &str, wrong: &str, crl: &[u8]| held(name, "certificate_revoked", wrong, &[(name, crl)]);
    let mut critical = Crl::new(2, &[OTHER]);
    critical.revoked[0].2 = crate::certificate::extension(UNKNOWN, true, &integer(1));
    vec![
        held("crl-none", "accepted", "Good, as far as anybody looked: there is no CRL.", &[]),
        held(
            "crl-empty",
            "accepted",
            "Good: nobody is revoked.",
            &[("bank-empty", &by_bank(&Crl::new(2, &[])))],
        ),
        held(
            "crl-others",
            "accepted",
            "Good: others are revoked.",
            &[("bank-others", &by_bank(&Crl::new(2, &[0x41, 0x43, OTHER])))],
        ),
        held(
            "crl-revoked",
            "certificate_revoked",
            "The certificate is revoked.",
            &[("bank-2-revoked", &revoked)],
        ),
        revoked_as("crl-revoked-just-now", "The certificate was revoked a second before.", &by_bank(&later)),
        revoked_as(
            "crl-revoked-tomorrow",
            "The certificate is listed with a date that is to come.",
            &by_bank(&tomorrow),
        ),
        revoked_as("crl-key-compromise", "The certificate's key was compromised.", &because(1)),
        revoked_as("crl-superseded", "The certificate was superseded.", &because(4)),
        held(
            "crl-entry-critical",
            "crl_refused",
            "Another certificate is listed with a critical extension that nobody knows.",
            &[("bank-entry-critical", &by_bank(&critical))],
        )
        .text(),
    ]
}

fn orders() -> Vec<Case> {
    let old = &BANK.crl;
    let new = by_bank(&Crl::new(2, &[OTHER, OWN]));
    let (old_listed, new_silent) = (by_bank(&Crl::new(1, &[OWN])), by_bank(&Crl::new(2, &[OTHER])));
    let newest = by_bank(&Crl::new(3, &[OTHER, OWN]));
    let revoked = "certificate_revoked";
    let mut both = held(
        "crl-old-and-new-in-one-file",
        revoked,
        "The newer CRL of a file with two, the older in front, revokes the certificate.",
        &[],
    );
    both.crls = vec![crate::case::File {
        path: "crl/bank-1-and-2.pem".into(),
        bytes: crate::der::pem("X509 CRL", &[old, &new]),
    }];
    let other = Authority::root("U-shield TEST other CA");
    let others = Crl::new(1, &[]).signed_by(&other);
    vec![
        held(
            "crl-old-new",
            revoked,
            "The newer CRL revokes the certificate; the older is given first.",
            &[("bank-1", old), ("bank-2-revoked", &new)],
        ),
        held(
            "crl-new-old",
            revoked,
            "The newer CRL revokes the certificate; the older is given last.",
            &[("bank-2-revoked", &new), ("bank-1", old)],
        ),
        both,
        held(
            "crl-three",
            revoked,
            "The newest of three CRLs, given between the others, revokes the certificate.",
            &[("bank-1", old), ("bank-3-revoked", &newest), ("bank-2-silent", &new_silent)],
        ),
        held(
            "crl-stranger-first",
            revoked,
            "The CRL that revokes the certificate comes after one of another CA.",
            &[("other", &others), ("bank-2-revoked", &new)],
        ),
        held(
            "crl-dropped",
            revoked,
            "An older CRL revoked the certificate for good; the newer one does not list it.",
            &[("bank-1-revoked", &old_listed), ("bank-2-silent", &new_silent)],
        ),
        held(
            "crl-dropped-reversed",
            revoked,
            "The same in the other order.",
            &[("bank-2-silent", &new_silent), ("bank-1-revoked", &old_listed)],
        ),
        held(
            "crl-twice",
            "accepted",
            "Good: the same CRL is given twice.",
            &[("bank-1", old), ("bank-1", old)],
        ),
        held(
            "crl-two-silent",
            "accepted",
            "Good: neither of two CRLs lists the certificate.",
            &[("bank-1", old), ("bank-2-silent", &new_silent)],
        ),
        held(
            "crl-two-silent-reversed",
            "accepted",
            "Good: the same in the other order.",
            &[("bank-2-silent", &new_silent), ("bank-1", old)],
        ),
    ]
}

/// certificateHold (6) can be taken back (RFC 5280, 5.3.1).
fn holds() -> Vec<Case> {
    let hold = |number| by_bank(&Crl::new(number, &[OWN]).because(6));
    let silent = by_bank(&Crl::new(2, &[OTHER]));
    let (first, third) = (hold(1), hold(3));
    let held = |name: &str, expected, wrong: &str, crls: &[(&str, &[u8])]| held(name, expected, wrong, crls);
    vec![
        held("hold", "certificate_revoked", "The certificate is on hold.", &[("bank-1-hold", &first)]),
        held(
            "hold-released",
            "accepted",
            "Good: the certificate was on hold, and a newer CRL no longer lists it.",
            &[("bank-1-hold", &first), ("bank-2-silent", &silent)],
        ),
        held(
            "hold-released-reversed",
            "accepted",
            "Good: the same in the other order.",
            &[("bank-2-silent", &silent), ("bank-1-hold", &first)],
        ),
        held(
            "hold-again",
            "certificate_revoked",
            "The certificate is on hold again, by the newer CRL.",
            &[("bank-2-silent", &silent), ("bank-3-hold", &third)],
        ),
    ]
}

fn ages() -> Vec<Case> {
    let old = by_bank(&Crl::new(1, &[]).between("20260401000000Z", "20260501000000Z"));
    let future = by_bank(&Crl::new(9, &[]).between("20980101000000Z", "20991231235959Z"));
    let future_revoked = by_bank(&Crl::new(9, &[OWN]).between("20980101000000Z", "20991231235959Z"));
    let soon = by_bank(&Crl::new(9, &[]).between("20260601080900Z", "20991231235959Z"));
    let fresh = by_bank(&Crl::new(2, &[OTHER]));
    let old_revoked = by_bank(&Crl::new(1, &[OWN]).between("20260401000000Z", "20260501000000Z"));
    let mut endless = Crl::new(1, &[]);
    endless.next_update = None;
    vec![
        held(
            "crl-expired",
            "crl_expired",
            "The only CRL is past its next update.",
            &[("bank-expired", &old)],
        ),
        held(
            "crl-expired-revoked",
            "certificate_revoked",
            "The only CRL is past its next update, and revokes the certificate.",
            &[("bank-expired-revoked", &old_revoked)],
        ),
        held(
            "crl-expired-and-fresh",
            "accepted",
            "Good: an expired CRL beside a fresh one.",
            &[("bank-expired", &old), ("bank-2-silent", &fresh)],
        ),
        held(
            "crl-fresh-and-expired",
            "accepted",
            "Good: the same in the other order.",
            &[("bank-2-silent", &fresh), ("bank-expired", &old)],
        ),
        held(
            "crl-expired-revoked-and-fresh",
            "certificate_revoked",
            "An expired CRL revoked the certificate; the fresh one does not list it.",
            &[("bank-expired-revoked", &old_revoked), ("bank-2-silent", &fresh)],
        ),
        held(
            "crl-future-revoked",
            "certificate_revoked",
            "A CRL of 2098 revokes the certificate; the CRL of this time does not list it.",
            &[("bank-1", &BANK.crl), ("bank-future-revoked", &future_revoked)],
        ),
        held("crl-future", "crl_not_yet_valid", "The only CRL is of 2098.", &[("bank-future", &future)]),
        held(
            "crl-within-skew",
            "accepted",
            "Good: the CRL's clock is four minutes ahead.",
            &[("bank-soon", &soon)],
        )
        .text(),
        held(
            "crl-without-next-update",
            "crl_refused",
            "The CRL does not say when the next one comes.",
            &[("bank-endless", &by_bank(&endless))],
        ),
    ]
}

fn issuers() -> Vec<Case> {
    let other = Authority::root("U-shield TEST other CA");
    let namesake = Authority::with(Key::p256("namesake"), "U-shield TEST bank CA", |c| c);
    let by = |authority: &Authority| Crl::new(1, &[]).signed_by(authority);
    let mut changed = BANK.crl.clone();
    *changed.last_mut().unwrap() ^= 1;
    // The entry for 66 becomes one for 67: the signature no longer fits.
    let mut relisted = by_bank(&Crl::new(2, &[OTHER, OWN]));
    let at = relisted.windows(3).position(|window| window == [2, 1, OWN]).unwrap();
    relisted[at + 2] = 0x43;
    let quiet = Authority::with(Key::p256("quiet root"), "U-shield TEST quiet root", |c| {
        c.with(KEY_USAGE, true, &usage(KEY_CERT_SIGN))
    });
    let below_quiet = BANK.sealed_with(&Certificate::payment(&BANK.key).signed_by(&quiet));
    vec![
        held(
            "crl-of-another",
            "revocation_unknown",
            "The only CRL is another CA's.",
            &[("other", &by(&other))],
        ),
        held(
            "crl-of-a-namesake",
            "revocation_unknown",
            "The only CRL is by a CA of the same name and another key.",
            &[("namesake", &by(&namesake))],
        ),
        held(
            "crl-of-a-namesake-beside",
            "accepted",
            "Good: a CRL by a CA of the same name and another key stands beside the CA's own.",
            &[("namesake", &by(&namesake)), ("bank-1", &BANK.crl)],
        ),
        held(
            "crl-of-a-namesake-revokes",
            "accepted",
            "Good: who has only the CA's name cannot revoke.",
            &[("namesake-revoked", &Crl::new(5, &[OWN]).signed_by(&namesake)), ("bank-1", &BANK.crl)],
        ),
        held(
            "crl-changed",
            "revocation_unknown",
            "One bit of the CRL's signature is turned.",
            &[("bank-changed", &changed)],
        ),
        held(
            "crl-relisted",
            "revocation_unknown",
            "The CRL listed the certificate, and was changed.",
            &[("bank-relisted", &relisted)],
        ),
        case(
            "crl-without-crl-sign",
            below_quiet,
            "revocation_unknown",
            "The CA's key usage lacks cRLSign, so that its CRL says nothing.",
        )
        .ca("quiet-root", &[&quiet.certificate])
        .crls(&[("quiet-root", &by(&quiet))]),
    ]
}

/// CRLs that do not speak of this certificate, or speak of some certificates only.
fn kinds() -> Vec<Case> {
    let point = |parts: &[&[u8]]| {
        by_bank(&Crl::new(2, &[OTHER]).with(ISSUING_DISTRIBUTION_POINT, true, &sequence(parts)))
    };
    let name = context(0, &[&context(0, &[&tlv(0x86, &[b"http://ca.example/crl"])])]);
    let named = BANK.certified(|c| c.with(DISTRIBUTION_POINTS, false, &sequence(&[&sequence(&[&name])])));
    let only = |number: u8| tlv(0x80 | number, &[&[0xFF]]);
    let delta = by_bank(&Crl::new(2, &[OTHER]).with("2.5.29.27", true, &integer(1)));
    let unknown = by_bank(&Crl::new(2, &[OTHER]).with(UNKNOWN, true, &integer(1)));
    let rival = by_bank(&Crl::new(1, &[0x65]));
    let backwards = by_bank(&Crl::new(5, &[OTHER]).between("20260101000000Z", "20991231235959Z"));
    let refused = |name: &str, expected, wrong: &str, crl: &[u8]| held(name, expected, wrong, &[(name, crl)]);
    let mut nonsense = held("crl-file-nonsense", "crl_refused", "The CRL file holds no CRL.", &[]);
    nonsense.crls = vec![crate::case::File { path: "crl/nonsense.pem".into(), bytes: b"no CRL\n".to_vec() }];
    let mut certificate =
        held("crl-file-certificate", "crl_refused", "The CRL file holds a certificate.", &[]);
    certificate.crls = vec![crate::case::File { path: "crl/certificate.pem".into(), bytes: BANK.root.pem() }];
    vec![
        refused(
            "crl-of-a-point",
            "revocation_unknown",
            "The CRL is of one distribution point, which the certificate does not name.",
            &point(&[&name]),
        ),
        case(
            "crl-of-the-point",
            named,
            "accepted",
            "Good: the CRL is of the distribution point that the certificate names.",
        )
        .crls(&[("crl-of-a-point", &point(&[&name]))])
        .text(),
        refused(
            "crl-of-cas",
            "revocation_unknown",
            "The CRL is for certificates of CAs alone.",
            &point(&[&only(2)]),
        ),
        refused(
            "crl-of-attributes",
            "crl_refused",
            "The CRL is for attribute certificates alone.",
            &point(&[&only(5)]),
        ),
        refused(
            "crl-of-some-reasons",
            "crl_refused",
            "The CRL is for some reasons alone.",
            &point(&[&tlv(0x83, &[&[5, 0x20]])]),
        ),
        refused(
            "crl-indirect",
            "crl_refused",
            "The CRL lists certificates of several CAs.",
            &point(&[&only(4)]),
        ),
        refused("crl-delta", "crl_refused", "The CRL says only what is new since another.", &delta),
        refused(
            "crl-unknown-critical",
            "crl_refused",
            "The CRL has a critical extension that nobody knows.",
            &unknown,
        ),
        held(
            "crl-contradiction",
            "crl_refused",
            "Two CRLs of one number list different certificates.",
            &[("bank-1", &BANK.crl), ("bank-1-rival", &rival)],
        )
        .text(),
        held(
            "crl-backwards",
            "crl_refused",
            "The CRL with the higher number is of an earlier day.",
            &[("bank-1", &BANK.crl), ("bank-5-earlier", &backwards)],
        )
        .text(),
        nonsense,
        certificate,
    ]
}
