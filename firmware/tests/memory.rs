//! What an idle token costs: a thousand of them have to fit into one process.

#![allow(unsafe_code)] // an allocator that counts

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, Ordering::Relaxed},
};

use chacha20::ChaCha20Rng;
use firmware::{
    Factory, Token,
    fixture::{Holder, PIN, PUK, SECRET, SharedFlash, profile, rng},
    seams::Millis,
};
use wire::usb::Setup;

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only a counter is kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Tested = Token<SharedFlash, Holder, ChaCha20Rng>;

fn transmit(token: &mut Tested, apdu: &[u8]) -> Vec<u8> {
    let mut message = vec![0x6F];
    message.extend_from_slice(&(apdu.len() as u32).to_le_bytes());
    message.extend_from_slice(&[0; 5]);
    message.extend_from_slice(apdu);
    token.bulk_out(1, &message).unwrap();
    while let Some(ticket) = token.job() {
        token.finish(ticket.run());
    }
    assert_eq!(token.tick(Millis(0)), None, "nothing waits");
    token.bulk_in(2, 4096).unwrap().unwrap().split_off(10)
}

/// What a token holds is what is free again without it. The records do not count, because a real token keeps them in flash; and so
/// the flash outlives the token. Nor does the source of randomness, which a real token has in hardware.
fn held(token: Tested) -> isize {
    let with = LIVE.load(Relaxed);
    let whole = (size_of_val(&token) - size_of::<ChaCha20Rng>()).cast_signed();
    drop(token);
    whole + with - LIVE.load(Relaxed)
}

#[test]
fn an_idle_token_holds_8_kib() {
    let (flash, holder) = (SharedFlash::default(), Holder::default());
    let factory = Factory { pin: Some(PIN.to_vec().into()), puk: PUK.to_vec().into(), label: String::new() };
    let (records, screen) = (flash.clone(), holder.clone());
    let mut token = Token::manufacture(profile(), &SECRET, records, screen, rng(1), &factory).unwrap();
    token.attach();
    token.control(Setup::parse([0, 9, 1, 0, 0, 0, 0, 0]), &[]).unwrap();
    token.bulk_out(1, &[0x62, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    token.bulk_in(2, 64).unwrap().unwrap();
    transmit(&mut token, b"\x00\xA4\x04\x00\x06\xF0USHIE\x00");
    assert_eq!(transmit(&mut token, &[b"\x00\x20\x00\x80\x06", PIN].concat()), [0x90, 0x00]);
    for container in [0x50, 0x9A, 0x9C, 0x9D, 0x9E] {
        let made = transmit(&mut token, &[0x80, 0x46, 0, container, 3, 0x80, 1, 0x11, 0]);
        assert!(made.ends_with(&[0x90, 0x00]), "{made:02X?}");
    }
    let used = held(token);
    let fresh = held(Token::open(profile(), &SECRET, flash.clone(), holder.clone(), rng(2)));
    println!("token and heap: {fresh} bytes when opened, {used} in use");
    assert!((1024..8 * 1024).contains(&used), "{used} bytes");
}
