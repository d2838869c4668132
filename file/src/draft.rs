//! A file in the making: hidden, beside its place, until it is whole.
//!
//! Its name is `.NAME.0123456789abcdef.tmp`. Its writer holds a lock on it (flock(2)) for as long as it writes, and the
//! system ends the lock when the writer dies, however it dies. So whoever finds such a file with a free lock knows that
//! nobody writes it any more, and may remove it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner only: keys, the index.
    Owner,
    /// Everyone that the folder lets in: certificates, CRLs, requests.
    Everyone,
}

/// How often a new file may be swept in the moment before its writer has the lock.
const MOST_SWEPT: usize = 100;

/// A file in the making. It is removed when this value is dropped before the file has its name.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    file: File,
    named: bool,
}

impl Draft {
    /// Makes an empty file beside `place`, and locks it.
    pub(crate) fn begin(place: &Path, access: Access) -> io::Result<Self> {
        for _ in 0..MOST_SWEPT {
            let path = beside(place)?;
            let draft = Self { file: new(&path, access)?, path, named: false };
            // The lock is awaited: somebody who sweeps holds it for a moment. Where the file system knows no locks, this
            // call fails, and so does whoever would sweep: nothing is swept there.
            let _ = draft.file.lock();
            if has_name(&draft.file)? {
                return Ok(draft);
            }
        }
        Err(io::Error::other("another program removes each file that is begun there"))
    }

    /// Writes the content.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name, durably. With `replace` a former file of that name is gone; without it, the name must be
    /// free.
    pub(crate) fn take(mut self, place: &Path, replace: bool) -> io::Result<()> {
        self.file.sync_all()?;
        if replace {
            fs::rename(&self.path, place)?
        } else {
            name(&self.path, place)?
        }
        self.named = true;
        sync_folder(place)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.named {
            // A file that cannot be removed now is swept later.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes from a folder what writers that were killed have left there: files of our own hidden names that belong to this
/// user, and that nobody writes. Nothing else is touched. What cannot be removed stays, and nobody is told: it is in nobody's
/// way.
pub fn sweep(folder: &Path) {
    sweep_if(folder, |_| true);
}

/// As [`sweep`], but only what was to become this file.
pub(crate) fn sweep_for(place: &Path) {
    let Some(wanted) = place.file_name() else { return };
    sweep_if(folder(place), |name| name == wanted.as_encoded_bytes());
}

fn sweep_if(folder: &Path, is_wanted: impl Fn(&[u8]) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if name_of(&entry.file_name()).is_some_and(&is_wanted)
            && let Some(_lock) = abandoned(&path)
        {
            // The lock is held meanwhile: a writer that waits for it finds its file gone, and begins again.
            let _ = fs::remove_file(&path);
        }
    }
}

/// The name that a file of this hidden name was to have.
fn name_of(hidden: &OsStr) -> Option<&[u8]> {
    let inside = hidden.as_encoded_bytes().strip_prefix(b".")?.strip_suffix(b".tmp")?;
    let (name, unique) = inside.split_at_checked(inside.len().checked_sub(17)?)?;
    let is_ours = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let unique = unique.strip_prefix(b".")?;
    (!name.is_empty() && unique.iter().all(is_ours)).then_some(name)
}

/// A file of the user's own that nobody had locked, and that is locked now.
fn abandoned(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A link, a pipe or a device of such a name is not ours.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path).ok()?;
    let is_file_of_ours = file.metadata().is_ok_and(|found| found.is_file() && is_own(&found));
    // The writer may have given its file the name meanwhile. Then there is nothing left under the hidden name.
    (is_file_of_ours && file.try_lock().is_ok()).then_some(file)
}

#[cfg(unix)]
fn is_own(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == crate::owner::own()
}

#[cfg(not(unix))]
fn is_own(_found: &fs::Metadata) -> bool {
    true
}

/// Whether an open file has a name: it has none when it was removed.
#[cfg(unix)]
fn has_name(file: &File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0)
}

/// Other systems remove no file that is open.
#[cfg(not(unix))]
fn has_name(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// A name in the same folder that nobody else uses.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let unique = getrandom::u64().map_err(|fault| io::Error::other(fault.to_string()))?;
    let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{unique:016x}.tmp"));
    Ok(place.with_file_name(hidden))
}

fn new(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match access {
            Access::Owner => 0o600,
            Access::Everyone => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}

/// Moves a file to a name that must be free. Where the file system cannot do that in one step, the file gets a second name
/// by a hard link and loses the first.
fn name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    name_by(from, to, |from, to| fs::hard_link(from, to))
}

/// Where there are no hard links either (FAT and exFAT), a lock on the folder lets one process at a time look and rename.
fn name_by(from: &Path, to: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match link(from, to) {
        Ok(()) => fs::remove_file(from),
        // link(2) fails with EPERM on a file system without links; some file systems say EOPNOTSUPP, ENOSYS or EINVAL.
        Err(fault) if [PermissionDenied, Unsupported, InvalidInput].contains(&fault.kind()) => {
            let folder = File::open(folder(to))?;
            folder.lock()?;
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        failed => failed,
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename durable: the name is durable once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    /// Where the writer that will be killed writes.
    const PLACE: &str = "FILE_TEST_PLACE";

    /// The writer of the test below, in a process of its own: half of the content is there, and the writer is told nothing more.
    #[test]
    #[ignore = "the test below starts it, and kills it"]
    fn a_writer_that_never_ends() {
        let place = std::env::var_os(PLACE).expect("a place to write to");
        let mut draft = Draft::begin(Path::new(&place), Access::Owner).unwrap();
        draft.write(b"half").unwrap();
        println!("\nwriting");
        io::stdin().read_line(&mut String::new()).unwrap();
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("index.json");
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "draft::tests::a_writer_that_never_ends"])
            .env(PLACE, &place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(writer.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "writing"), "the writer ended before it wrote");
        let left = || fs::read_dir(&folder).unwrap().count();
        sweep(folder.path());
        sweep_for(&place);
        assert_eq!(left(), 1, "the writer lives");
        writer.kill().unwrap();
        writer.wait().unwrap();
        sweep_for(&folder.path().join("another.json"));
        assert_eq!(left(), 1, "it was to become another file");
        // The next writer of the same file sweeps without being asked.
        crate::write(&place, b"whole", Access::Owner, false).unwrap();
        assert_eq!((left(), &fs::read(&place).unwrap()[..]), (1, &b"whole"[..]));
    }

    #[test]
    fn what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let ours = ".a.0123456789abcdef.tmp";
        let notes = [
            "a.0123456789abcdef.tmp",
            ".a.0123456789abcdef",
            ".a.0123456789abcde.tmp",
            ".a.0123456789abcdeF.tmp",
            ".a0123456789abcdef.tmp",
            "..0123456789abcdef.tmp",
            ".0123456789abcdef.tmp",
            ".tmp",
        ];
        for name in notes.iter().chain([&ours]) {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir(at(".b.0123456789abcdef.tmp")).unwrap();
        std::os::unix::fs::symlink(at(notes[0]), at(".c.0123456789abcdef.tmp")).unwrap();
        let pipe = at(".d.0123456789abcdef.tmp");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        sweep(folder.path());
        assert!(!at(ours).exists());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), notes.len() + 3);
        // Only root can give a file away.
        if crate::owner::own() == 0 {
            fs::write(at(ours), "").unwrap();
            std::os::unix::fs::chown(at(ours), Some(65_534), None).unwrap();
            sweep(folder.path());
            assert!(at(ours).exists(), "another user's");
        }
    }

    /// Whoever sweeps may be faster than the lock of a new file: the writer begins again, and its file comes to be.
    #[test]
    fn those_who_sweep_take_nothing_from_those_who_write() {
        let folder = tempfile::tempdir().unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    sweep(folder.path());
                }
            });
            let writers: Vec<_> = (0..2)
                .map(|writer| {
                    let place = folder.path().join(format!("{writer}.pem"));
                    scope.spawn(move || {
                        (0..200).try_for_each(|_| crate::write(&place, b"whole", Access::Owner, true))
                    })
                })
                .collect();
            let wrote: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(wrote.iter().all(Result::is_ok), "{wrote:?}");
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_name_that_is_taken_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(name(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::remove_file(&to).unwrap();
        name(&from, &to).unwrap();
        assert_eq!((fs::read(&to).unwrap(), from.exists()), (b"new".to_vec(), false));
    }

    #[test]
    fn without_links_the_first_stays_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let no_links = |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(1)); // EPERM, as exFAT says
        let first = std::thread::scope(|scope| {
            let name = |number: usize| {
                let (draft, path) = (folder.path().join(format!("{number}.tmp")), &path);
                scope.spawn(move || {
                    fs::write(&draft, format!("{number}")).unwrap();
                    name_by(&draft, path, no_links).is_ok().then_some(number)
                })
            };
            let racers: Vec<_> = (0..8).map(name).collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(first.len(), 1, "one takes the name");
        assert_eq!(fs::read_to_string(&path).unwrap(), first[0].to_string());
        // Another fault is one: nothing takes the name.
        let other = folder.path().join("other");
        let full = |_: &Path, _: &Path| Err(io::ErrorKind::StorageFull.into());
        assert!(name_by(&path, &other, full).is_err() && !other.exists());
    }
}
