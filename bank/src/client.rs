//! A client of the counter's API: what `bank counter` speaks.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use terminal::Failure;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use crate::{clock::Clock, origin, tls};

/// The counter has so long for each step.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const LONGEST: usize = 256 << 10;

/// A connection to a counter, and the teller's session once it has begun.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    at: String,
    authorities: PathBuf,
    host: String,
    token: Option<Zeroizing<String>>,
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::new("the counter was not asked")
        .because(why)
        .next("see that `bank serve` runs, and where its counter is")
}

async fn within<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    timeout(PATIENCE, work).await.map_err(|_| failed("it did not answer within a minute"))?.map_err(failed)
}

async fn handshake<S>(stream: S) -> Result<http1::SendRequest<Full<Bytes>>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = within(http1::handshake(TokioIo::new(stream))).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Client {
    /// Connects to the counter at this origin. `authorities` are those that may have signed its certificate.
    pub(crate) async fn connect(at: &str, authorities: &Path) -> Result<Self, Failure> {
        let at = origin::parse(at).map_err(failed)?;
        let (sender, host) = Self::dial(&at, authorities).await?;
        Ok(Self { sender, at, authorities: authorities.to_owned(), host, token: None })
    }

    /// Takes another connection for the same session.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Failure> {
        (self.sender, self.host) = Self::dial(&self.at, &self.authorities).await?;
        Ok(())
    }

    async fn dial(
        at: &str,
        authorities: &Path,
    ) -> Result<(http1::SendRequest<Full<Bytes>>, String), Failure> {
        let (scheme, host) = at.split_once("://").unwrap_or_default();
        let is_https = scheme == "https";
        let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((name, port)) => (name, port.parse().unwrap_or_default()),
            None => (host, if is_https { 443 } else { 80 }),
        };
        let name = name.trim_matches(['[', ']']);
        let stream = within(TcpStream::connect((name, port))).await?;
        let sender = if is_https {
            let server = ServerName::try_from(name.to_owned()).map_err(failed)?;
            handshake(within(tls::connector(authorities, &Clock::default())?.connect(server, stream)).await?)
                .await?
        } else {
            handshake(stream).await?
        };
        Ok((sender, host.to_owned()))
    }

    /// Begins a session.
    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Result<(), Failure> {
        let answer =
            self.ask(Method::POST, "/api/sign-in", &json!({ "name": name, "password": password })).await?;
        let token = answer.get("token").and_then(Value::as_str);
        self.token = Some(Zeroizing::new(token.ok_or_else(|| failed("its answer has no token"))?.to_owned()));
        Ok(())
    }

    /// Asks, and gives the answer. What the counter refuses is told in its own words.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.as_str()));
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(failed)?;
        // The former answer must be at its end, or hyper refuses.
        within(self.sender.ready()).await?;
        let answer = within(self.sender.send_request(request)).await?;
        let status = answer.status();
        let body = within(Limited::new(answer.into_body(), LONGEST).collect()).await?.to_bytes();
        let told: Value = serde_json::from_slice(&body)
            .map_err(|_| failed(format!("it answered {status} and no JSON: this is no counter of a bank")))?;
        if status.is_success() {
            return Ok(told);
        }
        let word = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Failure::new("the counter refused").because(word("error")).next(word("next")))
    }
}
