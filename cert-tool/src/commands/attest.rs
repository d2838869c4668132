//! `cert-tool attest`.

use authority::{
    attestation::{self, Attestation, Expected},
    certificate::Certificate,
};
use clap::Args;
use serde_json::json;
use terminal::{Failure, Reason, TokenOptions};
use wire::shield::Container;

use super::{
    Report,
    options::{ContainerName, FactoryOptions, OutOptions, with_token},
};
use crate::token::Token;

/// Have the token state that a key was made on it, and check that up to its factory's CA
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool attest --container payment --out attested.pem

The file has two certificates: the token's statement, and that of the token's attestation key, which signed it.")]
pub(super) struct Attest {
    /// Whose key: the one in use
    #[arg(long, value_enum, default_value = "payment")]
    container: ContainerName,
    #[command(flatten)]
    factory: FactoryOptions,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Attest {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        let factory = self.factory.factory()?;
        let container = Container::from(self.container);
        let (serial, attestation) = with_token(&self.token, |shield| {
            let serial = Token::information(shield)?.serial;
            let own = shield.attestation_certificate()?;
            let statement = shield.attest(container).map_err(|error| refusal(error, container))?;
            Ok((serial, own.zip(statement).map(|(token, statement)| Attestation { statement, token })))
        })?;
        // The token alone knows which key it attests, so the key is read from the statement itself.
        let about = attestation.as_ref().and_then(|found| Certificate::parse(&found.statement).ok());
        let public_key = about.map_or(Vec::new(), |found| found.public_key);
        let expected = Expected { container, public_key: &public_key, serial: Some(&serial) };
        attestation::check(&factory, attestation.as_ref(), &expected)?;
        let pem = attestation.map_or(String::new(), |attestation| attestation.pem());
        let name = container.name();
        let text = self.out.write(pem.as_bytes(), |path| {
            format!("the {name} key was made on token {serial}: {}", path.display())
        })?;
        Ok(Report { text, json: json!({ "container": name, "serial": serial, "attestation": pem }) })
    }
}

/// Why a token does not attest a key.
fn refusal(error: card::Error, container: Container) -> Failure {
    use wire::apdu::StatusWord;
    let why = match error {
        card::Error::Refused(StatusWord::CONDITIONS_NOT_SATISFIED) => "it came from outside (an import)",
        card::Error::Refused(StatusWord::NO_SUCH_KEY) => "there is no such key on the token",
        other => return other.into(),
    };
    Failure::of(
        Reason::NotAttested,
        format!("the {} key was not attested", container.name()),
        why,
        "look at what is there with cert-tool show, or make keys on the token with cert-tool enrol",
    )
}
