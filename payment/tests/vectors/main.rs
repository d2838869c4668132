//! The corpus in `tests/vectors`: made here, byte for byte, and judged by this crate and by openssl.
//!
//! `VECTORS=write cargo test -p payment --test vectors` writes it again.

mod case;
mod cases;
mod certificate;
mod der;
mod document;
mod index;
mod judge;
mod key;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Once,
};

use case::{Case, Level};
use payment::Reason;

const AGAIN: &str = "write the corpus again: VECTORS=write cargo test -p payment --test vectors";

fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

/// The folder of the corpus. With `VECTORS=write` the corpus is written before anybody reads the folder.
fn folder() -> PathBuf {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        if std::env::var("VECTORS").is_ok_and(|value| value == "write") {
            let cases = cases::all();
            write(&made(&cases));
            let readme = place().join("README.md");
            let text = fs::read_to_string(&readme).unwrap();
            fs::write(readme, corrected(&text, &figures(&cases))).unwrap();
        }
    });
    place()
}

/// Every file that the cases make, by its path. One path never names two contents.
fn made(cases: &[Case]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([("index.tsv".to_owned(), index::write(cases).into_bytes())]);
    for file in cases.iter().flat_map(Case::files) {
        let before = files.insert(file.path.clone(), file.bytes.clone());
        assert!(before.is_none_or(|before| before == file.bytes), "{} has two contents", file.path);
    }
    files
}

/// The files that are in the folder, below the subfolders that hold only files of the corpus.
fn there() -> BTreeSet<String> {
    let mut found = BTreeSet::from(["index.tsv".to_owned()]);
    for part in ["ca", "crl", "documents", "orders"] {
        for entry in fs::read_dir(place().join(part)).into_iter().flatten().flatten() {
            found.insert(format!("{part}/{}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

fn write(files: &BTreeMap<String, Vec<u8>>) {
    for stale in there().iter().filter(|path| !files.contains_key(*path)) {
        let _not_there_is_well = fs::remove_file(place().join(stale));
    }
    for (path, bytes) in files {
        let path = place().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn the_corpus_is_what_is_made_here() {
    let files = made(&cases::all());
    assert_eq!(there(), files.keys().cloned().collect(), "{AGAIN}");
    for (path, bytes) in &files {
        assert!(fs::read(folder().join(path)).unwrap() == *bytes, "{path} is another; {AGAIN}");
    }
    let size: usize = files.values().map(Vec::len).sum();
    assert!(size < 1 << 20, "{size} bytes");
}

#[test]
fn each_document_is_judged_as_the_index_says() {
    let mut stores = judge::Stores::new();
    let mut wrong = Vec::new();
    for row in index::read(&fs::read_to_string(folder().join("index.tsv")).unwrap()) {
        let found = judge::ours(&folder(), &row, &mut stores);
        if found != row["expected"] {
            wrong.push(format!(
                "{}: expected {}, found {found}: {}",
                row["name"], row["expected"], row["wrong"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn openssl_judges_as_the_index_says() {
    let scratch = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for row in index::read(&fs::read_to_string(folder().join("index.tsv")).unwrap()) {
        let found = judge::openssl(&folder(), &row, &scratch.path().join("trusted.pem"));
        let expected = row["openssl"].split(' ').next();
        if expected != Some(found) && expected != Some("varies") {
            wrong.push(format!(
                "{}: ours {}, openssl found {found}, index {}",
                row["name"], row["expected"], row["openssl"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

/// Names, reasons and sentences: each case has all of them, and no name stands there twice.
#[test]
fn the_index_is_whole() {
    let cases = cases::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    for case in &cases {
        assert!(case.wrong.ends_with('.') && !case.wrong.contains(['\t', '\n']), "{}", case.name);
        assert_eq!(case.wrong.starts_with("Good"), case.expected == "accepted", "{}", case.name);
    }
    let expected: BTreeSet<&str> = cases.iter().map(|case| case.expected).collect();
    let known: BTreeSet<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .chain(["accepted", "ca_refused", "crl_refused"])
        .collect();
    // Reasons that are not in the corpus wait for cases (`cases::WAITING`).
    assert!(expected.is_subset(&known), "{:?}", expected.difference(&known));
}

/// How often each outcome and each word for a difference occurs. The tables of the README show these figures.
fn figures(cases: &[Case]) -> BTreeMap<String, usize> {
    let mut figures = BTreeMap::from([("documents".to_owned(), cases.len())]);
    let mut count = |label: &str| *figures.entry(label.to_owned()).or_default() += 1;
    for case in cases {
        count(if case.level == Level::Core { "core" } else { "text" });
        count(case.expected);
        count(if case.expected == "accepted" { "accepted by us" } else { "refused by us" });
        count(&format!("{} by openssl", case.openssl()));
        if case.differs != "-" {
            count(case.differs);
        }
    }
    figures
}

/// The README with the figures of today. A figure's row begins with the figure's name.
fn corrected(readme: &str, figures: &BTreeMap<String, usize>) -> String {
    let correct = |line: &str| {
        let label = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | ")).map(|(label, _)| label);
        // A row whose third part is no number shows no figure, and stays as it is. A figure that occurs no more becomes
        // 0.
        let Some(label) = label.filter(|_| is_number(line.split('|').nth(2))) else {
            return format!("{line}\n");
        };
        let count = figures.get(label).copied().unwrap_or_default();
        let rest = line.splitn(4, '|').nth(3).unwrap_or_default();
        format!("| `{label}` | {count} |{rest}\n")
    };
    readme.lines().map(correct).collect()
}

fn is_number(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.trim().parse::<usize>().is_ok())
}

#[test]
fn the_readme_has_each_figure_and_explains_each_difference() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let figures = figures(&cases::all());
    println!("{figures:?}");
    let row = |label: &str| format!("| `{label}` | ");
    for label in figures.keys() {
        let rows = readme.lines().filter(|line| line.starts_with(&row(label))).count();
        assert_eq!(rows, 1, "README.md has {rows} rows for {label}");
    }
    assert!(readme == corrected(&readme, &figures), "README.md has other figures; {AGAIN}");
    let stale: Vec<&str> = readme.lines().filter(|line| line.contains("` | 0 |")).collect();
    assert!(stale.is_empty(), "README.md explains what does not occur: {stale:?}");
}
