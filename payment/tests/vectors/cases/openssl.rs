//! The cases where `openssl cms -verify` differs from this crate, each with the word that `tests/vectors/README.md` explains.
//! openssl never looks at orders, payers, times and replays: those cases are marked where they stand.

use crate::case::Case;

const DIFFERS: &[(&str, &[&str])] = &[
    (
        "form",
        &[
            "form-trailing-byte",
            "form-trailing-text",
            "form-twice",
            "form-indefinite",
            "form-indefinite-inside",
            "form-long-length",
            "form-long-signature-length",
            "form-order-in-pieces",
            "form-order-in-pieces-open",
            "form-version-0",
            "form-version-3",
            "form-digests-null",
            "form-digests-two",
            "form-crl-inside",
            "form-crls-empty",
            "certificates-two-of-one-name",
            "certificates-two-of-one-key",
            "certificates-unsorted",
            "certificates-twice",
            "certificates-nine",
            "certificates-large",
            "extra-attribute-certificate",
            "extra-other-format",
            "signature-version-3",
        ],
    ),
    (
        "content",
        &[
            "content-digested",
            "content-signed",
            "content-order-type",
            "content-timestamp",
            "content-nested",
            "content-nested-as-data",
            "attributes-as-content",
        ],
    ),
    ("signers", &["signer-twice", "signer-both-s", "signer-two"]),
    (
        "attributes",
        &[
            "attributes-signed",
            "attributes-signed-with-time",
            "attributes-unsigned",
            "attributes-countersignature",
            "attributes-unsigned-empty",
        ],
    ),
    (
        "algorithm",
        &[
            "algorithm-digest-null",
            "algorithm-signature-null",
            "algorithm-key-type",
            "algorithm-rsa",
            "algorithm-p384-with-sha256",
            "algorithm-p384",
        ],
    ),
    (
        "purpose",
        &[
            "purpose-login",
            "purpose-signing",
            "purpose-neighbour",
            "purpose-any",
            "purpose-payment-and-login",
            "purpose-payment-and-any",
            "purpose-payment-twice",
            "purpose-missing",
            "leaf-is-ca",
            "leaf-is-ca-path-0",
            "encoding-version-1",
            "encoding-version-1-extensions",
        ],
    ),
    (
        "key-usage",
        &[
            "usage-no-signature",
            "usage-no-repudiation",
            "usage-encipherment",
            "usage-agreement",
            "usage-only-agreement",
            "usage-certificates",
            "usage-missing",
            "usage-decipher",
            "usage-undefined-bit",
        ],
    ),
    (
        "holder",
        &[
            "holder-without-id",
            "holder-two-ids",
            "holder-two-ids-reversed",
            "holder-without-id-for-nobody",
            "holder-nobody",
            "holder-empty-id",
            "holder-id-in-name",
        ],
    ),
    ("account", &["holder-another"]),
    ("key-form", &["key-compressed"]),
    ("last-second", &["certificate-last-second"]),
    ("crl-skew", &["crl-within-skew"]),
    ("crl-endless", &["crl-without-next-update"]),
    ("encoding", &["usage-padded", "encoding-false", "encoding-serial-long", "encoding-serial-negative"]),
    ("ca-purpose", &["branch-for-login", "branch-for-any"]),
    ("anchor", &["customer-in-ca-file-idle", "anchor-without-constraints", "anchor-version-1"]),
    (
        "namesake",
        &["ca-renewed", "ca-renewed-former", "crl-of-a-namesake-beside", "crl-of-a-namesake-revokes"],
    ),
    (
        "crl-former",
        &["crl-dropped", "crl-dropped-reversed", "crl-expired-revoked-and-fresh", "crl-future-revoked"],
    ),
    ("crl-point", &["crl-of-the-point"]),
    ("crl-delta", &["crl-delta"]),
    ("crl-contradiction", &["crl-contradiction", "crl-backwards"]),
];

/// Marks the cases that are listed above.
pub(crate) fn mark(cases: &mut [Case]) {
    for (why, names) in DIFFERS {
        for name in *names {
            let case = cases.iter_mut().find(|case| case.name == *name);
            case.unwrap_or_else(|| panic!("no case {name}")).differs = why;
        }
    }
}
