//! The language of the stories: what a holder, a host and a bank do, and what they see.

use authority::{attestation::Factory, moment::Validity};
use card::{Card, Error, Transmit, shield::Shield};
use cert_tool::enrol::{self, Enrolled, Enrolment, Silent, Wish};
use firmware::{
    fixture::{Cut, Holder, Mood, SharedFlash as Flash},
    profile::Profile,
    seams::Button,
};
use payment::{EncodedOrder, Reason};
use terminal::secret::Secret;
use wire::{
    algorithm::KeyAlgorithm,
    apdu::{Command, StatusWord},
    piv::{PublicKey, Slot},
    pkix,
    shield::{Container, Information, status},
};

use crate::{
    bank::{Bank, NAME, USER_ID},
    bench::{self, PIN},
    reader::Reader,
    road::{Plugged, Road},
    scene::Scene,
};

/// The containers of a personal ID.
const ID: [Container; 2] = [Container::Payment, Container::Piv(Slot::Authentication)];

/// Why a token said no, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// Wrong PIN or PUK.
    PinWrong {
        /// Tries left.
        left: u8,
    },
    /// No tries are left.
    PinBlocked,
    /// The PIN was not verified.
    NotVerified,
    /// Cancel.
    Cancelled,
    /// Nobody pressed.
    TimedOut,
    /// The factory PIN was not changed yet.
    FactoryPin,
    /// The text cannot be shown.
    CannotShow,
    /// The key does not do this.
    WrongUse,
    /// The new PIN is too easy.
    WeakPin,
    /// Another status word.
    Status(StatusWord),
    /// The line broke before an answer came.
    Gone,
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        let Some(word) = error.status() else { return Self::Gone };
        match (word, word.tries()) {
            (_, Some(left)) => Self::PinWrong { left },
            (StatusWord::BLOCKED, _) => Self::PinBlocked,
            (StatusWord::SECURITY_NOT_SATISFIED, _) => Self::NotVerified,
            (StatusWord::CONDITIONS_NOT_SATISFIED, _) => Self::WrongUse,
            (status::CANCELLED, _) => Self::Cancelled,
            (status::TIMED_OUT, _) => Self::TimedOut,
            (status::FACTORY_PIN, _) => Self::FactoryPin,
            (status::CANNOT_SHOW, _) => Self::CannotShow,
            (status::WEAK_PIN, _) => Self::WeakPin,
            (word, _) => Self::Status(word),
        }
    }
}

/// The result of a command, for the test to look at.
#[must_use]
#[derive(Debug)]
pub struct Outcome<T>(Result<T, No>);

impl<T: std::fmt::Debug> Outcome<T> {
    /// The command was done.
    #[track_caller]
    pub fn succeeds(self) -> T {
        self.0.unwrap_or_else(|no| panic!("the token refused: {no:?}"))
    }

    /// The command was refused, for this reason.
    #[track_caller]
    pub fn refuses(self, expected: No) {
        assert_eq!(self.0.err(), Some(expected));
    }
}

/// A token, the one who holds it, a host and a bank.
pub struct Story {
    road: Road,
    profile: Profile,
    flash: Flash,
    /// The person before the token.
    pub holder: Holder,
    /// The bank.
    pub bank: Bank,
    plugged: Option<Plugged>,
    card: Option<Card>,
    pin: Vec<u8>,
}

impl Story {
    /// A token with [`PIN`], plugged in.
    pub fn new(scene: impl Into<Scene>) -> Self {
        let scene = scene.into();
        Self::with(scene, scene.make.profile(), Some(PIN))
    }

    /// A token of another profile. When `pin` is `None`, the token keeps the factory PIN.
    pub fn with(scene: impl Into<Scene>, profile: Profile, pin: Option<&[u8]>) -> Self {
        let road = scene.into().road;
        let (flash, holder) = (Flash::default(), Holder::default());
        drop(bench::manufacture(profile.clone(), pin, &flash, &holder));
        let pin = pin.unwrap_or(b"12345678").to_vec();
        let bank = Bank::of(profile.brand.algorithm);
        let mut story = Self { road, profile, flash, holder, bank, plugged: None, card: None, pin };
        story.plug();
        story
    }

    /// A token whose holder has a personal ID.
    pub fn enrolled(scene: impl Into<Scene>) -> Self {
        let mut story = Self::new(scene);
        story.enrol().succeeds();
        story
    }

    /// Puts a copy of this chip into the token, and plugs it in: the token is again as it was when the chip was copied.
    pub fn be_again(&mut self, chip: &Flash) {
        self.unplug();
        self.flash = chip.copy();
        self.plug();
    }

    /// Plugs the token in and powers it on.
    pub fn plug(&mut self) {
        self.card = None;
        let plugged = Plugged::new(self.road, self.profile.clone(), &self.flash, &self.holder);
        self.card = Some(plugged.card().expect("a token that powers on"));
        self.plugged = Some(plugged);
    }

    /// Pulls the token out. The token loses its power, whatever it was doing.
    pub fn unplug(&mut self) {
        if let Some(plugged) = self.plugged.take() {
            plugged.unplug();
        }
        self.card = None;
    }

    /// Pulls the token out and plugs it in again.
    pub fn replug(&mut self) {
        self.unplug();
        self.plug();
    }

    /// Pulls the token out and plugs the very same one in: the program goes on, and the power was gone in between.
    pub fn replug_the_same(&mut self) {
        self.card = None;
        let plugged = self.plugged.as_ref().expect("plugged in");
        plugged.unplug();
        plugged.plug_again();
        self.card = Some(plugged.card().expect("a token that powers on"));
    }

    /// Puts a host that does not wait for answers in the place of the one that waits.
    pub fn reader(&mut self) -> Reader {
        self.card = None;
        let plugged = self.plugged.as_ref().expect("plugged in");
        Reader::new(plugged.pipe().expect("a token that is free"))
    }

    /// The host loses the token at its `n`th command from now, from 0.
    pub fn lose_at(&mut self, n: usize, how: Cut) {
        let card = self.card.take().expect("plugged in");
        let atr = card.atr().to_vec();
        self.card = Some(Card::by(Box::new(Losing { card, left: n, how }), atr));
    }

    /// The end of the road where the token is, for a second host.
    pub const fn plugged(&self) -> Option<&Plugged> {
        self.plugged.as_ref()
    }

    /// The end of the road, for a hand that pulls while the host is busy.
    pub fn take_plugged(&mut self) -> Plugged {
        self.plugged.take().expect("plugged in")
    }

    /// A copy of the token's chip, for another road to it.
    pub fn copy_of_flash(&self) -> Flash {
        self.flash.copy()
    }

    /// The holder will type this PIN from now on.
    pub fn mistype(&mut self, pin: &str) {
        self.pin = pin.as_bytes().to_vec();
    }

    /// The token's flash.
    pub const fn flash(&self) -> &Flash {
        &self.flash
    }

    /// The card in the host's hands.
    pub fn card(&mut self) -> &mut Card {
        self.card.as_mut().expect("plugged in")
    }

    /// The certificates of the personal ID, DER. Each must be for the key in its container, and the payment key of the algorithm that
    /// the token tells.
    #[track_caller]
    pub fn id(&mut self) -> [Vec<u8>; 2] {
        let payment = self.information().algorithm;
        ID.map(|container| {
            let algorithm = if container == Container::Payment { payment } else { KeyAlgorithm::P256 };
            let certificate = self.shield(|shield| shield.certificate(container)).succeeds();
            let certificate = certificate.expect("a certificate");
            let key = self.shield(|shield| shield.public_key(container)).succeeds().expect("a key");
            let spki = pkix::certificate_public_key(&certificate).expect("a key's certificate");
            let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(algorithm, &key) else {
                panic!("not a point")
            };
            assert!(spki.ends_with(point), "the certificate of {container:?} is another key's");
            certificate
        })
    }

    /// Checks the personal ID after an enrolment that may have been interrupted. The ID is wholly the former one or wholly the new
    /// one, its keys fit, and the ID pays. Returns whether the ID is the new one.
    #[track_caller]
    pub fn is_new_id(&mut self, former: &[Vec<u8>; 2], enrolled: &Result<Enrolled, String>) -> bool {
        let now = self.id();
        match enrolled {
            Ok(new) => assert!(now == [new.payment.der.clone(), new.authentication.der.clone()]),
            // The two certificates change together: both differ from the former ones, or neither does.
            Err(_) => assert_eq!(now[0] == former[0], now[1] == former[1], "half of each: {enrolled:?}"),
        }
        assert!(self.can_pay(), "{enrolled:?}");
        now != *former
    }

    /// Does something with the shield applet selected.
    pub fn shield<T>(&mut self, act: impl FnOnce(&mut Shield<'_>) -> Result<T, Error>) -> Outcome<T> {
        let card = self.card.as_mut().expect("plugged in");
        Outcome(Shield::select(card).and_then(|mut shield| act(&mut shield)).map_err(No::from))
    }

    /// What the token says of itself.
    #[track_caller]
    pub fn information(&mut self) -> Information {
        self.shield(|shield| shield.information()).succeeds()
    }

    /// The holder types a PIN.
    pub fn verify(&mut self, pin: &str) -> Outcome<()> {
        self.shield(|shield| shield.verify(pin.as_bytes()))
    }

    /// The holder changes the PIN, and remembers the new one when the change succeeds.
    pub fn change_pin(&mut self, old: &str, new: &str) -> Outcome<()> {
        let outcome = self.shield(|shield| shield.change_pin(old.as_bytes(), new.as_bytes()));
        if outcome.0.is_ok() {
            self.pin = new.as_bytes().to_vec();
        }
        outcome
    }

    /// The counter sets a new PIN with the PUK.
    pub fn unblock(&mut self, puk: &str, new: &str) -> Outcome<()> {
        let outcome = self.shield(|shield| shield.unblock(puk.as_bytes(), new.as_bytes()));
        if outcome.0.is_ok() {
            self.pin = new.as_bytes().to_vec();
        }
        outcome
    }

    /// The self-download of a personal ID, or of a new one. The error is the whole text that the user sees.
    pub fn try_enrol(&mut self) -> Result<Enrolled, String> {
        let card = self.card.as_mut().expect("plugged in");
        let mut shield = Shield::select(card).map_err(|error| error.to_string())?;
        let wish = Wish::Enrol { name: NAME, user_id: USER_ID, replace: true };
        let factory = Factory::test(&self.profile.brand.name).map_err(|error| error.to_string())?;
        let enrolment =
            Enrolment { wish, brand: None, validity: Validity::Days(30), factory: Some(&factory) };
        let pin = self.pin.clone();
        let mut ask = |_: &Information| Ok(Secret::from(&pin[..]));
        enrol::enrol(&mut shield, &mut self.bank.authority, &enrolment, &mut ask, &mut Silent)
            .map_err(|error| error.to_string())
    }

    /// As [`Self::try_enrol`], for stories in which enrolment must succeed.
    pub fn enrol(&mut self) -> Outcome<Enrolled> {
        let enrolled = self.try_enrol().unwrap_or_else(|text| panic!("{text}"));
        self.holder.seen();
        Outcome(Ok(enrolled))
    }

    /// A payment in yuan, to be looked at, pressed and verified.
    pub fn pay(&mut self, payee: &str, amount: &str) -> Pay<'_> {
        let order = self.bank.order(payee, amount, "CNY", "6月水费").to_vec();
        self.pay_order(order)
    }

    /// A payment by an order, or by bytes that pretend to be an order.
    pub fn pay_order(&mut self, order: Vec<u8>) -> Pay<'_> {
        Pay { story: self, order, shown: Vec::new() }
    }

    /// Whether a whole payment works now, from the PIN to the bank's verdict.
    pub fn can_pay(&mut self) -> bool {
        let order = self.bank.order("上海水务", "1.00", "CNY", "").to_vec();
        let Ok(signature) = self.sign(&order) else { return false };
        let Ok(sealed) = self.seal(&order, signature) else { return false };
        self.bank.verify(&sealed, &order).is_ok()
    }

    fn sign(&mut self, order: &[u8]) -> Result<Vec<u8>, No> {
        let pin = self.pin.clone();
        self.shield(|shield| {
            shield.verify(&pin)?;
            shield.sign_payment(order)
        })
        .0
    }

    fn seal(&mut self, order: &[u8], signature: Vec<u8>) -> Result<Vec<u8>, String> {
        let order = EncodedOrder::parse(order.to_vec()).map_err(|error| error.to_string())?;
        let certificate = self.shield(|shield| shield.certificate(Container::Payment)).succeeds();
        let certificates = [certificate.ok_or("no payment certificate")?];
        payment::seal(&order, &certificates, |_| Ok::<_, No>(signature)).map_err(|error| format!("{error:?}"))
    }
}

/// A road that ends at a command.
struct Losing {
    card: Card,
    left: usize,
    how: Cut,
}

impl Transmit for Losing {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        let gone = || Error::Broken(std::io::ErrorKind::ConnectionReset.into());
        let last = self.left == 0;
        if last && self.how == Cut::Before {
            return Err(gone());
        }
        let answer = self.card.transmit(&Command::parse(command)?)?;
        if last {
            self.how = Cut::Before; // and it stays away
            return Err(gone());
        }
        self.left -= 1;
        response.extend(answer.data);
        response.extend(answer.status.0.to_be_bytes());
        Ok(())
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        self.card.reset()?;
        Ok(self.card.atr().to_vec())
    }

    fn extended(&self) -> bool {
        true
    }
}

/// A payment under way.
#[must_use]
pub struct Pay<'a> {
    story: &'a mut Story,
    order: Vec<u8>,
    shown: Vec<String>,
}

impl Pay<'_> {
    /// The screen must show these lines, one after another.
    pub fn shows(mut self, lines: &str) -> Self {
        self.shown.push(lines.into());
        self
    }

    /// The holder presses this on every page.
    #[track_caller]
    pub fn press(self, button: Button) -> Pressed<Self> {
        self.run(Mood::Press(button))
    }

    /// The holder looks, and presses nothing.
    #[track_caller]
    pub fn wait(self) -> Pressed<Self> {
        self.run(Mood::Look)
    }

    #[track_caller]
    fn run(self, mood: Mood) -> Pressed<Self> {
        self.story.holder.be(mood);
        self.story.holder.seen();
        let signature = self.story.sign(&self.order);
        self.story.holder.be(Mood::Press(Button::Ok));
        let screen = self.story.holder.seen();
        for lines in &self.shown {
            let whole = format!("\n{screen}\n").contains(&format!("\n{lines}\n"));
            assert!(whole, "the screen did not show\n{lines}\nbut\n{screen}");
        }
        assert!(!self.story.holder.is_asked(), "the screen is clear afterwards");
        Pressed { pay: self, signature }
    }
}

/// A payment after the button.
#[must_use]
pub struct Pressed<P> {
    pay: P,
    signature: Result<Vec<u8>, No>,
}

impl Pressed<Pay<'_>> {
    /// The bank accepts the payment. Returns the sealed document and the order.
    #[track_caller]
    pub fn verifies(self) -> (Vec<u8>, Vec<u8>) {
        let signature = self.signature.unwrap_or_else(|no| panic!("the token refused: {no:?}"));
        let Pay { story, order, .. } = self.pay;
        let sealed = story.seal(&order, signature).expect("a signature that fits");
        let payment = story.bank.verify(&sealed, &order).expect("the bank accepts it");
        assert_eq!(payment.order_der, order);
        assert_eq!(story.bank.verify(&sealed, &order), Err(Reason::OrderReplayed), "but only once");
        (sealed, order)
    }

    /// The token refused the payment.
    #[track_caller]
    pub fn refuses(self, expected: No) {
        assert_eq!(self.signature.err(), Some(expected));
    }
}
