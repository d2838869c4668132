//! Any bytes to the usbredir server, over TCP: it neither dies nor hangs, its answers fit what was asked, and the token is
//! free when the connection is over.
//!
//! The first byte says whether an honest hello goes first: 0 none, 1 QEMU's, else one that can do nothing.
#![no_main]

use std::{collections::HashMap, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use ushield_fuzz::served::Server;
use wire::usbredir::{Capabilities, Header, Hello, ToGuest, ToHost};

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let capabilities = if *first == 1 { Capabilities(0xFF) } else { Capabilities::NONE };
    let mut out = Vec::new();
    if *first != 0 {
        ToHost::Hello(Hello { version: b"fuzz", capabilities }).encode(0, Capabilities::NONE, &mut out);
    }
    out.extend_from_slice(rest);
    let server = SERVER.get_or_init(Server::start);
    let answers = server.talk(server.usbredir, &out);
    check(&answers, &out);
    server.is_free_again();
});

static SERVER: OnceLock<Server> = OnceLock::new();

/// What goes to a guest is read by the protocol's rules; what answers is for something that was sent, and is no longer
/// than what it asked for.
fn check(answers: &[u8], sent: &[u8]) {
    // A connection that is reset, because the server had not read all of it, may take the answers with it.
    let Some((ours, rest)) = packet(answers, Capabilities::NONE) else { return };
    let Ok(ToGuest::Hello(hello)) = ToGuest::parse(ours.0.kind, ours.1, Capabilities::NONE) else {
        panic!("not a hello: {ours:?}");
    };
    let agreed = match packet(sent, Capabilities::NONE) {
        Some(((header, body), _)) => match ToHost::parse(header.kind, body, Capabilities::NONE) {
            Ok(ToHost::Hello(theirs)) => theirs.capabilities.common(hello.capabilities),
            _ => Capabilities::NONE,
        },
        None => Capabilities::NONE,
    };
    let asked = asked(sent, agreed);
    let mut rest = rest;
    while let Some(((header, body), after)) = packet(rest, agreed) {
        rest = after;
        let most = |id: u64| asked.get(&id).copied().expect("an answer to what was asked");
        match ToGuest::parse(header.kind, body, agreed).expect("a packet that a guest may get") {
            ToGuest::Control { header: end, data } => {
                assert!(data.len() <= most(header.id) && usize::from(end.setup.length) <= most(header.id));
            }
            ToGuest::Bulk { header: end, data } => {
                assert!(data.len() <= most(header.id) && end.length as usize <= most(header.id));
            }
            _ => {}
        }
    }
}

/// The most that was asked for under each id.
fn asked(sent: &[u8], agreed: Capabilities) -> HashMap<u64, usize> {
    let mut asked = HashMap::new();
    let mut rest = packet(sent, Capabilities::NONE).map_or(&[][..], |(_, rest)| rest);
    while let Some(((header, body), after)) = packet(rest, agreed) {
        rest = after;
        let length = match ToHost::parse(header.kind, body, agreed) {
            Ok(ToHost::Control { header, .. }) => usize::from(header.setup.length),
            Ok(ToHost::Bulk { header, .. }) => header.length as usize,
            _ => continue,
        };
        let most = asked.entry(header.id).or_default();
        *most = length.max(*most);
    }
    asked
}

type Packet<'a> = ((Header, &'a [u8]), &'a [u8]);

/// The first packet, and what follows it; `None` when it was cut off.
fn packet(bytes: &[u8], agreed: Capabilities) -> Option<Packet<'_>> {
    let header = Header::parse(bytes, agreed)?;
    let (body, rest) =
        bytes.get(Header::size(agreed)..)?.split_at_checked(usize::try_from(header.length).ok()?)?;
    Some(((header, body), rest))
}
