//! The law against small houses that exist in memory only.

use super::{Crate, crate_climbers, module::House};

fn krate(name: &str, dependencies: &[&str]) -> Crate {
    let dependencies = dependencies.iter().map(|name| (*name).into()).collect();
    Crate { name: name.into(), dependencies, houses: Vec::new() }
}

fn house(files: &[(&str, &str)]) -> House {
    let files = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    House { folder: "firmware/src".into(), root: "lib.rs".into(), files }
}

/// A firmware with this `pin`, which has a child `tries` that imports `vault`.
fn firmware(pin: &str) -> House {
    let root =
        "mod token; pub mod vault; mod pin; mod seams; pub use token::Token; #[cfg(test)] mod fixture;";
    let tries = ("pin/tries.rs", "use crate::vault::Vault;");
    house(&[("lib.rs", root), ("pin.rs", pin), tries, ("token.rs", ""), ("vault.rs", ""), ("seams.rs", "")])
}

fn climbers(house: &House) -> Vec<String> {
    house.climbers().iter().map(ToString::to_string).collect()
}

#[test]
fn a_driver_library_that_reaches_the_firmware_is_named() {
    let crates = [krate("pkcs11", &["wire", "card", "firmware"]), krate("card", &["wire"])];
    assert_eq!(
        crate_climbers(&crates),
        ["pkcs11 depends on firmware, which is not below it (below: wire, card)"]
    );
}

#[test]
fn neighbours_and_crates_without_a_floor_are_named() {
    let crates = [krate("payment", &["wire", "card"]), krate("novelty", &[])];
    assert_eq!(
        crate_climbers(&crates),
        [
            "payment depends on card, which is not below it (below: wire)",
            "novelty has no floor yet: give it one in tests/floors.rs"
        ]
    );
}

#[test]
fn pin_that_imports_vault_is_named() {
    for (pin, name) in [
        ("use crate::vault::Vault;", "Vault"),
        ("use crate::{seams::Storage, vault};", "vault"),
        ("use crate::{seams::{self, Storage}, vault::{self as door}};", "vault"),
        ("fn f() { crate::vault::operate(); }", "operate"),
        ("fn f() { assert!(crate::vault::healthy()); }", "healthy"),
        ("fn f() -> Vec<crate::vault::Vault> {}", "Vault"),
        ("macro_rules! open { () => { $crate::vault::open() } }", "open"),
        ("#[arg(value_parser = crate::vault::parse)] struct Key;", "parse"),
        ("use super::vault;", "vault"),
        ("mod tries { use super::super::vault; }", "vault"),
        ("mod inner { fn f() { self::super::super::vault::f() } }", "f"),
        ("#[cfg(any(test, unix))] use crate::vault::Vault;", "Vault"),
        ("#[cfg(test)] fn f<A, B>() {} use crate::vault::Vault;", "Vault"),
    ] {
        let climber = format!(
            "firmware/src/pin.rs imports vault ({name}: firmware/src/lib.rs lists `mod vault` above `mod pin`; no circle: \
             put `mod pin` above `mod vault`)"
        );
        assert_eq!(climbers(&firmware(pin)), [climber], "{pin}");
    }
}

#[test]
fn the_file_of_a_child_is_named() {
    assert_eq!(
        climbers(&firmware("mod tries;")),
        [
            "firmware/src/pin/tries.rs imports vault (Vault: firmware/src/lib.rs lists `mod vault` above `mod pin`; no \
          circle: put `mod pin` above `mod vault`)"
        ]
    );
}

#[test]
fn re_exports_and_globs_hide_nobody() {
    assert_eq!(
        climbers(&firmware("use crate::Token;")),
        [
            "firmware/src/pin.rs imports token (Token: firmware/src/lib.rs lists `mod token` above `mod pin`; no circle: put \
          `mod pin` above `mod token`)"
        ]
    );
    assert_eq!(
        climbers(&firmware("use super::*;")),
        [
            "firmware/src/pin.rs imports everything of the crate's root (nobody can tell what that is; name the items)"
        ]
    );
    assert_eq!(
        climbers(&firmware("use crate::seams::*;")),
        ["firmware/src/pin.rs imports everything of seams (nobody can tell what that is; name the items)"]
    );
}

#[test]
fn siblings_of_a_folder_obey_its_order() {
    let parent = "mod key; mod p256; mod hash; pub use key::Public; use crate::seams::Seed;";
    let climb = |p256| {
        climbers(&house(&[
            ("lib.rs", "mod crypto; mod seams;"),
            ("seams.rs", ""),
            ("crypto.rs", parent),
            ("crypto/key.rs", ""),
            ("crypto/p256.rs", p256),
            ("crypto/hash.rs", ""),
        ]))
    };
    for p256 in [
        "use super::key::Public;",
        "use crate::crypto::key::Public;",
        // What the parent only passes on is the sibling's.
        "use super::Public;",
        "use crate::crypto::Public;",
        "use crate::crypto; fn f() -> crypto::Public {}",
        "use super as parent; fn f() -> parent::Public {}",
    ] {
        assert_eq!(
            climb(p256),
            [
                "firmware/src/crypto/p256.rs imports crypto::key (Public: firmware/src/crypto.rs lists `mod key` above `mod \
              p256`; no circle: put `mod p256` above `mod key`)"
            ],
            "{p256}"
        );
    }
    // Down, to what the parent defines, and to what it may use itself.
    for p256 in
        ["use super::hash;", "use super::{Curve, hash::Hash};", "use super::Seed;", "use crate::seams::Seed;"]
    {
        assert_eq!(climb(p256), Vec::<String>::new(), "{p256}");
    }
}

#[test]
fn a_child_does_not_pass_its_parent() {
    let climb = |key| {
        climbers(&house(&[
            ("lib.rs", "mod vault; mod crypto;"),
            ("vault.rs", ""),
            ("crypto/mod.rs", "mod key; use super::vault::Door;"),
            ("crypto/key.rs", key),
        ]))
    };
    let up = |file: &str| {
        format!(
            "firmware/src/crypto/{file} imports vault (Door: firmware/src/lib.rs lists `mod vault` above `mod crypto`; no \
             circle: put `mod crypto` above `mod vault`)"
        )
    };
    assert_eq!(climb(""), [up("mod.rs")]);
    assert_eq!(climb("use super::Door;"), [up("key.rs"), up("mod.rs")], "through its parent's back");
}

#[test]
fn circles_are_named() {
    let climbers = climbers(&house(&[
        ("lib.rs", "mod key; mod p256; mod hash;"),
        ("key.rs", "use crate::p256;"),
        ("p256.rs", "use crate::hash;"),
        ("hash.rs", "use crate::key::{Private, Public};"),
    ]));
    assert_eq!(
        climbers,
        [
            "firmware/src/hash.rs imports key (Private, Public: firmware/src/lib.rs lists `mod key` above `mod hash`; a \
          circle: hash → key → p256 → hash)"
        ]
    );
}

#[test]
fn a_program_has_floors_as_well() {
    let mut program = house(&[
        ("main.rs", "mod commands; mod terminal;"),
        ("commands.rs", ""),
        ("terminal.rs", "use crate::commands;"),
    ]);
    program.root = "main.rs".into();
    assert_eq!(
        climbers(&program),
        [
            "firmware/src/terminal.rs imports commands (commands: firmware/src/main.rs lists `mod commands` above `mod \
          terminal`; no circle: put `mod terminal` above `mod commands`)"
        ]
    );
}

#[test]
fn down_and_other_crates_and_tests_are_free() {
    let pin = "
        //! Nothing above: `crate::vault` in a comment is not an import.
        mod tries;
        use crate::seams::Storage;
        use vault::elsewhere;
        pub(crate) fn verify() { tries::pay(); ::vault::open(); <Self as Door>::vault::open(); }
        fn borrow<'a>() -> impl Sized + use<'a> {}
        #[cfg(test)]
        use crate::vault::Vault;
        struct Pin { #[cfg(test)] vault: crate::vault::Vault, left: u8 }
        #[cfg(test)]
        mod tests { use super::*; use crate::vault::Vault; }
    ";
    let tries = "use super::Verified; #[cfg(all(test, unix))] fn f() { crate::vault::g() } pub fn pay() {}";
    let mut house = firmware(pin);
    house.files.insert("pin/tries.rs".into(), tries.into());
    house.files.insert("vault.rs".into(), "use crate::{pin::Verified, seams};".into());
    assert_eq!(climbers(&house), Vec::<String>::new());
    assert_eq!(house.imported(&["pin"]).into_iter().collect::<Vec<_>>(), ["pin::tries", "seams"]);
}

#[test]
fn inline_modules_stand_on_a_floor_too() {
    let root = "mod token; mod inner { use crate::token::Token; }";
    assert_eq!(
        climbers(&house(&[("lib.rs", root), ("token.rs", "")])),
        [
            "firmware/src/lib.rs imports token (Token: firmware/src/lib.rs lists `mod token` above `mod inner`; no circle: put \
          `mod inner` above `mod token`)"
        ]
    );
}

#[test]
fn a_module_that_names_its_file_is_read_there() {
    let root = "#[path = \"other.rs\"] mod pin; #[path = \"../../card/src/usb.rs\"] mod usb; mod vault;";
    let house =
        house(&[("lib.rs", root), ("other.rs", "use crate::usb::Usb;"), ("vault.rs", "use crate::pin;")]);
    assert_eq!(
        climbers(&house),
        [
            "firmware/src/vault.rs imports pin (pin: firmware/src/lib.rs lists `mod pin` above `mod vault`; no circle: put \
             `mod vault` above `mod pin`)",
            "firmware/src/lib.rs takes mod usb from ../../card/src/usb.rs (a file stands in one house)",
        ]
    );
    assert_eq!(house.imported(&["pin"]).into_iter().collect::<Vec<_>>(), ["usb"]);
}
