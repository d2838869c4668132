//! What is left of a service that stopped: nothing. In a program of its own, so that its threads can be counted.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use reader::{Config, Service, StartError};
use wire::pcsclite::{MAJOR, Request, Version};

/// A USB/IP server without tokens.
fn empty_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_ok() {
                // OP_REP_DEVLIST: version 0111, code 0005, status 0, no devices.
                let _ = stream.write_all(&[1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
        }
    });
    address
}

/// Names of this process's threads that a service starts.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ushield")).collect()
}

/// Waits for so many. A thread has its name only once it runs, and the kernel lists one for a moment after it was waited for.
fn until(count: usize, why: &str) {
    let begin = Instant::now();
    while threads().len() != count {
        assert!(begin.elapsed() < Duration::from_secs(60), "{why}: {:?}", threads());
        thread::sleep(Duration::from_millis(5));
    }
}

fn greet(stream: &mut UnixStream) {
    let mut request = Vec::new();
    Request::Version(Version { major: MAJOR, minor: 4, rv: 0 }).encode(&mut request);
    stream.write_all(&request).unwrap();
    stream.read_exact(&mut [0; Version::LEN]).unwrap();
}

#[test]
fn no_thread_and_no_file_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("pcscd.comm");
    let config = Config { socket: socket.clone(), usbip: Some(empty_server()), ..Config::default() };
    for _ in 0..3 {
        let service = Service::start(config.clone()).unwrap();
        assert_eq!(service.readers(), Vec::<String>::new());
        let mut clients: Vec<UnixStream> = (0..20).map(|_| UnixStream::connect(&socket).unwrap()).collect();
        clients.iter_mut().for_each(greet);
        until(22, "one a client, two for the service");
        // Its name may be gone: it stops all the same.
        let renamed = folder.path().join("elsewhere");
        fs::rename(&socket, &renamed).unwrap();
        clients.truncate(10);
        until(12, "half of the clients have gone");
        service.shutdown();
        until(0, "it waits for all of them");
        assert!(renamed.exists(), "what has another name is not removed");
        fs::remove_file(renamed).unwrap();
        // Hung up on.
        assert!(clients.iter_mut().all(|client| matches!(client.read(&mut [0]), Ok(0) | Err(_))));
    }
    // One that does not start leaves nothing, either.
    let nowhere = Config { usbip: Some("127.0.0.1:1".into()), ..config };
    assert!(matches!(Service::start(nowhere), Err(StartError::Card(card::Error::NotFound(_)))));
    until(0, "it has none");
    assert!(!socket.exists());
}
