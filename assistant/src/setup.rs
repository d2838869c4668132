//! The files that start the assistant at login: a unit of systemd for the user, and an autostart file for desktops without systemd.
//! Both are the user's own. Nothing here needs root, loosens a browser or a system, or loads anything.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use file::Access;
use terminal::Failure;

use crate::origin::Origin;

/// The folder of a user's configuration (XDG Base Directory Specification).
#[derive(Clone, Debug)]
pub struct Home(pub PathBuf);

impl Home {
    /// Where the user's environment says; `None` when it does not say.
    pub fn of_user() -> Option<Self> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config"))).map(Self)
    }

    /// Where the two files and the link are, whether or not they are there.
    pub fn paths(&self) -> [PathBuf; 3] {
        let [unit, autostart] = self.files();
        [unit, self.link(), autostart]
    }

    fn files(&self) -> [PathBuf; 2] {
        [self.0.join("systemd/user").join(UNIT), self.0.join("autostart/ushield-assistant.desktop")]
    }

    /// The banks of the files that there are: who has two banks follows the instructions of both, one after the other.
    pub fn banks(&self) -> Vec<Origin> {
        let mut banks = Vec::new();
        for file in self.files().iter().filter(|file| is_ours(file)) {
            let text = fs::read_to_string(file).unwrap_or_default();
            let words: Vec<&str> = text.split_whitespace().collect();
            for pair in words.windows(2) {
                if let ["--bank", bank] = pair
                    && let Ok(bank) = bank.parse()
                    && !banks.contains(&bank)
                {
                    banks.push(bank);
                }
            }
        }
        banks
    }

    /// The link by which systemd starts the unit with the desktop (systemd.unit(5), "WantedBy=").
    fn link(&self) -> PathBuf {
        self.0.join(WANTS).join(UNIT)
    }

    /// Whether the unit is there, and is ours.
    pub fn has_unit(&self) -> bool {
        let [unit, _] = self.files();
        is_ours(&unit)
    }

    /// Whether the link is there and leads to a unit of ours, which may be gone.
    fn has_link(&self) -> bool {
        let ([unit, _], link) = (self.files(), self.link());
        is_ours(&link) || fs::read_link(&link).is_ok_and(|to| to == unit) && !is_anothers(&unit)
    }

    /// Removes both files, systemd's link to the unit and the folders that are empty then. Gives what was removed. Files that are not ours
    /// stay.
    ///
    /// # Errors
    /// A file cannot be removed. Those that come after it stay, too.
    pub fn remove(&self) -> Result<Vec<PathBuf>, Failure> {
        let link = self.has_link().then(|| self.link());
        let files = self.files().into_iter().filter(|file| is_ours(file));
        let ours: Vec<PathBuf> = link.into_iter().chain(files).collect();
        ours.iter().try_for_each(|path| remove(path))?;
        for path in &ours {
            let folders = path.ancestors().skip(1).take_while(|folder| *folder != self.0);
            // A folder that has something else stays.
            folders.for_each(|folder| drop(fs::remove_dir(folder)));
        }
        Ok(ours)
    }

    /// Refuses to write over a file that is not ours.
    fn refuse_anothers(&self) -> Result<(), Failure> {
        let files = self.files().into_iter().find(|file| is_anothers(file));
        let link = Some(self.link()).filter(|link| exists(link) && !self.has_link());
        let Some(path) = files.or(link) else { return Ok(()) };
        Err(Failure::new("the assistant is not started at login")
            .because(format!("{} is there already, and is not by this command", path.display()))
            .next("move it to another name, and run the command again"))
    }

    /// Writes both files, over former ones of ours, and systemd's link to the unit. Gives the paths of the files.
    ///
    /// # Errors
    /// A file cannot be written, one that is there is not ours, or the program's path cannot stand in such files.
    pub fn write(&self, program: &Path, banks: &[Origin]) -> Result<[PathBuf; 2], Failure> {
        let program = program.to_str().filter(|path| path.chars().all(plain)).ok_or_else(|| {
            Failure::new("the assistant is not started at login")
                .because("the path of this program has characters that such files do not hold")
                .next("put the program into a folder such as /usr/local/bin, and run the command again")
        })?;
        let command = command(program, banks);
        self.refuse_anothers()?;
        let [unit_file, autostart_file] = self.files();
        let files = [(unit_file, unit(&command)), (autostart_file, autostart(&command))];
        for (path, text) in &files {
            make_folder_of(path)?;
            file::write(path, text.as_bytes(), Access::Owner, true)?;
        }
        let link = self.link();
        if !exists(&link) {
            make_folder_of(&link)?;
            symlink(&files[0].0, &link).map_err(|error| {
                Failure::new(format!("the link {} was not made", link.display())).because(error)
            })?;
        }
        Ok(files.map(|(path, _)| path))
    }
}

/// The unit's name.
pub const UNIT: &str = "ushield-assistant.service";
/// The folder of the links to what systemd starts with the desktop.
const WANTS: &str = "systemd/user/graphical-session.target.wants";
/// How the first line of both files begins. A file without it is somebody else's, and is neither read nor written over nor removed.
const MARK: &str = "# By ushield assistant setup.";
/// The rest of the line.
const CHANGES: &str =
    "The next setup writes this file anew: systemctl --user edit ushield-assistant keeps changes of yours.";

fn is_ours(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.starts_with(MARK))
}

fn is_anothers(file: &Path) -> bool {
    exists(file) && !is_ours(file)
}

/// Whether something is there, be it a link that leads nowhere.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|error| {
        Failure::new(format!("{} was not removed", path.display()))
            .because(error)
            .next("remove the file yourself, and run the command again")
    })
}

fn make_folder_of(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("the folder {} was not made", folder.display())).because(error))
}

/// What neither systemd nor a desktop reads as anything but itself (systemd.service(5), "COMMAND LINES"; Desktop Entry
/// Specification, "The Exec key").
const fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+')
}

/// The command line. An origin has no character that wants a quote.
fn command(program: &str, banks: &[Origin]) -> String {
    let banks: Vec<String> = banks.iter().map(|bank| format!(" --bank {bank}")).collect();
    format!("{program} assistant{}", banks.concat())
}

fn unit(command: &str) -> String {
    format!(
        "{MARK} {CHANGES}\n[Unit]\nDescription=Online Banking Assistant\nPartOf=graphical-session.target\n\
         After=graphical-session.target\n\n[Service]\nType=exec\nExecStart={command}\nRestart=on-failure\nNoNewPrivileges=yes\n\n\
         [Install]\nWantedBy=graphical-session.target\n"
    )
}

/// Where systemd starts the assistant, the desktop does not: there would be two.
fn autostart(command: &str) -> String {
    format!(
        "{MARK} {CHANGES}\n[Desktop Entry]\nType=Application\nName=Online Banking Assistant\nName[zh_CN]=网银助手\n\
         Exec={command}\nTerminal=false\nX-systemd-skip=true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_start_the_assistant_for_the_banks() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().join("config"));
        let banks: Vec<Origin> =
            ["https://bank.example", "http://localhost:8080"].map(|bank| bank.parse().unwrap()).into();
        let command =
            "/usr/local/bin/ushield assistant --bank https://bank.example --bank http://localhost:8080";
        let [unit, autostart] = home.write(Path::new("/usr/local/bin/ushield"), &banks).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert!(read(&unit).contains(&format!("\nExecStart={command}\n")));
        assert!(read(&autostart).contains(&format!("\nExec={command}\n")));
        assert_eq!(home.banks(), banks);
        // Again, over the former ones.
        home.write(Path::new("/usr/local/bin/ushield"), &banks[..1]).unwrap();
        assert!(!read(&unit).contains("localhost"));
        for odd in ["/opt/my programs/ushield", "/opt/%h/ushield", "/opt/\"x\"/ushield", "/opt/$HOME/ushield"]
        {
            assert!(home.write(Path::new(odd), &banks).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_was_written_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().join("config"));
        let bank: Origin = "https://bank.example".parse().unwrap();
        let [unit, autostart] = home.write(Path::new("/usr/bin/ushield"), &[bank]).unwrap();
        assert_eq!(fs::read_link(home.link()).unwrap(), unit, "systemd starts the unit");
        assert_eq!(home.remove().unwrap().len(), 3);
        assert_eq!(fs::read_dir(&home.0).unwrap().count(), 0, "nothing is left");
        assert!(home.remove().unwrap().is_empty() && home.banks().is_empty());
        // An empty folder of the user's.
        fs::create_dir_all(autostart.parent().unwrap()).unwrap();
        assert!(home.remove().unwrap().is_empty() && autostart.parent().unwrap().exists());
        // A file of the same name that is the user's own, and another one beside it.
        fs::create_dir_all(unit.parent().unwrap()).unwrap();
        fs::create_dir_all(autostart.parent().unwrap()).unwrap();
        fs::write(&unit, "[Service]\nExecStart=/bin/true --bank https://other.example\n").unwrap();
        fs::write(autostart.with_file_name("mail.desktop"), "").unwrap();
        fs::create_dir(home.0.join(WANTS)).unwrap();
        symlink(&unit, home.link()).unwrap();
        assert!(home.remove().unwrap().is_empty() && home.banks().is_empty() && !home.has_unit());
        assert!(unit.exists() && exists(&home.link()) && autostart.with_file_name("mail.desktop").exists());
    }

    #[test]
    fn a_file_of_somebody_elses_is_not_written_over() {
        let bank: [Origin; 1] = ["https://bank.example".parse().unwrap()];
        type Place = fn(&Home) -> PathBuf;
        let places: [Place; 3] =
            [|home| home.files()[0].clone(), |home| home.files()[1].clone(), |home| home.link()];
        for place in places {
            let folder = tempfile::tempdir().unwrap();
            let home = Home(folder.path().join("config"));
            let path = place(&home);
            make_folder_of(&path).unwrap();
            fs::write(&path, "mine").unwrap();
            let refused = home.write(Path::new("/usr/bin/ushield"), &bank).unwrap_err().to_string();
            assert!(refused.contains(path.to_str().unwrap()), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
            let written = home.files().into_iter().filter(|file| *file != path && exists(file)).count();
            assert_eq!(written, 0, "the other file is not written, either");
        }
    }

    #[test]
    fn what_cannot_be_removed_is_named() {
        // Not even root removes a folder as a file.
        let folder = tempfile::tempdir().unwrap();
        let failure = remove(folder.path()).unwrap_err().to_string();
        assert!(failure.contains(folder.path().to_str().unwrap()) && folder.path().exists(), "{failure}");
    }
}
