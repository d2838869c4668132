//! Our own libraries that others load: where they lie.

use std::path::PathBuf;

/// Where installed libraries lie, after those beside the program.
const FOLDERS: [&str; 2] = ["/usr/local/lib", "/usr/lib"];

/// A library by its file name: beside the program, else in a library folder.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let near = beside.iter().flat_map(|folder| [folder.clone(), folder.join("../lib")]);
    let found = near.chain(FOLDERS.map(PathBuf::from)).map(|folder| folder.join(name));
    found.filter_map(|path| path.canonicalize().ok()).find(|path| path.is_file())
}
