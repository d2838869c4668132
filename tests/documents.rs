//! What the documents say of the tree is true: files and tests that they name are there, and bytes that they print are the
//! recorded ones.

use std::{collections::BTreeSet, fs, path::PathBuf};

use wire::usbip::Submit;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents, by their paths below the root.
fn documents() -> Vec<String> {
    let mut found = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).to_vec();
    for folder in ["docs", "docs/decisions", "docs/recipes"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of documents").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

/// The page of the assistant has each attack that is driven, and no other.
#[test]
fn each_attack_on_the_assistant_is_in_its_table() {
    let source = read("tests/assistant/browser/attacks.py");
    let driven = source.split_once("\nATTACKS = [\n").and_then(|(_, list)| list.split_once("\n]")).unwrap().0;
    let driven: BTreeSet<&str> = driven.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    let page = read("docs/assistant.md");
    let table = page.split_once("## Attacks in a browser").unwrap().1.split_once("\n## ").unwrap().0;
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.rsplit_once(" | ").map(|(_, last)| last));
    let named: BTreeSet<&str> = rows.flat_map(quoted).collect();
    assert!(driven.len() > 15);
    assert_eq!(driven, named);
}

/// The page of the assistant has each state in its table of tests.
#[test]
fn each_state_of_the_assistant_is_in_its_table() {
    let source = read("assistant/src/words/shield.rs");
    let states: Vec<&str> =
        source.split("\n    (").skip(1).filter_map(|row| quoted_by(row, '"').next()).collect();
    let page = read("docs/assistant.md");
    let table = page.split_once("## States").unwrap().1.split_once("\n## ").unwrap().0;
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(first, _)| first));
    let named: BTreeSet<&str> = rows.flat_map(quoted).collect();
    assert!(states.len() > 10);
    assert_eq!(states.into_iter().collect::<BTreeSet<_>>(), named);
}

/// What stands between backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    quoted_by(text, '`')
}

/// What stands between two of these marks on one line.
fn quoted_by(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.lines().flat_map(move |line| line.split(mark).skip(1).step_by(2))
}

/// A path of the tree, such as `wire/src/apdu.rs`, with or without `#test`.
fn as_path(text: &str) -> Option<(&str, Option<&str>)> {
    let (path, test) = text.split_once('#').map_or((text, None), |(path, test)| (path, Some(test)));
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let (first, rest) = path.split_once('/')?;
    // A path of a folder that is gone is none of the tree's, but a source in it was meant to be.
    let ours = !["", "target"].contains(&first) && !rest.is_empty() && root().join(first).is_dir();
    (plain && (ours || path.ends_with(".rs"))).then_some((path, test))
}

#[test]
fn files_and_tests_that_are_named_are_there() {
    let (mut wrong, mut paths, mut tests) = (Vec::new(), 0, 0);
    for document in documents() {
        for (path, test) in quoted(&read(&document)).filter_map(as_path) {
            paths += 1;
            if !root().join(path).exists() {
                wrong.push(format!("{document} names {path}, which is not there"));
            } else if let Some(test) = test {
                tests += 1;
                let begins = if path.ends_with(".py") { "def" } else { "fn" };
                if !read(path).contains(&format!("{begins} {test}(")) {
                    wrong.push(format!("{document} names {path}#{test}, which is not there"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(paths > 100 && tests > 60, "{paths} paths and {tests} tests: is anything read?");
}

/// The fenced blocks of a document with this label: the bytes of each line, up to the first gap of two spaces.
fn blocks(document: &str, label: &str) -> Vec<String> {
    let open = format!("```{label}\n");
    let bodies = document.split(open.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next());
    let hex = |line: &str| line.split("  ").next().unwrap_or_default().replace([' ', '…'], "");
    bodies.map(|body| body.lines().map(hex).collect()).collect()
}

#[test]
fn the_way_of_one_apdu_has_the_recorded_bytes() {
    let (document, transcript) = (read("docs/path.md"), read("firmware/tests/transcript.txt"));
    let one = |label: &str| match &blocks(&document, label)[..] {
        [block] => block.clone(),
        others => panic!("{} blocks {label}", others.len()),
    };
    let (ccid, apdu, order, answer) = (one("ccid"), one("apdu"), one("order"), one("answer"));
    let (head, le) = apdu.split_at(14);
    let message = format!("{ccid}{head}{order}{le}");
    let mut lines = transcript.lines().skip_while(|line| *line != format!("bulk    > {message}"));
    assert!(lines.next().is_some(), "the transcript has no {message}");
    let screen =
        document.split("```screen\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a screen");
    for shown in screen.lines() {
        assert_eq!(lines.next(), Some(format!("screen 1/2: {shown}").as_str()));
    }
    let recorded = lines.find_map(|line| line.strip_prefix("bulk    < ")).expect("an answer");
    assert_eq!(answer, recorded);

    // The URBs, as `card` writes them for the first device of an exporter.
    let submit = |sequence, is_in, endpoint, length| {
        let urb = Submit { sequence, device: 0x0001_0001, is_in, endpoint, length, setup: [0; 8] };
        urb.bytes().iter().map(|byte| format!("{byte:02X}")).collect::<String>()
    };
    let (sent, taken) = (message.len() / 2, answer.len() / 2);
    let length = u32::try_from(sent).expect("short");
    // dwMaxCCIDMessageLength, which the class descriptor in the transcript tells: the most that card asks for.
    let most = firmware_message_length(&transcript);
    assert_eq!(blocks(&document, "submit"), [submit(32, false, 1, length), submit(33, true, 2, most)]);
    let reply =
        |sequence: u32, length: usize| format!("00000003{sequence:08X}{:032}{length:08X}{:040}", 0, 0);
    assert_eq!(blocks(&document, "return"), [reply(32, sent), reply(33, taken)]);
}

/// dwMaxCCIDMessageLength, at offset 44 of the class descriptor, which opens with 36 21 (CCID 1.1, table 5.1-1).
fn firmware_message_length(transcript: &str) -> u32 {
    let configuration = transcript.lines().find(|line| line.contains("36211001")).expect("a configuration");
    let at = configuration.find("36211001").expect("a class descriptor") + 2 * 44;
    let bytes = configuration.get(at..at + 8).expect("54 bytes");
    u32::from_str_radix(bytes, 16).expect("hexadecimal").swap_bytes()
}

/// A crate of the workspace: its folder below the root, and what it depends on outside its tests.
struct Crate {
    name: String,
    folder: String,
    always: BTreeSet<String>,
    by_feature: BTreeSet<String>,
}

fn workspace() -> Vec<Crate> {
    let manifest = root().join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    let metadata = metadata.expect("cargo metadata");
    let folder = |package: &cargo_metadata::Package| {
        let folder = package.manifest_path.parent().expect("a manifest has a folder");
        folder.strip_prefix(&metadata.workspace_root).expect("below the root").to_string()
    };
    let dependencies = |package: &cargo_metadata::Package, optional: bool| {
        let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        let built = ours.filter(|dependency| dependency.kind != cargo_metadata::DependencyKind::Development);
        built
            .filter(|dependency| dependency.optional == optional)
            .map(|dependency| dependency.name.clone())
            .collect()
    };
    let read = |package: &cargo_metadata::Package| Crate {
        name: package.name.to_string(),
        folder: folder(package),
        always: dependencies(package, false),
        by_feature: dependencies(package, true),
    };
    metadata.workspace_packages().into_iter().map(read).collect()
}

/// What the arrows of the picture say is wrong, in words.
fn wrong_in_picture(picture: &str, crates: &[Crate]) -> Vec<String> {
    let name = |id: &str| id.trim().replace('_', "-");
    let arrows = |arrow: &str| -> BTreeSet<(String, String)> {
        let lines = picture.lines().filter_map(|line| line.split_once(arrow));
        lines.map(|(from, to)| (name(from), name(to))).collect()
    };
    let boxes = picture.lines().filter_map(|line| line.split_once("[\"")).map(|(id, _)| name(id));
    let (boxes, solid, dotted) = (boxes.collect::<BTreeSet<_>>(), arrows("-->"), arrows("-.->"));
    let mut wrong = Vec::new();
    let known: BTreeSet<String> = crates.iter().map(|krate| krate.name.clone()).collect();
    wrong.extend(known.difference(&boxes).map(|name| format!("no box for {name}")));
    wrong.extend(boxes.difference(&known).map(|name| format!("a box for {name}, which is no crate")));
    for Crate { name, always, by_feature, .. } in crates {
        let mut reached = BTreeSet::new();
        let mut next = vec![name.clone()];
        while let Some(at) = next.pop() {
            let below = solid.iter().filter(|(from, _)| *from == at).map(|(_, to)| to.clone());
            next.extend(below.filter(|to| reached.insert(to.clone())));
        }
        let missing =
            always.difference(&reached).map(|to| format!("no way from {name} to {to}: draw {name} --> {to}"));
        wrong.extend(missing);
        let drawn = |arrows: &BTreeSet<(String, String)>| -> BTreeSet<String> {
            arrows.iter().filter(|(from, _)| from == name).map(|(_, to)| to.clone()).collect()
        };
        wrong.extend(
            drawn(&solid).difference(always).map(|to| format!("{name} --> {to}, which is no dependency")),
        );
        wrong.extend(
            drawn(&dotted)
                .symmetric_difference(by_feature)
                .map(|to| format!("{name} -.-> {to} is drawn or true, not both")),
        );
    }
    wrong
}

/// What wires everything together is not in the picture.
const NOT_DRAWN: [&str; 2] = ["ushield-tests", "ushield-benches"];

#[test]
fn the_picture_of_the_house_is_what_cargo_builds() {
    let page = read("CONTRIBUTING.md");
    let picture =
        page.split("```mermaid\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a picture");
    let crates: Vec<Crate> =
        workspace().into_iter().filter(|krate| !NOT_DRAWN.contains(&&*krate.name)).collect();
    assert!(crates.len() > 10, "{} crates", crates.len());
    let wrong = wrong_in_picture(picture, &crates);
    assert!(wrong.is_empty(), "the picture in CONTRIBUTING.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_picture_is_noticed() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let krate = |name: &str, always: &[&str], by_feature: &[&str]| Crate {
        name: name.into(),
        folder: name.into(),
        always: set(always),
        by_feature: set(by_feature),
    };
    let crates = [
        krate("cert-tool", &["card", "wire"], &[]),
        krate("card", &["wire"], &[]),
        krate("wire", &[], &[]),
        krate("terminal", &[], &["card"]),
    ];
    let boxes = "cert_tool[\"cert-tool\"]\ncard[\"card\"]\nwire[\"wire\"]\nterminal[\"terminal\"]\n";
    let right = format!("{boxes}cert_tool --> card\ncard --> wire\nterminal -.-> card");
    assert_eq!(wrong_in_picture(&right, &crates), Vec::<String>::new());
    for (from, to, wrong) in [
        ("card --> wire\n", "", "no way from card to wire: draw card --> wire"),
        ("card --> wire", "wire --> card", "wire --> card, which is no dependency"),
        ("terminal -.-> card", "", "terminal -.-> card is drawn or true, not both"),
        ("terminal -.->", "terminal -->", "terminal --> card, which is no dependency"),
        ("terminal[\"terminal\"]\n", "", "no box for terminal"),
        ("card[", "cards[", "a box for cards, which is no crate"),
    ] {
        let found = wrong_in_picture(&right.replacen(from, to, 1), &crates);
        assert!(found.iter().any(|found| found == wrong), "{from}: {found:?}");
    }
}

#[test]
fn each_crate_has_one_line_in_the_tree() {
    let page = read("README.md");
    let tree = page.split("## What is where").nth(1).expect("a tree");
    let rows = tree.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let folders: Vec<&str> = rows.flat_map(quoted).filter(|folder| folder.ends_with('/')).collect();
    for krate in workspace() {
        let lines = folders.iter().filter(|folder| folder.trim_end_matches('/') == krate.folder).count();
        assert_eq!(lines, 1, "README.md has {lines} lines for {}/ under \"What is where\"", krate.folder);
    }
    for folder in folders {
        assert!(
            root().join(folder).join("Cargo.toml").exists(),
            "README.md has a line for {folder}, which is no crate"
        );
    }
}

/// Pages of others that our sources cite.
const PAGES_OF_OTHERS: [&str; 1] = ["usb-redirection-protocol.md"];

#[test]
fn pages_that_are_cited_are_there() {
    let (mut wrong, mut cited) = (Vec::new(), 0);
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    open.push(path);
                }
            } else if [".rs", ".md", ".toml"].iter().any(|end| name.ends_with(end)) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                for page in pages(&text) {
                    cited += 1;
                    let places = [root(), folder.clone(), root().join("docs"), root().join("docs/decisions")];
                    let others = PAGES_OF_OTHERS.iter().any(|others| page.ends_with(others));
                    if !others && !places.iter().any(|place| place.join(page).exists()) {
                        wrong.push(format!("{} cites {page}, which is not there", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cited > 100, "{cited} pages: is anything read?");
}

/// The pages that a text names, such as `docs/path.md`; a part of a longer path that is put together is none.
fn pages(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let words = text.split(move |c| !is_part(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.ends_with(".md") && word.len() > 3 && !word.starts_with('/'))
}

/// The page of reasons has each reason of the list once, in the list's order, and none besides.
#[test]
fn the_page_of_reasons_is_the_list() {
    let page = read("docs/reasons.md");
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .collect();
    let codes: Vec<&str> = wire::reason::Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(rows, codes);
    let once: BTreeSet<&str> = codes.iter().copied().collect();
    assert_eq!(once.len(), codes.len(), "a name has one meaning");
}
