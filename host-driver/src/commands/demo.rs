//! `ushield demo`: the whole story, over real USB/IP on the loopback interface.

mod bank;
mod thumb;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use card::{Card, road, shield::Shield};
use cert_tool::{
    attestation::{Factory, TEST_BRAND},
    certificate::pem,
    enrol::{Enrolled, Enrolment, Step, Wish, enrol},
    file::{self, Access},
    moment::Validity,
    secret::Secret,
};
use clap::Args;
use firmware::profile::Profile;
use host_driver::{Exporter, Listen, panel::Habit};
use payment::{PaymentOrder, order, seal};
use wire::shield::Information;

use crate::{
    control::{bench::Seat, view::Button},
    failure::{Context, Exit, Failure, Outcome},
    forge::{Forge, Home},
    place,
    runtime::Waiter,
    terminal::{Paint, Steps, say},
    token::explain,
};
use bank::Bank;
use thumb::Thumb;

/// What the demo leaves behind.
const FILES: [&str; 6] = ["ca.pem", "crl.pem", "cert.pem", "order.json", "order.der", "payment.cms"];
const FACTORY_PIN: &str = "12345678";
const PIN: &str = "864209";
const NAME: &str = "张三";
const USER_ID: &str = "6222020200112233";

/// Run the whole story: a token, a personal ID, a payment with OK, and three refusals
///
/// Everything really happens, over USB/IP on the loopback interface; nothing is kept but the files that it leaves.
#[derive(Args)]
#[command(after_help = "Examples:\n  ushield demo\n  ushield demo --out demo")]
pub(crate) struct Demo {
    /// Where to leave ca.pem crl.pem cert.pem order.json order.der payment.cms [default: a fresh temporary folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite such files if they are there
    #[arg(long)]
    force: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        let folder = self.folder()?;
        let runtime = Waiter::start()?;
        let inside = runtime.enter();
        let mut story = Story::begin(&runtime)?;
        story.change_pin()?;
        let mut bank = story.open_bank()?;
        let enrolled = story.enrol(&mut bank)?;
        let order = bank.order("20260001", 10_000)?;
        let document = story.pay(&bank, &order, &enrolled)?;
        story.refusals(&bank, &order, &document)?;
        drop(inside);
        drop(runtime);
        let json = order::to_json(&order).what("the order could not be written")?;
        let der = order.bytes().what("the order could not be written")?;
        let certificate = pem("CERTIFICATE", &enrolled.payment.der);
        let contents = [&bank.ca[..], &bank.crl, certificate.as_bytes(), json.as_bytes(), &der, &document];
        for (name, content) in FILES.into_iter().zip(contents) {
            file::write(&folder.join(name), content, Access::Everyone, self.force)?;
        }
        tell(&folder);
        Ok(Exit::Done)
    }

    /// The folder, made and found free of such files before anything happens.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let Some(folder) = &self.out else { return place::fresh_folder("ushield-demo") };
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

fn tell(folder: &Path) {
    let paint = Paint::stdout();
    let name = folder.display();
    say(&format!("\n{} {name}: {}", paint.bold("Files in"), FILES.join(" ")));
    say(&paint.bold("Check them with a program that is not ours:"));
    say(&format!(
        "  openssl cms -verify -inform DER -in {name}/payment.cms -CAfile {name}/ca.pem -purpose any"
    ));
    say(&format!("  openssl verify -CAfile {name}/ca.pem {name}/cert.pem"));
}

/// The token on its bus, the host's road to it, and the thumb on its buttons.
struct Story {
    steps: Steps,
    card: Card,
    thumb: Thumb,
    _exporter: Exporter,
}

impl Story {
    fn begin(runtime: &Waiter) -> Result<Self, Failure> {
        let listen = Listen { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen)).what("USB/IP is not served")?;
        let mut forge = Forge::open(Home::Memory, Profile::standard(), None, None)?;
        let mut seats = forge.seats(&exporter, Habit::Wait)?;
        let Seat { token, panel, .. } = seats.pop().ok_or_else(|| Failure::new("there is no token"))?;
        let address = exporter.local_addr();
        let card = road::open(&road::Selection::usbip(address.to_string()))
            .map_err(|error| explain("the token was not reached", &error))?;
        let mut steps = Steps::new();
        let place = format!(
            "USB/IP at {address}, bus id {}: USB {}, serial {}",
            token.bus_id, token.usb, token.serial
        );
        steps.done("A token is plugged in, and a host attaches it", &[&place]);
        Ok(Self { steps, card, thumb: Thumb::on(runtime, panel), _exporter: exporter })
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
        Ok(())
    }

    fn open_bank(&mut self) -> Result<Bank, Failure> {
        let bank = Bank::open()?;
        self.steps.done("A bank opens: its CA has a key, a certificate and a CRL", &[]);
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
        let factory = Factory::test(TEST_BRAND)?;
        let enrolment =
            Enrolment { wish, brand: None, validity: Validity::Days(365), factory: Some(&factory) };
        let mut shield =
            Shield::select(&mut self.card).map_err(|error| explain("the token was not reached", &error))?;
        let mut pin = |_: &Information| Ok(Secret::from(PIN));
        Ok(enrol(&mut shield, &mut bank.authority, &enrolment, &mut pin, &mut progress)?)
    }

    fn pay(&mut self, bank: &Bank, order: &PaymentOrder, enrolled: &Enrolled) -> Result<Vec<u8>, Failure> {
        let what = format!(
            "The bank issues order {}: ¥{} to {}",
            order.number,
            order.decimal_amount(),
            order.payee_name
        );
        self.steps.done(&what, &["the token shows what it is about to sign, and waits for OK"]);
        self.thumb.will_press(Button::Ok);
        let bytes = order.bytes().what("the order could not be encoded")?;
        let document = seal(&bytes, &[&enrolled.payment.der], |bytes| self.sign(bytes))
            .what("the payment was not sealed")?;
        self.steps
            .done(&format!("The token signs; the payment is sealed as CMS, {} bytes", document.len()), &[]);
        let payment = bank.verify(&document, None).map_err(|reason| {
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
        Ok(document)
    }

    /// VERIFY and SIGN PAYMENT: the PIN's proof is spent by each signature.
    fn sign(&mut self, order: &[u8]) -> Result<Vec<u8>, card::Error> {
        let mut shield = Shield::select(&mut self.card)?;
        shield.verify(PIN.as_bytes())?;
        shield.sign_payment(order)
    }

    fn refusals(&mut self, bank: &Bank, order: &PaymentOrder, document: &[u8]) -> Result<(), Failure> {
        let refused = Paint::stdout().bad("REFUSED");
        let changed = bank::raise_amount(order, document)?;
        let reason = bank.refuses(&changed)?;
        self.steps.done(&format!("The amount is changed after signing: {refused}"), &[&reason]);
        let reason = bank.refuses(document)?;
        self.steps.done(&format!("The same payment is sent again: {refused}"), &[&reason]);

        let another = bank.order("20260002", 500_000)?.bytes().what("the order could not be encoded")?;
        self.steps
            .done("Malware orders another payment; the screen shows it, and the holder presses Cancel", &[]);
        self.thumb.will_press(Button::Cancel);
        match self.sign(&another) {
            Err(error) if error.status() == Some(wire::shield::status::CANCELLED) => {
                self.steps.detail(&format!("{refused} {error}"));
                Ok(())
            }
            Err(error) => Err(explain("the token refused, but not because of Cancel", &error)),
            Ok(_) => Err(Failure::new("the token signed in spite of Cancel")),
        }
    }
}
