//! Which prompter there is: the file that was named, pinentry's window, or the terminal.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Console, Nobody, PinFile, Pinentry, Prompter, pinentry::opens_windows};

/// The window systems' variables. A pinentry without any would ask in a terminal, and the assistant asks there itself.
const DISPLAYS: [&str; 2] = ["WAYLAND_DISPLAY", "DISPLAY"];

/// The prompter. `file` is the file with the PIN and `new_file` the file with the PIN that is to be; `program` is the pinentry that
/// was named, which is taken whether or not there is a window system.
pub fn choose(
    file: Option<PathBuf>,
    new_file: Option<PathBuf>,
    program: Option<PathBuf>,
) -> Box<dyn Prompter> {
    if let Some(pin) = file {
        return Box::new(PinFile { pin, new_pin: new_file });
    }
    let shown = DISPLAYS.iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    let found = program.or_else(|| pinentry().filter(|_| shown));
    match found {
        Some(program) => Box::new(Pinentry { program }),
        None if Console::is_there() => Box::new(Console),
        None => Box::new(Nobody),
    }
}

/// The pinentry of the machine, if it has one that opens windows.
pub fn pinentry() -> Option<PathBuf> {
    find("pinentry").filter(|program| opens_windows(program))
}

/// A program in the folders of PATH.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
