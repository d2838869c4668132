//! Shared objects of this project, which other programs load: where they are installed.

use std::path::PathBuf;

/// Folders of installed libraries.
const FOLDERS: [&str; 2] = ["/usr/local/lib", "/usr/lib"];

/// Finds a shared object by its file name: beside the program that runs, else in `../lib`, else in a folder of libraries.
pub fn find(name: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let near = beside.iter().flat_map(|folder| [folder.clone(), folder.join("../lib")]);
    let found = near.chain(FOLDERS.map(PathBuf::from)).map(|folder| folder.join(name));
    found.filter_map(|path| path.canonicalize().ok()).find(|path| path.is_file())
}
