//! Every test of sessions and of hostile peers once more, over the Unix socket; and what is so of that socket alone.

#![allow(
    clippy::duplicate_mod,
    reason = "each of the test programs that are taken in here has the engine for itself"
)]

#[path = "session.rs"]
mod session;
#[path = "peers.rs"]
mod peers;
mod engine;

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::UnixListener,
    },
    time::Duration,
};

use card::usbip;
use host_driver::{Exporter, Listen, StartError, usbip::Timing};

/// A server without devices.
fn exporter() -> Exporter {
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let exporter = runtime.block_on(Exporter::start(listen)).unwrap();
    // The tests below look at the socket only as long as the process lives.
    std::mem::forget(runtime);
    exporter
}

#[test]
fn the_socket_is_its_owners_and_goes_with_the_server() {
    let server = engine::Server::start();
    let engine::Place::Unix(path) = server.place() else { panic!("a Unix socket") };
    let found = fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!((found.mode() & 0o777, found.uid()), (0o600, rustix::process::getuid().as_raw()));
    let told = format!("unix:{}", path.display());
    assert_eq!(server.exporter.unix().as_deref(), Some(told.as_str()));
    server.plug();
    assert_eq!(usbip::list(&told).unwrap().len(), 1);
    // The folder stays, so that the socket is the server's to remove.
    let engine::Server { exporter, runtime, .. } = server;
    runtime.block_on(exporter.shutdown());
    assert!(!path.exists());
}

#[test]
fn a_dead_socket_is_taken_over_and_a_living_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("3240.usbip");
    // What a server leaves that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let server = engine::Server::start();
    let _inside = server.runtime.enter();
    let (mut one, mut two) = (exporter(), exporter());
    one.listen_unix(&path, Timing::STANDARD).unwrap();
    assert!(matches!(two.listen_unix(&path, Timing::STANDARD), Err(StartError::Path(..))));
    // The second server removes no socket but its own.
    drop(two);
    assert!(path.exists() && usbip::list(&format!("unix:{}", path.display())).is_ok());
    let long = folder.path().join("x".repeat(108));
    assert!(matches!(one.listen_unix(&long, Timing::STANDARD), Err(StartError::Path(..))));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    assert!(matches!(one.listen_unix(&path, Timing::STANDARD), Err(StartError::Path(..))));
    assert_eq!(fs::read(&path).unwrap(), b"a file");
}

/// The same limits as at TCP: a crowd that says nothing keeps nobody out.
#[test]
fn a_crowd_at_the_socket_keeps_nobody_out() {
    let server = engine::Server::start();
    let (id, _) = server.plug();
    let crowd: Vec<_> = (0..200).map(|_| server.connect()).collect();
    let mut host = server.take(id);
    assert_eq!(host.exchange(b"served"), b"served");
    drop(crowd);
    host.silent(Duration::from_millis(1));
}
