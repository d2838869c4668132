//! Whatever our programs and libraries print goes through a few functions, which escape what a terminal obeys
//! (`wire::display`): nobody has to remember it, and what is forgotten is found here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::visit::{self, Visit};

/// Who may touch standard output or standard error, and why no stranger's text gets out raw there.
const SINKS: &[(&str, &str)] = &[
    ("terminal/src/output.rs", "say, warn and the log: each line is escaped"),
    (
        "ushield/src/commands/background.rs",
        "a pipe to the program's own starter, which prints it by say_lines",
    ),
    ("card/src/trace.rs", "hexadecimal, and one line that is escaped"),
    ("host-driver/ifd/src/journal.rs", "pcscd's journal: the line is escaped"),
];

/// Who may print several lines at once: a stranger's line end would begin one, so each part that is not ours is escaped
/// where it is put in, or split and indented.
const SEVERAL_LINES: &[(&str, &str)] = &[
    ("cert-tool/src/commands.rs", "reports, in which each part that is not ours is escaped"),
    ("terminal/src/program.rs", "a Failure, whose Display escapes each part and indents its lines"),
    ("host-driver/src/control/client.rs", "a Failure, as at a program's end"),
    ("ushield/src/commands/reader.rs", "a path, quoted for the shell"),
    ("ushield/src/commands/run.rs", "a Failure, as at a program's end"),
    ("host-driver/src/make.rs", "a self-test's refusal: our own words"),
    ("ushield/src/commands/background.rs", "what our own program said"),
    ("ushield/src/commands/brand.rs", "a brand's file, which the user named"),
    ("ushield/src/commands/completions.rs", "a script that clap makes"),
    ("ushield/src/commands/demo/thumb.rs", "a screen, whose lines draw escapes"),
    ("ushield/src/commands/doctor.rs", "findings, whose messages are made one line"),
    ("ushield/src/commands/press.rs", "a screen, whose lines draw escapes"),
    ("ushield/src/commands/screen.rs", "a screen, whose lines draw escapes"),
    ("ushield/src/commands/up.rs", "announce, which escapes what a brand calls its product"),
    ("ushield/src/commands/up/console.rs", "a screen, whose lines draw escapes"),
    ("ushield/src/commands/verify.rs", "a payment, each field of which is escaped"),
];

const FOLDERS: &[&str] = &[
    "wire/src",
    "firmware/src",
    "payment/src",
    "lock/src",
    "peer/src",
    "file/src",
    "authority/src",
    "terminal/src",
    "cert-tool/src",
    "host-driver/src",
    "ushield/src",
    "card/src",
    "host-driver/ifd/src",
    "host-driver/pkcs11/src",
    "host-driver/reader/src",
    "host-driver/machine/src",
    "assistant/src",
];

/// The sources of a folder that are no tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if name.ends_with(".rs")
            && !matches!(&*name, "tests.rs" | "fake.rs" | "fixture.rs" | "chapter9.rs")
        {
            found.push(path);
        }
    }
}

/// What a file prints by itself, outside its tests.
#[derive(Default)]
struct Prints {
    raw: Vec<String>,
    several_lines: bool,
}

impl<'a> Visit<'a> for Prints {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let name = call.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        let tokens = call.tokens.to_string();
        if matches!(&*name, "println" | "print" | "eprintln" | "eprint" | "dbg")
            || ["io :: stdout ()", "io :: stderr ()"].iter().any(|stream| tokens.contains(stream))
        {
            self.raw.push(format!("{name}!"));
        }
        self.several_lines |=
            ["say_lines", "warn_lines", "say_bytes"].iter().any(|lines| tokens.contains(lines));
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        // Asking whether it is a terminal prints nothing.
        if call.method != "is_terminal" {
            visit::visit_expr_method_call(self, call);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        match names.last().map(String::as_str) {
            Some("stdout" | "stderr") if names.iter().any(|name| name == "io") => {
                self.raw.push(names.join("::"))
            }
            Some("say_lines" | "warn_lines" | "say_bytes") => self.several_lines = true,
            _ => {}
        }
        visit::visit_path(self, path);
    }
}

fn prints(source: &str) -> Prints {
    let mut prints = Prints::default();
    prints.visit_file(&syn::parse_file(source).expect("a source file"));
    prints
}

#[test]
fn nothing_is_printed_but_by_the_sinks() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let (mut wrong, mut sinks, mut several) = (Vec::new(), 0, 0);
    for file in &files {
        let name = file.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        let found = prints(&fs::read_to_string(file).expect("a source"));
        let listed = |list: &[(&str, &str)]| list.iter().any(|(path, _)| *path == name);
        match (found.raw.is_empty(), listed(SINKS)) {
            (false, false) => wrong.push(format!(
                "{name} prints by {}: print through terminal::say, or list it with a reason",
                found.raw.join(", ")
            )),
            (false, true) => sinks += 1,
            _ => {}
        }
        match (found.several_lines, listed(SEVERAL_LINES)) {
            (true, false) => wrong.push(format!(
                "{name} prints several lines at once: escape what is not ours (wire::display::escaped), and list it"
            )),
            (true, true) => several += 1,
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() > 250, "{} files: is anything read?", files.len());
    assert_eq!(
        (sinks, several),
        (SINKS.len(), SEVERAL_LINES.len()),
        "a list names a file that prints nothing"
    );
}

#[test]
fn the_scan_finds_what_prints() {
    for source in [
        "fn a() { println!(\"x\"); }",
        "fn a() { std::eprint!(\"x\"); }",
        "fn a() { writeln!(std::io::stderr(), \"{b}\"); }",
        "fn a() { use std::io; let mut out = io::stdout().lock(); }",
        "fn a() { log.with_writer(std::io::stderr); }",
        "mod inner { fn a() { if true { dbg!(1); } } }",
    ] {
        assert!(!prints(source).raw.is_empty(), "{source}");
    }
    for source in [
        "fn a() { std::io::stdout().is_terminal() }",
        "#[cfg(test)] mod tests { fn a() { println!(\"x\"); } }",
        "/// println!(\"x\")\nfn a() { child.stdout.take(); Paint::stderr(); }",
    ] {
        assert_eq!(prints(source).raw, [""; 0], "{source}");
    }
    assert!(prints("fn a() { terminal::warn_lines(&b); }").several_lines);
}
