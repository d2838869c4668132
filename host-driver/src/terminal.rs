//! What people see: colour only on a terminal, the token's screen as a box, one line a step.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
    path::Path,
    sync::OnceLock,
};

use rustix::{process::getpgrp, stdio::stdin, termios::tcgetpgrp};
use unicode_width::UnicodeWidthStr;
use wire::display::{self, escaped};

use crate::control::view::Screen;

/// Writes colour, or does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self { colour: wanted(std::io::stdout().is_terminal()) }
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self { colour: wanted(std::io::stderr().is_terminal()) }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }
}

/// All that [`Paint`] writes; nothing else of the kind reaches the terminal.
const COLOURS: [&str; 5] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m"];

/// <https://no-color.org>: any text in NO_COLOR switches colour off.
fn wanted(terminal: bool) -> bool {
    terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The token's screen as a box of `columns` cells, each line behind `indent`.
pub(crate) fn draw(screen: &Screen, indent: &str) -> String {
    // A token that is not ours may show anything.
    let lines: Vec<String> = screen.lines.iter().map(|line| escaped(line).to_string()).collect();
    let widest = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let inner = widest.max(20);
    let pages =
        if screen.pages > 1 { format!(" page {} of {} ", screen.page, screen.pages) } else { String::new() };
    let mut out = format!("{indent}┌{}┐\n", "─".repeat(inner + 2));
    for line in &lines {
        out += &format!("{indent}│ {line}{} │\n", " ".repeat(inner - line.width()));
    }
    let rule = "─".repeat((inner + 2).saturating_sub(pages.width()));
    out + &format!("{indent}└{rule}{pages}┘\n")
}

/// One line a step, with what came of it.
pub(crate) struct Steps {
    paint: Paint,
    number: usize,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { paint: Paint::stdout(), number: 0 }
    }

    /// A step is done; its details follow, one a line.
    pub(crate) fn done(&mut self, what: &str, details: &[&str]) {
        self.number += 1;
        say(&format!("{} {}", self.paint.bold(&format!("{:>2}.", self.number)), what));
        for detail in details {
            self.detail(detail);
        }
    }

    /// A detail of the last step.
    pub(crate) fn detail(&self, line: &str) {
        say(&format!("    {}", self.paint.dim(line)));
    }
}

/// Writes one line to standard output: a line end in it is somebody else's, and is escaped like all that a terminal
/// obeys. A reader who has gone (`| head`) is no failure of ours.
pub(crate) fn say(line: &str) {
    put(&printable(line));
}

/// Writes several lines. Whoever makes them escapes what is not ours (`wire::display::escaped`), so that no line but
/// ours begins.
pub(crate) fn say_lines(text: &str) {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    put(&lines.join("\n"));
}

/// As [`say_lines`], of bytes that need not be UTF-8, as paths: what is not, stays as it is.
pub(crate) fn say_bytes(text: &[u8]) {
    let mut whole = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |line| (line, &b"\n"[..]));
        for chunk in line.utf8_chunks() {
            whole.extend(printable(chunk.valid()).as_bytes());
            whole.extend(chunk.invalid());
        }
        whole.extend(end);
    }
    let mut out = std::io::stdout().lock();
    note(out.write_all(&[&whole[..], b"\n"].concat()).and_then(|()| out.flush()));
}

/// Whether we are in the background of the terminal at standard input: what is typed there is for another program.
pub(crate) fn is_in_background() -> bool {
    // Where it is not our controlling terminal there is no background.
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Writes JSON, with JSON's own escapes for what a terminal obeys.
pub(crate) fn say_json(json: &str) {
    put(&display::json(as_sudo_finds_us(json, own_path())).to_string());
}

/// Writes one line to standard error, as [`say`] does.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(line));
}

/// Writes several lines to standard error, as [`say_lines`] does.
pub(crate) fn warn_lines(text: &str) {
    text.split('\n').for_each(warn);
}

fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    note(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// The first line that standard output did not take, and why.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// A line that could not be written is no reason to stop, but the program says so at its end ([`unwritten`]). A reader who
/// has gone (`| head`) is no failure of ours.
fn note(written: std::io::Result<()>) {
    if let Err(fault) = written
        && fault.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _only_the_first_counts = UNWRITTEN.set(fault.to_string());
    }
}

/// Why something that was said did not reach standard output, if so.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Everything escaped that a terminal obeys, but for the colours that [`Paint`] writes.
fn printable(line: &str) -> String {
    let line = as_sudo_finds_us(line, own_path());
    let mut out = String::new();
    let mut rest = &*line;
    while let Some((before, code, after)) = COLOURS
        .iter()
        .filter_map(|code| rest.find(code).map(|at| (&rest[..at], *code, &rest[at + code.len()..])))
        .min_by_key(|(before, ..)| before.len())
    {
        out += &format!("{}{code}", display::printed(before));
        rest = after;
    }
    out + &display::printed(rest).to_string()
}

/// Help, or what is wrong with a command line, which its user wrote.
pub(crate) fn help(error: &clap::Error) {
    let text = error.render();
    let colour = if error.use_stderr() { Paint::stderr().colour } else { Paint::stdout().colour };
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    let text = as_sudo_finds_us(&text, own_path());
    if error.use_stderr() {
        // Where nobody listens there is nobody to tell.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    } else {
        let mut out = std::io::stdout().lock();
        note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}

/// Where sudo looks for programs (sudoers' secure_path, as Debian and Fedora set it): not in the caller's PATH.
const SECURE_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// This program's own path, where sudo does not find it by its name.
fn own_path() -> Option<&'static str> {
    static PATH: OnceLock<Option<String>> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let path = std::env::current_exe().ok()?;
        let found = SECURE_PATH.iter().any(|folder| Path::new(folder).join("ushield") == path);
        let text = path.to_str()?;
        // A shell and JSON take it as it is.
        let plain = text.chars().all(|c| c.is_alphanumeric() || "/._+-@".contains(c));
        (!found && plain && text.ends_with("/ushield")).then(|| text.to_owned())
    });
    path.as_deref()
}

/// Every command that we tell people to run with sudo is one that sudo finds.
fn as_sudo_finds_us<'a>(text: &'a str, path: Option<&str>) -> Cow<'a, str> {
    match path {
        Some(path) if text.contains("sudo ushield ") => {
            text.replace("sudo ushield ", &format!("sudo {path} ")).into()
        }
        _ => text.into(),
    }
}

/// What the server logs: each event one line on standard error, whatever a peer called itself.
#[derive(Clone, Copy)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        writeln!(std::io::stderr().lock(), "{}", display::printed(line.trim_end_matches('\n')))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_colours_reach_the_terminal() {
        let paint = Paint { colour: true };
        let line = format!("{} {}", paint.good("GOOD"), "\x1b[2Jno\n\u{202e}\u{9b}1mC:\\ \x1b]0;x\x07");
        assert_eq!(
            printable(&line),
            "\x1b[32mGOOD\x1b[0m \\u{1b}[2Jno\\n\\u{202e}\\u{9b}1mC:\\ \\u{1b}]0;x\\u{7}"
        );
        let codes = [paint.bold(""), paint.dim(""), paint.good(""), paint.bad("")].concat();
        assert_eq!(printable(&codes), codes);
        let screen = Screen { lines: vec!["a\nb\x1b[2J".into()], page: 1, pages: 1 };
        assert!(draw(&screen, "").contains("│ a\\nb\\u{1b}[2J"));
    }

    #[test]
    fn sudo_is_told_the_path_where_it_does_not_know_it() {
        let hint = "see `ushield ports`; sudo ushield detach 3\nsudo ushield detach all";
        assert_eq!(as_sudo_finds_us(hint, None), hint);
        assert_eq!(
            as_sudo_finds_us(hint, Some("/home/a/target/release/ushield")),
            "see `ushield ports`; sudo /home/a/target/release/ushield detach 3\nsudo /home/a/target/release/ushield detach all"
        );
    }

    #[test]
    fn chinese_takes_two_cells() {
        let screen = Screen { lines: vec!["上海水务".into(), "¥100.00".into()], page: 1, pages: 2 };
        let drawn = draw(&screen, "");
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.width() == 24), "{drawn}");
        assert!(lines[3].contains("page 1 of 2"));
    }
}
