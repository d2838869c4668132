//! The firmware without std: checked, never run. See Cargo.toml.
#![no_std]
#![no_main]

use core::{
    alloc::{GlobalAlloc, Layout},
    panic::PanicInfo,
    ptr::null_mut,
};

// Links it: without a use, Cargo would build the firmware and rustc would leave it out.
use firmware as _;

/// An empty heap: every request is refused.
struct NoHeap;

// SAFETY: null is how an allocator says no; nothing is ever handed out, so nothing comes back.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: NoHeap = NoHeap;

#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
