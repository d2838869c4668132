//! A USB/IP server of a few lines, one connection at a time, on the `usbip` crate's codec.

use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    ops::Deref,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use tokio::io::{AsyncRead, ReadBuf};
use usbip::usbip_protocol::{UsbIpCommand, UsbIpHeaderBasic, UsbIpResponse};
use wire::usb::Setup;

use crate::fake::{Token, imported, listed};

/// A server in a thread. Dropping the server joins the thread, so that a failure in the thread fails the test. Drop the
/// client first.
pub(crate) struct Server {
    address: String,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Deref for Server {
    type Target = str;

    fn deref(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        self.closing.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address)); // wakes it if it waits for another connection
        self.thread.take().unwrap().join().expect("the server has nothing to complain of");
    }
}

/// Starts `serve` on the first connection.
pub(crate) fn once(serve: impl FnOnce(TcpStream) + Send + 'static) -> Server {
    let mut serve = Some(serve);
    always(1, move |stream| serve.take().expect("one connection")(stream))
}

/// Starts `serve` on at most `connections` connections, one after the other.
pub(crate) fn always(connections: usize, mut serve: impl FnMut(TcpStream) + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let closing = Arc::new(AtomicBool::new(false));
    let closed = closing.clone();
    let thread = thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            if closed.load(Ordering::SeqCst) {
                return;
            }
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            serve(stream);
        }
    });
    Server { address, closing, thread: Some(thread) }
}

/// Reads commands from a blocking stream by the crate's asynchronous codec.
pub(crate) struct Commands(BufReader<TcpStream>);

impl Commands {
    pub(crate) fn of(stream: &TcpStream) -> Self {
        Self(BufReader::new(stream.try_clone().unwrap()))
    }

    /// The next command; `None` when the client is gone.
    pub(crate) fn next(&mut self) -> Option<UsbIpCommand> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(UsbIpCommand::read_from_socket(self)) {
            Ok(command) => Some(command),
            Err(error) if error.to_string().contains("Unknown") => {
                panic!("the crate cannot read it: {error}")
            }
            Err(_) => None,
        }
    }

    /// The next command, which must be a URB: its header, length, setup packet, data.
    pub(crate) fn submit(&mut self) -> (UsbIpHeaderBasic, u32, Setup, Vec<u8>) {
        match self.next() {
            Some(UsbIpCommand::UsbIpCmdSubmit { header, transfer_buffer_length, setup, data, .. }) => {
                (header, transfer_buffer_length, Setup::parse(setup), data)
            }
            other => panic!("a URB was expected, not {other:?}"),
        }
    }
}

impl AsyncRead for Commands {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.read(out.initialize_unfilled())?;
        out.advance(read);
        Poll::Ready(Ok(()))
    }
}

/// A RET_SUBMIT. For an IN transfer it carries `data`, and for an OUT transfer only the length.
pub(crate) fn returned(header: &UsbIpHeaderBasic, status: i32, length: u32, data: &[u8]) -> Vec<u8> {
    UsbIpResponse::UsbIpRetSubmit {
        header: UsbIpHeaderBasic { command: 3, ..header.clone() },
        status: status.cast_unsigned(),
        actual_length: length,
        start_frame: 0,
        number_of_packets: 0,
        error_count: 0,
        transfer_buffer: data.to_vec(),
        iso_packet_descriptor: Vec::new(),
    }
    .to_bytes()
}

/// RET_UNLINK.
pub(crate) fn unlinked(header: &UsbIpHeaderBasic, status: i32) -> Vec<u8> {
    let header = UsbIpHeaderBasic { command: 4, ..header.clone() };
    UsbIpResponse::UsbIpRetUnlink { header, status: status.cast_unsigned() }.to_bytes()
}

/// Serves one connection as an honest server does, and answers through `write`. Ends when `write` fails or the client
/// goes. IN URBs wait until the token has data.
pub(crate) fn honest(
    stream: &TcpStream,
    token: &mut Token,
    bus_ids: &[&str],
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) {
    let mut commands = Commands::of(stream);
    let mut parked: HashMap<u32, UsbIpHeaderBasic> = HashMap::new();
    while let Some(command) = commands.next() {
        let mut replies = Vec::new();
        match command {
            UsbIpCommand::OpReqDevlist { .. } => replies.push(listed(bus_ids)),
            UsbIpCommand::OpReqImport { busid, .. } => {
                let end = busid.iter().position(|byte| *byte == 0).expect("a zero ends the bus id");
                let bus_id = std::str::from_utf8(&busid[..end]).unwrap();
                match bus_ids.contains(&bus_id) {
                    true => replies.push(imported(bus_id)),
                    false => replies.push(UsbIpResponse::op_rep_import_fail().to_bytes()),
                }
            }
            UsbIpCommand::UsbIpCmdSubmit { header, transfer_buffer_length, setup, data, .. } => {
                match (header.ep, header.direction) {
                    (0, direction) => replies.push(match token.control(Setup::parse(setup)) {
                        Some(data) if direction == 1 => returned(&header, 0, data.len() as u32, &data),
                        Some(_) => returned(&header, 0, transfer_buffer_length, &[]),
                        None => returned(&header, -32, 0, &[]),
                    }),
                    (1, 0) => {
                        token.bulk_out(&data);
                        replies.push(returned(&header, 0, transfer_buffer_length, &[]));
                    }
                    _ => drop(parked.insert(header.seqnum, header)),
                }
            }
            UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum } => {
                let status = if parked.remove(&unlink_seqnum).is_some() { -104 } else { 0 };
                replies.push(unlinked(&header, status));
            }
        }
        let ready = parked.iter().find(|(_, header)| header.ep == 2).map(|(sequence, _)| *sequence);
        if let Some(sequence) = ready
            && let Some(answer) = token.answers.pop_front()
        {
            let header = parked.remove(&sequence).unwrap();
            replies.push(returned(&header, 0, answer.len() as u32, &answer));
        }
        if !replies.into_iter().all(|reply| write(&reply).is_ok()) {
            return;
        }
    }
}

/// A server that answers import and enumeration as an honest server does. Then `serve` takes the connection over.
pub(crate) fn enumerated(serve: impl FnOnce(TcpStream, Commands) + Send + 'static) -> Server {
    once(move |mut stream| {
        let mut commands = Commands::of(&stream);
        assert!(matches!(commands.next(), Some(UsbIpCommand::OpReqImport { .. })));
        stream.write_all(&imported("1-1")).unwrap();
        let mut token = Token::default();
        for _ in 0..3 {
            let (header, length, setup, _) = commands.submit();
            let data = token.control(setup).unwrap();
            let length = if header.direction == 1 { data.len() as u32 } else { length };
            stream.write_all(&returned(&header, 0, length, &data)).unwrap();
        }
        serve(stream, commands);
    })
}

/// A channel on which a server tells the test what it saw.
pub(crate) fn witness<T>() -> (Sender<T>, Receiver<T>) {
    mpsc::channel()
}
