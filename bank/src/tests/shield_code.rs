//! Reference and authorisation code, and what is certified for them.

use authority::{attestation::maker, certificate_kind::Kind, subject::Subject};

use super::{
    shield::{Soft, fresh_key, request, serial, words},
    world::{World, refused},
};
use crate::{
    books::{certificate, shield},
    desk::{self, Action, Brought},
    error::Refusal,
    personal_id::{self, Granted, Words},
};

const NEW: &str = "2006-09-01";

async fn standing(world: &World, granted: &Granted) -> Vec<String> {
    personal_id::standing(&world.bank, granted).await.expect("read")
}

#[tokio::test]
async fn a_download_that_is_interrupted_anywhere_is_repeated_with_the_same_code() {
    let world = World::new().await;
    let (person, mut soft) = (world.person("张三", NEW).await, Soft::new());
    let code = world.hand_out(&person, &soft).await.expect("a shield");
    let bank = &world.bank;
    // Interrupted after the first certificate, and after both.
    let granted = Granted::check(bank, &words(&code)).await.expect("the code");
    let lost = soft.certify(&world, &granted, Kind::Payment).await.expect("a certificate");
    assert_eq!(standing(&world, &granted).await, [serial(&lost)]);
    let granted = Granted::check(bank, &words(&code)).await.expect("the code again");
    let payment = soft.certify(&world, &granted, Kind::Payment).await.expect("a certificate");
    let other = soft.certify(&world, &granted, Kind::Authentication).await.expect("a certificate");
    let on_the_way = standing(&world, &granted).await;
    assert_eq!(on_the_way.len(), 2);
    assert!(!on_the_way.contains(&serial(&lost)), "what never arrived is revoked");
    // Neither a lost certificate nor half an ID is delivered.
    let [payment, other, lost] = [&payment, &other, &lost].map(|der| serial(der));
    for wrong in [[lost.clone(), other.clone()], [payment.clone(), payment.clone()]] {
        assert_eq!(refused(personal_id::deliver(bank, &granted, &wrong).await), Refusal::NotIssued);
    }
    // The program withdraws what it could not install, and the code is as good as before.
    personal_id::withdraw(bank, &granted, &[payment.clone(), other.clone()]).await.expect("withdrawn");
    assert!(standing(&world, &granted).await.is_empty());
    let arrived = soft.download(&world, &code).await.expect("an ID");
    // The answer to the confirmation was lost, so the program confirms again; then the code is spent.
    let granted = Granted::check(bank, &words(&code)).await.expect("a spent code is known");
    personal_id::deliver(bank, &granted, &arrived).await.expect("confirmed twice");
    let again = soft.certify(&world, &granted, Kind::Payment).await;
    assert_eq!(refused(again), Refusal::IdDelivered);
    assert_eq!(standing(&world, &granted).await.len(), 2);
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn five_wrong_codes_end_a_code_and_ten_days_do() {
    let world = World::new().await;
    let (person, soft) = (world.person("张三", NEW).await, Soft::new());
    let code = world.hand_out(&person, &soft).await.expect("a shield");
    let bank = &world.bank;
    let wrong = Words { reference: code.reference.clone(), code: "0000000000".into() };
    for _ in 0..4 {
        assert_eq!(refused(Granted::check(bank, &wrong).await), Refusal::CodeWrong);
        Granted::check(bank, &words(&code)).await.expect("a right code costs no try");
    }
    let unknown = Words { reference: "000000000000".into(), code: code.code.as_str().into() };
    assert_eq!(refused(Granted::check(bank, &unknown).await), Refusal::CodeWrong);
    assert_eq!(refused(Granted::check(bank, &wrong).await), Refusal::CodeWrong);
    assert_eq!(refused(Granted::check(bank, &words(&code)).await), Refusal::CodeWrong, "it is dead");
    // Another one wants a second teller, and the former one stays dead.
    let at = world.at_counter(&person.account, &person.document).await;
    let asked = desk::ask(bank, &world.teller, &at, Action::ShieldCode).await.expect("asked");
    assert_eq!(refused(desk::answer(bank, &world.teller, &asked, true).await), Refusal::SecondTeller);
    let brought = desk::answer(bank, &world.other_teller, &asked, true).await.expect("approved");
    let Some(Brought::Code(new)) = brought else { panic!("no code") };
    assert_eq!(refused(Granted::check(bank, &words(&code)).await), Refusal::CodeWrong);
    Granted::check(bank, &words(&new)).await.expect("the new code");
    let old = format!("UPDATE authorisation SET expires_at = 1 WHERE reference = '{}'", new.reference);
    world.tamper(old).await.expect("aged");
    assert_eq!(refused(Granted::check(bank, &words(&new)).await), Refusal::CodeExpired);
}

#[tokio::test]
async fn only_the_bound_shields_keys_are_certified_and_only_for_the_books_subject() {
    let world = World::new().await;
    let (person, soft) = (world.person("张三", NEW).await, Soft::new());
    let code = world.hand_out(&person, &soft).await.expect("a shield");
    let (bank, key) = (&world.bank, fresh_key());
    let granted = Granted::check(bank, &words(&code)).await.expect("the code");
    let subject = granted.subject(bank.shields().expect("a CA"));
    assert_eq!((subject.name.as_str(), &subject.user_id), ("张三", &person.account));
    let own = request(&key, &subject);
    let another = Soft::new();
    for (what, attestation) in [
        ("another shield's", another.attest(Kind::Payment, &key)),
        ("about another key", soft.attest(Kind::Payment, &fresh_key())),
        ("about another container", soft.attest(Kind::Authentication, &key)),
        ("another factory's", {
            let maker = maker::Maker { factory: fresh_key(), ..maker::Maker::new(Kind::Payment) };
            maker::Maker { serial: soft.serial, ..maker }.attest(&maker::spki(&key))
        }),
    ] {
        let refusal = personal_id::certify(bank, &granted, Kind::Payment, own.clone(), &attestation).await;
        assert_eq!(refused(refusal), Refusal::NotAttested, "{what}");
    }
    let good = soft.attest(Kind::Payment, &key);
    for (what, subject) in [
        ("another name", Subject { name: "李四".into(), ..subject.clone() }),
        ("another ID", Subject { user_id: "6222020000000000".into(), ..subject.clone() }),
        ("another bank", Subject { organisation: "Another Bank".into(), ..subject.clone() }),
        ("no test token", Subject { unit: None, ..subject.clone() }),
    ] {
        let foreign = request(&key, &subject);
        let refusal = personal_id::certify(bank, &granted, Kind::Payment, foreign, &good).await;
        assert_eq!(refused(refusal), Refusal::RequestRefused, "{what}");
    }
    let junk = personal_id::certify(bank, &granted, Kind::Payment, b"junk".to_vec(), &good).await;
    assert_eq!(refused(junk), Refusal::RequestRefused);
    assert!(standing(&world, &granted).await.is_empty(), "nothing was issued");
    personal_id::certify(bank, &granted, Kind::Payment, own.clone(), &good).await.expect("a certificate");
    // The same key never authenticates, and never pays from another shield.
    let attested = soft.attest(Kind::Authentication, &key);
    let twice = personal_id::certify(bank, &granted, Kind::Authentication, own, &attested).await;
    assert_eq!(refused(twice), Refusal::RequestRefused);
}

#[tokio::test]
async fn a_shield_has_one_holder_and_a_customer_one_shield() {
    let world = World::new().await;
    let (one, other) = (world.person("张三", NEW).await, world.person("李四", NEW).await);
    let (soft, second) = (Soft::new(), Soft::new());
    let mut lost = Soft::new();
    world.hand_out(&one, &soft).await.expect("a shield");
    assert_eq!(refused(world.hand_out(&one, &second).await), Refusal::ShieldExists);
    assert_eq!(refused(world.hand_out(&other, &soft).await), Refusal::ShieldExists);
    let code = world.hand_out(&other, &lost).await.expect("a shield");
    lost.download(&world, &code).await.expect("an ID");
    let at = world.at_counter(&other.account, &other.document).await;
    desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
    assert_eq!(refused(desk::lose_shield(&world.bank, &world.teller, &at).await), Refusal::NoShield);
    assert_eq!(refused(Granted::check(&world.bank, &words(&code)).await), Refusal::ShieldEnded);
    let mut db = world.bank.database.connection().await.expect("a connection");
    assert_eq!(certificate::revoked(&mut db, 1).await.expect("read").len(), 2);
    drop(db);
    // A shield that came back from its holder is another customer's later.
    let asked = desk::ask(&world.bank, &world.teller, &at, Action::ReplaceShield(second.serial.into())).await;
    let brought = desk::answer(&world.bank, &world.other_teller, &asked.expect("asked"), true).await;
    let Some(Brought::Code(code)) = brought.expect("approved") else { panic!("no code") };
    let mut second = second;
    second.download(&world, &code).await.expect("an ID on the new shield");
    for wrong in ["", "12 3", "盾12345", "A-B-C-D"] {
        assert_eq!(refused(desk::check_serial(wrong)), Refusal::BadShield, "{wrong}");
    }
}

/// The holder renews from 90 days before the end: the shield stays, and the former certificates end when the new ones have arrived.
#[tokio::test]
async fn an_id_is_renewed_near_its_end() {
    let world = World::new().await;
    let (person, mut soft) = (world.person("张三", NEW).await, Soft::new());
    let bank = &world.bank;
    assert_eq!(refused(personal_id::renew(bank, &person.customer).await), Refusal::ShieldNotDelivered);
    let code = world.hand_out(&person, &soft).await.expect("a shield");
    let [former, _] = soft.download(&world, &code).await.expect("an ID");
    assert_eq!(refused(personal_id::renew(bank, &person.customer).await), Refusal::NotYetRenewed);
    let end = bank.clock.now() + 89 * crate::clock::DAY;
    world.tamper(format!("UPDATE certificate SET not_after = {end}")).await.expect("aged");
    let code = personal_id::renew(bank, &person.customer).await.expect("a code");
    let granted = Granted::check(bank, &words(&code)).await.expect("the code");
    assert!(standing(&world, &granted).await.contains(&former), "the former ID works until then");
    let new = soft.download(&world, &code).await.expect("a new ID");
    assert_eq!(
        {
            let mut now = standing(&world, &granted).await;
            now.sort();
            now
        },
        {
            let mut new = new.to_vec();
            new.sort();
            new
        }
    );
    // What the customer's page says of the end: it is near, it is over and may be renewed, it is over for good.
    for (days, said) in [(89, (false, true)), (-29, (true, true)), (-31, (true, false))] {
        let until = bank.clock.now() + days * crate::clock::DAY;
        world.tamper(format!("UPDATE certificate SET not_after = {until}")).await.expect("aged");
        let mut db = bank.database.connection().await.expect("a connection");
        let shield = shield::of_customer(&mut db, &person.customer.customer().id)
            .await
            .expect("read")
            .expect("a shield");
        drop(db);
        let end = personal_id::end_of(bank, &shield).await.expect("read").expect("an ID");
        assert_eq!((end.is_over, end.may_renew), said, "{days} days");
    }
    assert_eq!(refused(personal_id::renew(bank, &person.customer).await), Refusal::NotYetRenewed);
}
