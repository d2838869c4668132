//! The floors hold: crates import downwards only, and so do the modules of each crate
//! (docs/decisions/0001-floors.md). A failure names the climber.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What each crate of the workspace may depend on, lowest floor first. What stands side by side (firmware, card,
/// payment) is never below one another: a driver library has no road to a private key, and a bank's backend
/// links `payment` alone.
const FLOORS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("file", &[]),
    ("firmware", &["wire"]),
    ("card", &["wire"]),
    ("payment", &["wire"]),
    ("reader", &["wire", "card"]),
    ("pkcs11", &["wire", "card"]),
    ("ifd", &["wire", "card"]),
    ("skf", &["wire", "card"]),
    ("terminal", &["wire", "file", "card"]),
    ("cert-tool", &["wire", "file", "card", "terminal"]),
    ("machine", &["wire", "file", "card", "terminal"]),
    ("host-driver", &["wire", "file", "terminal", "firmware", "card"]),
    (
        "ushield",
        &[
            "wire",
            "file",
            "firmware",
            "card",
            "payment",
            "reader",
            "terminal",
            "machine",
            "cert-tool",
            "host-driver",
        ],
    ),
    ("ushield-tests", EVERYTHING),
    ("ushield-benches", EVERYTHING),
];
const EVERYTHING: &[&str] = &[
    "wire",
    "file",
    "firmware",
    "card",
    "payment",
    "reader",
    "ifd",
    "pkcs11",
    "terminal",
    "machine",
    "cert-tool",
    "host-driver",
    "ushield-tests",
];

/// One crate: which crates of the workspace it depends on, and its sources by their path below `src`.
struct Crate {
    name: String,
    dependencies: BTreeSet<String>,
    sources: BTreeMap<String, String>,
}

/// Dependencies (of any kind: normal, build, dev) that go up or sideways.
fn crate_climbers(crates: &[Crate]) -> Vec<String> {
    let mut climbers = Vec::new();
    for Crate { name, dependencies, .. } in crates {
        let Some((_, below)) = FLOORS.iter().find(|(floor, _)| floor == name) else {
            climbers.push(format!("{name} has no floor yet: give it one in tests/floors.rs"));
            continue;
        };
        for dependency in dependencies.iter().filter(|dependency| !below.contains(&dependency.as_str())) {
            let below = if below.is_empty() { "nothing".into() } else { below.join(", ") };
            climbers.push(format!("{name} depends on {dependency}, which is not below it (below: {below})"));
        }
    }
    climbers
}

/// Imports that go up within a crate: the order of `mod` lines in its lib.rs, top floor first, is the law.
/// Submodules stand on their parent's floor. Test code may look anywhere.
fn module_climbers(krate: &Crate) -> Vec<String> {
    let Some(root) = krate.sources.get("lib.rs") else { return Vec::new() };
    let root = Root::parse(root);
    let mut climbers = Vec::new();
    for (floor, module) in root.floors.iter().enumerate() {
        for name in imports(krate, module) {
            if name == "*" {
                climbers.push(format!(
                    "{}: {module} imports the whole crate root; name what it needs",
                    krate.name
                ));
                continue;
            }
            let target = root.exports.get(&name).unwrap_or(&name);
            if root.floors.iter().position(|other| other == target).is_some_and(|at| at < floor) {
                let through = if *target == name { String::new() } else { format!(" ({name})") };
                climbers.push(format!(
                    "{}: {module} imports {target}{through}, which stands above it (lib.rs order)",
                    krate.name
                ));
            }
        }
    }
    climbers
}

/// What lib.rs says: its modules in order, and which module each re-exported name comes from.
#[derive(Default)]
struct Root {
    floors: Vec<String>,
    exports: BTreeMap<String, String>,
}

impl Root {
    fn parse(text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("lib.rs: {error}"));
        let mut root = Self::default();
        for item in file.items {
            match item {
                syn::Item::Mod(module) if !module.attrs.iter().any(is_test) => {
                    root.floors.push(module.ident.to_string());
                }
                syn::Item::Use(item) => root.export(&item.tree, None),
                _ => {}
            }
        }
        root
    }

    fn export(&mut self, tree: &syn::UseTree, module: Option<&str>) {
        match tree {
            syn::UseTree::Path(path) if path.ident == "crate" || path.ident == "self" => {
                self.export(&path.tree, module);
            }
            syn::UseTree::Path(path) => {
                self.export(&path.tree, Some(module.unwrap_or(&path.ident.to_string())));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.export(tree, module)),
            syn::UseTree::Name(name) => self.name(name.ident.to_string(), module),
            syn::UseTree::Rename(rename) => self.name(rename.rename.to_string(), module),
            syn::UseTree::Glob(_) => {
                let own = module.is_some_and(|module| self.floors.iter().any(|floor| floor == module));
                assert!(
                    !own,
                    "lib.rs re-exports all of {module:?}: name the items, so that floors can be told"
                );
            }
        }
    }

    fn name(&mut self, name: String, module: Option<&str>) {
        if let Some(module) = module {
            self.exports.insert(name, module.to_owned());
        }
    }
}

fn is_test(attribute: &syn::Attribute) -> bool {
    match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && says_test(list.tokens.clone()),
        _ => false,
    }
}

/// Whether the condition of a `cfg` holds in tests only: `test`, `all(test, …)`.
fn says_test(condition: TokenStream) -> bool {
    let text = condition.to_string();
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test") && !text.contains("not")
}

/// The names of the crate root that a module and its submodules use outside tests.
fn imports(krate: &Crate, module: &str) -> BTreeSet<String> {
    let mut scan = Scan { files: vec![vec![module.to_owned()]], ..Scan::default() };
    while let Some(path) = scan.files.pop() {
        let place = path.join("/");
        let text = [format!("{place}.rs"), format!("{place}/mod.rs")]
            .iter()
            .find_map(|file| krate.sources.get(file));
        match text {
            Some(text) => scan.tokens(parse(text), &path),
            None if path.len() == 1 => scan.tokens(inline(&krate.sources["lib.rs"], module), &path),
            None => panic!("{}: no file for module {place}", krate.name),
        }
    }
    scan.names
}

fn parse(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The body of `mod name { … }` in lib.rs.
fn inline(root: &str, name: &str) -> TokenStream {
    let tokens: Vec<TokenTree> = parse(root).into_iter().collect();
    let body = tokens.windows(3).find_map(|window| match window {
        [TokenTree::Ident(word), TokenTree::Ident(found), TokenTree::Group(body)]
            if word == "mod" && found == name =>
        {
            Some(body.stream())
        }
        _ => None,
    });
    body.unwrap_or_else(|| panic!("mod {name}: neither {name}.rs nor {name}/mod.rs"))
}

/// Walks tokens, not syntax, because imports hide in macros too.
#[derive(Default)]
struct Scan {
    names: BTreeSet<String>,
    /// Modules whose files are yet to be read.
    files: Vec<Vec<String>>,
}

impl Scan {
    fn tokens(&mut self, tokens: TokenStream, here: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let Some((first, after)) = rest.split_first() {
            rest = match first {
                TokenTree::Punct(hash) if hash.as_char() == '#' => attribute(after),
                TokenTree::Ident(word) if word == "mod" => self.module(after, here),
                TokenTree::Ident(word) if word == "crate" => match path(after) {
                    Some(after) => self.root_names(after),
                    None => after,
                },
                TokenTree::Ident(word) if word == "super" => self.upwards(after, here),
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), here);
                    after
                }
                _ => after,
            };
        }
    }

    /// After `mod`: `name;` is a file to read, `name { … }` is read in place.
    fn module<'a>(&mut self, rest: &'a [TokenTree], here: &[String]) -> &'a [TokenTree] {
        let [TokenTree::Ident(name), body, after @ ..] = rest else { return rest };
        let inside = [here, &[name.to_string()]].concat();
        match body {
            TokenTree::Group(group) => self.tokens(group.stream(), &inside),
            _ => self.files.push(inside),
        }
        after
    }

    /// After `super`: up one module, and on; at the crate root, what follows is a name of the root.
    fn upwards<'a>(&mut self, rest: &'a [TokenTree], here: &[String]) -> &'a [TokenTree] {
        let (Some(after), Some((_, parent))) = (path(rest), here.split_last()) else { return rest };
        match after {
            [TokenTree::Ident(word), after @ ..] if word == "super" => self.upwards(after, parent),
            _ if parent.is_empty() => self.root_names(after),
            _ => after,
        }
    }

    /// After `crate::`: a name, `{a, b::c}` or `*`.
    fn root_names<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let Some((first, after)) = rest.split_first() else { return rest };
        match first {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for name in inside.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ',')) {
                    self.root_names(name);
                }
            }
            TokenTree::Ident(name) => drop(self.names.insert(name.to_string())),
            TokenTree::Punct(star) if star.as_char() == '*' => drop(self.names.insert("*".into())),
            _ => {}
        }
        after
    }
}

/// What follows `::`, if `::` it is.
fn path(rest: &[TokenTree]) -> Option<&[TokenTree]> {
    match rest {
        [TokenTree::Punct(a), TokenTree::Punct(b), after @ ..]
            if a.as_char() == ':' && b.as_char() == ':' =>
        {
            Some(after)
        }
        _ => None,
    }
}

/// After `#`: passes over the attribute, and over the item it stands on when that is test code.
fn attribute(rest: &[TokenTree]) -> &[TokenTree] {
    let [TokenTree::Group(group), after @ ..] = rest else { return rest };
    let mut inside = group.stream().into_iter();
    match (inside.next(), inside.next()) {
        (Some(TokenTree::Ident(cfg)), Some(TokenTree::Group(condition)))
            if cfg == "cfg" && says_test(condition.stream()) =>
        {
            let end = after.iter().position(|token| match token {
                TokenTree::Punct(mark) => mark.as_char() == ';',
                TokenTree::Group(body) => body.delimiter() == Delimiter::Brace,
                _ => false,
            });
            end.and_then(|end| after.get(end + 1..)).unwrap_or_default()
        }
        _ => after,
    }
}

/// The workspace as Cargo sees it.
fn workspace() -> Vec<Crate> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let read = |package: &cargo_metadata::Package| Crate {
        name: package.name.to_string(),
        dependencies: package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
            .map(|dependency| dependency.name.clone())
            .collect(),
        sources: sources(
            package.manifest_path.parent().expect("a manifest has a folder").join("src").as_std_path(),
        ),
    };
    metadata.workspace_packages().into_iter().map(read).collect()
}

/// All Rust files below a folder, by their path in it.
fn sources(folder: &Path) -> BTreeMap<String, String> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else if name.ends_with(".rs") {
                found.insert(name, fs::read_to_string(entry.path()).expect("a readable source"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, "", &mut found);
    found
}

#[test]
fn the_crates_of_this_workspace_do_not_climb() {
    let crates = workspace();
    for floor in ["wire", "firmware", "card", "payment", "pkcs11", "cert-tool", "host-driver", "ushield"] {
        assert!(crates.iter().any(|krate| krate.name == floor), "{floor} is not in the workspace");
    }
    let climbers = crate_climbers(&crates);
    assert!(climbers.is_empty(), "{}", climbers.join("\n"));
}

#[test]
fn the_modules_of_this_workspace_do_not_climb() {
    let crates = workspace();
    // Were nothing scanned, nothing would climb: `firmware` is known to use `wire`-side modules of its own.
    let firmware =
        crates.iter().find(|krate| krate.name == "firmware").expect("firmware is in the workspace");
    assert!(imports(firmware, "refusal").contains("seams"));
    let climbers: Vec<String> = crates.iter().flat_map(module_climbers).collect();
    assert!(climbers.is_empty(), "{}", climbers.join("\n"));
}

/// A crate in memory.
fn krate(name: &str, dependencies: &[&str], sources: &[(&str, &str)]) -> Crate {
    Crate {
        name: name.into(),
        dependencies: dependencies.iter().map(|name| (*name).into()).collect(),
        sources: sources.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect(),
    }
}

#[test]
fn a_driver_library_that_reaches_the_firmware_is_named() {
    let crates = [krate("pkcs11", &["wire", "card", "firmware"], &[]), krate("card", &["wire"], &[])];
    assert_eq!(
        crate_climbers(&crates),
        ["pkcs11 depends on firmware, which is not below it (below: wire, card)"]
    );
}

#[test]
fn neighbours_and_crates_without_a_floor_are_named() {
    let crates = [krate("payment", &["wire", "card"], &[]), krate("novelty", &[], &[])];
    assert_eq!(
        crate_climbers(&crates),
        [
            "payment depends on card, which is not below it (below: wire)",
            "novelty has no floor yet: give it one in tests/floors.rs"
        ]
    );
}

/// A firmware in memory with this `pin`.
fn house(pin: &str) -> Crate {
    let root =
        "mod token; pub mod vault; mod pin; mod seams; pub use token::Token; #[cfg(test)] mod fixture;";
    let tries = ("pin/tries.rs", "use crate::vault::Vault;");
    let empty = [("token.rs", ""), ("vault.rs", ""), ("seams.rs", "")];
    krate("firmware", &[], &[&[("lib.rs", root), ("pin.rs", pin), tries][..], &empty].concat())
}

#[test]
fn pin_that_imports_vault_is_named() {
    for pin in [
        "use crate::vault::Vault;",
        "use crate::{seams::Storage, vault};",
        "fn f() { crate::vault::operate(); }",
        "fn f() { assert!(crate::vault::healthy()); }",
        "use super::vault;",
        "mod tries { use super::super::vault; }",
        "mod tries;",
    ] {
        let climber = "firmware: pin imports vault, which stands above it (lib.rs order)";
        assert_eq!(module_climbers(&house(pin)), [climber], "{pin}");
    }
}

#[test]
fn re_exports_and_globs_hide_nobody() {
    let climbers = |pin| module_climbers(&house(pin));
    let climber = "firmware: pin imports token (Token), which stands above it (lib.rs order)";
    assert_eq!(climbers("use crate::Token;"), [climber]);
    assert_eq!(climbers("use super::*;"), ["firmware: pin imports the whole crate root; name what it needs"]);
}

#[test]
fn down_and_sideways_in_one_floor_and_tests_are_free() {
    let pin = "
        //! Nothing above: `crate::vault` in a comment is not an import.
        mod tries;
        use crate::seams::Storage;
        pub(crate) fn verify() { tries::pay(); }
        #[cfg(test)]
        use crate::vault::Vault;
        #[cfg(test)]
        mod tests { use super::*; use crate::vault::Vault; }
    ";
    let tries = "use super::Verified; #[cfg(all(test, unix))] fn f() { crate::vault::g() } pub fn pay() {}";
    let mut krate = house(pin);
    krate.sources.insert("pin/tries.rs".into(), tries.into());
    krate.sources.insert("vault.rs".into(), "use crate::{pin::Verified, seams};".into());
    assert_eq!(module_climbers(&krate), Vec::<String>::new());
    assert_eq!(imports(&krate, "pin"), BTreeSet::from(["seams".to_owned()]));
}

#[test]
fn inline_modules_stand_on_a_floor_too() {
    let root = "mod token; mod inner { use crate::token::Token; }";
    assert_eq!(
        module_climbers(&krate("firmware", &[], &[("lib.rs", root), ("token.rs", "")])),
        ["firmware: inner imports token, which stands above it (lib.rs order)"]
    );
}
