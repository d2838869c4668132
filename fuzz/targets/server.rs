//! Any bytes to the USB/IP server, over TCP: it neither dies nor hangs, its answers fit what was asked, and the token is
//! back on the list when the connection is over.
//!
//! The first byte says whether an honest import goes first.
#![no_main]

use std::{collections::HashMap, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use ushield_fuzz::served::Server;
use wire::usbip::{DEVICE, OP_HEADER, Return, URB_HEADER, parse_import_header, request_import};

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let import = first & 1 == 1;
    let server = SERVER.get_or_init(Server::start);
    let mut out = if import { request_import("1-1").expect("short") } else { Vec::new() };
    out.extend_from_slice(rest);
    let answers = server.talk(server.usbip, &out);
    if import {
        check(&answers, rest);
    }
    server.is_free_again();
});

static SERVER: OnceLock<Server> = OnceLock::new();

/// The answers to an import and what followed: each is to a URB that was sent, and brings no more than it asked for.
fn check(answers: &[u8], sent: &[u8]) {
    let Some((head, rest)) = answers.split_first_chunk::<OP_HEADER>() else { return };
    assert_eq!(parse_import_header(*head), Ok(0), "nobody else holds the token");
    let Some((_, mut rest)) = rest.split_first_chunk::<DEVICE>() else { return };
    let Some(asked) = asked(sent) else { return };
    while let Some((head, after)) = rest.split_first_chunk::<URB_HEADER>() {
        rest = after;
        let Return::Submit { sequence, length, .. } = Return::parse(head).expect("an answer") else {
            continue;
        };
        let (is_in, most) = asked.get(&sequence).copied().expect("to a URB that was sent");
        assert!(length <= most, "{length} bytes for {most}");
        if is_in {
            // What the connection's end cut off is no answer.
            let Some(after) = after.get(length as usize..) else { return };
            rest = after;
        }
    }
}

/// Direction and length of each URB, by its sequence number; `None` when two share one, for then nobody can tell.
fn asked(mut sent: &[u8]) -> Option<HashMap<u32, (bool, u32)>> {
    let mut asked = HashMap::new();
    while let Some((head, after)) = sent.split_first_chunk::<URB_HEADER>() {
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        sent = after;
        if word(0) != 1 {
            continue;
        }
        let (is_in, length) = (word(12) == 1, word(24));
        if asked.insert(word(4), (is_in, length)).is_some() {
            return None;
        }
        if !is_in {
            sent = after.get(length as usize..).unwrap_or_default();
        }
    }
    Some(asked)
}
