//! The brand whose payments are signed with SM2: the demo, a run, and a payment of a token on a disk.

use std::{fs, process::Command};

use crate::world::{Ended, World};

/// The demo prints the commands of a program that is not ours. They are carried out as they stand there: all succeed, and those that check
/// fail once a byte of the order is another one.
#[test]
fn the_demo_prints_what_openssl_checks() {
    let world = World::new();
    let folder = world.path("d");
    let said = world.done(&["demo", "--yes", "--brand", "jade", "--out", folder.to_str().unwrap()]);
    let (_, rest) = said.split_once("not ours:\n").unwrap();
    let (commands, _) = rest.split_once("\n\n").unwrap();
    let commands: Vec<&str> = commands.lines().map(str::trim).collect();
    let works = |command: &str| Command::new("sh").args(["-c", command]).output().unwrap().status.success();
    for command in &commands {
        assert!(works(command), "{command}");
    }
    let verifies = commands.iter().filter(|command| command.contains("distid:1234567812345678"));
    assert_eq!(verifies.clone().count(), 2, "one for the payment, and one for the certificate: {commands:?}");
    let payment = verifies.clone().find(|command| command.contains("pkeyutl")).unwrap();
    let order = folder.join("verified.der");
    let mut changed = fs::read(&order).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&order, changed).unwrap();
    assert!(!works(payment), "a changed order");
    let certificate = verifies.clone().find(|command| command.contains("openssl verify")).unwrap();
    assert!(!works(&certificate.replace("distid:1234567812345678", "distid:1")), "another identifier");

    // A verifier of ours takes the same files without being told of SM2: the bank's CA file says it.
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let arguments = [&file("payment.cms"), "--ca", &file("ca.pem"), "--crl", &file("crl.pem")];
    let more = ["--order", &file("order.json"), "--payer", "6222020200112233"];
    world.done(&[&["verify"], &arguments[..], &more].concat());
}

/// The story is about what a screen shows.
#[test]
fn the_demo_wants_a_screen() {
    let world = World::new();
    let refused = world.run(&["demo", "--yes", "--brand", "vermilion"]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("no screen"), "{}", refused.complained);
}

/// A command in a run pays, and its certificate for TLS and ssh is one that stock programs verify, by an issuer of its own.
#[test]
fn a_run_has_tokens_of_sm2() {
    let world = World::new();
    let order = world.order("j-1");
    let text = fs::read_to_string(&order).unwrap().replace("6222020200112233", "6222020200110001");
    world.file("j-1.json", &text);
    let ushield = env!("CARGO_BIN_EXE_ushield");
    let document = world.path("j.cms");
    let document = document.display();
    let script = format!(
        "{ushield} pay {order} --out {document} --ca $USHIELD_CA && \
         {ushield} verify {document} --ca $USHIELD_CA --crl $USHIELD_CRL --order {order} --payer 6222020200110001 && \
         openssl verify -CAfile $USHIELD_AUTHENTICATION_CA -CRLfile $USHIELD_AUTHENTICATION_CRL -crl_check $USHIELD_CERT && \
         openssl x509 -in $USHIELD_CERT -noout -text && \
         openssl x509 -in $(dirname $USHIELD_CERT)/*-payment.pem -noout -text"
    );
    let Ended { code, said, complained } = world.run(&["run", "--brand", "jade", "--", "sh", "-c", &script]);
    assert_eq!(code, 0, "{said}{complained}");
    assert!(said.contains("NIST CURVE: P-256"), "{said}");
    assert!(said.contains("Signature Algorithm: SM2-with-SM3"), "{said}");
    let wrong = "openssl verify -CAfile $USHIELD_CA $USHIELD_CERT";
    let refused = world.run(&["run", "--brand", "jade", "--", "sh", "-c", wrong]);
    assert_ne!(refused.code, 0, "the issuer of payment certificates did not issue it: {}", refused.said);
}

/// A token keeps its make for life: the same brand with another algorithm does not open it, and nothing is written.
#[test]
fn a_token_of_sm2_is_no_token_of_p256() {
    let world = World::new();
    let state = world.path("state");
    let state = state.to_str().unwrap();
    let up = world.up(&["--brand", "jade", "--state", state, "--secret", world.path("s").to_str().unwrap()]);
    assert_eq!(up.ready["tokens"][0]["usb"], "1209:0003");
    world.done(&["down"]);
    let jade = world.done(&["brand", "show", "jade"]);
    let other = world.file("p256.toml", &jade.replace("algorithm = \"sm2\"", "algorithm = \"p256\""));
    let secret = world.path("s");
    let arguments = ["up", "--brand", &other, "--state", state, "--secret", secret.to_str().unwrap()];
    let refused = world.run(&[&arguments[..], &["--listen", "127.0.0.1:0"]].concat());
    assert_eq!(refused.code, 1, "{}", refused.said);
    assert!(refused.complained.contains("another algorithm of payments"), "{}", refused.complained);
}
