//! What a thief of some cells, a guesser, a teller alone and a busy hour must not be able to do.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use super::world::{PAYMENT, World, code, from, refused};
use crate::{
    demo::stop_teller,
    desk::{self, Action, Opening},
    error::{Error, Refusal},
    identity::{self, From},
    pay::standing::Method,
};

const OLD: &str = "2006-08-31";
const NEW: &str = "2006-09-01";

fn wrong(right: &str) -> &'static str {
    if right == "000000" { "000001" } else { "000000" }
}

/// A thief who has seen the answer to one pair, and has an order that still asks for it.
#[tokio::test]
async fn a_known_answer_to_a_former_pair_buys_no_guesses() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    let card = world.card(&person).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let order = world.order(&person, "1").await.expect("an order");
        let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
        asked.push((order.id, challenge, code(&card, &pair.expect("a pair"))));
    }
    let [(paid, first, known), (stale, second, _)] = &asked[..] else { panic!("two orders") };
    world.answer(&person, paid, first, PAYMENT, known).await.expect("paid");
    let order = world.order(&person, "1").await.expect("an order");
    let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
    let guess = wrong(&code(&card, &pair.expect("a pair")));
    for _ in 0..4 {
        let answer = world.answer(&person, &order.id, &challenge, PAYMENT, guess).await;
        assert_eq!(refused(answer), Refusal::WrongAnswer);
        let answer = world.answer(&person, stale, second, PAYMENT, known).await;
        assert_eq!(refused(answer), Refusal::ChallengeReplaced);
    }
    assert_eq!(
        refused(world.answer(&person, &order.id, &challenge, PAYMENT, guess).await),
        Refusal::WrongAnswer
    );
    assert_eq!(
        refused(world.pay_card(&person, &card, "1").await),
        Refusal::CardBlocked,
        "five guesses are five"
    );
}

#[tokio::test]
async fn the_second_block_is_for_good_until_a_second_teller_opens_the_gate() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    let card = world.card(&person).await;
    let mut pairs = Vec::new();
    for block in 0..2 {
        let order = world.order(&person, "1").await.expect("an order");
        let (challenge, pair) = world.ask(&person, &order.id, Method::Card).await.expect("a challenge");
        let guess = wrong(&code(&card, pair.as_deref().expect("a pair")));
        for _ in 0..5 {
            let answer = world.answer(&person, &order.id, &challenge, PAYMENT, guess).await;
            assert_eq!(refused(answer), Refusal::WrongAnswer);
        }
        pairs.push(pair);
        let blocked = if block == 0 { Refusal::CardBlocked } else { Refusal::CardClosed };
        assert_eq!(refused(world.pay_card(&person, &card, "1").await), blocked);
        // Midnight has passed.
        world
            .tamper("UPDATE gate SET blocked_until = 1 WHERE blocked_until > 0".into())
            .await
            .expect("later");
    }
    assert_ne!(pairs[0], pairs[1], "a blocked card asks for another pair");
    assert_eq!(refused(world.pay_card(&person, &card, "1").await), Refusal::CardClosed);
    let at = world.at_counter(&person.account, &person.document).await;
    let asked =
        desk::ask(&world.bank, &world.teller, &at, Action::OpenGate(Method::Card)).await.expect("asked");
    assert_eq!(refused(desk::answer(&world.bank, &world.teller, &asked, true).await), Refusal::SecondTeller);
    desk::answer(&world.bank, &world.other_teller, &asked, true).await.expect("approved");
    world.pay_card(&person, &card, "1").await.expect("an open gate");
}

#[tokio::test]
async fn a_bank_that_cannot_compare_takes_no_try() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    world.tamper("UPDATE payment_password SET hash = 'x' || hash".into()).await.expect("spoiled");
    for _ in 0..6 {
        let answer = world.answer(&person, &order.id, &challenge, PAYMENT, "").await;
        assert!(matches!(answer, Err(Error::Broken(_))), "{answer:?}");
    }
    world.tamper("UPDATE payment_password SET hash = substr(hash, 2)".into()).await.expect("mended");
    world.answer(&person, &order.id, &challenge, PAYMENT, "").await.expect("no try was lost");
    // The same at the log-in.
    world.tamper("UPDATE login_password SET hash = 'x' || hash".into()).await.expect("spoiled");
    for _ in 0..6 {
        let answer = identity::sign_in(&world.bank, &person.account, super::world::PASSWORD, &from()).await;
        assert!(matches!(answer, Err(Error::Broken(_))));
    }
    world.tamper("UPDATE login_password SET hash = substr(hash, 2)".into()).await.expect("mended");
    world.sign_in(&person.account).await;
}

/// A database that fails after the try was paid, and fails again when the try is to be given back: the try is no guess, and comes back later, once.
#[tokio::test]
async fn a_log_in_that_fails_by_the_banks_fault_costs_no_try() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let tries = async || {
        let mut db = world.bank.database.connection().await.expect("a connection");
        let sql = "SELECT subject, failures FROM throttle WHERE subject LIKE 'customer:%' AND failures > 0 ORDER BY subject";
        let all: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut *db).await.expect("read");
        all.into_iter().map(|(_, failures)| failures).collect::<Vec<_>>()
    };
    world.tamper("ALTER TABLE login_password RENAME TO away".into()).await.expect("away");
    let failed = identity::sign_in(&world.bank, &person.account, super::world::PASSWORD, &from()).await;
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert_eq!(tries().await, [0; 0], "given back at once");
    // The table of the tries is away as well, between the two.
    let paid = ["customer:x:1", "customer:*:1"];
    for subject in paid {
        let mut work = world.bank.database.begin().await.expect("a transaction");
        let now = world.bank.clock.now();
        assert!(crate::books::throttle::pay(&mut work, subject, 5, now).await.expect("paid"));
        work.commit().await.expect("committed");
    }
    world.tamper("ALTER TABLE throttle RENAME TO throttle_away".into()).await.expect("away");
    world.bank.give_log_in_back(paid).await;
    world.tamper("ALTER TABLE throttle_away RENAME TO throttle".into()).await.expect("there again");
    assert_eq!(tries().await, [1, 1]);
    world.bank.pay_owed().await.expect("given back");
    assert_eq!(tries().await, [0; 0]);
    // A log-in of which nobody heard that it succeeded has given both back.
    let mut work = world.bank.database.begin().await.expect("a transaction");
    crate::books::throttle::pay(&mut work, paid[1], 5, world.bank.clock.now()).await.expect("paid");
    crate::books::throttle::forget(&mut work, paid[0]).await.expect("it succeeded");
    work.commit().await.expect("committed");
    world.bank.give_log_in_back(paid).await;
    assert_eq!(tries().await, [1], "which is somebody else's");
}

/// Fills the gate of a static password as if five answers were being compared, and empties one place after a while.
async fn fill(world: &World, customer: &str) {
    let now = world.bank.clock.now();
    world
        .tamper(format!("INSERT INTO gate (subject, failures) VALUES ('static:{customer}', 5)"))
        .await
        .expect("a full gate");
    let attempt = "INSERT INTO attempt (id, subject, order_id, at)";
    world
        .tamper(format!("{attempt} VALUES ('x', 'static:{customer}', 'x', {now})"))
        .await
        .expect("five tries");
}

async fn free(world: &World) {
    sleep(Duration::from_millis(300)).await;
    world.tamper("UPDATE gate SET failures = 4".into()).await.expect("one was right");
}

#[tokio::test]
async fn a_sixth_answer_waits_for_one_of_five() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    fill(&world, &person.customer.customer().id).await;
    let answer = world.answer(&person, &order.id, &challenge, PAYMENT, "");
    let (answer, ()) = tokio::join!(answer, free(&world));
    answer.expect("paid when there was room");
}

#[tokio::test]
async fn what_the_counter_changes_while_an_answer_is_compared_counts() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    fill(&world, &person.customer.customer().id).await;
    let meanwhile = async {
        sleep(Duration::from_millis(300)).await;
        world.card(&person).await;
        free(&world).await;
    };
    let (answer, ()) = tokio::join!(world.answer(&person, &order.id, &challenge, PAYMENT, ""), meanwhile);
    assert_eq!(refused(answer), Refusal::StaticEnded, "a card ends the static password at once");
    assert_eq!(world.balance(&person.account).await, 1_000_000);
}

#[tokio::test]
async fn what_a_stopped_teller_asked_is_not_approved() {
    let world = World::new().await;
    let person = world.person("李四", NEW).await;
    world.card(&person).await;
    let at = world.at_counter(&person.account, &person.document).await;
    let asked = desk::ask(&world.bank, &world.teller, &at, Action::ReplaceCard).await.expect("asked");
    let before = world.bank.prove(None).await.expect("read").expect("proven").rows;
    assert!(!stop_teller(&world.bank, "nobody").await.expect("asked"));
    assert_eq!(
        world.bank.prove(None).await.expect("read").expect("proven").rows,
        before,
        "no such teller, no row"
    );
    assert!(stop_teller(&world.bank, "lin").await.expect("stopped"));
    let late = desk::answer(&world.bank, &world.other_teller, &asked, true).await;
    assert_eq!(refused(late), Refusal::AlreadyAnswered);
    // A teller who was stopped between the check of the session and the answer does not approve either.
    let asked = desk::ask(&world.bank, &world.other_teller, &at, Action::ReplaceCard).await.expect("asked");
    assert!(desk::answer(&world.bank, &world.teller, &asked, true).await.is_err());
}

/// A teller whose answer was lost sends the form again.
#[tokio::test]
async fn a_form_that_is_sent_twice_opens_one_account() {
    let world = World::new().await;
    let open = async |key: &str, deposit: &str| {
        let (name, document, phone) = ("张三".into(), "AB123456".into(), "13800000000".into());
        let opening = Opening { name, document, phone, deposit: deposit.into(), key: key.into() };
        desk::open_account(&world.bank, &world.teller, &opening).await.expect("an account")
    };
    let first = open("one form", "100").await;
    assert_eq!(open("one form", "100").await, first);
    assert_eq!(world.balance(&first).await, 10_000, "the cash is counted once");
    for (key, deposit) in [("another form", "100"), ("one form", "200"), ("", "100"), ("", "100")] {
        let other = open(key, deposit).await;
        assert_ne!(other, first, "{key} {deposit}");
        assert_eq!(world.balance(&other).await, deposit.parse::<i64>().unwrap() * 100);
    }
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn a_deposit_without_a_vault_is_no_deposit() {
    let world = World::new().await;
    world.tamper("DELETE FROM account WHERE number = '1001'".into()).await.expect("no vault");
    let (name, document, phone) = ("张三".into(), "AB123456".into(), "13800000000".into());
    let opening = Opening { name, document, phone, deposit: "10000".into(), key: String::new() };
    let opened = desk::open_account(&world.bank, &world.teller, &opening).await;
    assert!(matches!(opened, Err(Error::Broken(_))), "cash is not lost in silence: {opened:?}");
}

fn at(address: &str) -> From {
    From { address: address.into(), agent: "test".into() }
}

/// ASVS 6.1.1: guesses are slowed down, and who is not the guesser's neighbour notices nothing.
#[tokio::test]
async fn a_stranger_cannot_lock_a_customer_out() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let sign_in = async |password: &'static str, address: &str| {
        identity::sign_in(&world.bank, &person.account, password, &at(address)).await
    };
    for _ in 0..5 {
        assert_eq!(refused(sign_in("wrong password", "203.0.113.9").await), Refusal::WrongLogin);
    }
    assert_eq!(refused(sign_in(super::world::PASSWORD, "203.0.113.9").await), Refusal::TooManyTries);
    sign_in(super::world::PASSWORD, "192.0.2.1").await.expect("the customer is elsewhere");
    // 2^64 addresses of one household are one place.
    for last in 1..=5 {
        let answer = sign_in("wrong password", &format!("2001:db8::{last}")).await;
        assert_eq!(refused(answer), Refusal::WrongLogin);
    }
    assert_eq!(refused(sign_in(super::world::PASSWORD, "2001:db8::6").await), Refusal::TooManyTries);
    sign_in(super::world::PASSWORD, "2001:db8:0:1::1").await.expect("another household");
}

#[tokio::test]
async fn an_office_that_logs_in_all_day_does_not_wait() {
    let world = World::new().await;
    let people = [world.person("张三", OLD).await, world.person("李四", OLD).await];
    for _ in 0..30 {
        for person in &people {
            world.sign_in(&person.account).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_guesses_at_once_guesses_no_more() {
    let world = Arc::new(World::new().await);
    let person = world.person("张三", OLD).await;
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let (world, account) = (world.clone(), person.account.clone());
        tasks.spawn(async move {
            refused(identity::sign_in(&world.bank, &account, "wrong password", &at("203.0.113.9")).await)
        });
    }
    let answers = tasks.join_all().await;
    let compared = answers.iter().filter(|refusal| **refusal == Refusal::WrongLogin).count();
    // Each try after the fifth waits for a second and longer: a slow machine may see some of these seconds pass.
    assert!((5..=10).contains(&compared), "{compared} of {answers:?}");
}
