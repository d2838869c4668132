//! Options that several subcommands share.

use std::{
    env,
    path::{Path, PathBuf},
};

use authority::{
    attestation::{Factory, TEST_BRAND},
    ca::Authority,
    certificate::{Certificate, display_name, display_purpose},
    certificate_kind::{self, Kind},
    index::Revocation,
    moment::{self, Validity},
};
use card::{Card, shield::Shield};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use terminal::{
    Failure, Reason, TokenOptions,
    refusal::explain,
    secret::{Source, Variable},
};
use time::OffsetDateTime;
use wire::{
    display::escaped,
    shield::{Container, Information},
};

use file::Access;

/// Which CA.
#[derive(Args)]
pub(super) struct CaOptions {
    /// The CA's folder [default: ushield/ca in the user's state folder]
    #[arg(long, visible_alias = "dir", value_name = "DIR", env = "CERT_TOOL_CA")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

/// Where the passphrase of the CA's key is.
#[derive(Args)]
pub(super) struct PassphraseOptions {
    /// The file with the passphrase; else CERT_TOOL_PASSPHRASE, else you are asked
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseOptions {
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            name: "passphrase",
            file: self.passphrase_file.as_deref(),
            variable: Variable::Passphrase,
            option: "--passphrase-file",
        }
    }
}

impl CaOptions {
    /// Opens the CA.
    pub(super) fn open(&self) -> Result<Authority, Failure> {
        let folder = folder(self.ca.as_deref())?;
        let closed = Authority::find(&folder)?;
        if !closed.wants_passphrase() {
            return Ok(closed.open(None)?);
        }
        let question = format!("passphrase of the CA in {}: ", folder.display());
        let passphrase = self.passphrase.source().ask(&question)?;
        Ok(closed.open(Some(passphrase.bytes()))?)
    }
}

/// The CA's folder: the one named, or the one in the user's state folder (XDG base directory specification).
pub(super) fn folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_path_buf());
    }
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .or_else(|| set("LOCALAPPDATA"));
    state.map(|state| state.join("ushield/ca")).ok_or_else(|| {
        Failure::of(
            Reason::Missing,
            "there is no folder for a CA",
            "neither XDG_STATE_HOME nor HOME is set",
            "name one with --ca DIR",
        )
    })
}

/// Opens the token and hands its shield applet to `work`, in one transaction: where other programs share the token, none of
/// them may select an applet or use the PIN in between.
pub(super) fn with_token<T>(
    token: &TokenOptions,
    work: impl FnOnce(&mut Shield<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut card = token.open()?;
    card.begin().map_err(|error| explain("the token was not reached", &error))?;
    let done = select(&mut card).and_then(|mut shield| work(&mut shield));
    // What was done stays done. A service that fails now gives the token back by itself once this program hangs up.
    let _ = card.end();
    done
}

fn select(card: &mut Card) -> Result<Shield<'_>, Failure> {
    Shield::select(card).map_err(|error| match error {
        card::Error::Refused(word) => Failure::of(
            Reason::TokenRefused,
            "the card that was found is no U-shield",
            format!("it has no shield applet (status {word})"),
            "name the right one with --usbip HOST:PORT/BUSID or --token SERIAL",
        ),
        other => other.into(),
    })
}

/// How long a certificate is valid.
#[derive(Args)]
#[group(multiple = false)]
pub(super) struct ValidityOptions {
    /// Valid for so many days
    #[arg(long, value_name = "N", default_value_t = certificate_kind::DAYS)]
    days: u32,
    /// Valid until the end of this day (2027-12-31) or this moment (2027-12-31T12:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    not_after: Option<OffsetDateTime>,
}

impl ValidityOptions {
    pub(super) fn validity(&self) -> Validity {
        self.not_after.map_or(Validity::Days(self.days), Validity::Until)
    }
}

/// Where a result goes.
#[derive(Args)]
pub(super) struct OutOptions {
    /// The file to write, PEM [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl OutOptions {
    /// Refuses now what [`Self::write`] would refuse later.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match &self.out {
            Some(path) => Ok(file::check_place(path, self.force)?),
            None => Ok(()),
        }
    }

    /// Writes the bytes if a file is named; gives what then is to be said on standard output.
    pub(super) fn write(&self, bytes: &[u8], said: impl FnOnce(&Path) -> String) -> Result<String, Failure> {
        match &self.out {
            None => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Some(path) => {
                file::write(path, bytes, Access::Everyone, self.force)?;
                Ok(said(path))
            }
        }
    }

    pub(super) fn is_named(&self) -> bool {
        self.out.is_some()
    }
}

/// A container by the name that people see.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ContainerName {
    /// The payment key
    Payment,
    /// PIV authentication
    #[value(name = "9a", alias = "authentication")]
    Slot9a,
    /// PIV signature
    #[value(name = "9c")]
    Slot9c,
    /// PIV key management
    #[value(name = "9d")]
    Slot9d,
    /// PIV card authentication
    #[value(name = "9e")]
    Slot9e,
}

impl From<ContainerName> for Container {
    fn from(name: ContainerName) -> Self {
        use wire::piv::Slot;
        match name {
            ContainerName::Payment => Self::Payment,
            ContainerName::Slot9a => Self::Piv(Slot::Authentication),
            ContainerName::Slot9c => Self::Piv(Slot::Signature),
            ContainerName::Slot9d => Self::Piv(Slot::KeyManagement),
            ContainerName::Slot9e => Self::Piv(Slot::CardAuthentication),
        }
    }
}

/// A certificate for people.
pub(super) fn describe(certificate: &Certificate) -> String {
    let left = (certificate.not_after - moment::now()).whole_days();
    let state = if certificate.valid_at(moment::now()) {
        format!("{left} days left")
    } else if left < 0 {
        "EXPIRED".into()
    } else {
        "NOT VALID NOW".into()
    };
    let purposes: Vec<_> = certificate.purposes.iter().map(|purpose| display_purpose(*purpose)).collect();
    format!(
        "  subject  {}\n  issuer   {}\n  serial   {}\n  valid    {} to {} ({state})\n  usage    {}\n  purpose  {}\n",
        escaped(display_name(&certificate.subject)),
        escaped(display_name(&certificate.issuer)),
        certificate.serial,
        moment::display(certificate.not_before),
        moment::display(certificate.not_after),
        certificate.usages.join(", "),
        purposes.join(", "),
    )
}

/// A certificate for programs.
pub(super) fn certificate_json(certificate: &Certificate) -> Value {
    json!({
        "serial": certificate.serial,
        "subject": display_name(&certificate.subject),
        "issuer": display_name(&certificate.issuer),
        "not_before": moment::display(certificate.not_before),
        "not_after": moment::display(certificate.not_after),
        "days_left": (certificate.not_after - moment::now()).whole_days(),
        "key_usage": certificate.usages,
        "extended_key_usage": certificate.purposes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pem": certificate.pem(),
    })
}

/// A token for programs.
pub(super) fn token_json(information: &Information) -> Value {
    json!({
        "brand": information.brand,
        "serial": information.serial,
        "generation": information.generation,
        "payment_algorithm": information.algorithm.name(),
        "pin_tries_left": information.tries[0],
        "healthy": information.has(Information::HEALTHY),
        "factory_pin": information.has(Information::FACTORY_PIN),
        "enrolled": information.has(Information::ENROLLED),
        "pending": information.has(Information::PENDING),
        "test_token": information.has(Information::TEST_TOKEN),
    })
}

/// Whom a certificate is for.
#[derive(Args)]
pub(super) struct HolderOptions {
    /// The holder's name, as the token's screen will show it
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,
    /// The holder's ID at the bank
    #[arg(long, value_name = "ID")]
    pub(super) user_id: String,
}

/// Whose tokens are trusted to say where a key was made.
#[derive(Args)]
pub(super) struct FactoryOptions {
    /// The CA certificate of the tokens' factory, PEM or DER [default: the TEST factory of the brand U-shield]
    #[arg(long, value_name = "FILE")]
    factory_ca: Option<PathBuf>,
}

impl FactoryOptions {
    /// The factory.
    pub(super) fn factory(&self) -> Result<Factory, Failure> {
        match &self.factory_ca {
            None => Ok(Factory::test(TEST_BRAND)?),
            Some(path) => Ok(Factory::parse(&file::read(path)?)?),
        }
    }
}

/// Whether a key must be shown to have been made on a token.
#[derive(Args)]
pub(super) struct AttestationOptions {
    /// Refuse a key that no token of the factory (--factory-ca) attests as made on it
    #[arg(long)]
    require_attestation: bool,
    #[command(flatten)]
    factory: FactoryOptions,
}

impl AttestationOptions {
    /// The factory whose tokens are trusted; `None` where no attestation is asked for.
    pub(super) fn factory(&self) -> Result<Option<Factory>, Failure> {
        self.require_attestation.then(|| self.factory.factory()).transpose()
    }
}

/// Which of the two certificates.
#[derive(Args)]
pub(super) struct KindOptions {
    /// Which of the two certificates of a personal ID
    #[arg(long, value_enum)]
    kind: KindName,
}

impl KindOptions {
    pub(super) fn kind(&self) -> Kind {
        match self.kind {
            KindName::Payment => Kind::Payment,
            KindName::Authentication => Kind::Authentication,
        }
    }
}

/// A kind of certificate by the name that people see.
#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    /// For the payment key: signs payment orders and nothing else.
    Payment,
    /// For PIV's 9A: client authentication, for TLS and ssh.
    Authentication,
}

/// A reason for a revocation by the name that people see.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RevocationName {
    /// No reason given.
    Unspecified,
    /// The token is lost, or its PIN is known to others.
    KeyCompromise,
    /// The holder's name or ID has changed.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// It is no longer needed, or never reached its token.
    CessationOfOperation,
    /// The holder may no longer use it.
    PrivilegeWithdrawn,
}

impl From<RevocationName> for Revocation {
    fn from(name: RevocationName) -> Self {
        match name {
            RevocationName::Unspecified => Self::Unspecified,
            RevocationName::KeyCompromise => Self::KeyCompromise,
            RevocationName::AffiliationChanged => Self::AffiliationChanged,
            RevocationName::Superseded => Self::Superseded,
            RevocationName::CessationOfOperation => Self::CessationOfOperation,
            RevocationName::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
        }
    }
}
