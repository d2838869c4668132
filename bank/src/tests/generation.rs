//! The keys of the CA are changed while the bank works: what the former ones have issued is good until it ends, unless they were stolen.

use std::{collections::BTreeMap, sync::Arc};

use authority::{certificate::Certificate, certificate_kind::Kind, succession::Former};
use p256::ecdsa::SigningKey;
use payment::{Against, Holder, Reason, Verifier};
use tokio::task::JoinSet;
use wire::algorithm::KeyAlgorithm;

use super::{
    est::{Est, only},
    shield::{Soft, fresh_key, opened, request, serial, words},
    world::{PAYEE, Person, World, refused},
};
use crate::{
    books::{self, shield},
    clock::{DAY, Moment},
    desk::Action,
    error::{Error, Refusal},
    generation::{self, Kept},
    issuers,
    personal_id::{self, Granted},
    revocation,
};

const NEW: &str = "2006-09-01";

impl World {
    /// Another generation of the CA's keys, which issues from this moment on. This node is started anew.
    async fn next_generation(&mut self, from: Moment) -> i64 {
        let (folder, all) = (self.folder.path().join("ca"), generation::all(&self.bank).await.expect("read"));
        let number = all.last().expect("the first one").number + 1;
        let shields = self.bank.shields().expect("a CA");
        let trusted: BTreeMap<_, _> = all
            .iter()
            .filter(|own| own.is_trusted())
            .map(|own| (own.number, &shields.all()[&own.number]))
            .collect();
        let kind = (number, KeyAlgorithm::P256);
        let made = issuers::succeed(&folder, kind, &[], &trusted, self.bank.clock.date()).expect("keys");
        assert!(made.1, "they are new");
        assert!(generation::begin(&self.bank, number, made.0.certificates(), from).await.expect("written"));
        let again = generation::begin(&self.bank, number, made.0.certificates(), from).await;
        assert!(!again.expect("asked"), "of two at once one is told that it was too late");
        self.bank = self.node();
        number
    }

    async fn issuer_of(&self, soft: &Soft) -> i64 {
        let own = Certificate::parse(soft.payment_certificate()).expect("a certificate");
        let all = self.bank.shields().expect("a CA").all();
        *all.iter().find(|(_, issuers)| own.issued_by(issuers.certificate(Kind::Payment))).expect("ours").0
    }

    async fn pays(&self, person: &Person, soft: &Soft) -> crate::error::Result<String> {
        let order = self.order(person, "7").await?;
        self.submit(&soft.sign(&self.challenge(person, &order.id).await?)).await
    }

    /// Another ID on the same shield, by a code of the counter.
    async fn again(&self, person: &Person, soft: &mut Soft) {
        let code = self.approved_code(person, Action::ShieldCode).await.expect("a code");
        soft.download(self, &code).await.expect("another ID");
    }

    /// What a verifier elsewhere says, who has fetched the files of trusted issuers and of lists.
    async fn verdict(&self, document: &[u8]) -> Result<(), Reason> {
        let anchors = generation::anchors(&self.bank, Kind::Payment).await.expect("read");
        let anchors: String = anchors.into_iter().map(Certificate::pem).collect();
        let mut lists = Vec::new();
        for number in self.bank.shields().expect("a CA").all().keys() {
            lists.push(revocation::current(&self.bank, Kind::Payment, *number).await.expect("a list").der);
        }
        let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        let verifier = Verifier::new(anchors.as_bytes(), &lists).expect("trust");
        let payers = |holder: &Holder, account: &str| holder.user_id == account;
        let against = Against { at: self.bank.clock.time(), payers: &payers, issued: None };
        verifier.examine(document, &against).map(drop)
    }

    async fn signed(&self, person: &Person, soft: &Soft) -> Vec<u8> {
        let order = self.order(person, "7").await.expect("an order");
        soft.sign(&self.challenge(person, &order.id).await.expect("a challenge"))
    }
}

/// How many certificates of a generation stand.
async fn standing(world: &World, generation: i64) -> i64 {
    let mut db = world.bank.database.connection().await.expect("a connection");
    let sql = "SELECT COUNT(*) FROM certificate WHERE generation = $1 AND revoked_at IS NULL";
    let (count,): (i64,) = sqlx::query_as(sql).bind(generation).fetch_one(&mut *db).await.expect("counted");
    count
}

#[tokio::test]
async fn both_generations_pay_and_the_new_one_issues_when_its_time_has_come() {
    let mut world = World::new().await;
    let (person, mut soft) = world.shielded("张三").await;
    let tomorrow = world.bank.clock.now() + DAY;
    assert_eq!(world.next_generation(tomorrow).await, 2);
    let (other, own) = world.shielded("李四").await;
    assert_eq!(world.issuer_of(&own).await, 1, "the time of the second one has not come");
    let published = generation::anchors(&world.bank, Kind::Payment).await.expect("read").len();
    assert_eq!(published, 2, "others know it before its time");
    world.tamper("UPDATE ca_generation SET from_at = 1 WHERE number = 2".into()).await.expect("its time");

    let former = world.signed(&person, &soft).await;
    world.pays(&person, &soft).await.expect("paid with a certificate of the first generation");
    world.again(&person, &mut soft).await;
    assert_eq!(world.issuer_of(&soft).await, 2, "the new ID is of the new keys");
    world.pays(&person, &soft).await.expect("paid");
    assert_eq!(refused(world.submit(&former).await), Refusal::CertificateRevoked);
    world.pays(&other, &own).await.expect("what the first one has issued is good until it ends");

    // A verifier elsewhere: both generations, each by its own list.
    assert_eq!(world.verdict(&former).await, Err(Reason::CertificateRevoked));
    for (person, soft) in [(&person, &soft), (&other, &own)] {
        assert_eq!(world.verdict(&world.signed(person, soft).await).await, Ok(()));
    }
    assert_eq!(world.balance(PAYEE).await, 2100);
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn programs_are_told_of_both_issuers_and_what_the_former_says() {
    let mut world = World::new().await;
    let (_, soft) = world.shielded("张三").await;
    let own = Certificate::parse(soft.payment_certificate()).expect("a certificate");
    assert_eq!(generation::links(&world.bank, Kind::Payment).await.expect("read").len(), 0);
    world.next_generation(0).await;
    world.next_generation(0).await;
    let told = generation::former(&world.bank, 3).await.expect("told");
    let list = told["payment"].as_array().expect("a list");
    assert_eq!(list.len(), 2, "each former one speaks for itself");
    let now = world.bank.clock.date();
    let new = world.bank.shields().expect("a CA").issuers(3).expect("ours").certificate(Kind::Payment);
    let has_issued = |one: &serde_json::Value| {
        let [ca, link] = ["ca", "link"].map(|name| one[name].as_str().expect("PEM").as_bytes());
        Former::read(ca, link).expect("certificates").has_issued(&own, new, now)
    };
    assert_eq!(list.iter().filter(|one| has_issued(one)).count(), 1, "the one that has issued it");
    // Keys that were stolen say nothing any more.
    generation::distrust(&world.bank, 1).await.expect("changed").expect("trusted until now");
    let told = generation::former(&world.bank, 3).await.expect("told");
    assert!(!told["payment"].as_array().expect("a list").iter().any(has_issued));
    assert_eq!(generation::links(&world.bank, Kind::Payment).await.expect("read").len(), 1);
}

#[tokio::test]
async fn what_stolen_keys_have_issued_is_refused_at_once() {
    let mut world = World::new().await;
    let (person, mut soft) = world.shielded("张三").await;
    let (document, late) = (world.signed(&person, &soft).await, world.person("李四", NEW).await);
    // A code that was handed out before, and a certificate that is on its way.
    let mut other = Soft::new();
    let code = world.hand_out(&late, &other).await.expect("a shield");
    let granted = Granted::check(&world.bank, &words(&code)).await.expect("the code");
    let on_its_way = other.certify(&world, &granted, Kind::Payment).await.expect("issued");
    assert!(generation::distrust(&world.bank, 7).await.expect("asked").is_none(), "there is none");
    let done = generation::distrust(&world.bank, 1).await.expect("changed").expect("trusted until now");
    assert_eq!((done.certificates, done.shields), (3, 1));
    assert!(generation::distrust(&world.bank, 1).await.expect("asked").is_none(), "twice is once");
    assert_eq!(refused(world.submit(&document).await), Refusal::ShieldNotDelivered);
    assert_eq!(refused(world.pays(&person, &soft).await), Refusal::ShieldNotDelivered);
    assert_eq!(refused(personal_id::renew(&world.bank, &person.customer).await), Refusal::ShieldNotDelivered);
    let serials = [serial(&on_its_way), serial(&on_its_way)];
    let arrived = personal_id::deliver(&world.bank, &granted, &serials).await;
    assert_eq!(refused(arrived), Refusal::NotIssued);
    // No key is left: the bank issues nothing, and says so to its operator.
    let refused = other.certify(&world, &granted, Kind::Payment).await;
    let Err(Error::Broken(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("bank ca add --hours 0"), "{why}");

    assert_eq!(world.next_generation(0).await, 2);
    assert!(generation::links(&world.bank, Kind::Payment).await.expect("read").is_empty());
    world.again(&person, &mut soft).await;
    assert_eq!(world.issuer_of(&soft).await, 2);
    world.pays(&person, &soft).await.expect("paid with another ID on the same shield");
    other.download(&world, &code).await.expect("the code of before is good");
    // Verifiers elsewhere do not find the first one among the trusted, and its list has all.
    let anchors = generation::anchors(&world.bank, Kind::Payment).await.expect("read");
    let second = world.bank.shields().expect("a CA").issuers(2).expect("ours").certificate(Kind::Payment);
    assert_eq!(anchors, [second]);
    let list = revocation::current(&world.bank, Kind::Payment, 1).await.expect("a list");
    let number = hex_of(&serial(&on_its_way));
    assert!(list.der.windows(number.len()).any(|window| window == number));
    assert!(world.is_proven().await);
}

fn hex_of(serial: &str) -> Vec<u8> {
    (0..serial.len()).step_by(2).map(|at| u8::from_str_radix(&serial[at..at + 2], 16).expect("hex")).collect()
}

/// Whoever fetches an ID at the moment at which the keys are found to be stolen gets none that stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_slips_through_while_keys_are_given_up() {
    let mut world = World::new().await;
    let mut waiting = Vec::new();
    for name in ["甲", "乙", "丙", "丁", "戊", "己"] {
        let (person, soft) = (world.person(name, NEW).await, Soft::new());
        let code = world.hand_out(&person, &soft).await.expect("a shield");
        waiting.push((soft, code));
    }
    world.next_generation(0).await;
    world
        .tamper("UPDATE ca_generation SET from_at = 9000000000000000 WHERE number = 2".into())
        .await
        .expect("not yet");
    let world = Arc::new(world);
    let mut all = JoinSet::new();
    for (mut soft, code) in waiting {
        let world = world.clone();
        all.spawn(async move { soft.download(&world, &code).await.is_ok() });
    }
    let thief = world.clone();
    all.spawn(async move { generation::distrust(&thief.bank, 1).await.expect("changed").is_some() });
    all.join_all().await;
    assert_eq!(standing(&world, 1).await, 0);
    let mut work = world.bank.database.begin().await.expect("a transaction");
    assert!(!books::generation::count(&mut work, 1).await.expect("asked"), "it issues nothing");
    assert_eq!(shield::wait_for_an_id(&mut work).await.expect("asked"), 0, "no shield is left without an ID");
}

#[tokio::test]
async fn a_generation_is_taken_out_when_nothing_names_it() {
    let mut world = World::new().await;
    let (person, mut soft) = world.shielded("张三").await;
    let kept = async |world: &World, number| generation::forget(&world.bank, number).await.expect("asked");
    assert!(matches!(kept(&world, 1).await, Some(Kept::Living(2))));
    world.tamper("UPDATE certificate SET not_after = 1".into()).await.expect("ended");
    assert!(matches!(kept(&world, 1).await, Some(Kept::Needed)), "it is the only one");
    let later = world.bank.clock.now() + DAY;
    world.tamper(format!("UPDATE certificate SET not_after = {later}")).await.expect("not ended");
    world.next_generation(0).await;
    world.again(&person, &mut soft).await;
    // What was revoked is on a list until it ends.
    assert!(matches!(kept(&world, 1).await, Some(Kept::Living(2))));
    assert!(matches!(kept(&world, 2).await, Some(Kept::Living(2))));
    assert!(matches!(kept(&world, 7).await, Some(Kept::Unknown)));
    world.tamper("UPDATE certificate SET not_after = 1 WHERE generation = 1".into()).await.expect("ended");
    assert!(kept(&world, 1).await.is_none());
    assert!(matches!(kept(&world, 1).await, Some(Kept::Forgotten)), "twice is once");
    issuers::remove(&world.folder.path().join("ca"), 1).expect("removed");
    assert_eq!(issuers::there(&world.folder.path().join("ca")), [2]);
    world.bank = world.node();
    world.pays(&person, &soft).await.expect("paid without the former keys");
    assert_eq!(generation::anchors(&world.bank, Kind::Payment).await.expect("read").len(), 1);
    // No number is given twice.
    assert_eq!(world.next_generation(0).await, 3);
}

/// A node that was not started anew says what is wrong with it, and works on until the moment of the new keys.
#[tokio::test]
async fn a_node_without_the_new_keys_names_them() {
    let mut world = World::new().await;
    let late = world.node();
    let (person, soft) = world.shielded("张三").await;
    let tomorrow = world.bank.clock.now() + DAY;
    world.next_generation(tomorrow).await;
    let new = std::mem::replace(&mut world.bank, late);
    assert!(
        generation::is_behind(&world.bank).await.expect("asked")
            && !generation::is_behind(&new).await.expect("asked")
    );
    world.pays(&person, &soft).await.expect("paid");
    let (other, mut own) = world.shielded("李四").await;
    assert_eq!(generation::anchors(&world.bank, Kind::Payment).await.expect("read").len(), 1);
    world.tamper("UPDATE ca_generation SET from_at = 1 WHERE number = 2".into()).await.expect("its time");
    let code = world.approved_code(&other, Action::ShieldCode).await.expect("a code");
    let refused = own.download(&world, &code).await;
    let Err(Error::Broken(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("lacks generation 2") && why.contains("copy the folder ca"), "{why}");
    // Another node has issued it: that is no foreign document.
    let late = std::mem::replace(&mut world.bank, new);
    let (third, soft) = world.shielded("王五").await;
    let document = world.signed(&third, &soft).await;
    world.bank = late;
    let judged = world.submit(&document).await;
    let Err(Error::Broken(why)) = judged else { panic!("{judged:?}") };
    assert!(why.contains("lacks keys of the CA"), "{why}");
}

/// A folder in which a command was cut off, at each step: the next command takes up what is whole, and throws the rest away.
#[test]
fn keys_that_are_half_made_are_made_anew_and_whole_ones_are_taken_up() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("ca");
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Sm2] {
        issuers::found(&folder, issuers::FIRST, algorithm, None).expect("a CA");
        let first = issuers::Issuers::open(&folder, 1, &[]).expect("opened");
        let trusted = BTreeMap::from([(1, &first)]);
        let now = crate::clock::Clock::default().date();
        std::fs::create_dir(folder.join(".unfinished")).expect("a folder");
        std::fs::write(folder.join(".unfinished/ca-key.pem"), "half").expect("written");
        assert_eq!(issuers::there(&folder), [1], "what is half made is not there");
        let (made, is_new) = issuers::succeed(&folder, (2, algorithm), &[], &trusted, now).expect("keys");
        assert!(is_new && !folder.join(".unfinished").exists());
        assert_eq!(issuers::there(&folder), [1, 2]);
        // A link is missing: somebody has copied badly, or another generation is trusted now.
        let link = folder.join("2/link-1.pem");
        std::fs::remove_file(&link).expect("removed");
        let (again, is_new) = issuers::succeed(&folder, (2, algorithm), &[], &trusted, now).expect("keys");
        assert!(!is_new && again.certificates() == made.certificates());
        for kind in Kind::ALL {
            let names = [&first, &again].map(|own| own.certificate(kind).subject.clone());
            assert_ne!(names[0], names[1], "many programs find an issuer by its name alone");
            assert!(again.link(1, kind).is_some());
        }
        issuers::close_again(&folder, &[], b"a passphrase of 2026").expect("closed");
        assert!(issuers::Issuers::open(&folder, 2, &[]).is_err(), "each generation is closed");
        issuers::Issuers::open(&folder, 2, &[b"a passphrase of 2026"]).expect("opened");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}

/// The holder of a certificate of former keys renews with it in TLS, by EST, and gets one of the new keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_certificates_renew_by_est_until_their_keys_were_stolen() {
    let mut world = World::new().await;
    world.bank.settings.certificate_days = 60;
    let person = world.person("张三", NEW).await;
    let (fresh, est) = (world.fresh(&person).await, Est::open(&world).await);
    let [_, former] = fresh.enrol(&est).await;
    drop(est);
    world.next_generation(0).await;
    let est = Est::open(&world).await;
    let answer = est.ask(None, "GET", "/.well-known/est/cacerts", "", "").await;
    assert_eq!(super::est::all(&answer).len(), 3, "both issuers, and what the former says of the new one");
    let key: &SigningKey = &fresh.keys[1];
    let again = request(key, &fresh.subject);
    let renewed = only(&est.renew(Some((&former, key)), &again).await);
    let own = |number| {
        let issuers = world.bank.shields().expect("a CA").issuers(number).expect("ours");
        issuers.certificate(Kind::Authentication).clone()
    };
    assert!(Certificate::parse(&renewed).expect("a certificate").issued_by(&own(2)));
    generation::distrust(&world.bank, 2).await.expect("changed").expect("trusted until now");
    assert_eq!(est.renew(Some((&renewed, key)), &again).await.status, 403, "its keys were stolen");
    // Whoever has the stolen keys makes certificates that the books do not know.
    let (stranger, forged) = (fresh_key(), opened(&world.folder.path().join("ca")));
    let wanted = crate::shields::Wanted {
        kind: Kind::Authentication,
        request: request(&stranger, &fresh.subject),
        subject: fresh.subject.clone(),
        serial: "00C0FFEE".into(),
        days: 1,
    };
    let page = crate::shields::Page::of(Vec::new(), "http://bank.example", 0, 2);
    let (forged, _) = forged.issue(2, wanted, page, world.bank.clock.date()).await.expect("signed");
    let asked = request(&stranger, &fresh.subject);
    assert_eq!(est.renew(Some((&forged, &stranger)), &asked).await.status, 403, "no row has it");
}
