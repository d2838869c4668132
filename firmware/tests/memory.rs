//! What an idle token costs: a thousand of them have to fit into one process.

#![allow(unsafe_code)] // an allocator that counts

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::BTreeMap,
    convert::Infallible,
    sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed},
};

use firmware::{
    Factory, Token,
    profile::Profile,
    seams::{Button, Millis, Panel, RecordName, Screen, Storage, StorageFault},
};
use rand_core::{TryCryptoRng, TryRng};
use wire::usb::Setup;

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PAUSED: AtomicBool = AtomicBool::new(false);

// SAFETY: every call goes to the system's allocator unchanged; only a counter is kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !PAUSED.load(Relaxed) {
            LIVE.fetch_add(layout.size().cast_signed(), Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !PAUSED.load(Relaxed) {
            LIVE.fetch_sub(layout.size().cast_signed(), Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Records that do not count: a real token keeps them in flash.
#[derive(Default)]
struct Flash(BTreeMap<RecordName, Vec<u8>>);

impl Flash {
    fn uncounted(&mut self, change: impl FnOnce(&mut BTreeMap<RecordName, Vec<u8>>)) {
        PAUSED.store(true, Relaxed);
        change(&mut self.0);
        PAUSED.store(false, Relaxed);
    }
}

impl Storage for Flash {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.0.get(&name).cloned())
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.uncounted(|records| drop(records.insert(name, record.to_vec())));
        Ok(())
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.uncounted(|records| drop(records.remove(&name)));
        Ok(())
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        Ok(self.0.keys().copied().collect())
    }
}

struct Dark;

impl Panel for Dark {
    fn show(&mut self, _: Option<&Screen>) {}

    fn pressed(&mut self) -> Option<Button> {
        None
    }
}

/// SplitMix64: enough randomness for a size.
struct Mixed(u64);

impl TryRng for Mixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| word as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Mixed {}

fn transmit(token: &mut Token<Flash, Dark, Mixed>, apdu: &[u8]) -> Vec<u8> {
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

#[test]
fn an_idle_token_holds_8_kib() {
    let before = LIVE.load(Relaxed);
    let profile = Profile { stretch: None, ..Profile::standard() };
    let factory = Factory {
        pin: Some(b"135790".to_vec().into()),
        puk: b"87654312".to_vec().into(),
        label: String::new(),
    };
    let mut token =
        Token::manufacture(profile, &[7; 32], Flash::default(), Dark, Mixed(1), &factory).unwrap();
    drop(factory);
    let fresh = LIVE.load(Relaxed) - before;
    token.attach();
    token.control(Setup::parse([0, 9, 1, 0, 0, 0, 0, 0]), &[]).unwrap();
    token.bulk_out(1, &[0x62, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    token.bulk_in(2, 64).unwrap().unwrap();
    transmit(&mut token, b"\x00\xA4\x04\x00\x06\xF0USHIE\x00");
    assert_eq!(transmit(&mut token, b"\x00\x20\x00\x80\x06135790"), [0x90, 0x00]);
    for container in [0x50, 0x9A, 0x9C, 0x9D, 0x9E] {
        let made = transmit(&mut token, &[0x80, 0x46, 0, container, 3, 0x80, 1, 0x11, 0]);
        assert!(made.ends_with(&[0x90, 0x00]), "{made:02X?}");
    }
    let used = LIVE.load(Relaxed) - before;
    let whole = size_of_val(&token).cast_signed() + used;
    println!("token {} bytes, heap {fresh} fresh, {used} in use", size_of_val(&token));
    assert!(whole < 8 * 1024, "{whole} bytes");
}
