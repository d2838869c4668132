//! Pictures of the windows while the story plays, for an animation (tests/world/pictures).
//!
//! ```text
//! DIR/00000-0.png   the first picture of the first window
//! DIR/frames.tsv    of each picture: its number, milliseconds since the start, and both captions of the moment
//! ```

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64ct::{Base64, Encoding};

use crate::browser::{Browser, Window};

/// How long a picture stands.
const STANDS: Duration = Duration::from_millis(250);

pub(super) struct Record {
    folder: PathBuf,
    list: File,
    begun: Instant,
    next: Instant,
    number: u32,
    caption: [String; 2],
}

impl Record {
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let list = File::create(folder.join("frames.tsv"))?;
        let begun = Instant::now();
        Ok(Self {
            folder: folder.to_owned(),
            list,
            begun,
            next: begun,
            number: 0,
            caption: Default::default(),
        })
    }

    /// What is said about the pictures from here on.
    pub(super) fn caption(&mut self, chinese: &str, english: &str) {
        self.caption = [chinese.to_owned(), english.to_owned()];
    }

    /// Takes a picture of each window, where it is time. A window that gives none right now is left out: its last picture stands.
    pub(super) fn look(&mut self, browser: &mut Browser, windows: &[Window]) -> Result<(), String> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        for (at, window) in windows.iter().enumerate() {
            if let Ok(picture) = browser.picture(window) {
                self.keep(at, &picture).map_err(|fault| format!("a picture was not kept: {fault}"))?;
            }
        }
        self.note((now - self.begun).as_millis())
            .map_err(|fault| format!("a picture was not kept: {fault}"))?;
        self.number += 1;
        self.next = Instant::now() + STANDS;
        Ok(())
    }

    fn keep(&self, at: usize, picture: &str) -> io::Result<()> {
        let picture = Base64::decode_vec(picture).map_err(io::Error::other)?;
        fs::write(self.folder.join(format!("{:05}-{at}.png", self.number)), picture)
    }

    fn note(&mut self, time: u128) -> io::Result<()> {
        let [chinese, english] = &self.caption;
        writeln!(self.list, "{:05}\t{time}\t{chinese}\t{english}", self.number)
    }
}
