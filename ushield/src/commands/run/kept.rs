//! What `--state DIR` keeps for the next run: the tokens, the secret that opens them, and their PIN.
//!
//! ```text
//! DIR/tokens/   the tokens, as `ushield up --state` has them
//! DIR/secret    the device secret
//! DIR/pin       the PIN that the tokens were made with
//! ```
//!
//! All three stand in one folder for its owner only: whoever copies the folder has the tokens. That is for trials.

use std::{fs, path::Path};

use host_driver::make::{self, Home};
use terminal::Failure;
use zeroize::Zeroizing;

/// The home of the tokens, and their PIN, which stands in the folder. The first run makes a random PIN.
pub(super) fn open(dir: &Path) -> Result<(Home, Zeroizing<Vec<u8>>), Failure> {
    file::make_private_folder(dir)?;
    let own = dir.join("pin");
    if fs::symlink_metadata(&own).is_err() {
        let mut line = make::digits()?;
        line.push(b'\n');
        file::write(&own, &line, file::Access::Owner, false)?;
    }
    let pin = make::chosen_pin(&own)?;
    Ok((Home::Disk { state: dir.join("tokens"), secret: dir.join("secret") }, pin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_has_the_pin_of_the_first() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let (_, first) = open(&dir).unwrap();
        let (_, next) = open(&dir).unwrap();
        assert_eq!(first, next);
        assert_eq!(first.len(), 8);
    }
}
