//! As much of HTTP/1.1 as a question to a bank takes (RFC 9112): one POST of JSON a connection, and one whole answer.
//!
//! Without TLS it speaks to this machine alone: the code would travel in clear. A program that was built without the feature `https` reaches a
//! bank elsewhere through a tunnel that ends here (ssh, stunnel).

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use authority::{Error, Reason};
use serde_json::Value;
use wire::display::escaped;
use zeroize::Zeroizing;

use super::{AGAIN, line::Line, tls::Tls};

/// How long one answer may take, from the dial to its last byte.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer.
const LONGEST: usize = 256 << 10;

/// Where the bank is.
pub(super) struct Server {
    /// Host and port, as the URL has them.
    authority: String,
    places: Vec<SocketAddr>,
    tls: Option<Tls>,
}

/// An answer that no bank of ours gives.
pub(super) fn strange(why: &str) -> Error {
    Error::new(Reason::IssuerRefused, "the bank's answer was not understood", why, AGAIN)
}

fn unreached(authority: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Reason::IssuerRefused, format!("the bank at {authority} gave no answer"), why, AGAIN)
}

impl Server {
    /// Reads a URL such as `http://localhost:8080`. `authorities` is the file of those of which one has signed the bank's certificate, where
    /// it is https.
    pub(super) fn parse(url: &str, authorities: &Path) -> Result<Self, Error> {
        let refuse = |why: &str, next: &str| {
            Err(Error::new(Reason::Invalid, "the bank was not asked", why.to_owned(), next))
        };
        let example = "name it as its home page does, such as --bank http://localhost:8080";
        let (is_https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return refuse("it is no URL of http or https", example),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if authority.is_empty() || authority.len() > 255 || !authority.chars().all(plain) {
            return refuse("its URL is not a host and a port", example);
        }
        let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if is_https { 443 } else { 80 };
        let ported = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        let host = ported.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let tls = if is_https { Some(Tls::open(host, authorities)?) } else { None };
        let places: Vec<_> = match ported.to_socket_addrs() {
            Ok(places) => places.collect(),
            Err(fault) => return Err(unreached(authority, fault)),
        };
        if places.is_empty()
            || tls.is_none() && !places.iter().map(SocketAddr::ip).all(|ip: IpAddr| ip.is_loopback())
        {
            return refuse(
                "it is not on this machine, and the code would travel in clear",
                "open a tunnel to the bank that ends at this machine, and name http://127.0.0.1:PORT",
            );
        }
        Ok(Self { authority: authority.to_owned(), places, tls })
    }

    /// Sends JSON, and gives the JSON of the answer. What the bank refuses is an error with the bank's words.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let body = Zeroizing::new(body.to_string());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept-Language: en\r\nUser-Agent: \
             cert-tool\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.authority,
            body.len()
        );
        let answer = self.exchange(&[head.as_bytes(), body.as_bytes()]);
        let answer = answer.map_err(|fault| unreached(&self.authority, fault))?;
        let (status, json) = read(&answer).ok_or_else(|| strange("it is no whole answer of HTTP"))?;
        if status == 200 {
            return Ok(json);
        }
        let said = |name: &str| json[name].as_str().map(|text| escaped(text).to_string());
        match (said("error"), said("next")) {
            (Some(error), Some(next)) => {
                Err(Error::new(Reason::IssuerRefused, "the bank has refused", error, next))
            }
            _ => Err(strange(&format!("it has the status {status} and says nothing"))),
        }
    }

    fn exchange(&self, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut line = Line::dial(&self.places, PATIENCE)?;
        match &self.tls {
            Some(tls) => converse(&mut tls.over(line)?, parts),
            None => converse(&mut line, parts),
        }
    }
}

fn converse(line: &mut (impl Read + Write), parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    for part in parts {
        line.write_all(part)?;
    }
    line.flush()?;
    read_whole(line)
}

/// Reads until the bank closes.
fn read_whole(line: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while answer.len() < LONGEST {
        let count = match line.read(&mut piece) {
            // The other end has closed without a word of TLS. Whether the answer is whole, its own length says.
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        if count == 0 {
            break;
        }
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    Ok(answer)
}

/// Status and JSON of a whole answer. An answer that is cut off is none: what it would have said is not known.
fn read(answer: &[u8]) -> Option<(u16, Value)> {
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(answer.get(..at)?).ok()?, answer.get(at + 4..)?);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    if length != body.len() {
        return None;
    }
    Some((status, serde_json::from_slice(body).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_none() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\": 1 }";
        let (status, json) = read(whole).unwrap();
        assert_eq!((status, json["a"].as_i64()), (200, Some(1)));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_none(), "{end} bytes");
        }
        for wrong in [
            &b"HTTP/1.1 200 OK\r\n\r\n{}"[..],
            b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n<a>",
            b"HTTP/1.1 2",
            b"\xFF\r\n\r\n",
        ] {
            assert!(read(wrong).is_none());
        }
    }

    #[test]
    fn only_this_machine_is_asked_in_clear() {
        let none = Path::new("/nonexistent");
        for right in
            ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080", "http://127.0.0.1"]
        {
            assert!(Server::parse(right, none).is_ok(), "{right}");
        }
        for wrong in [
            "https://127.0.0.1:8080",
            "http://192.0.2.1:80",
            "ftp://localhost",
            "http://",
            "http://a b",
            "localhost:8080",
        ] {
            assert!(Server::parse(wrong, none).is_err(), "{wrong}");
        }
    }
}
