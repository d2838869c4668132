//! A clock that was ahead and is set right: what was written meanwhile ends as if it had been written in time. And a node that starts while the
//! database's clock is wrong.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::world::{PASSWORD, PAYMENT, World, from, refused};
use authority::certificate_kind::Kind;

use crate::{
    books::{gate, idempotency, node, session, throttle},
    clock::{DAY, HOUR, MINUTE, Moment},
    error::Refusal,
    identity,
    neighbour::Neighbours,
    pay::standing::Method,
    revocation,
    rights::SignedIn,
};

const OLD: &str = "2006-08-31";
const MONTH: Moment = 31 * DAY;

impl World {
    async fn lasts(&self, token: &str) -> bool {
        SignedIn::by_token(&self.bank, token).await.expect("read").is_some()
    }

    async fn token(&self, account: &str) -> String {
        identity::sign_in(&self.bank, account, PASSWORD, &from()).await.expect("a session")
    }

    /// The steps of the housekeeping that throw something away.
    async fn sweep(&self) {
        let (mut db, now) = (self.bank.database.writer().await.expect("a connection"), self.bank.clock.now());
        session::sweep(&mut db, now, self.bank.settings.session_life()).await.expect("swept");
        throttle::sweep(&mut db, now).await.expect("swept");
        node::sweep(&mut db, now).await.expect("swept");
    }

    async fn nodes(&self) -> i64 {
        let mut db = self.bank.database.connection().await.expect("a connection");
        node::count(&mut db, self.bank.clock.now()).await.expect("counted")
    }

    async fn seen(&self, at: Moment) {
        let mut db = self.bank.database.writer().await.expect("a connection");
        node::seen(&mut db, "other", "", at).await.expect("it serves");
    }
}

#[tokio::test]
async fn a_session_of_a_later_time_ends_and_one_of_before_goes_on() {
    let world = World::new().await;
    let (person, now) = (world.person("张三", OLD).await, world.bank.clock.now());
    let before = world.token(&person.account).await;
    world.bank.clock.join(now + MINUTE);
    assert!(world.lasts(&before).await);
    // A node whose clock is behind that of another node ends no session.
    world.bank.clock.join(now - HOUR);
    assert!(world.lasts(&before).await);
    world.bank.clock.join(now + MINUTE);
    assert!(world.lasts(&before).await, "seen at the later of the two times");
    world.bank.clock.join(now + MONTH);
    let later = world.token(&person.account).await;
    world.bank.clock.join(now);
    world.sweep().await;
    assert!(!world.lasts(&later).await, "it would last for a month");
    assert!(world.lasts(&before).await);
}

#[tokio::test]
async fn whoever_guessed_at_a_later_time_does_not_wait_for_it() {
    let world = World::new().await;
    let (person, now) = (world.person("张三", OLD).await, world.bank.clock.now());
    world.bank.clock.join(now + MONTH);
    let mut tried = Refusal::WrongLogin;
    while tried == Refusal::WrongLogin {
        tried = refused(identity::sign_in(&world.bank, &person.account, "a wrong one", &from()).await);
    }
    assert_eq!(tried, Refusal::TooManyTries);
    world.bank.clock.join(now);
    assert_eq!(
        refused(identity::sign_in(&world.bank, &person.account, PASSWORD, &from()).await),
        Refusal::TooManyTries
    );
    world.sweep().await;
    world.token(&person.account).await;
}

#[tokio::test]
async fn a_gate_that_was_closed_at_a_later_time_is_open_now() {
    let world = World::new().await;
    let (person, now) = (world.person("张三", OLD).await, world.bank.clock.now());
    let subject = gate::Subject::Static(&person.customer.customer().id);
    let order = world.order(&person, "7").await.expect("an order");
    let block = async || {
        for _ in 0..5 {
            let at = world.bank.clock.now();
            let wanted = gate::Try::new(&subject, &order.id, at).expect("random numbers");
            assert!(gate::pay_try(&world.bank.database, &wanted).await.expect("paid"));
        }
        let mut db = world.bank.database.writer().await.expect("a connection");
        assert!(gate::block_if_due(&mut db, &subject, world.bank.clock.now()).await.expect("closed"));
    };
    world.bank.clock.join(now + MONTH);
    block().await;
    let (challenge, _) = {
        world.bank.clock.join(now);
        world.ask(&person, &order.id, Method::Static).await.expect("a question")
    };
    world.answer(&person, &order.id, &challenge, PAYMENT, "").await.expect("paid");
    // One that is closed now stays so until midnight.
    world.tamper("UPDATE gate SET failures = 0, blocked_until = 0, blocks = 0".into()).await.expect("opened");
    block().await;
    assert_eq!(refused(world.pay_static(&person, "7").await), Refusal::StaticBlocked);
}

#[tokio::test]
async fn what_follows_a_seal_of_a_later_time_is_sealed() {
    let world = World::new().await;
    let (person, now) = (world.person("张三", OLD).await, world.bank.clock.now());
    world.bank.clock.join(now + MONTH);
    world.bank.seal().await.expect("sealed").expect("rows");
    world.bank.clock.join(now);
    world.pay_static(&person, "7").await.expect("paid");
    world.bank.seal_hourly().await.expect("sealed");
    world.bank.clock.join(now + 3 * HOUR);
    assert_eq!(world.bank.prove(None).await.expect("read").map(|_| ()), Ok(()));
}

/// Outsiders take no list whose time has not come.
#[tokio::test]
async fn a_list_of_a_later_time_is_made_anew() {
    let world = World::new().await;
    let now = world.bank.clock.now();
    let list = async || revocation::current(&world.bank, Kind::Payment, 1).await.expect("a list");
    world.bank.clock.join(now + MONTH);
    assert!(list().await.this_update > now);
    world.bank.clock.join(now);
    let (first, again) = (list().await, list().await);
    assert!(first.this_update <= now + MINUTE && first.number == again.number);
}

#[tokio::test]
async fn a_claim_of_a_later_time_is_left() {
    let world = World::new().await;
    let now = world.bank.clock.now();
    let shop = world.merchant("北京书店", "").await;
    let asked = idempotency::Asked { merchant: &shop.shop.merchant().id, name: "n", request: "r" };
    let mut db = world.bank.database.writer().await.expect("a connection");
    let is_ours =
        |turn: Result<idempotency::Turn, _>| matches!(turn.expect("asked"), idempotency::Turn::Own(_));
    assert!(is_ours(idempotency::claim(&mut db, &asked, now + MONTH).await));
    assert!(!is_ours(idempotency::claim(&mut db, &asked, now + MONTH).await), "it is at work");
    assert!(is_ours(idempotency::claim(&mut db, &asked, now).await), "whoever claimed it was killed");
    assert!(!is_ours(idempotency::claim(&mut db, &asked, now).await));
}

#[tokio::test]
async fn a_node_that_was_killed_at_a_later_time_does_not_count() {
    let world = World::new().await;
    let now = world.bank.clock.now();
    world.seen(now + MONTH).await;
    assert_eq!(world.nodes().await, 0);
    world.bank.join().await.expect("it serves");
    assert_eq!(world.nodes().await, 1);
    world.sweep().await;
    assert_eq!(world.tamper("DELETE FROM node".into()).await.expect("counted"), 1);
}

/// The database shows the time of a month later, to a node that starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_goes_by_the_time_of_those_that_serve() {
    let world = World::new().await;
    let now = world.bank.clock.now();
    world.bank.clock.join(now + MONTH);
    world.bank.join_time().await.expect("nobody serves");
    assert!(world.bank.clock.now() >= now + MONTH);
    world.seen(now - 1).await;
    let begun = Instant::now();
    let serve = async {
        for round in 0.. {
            world.seen(now + round).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = serve => {}
        joined = world.bank.join_time() => joined.expect("joined"),
    }
    let (shown, went) = (world.bank.clock.now(), Moment::try_from(begun.elapsed().as_millis()).unwrap());
    assert!((now..=now + went).contains(&shown), "{}", shown - now);
}

/// A node that doubts follows at once when all others do.
#[tokio::test]
async fn a_node_follows_a_jump_that_all_others_have_followed() {
    let world = World::new().await;
    let (clock, now) = (&world.bank.clock, world.bank.clock.now());
    clock.join(now - MONTH);
    let is_later = || clock.now() >= now;
    let mut known = Neighbours::default();
    let doubt = || {
        let at = Instant::now();
        assert!(clock.follow(now + HOUR, at, at).is_err() && clock.is_in_doubt());
    };
    doubt();
    world.seen(now - MONTH).await;
    let _ = world.bank.keep_time(&mut known).await;
    // The others go by the former time, or one of them does.
    world.seen(now - MONTH + 1).await;
    let _ = world.bank.keep_time(&mut known).await;
    assert!(!is_later());
    world.seen(now).await;
    let _ = world.bank.keep_time(&mut known).await;
    assert!(is_later() && !clock.is_in_doubt());
}
