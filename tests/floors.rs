//! The floors hold: crates import downwards only, and so do the modules of each library and program, in the root and in
//! every folder (docs/decisions/0001-floors.md). A failure names the climber, what it imports, and why that is up.

#[path = "floors/story.rs"]
mod story;
#[path = "floors/module.rs"]
mod module;
#[path = "floors/source.rs"]
mod source;
#[path = "floors/item.rs"]
mod item;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use module::{Climber, House};

/// What each crate of the workspace may depend on, lowest floor first. What stands side by side (firmware, card, payment,
/// authority) is never below one another: a driver library has no road to a private key, a bank's backend links `payment`
/// alone, and a bank issues certificates without a card.
const FLOORS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("lock", &[]),
    ("sm2-signature", &["wire"]),
    ("file", &["wire"]),
    ("peer", &["file", "lock"]),
    ("loopback", &["lock", "peer"]),
    ("firmware", &["wire", "sm2-signature"]),
    ("card", &["wire", "file", "lock"]),
    ("payment", &["wire", "sm2-signature"]),
    ("authority", &["wire", "sm2-signature", "file"]),
    ("trial-bank", &["wire", "sm2-signature", "file", "payment", "authority"]),
    // On card and authority only where it tells what they refuse, by a feature each: a bank's program goes without card.
    ("terminal", &["wire", "file", "card", "authority"]),
    ("reader", &["wire", "file", "lock", "card"]),
    ("pkcs11", &["wire", "card"]),
    ("ifd", &["wire", "lock", "card"]),
    // To come: the library of the Chinese standard, skf, stands here too, on wire and card.
    ("machine", &["wire", "file", "card", "terminal"]),
    ("cert-tool", &["wire", "file", "card", "authority", "terminal"]),
    ("host-driver", &["wire", "file", "lock", "peer", "loopback", "firmware", "terminal"]),
    // Never firmware, nor host-driver: what a browser reaches has no road to a private key.
    (
        "assistant",
        &[
            "wire",
            "file",
            "lock",
            "loopback",
            "card",
            "payment",
            "authority",
            "terminal",
            "machine",
            "cert-tool",
        ],
    ),
    // Never card: a bank knows shields by what they signed.
    ("bank", &["wire", "file", "peer", "authority", "payment", "terminal"]),
    (
        "ushield",
        &[
            "wire",
            "file",
            "lock",
            "peer",
            "firmware",
            "card",
            "payment",
            "authority",
            "trial-bank",
            "terminal",
            "reader",
            "machine",
            "cert-tool",
            "host-driver",
            "assistant",
        ],
    ),
    // It starts shield, assistant and bank as processes, and links none of them.
    ("world", &["terminal"]),
    ("ushield-tests", EVERYTHING),
    ("ushield-benches", EVERYTHING),
    ("ushield-fuzz", EVERYTHING),
    // Proves that the firmware needs no std, so nothing else may come with it.
    ("firmware-probe", &["firmware"]),
    // A model checker's test of one file of host-driver: it says `#![cfg(test)]`, and takes that file by `#[path]`.
    ("ushield-model", &[]),
];
/// What the tests of a crate use besides: a host that tries the tokens which `host-driver` shows, and the firmware with its fixtures.
const IN_TESTS: &[(&str, &[&str])] = &[("host-driver", &["card"]), ("firmware", &["firmware"])];
const EVERYTHING: &[&str] = &[
    "wire",
    "sm2-signature",
    "file",
    "lock",
    "peer",
    "loopback",
    "firmware",
    "card",
    "payment",
    "authority",
    "trial-bank",
    "terminal",
    "reader",
    "pkcs11",
    "ifd",
    "machine",
    "cert-tool",
    "host-driver",
    "assistant",
    "ushield",
    "ushield-tests",
];

/// One crate: which crates of this repository it depends on, and its libraries and programs.
struct Crate {
    name: String,
    /// The folder of its Cargo.toml, from the root of the repository.
    folder: String,
    dependencies: BTreeSet<String>,
    in_tests: BTreeSet<String>,
    houses: Vec<House>,
}

/// Dependencies (of any kind: normal, build, dev) that go up or sideways. [`IN_TESTS`] allows some to tests alone.
fn crate_climbers(crates: &[Crate]) -> Vec<String> {
    let mut climbers = Vec::new();
    for Crate { name, folder, dependencies, in_tests, houses } in crates {
        for house in houses.iter().filter(|house| !Path::new(&house.folder).starts_with(folder)) {
            climbers.push(format!(
                "{name} takes {}/{}, which is not in its folder {folder}",
                house.folder, house.root
            ));
        }
        let Some((_, below)) = FLOORS.iter().find(|(floor, _)| floor == name) else {
            climbers.push(format!("{name} has no floor yet: give it one in tests/floors.rs"));
            continue;
        };
        let besides = IN_TESTS.iter().filter(|(floor, _)| floor == name).flat_map(|(_, besides)| *besides);
        let besides: Vec<&str> = besides.copied().collect();
        let of_tests = in_tests.iter().filter(|dependency| !besides.contains(&dependency.as_str()));
        let climbs = |dependency: &&String| !below.contains(&dependency.as_str());
        for dependency in dependencies.iter().chain(of_tests).filter(climbs) {
            let below = if below.is_empty() { "nothing".into() } else { below.join(", ") };
            climbers.push(format!("{name} depends on {dependency}, which is not below it (below: {below})"));
        }
    }
    climbers
}

fn root() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).expect("the root")
}

/// Every Cargo.toml below a folder. Git is not asked: it refuses a checkout of another user, and an unpacked archive has none.
/// What Cargo builds is no source, and Cargo marks the folder with CACHEDIR.TAG.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("the kind of a file"));
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden && !path.join("CACHEDIR.TAG").exists() {
            found.extend(manifests(&path));
        } else if kind.is_file() && entry.file_name() == "Cargo.toml" {
            found.push(path);
        }
    }
    found
}

/// The crates of the workspace, and those that are built by their own commands, as Cargo sees them.
fn workspace() -> Vec<Crate> {
    let (mut seen, mut crates) = (BTreeSet::new(), Vec::new());
    let mut manifests = manifests(&root());
    // The workspace first: it has most of the others.
    manifests.sort_by_key(|manifest| (manifest.components().count(), manifest.clone()));
    for manifest in manifests {
        if seen.contains(&manifest) {
            continue;
        }
        let metadata = cargo_metadata::MetadataCommand::new().manifest_path(&manifest).no_deps().exec();
        let metadata =
            metadata.unwrap_or_else(|error| panic!("cargo metadata of {}: {error}", manifest.display()));
        for package in metadata.workspace_packages() {
            if seen.insert(package.manifest_path.clone().into_std_path_buf()) {
                crates.push(read(package));
            }
        }
    }
    crates
}

fn read(package: &cargo_metadata::Package) -> Crate {
    let targets = package.targets.iter();
    // Test code may look anywhere, and a build script or an example is one file.
    let targets = targets.filter(|target| {
        !(target.is_test() || target.is_bench() || target.is_example() || target.is_custom_build())
    });
    let inside = |folder: &Path| folder.strip_prefix(root()).unwrap_or(folder).display().to_string();
    let house = |target: &cargo_metadata::Target| {
        let folder = target.src_path.parent().expect("a source has a folder").as_std_path();
        House {
            folder: inside(folder),
            root: target.src_path.file_name().expect("a source has a name").to_owned(),
            files: sources(folder),
        }
    };
    let ours = |in_tests: bool| {
        let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        let is_of_tests = |kind| kind == cargo_metadata::DependencyKind::Development;
        let of_kind = ours.filter(move |dependency| is_of_tests(dependency.kind) == in_tests);
        of_kind.map(|dependency| dependency.name.clone()).collect()
    };
    Crate {
        name: package.name.to_string(),
        folder: inside(package.manifest_path.parent().expect("a manifest has a folder").as_std_path()),
        dependencies: ours(false),
        in_tests: ours(true),
        houses: targets.map(house).collect(),
    }
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
    for floor in [
        "wire",
        "firmware",
        "card",
        "payment",
        "pkcs11",
        "cert-tool",
        "host-driver",
        "ushield",
        "ushield-fuzz",
        "firmware-probe",
        "ushield-model",
    ] {
        assert!(crates.iter().any(|krate| krate.name == floor), "{floor} is not in the workspace");
    }
    let climbers = crate_climbers(&crates);
    assert!(climbers.is_empty(), "{}", climbers.join("\n"));
}

#[test]
fn the_modules_of_this_workspace_do_not_climb() {
    let crates = workspace();
    // Were nothing scanned, nothing would climb: this module of the firmware is known to import two others.
    let firmware =
        crates.iter().find(|krate| krate.name == "firmware").expect("firmware is in the workspace");
    let imported = firmware.houses[0].imported(&["crypto", "p256"]);
    assert!(imported.contains("refusal") && imported.contains("seams"), "{imported:?}");
    let climbers: Vec<Climber> =
        crates.iter().flat_map(|krate| &krate.houses).flat_map(House::climbers).collect();
    let climbers: Vec<String> = climbers.iter().map(ToString::to_string).collect();
    assert!(climbers.is_empty(), "{} climb:\n{}", climbers.len(), climbers.join("\n"));
}
