//! Links in the person's browser.
//!
//! Every user of the machine sees the arguments of a program (proc_pid_cmdline(5)). So a link with a secret stands in a page for its owner
//! only, which leads there, and the browser is told of the page.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use terminal::warn;

use crate::player::without_secrets;

/// Opens a link that everybody may see (xdg-open(1)).
pub(crate) fn open(name: &str, link: &str) {
    let opened = without_secrets(Command::new("xdg-open").arg(link))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        warn(&format!(
            "world: no browser was started for the {name}: {error}\n  next: open its link yourself"
        ));
    }
}

/// Opens a link with a secret, by a page in this folder.
pub(crate) fn open_secret(name: &str, link: &str, folder: &Path) {
    match page(name, link, folder) {
        Ok(page) => open(name, &page.display().to_string()),
        Err(error) => {
            warn(&format!("world: no page was made for the {name}: {error}\n  next: open its link yourself"))
        }
    }
}

/// Writes a page that leads to the link (HTML, "4.2.5.3 Pragma directives": refresh).
fn page(name: &str, link: &str, folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(format!("{name}.html"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let link = link.replace('&', "&amp;").replace('"', "&quot;");
    writeln!(
        file,
        "<!doctype html><meta name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"refresh\" content=\"0;url={link}\">"
    )?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, os::unix::fs::PermissionsExt, process};

    #[test]
    fn a_page_for_its_owner_only_leads_to_the_link() {
        let folder = env::temp_dir().join(format!("world-link-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        let page = page("shield", "http://127.0.0.1:1/?a=1&b=\"#secret", &folder).unwrap();
        assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&page).unwrap();
        assert!(text.contains("0;url=http://127.0.0.1:1/?a=1&amp;b=&quot;#secret\""), "{text}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
