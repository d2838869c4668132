//! Sessions, first passwords and the second look at payments: the rows of ASVS 5.0 in `docs/bank.md`.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::{
    crawl::{FORM, ask, serve},
    world::{PASSWORD, World, from, refused},
};
use crate::{
    books::session::{self, SessionKind},
    clock::{DAY, HOUR, MINUTE},
    demo::stop_teller,
    desk,
    error::Refusal,
    identity,
    password::Hasher,
    pay::standing::Method,
    rights::{SignedIn, Teller},
    settings::{ONE_TIME, Settings},
};

const OLD: &str = "2006-08-31";

async fn goes_on(world: &World, token: &str) -> bool {
    SignedIn::by_token(&world.bank, token).await.expect("read").is_some()
}

async fn teller_goes_on(world: &World, token: &str) -> bool {
    Teller::by_token(&world.bank, token).await.expect("read").is_some()
}

async fn token(world: &World, account: &str) -> String {
    identity::sign_in(&world.bank, account, PASSWORD, &from()).await.expect("a session")
}

/// ASVS 7.2.3 and 7.2.4: 256 random bits, others each time, and the table does not have them.
#[tokio::test]
async fn a_token_is_long_new_and_not_in_the_database() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let (one, other) = (token(&world, &person.account).await, token(&world, &person.account).await);
    for token in [&one, &other] {
        assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", token.len());
        let found = world.tamper(format!("UPDATE session SET agent = 'x' WHERE token = '{token}'")).await;
        assert_eq!(found.expect("asked"), 0, "the table has the digest only");
    }
    assert_ne!(one, other);
}

/// ASVS 7.3.1 and 7.3.2: a session ends when nobody clicks, and at last in any case.
#[tokio::test]
async fn a_session_ends_idle_and_ends_at_last() {
    let world = World::new().await;
    let (idle, now) = (world.bank.settings.idle(), world.bank.clock.now());
    for (sql, lasts) in [
        (format!("UPDATE session SET seen_at = {}", now - idle + MINUTE), true),
        (format!("UPDATE session SET seen_at = {}", now - idle - 1), false),
        (format!("UPDATE session SET ends_at = {}", now + HOUR), true),
        (format!("UPDATE session SET ends_at = {now}"), false),
    ] {
        let person = world.person("张三", OLD).await;
        let token = token(&world, &person.account).await;
        let teller =
            identity::sign_in_teller(&world.bank, "lin", PASSWORD, &from()).await.expect("a session");
        world.tamper(sql.clone()).await.expect("later");
        assert_eq!(goes_on(&world, &token).await, lasts, "{sql}");
        assert_eq!(teller_goes_on(&world, &teller).await, lasts, "{sql}");
    }
}

/// ASVS 7.4.1 to 7.4.3 and 7.4.5: who logs out, changes a password, is reset or is stopped has no session any more.
#[tokio::test]
async fn sessions_end_by_the_customer_by_a_new_password_and_by_a_teller() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let at = world.at_counter(&person.account, &person.document).await;
    let pair = async || [token(&world, &person.account).await, token(&world, &person.account).await];
    let who =
        async |token: &str| SignedIn::by_token(&world.bank, token).await.expect("read").expect("a customer");
    let both =
        async |tokens: &[String; 2]| (goes_on(&world, &tokens[0]).await, goes_on(&world, &tokens[1]).await);

    let tokens = pair().await;
    identity::sign_out(&world.bank, &who(&tokens[0]).await).await.expect("out");
    assert_eq!(both(&tokens).await, (false, true), "a log-out ends one session");

    let tokens = pair().await;
    let other = who(&tokens[1]).await.session().id.clone();
    let settled = who(&tokens[0]).await.settle().expect("a chosen password");
    identity::end_one(&world.bank, &settled, &other).await.expect("ended");
    assert_eq!(both(&tokens).await, (true, false), "a customer ends one of the list");
    assert_eq!(refused(identity::end_one(&world.bank, &settled, &other).await), Refusal::NotYours);
    identity::end_all(&world.bank, &settled).await.expect("ended");
    assert_eq!(both(&tokens).await, (false, false));

    let tokens = pair().await;
    desk::end_sessions(&world.bank, &world.teller, &at).await.expect("ended");
    assert_eq!(both(&tokens).await, (false, false), "a teller ends all");

    let tokens = pair().await;
    let me = who(&tokens[0]).await;
    identity::choose_password(&world.bank, &me, PASSWORD, "another of 2026", &from()).await.expect("chosen");
    assert_eq!(both(&tokens).await, (false, false), "a new password ends all");

    let teller = identity::sign_in_teller(&world.bank, "lin", PASSWORD, &from()).await.expect("a session");
    assert!(teller_goes_on(&world, &teller).await);
    assert!(stop_teller(&world.bank, "lin").await.expect("stopped"));
    assert!(!teller_goes_on(&world, &teller).await, "who works here no more has no session");
    let mut db = world.bank.database.connection().await.expect("a connection");
    let left = session::of_subject(&mut db, SessionKind::Teller, "lin", world.bank.clock.now(), DAY).await;
    assert!(left.expect("read").is_empty());
}

/// ASVS 6.4.1 and 6.4.6: the teller starts a reset and chooses nothing; what the bank makes is random, ends, and must be changed.
#[tokio::test]
async fn a_first_password_is_random_ends_and_must_be_changed() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let before = token(&world, &person.account).await;
    let at = world.at_counter(&person.account, &person.document).await;
    let first = desk::reset_login(&world.bank, &world.teller, &at).await.expect("reset");
    let second = desk::reset_login(&world.bank, &world.teller, &at).await.expect("reset");
    assert!(first != second && second.len() >= 12);
    assert!(!goes_on(&world, &before).await, "a reset ends all sessions");
    let sign_in =
        async |password: &str| identity::sign_in(&world.bank, &person.account, password, &from()).await;
    assert_eq!(refused(sign_in(PASSWORD).await), Refusal::WrongLogin);
    assert_eq!(refused(sign_in(&first).await), Refusal::WrongLogin);
    let token = sign_in(&second).await.expect("a session");
    let who = SignedIn::by_token(&world.bank, &token).await.expect("read").expect("a customer");
    assert_eq!(who.settle().expect_err("no right before the change"), Refusal::ChangePasswordFirst);
    // Ten days are over: neither a log-in nor the session that is still open gets any further.
    assert_eq!(ONE_TIME, 10 * DAY);
    world.tamper("UPDATE login_password SET expires_at = 1 WHERE one_time = 1".into()).await.expect("later");
    assert_eq!(refused(sign_in(&second).await), Refusal::WrongLogin);
    let who = SignedIn::by_token(&world.bank, &token).await.expect("read").expect("a customer");
    let late = identity::choose_password(&world.bank, &who, &second, "another of 2026", &from()).await;
    assert_eq!(refused(late), Refusal::WrongPassword);
}

/// ASVS 6.3.8: unknown accounts and wrong passwords have one answer, and the same hash is computed for both.
#[tokio::test]
async fn an_unknown_account_costs_what_a_known_one_costs() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let mut work = Vec::new();
    for account in [person.account.as_str(), "6222020000000000", "no number"] {
        let before = world.bank.hasher.work();
        let answer = identity::sign_in(&world.bank, account, "wrong password", &from()).await;
        assert_eq!(refused(answer), Refusal::WrongLogin);
        work.push(world.bank.hasher.work() - before);
    }
    assert!(work[0] > 0 && work.iter().all(|one| *one == work[0]), "KiB that were filled: {work:?}");
}

/// ASVS 7.5.3: an open session pays nothing without the payment password, and sets none without the log-in password.
#[tokio::test]
async fn an_open_session_alone_pays_nothing() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let order = world.order(&person, "7").await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("a challenge");
    for password in ["", PASSWORD] {
        let answer = world.answer(&person, &order.id, &challenge, password, "").await;
        assert_eq!(refused(answer), Refusal::WrongAnswer);
    }
    let chosen =
        identity::choose_payment_password(&world.bank, &person.customer, "", "thief2026", &from()).await;
    assert_eq!(refused(chosen), Refusal::WrongPassword);
    assert_eq!(world.balance(&person.account).await, 1_000_000);
}

/// ASVS 7.2.4 and 7.4.4 over HTTP: a log-in gives another token and ends the former one, whose value is in no other cookie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_leaves_no_session_behind_and_each_page_has_the_way_out() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let former = token(&world, &person.account).await;
    let site = serve(world).await;
    let place = site.public;
    let own = format!("Cookie: __Host-session={former}\r\n");
    for path in ["/account", "/transfer", "/order", "/method", "/card", "/session", "/password"] {
        let page = ask(place, "GET", path, &own, "").await;
        assert!(page.status == 200 && page.body.contains("action=\"/sign-out\""), "{path} has no way out");
        assert_eq!(
            page.cookie("__Host-visit"),
            None,
            "{path}: the session's token is in its own cookie only"
        );
    }
    let page = ask(place, "GET", "/sign-in", &own, "").await;
    let form = format!(
        "token={}&account={}&password={}",
        page.after("name=\"token\" value=\""),
        person.account,
        PASSWORD.replace(' ', "+")
    );
    let same = format!("{own}Origin: http://{place}\r\n{FORM}");
    let answer = ask(place, "POST", "/sign-in", &same, &form).await;
    let token = answer.cookie("__Host-session").expect("a session");
    assert!(answer.status == 303 && token != former);
    assert_eq!(ask(place, "GET", "/account", &own, "").await.status, 303, "the former session goes on");
    let new = format!("Cookie: __Host-session={token}\r\n");
    assert_eq!(ask(place, "GET", "/account", &new, "").await.status, 200);
    // What is cached for all sets no cookie, and what is not found is not cached: its page has a form with a token.
    let style = ask(place, "GET", "/asset/style.css", "", "").await;
    assert!(style.head.contains("public") && style.cookie("__Host-visit").is_none(), "{}", style.head);
    assert!(ask(place, "GET", "/asset/nothing.css", &new, "").await.head.contains("no-store"));
    site.close().await;
}

/// Whoever clicks and goes away has answered all the same: the try is judged, and not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_browser_goes_away_is_judged_all_the_same() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    let slow = Hasher::new(&Settings { argon2_memory: 65_536, argon2_passes: 6, ..Settings::default() });
    let hash = slow.hash(super::world::PAYMENT).await.expect("a hash");
    world.tamper(format!("UPDATE payment_password SET hash = '{hash}'")).await.expect("a slow hash");
    let order = world.order(&person, "7").await.expect("an order").id;
    let token = token(&world, &person.account).await;
    let site = serve(world).await;
    let place = site.public;
    let own = format!("Cookie: __Host-session={token}\r\n");
    let same = format!("{own}Origin: http://{place}\r\n{FORM}");
    let path = format!("/order/{order}");
    let page = ask(place, "GET", &path, &own, "").await;
    let form = format!("token={}&method=static", page.after("name=\"token\" value=\""));
    assert_eq!(ask(place, "POST", &format!("{path}/ask"), &same, &form).await.status, 303);
    let page = ask(place, "GET", &path, &own, "").await;
    let challenge = page.after("name=\"challenge\" value=\"");
    let form = format!("{form}&challenge={challenge}&password={}", super::world::PAYMENT);
    let head = format!(
        "POST {path}/answer HTTP/1.1\r\nHost: {place}\r\n{same}Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(place).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    sleep(Duration::from_millis(100)).await;
    drop(stream);
    for _ in 0..600 {
        let page = ask(place, "GET", &path, &own, "").await;
        if !page.body.contains("/answer") && page.status == 200 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let accounts = ask(place, "GET", &format!("/account/{}", person.account), &own, "").await;
    assert!(accounts.body.contains("9,993.00"), "the answer was lost");
    site.close().await;
}
