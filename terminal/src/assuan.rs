//! Assuan, which pinentry speaks: a line of at most 1,000 bytes each way (libassuan's manual, "Client requests" and "Server responses").

use zeroize::Zeroizing;

/// The most bytes of a line, its end included.
pub const LONGEST: usize = 1002;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// `OK`.
    Good,
    /// `ERR`, with the code of libgpg-error: the source in the upper byte, the error below.
    Bad(u32),
    /// `D`, unescaped.
    Data(Zeroizing<Vec<u8>>),
    /// A comment, a status or an inquiry of which nothing is to be known.
    Other,
}

/// Reads a line without its end.
pub fn reply(line: &[u8]) -> Reply {
    if line == b"OK" || line.starts_with(b"OK ") {
        return Reply::Good;
    }
    if let Some(data) = line.strip_prefix(b"D ") {
        return Reply::Data(unescaped(data));
    }
    match line.strip_prefix(b"ERR ") {
        Some(rest) => {
            let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            Reply::Bad(std::str::from_utf8(code).ok().and_then(|code| code.parse().ok()).unwrap_or(u32::MAX))
        }
        None => Reply::Other,
    }
}

/// A request with an argument, with its line end. What would end the line is escaped, and what is too long is cut.
pub fn request(command: &str, argument: &str) -> Vec<u8> {
    let mut line = command.as_bytes().to_vec();
    line.push(b' ');
    for c in argument.chars() {
        let mut buffer = [0; 4];
        let plain = c.encode_utf8(&mut buffer).as_bytes();
        let escaped = format!("%{:02X}", u32::from(c) & 0xFF);
        let part = if c == '%' || c.is_ascii_control() { escaped.as_bytes() } else { plain };
        if line.len() + part.len() >= LONGEST - 2 {
            break;
        }
        line.extend_from_slice(part);
    }
    line.push(b'\n');
    line
}

/// The bytes, with `%XX` as the byte it stands for.
fn unescaped(data: &[u8]) -> Zeroizing<Vec<u8>> {
    // The buffer never grows: a buffer that is left behind would keep a PIN.
    let mut whole = Zeroizing::new(Vec::with_capacity(data.len()));
    let mut rest = data;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                whole.push(byte);
                rest = &tail[2..];
            }
            _ => {
                whole.push(*first);
                rest = tail;
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        assert_eq!(reply(b"OK Pleased to meet you"), Reply::Good);
        assert_eq!(reply(b"OK"), Reply::Good);
        assert_eq!(reply(b"ERR 83886179 Operation cancelled <Pinentry>"), Reply::Bad(83_886_179));
        assert_eq!(reply(b"ERR what"), Reply::Bad(u32::MAX));
        assert_eq!(reply(b"D 12%25%0Ax%"), Reply::Data(Zeroizing::new(b"12%\nx%".to_vec())));
        assert_eq!(reply(b"# comment"), Reply::Other);
        assert_eq!(reply(b"OKAY"), Reply::Other);
    }

    #[test]
    fn no_text_makes_a_second_request() {
        assert_eq!(request("SETDESC", "a\nGETPIN\r100%"), b"SETDESC a%0AGETPIN%0D100%25\n");
        let long = request("SETDESC", &"水".repeat(2000));
        assert!(long.len() <= LONGEST && std::str::from_utf8(&long).is_ok() && long.ends_with(b"\n"));
    }
}
