//! What a restore suspends: shields pay nothing, fetch nothing and are on hold for outsiders, until the counter confirms them.

use super::{
    shield::words,
    world::{PAYEE, World, refused},
};
use crate::{
    desk::{self, Action},
    error::Refusal,
    personal_id::{self, Granted},
};

async fn suspend(world: &World) -> u64 {
    let mut work = world.bank.database.begin().await.expect("a transaction");
    let count = personal_id::suspend_all(&mut work, world.bank.clock.now()).await.expect("suspended");
    work.commit().await.expect("committed");
    count
}

#[tokio::test]
async fn a_suspended_shield_does_nothing_until_two_tellers_confirm_it() {
    let world = World::new().await;
    let (person, soft) = world.shielded("张三").await;
    let order = world.order(&person, "7").await.expect("an order");
    let der = world.challenge(&person, &order.id).await.expect("a challenge");
    let document = soft.sign(&der);
    let at = world.at_counter(&person.account, &person.document).await;
    assert_eq!(refused(desk::check_suspended(&world.bank, &at).await), Refusal::NotSuspended);
    let code = world.approved_code(&person, Action::ShieldCode).await.expect("a code");
    let judge = async || world.judged_elsewhere(&document, &der).await.1;
    assert_eq!(judge().await, Ok(()));

    assert_eq!(suspend(&world).await, 1);
    assert_eq!(suspend(&world).await, 0, "twice is once");
    assert_eq!(judge().await, Err(payment::Reason::CertificateRevoked), "the list has it on hold");
    assert_eq!(refused(world.submit(&document).await), Refusal::ShieldSuspended);
    assert_eq!(refused(world.challenge(&person, &order.id).await), Refusal::ShieldSuspended);
    assert_eq!(refused(Granted::check(&world.bank, &words(&code)).await), Refusal::ShieldSuspended);
    assert_eq!(refused(personal_id::renew(&world.bank, &person.customer).await), Refusal::ShieldSuspended);
    assert_eq!(refused(desk::hand_over(&world.bank, &world.teller, &at).await), Refusal::ShieldSuspended);
    let other = world.approved(&person, Action::ShieldCode).await;
    assert_eq!(refused(other), Refusal::ShieldSuspended);

    // The challenge of before is still live here: in a restore all challenges end, too.
    let serial = desk::check_suspended(&world.bank, &at).await.expect("suspended");
    world.approved(&person, Action::ConfirmShield(serial.clone())).await.expect("confirmed");
    let twice = world.approved(&person, Action::ConfirmShield(serial)).await;
    assert_eq!(refused(twice), Refusal::NotSuspended);
    assert_eq!(judge().await, Ok(()), "the next list has it no more");
    world.submit(&document).await.expect("paid");
    assert_eq!(world.balance(PAYEE).await, 700);
    assert!(world.is_proven().await);
}

/// A number that was mistyped is told, because the shield that was meant would stand again.
#[tokio::test]
async fn numbers_of_no_suspended_shield_are_named() {
    let world = World::new().await;
    let (_, soft) = world.shielded("张三").await;
    let asked = ["0000000A".to_owned(), soft.serial.to_owned()];
    let named = async || desk::not_suspended(&world.bank, &asked).await.expect("read");
    assert_eq!(named().await, asked);
    suspend(&world).await;
    assert_eq!(named().await, asked[..1]);
}

/// A lost shield waits for nobody, suspended or not.
#[tokio::test]
async fn a_suspended_shield_is_lost_and_replaced_like_any_other() {
    let world = World::new().await;
    let (person, _) = world.shielded("张三").await;
    suspend(&world).await;
    let at = world.at_counter(&person.account, &person.document).await;
    desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
    let mut next = super::shield::Soft::new();
    let code = world.approved_code(&person, Action::ReplaceShield(next.serial.into())).await.expect("a code");
    next.download(&world, &code).await.expect("an ID: the new shield is not suspended");
    let order = world.order(&person, "7").await.expect("an order");
    let der = world.challenge(&person, &order.id).await.expect("a challenge");
    world.submit(&next.sign(&der)).await.expect("paid");
    assert!(world.is_proven().await);
}
