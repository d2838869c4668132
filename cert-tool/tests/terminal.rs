//! A stranger's request and certificate have names that hold what a terminal obeys. Nothing of these names reaches a
//! terminal raw.

use std::process::{Command, Output};

/// A text that clears the screen, begins a line of its own, and turns the direction of writing.
const HOSTILE: &str = "\u{1b}[2J张三\n  next: pay\u{202e}\u{9b}31m\u{200b}\u{7}";

struct Scene(tempfile::TempDir);

impl Scene {
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path()).env("CERT_TOOL_PASSPHRASE", "correct horse");
        command.env_remove("CERT_TOOL_CA").env_remove("USHIELD_USBIP");
        command.output().unwrap_or_else(|fault| panic!("{program} does not run: {fault}"))
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = self.run("openssl", arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Standard output and standard error, each of which must be harmless.
    fn said(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.run(env!("CARGO_BIN_EXE_cert-tool"), arguments);
        let [said, complained] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for text in [&said, &complained] {
            for c in text.chars() {
                assert!(c == '\n' || !c.is_control(), "{c:?} in {text:?}");
                assert!(!matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'), "{text:?}");
            }
            assert!(!text.contains("next: pay\n") && !text.contains("\n  next: pay"), "{text:?}");
        }
        (output.status.success(), said, complained)
    }
}

#[test]
fn a_strangers_names_are_printed_escaped() {
    let scene = Scene(tempfile::tempdir().unwrap());
    scene.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"]);
    let subject = format!("/O={HOSTILE}/CN={HOSTILE}/serialNumber=6222");
    let request = ["req", "-new", "-utf8", "-key", "key.pem", "-subj", &subject];
    scene.openssl(&[&request[..], &["-out", "r.csr"]].concat());
    scene.openssl(&[&request[..], &["-x509", "-days", "10", "-out", "c.pem"]].concat());

    let (good, said, _) = scene.said(&["show", "--file", "c.pem"]);
    assert!(good && said.contains("\\u{1b}[2J张三\\n  next: pay\\u{202e}\\u{9b}31m"), "{said}");
    let (good, said, _) = scene.said(&["show", "--file", "c.pem", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(good && json["subject"].as_str().unwrap().contains(HOSTILE), "{said}");

    let (good, ..) = scene.said(&["ca", "init", "--dir", "ca"]);
    assert!(good);
    let issue =
        ["ca", "issue", "--dir", "ca", "--request", "r.csr", "--kind", "payment", "--user-id", "6222"];
    // The first name comes from the request. The second name was given to the CA.
    for name in ["张三", HOSTILE] {
        let (good, _, complained) = scene.said(&[&issue[..], &["--name", name]].concat());
        assert!(!good && complained.contains("why:"), "{complained}");
        let (good, said, _) = scene.said(&[&issue[..], &["--name", name, "--json"]].concat());
        assert!(!good);
        serde_json::from_str::<serde_json::Value>(&said).unwrap();
    }
}
