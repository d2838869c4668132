//! What the documents say of the tree is true: files and tests that they name are there, and bytes that they print are the
//! recorded ones.

use std::{fs, path::PathBuf};

use wire::usbip::Submit;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents, by their paths below the root.
fn documents() -> Vec<String> {
    let mut found = vec!["CONTRIBUTING.md".to_owned()];
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of documents").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

/// What stands between backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// A path of the tree, such as `wire/src/apdu.rs`, with or without `#test`.
fn as_path(text: &str) -> Option<(&str, Option<&str>)> {
    let (path, test) = text.split_once('#').map_or((text, None), |(path, test)| (path, Some(test)));
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let below = [
        "wire/",
        "file/",
        "authority/",
        "card/",
        "terminal/",
        "firmware/",
        "host-driver/",
        "ushield/src/",
        "ushield/tests/",
        "card/",
        "cert-tool/",
        "payment/",
        "tests/",
        "fuzz/",
        "benches/",
        "docs/",
    ];
    (plain && below.iter().any(|folder| path.starts_with(folder))).then_some((path, test))
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
                if !read(path).contains(&format!("fn {test}(")) {
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
    assert_eq!(blocks(&document, "submit"), [submit(33, false, 1, length), submit(34, true, 2, most)]);
    let reply =
        |sequence: u32, length: usize| format!("00000003{sequence:08X}{:032}{length:08X}{:040}", 0, 0);
    assert_eq!(blocks(&document, "return"), [reply(33, sent), reply(34, taken)]);
}

/// dwMaxCCIDMessageLength, at offset 44 of the class descriptor, which opens with 36 21 (CCID 1.1, table 5.1-1).
fn firmware_message_length(transcript: &str) -> u32 {
    let configuration = transcript.lines().find(|line| line.contains("36211001")).expect("a configuration");
    let at = configuration.find("36211001").expect("a class descriptor") + 2 * 44;
    let bytes = configuration.get(at..at + 8).expect("54 bytes");
    u32::from_str_radix(bytes, 16).expect("hexadecimal").swap_bytes()
}
