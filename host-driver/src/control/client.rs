//! The client of the control socket. A call sends one request and blocks until the answer is there.

use std::{
    cell::Cell,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Once,
    thread,
    time::Duration,
};

use clap::builder::OsStringValueParser;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use terminal::{Context, Failure, warn_lines};
use tokio::net::UnixStream;

use super::view::{Health, Refusal};
use crate::paths;

/// The longest time that a server may take for an answer that waits for nobody.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a process that does not run is looked at before it counts as stopped, and the time between two looks.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Which running `up` is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Which {
    /// The folder of the tokens, as `up` was told
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The control socket, as `up` said it
    #[arg(long, value_name = "SOCKET", env = "USHIELD_CONTROL", value_parser = OsStringValueParser::new())]
    pub control: Option<OsString>,
}

/// A running `up` that answers.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    health: Health,
}

/// Why there is no answer.
enum Silence {
    /// Nobody listens at the socket.
    Nobody,
    /// Something else.
    Failed(String),
}

impl Which {
    /// The options that name the same `up` in another command, with a space before them.
    pub fn again(&self) -> String {
        match (self.named(), &self.state) {
            (Some(socket), _) => format!(" --control {}", paths::quoted(&socket.to_string_lossy())),
            (None, Some(state)) => format!(" --state {}", paths::quoted(&state.to_string_lossy())),
            (None, None) => String::new(),
        }
    }

    /// Finds the `up` that is meant; `None` when none runs.
    ///
    /// Another `up` may not answer, because a signal has stopped it. That matters only where it may be the one that is meant.
    ///
    /// # Errors
    /// It is not clear which `up` is meant, or it does not answer.
    pub fn find(&self) -> Result<Option<Client>, Failure> {
        if let Some(socket) = self.named() {
            return Client::open(socket);
        }
        let state =
            self.state.as_ref().map(|state| fs::canonicalize(state).unwrap_or_else(|_| state.clone()));
        let runtimes = paths::runtimes();
        if let Some(state) = &state {
            // The socket has its state's name, unless it was given one.
            for runtime in &runtimes {
                if let Some(client) = Client::open(paths::socket(runtime, Some(state)))? {
                    return Ok(Some(client));
                }
            }
        }
        let (mut found, silent) = open_all(&runtimes);
        if let Some(state) = &state {
            let told = state.display().to_string();
            found.retain(|client| client.health.state.as_ref() == Some(&told));
        }
        match (found.len(), silent) {
            (0, silent) => match silent.into_iter().next() {
                Some(failure) if state.is_none() => Err(failure),
                _ => Ok(None),
            },
            (1, silent) => {
                // It is said once: some commands look again and again.
                static SAID: Once = Once::new();
                if state.is_none() {
                    SAID.call_once(|| {
                        silent.iter().for_each(|failure| warn_lines(&format!("ushield: {failure}")))
                    });
                }
                Ok(found.pop())
            }
            _ => Err(unclear(&found)),
        }
    }

    /// The socket that is named. `--state` counts more than the variable, and an empty variable names no socket.
    fn named(&self) -> Option<PathBuf> {
        let control = self.control.as_ref().filter(|_| self.state.is_none());
        control.filter(|socket| !socket.is_empty()).map(PathBuf::from)
    }

    /// As [`Self::find`], but that none runs is a failure, too.
    ///
    /// # Errors
    /// As [`Self::find`], or none runs.
    pub fn running(&self) -> Result<Client, Failure> {
        self.find()?.ok_or_else(|| {
            let place = match (self.named(), &self.state) {
                (Some(socket), _) => format!("nobody answers at {}", socket.display()),
                (None, Some(state)) => format!("nobody serves {}", state.display()),
                (None, None) => "no `ushield up` of yours answers".to_owned(),
            };
            Failure::new("nothing is running").because(place).next("start it: ushield up -d")
        })
    }
}

/// Asks at every socket at once. Returns the servers that answer, and for each of the others the reason why it does not.
fn open_all(runtimes: &[PathBuf]) -> (Vec<Client>, Vec<Failure>) {
    let entries = runtimes.iter().flat_map(fs::read_dir).flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let mut sockets: Vec<PathBuf> =
        sockets.filter(|path| path.extension().is_some_and(|end| end == "sock")).collect();
    sockets.sort();
    let answers = thread::scope(|scope| {
        let ask = |socket: &PathBuf| {
            let there = socket.clone();
            thread::Builder::new().spawn_scoped(scope, move || Client::open(there))
        };
        let asking: Vec<_> = sockets.iter().map(|socket| (socket, ask(socket))).collect();
        let answer = |(socket, asked): (&PathBuf, io::Result<thread::ScopedJoinHandle<'_, _>>)| match asked {
            Ok(asked) => asked.join().unwrap_or(Ok(None)),
            // The system gives no thread: this socket is asked now, after the others.
            Err(_) => Client::open(socket.clone()),
        };
        asking.into_iter().map(answer).collect::<Vec<_>>()
    });
    let (mut found, mut silent) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(client) => found.extend(client),
            Err(failure) => silent.push(failure),
        }
    }
    (found, silent)
}

fn unclear(found: &[Client]) -> Failure {
    let list = |client: &Client| format!("--control {}   ({})", client.socket.display(), client.place());
    let lines: Vec<String> = found.iter().map(list).collect();
    Failure::new("it is not clear which tokens you mean")
        .because(format!("{} `ushield up` are running", found.len()))
        .next(format!("say which:\n{}", lines.join("\n")))
}

/// Why a process that listens does not answer, where a signal or a debugger has stopped it (proc_pid_stat(5), state T or t).
fn stopped(process: i32) -> Option<Silence> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The state stands behind the program's name. The name is in brackets, and may hold any character, brackets too.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.starts_with(['T', 't']).then(|| {
        Silence::Failed(format!(
            "process {process} serves it, and was stopped (Ctrl-Z, or a debugger); wake it: kill -CONT {process}"
        ))
    })
}

/// What every look of a whole second finds. strace and its like stop a process for moments.
async fn at_every_look<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..LOOKS {
        look()?;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    look()
}

impl Client {
    /// Asks who listens at a socket; `None` when nobody listens.
    ///
    /// # Errors
    /// Somebody listens, and does not answer as `ushield` does.
    pub fn open(socket: PathBuf) -> Result<Option<Self>, Failure> {
        match exchange(&socket, "GET", "/health", Vec::new(), PATIENCE) {
            Ok((_, body)) => {
                let health = serde_json::from_slice(&body)
                    .what(format!("{} answers, but not as ushield does", socket.display()))?;
                Ok(Some(Self { socket, health }))
            }
            Err(Silence::Nobody) => Ok(None),
            Err(Silence::Failed(why)) => {
                Err(Failure::new(format!("{} does not answer", socket.display())).because(why))
            }
        }
    }

    /// The path of the socket, as it was opened: it need not be UTF-8.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Who serves.
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// What this `up` serves, for people.
    pub fn place(&self) -> String {
        let kept = self.health.state.as_deref().unwrap_or("tokens in memory");
        let unix = self.health.unix.as_ref().map_or_else(String::new, |unix| format!(" and {unix}"));
        format!("{kept}, process {}, USB/IP at {}{unix}", self.health.pid, self.health.listen)
    }

    /// Sends a GET request. The answer may take `patience` longer than an answer that waits for nobody.
    ///
    /// # Errors
    /// The server's refusal, or why there is no answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T, Refusal> {
        self.call("GET", path, Vec::new(), patience)
    }

    /// Sends a POST request with this body, as JSON.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Refusal> {
        let body = serde_json::to_vec(body).map_err(|error| refusal(error.to_string()))?;
        self.call("POST", path, body, PATIENCE)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<T, Refusal> {
        let (status, body) = match exchange(&self.socket, method, path, body, patience + PATIENCE) {
            Ok(answer) => answer,
            Err(Silence::Nobody) => return Err(refusal("it has just stopped".into())),
            Err(Silence::Failed(why)) => return Err(refusal(why)),
        };
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| refusal(error.to_string()));
        }
        Err(serde_json::from_slice(&body)
            .unwrap_or_else(|_| refusal(format!("{status}: {}", String::from_utf8_lossy(&body)))))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.error).next(refusal.next)
    }
}

fn refusal(error: String) -> Refusal {
    Refusal { error, next: "look whether it is running: ushield ls".into(), shown: None }
}

/// Sends one request on a connection of its own, and reads the answer.
fn exchange(
    socket: &Path,
    method: &str,
    path: &str,
    body: Vec<u8>,
    patience: Duration,
) -> Result<(StatusCode, Bytes), Silence> {
    let failed = |why: &dyn std::fmt::Display| Silence::Failed(why.to_string());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let listener = Cell::new(None);
    let talk = async {
        let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Silence::Nobody,
            _ => failed(&error),
        })?;
        listener.set(stream.peer_cred().ok().and_then(|peer| peer.pid()));
        if let Some(process) = listener.get()
            && let Some(silence) = at_every_look(|| stopped(process)).await
        {
            return Err(silence);
        }
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "ushield")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| failed(&error))?;
        Ok((status, body.to_bytes()))
    };
    runtime.block_on(async {
        tokio::time::timeout(patience, talk).await.unwrap_or_else(|_| {
            // A signal may have stopped the server after it was asked.
            let why = || Silence::Failed(format!("there was no answer for {} seconds", patience.as_secs()));
            Err(listener.get().and_then(stopped).unwrap_or_else(why))
        })
    })
}

/// A text as part of a path or query (RFC 3986, 2.3: all but the unreserved characters are escaped).
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_is_not_plain() {
        assert_eq!(escape("1-1"), "1-1");
        assert_eq!(escape("¥ 1/2"), "%C2%A5%201%2F2");
    }

    #[test]
    fn a_socket_left_behind_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        assert!(Client::open(path.clone()).unwrap().is_none());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(Client::open(path).unwrap().is_none());
    }

    #[test]
    fn a_stopped_process_is_told() {
        use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Pid::from_child(&child);
        assert!(stopped(process.as_raw_nonzero().get()).is_none());
        kill_process(process, Signal::STOP).unwrap();
        // When kill returns the signal may still be on its way.
        waitpid(Some(process), WaitOptions::UNTRACED).unwrap();
        assert!(stopped(process.as_raw_nonzero().get()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn only_what_every_look_finds_counts() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let looks_until = |missed: u32| {
            let mut looks = 0;
            let found = runtime.block_on(at_every_look(|| {
                looks += 1;
                (looks != missed).then_some(())
            }));
            (found.is_some(), looks)
        };
        assert_eq!(looks_until(1), (false, 1));
        assert_eq!(looks_until(3), (false, 3));
        assert_eq!(looks_until(LOOKS + 1), (false, LOOKS + 1));
        assert_eq!(looks_until(LOOKS + 2), (true, LOOKS + 1));
    }
}
