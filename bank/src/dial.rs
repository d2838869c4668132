//! One request to a server elsewhere: HTTP/1.1, with TLS where the address says https. No redirect is followed, and the answer's status
//! is all that is read.

use std::{net::IpAddr, time::Duration};

use axum::http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::address::is_public;

/// A request has so long, from the first question for the name to the status of the answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of an answer.
const HEAD: usize = 16 << 10;

/// Who may be called, and whom to believe.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Calls addresses that are not public, and http at loopback: for trials.
    pub(crate) allows_private: bool,
    /// [`None`]: no authority is known, so no https.
    pub(crate) tls: Option<TlsConnector>,
}

/// Why nothing was answered, for the operator.
pub(crate) type Why = &'static str;

impl Caller {
    /// Sends the request, whose URI is whole, and gives the status of the answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, Why> {
        timeout(PATIENCE, self.call(request)).await.unwrap_or(Err("no answer within ten seconds"))
    }

    async fn call(&self, mut request: Request<Full<Bytes>>) -> Result<StatusCode, Why> {
        let uri = request.uri().clone();
        let (Some(host), is_https) = (uri.host(), uri.scheme_str() == Some("https")) else {
            return Err("the address names no host");
        };
        if !is_https && !self.allows_private {
            return Err("http is for loopback, and wants `bank serve --allow-private-webhooks`");
        }
        let name = host.trim_matches(['[', ']']);
        let stream = self.connect(name, uri.port_u16().unwrap_or(if is_https { 443 } else { 80 })).await?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| "the address has no path")?;
        if !is_https {
            return ask(stream, request).await;
        }
        let connector =
            self.tls.as_ref().ok_or("no authority is known, so nobody can be believed to be there")?;
        let server = ServerName::try_from(name.to_owned()).map_err(|_| "the host's name is none for TLS")?;
        ask(
            connector.connect(server, stream).await.map_err(|_| "TLS failed: a certificate was refused")?,
            request,
        )
        .await
    }

    /// Connects to an address that was judged, and not to a name: whoever gives another address to the next question of the same name
    /// (DNS rebinding) is not asked again.
    async fn connect(&self, name: &str, port: u16) -> Result<TcpStream, Why> {
        let found = lookup_host((name, port)).await.map_err(|_| "the host's name is unknown")?;
        let may = |address: IpAddr| self.allows_private || is_public(address);
        let mut why = "the host's name is unknown";
        for place in found {
            if !may(place.ip()) {
                why = "the host has a private address";
                continue;
            }
            match TcpStream::connect(place).await {
                Ok(stream) => return Ok(stream),
                Err(_) => why = "nobody listens there",
            }
        }
        Err(why)
    }
}

async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, Why>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD).max_headers(64);
    let begun = builder.handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = begun.map_err(|_| "the connection broke")?;
    // The set ends what it holds when it is dropped, so the body of the answer, however long, is never read.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let answer = sender.send_request(request).await;
    answer.map(|answer| answer.status()).map_err(|_| "the answer is no HTTP, or has too long a head")
}
