//! `ushield demo`: the whole story, over real USB/IP on the loopback interface.

mod judge;
mod bank;
mod thumb;
mod pace;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use authority::{attestation::Factory, certificate::pem, certificate_kind, moment::Validity};
use card::{Card, road, shield::Shield};
use cert_tool::enrol::{Enrolled, Enrolment, Step, Wish, enrol};
use clap::Args;
use file::Access;
use firmware::profile::Profile;
use host_driver::{
    Exporter, Listen,
    control::{rack::Served, view::Button},
    make::{Batch, Codes, Home},
    panel::Habit,
    paths,
    runtime::Waiter,
};
use machine::brand;
use payment::{EncodedOrder, order, seal};
use terminal::{Context, Exit, Failure, Outcome, Paint, Steps, refusal::explain, say, secret::Secret};
use wire::{
    algorithm::KeyAlgorithm,
    brand::{Brand, Generation},
    pin::FACTORY_PIN,
    shield::Information,
};

use bank::Bank;
use pace::Pace;
use thumb::Thumb;

/// What the demo leaves behind.
const FILES: [&str; 6] = ["ca.pem", "crl.pem", "cert.pem", "order.json", "order.der", "payment.cms"];
const PIN: &str = "864209";
const NAME: &str = "张三";
const USER_ID: &str = "6222020200112233";

/// Run the whole story: a token, a personal ID, a payment with OK, and three refusals
///
/// Everything really happens, over USB/IP on the loopback interface; nothing is kept but the files that it leaves. At a terminal
/// it goes step by step, and Enter is also the token's buttons.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ushield demo\n  ushield demo --yes\n  ushield demo --brand jade        payments in SM2\n  ushield demo --out demo"
)]
pub(crate) struct Demo {
    /// Where to leave ca.pem crl.pem cert.pem order.json order.der payment.cms [default: one folder among the temporary files]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite such files if they are there
    #[arg(long)]
    force: bool,
    /// Run through without waiting for Enter
    #[arg(long)]
    yes: bool,
    /// The brand of the token: one of `ushield brand list`, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = brand::STANDARD)]
    brand: String,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        let brand = self.brand()?;
        let algorithm = brand.algorithm;
        let folder = self.folder()?;
        let runtime = Waiter::start()?;
        let inside = runtime.enter();
        let mut story = Story::begin(&runtime, Pace::choose(self.yes), brand)?;
        story.change_pin()?;
        let mut bank = story.open_bank(&folder)?;
        let enrolled = story.enrol(&mut bank)?;
        let order = Bank::order()?;
        let document = story.pay(&bank, &order, &enrolled)?;
        story.refusals(&bank, &order, &document)?;
        drop(inside);
        drop(runtime);
        let json = order::to_json(order.order()).what("the order could not be written")?;
        let certificate = pem("CERTIFICATE", &enrolled.payment.der);
        let contents = [&bank.ca[..], &bank.crl, certificate.as_bytes(), json.as_bytes(), &order, &document];
        for (name, content) in FILES.into_iter().zip(contents) {
            file::write(&folder.join(name), content, Access::Everyone, self.force || self.out.is_none())?;
        }
        tell(&folder, &judge::commands(algorithm, &folder.display().to_string(), &order, &document));
        Ok(Exit::Done)
    }

    /// The brand. The story wants a screen, on which the holder sees whom malware would pay.
    fn brand(&self) -> Result<Brand, Failure> {
        let brand = brand::named(&self.brand)?.brand;
        if brand.generation == Generation::One {
            return Err(Failure::new("the demo did not start")
                .because(format!(
                    "tokens of the brand {} have no screen, and the story is about what a screen shows",
                    self.brand
                ))
                .next("name a brand with a screen, or none: ushield brand list"));
        }
        Ok(brand)
    }

    /// Makes the folder, and looks that it has none of the files, before anything else happens.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let Some(folder) = &self.out else { return paths::demo() };
        let name = folder.display();
        std::fs::create_dir_all(folder).what(format!("the folder {name} could not be made"))?;
        let there: Vec<&str> = FILES.into_iter().filter(|file| folder.join(file).exists()).collect();
        if there.is_empty() || self.force {
            return Ok(folder.clone());
        }
        Err(Failure::new("the demo did not start")
            .because(format!("{name} holds {} already", there.join(", ")))
            .next("name another folder, or say --force to overwrite these files"))
    }
}

fn tell(folder: &Path, commands: &[String]) {
    let paint = Paint::stdout();
    let name = folder.display();
    say("");
    say(&format!("{} {name}: {}", paint.bold("Files in"), FILES.join(" ")));
    say(&paint.bold("Check them with a program that is not ours:"));
    commands.iter().for_each(|command| say(&format!("  {command}")));
    say("");
    say(&paint.bold("What to try next"));
    for (what, command) in [
        ("a token of your own, and its screen", "ushield up"),
        ("payments in SM2, as most banks in China have them", "ushield demo --brand jade"),
        ("a token for one command, as in CI", "ushield run -- sh -c 'echo $USHIELD_TOKENS'"),
        ("what works on this machine, and what does not", "ushield doctor"),
        ("the same story again, in one go", "ushield demo --yes"),
    ] {
        say(&format!("  {what:<50} {command}"));
    }
}

/// A token on a bus, a host's connection to it, and the holder's thumb on the token's buttons.
struct Story {
    steps: Steps,
    card: Card,
    thumb: Thumb,
    pace: Arc<Pace>,
    brand: Brand,
    _exporter: Exporter,
}

/// How long a page waits for a person who reads the story step by step, in milliseconds.
const PATIENCE: u64 = 15 * 60 * 1000;

impl Story {
    fn begin(runtime: &Waiter, pace: Pace, brand: Brand) -> Result<Self, Failure> {
        let listen = Listen { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen)).what("USB/IP is not served")?;
        let profile = Profile::of(Brand { prompt_timeout: PATIENCE, ..brand.clone() });
        let mut batch = Batch::open(Home::Memory, profile, Codes::Envelope, None)?;
        let mut served = batch.plug_in(&exporter, Habit::Wait)?;
        let Served { token, panel, .. } = served.pop().ok_or_else(|| Failure::new("there is no token"))?;
        let address = exporter.local_addr();
        let card = road::open(&road::Selection::usbip(address.to_string()))
            .map_err(|error| explain("the token was not reached", &error))?;
        let mut steps = Steps::new();
        let place = format!(
            "USB/IP at {address}, bus id {}: USB {}, serial {}",
            token.bus_id, token.usb, token.serial
        );
        steps.done("A token is plugged in, and a host attaches it", &[&place]);
        let pace = Arc::new(pace);
        pace.wait("goes on");
        let thumb = Thumb::on(runtime, panel, pace.clone());
        Ok(Self { steps, card, thumb, pace, brand, _exporter: exporter })
    }

    fn shield(&mut self) -> Result<Shield<'_>, Failure> {
        Shield::select(&mut self.card).map_err(|error| explain("the token was not reached", &error))
    }

    fn change_pin(&mut self) -> Result<(), Failure> {
        let refused = |error: card::Error| explain("the PIN was not changed", &error);
        let mut shield = self.shield()?;
        let before = shield.information().map_err(refused)?;
        shield.change_pin(FACTORY_PIN.as_bytes(), PIN.as_bytes()).map_err(refused)?;
        let after = shield.information().map_err(refused)?;
        if !before.has(Information::FACTORY_PIN) || after.has(Information::FACTORY_PIN) {
            return Err(Failure::new("the token does not know whether its PIN is the factory's"));
        }
        self.steps.done("The factory PIN is changed", &["until then the payment key does not work"]);
        self.pace.wait("goes on");
        Ok(())
    }

    fn open_bank(&mut self, folder: &Path) -> Result<Bank, Failure> {
        let algorithm = self.brand.algorithm;
        let bank = Bank::open(folder, algorithm)?;
        let two =
            "payment certificates are of SM2; those for TLS and ssh are of P-256, by an issuer of their own";
        let details = if algorithm == KeyAlgorithm::Sm2 { &[two][..] } else { &[] };
        self.steps.done("A bank opens: its CA has a key, a certificate and a CRL", details);
        self.pace.wait("goes on");
        Ok(bank)
    }

    fn enrol(&mut self, bank: &mut Bank) -> Result<Enrolled, Failure> {
        self.steps.done(&format!("{NAME} gets a personal ID; the screen shows whom it will name"), &[]);
        self.thumb.will_press(Button::Ok);
        let steps = &self.steps;
        let mut progress = |step: &Step<'_>| {
            if !matches!(step, Step::Found(_) | Step::PinVerified | Step::Signing { shown: true, .. }) {
                steps.detail(&step.to_string());
            }
        };
        let wish = Wish::Enrol { name: NAME, user_id: USER_ID, replace: false };
        let factory = Factory::test(&self.brand.name)?;
        let enrolment = Enrolment {
            wish,
            brand: None,
            validity: Validity::Days(certificate_kind::DAYS),
            factory: Some(&factory),
        };
        let mut shield =
            Shield::select(&mut self.card).map_err(|error| explain("the token was not reached", &error))?;
        let mut pin = |_: &Information| Ok(Secret::from(PIN));
        let enrolled = enrol(&mut shield, &mut bank.backend.authority, &enrolment, &mut pin, &mut progress)?;
        self.pace.wait("goes on");
        Ok(enrolled)
    }

    fn pay(&mut self, bank: &Bank, order: &EncodedOrder, enrolled: &Enrolled) -> Result<Vec<u8>, Failure> {
        let terms = order.order();
        let what = format!(
            "The bank issues order {}: ¥{} to {}",
            terms.number,
            terms.decimal_amount(),
            terms.payee_name
        );
        self.steps.done(&what, &["the token shows what it is about to sign, and waits for OK"]);
        self.thumb.will_press(Button::Ok);
        order::check_open(terms, SystemTime::now()).what("the payment was not signed")?;
        let document = seal(order, &[&enrolled.payment.der], |bytes| self.sign(bytes))
            .what("the payment was not sealed")?;
        self.steps
            .done(&format!("The token signs; the payment is sealed as CMS, {} bytes", document.len()), &[]);
        let payment =
            bank.backend.verify(&document, None).what("the bank cannot verify")?.map_err(|reason| {
                Failure::new("the bank refuses the payment").because(format!("{}: {reason}", reason.code()))
            })?;
        let holder = format!(
            "signed by {} (ID {}), bound to the payer's account",
            payment.holder.name, payment.holder.user_id
        );
        let good = Paint::stdout().good("GOOD");
        self.steps.done(
            &format!("The bank verifies it: {good}"),
            &[&holder, "chain, CRL, purpose, signature, order, time, replay"],
        );
        self.pace.wait("goes on to three attacks");
        Ok(document)
    }

    /// VERIFY and SIGN PAYMENT: the PIN's proof is spent by each signature.
    fn sign(&mut self, order: &[u8]) -> Result<Vec<u8>, card::Error> {
        let mut shield = Shield::select(&mut self.card)?;
        shield.verify(PIN.as_bytes())?;
        shield.sign_payment(order)
    }

    fn refusals(&mut self, bank: &Bank, order: &EncodedOrder, document: &[u8]) -> Result<(), Failure> {
        let refused = Paint::stdout().bad("REFUSED");
        let changed = bank::raise_amount(order, document)?;
        let reason = bank.refuses(&changed)?;
        self.steps.done(&format!("The amount is changed after signing: {refused}"), &[&reason]);
        self.pace.wait("goes on");
        let reason = bank.refuses(document)?;
        self.steps.done(&format!("The same payment is sent again: {refused}"), &[&reason]);
        self.pace.wait("goes on");

        let theirs = Bank::order_of_a_thief()?;
        let terms = theirs.order();
        let whose =
            format!("¥{} to {}, account {}", terms.decimal_amount(), terms.payee_name, terms.payee_account);
        let hint = "the host's own screen still says ¥100.00 to 上海水务; the token's shows what it is given, and the holder presses \
                    Cancel";
        self.steps.done(&format!("Malware on the host sends another order: {whose}"), &[hint]);
        self.thumb.will_press(Button::Cancel);
        match self.sign(&theirs) {
            Err(error) if error.status() == Some(wire::shield::status::CANCELLED) => {
                self.steps.detail(&format!("{refused} {error}"));
                Ok(())
            }
            Err(error) => Err(explain("the token refused, but not because of Cancel", &error)),
            Ok(_) => Err(Failure::new("the token signed in spite of Cancel")),
        }
    }
}
