//! Drafts against killed writers, against those who sweep, and against file systems without links.

use super::*;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// Tells the process that the test below starts where to write.
const PLACE: &str = "FILE_TEST_PLACE";

/// The writer that will be killed: half of the content is there, and the writer is told nothing more.
fn begin_and_wait(place: &Path) {
    let mut draft = Draft::begin(place, Access::Owner).unwrap();
    draft.write(b"half").unwrap();
    println!("\nwriting");
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// The test starts its own program once more, with this test alone: that process is the writer.
#[test]
fn what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not() {
    if let Some(place) = std::env::var_os(PLACE) {
        return begin_and_wait(Path::new(&place));
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("index.json");
    let this = "draft::tests::what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not";
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", this])
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
