//! What the command of a run finds in its environment.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use host_driver::{control::view::Token, make};
use machine::shared_object;
use serde_json::{Value, json};
use terminal::{Context, Failure};

use super::{
    enrolment::{Bank, Issued},
    folder::Folder,
    lifeline::Variable,
};

/// The PKCS#11 module's file.
const MODULE: &str = "libushield_pkcs11.so";

/// A token of a run.
pub(super) struct Holding {
    pub(super) token: Token,
    /// The name of the token's PC/SC reader.
    pub(super) reader: String,
    pub(super) certificates: Vec<Issued>,
}

impl Holding {
    fn json(&self, number: usize) -> Value {
        let certificate = |issued: &Issued| json!({ "container": issued.container.name(), "file": issued.file.to_string_lossy(), "serial": issued.serial });
        json!({
            "serial": self.token.serial,
            "label": make::label(number),
            "reader": self.reader,
            "bus_id": self.token.bus_id,
            "certificates": self.certificates.iter().map(certificate).collect::<Vec<_>>(),
        })
    }
}

/// Everything that the variables tell of.
pub(super) struct Environment<'a> {
    pub(super) folder: &'a Folder,
    pub(super) socket: &'a Path,
    pub(super) control: &'a Path,
    pub(super) module: Option<&'a Path>,
    pub(super) pin: &'a [u8],
    pub(super) puk: &'a [u8],
    pub(super) bank: Option<&'a Bank>,
    pub(super) holdings: &'a [Holding],
    /// The link to the page of `--panel web`.
    pub(super) link: Option<&'a str>,
}

impl Environment<'_> {
    /// Writes the files that the variables name, and returns the variables. A variable without a value is removed from the
    /// environment.
    pub(super) fn variables(&self) -> Result<Vec<Variable<&'static str>>, Failure> {
        let pin_file = self.folder.write("pin", &[self.pin, b"\n"].concat())?;
        let tokens: Vec<Value> =
            self.holdings.iter().zip(1..).map(|(holding, number)| holding.json(number)).collect();
        let tokens = serde_json::to_string(&tokens).what("the tokens could not be described")?;
        let first = self.holdings.first().and_then(|holding| holding.certificates.first());
        let path = |path: &Path| Some(path.as_os_str().to_owned());
        let secret = |secret: &[u8]| Some(String::from_utf8_lossy(secret).into_owned().into());
        Ok(vec![
            ("PCSCLITE_CSOCK_NAME", path(self.socket)),
            ("USHIELD_PANEL", self.link.map(Into::into)),
            ("USHIELD_PKCS11_MODULE", self.module.and_then(path)),
            ("PKCS11_MODULE_PATH", self.module.and_then(path)),
            ("USHIELD_JAVA_CFG", self.module.map(|module| self.java(module)).transpose()?),
            ("USHIELD_PIN", secret(self.pin)),
            ("USHIELD_PIN_FILE", path(&pin_file)),
            ("USHIELD_PUK", secret(self.puk)),
            ("USHIELD_CA", self.bank.and_then(|bank| path(&bank.certificate()))),
            ("USHIELD_CRL", self.bank.and_then(|bank| path(&bank.crl()))),
            (
                "USHIELD_AUTHENTICATION_CA",
                self.bank.and_then(|bank| path(&bank.authentication_certificate())),
            ),
            ("USHIELD_AUTHENTICATION_CRL", self.bank.and_then(|bank| path(&bank.authentication_crl()))),
            ("USHIELD_CERT", first.and_then(|issued| path(&issued.file))),
            ("USHIELD_CONTROL", path(self.control)),
            ("USHIELD_TOKENS", Some(tokens.into())),
            // The PC/SC service holds the tokens, so that no program can reach them over USB/IP.
            ("USHIELD_USBIP", None),
        ])
    }

    /// A configuration file of Java's SunPKCS11 provider.
    fn java(&self, module: &Path) -> Result<OsString, Failure> {
        let library = module.as_os_str().as_encoded_bytes();
        let text = [b"name = ushield\nlibrary = ", library, b"\nslotListIndex = 0\n"].concat();
        self.folder.write("java.cfg", &text).map(PathBuf::into_os_string)
    }
}

/// The PKCS#11 module.
pub(super) fn module() -> Option<PathBuf> {
    shared_object::find(MODULE)
}

/// The warning where there is no module.
pub(super) fn how_to_build() -> Failure {
    Failure::new(format!("{MODULE} is not there: USHIELD_PKCS11_MODULE is not set"))
        .because("it lies neither beside this program nor in a library folder")
        .next("build it: cargo build --release -p pkcs11; or go on without it: PC/SC programs need none")
}
