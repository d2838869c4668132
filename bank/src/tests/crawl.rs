//! The sites over HTTP: every route as every role, and requests that no page of ours sends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use super::world::{PASSWORD, World, from};
use crate::{books::contract, commands::anywhere, counter, identity, public, serve::Server};

pub(super) struct Site {
    pub(super) public: SocketAddr,
    pub(super) counter: SocketAddr,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// What stands behind this mark, up to the next quotation mark.
    pub(super) fn after(&self, mark: &str) -> &str {
        self.body.split(mark).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }

    /// The value of a cookie that the answer sets.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let mark = format!("set-cookie: {name}=").to_lowercase();
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&mark))?;
        line.get(mark.len()..)?.split(';').next()
    }
}

impl Site {
    /// Stops the server, which must not have panicked.
    pub(super) async fn close(self) {
        self.stop.send(true).expect("told to stop");
        timeout(Duration::from_secs(60), self.server).await.expect("stopped").expect("no panic");
    }
}

async fn raw(place: SocketAddr, request: &[u8]) -> Answer {
    answer(TcpStream::connect(place).await.expect("a connection"), request).await
}

/// What the other end answers, up to its end; the status is 0 where it answers nothing.
pub(super) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Answer {
    // A server that has refused may close before it has read all.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await.expect("an answer");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(super) async fn ask(place: SocketAddr, method: &str, path: &str, extra: &str, body: &str) -> Answer {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(place, head.as_bytes()).await
}

pub(super) const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A site with a customer in it; gives the account, another customer's account, and the world's tokens: of a customer, of one who
/// must choose a password, and of a teller.
async fn open() -> (Site, Vec<String>, [String; 3]) {
    let world = World::new().await;
    let one = world.person("张三", "2006-01-01").await;
    let other = world.person("李四", "2006-01-01").await;
    let order = world.order(&other, "7").await.expect("an order");
    let opening = crate::desk::Opening {
        name: "王五".into(),
        document: "AB123456".into(),
        phone: "13800000000".into(),
        deposit: String::new(),
        key: String::new(),
    };
    let new = crate::desk::open_account(&world.bank, &world.teller, &opening).await.expect("an account");
    let at = world.at_counter(&new, "AB123456").await;
    let first = crate::desk::make_contract(&world.bank, &world.teller, &at).await.expect("a contract");
    let mut db = world.bank.database.connection().await.expect("a connection");
    assert!(contract::find(&mut db, &at.customer().id).await.expect("read").expect("it").is_of_counter());
    drop(db);
    let tokens = [
        identity::sign_in(&world.bank, &one.account, PASSWORD, &from()).await.expect("a session"),
        identity::sign_in(&world.bank, &new, &first, &from()).await.expect("a session"),
        identity::sign_in_teller(&world.bank, "lin", PASSWORD, &from()).await.expect("a session"),
    ];
    let names = vec![one.account, other.account, order.id];
    (serve(world).await, names, tokens)
}

/// Serves a world.
pub(super) async fn serve(world: World) -> Site {
    let World { bank, folder, .. } = world;
    let server = Server::open(bank, anywhere()).await.expect("listeners");
    let place = |origins: &crate::origin::Origins| {
        origins.all()[1].strip_prefix("http://").expect("http").parse().expect("an address")
    };
    let (public, counter) = (place(&server.bank.public), place(&server.bank.counter));
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(server.run(stopped));
    Site { public, counter, stop, server, _folder: folder }
}

fn filled(path: &str) -> String {
    path.replace("{id}", "00000000000000000000000000000000")
        .replace("{number}", "6222020000000000")
        .replace("{tag}", "en")
        .replace("{name}", "contract")
        .replace("{generation}", "1")
        .replace("{*request}", "AAAA")
}

/// The public routes, which everybody may GET.
const PUBLIC: &[&str] = &[
    "/",
    "/register",
    "/register/agreement",
    "/registered",
    "/sign-in",
    "/pay/{id}",
    "/set-up",
    "/asset/style.css",
    "/asset/shield.js",
    "/asset/mark.svg",
    "/healthz",
    "/openapi.json",
    "/crl/payment.crl",
    "/crl/authentication.crl",
    "/crl/{generation}/payment.crl",
    "/crl/{generation}/authentication.crl",
    "/crl/payment.pem",
    "/crl/authentication.pem",
    "/ca/payment.pem",
    "/ca/authentication.pem",
    "/ca/payment-links.pem",
    "/ca/authentication-links.pem",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_every_role_as_the_table_says() {
    let (site, _, [customer, newcomer, teller]) = open().await;
    let roles = [
        ("nobody", String::new()),
        ("customer", format!("Cookie: __Host-session={customer}\r\n")),
        ("newcomer", format!("Cookie: __Host-session={newcomer}\r\n")),
        ("teller", format!("Cookie: __Host-teller={teller}\r\nAuthorization: Bearer {teller}\r\n")),
    ];
    let sides = [(site.public, public::routes().list, false), (site.counter, counter::routes().list, true)];
    let mut asked = 0;
    for (place, mut routes, is_counter) in sides {
        // It ends the teller's session, so it comes last.
        routes.sort_by_key(|(_, path)| *path == "/api/sign-out");
        for (method, path) in routes {
            for (role, cookie) in &roles {
                let extra = format!("{cookie}Origin: http://{place}\r\n{FORM}");
                let got = ask(place, method, &filled(path), &extra, "").await.status;
                let knows =
                    if is_counter { *role == "teller" } else { ["customer", "newcomer"].contains(role) };
                let may = match (method, path) {
                    // Programs show a code or a signed document, and no session.
                    ("POST", "/api/payment") => vec![422],
                    (_, path) if path.starts_with("/api/ocsp/") => vec![200],
                    // A merchant's key is none of these roles.
                    (_, path) if path.starts_with("/api/merchant/") => vec![401],
                    ("POST", path) if path.starts_with("/api/id/") => vec![400],
                    // No role makes a form without its token acceptable; the API wants JSON.
                    ("POST", path) if path.starts_with("/api/") && path != "/api/sign-in" && !knows => {
                        vec![401]
                    }
                    ("POST", "/api/sign-out") => vec![200, 401],
                    ("POST", path) if path.starts_with("/api/") => vec![400, 415, 401],
                    ("POST", "/sign-in" | "/register/data" | "/register/done") => vec![400, 403],
                    ("POST", _) if knows => vec![400, 403],
                    ("POST", _) => vec![401],
                    ("GET", "/language/{tag}" | "/register/data") => vec![303],
                    ("GET", "/api/approval") => vec![if knows { 200 } else { 401 }],
                    // This bank has no package of the assistant.
                    ("GET", "/set-up/{name}") => vec![404],
                    ("GET", "/") if is_counter => vec![if knows { 200 } else { 303 }],
                    ("GET", path) if PUBLIC.contains(&path) => vec![200],
                    ("GET", "/password") if knows => vec![200],
                    ("GET", _) if *role == "newcomer" => vec![303],
                    ("GET", path) if knows && path.contains('{') => vec![404],
                    ("GET", _) => vec![if knows { 200 } else { 303 }],
                    other => panic!("{other:?}"),
                };
                assert!(may.contains(&got), "{method} {path} as {role}: {got}, not {may:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 150, "{asked} questions");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused() {
    let (site, names, [customer, ..]) = open().await;
    let [_, other_account, other_order] = &names[..] else { panic!("three names") };
    let place = site.public;
    let own = format!("Cookie: __Host-session={customer}\r\n");
    // Another customer's account and order are not there.
    for path in [format!("/account/{other_account}"), format!("/order/{other_order}")] {
        assert_eq!(ask(place, "GET", &path, &own, "").await.status, 404, "{path}");
    }
    // A page of the bank, its token, and what the token does not open.
    let page = ask(place, "GET", "/transfer", &own, "").await;
    assert_eq!(page.status, 200);
    let (token, key) = (page.after("name=\"token\" value=\""), page.after("name=\"form_key\" value=\""));
    let form = format!(
        "token={token}&form_key={key}&payer={other_account}&payee=6222020000000000&payee_name=x&amount=1"
    );
    let same = format!("{own}Origin: http://{place}\r\n{FORM}");
    assert_eq!(ask(place, "POST", "/transfer", &same, &form).await.status, 404, "another's account pays");
    for (why, extra) in [
        ("no Origin", format!("{own}{FORM}")),
        ("another Origin", format!("{own}Origin: https://evil.test\r\n{FORM}")),
        ("Origin null", format!("{own}Origin: null\r\n{FORM}")),
    ] {
        assert_eq!(ask(place, "POST", "/transfer", &extra, &form).await.status, 403, "{why}");
    }
    let wrong = form.replace(token, &"0".repeat(64));
    assert_eq!(ask(place, "POST", "/transfer", &same, &wrong).await.status, 403, "a wrong token");
    assert_eq!(ask(place, "POST", "/transfer", &same, &"x".repeat(20_000)).await.status, 413);
    assert_eq!(
        raw(place, b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n").await.status,
        421
    );
    assert_eq!(ask(place, "GET", "/nowhere", &own, "").await.status, 404);
    // PostgreSQL has no U+0000 in a text: the bank refuses it before the database is asked, and does not fail.
    for (path, body) in
        [("/transfer", "payer=%00"), ("/transfer", "payer=\0"), ("/sign-in", "account=%00&password=x")]
    {
        assert_eq!(ask(place, "POST", path, &same, body).await.status, 400, "{body}");
    }
    assert_eq!(ask(place, "GET", "/account/%00", &own, "").await.status, 400);
    let api = "Content-Type: application/json\r\n";
    let nul = r#"{"name":"\u0000","password":"x"}"#;
    assert_eq!(ask(site.counter, "POST", "/api/sign-in", api, nul).await.status, 400);
    assert_eq!(ask(place, "DELETE", "/transfer", &same, "").await.status, 405);
    let allowed = ask(place, "GET", "/card/activate", &own, "").await;
    assert_eq!(allowed.status, 405);
    assert!(allowed.head.to_lowercase().contains("allow: post"), "{}", allowed.head);
    for session in ["0".repeat(64), "x".repeat(5000), "%00".into(), "' OR 1=1 --".into()] {
        let stolen = format!("Cookie: __Host-session={session}\r\n");
        let answer = ask(place, "GET", "/account", &stolen, "").await;
        assert_eq!(answer.status, 303, "{session}");
    }
    let home = ask(place, "GET", "/", "Accept-Language: en\r\n", "").await;
    let head = home.head.to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(head.contains(header), "{header} is not in {head}");
    }
    assert!(head.contains("__host-visit=") && head.contains("httponly") && head.contains("samesite=strict"));
    assert!(!home.body.contains("style=") && !home.body.contains("onclick"), "the policy would refuse it");
    assert!(home.body.contains("Personal Online Banking"));
    site.close().await;
}

/// The policy lets a script run, and lets it speak to the assistant, on the pages that have the script, and on no others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_that_reach_the_shield_run_a_script() {
    let (site, _, [customer, ..]) = open().await;
    let own = format!("Cookie: __Host-session={customer}\r\n");
    let mut with = Vec::new();
    for (method, path) in public::routes().list {
        if method != "GET" || path.starts_with("/asset/") {
            continue;
        }
        let page = ask(site.public, "GET", &filled(path), &own, "").await;
        let policy = page.head.lines().find(|line| line.starts_with("content-security-policy")).expect(path);
        let reaches = page.body.contains("<script");
        assert_eq!(policy.contains("script-src"), reaches, "{path}: {policy}");
        assert_eq!(
            policy.contains(
                "connect-src 'self' http://127.0.0.1:17320 http://127.0.0.1:17321 http://127.0.0.1:17322;"
            ),
            reaches,
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        if reaches {
            let nonce = page.after("src=\"/asset/shield.js\" nonce=\"");
            assert!(policy.contains(&format!("script-src 'nonce-{nonce}';")) && nonce.len() == 32, "{path}");
            assert_eq!(page.body.matches("<script").count(), 1, "{path}");
            with.push(path);
        }
    }
    assert_eq!(
        with,
        ["/set-up", "/shield/download", "/shield/pin"],
        "and the page of an order that asks the shield"
    );
    site.close().await;
}

/// Each kind of failure is a page of the bank, in the reader's language, and tells nothing of the inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_a_page_in_both_languages_without_the_inside() {
    let world = World::new().await;
    let person = world.person("张三", "2006-01-01").await;
    let token = identity::sign_in(&world.bank, &person.account, PASSWORD, &from()).await.expect("a session");
    // The books lose a table behind the bank's back, and every page that wants it fails.
    world.tamper("DROP TABLE posting".into()).await.expect("dropped");
    let World { bank, folder: _folder, .. } = world;
    let server = Server::open(bank, anywhere()).await.expect("listeners");
    let place: SocketAddr =
        server.bank.public.all()[1].strip_prefix("http://").expect("http").parse().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(server.run(stopped));
    let own = format!("Cookie: __Host-session={token}\r\nOrigin: http://{place}\r\n{FORM}");
    let statement = format!("/account/{}", person.account);
    for (language, words) in [("en", "The bank has a fault"), ("zh", "银行系统出错")] {
        let own = format!("{own}Accept-Language: {language}\r\n");
        let fault = ask(place, "GET", &statement, &own, "").await;
        assert!(fault.status == 500 && fault.body.contains(words), "{} {}", fault.status, fault.body);
        for (method, path, body, status) in [
            ("GET", "/nowhere", String::new(), 404),
            ("GET", "/order/0", String::new(), 404),
            ("GET", "/card/activate", String::new(), 405),
            ("POST", "/transfer", "x".repeat(20_000), 413),
            ("POST", "/transfer", "x".into(), 400),
            ("GET", statement.as_str(), String::new(), 500),
        ] {
            let answer = ask(place, method, path, &own, &body).await;
            assert_eq!(answer.status, status, "{method} {path}");
            let page = answer.body.as_str();
            let is_ours =
                page.contains(&format!("<html lang=\"{language}\">")) && page.contains("role=\"alert\"");
            assert!(is_ours, "{method} {path}: {page}");
            for inside in ["SELECT", "posting", "sqlx", "no such table", "does not exist", "src/", "panicked"]
            {
                assert!(!page.contains(inside), "{method} {path} tells {inside}: {page}");
            }
        }
    }
    stop.send(true).expect("told to stop");
    timeout(Duration::from_secs(60), server).await.expect("stopped").expect("no panic");
}

/// Whoever comes with a session that has ended is told so once, and the cookie goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_ended_is_said_and_its_cookie_removed() {
    let (site, ..) = open().await;
    let place = site.public;
    let stale = format!("Cookie: __Host-session={}\r\nAccept-Language: en\r\n", "0".repeat(64));
    let sent = ask(place, "GET", "/account", &stale, "").await;
    let head = sent.head.to_lowercase();
    assert!(sent.status == 303 && head.contains("location: /sign-in?ended"), "{head}");
    assert!(head.contains("set-cookie: __host-session=;") && head.contains("max-age=0"), "{head}");
    let told = ask(place, "GET", "/sign-in?ended", "Accept-Language: en\r\n", "").await;
    assert!(told.body.contains("your session has ended"), "{}", told.body);
    let nobody = ask(place, "GET", "/account", "", "").await.head.to_lowercase();
    assert!(nobody.contains("location: /sign-in\r\n") && !nobody.contains("__host-session"), "{nobody}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_comes_is_not_waited_for() {
    let (site, _, _) = open().await;
    let place = site.public;
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {place}\r\nOrigin: http://{place}\r\n{FORM}Content-Length: 100\r\n\r\na="
    );
    // PATIENCE is 20 seconds: the answer comes without the body.
    assert_eq!(raw(place, head.as_bytes()).await.status, 408);
    site.close().await;
}
