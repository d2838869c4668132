//! OpenSSL, which nobody here wrote, judges paths and CRLs.

use std::{fs, path::Path, process::Command};

fn pem(label: &str, all: &[&[u8]]) -> String {
    let one = |der: &&[u8]| {
        let text = pem_body(der);
        format!("-----BEGIN {label}-----\n{text}-----END {label}-----\n")
    };
    all.iter().map(one).collect()
}

/// Base64 in lines of 64.
fn pem_body(der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = der.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4).map(move |i| match i > chunk.len() {
            true => '=',
            false => char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]),
        })
    });
    let text: Vec<char> = digits.collect();
    text.chunks(64).map(|line| line.iter().collect::<String>() + "\n").collect()
}

pub(crate) fn certificates(all: &[&[u8]]) -> String {
    pem("CERTIFICATE", all)
}

pub(crate) fn crls(all: &[&[u8]]) -> String {
    pem("X509 CRL", all)
}

/// Runs `openssl verify` at 08:05. Returns whether openssl finds a path, and what openssl says. Where there are CRLs,
/// openssl also asks that no certificate of the path is revoked.
pub(crate) fn openssl(anchors: &[&[u8]], between: &[&[u8]], lists: &[&[u8]], leaf: &[u8]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-purpose", "any", "-attime", "1780301100", "-no-CApath", "-no-CAstore"]);
    let mut add = |option: &str, path: &Path| {
        command.arg(option).arg(path);
    };
    add("-CAfile", &file("ca.pem", certificates(anchors)));
    if !between.is_empty() {
        add("-untrusted", &file("between.pem", certificates(between)));
    }
    if !lists.is_empty() {
        add("-CRLfile", &file("crl.pem", crls(lists)));
        // With `-crl_check_all` openssl looks for every certificate of the path on its issuer's list, for the anchor's,
        // too.
        command.arg(if between.is_empty() { "-crl_check" } else { "-crl_check_all" });
    }
    let output = command.arg(file("leaf.pem", certificates(&[leaf]))).output().unwrap_or_else(|error| {
        panic!("this test runs openssl, which did not start ({error}): install the package openssl")
    });
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}
