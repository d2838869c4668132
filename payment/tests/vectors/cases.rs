//! The cases, by what they are about.

use crate::case::Case;

mod bank;
mod certificate;
mod form;
mod issuer;
mod openssl;
mod order;
mod revocation;
mod signer;
mod text;

/// What the crate does not yet judge as it must: not in the corpus so long.
const WAITING: &[&str] = &[
    "extra-empty",
    "extra-order",
    "extra-nested",
    "extra-cut",
    "extra-garbled",
    "extra-crl",
    "usage-undefined-bit",
    "usage-padded",
    "encoding-false",
    "encoding-serial-long",
    "encoding-serial-negative",
    "branch-without-cert-sign",
    "branch-without-constraints",
    "branch-not-ca",
    "branch-for-login",
    "branch-for-any",
    "branch-path-exceeded",
    "customer-issues",
    "customer-issues-without-crl",
    "customer-issues-without-usage",
    "customer-in-ca-file",
    "customer-in-ca-file-first",
    "customer-is-anchor",
    "anchor-without-constraints",
    "anchor-not-ca",
    "anchor-without-cert-sign",
    "anchor-version-1",
    "anchor-path-exceeded",
    "ca-renewed",
    "ca-renewed-former",
    "crl-old-new",
    "crl-old-and-new-in-one-file",
    "crl-three",
    "crl-dropped-reversed",
    "hold-released",
    "hold-again",
    "crl-expired-revoked",
    "crl-expired-and-fresh",
    "crl-expired-revoked-and-fresh",
    "crl-future",
    "crl-of-a-namesake-beside",
    "crl-of-a-namesake-revokes",
    "crl-without-crl-sign",
    "crl-of-a-point",
    "crl-of-cas",
    "crl-contradiction",
    "crl-backwards",
    "time-over-a-day",
    "time-for-ever",
    "text-newline",
    "text-return",
    "text-tab",
    "text-nul",
    "text-escape",
    "text-csi",
    "text-delete",
    "text-line-separator",
    "text-bidirectional",
    "text-isolate",
    "text-arabic",
    "text-zero-width",
    "text-joiner",
    "text-word-joiner",
    "text-byte-order-mark",
    "text-soft-hyphen",
    "text-tags",
    "text-variation",
    "text-filler",
    "text-combining",
    "text-zalgo",
    "text-mixed-scripts",
    "text-greek",
    "text-like-an-amount",
    "text-like-an-amount-wide",
    "text-trailing-space",
    "text-leading-space",
    "text-spaces",
    "text-wide-space",
    "text-no-break-space",
    "text-wide-account",
    "text-arabic-digits",
    "text-chinese-number",
    "text-private-use",
    "text-unassigned",
    "text-noncharacter",
    "text-replacement",
    "text-wide-payer",
];

/// All of them, in the order of the index.
pub(crate) fn all() -> Vec<Case> {
    let mut all = [
        order::cases(),
        form::cases(),
        signer::cases(),
        certificate::cases(),
        issuer::cases(),
        revocation::cases(),
        bank::cases(),
        text::cases(),
    ]
    .concat();
    openssl::mark(&mut all);
    all.retain(|case| !WAITING.contains(&case.name.as_str()));
    all
}
