//! Which prompter there is: the file that was named, pinentry's window, or the terminal.

use std::path::PathBuf;

use terminal::desktop;

use super::{Console, Nobody, PinFile, Pinentry, Prompter, pinentry::opens_windows};

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
    // A pinentry without windows would ask in a terminal, and the assistant asks there itself.
    let found = program.or_else(|| pinentry().filter(|_| desktop::has_windows()));
    match found {
        Some(program) => Box::new(Pinentry { program }),
        None if Console::is_there() => Box::new(Console),
        None => Box::new(Nobody),
    }
}

/// The pinentry of the machine, if it has one that opens windows.
pub fn pinentry() -> Option<PathBuf> {
    desktop::program("pinentry").filter(|program| opens_windows(program))
}
