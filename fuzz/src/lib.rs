//! What all targets share: a heap that refuses an allocation no honest peer needs. libFuzzer's own limit needs a
//! sanitizer, and pages that are asked for but never touched do not count for its RSS limit.

pub mod served;
pub mod enrolled;
pub mod host;

use std::alloc::{GlobalAlloc, Layout, System};

/// Most bytes in one allocation.
const MOST: usize = 16 << 20;

struct Bounded;

// SAFETY: the system's allocator, or null, which is how an allocator says no (Rust then aborts: a crash).
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the system allocator's.
        if layout.size() > MOST { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; it came from there.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        if size > MOST { std::ptr::null_mut() } else { unsafe { System.realloc(pointer, layout, size) } }
    }
}

#[global_allocator]
static HEAP: Bounded = Bounded;
