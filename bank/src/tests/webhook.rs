//! Webhooks: what merchants are told, by whom, how often, and what a server at the other end can do to the bank.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    task::JoinHandle,
    time::sleep,
};

use super::{merchant::Keyed, world::World};
use crate::{
    bank::Open,
    books::webhook::{self as book, Webhook},
    dial::Caller,
    merchant, random,
    secrets::Kind,
    webhook,
};

const OLD: &str = "2006-01-01";
const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// A merchant's server, which answers each request with the next of its answers, and the last one again and again.
struct Receiver {
    place: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    async fn open(answers: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (place, seen) = (listener.local_addr().expect("its place"), Arc::new(Mutex::new(Vec::new())));
        let (kept, at) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let at = at.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
                tokio::spawn(answer(stream, answers[at], kept.clone()));
            }
        });
        Self { place, seen, task }
    }

    fn url(&self) -> String {
        format!("http://{}/paid?x=1", self.place)
    }

    async fn count(&self) -> usize {
        self.seen.lock().await.len()
    }
}

/// Reads a request with its body, and answers. `endless`: bytes without an end. `silent`: nothing.
async fn answer(mut stream: TcpStream, answer: &str, seen: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    let whole = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length =
            head.to_lowercase().split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?;
        (body.len() >= length).then_some(text.clone())
    };
    let text = loop {
        let mut part = [0; 4096];
        let Ok(read @ 1..) = stream.read(&mut part).await else { return };
        bytes.extend_from_slice(&part[..read]);
        if let Some(text) = whole(&bytes) {
            break text;
        }
    };
    seen.lock().await.push(text);
    match answer {
        "silent" => sleep(Duration::from_secs(60)).await,
        "endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        "endless body" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        answer => {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

/// A bank that sends.
struct Node {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Node {
    fn start(bank: &Open, allows_private: bool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let caller = Caller { allows_private, tls: None };
        Self { stop, task: tokio::spawn(webhook::run(bank.clone(), caller, stopped)) }
    }

    async fn end(self) {
        self.stop.send(true).expect("told to stop");
        self.task.await.expect("no panic");
    }
}

struct Scene {
    bank: Open,
    keyed: Keyed,
    _folder: tempfile::TempDir,
}

/// A bank with a merchant who has one outcome to be told.
async fn scene(target: &str) -> Scene {
    paid(World::new().await, target, "7").await
}

async fn paid(world: World, target: &str, amount: &str) -> Scene {
    let keyed = world.merchant("北京书店", target).await;
    let person = world.person("张三", OLD).await;
    let id = world.purchase(&keyed, amount).await;
    world.pay_purchase(&person, &id).await.expect("paid");
    let World { bank, folder, .. } = world;
    Scene { bank: Arc::new(bank), keyed, _folder: folder }
}

impl Scene {
    async fn told(&self) -> Webhook {
        let mut db = self.bank.database.connection().await.expect("a connection");
        let mut rows = book::of_merchant(&mut db, &self.keyed.shop.merchant().id).await.expect("read");
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    /// Waits until the row is as wanted.
    async fn until(&self, is_right: impl Fn(&Webhook) -> bool) -> Webhook {
        let begun = Instant::now();
        loop {
            let told = self.told().await;
            if is_right(&told) {
                return told;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{told:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn tamper(&self, sql: &str) {
        let mut db = self.bank.database.connection().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *db).await.expect("changed");
    }
}

/// As a receiver checks a webhook: by the text of Standard Webhooks, and not by the bank's code.
fn is_signed(request: &str, secret: &[u8]) -> bool {
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
            .expect("it")
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key");
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    let right = format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == right)
}

#[tokio::test]
async fn an_outcome_is_told_once_and_signed() {
    let receiver = Receiver::open(vec![TAKEN]).await;
    let scene = scene(&receiver.url()).await;
    let node = Node::start(&scene.bank, true);
    let told = scene.until(|told| told.state == "sent").await;
    node.end().await;
    assert_eq!((told.tries, told.answer.as_str(), receiver.count().await), (1, "204", 1));
    let request = receiver.seen.lock().await[0].clone();
    assert!(
        request.starts_with("POST /paid?x=1 HTTP/1.1\r\n") && request.contains("\"type\":\"order.paid\"")
    );
    assert!(is_signed(&request, &scene.keyed.secret), "{request}");
    assert!(!is_signed(&request.replace("7.00", "8.00"), &scene.keyed.secret));
    // The operator has it sent again: the same id, so that the receiver knows it.
    merchant::resend(&scene.bank, &told.id).await.expect("resent");
    let node = Node::start(&scene.bank, true);
    scene.until(|told| told.state == "sent").await;
    node.end().await;
    let seen = receiver.seen.lock().await;
    assert!(seen.len() == 2 && seen.iter().all(|request| request.contains(&told.id)));
}

/// A merchant's server is changed between two webhooks: the former secret signs beside the new one for a day, or no more at all.
#[tokio::test]
async fn after_a_change_both_secrets_sign_for_a_day() {
    let receiver = Receiver::open(vec![TAKEN]).await;
    let mut scene = scene(&receiver.url()).await;
    let former = scene.keyed.secret;
    let path = scene._folder.path().join("secrets.json");
    let bank = Arc::get_mut(&mut scene.bank).expect("nobody else has it");
    // The file of secrets has another key, too: each secret is derived by the one that it was made with.
    bank.secrets.add(Kind::Form, bank.clock.now(), &path).expect("added");
    let told = async || {
        let node = Node::start(&scene.bank, true);
        let told = scene.until(|told| told.state == "sent").await;
        node.end().await;
        merchant::resend(&scene.bank, &told.id).await.expect("resent");
        receiver.seen.lock().await.pop().expect("a request")
    };
    assert!(is_signed(&told().await, &former), "by the key of that time");
    let second = merchant::another_secret(&scene.bank, "北京书店", false).await.expect("a secret");
    let request = told().await;
    assert!(is_signed(&request, &former) && is_signed(&request, second.as_slice()));
    // A day later.
    let mut db = scene.bank.database.writer().await.expect("a connection");
    let later = sqlx::query("UPDATE merchant SET former_secret_until = former_secret_until - 86400000");
    later.execute(&mut *db).await.expect("later");
    drop(db);
    let request = told().await;
    assert!(!is_signed(&request, &former) && is_signed(&request, second.as_slice()));
    let third = merchant::another_secret(&scene.bank, "北京书店", true).await.expect("a secret");
    let request = told().await;
    assert!(!is_signed(&request, second.as_slice()) && is_signed(&request, third.as_slice()));
}

/// What a server answers in place of "I have it", and what the operator reads. Nothing is followed, and it is tried again later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_2xx_is_tried_again() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for (answer, words) in [
        (redirect, "302: redirects are not followed"),
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "500"),
        ("SSH-2.0-x\r\n", "the answer is no HTTP, or has too long a head"),
        ("endless", "the answer is no HTTP, or has too long a head"),
        ("silent", "no answer within ten seconds"),
    ] {
        let receiver = Receiver::open(vec![answer]).await;
        let scene = scene(&receiver.url()).await;
        let node = Node::start(&scene.bank, true);
        let told = scene.until(|told| !told.answer.is_empty()).await;
        node.end().await;
        assert_eq!(
            (told.state.as_str(), told.tries, told.answer.as_str()),
            ("waiting", 1, words),
            "{answer}"
        );
        let pause = told.due_at - scene.bank.clock.now();
        assert!(pause <= 6000, "the first pause is about five seconds: {pause}");
        assert_eq!(receiver.count().await, 1, "{answer}");
    }
    // The body of an answer is not read, however long it is.
    let receiver = Receiver::open(vec!["endless body"]).await;
    let scene = scene(&receiver.url()).await;
    let node = Node::start(&scene.bank, true);
    scene.until(|told| told.state == "sent").await;
    node.end().await;
}

/// Fails once, and then is taken; the last try of all is followed by none.
#[tokio::test]
async fn a_server_that_comes_back_is_told_and_one_that_never_does_is_given_up() {
    let no = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
    let receiver =
        Receiver::open(vec![no, TAKEN, no, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"]).await;
    let scene = scene(&receiver.url()).await;
    let node = Node::start(&scene.bank, true);
    scene.until(|told| told.answer == "503").await;
    scene.tamper("UPDATE webhook SET due_at = 0").await;
    let told = scene.until(|told| told.state == "sent").await;
    assert_eq!(told.tries, 2);
    scene.tamper("UPDATE webhook SET state = 'waiting', tries = 9, due_at = 0").await;
    let told = scene.until(|told| told.state == "failed").await;
    assert_eq!((told.tries, told.answer.as_str()), (10, "503"));
    // 410 says that nobody wants it: no pause, no further try.
    merchant::resend(&scene.bank, &told.id).await.expect("resent");
    let told = scene.until(|told| told.answer == "410").await;
    assert_eq!((told.state.as_str(), told.tries), ("failed", 1));
    node.end().await;
}

/// More servers hang than there are places, and have waited longer: another merchant is told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_hang_delay_nobody_else() {
    const HANGING: usize = 70;
    let (silent, receiver) = (Receiver::open(vec!["silent"]).await, Receiver::open(vec![TAKEN]).await);
    let world = World::new().await;
    let owe = async |name: &str, target: &str, due: i64| {
        let keyed = world.merchant(name, target).await;
        let (purchase, id) = (world.purchase(&keyed, "7").await, random::id().expect("random numbers"));
        let mut db = world.bank.database.connection().await.expect("a connection");
        let merchant = &keyed.shop.merchant().id;
        book::add(&mut db, &id, merchant, &purchase, "{}", due).await.expect("owed");
        keyed
    };
    for number in 0..HANGING {
        owe(&format!("书店{number}"), &silent.url(), 1).await;
    }
    world.tamper("UPDATE webhook SET tries = 1".into()).await.expect("changed");
    let keyed = owe("北京书店", &receiver.url(), 2).await;
    let World { bank, folder, .. } = world;
    let scene = Scene { bank: Arc::new(bank), keyed, _folder: folder };
    let node = Node::start(&scene.bank, true);
    scene.until(|told| told.state == "sent").await;
    let asked = silent.count().await;
    assert!(asked < HANGING, "all {asked} that hang were asked before");
    node.task.abort();
}

/// A name that resolves to a private address is refused when the bank connects, so it does not matter what the name resolved to before.
#[tokio::test]
async fn no_private_address_is_called() {
    let receiver = Receiver::open(vec![TAKEN]).await;
    let port = receiver.place.port();
    for (target, words) in [
        (format!("https://localhost:{port}/"), "the host has a private address"),
        (format!("https://127.0.0.1:{port}/"), "the host has a private address"),
        (format!("https://[::1]:{port}/"), "the host has a private address"),
        ("https://10.0.0.1/".to_owned(), "the host has a private address"),
        ("https://169.254.169.254/latest/meta-data".to_owned(), "the host has a private address"),
        (receiver.url(), "http is for loopback, and wants `bank serve --allow-private-webhooks`"),
    ] {
        let scene = scene(&target).await;
        let node = Node::start(&scene.bank, false);
        let told = scene.until(|told| !told.answer.is_empty()).await;
        node.end().await;
        assert_eq!((told.state.as_str(), told.answer.as_str()), ("waiting", words), "{target}");
    }
    assert_eq!(receiver.count().await, 0, "nobody knocked");
}

/// `--test-rules`: one amount's webhook fails once without being sent, and another one's is sent twice.
#[tokio::test]
async fn test_rules_fail_and_repeat_webhooks() {
    for (amount, tries, sent) in [("7.98", 2, 1), ("7.99", 1, 2)] {
        let receiver = Receiver::open(vec![TAKEN]).await;
        let mut world = World::new().await;
        world.bank.settings.test_rules = true;
        let scene = paid(world, &receiver.url(), amount).await;
        let node = Node::start(&scene.bank, true);
        if amount == "7.98" {
            scene.until(|told| told.answer == "a test rule: not sent").await;
            scene.tamper("UPDATE webhook SET due_at = 0").await;
        }
        let told = scene.until(|told| told.state == "sent").await;
        node.end().await;
        assert_eq!((told.tries, receiver.count().await), (tries, sent), "{amount}");
    }
}

/// Two nodes with one set of books: one delivery. A node that is killed while it sends gives the row back after its lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_tell_once_and_a_killed_node_is_replaced() {
    let receiver = Receiver::open(vec![TAKEN]).await;
    let scene = scene(&receiver.url()).await;
    let nodes = [Node::start(&scene.bank, true), Node::start(&scene.bank, true)];
    let told = scene.until(|told| told.state == "sent").await;
    assert_eq!((told.tries, receiver.count().await), (1, 1));
    for node in nodes {
        node.end().await;
    }
    // As a node leaves the row that was killed between posting and sending, or between sending and writing down.
    let now = scene.bank.clock.now();
    let held = now + 20_000;
    scene
        .tamper(&format!(
            "UPDATE webhook SET state = 'waiting', tries = 1, leased_until = {held}, due_at = 0"
        ))
        .await;
    let due = async || {
        let mut db = scene.bank.database.connection().await.expect("a connection");
        crate::books::webhook::next(&mut db, now, false).await.expect("read").is_some()
    };
    assert!(!due().await, "another node's lease is respected");
    // No lease and no pause is as long as that: the clock was ahead.
    scene.tamper("UPDATE webhook SET leased_until = 9000000000000, due_at = 9000000000000").await;
    assert!(due().await);
    scene.tamper("UPDATE webhook SET leased_until = 1, due_at = 0").await;
    assert!(due().await);
    let nodes = [Node::start(&scene.bank, true), Node::start(&scene.bank, true)];
    let told = scene.until(|told| told.state == "sent").await;
    for node in nodes {
        node.end().await;
    }
    assert_eq!((told.tries, receiver.count().await), (2, 2), "at least once, by the same id");
    let seen = receiver.seen.lock().await;
    assert!(seen.iter().all(|request| request.contains(&told.id)));
}
