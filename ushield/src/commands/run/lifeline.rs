//! The pipe from a run to its keeper. The run sends one message, the variables of the command, and then holds the pipe open for as
//! long as it lives.
//!
//! The message is its length in four bytes, big-endian, and then for each variable the name, a zero byte, `=` and the value or `-` for a
//! variable that is to be removed, and another zero byte. Neither a name nor a value has a zero byte (environ(7)).

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
};

use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver};
use zeroize::Zeroizing;

/// The most bytes of a message. Sixteen tokens take some twelve thousand.
const LONGEST: u32 = 1 << 20;

/// A variable of the command's environment; without a value it is removed.
pub(super) type Variable<N> = (N, Option<OsString>);

/// Sends the variables, from the run's end.
///
/// # Errors
/// The keeper is gone.
pub(super) fn send<N: AsRef<OsStr>>(lifeline: OwnedFd, variables: &[Variable<N>]) -> io::Result<OwnedFd> {
    let body = write(variables);
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    let mut pipe = std::fs::File::from(lifeline);
    pipe.write_all(&length.to_be_bytes())?;
    pipe.write_all(&body)?;
    Ok(pipe.into())
}

/// Receives the variables, at the keeper's end.
///
/// # Errors
/// `UnexpectedEof`: the run has ended before it sent them.
pub(super) async fn receive(lifeline: &mut Receiver) -> io::Result<Vec<Variable<OsString>>> {
    let length = lifeline.read_u32().await?;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or_default()]);
    lifeline.read_exact(&mut body).await?;
    read(&body).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The message, which holds the PIN and the PUK of the tokens, and is wiped.
fn write<N: AsRef<OsStr>>(variables: &[Variable<N>]) -> Zeroizing<Vec<u8>> {
    let value = |variable: &Variable<N>| variable.1.as_ref().map_or(0, |value| value.len());
    let room = variables.iter().map(|variable| variable.0.as_ref().len() + value(variable) + 3).sum();
    // A vector that grew would leave a copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    for (name, value) in variables {
        body.extend_from_slice(name.as_ref().as_bytes());
        body.extend_from_slice(if value.is_some() { b"\0=" } else { b"\0-" });
        body.extend_from_slice(value.as_ref().map_or(b"", |value| value.as_bytes()));
        body.push(0);
    }
    body
}

fn read(mut body: &[u8]) -> Option<Vec<Variable<OsString>>> {
    let mut variables = Vec::new();
    while !body.is_empty() {
        let name = field(&mut body)?;
        let (kind, value) = field(&mut body)?.split_first()?;
        let value = match kind {
            b'=' => Some(OsString::from_vec(value.to_vec())),
            b'-' => None,
            _ => return None,
        };
        variables.push((OsString::from_vec(name.to_vec()), value));
    }
    Some(variables)
}

/// What stands before the next zero byte.
fn field<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let (field, rest) = body.split_at_checked(end)?;
    *body = rest.get(1..)?;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_received() {
        let odd = OsStr::from_bytes(b"=\xFF\n").to_owned();
        let variables =
            [("A", Some("1".into())), ("B", None), ("C", Some(odd)), ("D", Some(OsString::new()))];
        let body = write(&variables);
        assert_eq!(body.len(), body.capacity());
        let read = read(&body).unwrap();
        assert_eq!(read, variables.map(|(name, value)| (OsString::from(name), value)));
    }

    #[test]
    fn half_a_message_is_none() {
        let body = write(&[("A", Some("1".into())), ("B", None)]);
        for end in [1, 2, 4, 6, body.len() - 1] {
            assert_eq!(read(&body[..end]), None, "{end}");
        }
    }
}
