//! A man in the middle between the library and the USB/IP server, who can turn all that the server says to nonsense.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The man in the middle, who ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    garble: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Proxy {
    /// Puts the man in front of the server at `address`.
    pub fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("an address");
        let (garble, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (turned, left, server) = (garble.clone(), gone.clone(), address.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if left.load(Ordering::Acquire) {
                    break;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                for socket in [&client, &server] {
                    socket.set_nodelay(true).expect("a socket");
                }
                let (from_client, to_client) = (client.try_clone().expect("a socket"), client);
                let (from_server, to_server) = (server.try_clone().expect("a socket"), server);
                let turned = turned.clone();
                thread::spawn(move || carry(from_client, to_server, None));
                thread::spawn(move || carry(from_server, to_client, Some(&turned)));
            }
        });
        Self { address: own, garble, gone }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Turns all that the server says to nonsense from now on.
    pub fn garble(&self) {
        self.garble.store(true, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, garble: Option<&AtomicBool>) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if garble.is_some_and(|garble| garble.load(Ordering::Acquire)) {
            buffer[..length].fill(0xEE);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
