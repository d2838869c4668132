//! The floor: the least that a USB/IP server can do which signs. The server has no APDU parser, no PIN and no storage, and serves one
//! device to one client. The last 32 bytes of what is written to bulk OUT are the digest to sign, and bulk IN brings the signature.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use wire::usbip::{OP_HEADER, URB_HEADER, VERSION};

/// What the floor does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Answers without signing: the cost of the transport.
    Echo,
    /// Signs with aws-lc-rs, the fastest signer that our programs link.
    Sign,
}

/// Serves each client on a thread of its own, until the process ends.
pub(crate) fn serve((tcp, unix): (TcpListener, UnixListener), work: Work) -> anyhow::Result<()> {
    let by_path = std::thread::spawn(move || {
        loop {
            begin(unix.accept()?.0, work)?;
        }
    });
    loop {
        let (stream, _) = tcp.accept()?;
        stream.set_nodelay(true)?;
        begin(stream, work)?;
        if by_path.is_finished() {
            return by_path.join().unwrap_or_else(|_| anyhow::bail!("the Unix socket's thread panicked"));
        }
    }
}

fn begin(mut stream: impl Read + Write + Send + 'static, work: Work) -> anyhow::Result<()> {
    let signer = Signer::new(work)?;
    std::thread::spawn(move || match session(&mut stream, &signer) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => eprintln!("floor: {error}"),
        _ => {}
    });
    Ok(())
}

struct Signer {
    work: Work,
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new(work: Work) -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        Ok(Self { work, key, random: SystemRandom::new() })
    }

    /// A CCID data block with a signature over the last 32 bytes of the message, DER, and 9000.
    fn answer(&self, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        match (self.work, message.last_chunk::<32>()) {
            (Work::Sign, Some(digest)) => {
                let signature = self.key.sign(&self.random, digest).expect("a signature");
                out.extend_from_slice(signature.as_ref());
            }
            _ => out.extend_from_slice(&[0x5A; 71]),
        }
        out.extend_from_slice(&[0x90, 0]);
        out[1] = (out.len() - 10) as u8;
        out
    }
}

fn session(stream: &mut (impl Read + Write), signer: &Signer) -> std::io::Result<()> {
    stream.read_exact(&mut [0; OP_HEADER + 32])?; // OP_REQ_IMPORT
    stream.write_all(&import_reply())?;
    let (mut input, mut output, mut waiting) =
        (Vec::with_capacity(4096), Vec::with_capacity(4096), Vec::new());
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        input.extend_from_slice(&chunk[..read]);
        let mut used = 0;
        while let Some(urb) = Urb::read(&input[used..]) {
            used += urb.size;
            if urb.is_in {
                urb.reply(&waiting, &mut output);
            } else {
                waiting = signer.answer(urb.data);
                urb.reply(&[], &mut output);
            }
        }
        input.drain(..used);
        stream.write_all(&output)?;
        output.clear();
    }
}

/// A whole USBIP_CMD_SUBMIT in the buffer.
struct Urb<'a> {
    head: &'a [u8; URB_HEADER],
    is_in: bool,
    length: u32,
    data: &'a [u8],
    size: usize,
}

impl<'a> Urb<'a> {
    fn read(input: &'a [u8]) -> Option<Self> {
        let (head, rest) = input.split_first_chunk::<URB_HEADER>()?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (is_in, length) = (word(12) == 1, word(24));
        let data = if is_in { &[][..] } else { rest.get(..length as usize)? };
        Some(Self { head, is_in, length, data, size: URB_HEADER + data.len() })
    }

    fn reply(&self, data: &[u8], output: &mut Vec<u8>) {
        let actual = if self.is_in { data.len() as u32 } else { self.length };
        output.extend_from_slice(&3u32.to_be_bytes());
        output.extend_from_slice(&self.head[4..8]);
        output.extend_from_slice(&[0; 16]); // devid, direction, endpoint, status
        output.extend_from_slice(&actual.to_be_bytes());
        output.extend_from_slice(&[0; 20]);
        output.extend_from_slice(data);
    }
}

fn import_reply() -> Vec<u8> {
    let mut out = [&VERSION.to_be_bytes()[..], &[0, 3, 0, 0, 0, 0]].concat();
    let device = out.len();
    out.resize(device + wire::usbip::DEVICE, 0);
    out[device + 256..device + 259].copy_from_slice(b"1-1");
    out[device + 288 + 3] = 1; // busnum
    out[device + 292 + 3] = 2; // devnum
    out
}
