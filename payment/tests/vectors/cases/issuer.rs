//! The bank's CAs: those in the CA file, and those between the CA file and the customer.

use crate::{
    case::{BANK, Case, case},
    certificate::{
        ANY_PURPOSE, Authority, BASIC_CONSTRAINTS, CLIENT_AUTH, CRL_SIGN, Certificate, Crl,
        DIGITAL_SIGNATURE, EXTENDED_KEY_USAGE, KEY_USAGE, NON_REPUDIATION, PAYMENT, UNKNOWN, authority,
        purposes, usage,
    },
    der::{integer, sequence},
    document::Document,
    key::Key,
};

pub(crate) fn cases() -> Vec<Case> {
    [branches(), bent_branches(), customers(), anchors(), files()].concat()
}

/// The good order, sealed by a customer of `issuer`, with the certificates of all CAs in `between`.
fn below(issuer: &Authority, between: &[&Authority]) -> Vec<u8> {
    let certificate = Certificate::payment(&BANK.key).signed_by(issuer);
    let mut all = vec![&certificate[..]];
    all.extend(between.iter().map(|authority| &authority.certificate[..]));
    Document::signed(&BANK.order, &BANK.key, &all).der()
}

/// Both CRLs are there: the root's and the branch's.
fn with_branch_crl(case: Case, branch: &Authority) -> Case {
    let name = format!("{}-branch", case.name);
    case.crls(&[("bank-1", &BANK.crl), (&name, &Crl::new(1, &[]).signed_by(branch))])
}

fn branches() -> Vec<Case> {
    let root = &BANK.root;
    let branch = root.branch(0x10, "U-shield TEST branch", |c| c);
    let short = root
        .branch(0x11, "U-shield TEST last branch", |c| c.with(BASIC_CONSTRAINTS, true, &authority(Some(0))));
    let purposed = root.branch(0x12, "U-shield TEST payment branch", |c| {
        c.with(EXTENDED_KEY_USAGE, false, &purposes(&[PAYMENT]))
    });
    let deep = branch.branch(0x13, "U-shield TEST office", |c| c);
    let good = |name: &str, document, wrong: &str| case(name, document, "accepted", wrong);
    let both = [&branch, &deep].map(|a| Crl::new(1, &[]).signed_by(a));
    vec![
        with_branch_crl(
            good("branch", below(&branch, &[&branch]), "Good: a branch of the CA issued the certificate."),
            &branch,
        ),
        with_branch_crl(
            good(
                "branch-path-0",
                below(&short, &[&short]),
                "Good: a branch whose path ends at its customers.",
            ),
            &short,
        ),
        with_branch_crl(
            good(
                "branch-purpose",
                below(&purposed, &[&purposed]),
                "Good: a branch that is for payments alone.",
            ),
            &purposed,
        ),
        good(
            "branch-of-branch",
            below(&deep, &[&branch, &deep]),
            "Good: an office of a branch of the CA issued the certificate.",
        )
        .crls(&[
            ("bank-1", &BANK.crl),
            ("branch-of-branch-1", &both[0]),
            ("branch-of-branch-2", &both[1]),
        ]),
        with_branch_crl(
            good(
                "branch-and-root",
                below(&branch, &[&branch, root]),
                "Good: the document brings the CA's own certificate, too.",
            ),
            &branch,
        ),
        case(
            "branch-missing",
            below(&branch, &[]),
            "certificate_untrusted",
            "The branch's certificate is not in the document.",
        ),
        good(
            "branch-in-ca-file",
            below(&branch, &[]),
            "Good: the branch stands in the CA file, beside the CA.",
        )
        .ca("bank-and-branch", &[&root.certificate, &branch.certificate])
        .crls(&[("bank-1", &BANK.crl), ("branch-branch", &Crl::new(1, &[]).signed_by(&branch))]),
        case(
            "branch-without-its-crl",
            below(&branch, &[&branch]),
            "revocation_unknown",
            "The branch has issued no CRL.",
        ),
        case(
            "branch-without-the-cas-crl",
            below(&branch, &[&branch]),
            "revocation_unknown",
            "The CA's own CRL, which could revoke the branch, is missing.",
        )
        .crls(&[("branch-branch", &Crl::new(1, &[]).signed_by(&branch))]),
        case(
            "branch-revoked",
            below(&branch, &[&branch]),
            "certificate_revoked",
            "The CA has revoked the branch.",
        )
        .crls(&[
            ("bank-2-branch", &Crl::new(2, &[0x10]).signed_by(root)),
            ("branch-branch", &Crl::new(1, &[]).signed_by(&branch)),
        ]),
        case(
            "branch-revoked-customer",
            below(&branch, &[&branch]),
            "certificate_revoked",
            "The branch has revoked the customer.",
        )
        .crls(&[("bank-1", &BANK.crl), ("branch-2", &Crl::new(2, &[0x42]).signed_by(&branch))]),
    ]
}

/// A branch with something wrong in its certificate.
fn bent_branches() -> Vec<Case> {
    let root = &BANK.root;
    let bad = |name: &str, expected, wrong: &str, bend: &dyn Fn(Certificate) -> Certificate| {
        let branch = root.branch(0x20, "U-shield TEST bad branch", bend);
        with_branch_crl(case(name, below(&branch, &[&branch]), expected, wrong), &branch)
    };
    let untrusted = "certificate_untrusted";
    let short = root
        .branch(0x11, "U-shield TEST last branch", |c| c.with(BASIC_CONSTRAINTS, true, &authority(Some(0))));
    let deep = short.branch(0x13, "U-shield TEST office", |c| c);
    let crls = [&short, &deep].map(|a| Crl::new(1, &[]).signed_by(a));
    let mut changed = root.branch(0x10, "U-shield TEST branch", |c| c);
    *changed.certificate.last_mut().unwrap() ^= 1;
    vec![
        bad(
            "branch-without-cert-sign",
            "issuer_key_usage",
            "The branch's key usage lacks keyCertSign.",
            &|c| c.with(KEY_USAGE, true, &usage(DIGITAL_SIGNATURE | CRL_SIGN)),
        ),
        bad(
            "branch-without-constraints",
            "issuer_not_ca",
            "The branch's certificate has no basic constraints.",
            &|c| c.without(BASIC_CONSTRAINTS),
        ),
        bad(
            "branch-not-ca",
            "issuer_not_ca",
            "The branch's basic constraints do not say that it is a CA.",
            &|c| c.with(BASIC_CONSTRAINTS, true, &sequence(&[])),
        ),
        bad(
            "branch-for-login",
            "issuer_purpose",
            "The branch is for certificates that log in (extended key usage).",
            &|c| c.with(EXTENDED_KEY_USAGE, false, &purposes(&[CLIENT_AUTH])),
        ),
        bad(
            "branch-for-any",
            "issuer_purpose",
            "The branch is for any purpose, and so not for payments by name.",
            &|c| c.with(EXTENDED_KEY_USAGE, false, &purposes(&[ANY_PURPOSE])),
        )
        .text(),
        bad("branch-expired", "certificate_expired", "The branch's certificate has expired.", &|c| {
            c.between("20200101000000Z", "20260101000000Z")
        }),
        bad("branch-not-yet", "certificate_not_yet_valid", "The branch's certificate is for 2098.", &|c| {
            c.between("20980101000000Z", "20991231235959Z")
        }),
        bad(
            "branch-unknown-critical",
            untrusted,
            "The branch's certificate has a critical extension that nobody knows.",
            &|c| c.with(UNKNOWN, true, &integer(1)),
        ),
        case(
            "branch-path-exceeded",
            below(&deep, &[&short, &deep]),
            "issuer_path_length",
            "The path is longer than the branch's certificate allows.",
        )
        .crls(&[("bank-1", &BANK.crl), ("path-exceeded-1", &crls[0]), ("path-exceeded-2", &crls[1])]),
        with_branch_crl(
            case(
                "branch-signature-changed",
                below(&changed, &[&changed]),
                untrusted,
                "One bit of the signature on the branch's certificate is turned.",
            ),
            &changed,
        ),
    ]
}

/// A customer who issues certificates with the key of the payment certificate.
fn customers() -> Vec<Case> {
    let root = &BANK.root;
    let mallory = |bend: &dyn Fn(Certificate) -> Certificate| {
        let key = Key::p256("mallory");
        let certificate = bend(Certificate::payment(&key).serial(0x4D));
        Authority::of_customer(key, certificate, root)
    };
    let plain = mallory(&|c| c);
    let untrusted = "certificate_untrusted";
    let without_usage = mallory(&|c| c.without(KEY_USAGE).without(BASIC_CONSTRAINTS));
    let empty = |authority: &Authority| Crl::new(1, &[]).signed_by(authority);
    // Two CAs that certify each other.
    let [first, second] = ["U-shield TEST first", "U-shield TEST second"].map(Authority::root);
    let crossed = [(&first, &second), (&second, &first)].map(|(subject, issuer)| {
        let mut certificate = Certificate::authority(2, "", &subject.key);
        certificate.subject.clone_from(&subject.name);
        certificate.signed_by(issuer)
    });
    let leaf = Certificate::payment(&BANK.key).signed_by(&first);
    let circle = Document::signed(&BANK.order, &BANK.key, &[&leaf, &crossed[0], &crossed[1]]).der();
    // Seven certificates of one name and one key, each of which could have issued each: 7! ways, and none leads to the
    // bank.
    let many = Authority::root("U-shield TEST crowd");
    let seven = (1..=7)
        .map(|serial| Certificate::authority(serial, "U-shield TEST crowd", &many.key).signed_by(&many));
    let below_many = [vec![Certificate::payment(&BANK.key).signed_by(&many)], seven.collect()].concat();
    let below_many: Vec<&[u8]> = below_many.iter().map(Vec::as_slice).collect();
    let crowd = Document::signed(&BANK.order, &BANK.key, &below_many).der();
    vec![
        with_branch_crl(
            case(
                "customer-issues",
                below(&plain, &[&plain]),
                "issuer_not_ca",
                "A customer issued the certificate.",
            ),
            &plain,
        ),
        case(
            "customer-issues-without-crl",
            below(&plain, &[&plain]),
            "issuer_not_ca",
            "A customer issued the certificate, and nobody looks at CRLs.",
        )
        .crls(&[]),
        with_branch_crl(
            case(
                "customer-issues-without-usage",
                below(&without_usage, &[&without_usage]),
                "issuer_not_ca",
                "A customer whose certificate does not say what its key is for issued the certificate.",
            ),
            &without_usage,
        ),
        case(
            "customer-in-ca-file",
            below(&plain, &[]),
            "ca_refused",
            "A customer's certificate stands in the CA file, and the customer issued the certificate.",
        )
        .ca("bank-and-customer", &[&root.certificate, &plain.certificate])
        .crls(&[("bank-1", &BANK.crl), ("customer", &empty(&plain))]),
        case(
            "customer-in-ca-file-first",
            below(&plain, &[]),
            "ca_refused",
            "The same, with the customer's certificate in front.",
        )
        .ca("customer-and-bank", &[&plain.certificate, &root.certificate])
        .crls(&[("bank-1", &BANK.crl), ("customer", &empty(&plain))]),
        case(
            "customer-in-ca-file-idle",
            BANK.document().der(),
            "ca_refused",
            "A good document; but a customer's certificate stands in the CA file, so that the customer could issue.",
        )
        .ca("bank-and-customer", &[&root.certificate, &plain.certificate]),
        case(
            "customer-is-anchor",
            BANK.document().der(),
            "ca_refused",
            "The CA file holds the customer's own certificate, and nothing else.",
        )
        .ca("customer", &[&BANK.certificate])
        .crls(&[]),
        case(
            "crowd",
            crowd,
            untrusted,
            "Seven CAs that certify one another, so that there are 5,040 ways to try, and none leads to the bank's.",
        )
        .crls(&[]),
        case(
            "circle",
            circle,
            untrusted,
            "Two CAs that certify each other, and no way from there to the bank's.",
        )
        .crls(&[]),
    ]
}

/// What stands in the CA file.
fn anchors() -> Vec<Case> {
    let bad = |name: &str, expected, wrong: &str, bend: &dyn Fn(Certificate) -> Certificate| {
        let root = Authority::with(Key::p256("bad root"), "U-shield TEST bad root", bend);
        case(name, below(&root, &[]), expected, wrong)
            .ca(name, &[&root.certificate])
            .crls(&[("bad-root", &Crl::new(1, &[]).signed_by(&root))])
    };
    let short = Authority::with(Key::p256("short root"), "U-shield TEST short root", |c| {
        c.with(BASIC_CONSTRAINTS, true, &authority(Some(0)))
    });
    let branch = short.branch(0x10, "U-shield TEST branch", |c| c);
    let [short_crl, branch_crl] = [&short, &branch].map(|a| Crl::new(1, &[]).signed_by(a));
    let deep = case(
        "anchor-path-exceeded",
        below(&branch, &[&branch]),
        "issuer_path_length",
        "The CA may have no branch below it (pathLenConstraint 0), and a branch issued the certificate.",
    )
    .ca("short-root", &[&short.certificate])
    .crls(&[("short-root", &short_crl), ("short-root-branch", &branch_crl)]);
    vec![
        bad(
            "anchor-without-constraints",
            "ca_refused",
            "The CA's certificate has no basic constraints.",
            &|c| c.without(BASIC_CONSTRAINTS),
        ),
        bad("anchor-not-ca", "ca_refused", "The CA's certificate does not say that it is a CA's.", &|c| {
            c.with(BASIC_CONSTRAINTS, true, &sequence(&[]))
        }),
        bad(
            "anchor-without-cert-sign",
            "ca_refused",
            "The key usage of the CA's certificate lacks keyCertSign.",
            &|c| c.with(KEY_USAGE, true, &usage(DIGITAL_SIGNATURE | NON_REPUDIATION | CRL_SIGN)),
        ),
        bad(
            "anchor-without-usage",
            "accepted",
            "Good: the CA's certificate does not say what its key is for.",
            &|c| c.without(KEY_USAGE),
        ),
        bad("anchor-version-1", "ca_refused", "The CA's certificate is of version 1.", &|c| Certificate {
            version: Vec::new(),
            extensions: Vec::new(),
            ..c
        }),
        bad("anchor-expired", "certificate_expired", "The CA's certificate has expired.", &|c| {
            c.between("20200101000000Z", "20260101000000Z")
        }),
        bad("anchor-not-yet", "certificate_not_yet_valid", "The CA's certificate is for 2098.", &|c| {
            c.between("20980101000000Z", "20991231235959Z")
        }),
        deep,
        case(
            "anchor-path-0",
            below(&short, &[]),
            "accepted",
            "Good: the CA may have no branch below it, and there is none.",
        )
        .ca("short-root", &[&short.certificate])
        .crls(&[("short-root", &short_crl)]),
    ]
}

fn files() -> Vec<Case> {
    let root = &BANK.root;
    let other = Authority::root("U-shield TEST other CA");
    let former = Authority::with(Key::p256("former"), "U-shield TEST bank CA", |c| c);
    let p384 = Authority::with(Key::p384("P-384 CA"), "U-shield TEST P-384 CA", |c| c);
    let rsa = Authority::with(Key::rsa(), "U-shield TEST RSA CA", |c| c);
    let good = |name: &str, document, wrong: &str| case(name, document, "accepted", wrong);
    let crl = |authority: &Authority| Crl::new(1, &[]).signed_by(authority);
    let (other_crl, former_crl) = (crl(&other), crl(&former));
    let mut nonsense =
        case("ca-file-nonsense", BANK.document().der(), "ca_refused", "The CA file holds no certificate.");
    nonsense.ca = crate::case::File { path: "ca/nonsense.pem".into(), bytes: b"no certificate\n".to_vec() };
    let mut empty = case("ca-file-empty", BANK.document().der(), "ca_refused", "The CA file is empty.");
    empty.ca = crate::case::File { path: "ca/empty.pem".into(), bytes: Vec::new() };
    let two: &[&[u8]] = &[&former.certificate, &root.certificate];
    let swapped: &[&[u8]] = &[&root.certificate, &former.certificate];
    vec![
        good("ca-two", BANK.document().der(), "Good: another CA stands in the CA file, too.")
            .ca("other-and-bank", &[&other.certificate, &root.certificate]),
        good(
            "ca-two-without-a-crl",
            below(&other, &[]),
            "Good: the second CA of the file, with its own CRL.",
        )
        .ca("other-and-bank", &[&other.certificate, &root.certificate])
        .crls(&[("bank-1", &BANK.crl), ("other", &other_crl)]),
        case(
            "ca-two-crl-of-the-first",
            below(&other, &[]),
            "revocation_unknown",
            "The second CA of the file, and only the first one's CRL.",
        )
        .ca("other-and-bank", &[&other.certificate, &root.certificate]),
        good(
            "ca-renewed",
            BANK.document().der(),
            "Good: the CA has a new key under its old name, and the CRL of the former key comes first.",
        )
        .ca("former-and-bank", two)
        .crls(&[("former", &former_crl), ("bank-1", &BANK.crl)]),
        good(
            "ca-renewed-reversed",
            BANK.document().der(),
            "Good: the same, and the CRL of the former key comes last.",
        )
        .ca("bank-and-former", swapped)
        .crls(&[("bank-1", &BANK.crl), ("former", &former_crl)]),
        good(
            "ca-renewed-former",
            below(&former, &[]),
            "Good: the same CA, and a customer of the former key.",
        )
        .ca("bank-and-former", swapped)
        .crls(&[("bank-1", &BANK.crl), ("former", &former_crl)]),
        good("ca-p384", below(&p384, &[]), "Good: the CA's key is on P-384.")
            .ca("p384", &[&p384.certificate])
            .crls(&[("p384", &crl(&p384))]),
        good("ca-rsa", below(&rsa, &[]), "Good: the CA's key is RSA.")
            .ca("rsa", &[&rsa.certificate])
            .crls(&[("rsa", &crl(&rsa))]),
        nonsense,
        empty,
    ]
}
