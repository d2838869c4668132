//! Merchants: orders by API, once for each Idempotency-Key; the customer's page; and one payment, whatever happens at once.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    crawl::{FORM, ask, serve},
    world::{PASSWORD, PAYMENT, Person, World, from, refused},
};
use crate::{
    books::{merchant::Merchant, order::Order, purchase},
    error::{Error, Refusal, Result},
    identity,
    merchant::{self, NewMerchant, Wanted},
    pay::{self, standing::Method},
    random,
    rights::Shop,
};

const OLD: &str = "2006-01-01";
const SHOP: &str = "https://shop.example";

/// A merchant with its key.
pub(super) struct Keyed {
    pub(super) shop: Shop,
    pub(super) key: String,
    pub(super) secret: [u8; 32],
}

pub(super) fn wanted(reference: &str, amount: &str) -> Wanted {
    Wanted {
        reference: reference.into(),
        amount: amount.into(),
        memo: "一本书".into(),
        return_url: format!("{SHOP}/order/{reference}"),
        minutes: None,
    }
}

impl World {
    pub(super) async fn merchant(&self, name: &str, webhook: &str) -> Keyed {
        let new = NewMerchant {
            name: name.into(),
            account: None,
            return_origins: vec![SHOP.into()],
            webhook: webhook.into(),
        };
        let added = merchant::add(&self.bank, &new).await.expect("a merchant");
        let shop = Shop::by_key(&self.bank, &added.key).await.expect("read").expect("a living key");
        Keyed { shop, key: added.key, secret: *added.secret }
    }

    /// Orders, and gives the number.
    pub(super) async fn purchase(&self, keyed: &Keyed, amount: &str) -> String {
        let key = random::id().expect("random numbers");
        let reply = merchant::create(&self.bank, &keyed.shop, Some(&key), &wanted("A1", amount)).await;
        let body: Value = serde_json::from_str(&reply.expect("an order").body).expect("JSON");
        body["id"].as_str().expect("its number").to_owned()
    }

    /// The customer arrives and chooses the account.
    pub(super) async fn checkout(&self, person: &Person, id: &str) -> Result<Order> {
        let of = {
            let mut db = self.bank.database.connection().await?;
            let found = purchase::find(&mut db, id).await?.expect("it is there");
            let merchant: Option<Merchant> = crate::books::merchant::find(&mut db, &found.merchant).await?;
            (found, merchant.expect("it is there"))
        };
        pay::purchase(&self.bank, &self.payer(person).await?, (&of.0, &of.1), &random::id()?).await
    }

    pub(super) async fn pay_purchase(&self, person: &Person, id: &str) -> Result<String> {
        let order = self.checkout(person, id).await?;
        let (challenge, _) = self.ask(person, &order.id, Method::Static).await?;
        self.answer(person, &order.id, &challenge, PAYMENT, "").await?;
        Ok(order.id)
    }

    pub(super) async fn purchase_state(&self, id: &str) -> String {
        let mut db = self.bank.database.connection().await.expect("a connection");
        let found = purchase::find(&mut db, id).await.expect("read").expect("it is there");
        found.state(self.bank.clock.now()).to_owned()
    }
}

async fn count(world: &World) -> i64 {
    let mut db = world.bank.database.connection().await.expect("a connection");
    let (count,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM purchase").fetch_one(&mut *db).await.expect("counted");
    count
}

#[tokio::test]
async fn a_key_orders_once_and_another_order_wants_another_key() {
    let world = World::new().await;
    let keyed = world.merchant("北京书店", "").await;
    let create = async |key: Option<&'static str>, wanted: Wanted| {
        merchant::create(&world.bank, &keyed.shop, key, &wanted).await
    };
    for (key, why) in [(None, "none"), (Some(""), "empty"), (Some("\"\""), "empty"), (Some("é"), "not ASCII")]
    {
        assert_eq!(refused(create(key, wanted("A1", "7")).await), Refusal::NoIdempotencyKey, "{why}");
    }
    let long: &str = String::leak("x".repeat(256));
    assert_eq!(refused(create(Some(long), wanted("A1", "7")).await), Refusal::NoIdempotencyKey);
    // What is refused is not kept: the same key orders once the order is right.
    let elsewhere = Wanted { return_url: "https://evil.example/".into(), ..wanted("A1", "7") };
    assert_eq!(refused(create(Some("k"), elsewhere).await), Refusal::BadReturn);
    assert_eq!(refused(create(Some("k"), wanted("A1", "0")).await), Refusal::BadAmount);
    let first = create(Some("k"), wanted("A1", "7")).await.expect("an order");
    let again = create(Some("\"k\""), wanted("A1", "7")).await.expect("the same order");
    assert_eq!((first.status, first.is_replayed, again.status, again.is_replayed), (201, false, 201, true));
    assert_eq!(first.body, again.body);
    assert_eq!(refused(create(Some("k"), wanted("A1", "8")).await), Refusal::IdempotencyKeyReused);
    // The key of another merchant is another key.
    let other = world.merchant("上海水务公司", "").await;
    let theirs = merchant::create(&world.bank, &other.shop, Some("k"), &wanted("A1", "8")).await;
    assert!(!theirs.expect("an order").is_replayed);
    assert_eq!(count(&world).await, 2);
    // A key is kept for a day.
    world.tamper("UPDATE idempotency SET made_at = made_at - 86400001".into()).await.expect("a day later");
    assert!(!create(Some("k"), wanted("A1", "8")).await.expect("a new order").is_replayed);
    assert!(world.is_proven().await);
}

/// Whoever asks while the request is carried out is told so; a request that was killed is carried out by whoever asks next.
#[tokio::test]
async fn a_key_whose_request_runs_is_said_and_one_that_was_killed_is_taken_over() {
    let world = World::new().await;
    let keyed = world.merchant("北京书店", "").await;
    let create = async |wanted: Wanted| merchant::create(&world.bank, &keyed.shop, Some("k"), &wanted).await;
    create(wanted("A1", "7")).await.expect("an order");
    world.tamper("UPDATE idempotency SET state = 'running'".into()).await.expect("it runs");
    assert_eq!(refused(create(wanted("A1", "7")).await), Refusal::StillRunning);
    assert_eq!(refused(create(wanted("A1", "8")).await), Refusal::IdempotencyKeyReused);
    world.tamper("UPDATE idempotency SET until = 1".into()).await.expect("it was killed");
    assert!(!create(wanted("A1", "7")).await.expect("carried out").is_replayed);
    assert!(create(wanted("A1", "7")).await.expect("kept").is_replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_requests_with_one_key_are_one_order() {
    let world = Arc::new(World::new().await);
    let keyed = Arc::new(world.merchant("北京书店", "").await);
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (world, keyed) = (world.clone(), keyed.clone());
        tasks.spawn(async move {
            merchant::create(&world.bank, &keyed.shop, Some("one"), &wanted("A1", "7")).await
        });
    }
    let answers = tasks.join_all().await;
    let new = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|reply| !reply.is_replayed)).count();
    let right = |answer: &Result<_>| matches!(answer, Ok(_) | Err(Error::Refused(Refusal::StillRunning)));
    assert!(new == 1 && answers.iter().all(right), "{answers:?}");
    assert_eq!(count(&world).await, 1);
}

/// Thirty customers' orders, of two customers, for one order of a merchant: one pays, and the others are told and lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_payments_of_one_order_are_one_posting() {
    let world = Arc::new(World::new().await);
    let keyed = world.merchant("北京书店", "https://shop.example/paid").await;
    let id = world.purchase(&keyed, "7").await;
    let people = Arc::new([world.person("张三", OLD).await, world.person("李四", OLD).await]);
    let mut orders = Vec::new();
    for at in 0..30 {
        let order = world.checkout(&people[at % 2], &id).await.expect("an order");
        let (challenge, _) = world.ask(&people[at % 2], &order.id, Method::Static).await.expect("asked");
        orders.push((at % 2, order.id, challenge));
    }
    let mut tasks = JoinSet::new();
    for (at, order, challenge) in orders {
        let (world, people) = (world.clone(), people.clone());
        tasks.spawn(async move { world.answer(&people[at], &order, &challenge, PAYMENT, "").await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refused(answer), Refusal::PurchaseEnded);
    }
    let spent = 2_000_000 - world.balance(&people[0].account).await - world.balance(&people[1].account).await;
    assert_eq!((spent, world.balance(&keyed.shop.merchant().account).await), (700, 700));
    assert_eq!(world.purchase_state(&id).await, "paid");
    let mut db = world.bank.database.connection().await.expect("a connection");
    let told = crate::books::webhook::of_merchant(&mut db, &keyed.shop.merchant().id).await.expect("read");
    assert_eq!(told.len(), 1, "one outcome, one webhook");
    drop(db);
    assert!(world.is_proven().await);
    // Whoever writes into the database that another order was paid is found.
    world.tamper("UPDATE purchase SET amount = 800".into()).await.expect("tampered");
    assert!(!world.is_proven().await);
}

/// Whoever writes into the database that another posted order was for a merchant's order is found, too.
#[tokio::test]
async fn a_merchants_order_was_paid_by_one_order() {
    let world = World::new().await;
    let (keyed, person) = (world.merchant("北京书店", "").await, world.person("张三", OLD).await);
    let ids = [world.purchase(&keyed, "7").await, world.purchase(&keyed, "7").await];
    for id in &ids {
        world.pay_purchase(&person, id).await.expect("paid");
    }
    assert!(world.is_proven().await);
    let [first, second] = ids;
    let both = format!("UPDATE payment_order SET purchase = '{first}' WHERE purchase = '{second}'");
    world.tamper(both).await.expect("tampered");
    world
        .tamper(format!("UPDATE purchase SET state = 'open', payment = NULL WHERE id = '{second}'"))
        .await
        .expect("tampered");
    assert!(!world.is_proven().await);
}

#[tokio::test]
async fn an_order_that_was_cancelled_or_is_too_old_is_not_paid() {
    let world = World::new().await;
    let (keyed, person) = (world.merchant("北京书店", "").await, world.person("张三", OLD).await);
    let id = world.purchase(&keyed, "7").await;
    let order = world.checkout(&person, &id).await.expect("an order");
    let (challenge, _) = world.ask(&person, &order.id, Method::Static).await.expect("asked");
    merchant::cancel(&world.bank, &keyed.shop, &id).await.expect("cancelled");
    merchant::cancel(&world.bank, &keyed.shop, &id).await.expect("cancelled before");
    let answer = world.answer(&person, &order.id, &challenge, PAYMENT, "").await;
    assert_eq!(refused(answer), Refusal::PurchaseEnded);
    assert_eq!(world.state(&order.id).await, "refused");
    assert_eq!(refused(world.checkout(&person, &id).await), Refusal::PurchaseEnded);
    // Another merchant's order is not there.
    let other = world.merchant("上海水务公司", "").await;
    assert_eq!(refused(merchant::cancel(&world.bank, &other.shop, &id).await), Refusal::NotYours);
    // Paid: no cancelling any more.
    let second = world.purchase(&other, "8").await;
    world.pay_purchase(&person, &second).await.expect("paid");
    assert_eq!(refused(merchant::cancel(&world.bank, &other.shop, &second).await), Refusal::PurchaseEnded);
    // Too old.
    let third = world.merchant("第三家", "https://shop.example/paid").await;
    let late = world.purchase(&third, "9").await;
    world.tamper(format!("UPDATE purchase SET expires_at = 1 WHERE id = '{late}'")).await.expect("later");
    assert_eq!(world.purchase_state(&late).await, "expired");
    assert_eq!(refused(world.checkout(&person, &late).await), Refusal::PurchaseEnded);
    merchant::expire_late(&world.bank).await.expect("written down");
    let mut db = world.bank.database.connection().await.expect("a connection");
    let told = crate::books::webhook::of_merchant(&mut db, &third.shop.merchant().id).await.expect("read");
    assert!(told.len() == 1 && told[0].body.contains("order.expired"), "{told:?}");
    drop(db);
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn keys_are_replaced_and_a_merchant_that_is_stopped_orders_nothing() {
    let world = World::new().await;
    let keyed = world.merchant("北京书店", "").await;
    let known = async |key: &str| Shop::by_key(&world.bank, key).await.expect("read").is_some();
    let second = merchant::another_key(&world.bank, "北京书店", false).await.expect("a key");
    assert!(known(&keyed.key).await && known(&second).await, "the former one goes on for a day");
    let third = merchant::another_key(&world.bank, "北京书店", true).await.expect("a key");
    assert!(!known(&keyed.key).await && !known(&second).await && known(&third).await);
    let secret = merchant::another_secret(&world.bank, "北京书店", false).await.expect("a secret");
    assert_ne!(*secret, keyed.secret);
    let id = world.purchase(&keyed, "7").await;
    merchant::stop(&world.bank, "北京书店").await.expect("stopped");
    assert!(!known(&third).await && world.purchase_state(&id).await == "cancelled");
    assert_eq!(refused(merchant::stop(&world.bank, "nobody").await), Refusal::MerchantUnknown);
    // An order that was on its way when the merchant was stopped is written, and paid by nobody.
    world
        .tamper("UPDATE purchase SET state = 'open', ended_at = NULL".into())
        .await
        .expect("as if written later");
    let person = world.person("张三", OLD).await;
    assert_eq!(refused(world.pay_purchase(&person, &id).await), Refusal::PurchaseEnded);
    let twice = NewMerchant {
        name: "北京书店".into(),
        account: None,
        return_origins: vec![SHOP.into()],
        webhook: String::new(),
    };
    assert_eq!(refused(merchant::add(&world.bank, &twice).await), Refusal::MerchantExists);
    for target in ["ftp://shop.example/", "http://shop.example/", "https://a@b.example/", "shop.example"] {
        let answer = merchant::set_webhook(&world.bank, "北京书店", target).await;
        assert_eq!(refused(answer), Refusal::BadWebhook, "{target}");
    }
}

/// The whole way over HTTP: the merchant's program orders, the customer comes from elsewhere, logs in, pays, and finds the way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_comes_from_a_shop_pays_and_goes_back() {
    let world = World::new().await;
    let (keyed, person) = (world.merchant("北京书店", "").await, world.person("张三", OLD).await);
    let site = serve(world).await;
    let place = site.public;
    let bearer = format!("Authorization: Bearer {}\r\nAccept-Language: en\r\n", keyed.key);
    let json = format!("{bearer}Content-Type: application/json\r\nIdempotency-Key: \"1\"\r\n");
    let order = json!({ "reference": "A1", "amount": "7.00", "return_url": "https://shop.example/a?b=1" });
    let made = ask(place, "POST", "/api/merchant/order", &json, &order.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let body: Value = serde_json::from_str(&made.body).expect("JSON");
    let id = body["id"].as_str().expect("a number").to_owned();
    assert!(body["pay_url"].as_str().is_some_and(|url| url.ends_with(&format!("/pay/{id}"))), "{body}");
    let again = ask(place, "POST", "/api/merchant/order", &json, &order.to_string()).await;
    assert!(again.body == made.body && again.head.contains("idempotency-replayed: true"), "{}", again.head);
    for (head, body, status) in [
        (json.replace("Idempotency-Key: \"1\"\r\n", ""), order.to_string(), 400),
        (json.clone(), order.to_string().replace("7.00", "8.00"), 422),
        (json.clone(), "{}".into(), 400),
        (json.replace("Bearer merchant_", "Bearer x"), order.to_string(), 401),
        (json.clone(), order.to_string().replace("shop.example", "shop.example.evil"), 422),
    ] {
        let answer = ask(place, "POST", "/api/merchant/order", &head, &body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    // The page on which the customer arrives says nothing of the order, and the log-in leads back to it.
    let arrival = ask(place, "GET", &format!("/pay/{id}"), "", "").await;
    assert!(arrival.body.contains(&format!("href=\"/checkout/{id}\"")) && !arrival.body.contains("7.00"));
    let sent = ask(place, "GET", &format!("/checkout/{id}"), "", "").await;
    assert!(sent.head.contains(&format!("location: /sign-in?checkout={id}")), "{}", sent.head);
    let login = ask(place, "GET", &format!("/sign-in?checkout={id}"), "", "").await;
    let (visit, token) =
        (login.cookie("__Host-visit").expect("a visit"), login.after("name=\"token\" value=\""));
    let head = format!("Cookie: __Host-visit={visit}\r\nOrigin: http://{place}\r\n{FORM}");
    let form = |checkout: &str| {
        format!(
            "token={token}&account={}&password={}&checkout={checkout}",
            person.account,
            PASSWORD.replace(' ', "+")
        )
    };
    for (checkout, to) in [
        (id.as_str(), format!("/checkout/{id}")),
        ("//evil.example", "/account".into()),
        ("https://evil.example/", "/account".into()),
        ("", "/account".into()),
    ] {
        let entered = ask(place, "POST", "/sign-in", &head, &form(checkout)).await;
        assert!(entered.head.contains(&format!("location: {to}\r\n")), "{checkout}: {}", entered.head);
    }
    let entered = ask(place, "POST", "/sign-in", &head, &form(&id)).await;
    let session = entered.cookie("__Host-session").expect("a session");
    let own = format!(
        "Cookie: __Host-session={session}\r\nOrigin: http://{place}\r\nAccept-Language: en\r\n{FORM}"
    );
    // The account, the method, the answer.
    let page = ask(place, "GET", &format!("/checkout/{id}"), &own, "").await;
    assert!(page.body.contains("北京书店") && page.body.contains("7.00"), "{}", page.body);
    let (token, key) = (page.after("name=\"token\" value=\""), page.after("name=\"form_key\" value=\""));
    let form = format!("token={token}&form_key={key}&payer={}", person.account);
    let chosen = ask(place, "POST", &format!("/checkout/{id}"), &own, &form).await;
    let mark = "location: /order/";
    let order = chosen.head.split(mark).nth(1).and_then(|rest| rest.get(..32)).expect("an order").to_owned();
    let asked = format!("token={token}&method=static");
    assert_eq!(ask(place, "POST", &format!("/order/{order}/ask"), &own, &asked).await.status, 303);
    let page = ask(place, "GET", &format!("/order/{order}"), &own, "").await;
    let challenge = page.after("name=\"challenge\" value=\"");
    let answer = format!("token={token}&challenge={challenge}&password={PAYMENT}");
    assert_eq!(ask(place, "POST", &format!("/order/{order}/answer"), &own, &answer).await.status, 303);
    let page = ask(place, "GET", &format!("/order/{order}"), &own, "").await;
    assert!(page.body.contains("href=\"https://shop.example/a?b=1\""), "{}", page.body);
    // The merchant asks, too.
    let asked = ask(place, "GET", &format!("/api/merchant/order/{id}"), &bearer, "").await;
    let body: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!((body["state"].as_str(), body["payment"].as_str()), (Some("paid"), Some(order.as_str())));
    let list = ask(place, "GET", "/api/merchant/order", &bearer, "").await;
    let list: Value = serde_json::from_str(&list.body).expect("JSON");
    assert_eq!(list["orders"].as_array().expect("a list").len(), 1);
    let rest = ask(place, "GET", &format!("/api/merchant/order?before={id}"), &bearer, "").await;
    assert_eq!(rest.body, r#"{"orders":[]}"#);
    let nowhere = ask(place, "GET", &format!("/api/merchant/order/{}", "0".repeat(32)), &bearer, "").await;
    assert_eq!(nowhere.status, 404);
    site.close().await;
}

/// The session's own token is made for each log-in, so `identity` is what the page uses, too.
#[tokio::test]
async fn a_merchants_key_is_no_session() {
    let world = World::new().await;
    let (keyed, person) = (world.merchant("北京书店", "").await, world.person("张三", OLD).await);
    let token = identity::sign_in(&world.bank, &person.account, PASSWORD, &from()).await.expect("a session");
    assert!(Shop::by_key(&world.bank, &token).await.expect("read").is_none());
    let who = crate::rights::SignedIn::by_token(&world.bank, &keyed.key).await.expect("read");
    assert!(who.is_none());
}
