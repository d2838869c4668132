//! A browser that a program plays in: Chromium, or one of its kind, over a pipe (Chrome DevTools Protocol, stable version 1.3).
//!
//! The pipe needs no port and no driver: the browser reads messages from descriptor 3, and writes them to descriptor 4. Each message is
//! JSON, and ends with a zero byte.

mod pipe;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use terminal::{Failure, desktop, warn};

use crate::player::{Player, not_started};
use pipe::Pipe;

/// Chromium and its kind, as distributions call them.
const NAMES: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "brave-browser",
];
/// How long the browser may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a picture may take.
const PICTURE: Duration = Duration::from_millis(1500);
/// Nothing is asked before the first page, nothing is fetched, and windows that stand behind others go on.
const OPTIONS: [&str; 9] = [
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-dev-shm-usage",
    "--password-store=basic",
    "about:blank",
];
/// Gives the browser its two descriptors. The standard ones are no part of the protocol.
const PLUMBING: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Where a window stands on the screen, in hundredths of the screen.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Place {
    /// The place in pixels of a screen of this width and height.
    const fn on(self, [wide, high]: [u32; 2]) -> Self {
        let Self { left, top, width, height } = self;
        Self {
            left: left * wide / 100,
            top: top * high / 100,
            width: width * wide / 100,
            height: height * high / 100,
        }
    }
}

/// The screen of windows that nobody sees, and how large a page's pixel is on it: a picture holds more of a page then.
const SCREEN: [u32; 2] = [1280, 800];
const SCALE: f64 = 0.8;

/// A window with one page.
pub(crate) struct Window {
    session: String,
    target: String,
}

/// A browser with a profile of its own. It ends with this value.
pub(crate) struct Browser {
    pipe: Pipe,
    number: u64,
    is_seen: bool,
    player: Player,
}

impl Browser {
    /// Starts the browser with its profile in this folder. It shows its windows where there is a display, unless it is to be `hidden`.
    ///
    /// # Errors
    /// There is none on this machine, or it does not start.
    pub(crate) fn start(folder: &Path, hidden: bool) -> Result<Self, Failure> {
        let program = find()?;
        let is_seen = !hidden && desktop::has_windows();
        settle(&folder.join("browser/Default"), is_seen)
            .map_err(|fault| not_started("browser").because(fault))?;
        let mut command = Command::new("sh");
        command.args(["-c", PLUMBING]).arg(program).args(OPTIONS);
        command
            .arg(format!("--user-data-dir={}", folder.join("browser").display()))
            .envs(["TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"].map(|name| (name, folder)));
        if !is_seen {
            command.args(["--headless=new", "--hide-scrollbars", "--disable-gpu"]);
            // Parts of the browser write settings of a desktop here.
            command.env("XDG_RUNTIME_DIR", folder);
        }
        // Windows that nobody sees would speak English to everybody.
        if desktop::speaks_chinese() {
            command.args(["--lang=zh-CN", "--accept-lang=zh-CN"]);
        }
        if is_root() {
            // Chromium refuses to run as root with its sandbox. It shows pages of this world alone.
            command.arg("--no-sandbox");
        }
        let (player, to, from) = Player::start_talking("browser", &mut command, folder)?;
        let mut browser = Self { pipe: Pipe::new(to, from), number: 0, is_seen, player };
        browser.ask(None, "Browser.getVersion", &json!({})).map_err(|fault| {
            browser.player.tell_last_words();
            not_started("browser")
                .because(fault)
                .next("see whether the browser starts by itself, or start `world` without --script")
        })?;
        Ok(browser)
    }

    /// Whether somebody can see the windows.
    pub(crate) const fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Opens these windows, and closes the one that the browser has begun with.
    pub(crate) fn windows<const N: usize>(&mut self, places: [Place; N]) -> Result<[Window; N], String> {
        let first = self.ask(None, "Target.getTargets", &json!({}))?;
        let mut windows = Vec::new();
        for place in places {
            windows.push(self.window(place)?);
        }
        for target in first["targetInfos"].as_array().into_iter().flatten() {
            if target["type"] == "page" {
                self.ask(None, "Target.closeTarget", &json!({ "targetId": target["targetId"] }))?;
            }
        }
        windows.try_into().map_err(|_| "windows are missing".to_owned())
    }

    fn window(&mut self, place: Place) -> Result<Window, String> {
        let asked = json!({ "url": "about:blank", "newWindow": true });
        let target = text(&self.ask(None, "Target.createTarget", &asked)?["targetId"]);
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&self.ask(None, "Target.attachToTarget", &attach)?["sessionId"]);
        let window = Window { session, target };
        if self.is_seen {
            let screen = self.call(&window, "() => [screen.availWidth, screen.availHeight]", &[])?;
            let pixels = |at: usize| screen[at].as_u64().and_then(|pixels| u32::try_from(pixels).ok());
            let place = place.on([pixels(0).unwrap_or(SCREEN[0]), pixels(1).unwrap_or(SCREEN[1])]);
            self.put(&window, &place);
        } else {
            let Place { width, height, .. } = place.on(SCREEN);
            let page = |pixels: u32| (f64::from(pixels) / SCALE).round();
            let size = json!({
                "width": page(width), "height": page(height), "deviceScaleFactor": SCALE, "mobile": false,
            });
            self.ask(Some(&window), "Emulation.setDeviceMetricsOverride", &size)?;
        }
        Ok(window)
    }

    /// Puts a window to its place. A desktop may have rules of its own, and then the window stands where the desktop puts it.
    fn put(&mut self, window: &Window, place: &Place) {
        let Place { left, top, width, height } = place;
        let bounds = json!({ "left": left, "top": top, "width": width, "height": height });
        let found = self.ask(None, "Browser.getWindowForTarget", &json!({ "targetId": window.target }));
        let put = found.and_then(|found| {
            self.ask(
                None,
                "Browser.setWindowBounds",
                &json!({ "windowId": found["windowId"], "bounds": bounds }),
            )
        });
        if let Err(fault) = put {
            warn(&format!("world: a window of the browser stands where the desktop has put it: {fault}"));
        }
    }

    /// Leads a window to this address.
    pub(crate) fn open(&mut self, window: &Window, address: &str) -> Result<(), String> {
        let gone = self.ask(Some(window), "Page.navigate", &json!({ "url": address }))?;
        match gone["errorText"].as_str() {
            None => Ok(()),
            Some(why) => Err(format!("{address} was not opened: {why}")),
        }
    }

    /// Calls a function of JavaScript in a window's page with these arguments, as if the holder had just clicked.
    pub(crate) fn call(
        &mut self,
        window: &Window,
        function: &str,
        arguments: &[&str],
    ) -> Result<Value, String> {
        let arguments = json!(arguments);
        let asked = json!({
            "expression": format!("({function})(...{arguments})"),
            "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let mut told = self.ask(Some(window), "Runtime.evaluate", &asked)?;
        match &told["exceptionDetails"] {
            Value::Null => Ok(told["result"]["value"].take()),
            thrown => Err(format!("the page: {}", text(&thrown["exception"]["description"]))),
        }
    }

    /// A picture of a window, as PNG in Base64. A window whose page is just leaving may give none.
    pub(crate) fn picture(&mut self, window: &Window) -> Result<String, String> {
        let asked = json!({ "format": "png", "optimizeForSpeed": true });
        let told = self.ask_for(PICTURE, Some(window), "Page.captureScreenshot", &asked)?;
        Ok(text(&told["data"]))
    }

    fn ask(&mut self, window: Option<&Window>, method: &str, parameters: &Value) -> Result<Value, String> {
        self.ask_for(PATIENCE, window, method, parameters)
    }

    /// Asks, and waits for the answer. Events that come meanwhile are nobody's, and so are answers that come too late.
    fn ask_for(
        &mut self,
        patience: Duration,
        window: Option<&Window>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if let Some(window) = window {
            message["sessionId"] = json!(window.session);
        }
        self.pipe.send(&message)?;
        let end = Instant::now() + patience;
        loop {
            let mut told = self.pipe.receive(end).map_err(|fault| format!("{fault} ({method})"))?;
            if told["id"] == self.number {
                return match &told["error"] {
                    Value::Null => Ok(told["result"].take()),
                    error => Err(format!("the browser refuses {method}: {}", text(&error["message"]))),
                };
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The first browser that the search path has.
///
/// # Errors
/// There is none.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    NAMES.iter().find_map(|name| desktop::program(name)).ok_or_else(|| {
        Failure::new("the script was not played")
            .because(format!(
                "it plays in Chromium or a browser of its kind, and none is in PATH: {}",
                NAMES.join(", ")
            ))
            .next("install chromium, or start `world` without --script, and play in your own browser")
    })
}

/// Writes the settings of a new profile: no page is covered by a question whether to keep a password or to translate, and windows that are
/// seen show their pages at [`SCALE`], too.
fn settle(profile: &Path, is_seen: bool) -> io::Result<()> {
    let mut settings = json!({
        "credentials_enable_service": false,
        "profile": { "password_manager_enabled": false, "password_manager_leak_detection": false },
        "translate": { "enabled": false },
    });
    if is_seen {
        // A step of Chromium's zoom is a factor of 1.2.
        settings["partition"] = json!({ "default_zoom_level": { "x": SCALE.ln() / 1.2_f64.ln() } });
    }
    fs::create_dir_all(profile)?;
    fs::write(profile.join("Preferences"), settings.to_string())
}

/// Whether this process runs as root (proc_pid_status(5): the effective user stands second).
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    users.and_then(|users| users.split_ascii_whitespace().nth(1)) == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_part_of_the_screen() {
        let Place { left, top, width, height } =
            Place { left: 56, top: 64, width: 44, height: 36 }.on([1920, 1080]);
        assert_eq!([left, top, width, height], [1075, 691, 844, 388]);
    }
}
