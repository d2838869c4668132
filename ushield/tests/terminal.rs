//! Text that strangers write reaches a terminal as harmless text only. Nobody is asked about an order that cannot be
//! signed.

use crate::world::World;
use payment::{order, seal};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SigningKey,
};
use std::{convert::Infallible, fs, time::SystemTime};

/// A text that clears the screen, begins a line of its own, and turns the direction of writing.
const HOSTILE: &str = "\u{1b}[2J张三\nGOOD\r\u{202e}\u{9b}31m\u{200b}\u{7}";

/// Requires that a text has nothing that a terminal obeys. Our own line ends are its only control characters, and no
/// mark turns or hides its characters.
fn harmless(text: &str) {
    for c in text.chars() {
        assert!(c == '\n' || !c.is_control(), "{c:?} in {text:?}");
        assert!(
            !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            "{text:?}"
        );
    }
    assert!(!text.lines().any(|line| line.starts_with("GOOD\\r") || line.trim() == "GOOD"), "{text:?}");
}

/// An order that is issued and expires at these times, in seconds from now.
fn an_order(issued: i64, expires: i64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let time = |after: i64| {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs((now + after) as u64);
        order::format_time(at).unwrap()
    };
    format!(
        r#"{{"number": "1", "nonce": "000102030405060708090a0b0c0d0e0f", "payer_account": "6222", "payee_name": "上海水务",
        "payee_account": "1001", "amount": "1.00", "currency": "CNY", "issued": "{}", "expires": "{}"}}"#,
        time(issued),
        time(expires)
    )
}

/// A good payment. The CA certified its holder under a name that no terminal should see raw.
fn a_hostile_payment(world: &World) -> [String; 2] {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, HOSTILE);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, HOSTILE);
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), HOSTILE);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    let purpose = wire::payment::PAYMENT_PURPOSE.arcs().map(u64::from).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().to_vec();
    let order = order::from_json(&an_order(-60, 600)).unwrap();
    let sign = |bytes: &[u8]| Ok::<_, Infallible>(key.sign(bytes).unwrap());
    let document = world.path("payment.cms");
    fs::write(&document, seal(&order, &[certificate], sign).unwrap()).unwrap();
    [document.to_str().unwrap().into(), world.file("ca.pem", &ca)]
}

#[test]
fn verify_prints_a_strangers_name_escaped() {
    let world = World::new();
    let [document, ca] = a_hostile_payment(&world);
    let said = world.done(&["verify", &document, "--ca", &ca]);
    harmless(&said);
    assert!(said.contains("\\u{1b}[2J张三\\nGOOD\\r\\u{202e}\\u{9b}31m"), "{said}");
    let said = world.done(&["verify", &document, "--ca", &ca, "--json"]);
    harmless(&said);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["holder"]["name"], HOSTILE);
}

#[test]
fn reasons_that_quote_a_file_are_escaped() {
    let world = World::new();
    let order = serde_json::to_string(&serde_json::json!({ HOSTILE: 1 })).unwrap();
    let order = world.file("order.json", &order);
    let out = world.path("out.cms");
    let pay = world.run(&["pay", &order, "--out", out.to_str().unwrap()]);
    assert_eq!(pay.code, 1);
    harmless(&pay.complained);
    assert!(pay.complained.contains("\\u{1b}[2J"), "{}", pay.complained);
    // The name of a file is a stranger's text, too.
    let missing = world.path("\u{1b}[2J\u{202e}\nGOOD");
    let verify = world.run(&["verify", missing.to_str().unwrap(), "--ca", missing.to_str().unwrap()]);
    assert_eq!(verify.code, 2);
    harmless(&verify.complained);
    let json = world.run(&["verify", missing.to_str().unwrap(), "--ca", missing.to_str().unwrap(), "--json"]);
    harmless(&json.said);
    serde_json::from_str::<serde_json::Value>(&json.said).unwrap();
    // A driver of another vendor, whose reader has whatever name the vendor likes. XML cannot hold ESC.
    let drivers = world.path("root/usr/lib/pcsc/drivers");
    let list = |product: &str, name: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\
             <key>CFBundleExecutable</key><string>lib.so</string>\
             <key>ifdVendorID</key><array><string>0x163C</string></array>\
             <key>ifdProductID</key><array><string>{product}</string></array>\
             <key>ifdFriendlyName</key><array><string>{name}</string></array></dict></plist>\n"
        )
    };
    for (bundle, product, name) in
        [("ifd-ccid.bundle", "0x0407", "Watchdata"), ("other.bundle", "0x0408", "x\nGOOD\n\u{202e}\u{85}y")]
    {
        let folder = drivers.join(bundle).join("Contents");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Info.plist"), list(product, name)).unwrap();
    }
    let root = world.path("root");
    let said = world.done(&["driver", "list", "--root", root.to_str().unwrap()]);
    harmless(&said);
    assert!(said.contains("\\u{202e}"), "{said}");
}

/// Neither a token nor the holder is asked. The reason speaks of the order, although no token answers at the address.
#[test]
fn an_expired_order_asks_nobody() {
    let world = World::new();
    let expired = world.file("expired.json", &an_order(-700, -100));
    let out = world.path("out.cms");
    let pay = ["pay", &expired, "--out", out.to_str().unwrap(), "--usbip", "127.0.0.1:1"];
    let ended = world.run(&pay);
    assert_eq!(ended.code, 1);
    assert!(ended.complained.contains("the order expired at"), "{}", ended.complained);
    assert!(!ended.complained.contains("127.0.0.1"), "{}", ended.complained);
    // An order with an amount that no token shows is refused in the same way.
    let amount = an_order(-60, 600).replace("上海水务", "壹佰元整");
    let amount = world.file("amount.json", &amount);
    let ended = world.run(&["pay", &amount, "--out", out.to_str().unwrap(), "--usbip", "127.0.0.1:1"]);
    assert!(ended.complained.contains("reads like an amount of money"), "{}", ended.complained);
}

/// An order that no bank takes is refused before a token or the holder is asked. So is a CA file that holds no CA.
#[test]
fn what_no_bank_could_check_asks_nobody() {
    const DAY: i64 = 24 * 3600;
    let world = World::new();
    let out = world.path("out.cms");
    let pay = |order: &str, ca: &[&str]| {
        let order = world.file("order.json", order);
        let pay = ["pay", &order, "--out", out.to_str().unwrap(), "--usbip", "127.0.0.1:1"];
        let ended = world.run(&[&pay, ca].concat());
        assert_eq!(ended.code, 1);
        ended.complained
    };
    let said = pay(&an_order(-60, 31 * DAY), &[]);
    assert!(said.contains("longer than 31 days") && !said.contains("127.0.0.1"), "{said}");
    let (junk, missing) = (world.file("junk.pem", "junk"), world.path("missing.pem"));
    for ca in [junk.as_str(), missing.to_str().unwrap()] {
        let said = pay(&an_order(-60, 600), &["--ca", ca]);
        assert!(!said.contains("127.0.0.1"), "{said}");
        assert!(said.contains("CA") || said.contains("missing.pem"), "{said}");
    }
    // Some banks allow such an order. The holder is told that, and the token is asked, which is not there.
    let said = pay(&an_order(-60, 3 * DAY), &[]);
    assert!(said.contains("longer than 24 hours") && said.contains("127.0.0.1"), "{said}");
}

/// The check after the signature allows what a bank may allow.
#[test]
fn an_order_of_three_days_is_signed_and_checked() {
    let world = World::new();
    let pin = world.file("pin", "135246\n");
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", "accept"]);
    world.enrol(&up, "135246");
    let order = world.file("order.json", &an_order(-60, 3 * 24 * 3600));
    let (out, ca) = (world.path("out.cms"), world.path("ca/ca.pem"));
    let pay = ["pay", &order, "--out", out.to_str().unwrap(), "--ca", ca.to_str().unwrap()];
    world.done(&[&pay[..], &["--usbip", &up.road(), "--pin-file", &pin]].concat());
    let verify = ["verify", out.to_str().unwrap(), "--ca", ca.to_str().unwrap()];
    assert!(world.run(&verify).said.contains("order_lifetime"));
    world.done(&[&verify[..], &["--order-hours", "96"]].concat());
}

/// The checks of a document that is missing or refused are worth nothing. The answer says that nothing was checked.
#[test]
fn only_what_is_good_was_checked() {
    let world = World::new();
    let [document, ca] = a_hostile_payment(&world);
    let order = world.file("order.json", &an_order(-60, 600));
    let held = ["--payer", "6222", "--account", "6222", "--order", &order, "--json"];
    let junk = world.file("junk.cms", "junk");
    for (document, good) in
        [("/nowhere.cms", serde_json::Value::Null), (&junk, false.into()), (&document, false.into())]
    {
        let ended = world.run(&[&["verify", document, "--ca", &ca][..], &held].concat());
        let report: serde_json::Value = serde_json::from_str(&ended.said).unwrap();
        assert_eq!(report["good"], good, "{report}");
        for name in ["revocation", "payer", "account", "issued_order", "replay"] {
            assert_eq!(report[name], "not_checked", "{document} {name}: {report}");
        }
    }
}

/// The refusal of an amount that is too long for the screen does not blame its characters.
#[test]
fn an_amount_without_room_is_refused_for_that() {
    let world = World::new();
    let pin = world.file("pin", "135246\n");
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", "accept"]);
    world.enrol(&up, "135246");
    let long = an_order(-60, 600).replace("\"1.00\"", "\"99999999999999999.99\"");
    let long = world.file("long.json", &long);
    let out = world.path("out.cms");
    let ended =
        world.run(&["pay", &long, "--out", out.to_str().unwrap(), "--usbip", &up.road(), "--pin-file", &pin]);
    assert_eq!(ended.code, 1);
    assert!(ended.complained.contains("has no room"), "{}", ended.complained);
    assert!(!ended.complained.contains("zero-width"), "{}", ended.complained);
}
