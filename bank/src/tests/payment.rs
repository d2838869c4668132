//! Payments that happen at once, twice, too late, or too often.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::world::{PAYEE, PAYMENT, World, code, refused};
use crate::{
    books::gate::{self, Subject, Try},
    desk::{self, Action},
    error::Refusal,
    pay::{remit, standing::Method},
    random,
};

const OLD: &str = "2006-08-31";
const NEW: &str = "2006-09-01";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_payments_of_seven_yuan_under_three_hundred_are_forty_two() {
    let world = Arc::new(World::new().await);
    let person = Arc::new(world.person("张三", OLD).await);
    let mut orders = Vec::new();
    for _ in 0..50 {
        let order = world.order(&person, "7").await.expect("an order");
        let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
        orders.push((order.id, challenge));
    }
    let mut tasks = JoinSet::new();
    for (order, challenge) in orders {
        let (world, person) = (world.clone(), person.clone());
        tasks.spawn(async move { answer_until_counted(&world, &person, &order, &challenge).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|paid| **paid).count(), 42);
    assert_eq!(world.balance(PAYEE).await, 42 * 700);
    assert_eq!(world.balance(&person.account).await, 1_000_000 - 42 * 700);
    assert!(world.is_proven().await);
}

/// More than five right answers on their way at once look like guesses for a moment: whoever is told to wait asks again.
async fn answer_until_counted(
    world: &World,
    person: &super::world::Person,
    order: &str,
    challenge: &str,
) -> bool {
    loop {
        match world.answer(person, order, challenge, PAYMENT, "").await {
            Ok(()) => return true,
            Err(crate::error::Error::Refused(Refusal::StaticUsedUp)) => return false,
            Err(crate::error::Error::Refused(Refusal::TooManyTries)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_page_that_is_sent_twice_pays_once() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let key = random::id().expect("random numbers");
    let order = world.order_with(&person, "7", &key).await.expect("an order");
    let again = world.order_with(&person, "7", &key).await.expect("the same order");
    assert_eq!(order.id, again.id);
    assert_eq!(refused(world.order_with(&person, "8", &key).await), Refusal::FormUsed);
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    let one = world.answer(&person, &order.id, &challenge, PAYMENT, "");
    let other = world.answer(&person, &order.id, &challenge, PAYMENT, "");
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert!(world.answer(&person, &order.id, &challenge, PAYMENT, "").await.is_ok());
    assert_eq!(world.balance(&person.account).await, 1_000_000 - 700);
    assert_eq!(refused(world.ask(&person, &order.id, Method::Static).await), Refusal::OrderEnded);
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn an_expired_order_is_not_paid() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    world
        .tamper(format!("UPDATE payment_order SET expires_at = 1 WHERE id = '{}'", order.id))
        .await
        .expect("late");
    let late = world.answer(&person, &order.id, &challenge, PAYMENT, "").await;
    assert!(matches!(refused(late), Refusal::OrderExpired | Refusal::OrderEnded));
    assert_eq!(refused(world.ask(&person, &order.id, Method::Static).await), Refusal::OrderExpired);
    assert_eq!(world.balance(&person.account).await, 1_000_000);
}

#[tokio::test]
async fn of_two_challenges_at_once_one_lives() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let both = tokio::join!(
        world.ask(&person, &order.id, Method::Static),
        world.ask(&person, &order.id, Method::Static)
    );
    let challenges = [both.0.expect("a challenge").0, both.1.expect("a challenge").0];
    let mut paid = 0;
    for challenge in &challenges {
        match world.answer(&person, &order.id, challenge, PAYMENT, "").await {
            Ok(()) => paid += 1,
            Err(crate::error::Error::Refused(Refusal::ChallengeReplaced)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(paid >= 1);
    assert_eq!(world.balance(&person.account).await, 1_000_000 - 700, "one order is paid once");
    // A challenge belongs to its session: another session of the same customer cannot answer it.
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    let customer = world.sign_in(&person.account).await;
    let elsewhere =
        super::world::Person { account: person.account.clone(), document: person.document.clone(), customer };
    let stolen = world.answer(&elsewhere, &order.id, &challenge, PAYMENT, "").await;
    assert_eq!(refused(stolen), Refusal::ChallengeReplaced);
}

#[tokio::test]
async fn the_thousandth_use_works_and_the_next_one_needs_a_new_card() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    let card = world.card(&person).await;
    world.pay_card(&person, &card, "1").await.expect("the first use");
    world.tamper(format!("UPDATE card SET uses = 999 WHERE id = '{}'", card.id)).await.expect("used");
    world.pay_card(&person, &card, "1").await.expect("the thousandth use");
    assert_eq!(refused(world.pay_card(&person, &card, "1").await), Refusal::CardUsedUp);
    let at = world.at_counter(&person.account, &person.document).await;
    let asked = desk::ask(&world.bank, &world.teller, &at, Action::ReplaceCard).await.expect("asked");
    let alone = desk::answer(&world.bank, &world.teller, &asked, true).await;
    assert_eq!(refused(alone), Refusal::SecondTeller);
    let new = desk::answer(&world.bank, &world.other_teller, &asked, true).await.expect("approved");
    let again = desk::answer(&world.bank, &world.other_teller, &asked, true).await;
    assert_eq!(refused(again), Refusal::AlreadyAnswered);
    assert_eq!(refused(world.pay_card(&person, &card, "1").await), Refusal::CardNotActive);
    let Some(desk::Brought::Card(new)) = new else { panic!("no card") };
    let mut db = world.bank.database.connection().await.expect("a connection");
    let id = &person.customer.customer().id;
    assert!(crate::books::card::activate(&mut db, &new.id, id, 0).await.expect("activated"));
    drop(db);
    world.pay_card(&person, &new, "1").await.expect("a new card pays");
}

#[tokio::test]
async fn a_pair_stays_across_orders_until_it_succeeds() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    let card = world.card(&person).await;
    let mut pairs = Vec::new();
    for _ in 0..2 {
        let order = world.order(&person, "1").await.expect("an order");
        let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
        let pair = pair.expect("a pair");
        let wrong = if code(&card, &pair) == "000000" { "000001" } else { "000000" };
        let answer = world.answer(&person, &order.id, &challenge, PAYMENT, wrong).await;
        assert_eq!(refused(answer), Refusal::WrongAnswer);
        // The right digits with a wrong password are wrong as well, and the answer is the same.
        let answer = world.answer(&person, &order.id, &challenge, "wrong1", &code(&card, &pair)).await;
        assert_eq!(refused(answer), Refusal::WrongAnswer);
        pairs.push((order.id, challenge, pair));
    }
    let [(_, _, first), (order, challenge, second)] = &pairs[..] else { panic!("two pairs") };
    assert_eq!(first, second);
    world.answer(&person, order, challenge, PAYMENT, &code(&card, second)).await.expect("paid");
    let order = world.order(&person, "1").await.expect("an order");
    let (_, third) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
    assert_ne!(Some(second), third.as_ref());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_who_guess_at_once_have_five_tries() {
    let world = Arc::new(World::new().await);
    let person = Arc::new(world.person("李四", NEW).await);
    let card = world.card(&person).await;
    let order = world.order(&person, "1").await.expect("an order");
    let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
    let right = code(&card, pair.as_deref().expect("a pair"));
    let mut tasks = JoinSet::new();
    for guess in 0..20 {
        let (world, person, order) = (world.clone(), person.clone(), order.id.clone());
        let (challenge, guess) = (challenge.clone(), format!("{guess:06}"));
        assert_ne!(guess, right, "a guess is right by chance of one in fifty thousand: run the test again");
        tasks.spawn(async move { refused(world.answer(&person, &order, &challenge, PAYMENT, &guess).await) });
    }
    let answers = tasks.join_all().await;
    let compared = answers.iter().filter(|refusal| **refusal == Refusal::WrongAnswer).count();
    assert_eq!(compared, 5, "{answers:?}");
    assert_eq!(refused(world.pay_card(&person, &card, "1").await), Refusal::CardBlocked);
    assert_eq!(world.balance(&person.account).await, 1_000_000);
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn each_method_says_why_it_does_not_pay() {
    let world = World::new().await;
    let new = world.person("王五", NEW).await;
    assert_eq!(refused(world.pay_static(&new, "7").await), Refusal::StaticTooLate);
    let order = world.order(&new, "7").await.expect("an order");
    assert_eq!(refused(world.ask(&new, &order.id, Method::Card).await), Refusal::NoCard);
    assert_eq!(refused(world.ask(&new, &order.id, Method::Shield).await), Refusal::NoShield);
    let old = world.person("赵六", OLD).await;
    world.pay_static(&old, "300").await.expect("300 yuan");
    assert_eq!(refused(world.pay_static(&old, "0.01").await), Refusal::StaticUsedUp);
    let card = world.card(&old).await;
    assert_eq!(refused(world.pay_static(&old, "1").await), Refusal::StaticEnded);
    assert_eq!(refused(world.pay_card(&old, &card, "500.01").await), Refusal::OverPayment);
    world.pay_card(&old, &card, "500").await.expect("500 yuan");
    world.pay_card(&old, &card, "500").await.expect("500 yuan");
    assert_eq!(refused(world.pay_card(&old, &card, "0.01").await), Refusal::OverDay);
    assert_eq!(refused(world.pay_card(&old, &card, "50000").await), Refusal::LargeByShield);
}

#[tokio::test]
async fn the_books_prove_themselves_and_betray_who_changes_them() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    world.pay_static(&person, "7").await.expect("paid");
    world.bank.seal().await.expect("sealed").expect("rows");
    assert!(world.is_proven().await);
    for forbidden in ["UPDATE posting SET amount = 1", "DELETE FROM audit", "UPDATE audit SET detail = 'x'"] {
        assert!(world.tamper(forbidden.into()).await.is_err(), "{forbidden}");
    }
    assert!(world.tamper("UPDATE account SET balance = -1 WHERE kind = 'customer'".into()).await.is_err());
    let raised = format!("UPDATE account SET balance = balance + 1 WHERE number = '{}'", person.account);
    world.tamper(raised).await.expect("changed");
    assert!(!world.is_proven().await);
}

#[tokio::test]
async fn another_bank_takes_a_remittance_or_sends_it_back() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    let card = world.card(&person).await;
    for (payee, state) in [("6217001234567890", 100), ("6217001234560000", 0)] {
        let before = world.balance(&person.account).await;
        let payer = world.payer(&person).await.expect("the payer");
        let wish = crate::pay::Wish {
            kind: crate::books::order::OrderKind::Remittance,
            payee: payee.into(),
            payee_name: "王芳".into(),
            payee_bank: "建设银行".into(),
            amount: "1".into(),
            memo: String::new(),
            form_key: random::id().expect("random numbers"),
        };
        let order = crate::pay::order(&world.bank, &payer, &wish).await.expect("an order");
        let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
        let digits = code(&card, &pair.expect("a pair"));
        world.answer(&person, &order.id, &challenge, PAYMENT, &digits).await.expect("paid");
        assert_eq!(world.state(&order.id).await, "posted");
        assert!(
            remit::step(&world.bank).await.expect("asked") && !remit::step(&world.bank).await.expect("empty")
        );
        assert_eq!(before - world.balance(&person.account).await, state);
    }
    assert!(world.is_proven().await);
}

/// `--test-rules`: the last two digits decide, whatever the account has; without the switch they mean nothing.
#[tokio::test]
async fn test_rules_give_each_outcome_at_will() {
    let mut world = World::new().await;
    let person = world.person("张三", OLD).await;
    for amount in ["1.91", "1.92", "1.93", "1.95"] {
        world.pay_static(&person, amount).await.expect("no rule holds");
    }
    world.bank.settings.test_rules = true;
    for (amount, refusal) in [
        ("1.91", Refusal::NoMoney),
        ("1.92", Refusal::BadPayee),
        ("1.93", Refusal::TestRefused),
        ("1.95", Refusal::TestRule),
        ("1.96", Refusal::TestRule),
    ] {
        let before = world.balance(PAYEE).await;
        assert_eq!(refused(world.pay_static(&person, amount).await), refusal, "{amount}");
        assert_eq!(world.balance(PAYEE).await, before, "{amount}");
    }
    world.pay_static(&person, "1.94").await.expect("the static password is what this amount asks for");
    let begun = std::time::Instant::now();
    world.pay_static(&person, "1.97").await.expect("slow, and paid");
    assert!(begun.elapsed() >= std::time::Duration::from_secs(5));
    let order = world.order(&person, "1.91").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("asked");
    assert!(world.answer(&person, &order.id, &challenge, PAYMENT, "").await.is_err());
    assert_eq!(world.state(&order.id).await, "refused", "as without money, the order ends");
    assert!(world.is_proven().await);
}

/// A disk that is full for a while closes no customer's gate.
#[tokio::test]
async fn a_try_that_cannot_be_given_back_at_once_is_given_back_later() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let (bank, id) = (&world.bank, &person.customer.customer().id);
    let subject = Subject::Static(id);
    let mut paid = Vec::new();
    for _ in 0..3 {
        paid.push(Try::new(&subject, "order", bank.clock.now()).expect("random numbers"));
        assert!(gate::pay_try(&bank.database, &paid[paid.len() - 1]).await.expect("paid"));
    }
    let failures = async || {
        let mut db = bank.database.connection().await.expect("a connection");
        let all: Vec<(i64,)> =
            sqlx::query_as("SELECT failures FROM gate").fetch_all(&mut *db).await.expect("read");
        all
    };
    world.tamper("ALTER TABLE gate RENAME TO away".into()).await.expect("away");
    bank.give_try_back(&paid[0]).await;
    bank.give_try_back(&paid[1]).await;
    assert!(bank.pay_owed().await.is_err(), "it is still away");
    world.tamper("ALTER TABLE away RENAME TO gate".into()).await.expect("there again");
    assert_eq!(failures().await, [(3,)]);
    bank.pay_owed().await.expect("given back");
    assert_eq!(failures().await, [(1,)]);
    bank.pay_owed().await.expect("nothing is owed");
    assert_eq!(failures().await, [(1,)]);
    // Whoever did not hear that it was done asks again.
    bank.give_try_back(&paid[0]).await;
    assert_eq!(failures().await, [(1,)], "twice is once");
    // One that was never paid, because the line broke before, gives nothing back.
    let never = Try::new(&subject, "order", bank.clock.now()).expect("random numbers");
    bank.give_try_back(&never).await;
    assert_eq!(failures().await, [(1,)]);
    // A right answer has settled its try: the try that somebody else has paid since stays paid.
    let mut work = bank.database.begin().await.expect("a transaction");
    assert!(gate::pass(&mut work, &subject).await.expect("passed"));
    assert!(gate::settle(&mut work, &paid[2]).await.expect("settled"));
    work.commit().await.expect("committed");
    let other = Try::new(&subject, "order", bank.clock.now()).expect("random numbers");
    assert!(gate::pay_try(&bank.database, &other).await.expect("paid"));
    bank.give_try_back(&paid[2]).await;
    assert_eq!(failures().await, [(1,)]);
}
