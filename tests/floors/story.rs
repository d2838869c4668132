//! The law against small houses that exist in memory only.

use super::{Crate, crate_climbers, manifests, module::House, root, workspace};

fn krate(name: &str, dependencies: &[&str]) -> Crate {
    let dependencies = dependencies.iter().map(|name| (*name).into()).collect();
    Crate {
        name: name.into(),
        folder: name.into(),
        dependencies,
        in_tests: std::collections::BTreeSet::new(),
        houses: Vec::new(),
    }
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
            "payment depends on card, which is not below it (below: wire, sm2-signature)",
            "novelty has no floor yet: give it one in tests/floors.rs"
        ]
    );
}

#[test]
fn tests_may_use_what_the_crate_may_not() {
    let mut emulator = krate("host-driver", &["wire"]);
    emulator.in_tests = ["card".into(), "payment".into()].into();
    let below = "which is not below it (below: wire, file, lock, peer, loopback, firmware, terminal)";
    assert_eq!(crate_climbers(&[emulator]), [format!("host-driver depends on payment, {below}")]);
    let linked = [krate("host-driver", &["card"])];
    assert_eq!(crate_climbers(&linked), [format!("host-driver depends on card, {below}")]);
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
fn a_second_name_of_the_crate_is_refused() {
    for pin in [
        "extern crate self as me; fn f() { me::vault::open() }",
        "fn f() { pub extern crate self as me; }",
        "macro_rules! me { () => { extern crate self as me; } }",
    ] {
        assert_eq!(
            climbers(&firmware(pin)),
            [
                "firmware/src/pin.rs gives its crate a second name (`extern crate self` hides who is imported; write \
                 `crate::`)"
            ],
            "{pin}"
        );
    }
    assert_eq!(climbers(&firmware("extern crate alloc; #[cfg(test)] extern crate self as me;")), [""; 0]);
    // This second name leads to the module.
    assert_eq!(climbers(&firmware("use crate as me; fn f() { me::vault::open() }")).len(), 1);
}

#[test]
fn code_of_another_file_is_refused() {
    for pin in [
        "include!(\"x.rs\");",
        "fn f() { ::std::include!(\"x.rs\") }",
        "use ::core::include as paste; paste!(\"x.rs\");",
        "use std::{fmt, include};",
        "include!(concat!(env!(\"OUT_DIR\"), \"/../../vault.rs\"));",
        "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/vault.rs\"));",
    ] {
        assert_eq!(
            climbers(&firmware(pin)),
            [
                "firmware/src/pin.rs includes another file as code (nobody reads the imports of what `include!` takes; make \
                 it a module)"
            ],
            "{pin}"
        );
    }
    for pin in [
        "include!(concat!(env!(\"OUT_DIR\"), \"/table.rs\"));",
        "const PAGE: &[u8] = include_bytes!(\"page\");",
        "#[cfg(test)] include!(\"x.rs\");",
    ] {
        assert_eq!(climbers(&firmware(pin)), [""; 0], "{pin}");
    }
}

#[test]
fn a_module_that_names_its_file_is_refused() {
    let refusal = "firmware/src/lib.rs names the file of a module (with `#[path]` a file is read at another place; a module's \
                   file stands where its name says)";
    for root in [
        "#[path = \"other.rs\"] mod pin;",
        "#[path = \"../../card/src/usb.rs\"] mod usb;",
        "#[cfg_attr(all(), path = \"other.rs\")] mod pin;",
        "#[cfg_attr(unix, allow(unused), cfg_attr(all(), path = r\"other.rs\"))] mod pin;",
        "#[path = \"elsewhere\"] mod pin { }",
        "macro_rules! open { ($file:literal) => { #[path = $file] mod pin; } }",
    ] {
        assert_eq!(climbers(&house(&[("lib.rs", root)])), [refusal], "{root}");
    }
    for root in [
        "#[cfg(test)] #[path = \"pin/tests.rs\"] mod tests;",
        "#[path = \"pin/tests.rs\"] #[cfg(test)] mod tests;",
        "#[cfg_attr(test, derive(Debug))] struct Pin;",
    ] {
        assert_eq!(climbers(&house(&[("lib.rs", root)])), [""; 0], "{root}");
    }
}

#[test]
fn a_type_of_the_parent_is_what_it_stands_for() {
    let climb = |parent: &str, pin| {
        let root = format!("mod vault; mod pin; mod seams; {parent}");
        climbers(&house(&[("lib.rs", &*root), ("vault.rs", ""), ("pin.rs", pin), ("seams.rs", "")]))
    };
    let up = "firmware/src/pin.rs imports vault (Vault: firmware/src/lib.rs lists `mod vault` above `mod pin`; no circle: put \
              `mod pin` above `mod vault`)";
    for parent in [
        "pub(crate) type Door = vault::Vault;",
        "use vault::Vault; type Door<T> = Option<(T, Vault)>;",
        "type Door = Inner; type Inner = self::vault::Vault;",
        "extern_types! { type Door = [crate::vault::Vault; 2]; }",
        // The one name under two conditions.
        "#[cfg(unix)] use vault::Vault as Door; #[cfg(not(unix))] use seams::Vault as Door;",
        "#[cfg(unix)] type Door = vault::Vault; #[cfg(not(unix))] type Door = seams::Vault;",
    ] {
        assert_eq!(climb(parent, "use crate::Door;"), [up], "{parent}");
        assert_eq!(climb(parent, "fn f() { super::Door::open() }").len(), 1, "{parent}");
    }
    for parent in [
        "type Door = seams::Seam;",
        "type Door = Door;",
        "struct Door; impl Iterator for Rooms { type Door = vault::Vault; }",
        "#[cfg(test)] type Door = vault::Vault; struct Door;",
    ] {
        assert_eq!(climb(parent, "use crate::Door;"), [""; 0], "{parent}");
    }
}

#[test]
fn a_test_item_ends_where_its_syntax_ends() {
    for pin in [
        "#[cfg(test)] fn f<T>() where T: A, T: crate::vault::B {}",
        "#[cfg(test)] fn f(limit: Limit<{ 2 }>) -> crate::vault::B {}",
        "#[cfg(test)] const DOOR: Door = Door { a: 1 }.with(crate::vault::B);",
        "#[cfg(test)] impl<T> Door for T where T: A, T: crate::vault::B {}",
        "#[cfg(test)] struct Door<T>(T) where T: A, T: crate::vault::B;",
        "#[allow(unused)] #[cfg(test)] use crate::{seams::{A}, vault::B};",
        "fn f() { #[cfg(test)] let door = if a < b { 1 } else { crate::vault::B }; }",
        "fn f() { match door { #[cfg(test)] Door { a, b } => crate::vault::open(a, b), _ => {} } }",
        "struct Door { #[cfg(test)] a: Map<A, crate::vault::B>, b: u8 }",
        "enum Door { #[cfg(test)] A { a: u8, b: crate::vault::B }, C }",
        "struct Door(#[cfg(test)] Map<A, crate::vault::B>, u8);",
        "fn f() -> Door { Door { #[cfg(test)] a: f(1, 2) + crate::vault::B, b: 1 } }",
    ] {
        assert_eq!(climbers(&firmware(pin)), [""; 0], "{pin}");
    }
    // What follows is no test code.
    for pin in [
        "#![no_std] #[cfg(test)] extern crate std; use crate::vault::B;",
        "#[cfg(test)] const A: u8 = 1 < 2; use crate::vault::B;",
        "fn f() { #[cfg(test)] if a < b { } crate::vault::B(); }",
        "fn f() { match door { #[cfg(test)] A => {} _ => crate::vault::B } }",
        "struct Door { #[cfg(test)] a: u8, b: crate::vault::B }",
        "enum Door { #[cfg(test)] A, B(crate::vault::B) }",
        "fn f(#[cfg(test)] a: u8, b: crate::vault::B) {}",
    ] {
        let told = climbers(&firmware(pin));
        assert!(told.len() == 1 && told[0].contains("imports vault (B:"), "{pin}: {told:?}");
    }
}

#[test]
fn a_file_that_is_test_code_is_free() {
    for pin in [
        "#![cfg(test)] use crate::vault::Vault; extern crate self as me;",
        "//! Tests.\n#![allow(unused)]\n#![cfg(all(test, unix))]\n#[path = \"x.rs\"] mod x; use super::*;",
        "mod inside { #![cfg(test)] use crate::vault::Vault; }",
    ] {
        assert_eq!(climbers(&firmware(pin)), [""; 0], "{pin}");
    }
    for pin in [
        "#![cfg(any(test, unix))] use crate::vault::Vault;",
        "mod inside { #![cfg(test)] } use crate::vault::Vault;",
    ] {
        assert_eq!(climbers(&firmware(pin)).len(), 1, "{pin}");
    }
}

#[test]
fn every_manifest_is_read() {
    let crates = workspace();
    for manifest in manifests(&root()) {
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok()).expect("a folder");
        // The root's own is the workspace, and no crate.
        let read = crates.iter().any(|krate| folder == std::path::Path::new(&krate.folder));
        assert!(read || folder.as_os_str().is_empty(), "{} is not read", manifest.display());
    }
}

#[test]
fn a_crate_that_takes_a_source_of_another_is_named() {
    let mut card = krate("card", &["wire"]);
    card.houses.push(firmware(""));
    assert_eq!(crate_climbers(&[card]), ["card takes firmware/src/lib.rs, which is not in its folder card"]);
}
