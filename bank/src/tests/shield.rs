//! Payment by shield: signed by a shield in software, whose keys are attested as a token attests them.

use std::{convert::Infallible, path::Path, sync::Arc};

use authority::{
    attestation::{Attestation, maker, maker::Maker},
    certificate_kind::Kind,
    csr,
    signature::PublicKey,
    subject::Subject,
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use payment::{Verifier, seal};
use tokio::task::JoinSet;
use wire::algorithm::KeyAlgorithm;

use super::world::{PAYEE, Person, World, refused};
use crate::{
    books::order::OrderKind,
    books::{account::VAULT, posting, posting::Posting, signed},
    clock::Clock,
    desk,
    error::{Refusal, Result},
    issuers::FIRST,
    money::Fen,
    pay::{self, Wish, standing::Method},
    personal_id::{self, Code, Granted, Words},
    random, revocation,
    shields::{Page, Shields, Wanted},
    text::Language,
};

const NEW: &str = "2006-09-01";

/// A CA for one test, which trusts the makers' factory.
pub(super) fn shields(folder: &Path) -> Shields {
    Shields::found(folder, KeyAlgorithm::P256, None).expect("a CA");
    opened(folder)
}

pub(super) fn opened(folder: &Path) -> Shields {
    let numbers = crate::issuers::there(folder);
    let shields = Shields::open(folder, &numbers, &[], &folder.join("none")).expect("the CA");
    shields.trusting(Maker::new(Kind::Payment).factory())
}

/// A shield in software.
pub(super) struct Soft {
    pub(super) serial: &'static str,
    key: SigningKey,
    certificates: Vec<Vec<u8>>,
}

pub(super) fn fresh_key() -> SigningKey {
    SigningKey::from_slice(&random::bytes::<32>().expect("random numbers")).expect("a key")
}

/// A request of this key.
pub(super) fn request(key: &SigningKey, subject: &Subject) -> Vec<u8> {
    let public = PublicKey::parse(&maker::spki(key)).expect("a key of P-256");
    let info = csr::info(subject, &public).expect("an info");
    let signature: Signature = key.sign(&info);
    csr::signed(&info, KeyAlgorithm::P256, signature.to_der().as_bytes()).expect("a request")
}

impl Soft {
    pub(super) fn new() -> Self {
        let serial = format!("{:08X}", u32::from_be_bytes(random::bytes().expect("random numbers")));
        Self { serial: String::leak(serial), key: fresh_key(), certificates: Vec::new() }
    }

    /// The shield with this payment key, and its certificate.
    pub(super) fn paying_with(self, key: SigningKey, certificate: Vec<u8>) -> Self {
        Self { key, certificates: vec![certificate], ..self }
    }

    pub(super) fn attest(&self, kind: Kind, key: &SigningKey) -> Attestation {
        Maker { serial: self.serial, ..Maker::new(kind) }.attest(&maker::spki(key))
    }

    /// One certificate for a new key.
    pub(super) async fn certify(&mut self, world: &World, granted: &Granted, kind: Kind) -> Result<Vec<u8>> {
        let key = fresh_key();
        let subject = granted.subject(world.bank.shields()?);
        let attestation = self.attest(kind, &key);
        let request = request(&key, &subject);
        let der = personal_id::certify(&world.bank, granted, kind, request, &attestation).await?;
        if kind == Kind::Payment {
            self.key = key;
        }
        Ok(der)
    }

    /// The self-download: both certificates, and the word that they arrived.
    pub(super) async fn download(&mut self, world: &World, code: &Code) -> Result<[String; 2]> {
        let granted = Granted::check(&world.bank, &words(code)).await?;
        let certificates = [
            self.certify(world, &granted, Kind::Payment).await?,
            self.certify(world, &granted, Kind::Authentication).await?,
        ];
        let serials = [serial(&certificates[0]), serial(&certificates[1])];
        personal_id::deliver(&world.bank, &granted, &serials).await?;
        self.certificates = vec![certificates[0].clone()];
        Ok(serials)
    }

    /// The certificate of payments.
    pub(super) fn payment_certificate(&self) -> &[u8] {
        &self.certificates[0]
    }

    /// Signs an order (DER) as the token does after OK.
    pub(super) fn sign(&self, order: &[u8]) -> Vec<u8> {
        self.sign_with(order, |signature| signature)
    }

    fn sign_with(&self, order: &[u8], finish: impl Fn(Signature) -> Signature) -> Vec<u8> {
        let json = pay::shield::json(order).expect("an order");
        let order = payment::order::from_json(&json).expect("an order");
        let sign = |bytes: &[u8]| -> std::result::Result<Vec<u8>, Infallible> {
            Ok(finish(self.key.sign(bytes)).to_der().as_bytes().to_vec())
        };
        seal(&order, &self.certificates, sign).expect("a document")
    }
}

pub(super) fn serial(certificate: &[u8]) -> String {
    authority::certificate::Certificate::parse(certificate).expect("a certificate").serial
}

pub(super) fn words(code: &Code) -> Words {
    Words { reference: code.reference.clone(), code: code.code.as_str().into() }
}

impl World {
    /// The first shield: one teller asks, and another one approves.
    pub(super) async fn hand_out(&self, person: &Person, soft: &Soft) -> Result<Code> {
        let at = self.at_counter(&person.account, &person.document).await;
        let serial = desk::check_first(&self.bank, &at, soft.serial).await?;
        self.approved_code(person, desk::Action::IssueShield(serial, person.account.clone())).await
    }

    /// What a second teller's approval brings forth.
    pub(super) async fn approved(
        &self,
        person: &Person,
        action: desk::Action,
    ) -> Result<Option<desk::Brought>> {
        let at = self.at_counter(&person.account, &person.document).await;
        let asked = desk::ask(&self.bank, &self.teller, &at, action).await?;
        assert_eq!(
            refused(desk::answer(&self.bank, &self.teller, &asked, true).await),
            Refusal::SecondTeller
        );
        desk::answer(&self.bank, &self.other_teller, &asked, true).await
    }

    /// What a verifier says of a document for this order, who has the bank's CA and its newest list, and nothing else of the bank. The number of
    /// that list stands before it.
    pub(super) async fn judged_elsewhere(
        &self,
        document: &[u8],
        order: &[u8],
    ) -> (i64, std::result::Result<(), payment::Reason>) {
        let issuers = self.bank.shields().expect("a CA").issuers(FIRST).expect("the first ones");
        let ca = issuers.certificate(Kind::Payment).pem();
        let list = revocation::current(&self.bank, Kind::Payment, FIRST).await.expect("a list");
        let verifier = Verifier::new(ca.as_bytes(), &[&list.der]).expect("trust");
        let against = payment::Against {
            at: std::time::SystemTime::now(),
            payers: &|holder: &payment::Holder, account: &str| holder.user_id == account,
            issued: Some(order),
        };
        (list.number, verifier.examine(document, &against).map(drop))
    }

    pub(super) async fn approved_code(&self, person: &Person, action: desk::Action) -> Result<Code> {
        match self.approved(person, action).await? {
            Some(desk::Brought::Code(code)) => Ok(code),
            other => panic!("no code: {other:?}"),
        }
    }

    /// A customer with a shield that pays, and a hundred thousand yuan more.
    pub(super) async fn shielded(&self, name: &str) -> (Person, Soft) {
        let (person, mut soft) = (self.person(name, NEW).await, Soft::new());
        let code = self.hand_out(&person, &soft).await.expect("a shield");
        soft.download(self, &code).await.expect("an ID");
        let amount = Fen::yuan(100_000);
        let deposit = Posting {
            order: None,
            reverses: None,
            debit: VAULT,
            credit: &person.account,
            amount,
            memo: "",
            actor: "bank",
        };
        let mut work = self.bank.database.begin().await.expect("a transaction");
        posting::add(&mut work, &deposit, self.bank.clock.now()).await.expect("posted").expect("enough");
        work.commit().await.expect("committed");
        (person, soft)
    }

    /// What the live challenge of an order asks to have signed, after the payer chose the shield.
    pub(super) async fn challenge(&self, person: &Person, order: &str) -> Result<Vec<u8>> {
        self.ask(person, order, Method::Shield).await?;
        let session = &person.customer.session().id;
        let mut db = self.bank.database.connection().await?;
        Ok(signed::live(&mut db, order, session, self.bank.clock.now()).await?.expect("a live challenge"))
    }

    pub(super) async fn submit(&self, document: &[u8]) -> Result<String> {
        pay::shield::submit(&self.bank, document, None).await
    }
}

#[tokio::test]
async fn a_shield_pays_once_its_id_is_delivered_and_large_sums_too() {
    let world = World::new().await;
    let (person, mut soft) = (world.person("张三", NEW).await, Soft::new());
    let order = world.order(&person, "7").await.expect("an order");
    assert_eq!(refused(world.challenge(&person, &order.id).await), Refusal::NoShield);
    let code = world.hand_out(&person, &soft).await.expect("a shield");
    assert_eq!(refused(world.challenge(&person, &order.id).await), Refusal::ShieldNotDelivered);
    soft.download(&world, &code).await.expect("an ID");
    let der = world.challenge(&person, &order.id).await.expect("a challenge");
    let document = soft.sign(&der);
    assert_eq!(world.submit(&document).await.expect("paid"), order.id);
    assert_eq!(world.submit(&document).await.expect("paid before, by this document"), order.id);
    assert_eq!((world.balance(PAYEE).await, world.state(&order.id).await), (700, "posted".to_owned()));

    let (rich, shield) = world.shielded("李四").await;
    let wish = Wish {
        kind: OrderKind::Transfer,
        payee: person.account.clone(),
        payee_name: "张三".into(),
        payee_bank: String::new(),
        amount: "88888.88".into(),
        memo: "房款".into(),
        form_key: random::id().expect("random numbers"),
    };
    let payer = world.payer(&rich).await.expect("the account");
    let large = pay::order(&world.bank, &payer, &wish).await.expect("an order");
    assert_eq!(refused(world.ask(&rich, &large.id, Method::Card).await), Refusal::NoCard);
    let der = world.challenge(&rich, &large.id).await.expect("a challenge");
    // A shield's challenge is answered by a document, and no password is looked at.
    let (challenge, _) = world.ask(&rich, &large.id, Method::Shield).await.expect("another challenge");
    let typed = world.answer(&rich, &large.id, &challenge, super::world::PAYMENT, "").await;
    assert_eq!(refused(typed), Refusal::SignOnShield);
    assert_eq!(refused(world.submit(&shield.sign(&der)).await), Refusal::DocumentReplaced);
    let der = world.challenge(&rich, &large.id).await.expect("a challenge");
    world.submit(&shield.sign(&der)).await.expect("paid");
    assert_eq!(world.balance(&person.account).await, 1_000_000 - 700 + 8_888_888);
    assert!(world.is_proven().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_at_once_are_one_posting() {
    let world = Arc::new(World::new().await);
    let (person, soft) = world.shielded("张三").await;
    let order = world.order(&person, "7").await.expect("an order");
    let document = Arc::new(soft.sign(&world.challenge(&person, &order.id).await.expect("a challenge")));
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (world, document) = (world.clone(), document.clone());
        tasks.spawn(async move { world.submit(&document).await });
    }
    let done = tasks.join_all().await;
    assert!(done.iter().all(|paid| paid.as_ref().is_ok_and(|paid| *paid == order.id)), "{done:?}");
    assert_eq!(world.balance(PAYEE).await, 700);
    assert!(world.is_proven().await);
}

/// A shield that is asked twice signs the same order twice: two documents, each of which could pay.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_payable_documents_of_one_order_at_once_are_one_posting() {
    let world = Arc::new(World::new().await);
    let (person, soft) = world.shielded("张三").await;
    for round in 1..=5 {
        let order = world.order(&person, "7").await.expect("an order");
        let der = world.challenge(&person, &order.id).await.expect("a challenge");
        // A token's nonces are hedged. Here the second signature is (r, n - s), which verifies where (r, s) does (SEC 1, 4.1.4).
        let mirrored = |signature: Signature| {
            let (r, s) = (signature.r(), signature.s());
            Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).expect("a signature")
        };
        let (one, other) = (soft.sign(&der), soft.sign_with(&der, mirrored));
        assert_ne!(one, other);
        let mut tasks = JoinSet::new();
        for document in [one, other] {
            let world = world.clone();
            tasks.spawn(async move { world.submit(&document).await });
        }
        let done = tasks.join_all().await;
        assert!(done.iter().all(|paid| paid.as_ref().is_ok_and(|paid| *paid == order.id)), "{done:?}");
        assert_eq!(world.balance(PAYEE).await, 700 * round);
    }
    assert!(world.is_proven().await);
}

/// A loss and a payment at once: the payment was before the loss, or nothing was paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_loss_comes_before_the_payment_or_after_it() {
    let world = Arc::new(World::new().await);
    for round in 0..6 {
        let (person, soft) = world.shielded(&format!("客户{round}")).await;
        let order = world.order(&person, "7").await.expect("an order");
        let document = soft.sign(&world.challenge(&person, &order.id).await.expect("a challenge"));
        let before = world.balance(PAYEE).await;
        let paying = {
            let (world, document) = (world.clone(), document.clone());
            tokio::spawn(async move { world.submit(&document).await })
        };
        let at = world.at_counter(&person.account, &person.document).await;
        desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
        let paid = paying.await.expect("no panic");
        let moved = world.balance(PAYEE).await - before;
        match paid {
            Ok(_) => assert_eq!(moved, 700),
            Err(_) => assert_eq!(moved, 0),
        }
        let again = world.submit(&document).await;
        assert_eq!(
            again.is_ok(),
            moved == 700,
            "what was paid stays paid, and nothing else pays after the loss"
        );
        assert_eq!(world.balance(PAYEE).await - before, moved);
    }
    assert!(world.is_proven().await);
}

/// The table of documents that pay nothing: what each is, and what the customer is told.
#[tokio::test]
async fn what_pays_nothing_says_why() {
    let world = World::new().await;
    let (person, mut soft) = world.shielded("张三").await;
    let (stranger, other) = world.shielded("李四").await;
    let order = world.order(&person, "7").await.expect("an order");
    let first = world.challenge(&person, &order.id).await.expect("a challenge");
    let live = world.challenge(&person, &order.id).await.expect("another challenge, another nonce");
    assert_ne!(first, live);
    let good = soft.sign(&live);
    let mut flipped = good.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let foreign = of_another_bank(&person.account).await;
    for (what, document, refusal) in [
        ("the order's former bytes", soft.sign(&first), Refusal::DocumentReplaced),
        ("another customer's signature", other.sign(&live), Refusal::PayerMismatch),
        ("a byte more", [&good[..], &[0]].concat(), Refusal::DocumentMalformed),
        ("nothing", Vec::new(), Refusal::DocumentMalformed),
        ("a changed signature", flipped, Refusal::SignatureInvalid),
        ("no certificate of the bank", foreign.sign(&live), Refusal::DocumentForeign),
    ] {
        assert_eq!(refused(world.submit(&document).await), refusal, "{what}");
        assert_eq!(world.state(&order.id).await, "challenged", "{what}");
    }
    // Sent on the page of another order.
    let page = random::id().expect("random numbers");
    let elsewhere = pay::shield::submit(&world.bank, &good, Some(&page)).await;
    assert_eq!(refused(elsewhere), Refusal::OrderMismatch);
    // Revoked between challenge and posting.
    let at = world.at_counter(&person.account, &person.document).await;
    desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
    assert_eq!(refused(world.submit(&good).await), Refusal::NoShield);
    let asked =
        desk::ask(&world.bank, &world.teller, &at, desk::Action::ReplaceShield(Soft::new().serial.into()));
    let asked = asked.await.expect("asked");
    let Some(desk::Brought::Code(code)) =
        desk::answer(&world.bank, &world.other_teller, &asked, true).await.expect("approved")
    else {
        panic!("no code")
    };
    let former = Soft { key: soft.key.clone(), certificates: soft.certificates.clone(), serial: soft.serial };
    soft.serial = String::leak(code.serial.clone());
    soft.download(&world, &code).await.expect("an ID");
    assert_eq!(refused(world.submit(&good).await), Refusal::CertificateRevoked);
    assert_eq!(world.balance(PAYEE).await, 0);
    // The new shield pays the same order; then nothing else does.
    let live = world.challenge(&person, &order.id).await.expect("a challenge");
    world.submit(&soft.sign(&live)).await.expect("paid");
    assert_eq!(refused(world.submit(&good).await), Refusal::OrderReplayed);
    assert_eq!(refused(world.submit(&former.sign(&live)).await), Refusal::OrderReplayed);
    // An order that costs more than there is ends, and the document pays nothing later.
    let dear = world.order(&stranger, "999999").await.expect("an order");
    let document = other.sign(&world.challenge(&stranger, &dear.id).await.expect("a challenge"));
    assert_eq!(refused(world.submit(&document).await), Refusal::NoMoney);
    assert_eq!(world.state(&dear.id).await, "refused");
    assert_eq!(refused(world.submit(&document).await), Refusal::OrderEnded);
    assert_eq!(world.balance(PAYEE).await, 700);
    assert!(world.is_proven().await);
}

/// A shield of the same person at a bank of the same name, whose CA has another key.
async fn of_another_bank(user_id: &str) -> Soft {
    let folder = tempfile::tempdir().expect("a folder");
    let (shields, key) = (shields(&folder.path().join("ca")), fresh_key());
    let subject = shields.subject("张三", user_id);
    let (kind, request) = (Kind::Payment, request(&key, &subject));
    let wanted = Wanted { kind, request, subject, serial: "00C0FFEE".into(), days: 1 };
    let page = Page::of(Vec::new(), "http://bank.example", 0, FIRST);
    let issued = shields.issue(FIRST, wanted, page, Clock::default().date()).await;
    Soft { key, certificates: vec![issued.expect("a certificate").0], ..Soft::new() }
}

/// What the bank publishes is enough for a verifier that knows nothing else of the bank.
#[tokio::test]
async fn a_verifier_elsewhere_refuses_by_the_banks_list() {
    let world = World::new().await;
    let (person, soft) = world.shielded("张三").await;
    let order = world.order(&person, "7").await.expect("an order");
    let der = world.challenge(&person, &order.id).await.expect("a challenge");
    let document = soft.sign(&der);
    let judge = async || world.judged_elsewhere(&document, &der).await;
    let (number, verdict) = judge().await;
    assert_eq!(verdict, Ok(()));
    assert_eq!(judge().await.0, number, "nothing has changed, so the list is the same");
    let at = world.at_counter(&person.account, &person.document).await;
    desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
    let (next, verdict) = judge().await;
    assert_eq!((next, verdict), (number + 1, Err(payment::Reason::CertificateRevoked)));
}

/// Every reason of `payment` has a refusal of its own kind, and reaches the customer as sentences in both languages: why, and what to do.
#[test]
fn every_reason_is_told() {
    for reason in payment::Reason::ALL {
        let told = pay::shield::refusal(reason);
        assert!(Refusal::ALL.contains(&told) && told.status() >= 400, "{}", reason.code());
        assert_eq!(
            told == Refusal::Busy,
            reason.could_not_tell() || reason.code().ends_with("not_yet_valid")
        );
        for language in Language::ALL {
            for key in [format!("refusal-{}", told.code()), format!("refusal-{}-next", told.code())] {
                let sentence = language.text(&key, &[]);
                let ends = if language == Language::English { '.' } else { '。' };
                assert!(sentence != key && sentence.ends_with(ends), "{} {}", language.tag(), reason.code());
            }
        }
    }
}

/// The set-up page names the brand of the bank's shields, where it is one brand that the assistant takes whole.
#[test]
fn one_brand_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("ca");
    let of = |brand| Maker { brand, ..Maker::new(Kind::Payment) }.factory();
    let one = shields(&place);
    assert_eq!(one.brand(), Some("U-shield"));
    let twice = one.trusting(of("U-shield"));
    assert_eq!(twice.brand(), Some("U-shield"));
    assert_eq!(twice.trusting(of("Indigo test shield")).brand(), None, "two brands");
    let open = || Shields::open(&place, &[FIRST], &[], &place.join("none")).expect("the CA");
    assert_eq!(open().brand(), None, "no factory");
    let long = "银行U盾".repeat(9);
    assert_eq!(open().trusting(of(long.leak())).brand(), None, "a brand that is too long");
}
