//! What becomes of a transfer that nobody waits for any more.

use std::{io::Write, net::TcpStream, time::Duration};

use card::{Error, Pipe, usbip::Link};
use usbip::usbip_protocol::{UsbIpCommand, UsbIpHeaderBasic};

use crate::server::{Commands, enumerated, returned, unlinked};

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(60);

/// Takes the IN URB, and the UNLINK that follows it.
fn given_up(commands: &mut Commands) -> (UsbIpHeaderBasic, UsbIpHeaderBasic) {
    let (urb, ..) = commands.submit();
    let Some(UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum }) = commands.next() else {
        panic!("no UNLINK");
    };
    assert_eq!(unlink_seqnum, urb.seqnum);
    assert_ne!(header.seqnum, urb.seqnum);
    (urb, header)
}

/// Answers the next transfer, which works.
fn answer_next(stream: &mut TcpStream, commands: &mut Commands) {
    let (urb, ..) = commands.submit();
    stream.write_all(&returned(&urb, 0, 4, b"next")).unwrap();
    let _ = commands.next();
}

fn bulk_in(link: &mut Link, timeout: Duration) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    link.bulk_in(&mut data, 100, timeout)?;
    Ok(data)
}

#[test]
fn cancelled_in_time() {
    let address = enumerated(|mut stream, mut commands| {
        let (_, unlink) = given_up(&mut commands);
        stream.write_all(&unlinked(&unlink, -104)).unwrap();
        answer_next(&mut stream, &mut commands);
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert!(matches!(bulk_in(&mut link, SHORT), Err(Error::TimedOut(_))));
    assert_eq!(bulk_in(&mut link, LONG).unwrap(), b"next");
}

/// The reply was on its way when the UNLINK went out: the data of the reply counts.
#[test]
fn done_before_it_was_cancelled() {
    let address = enumerated(|mut stream, mut commands| {
        let (urb, unlink) = given_up(&mut commands);
        stream.write_all(&[returned(&urb, 0, 4, b"late"), unlinked(&unlink, 0)].concat()).unwrap();
        answer_next(&mut stream, &mut commands);
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert_eq!(bulk_in(&mut link, SHORT).unwrap(), b"late");
    assert_eq!(bulk_in(&mut link, LONG).unwrap(), b"next");
}

/// The server says "too late", and sends the reply only afterwards. The client recognises the late reply and passes it
/// over.
#[test]
fn done_after_it_was_called_too_late() {
    let address = enumerated(|mut stream, mut commands| {
        let (urb, unlink) = given_up(&mut commands);
        stream.write_all(&[unlinked(&unlink, 0), returned(&urb, 0, 5, b"stale")].concat()).unwrap();
        answer_next(&mut stream, &mut commands);
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert!(matches!(bulk_in(&mut link, SHORT), Err(Error::TimedOut(_))));
    assert_eq!(bulk_in(&mut link, LONG).unwrap(), b"next");
}

/// At the deadline half of a reply is here. The half is not lost, and the stream stays in step.
#[test]
fn half_a_reply_at_the_deadline() {
    let address = enumerated(|mut stream, mut commands| {
        let (urb, ..) = commands.submit();
        let reply = returned(&urb, 0, 4, b"half");
        stream.write_all(&reply[..50]).unwrap();
        let Some(UsbIpCommand::UsbIpCmdUnlink { header, .. }) = commands.next() else { panic!("no UNLINK") };
        stream.write_all(&[&reply[50..], &unlinked(&header, 0)].concat()).unwrap();
        answer_next(&mut stream, &mut commands);
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert_eq!(bulk_in(&mut link, SHORT).unwrap(), b"half");
    assert_eq!(bulk_in(&mut link, LONG).unwrap(), b"next");
}

#[test]
fn a_server_that_never_unlinks_is_given_up() {
    let address = enumerated(|_stream, mut commands| {
        given_up(&mut commands);
        assert!(commands.next().is_none(), "the client hangs up");
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert!(matches!(bulk_in(&mut link, SHORT), Err(Error::TimedOut(_))));
    assert!(matches!(bulk_in(&mut link, LONG), Err(Error::Broken(_))));
}

/// The client takes back both URBs of an exchange.
#[test]
fn an_exchange_that_gets_no_reply_at_all() {
    let address = enumerated(|mut stream, mut commands| {
        let (out, ..) = commands.submit();
        let (answer, ..) = commands.submit();
        for urb in [out, answer] {
            let Some(UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum }) = commands.next() else {
                panic!("no UNLINK");
            };
            assert_eq!(unlink_seqnum, urb.seqnum);
            stream.write_all(&unlinked(&header, -104)).unwrap();
        }
        answer_next(&mut stream, &mut commands);
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    let mut data = Vec::new();
    assert!(matches!(link.exchange(&[0x65; 10], &mut data, 100, SHORT), Err(Error::TimedOut(_))));
    assert!(data.is_empty());
    assert_eq!(bulk_in(&mut link, LONG).unwrap(), b"next");
}
