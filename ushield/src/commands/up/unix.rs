//! The Unix socket at which `up` serves USB/IP to programs of the same user.

use std::path::Path;

use host_driver::{Exporter, paths, usbip::Timing};
use terminal::Failure;

/// The option's word for no socket.
pub(super) const NONE: &str = "none";

/// Opens the socket that the option names, or else the usual one. Without the usual one `up` serves all the same: clients reach
/// it by TCP.
pub(super) fn open(
    exporter: &mut Exporter,
    option: Option<&Path>,
    control: &Path,
    state: Option<&Path>,
) -> Result<(), Failure> {
    match option {
        Some(path) if path.as_os_str() == NONE => Ok(()),
        Some(path) => open_at(exporter, path),
        None => {
            if let Err(failure) = open_usual(exporter, control, state) {
                tracing::warn!("USB/IP is served at TCP only: {failure}");
            }
            Ok(())
        }
    }
}

/// Opens the first of the usual sockets that can be opened. In another network namespace another server may listen at the same
/// port and have the name that clients look for, and the folder of the control socket may be open to others. The runtime folder
/// is made only where the socket goes there.
fn open_usual(exporter: &mut Exporter, control: &Path, state: Option<&Path>) -> Result<(), Failure> {
    let known = paths::is_standard(exporter.local_addr());
    if known && open_at(exporter, &paths::runtime()?.join(file::socket::STANDARD)).is_ok() {
        return Ok(());
    }
    if open_at(exporter, &paths::beside(control)).is_ok() {
        return Ok(());
    }
    open_at(exporter, &paths::beside(&paths::socket(&paths::runtime()?, state)))
}

fn open_at(exporter: &mut Exporter, path: &Path) -> Result<(), Failure> {
    let next = "name another one with --unix PATH, or --unix none";
    paths::check_socket(path)?;
    file::make_private_folder(file::folder(path))?;
    exporter
        .listen_unix(path, Timing::STANDARD)
        .map_err(|error| Failure::new("USB/IP is not served at a Unix socket").because(error).next(next))
}
