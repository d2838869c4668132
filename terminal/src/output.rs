//! The only places where our programs print: each escapes what a terminal obeys, whoever wrote it.

use std::{io::Write, sync::OnceLock};

use wire::display;

use crate::{
    paint::{COLOURS, Paint},
    sudo::{as_sudo_finds_us, own_path},
};

/// Writes one line to standard output. Everything in the line that a terminal obeys is escaped; so is a line end, which can only
/// come from a stranger's text. That the reader has gone (`| head`) is no failure of the program.
pub fn say(line: &str) {
    put(&printable(line));
}

/// Writes several lines. The caller escapes every text that is not the program's own (`wire::display::escaped`), so that no
/// stranger's text begins a line.
pub fn say_lines(text: &str) {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    put(&lines.join("\n"));
}

/// As [`say_lines`], for bytes that need not be UTF-8, such as paths: bytes that are no UTF-8 are written as they are.
pub fn say_bytes(text: &[u8]) {
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

/// Writes JSON, with JSON's own escapes for what a terminal obeys.
pub fn say_json(json: &str) {
    put(&display::json(as_sudo_finds_us(json, own_path())).to_string());
}

/// Writes one line to standard error, as [`say`] does.
pub fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(line));
}

/// Writes several lines to standard error, as [`say_lines`] does.
pub fn warn_lines(text: &str) {
    text.split('\n').for_each(warn);
}

fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    note(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// The first line that standard output did not take, and why.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Remembers that standard output did not take a line. The program goes on, and says so at its end ([`unwritten`]). That the
/// reader has gone (`| head`) is no failure of the program.
fn note(written: std::io::Result<()>) {
    if let Err(fault) = written
        && fault.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _only_the_first_counts = UNWRITTEN.set(fault.to_string());
    }
}

/// Why something that was said did not reach standard output, if so.
pub fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Escapes everything that a terminal obeys, except the colours that [`Paint`] writes.
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
        // Where standard error takes nothing, there is no other place to say so.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    } else {
        let mut out = std::io::stdout().lock();
        note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}

/// What the server logs: each event one line on standard error, whatever a peer called itself.
#[derive(Clone, Copy, Debug)]
pub struct Log;

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
    }
}
