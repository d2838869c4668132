//! Whether this is still the process that something was made in.
//!
//! A process id does not tell: a child in a new PID namespace may have its parent's number, and a raw clone(2) runs no
//! handler of pthread_atfork(3). The kernel tells: a page that it wipes in every child (madvise(2), MADV_WIPEONFORK).

use std::process;

/// Remembers a process.
pub(super) struct Mark {
    id: u32,
    page: Option<page::Page>,
}

impl Mark {
    /// This process's.
    pub(super) fn new() -> Self {
        Self { id: process::id(), page: page::Page::new() }
    }

    /// Whether this process made it. Where the kernel has no such pages (Linux before 4.14), the number has to do.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.id == process::id() && self.page.as_ref().is_none_or(page::Page::is_written)
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "one page of memory that the kernel watches")]
mod page {
    use std::{
        ptr::{self, NonNull},
        sync::atomic::{AtomicU8, Ordering},
    };

    /// A page that holds a one here, and zeros in each child. It is never unmapped: neither are the marks.
    pub(super) struct Page(NonNull<AtomicU8>);

    // SAFETY: it is only read, as an atomic.
    unsafe impl Send for Page {}
    // SAFETY: the same.
    unsafe impl Sync for Page {}

    /// Bytes of which the kernel makes whole pages.
    const LENGTH: usize = 1;

    impl Page {
        pub(super) fn new() -> Option<Self> {
            let (protection, flags) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: new memory at a place of the kernel's choice.
            let mapped = unsafe { libc::mmap(ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
            if mapped == libc::MAP_FAILED {
                return None;
            }
            // SAFETY: the page above, which nobody else knows.
            if unsafe { libc::madvise(mapped, LENGTH, libc::MADV_WIPEONFORK) } != 0 {
                // SAFETY: the same.
                unsafe { libc::munmap(mapped, LENGTH) };
                return None;
            }
            let page = Self(NonNull::new(mapped.cast())?);
            page.byte().store(1, Ordering::Release);
            Some(page)
        }

        pub(super) fn is_written(&self) -> bool {
            self.byte().load(Ordering::Acquire) == 1
        }

        const fn byte(&self) -> &AtomicU8 {
            // SAFETY: it is mapped for as long as the process lives.
            unsafe { self.0.as_ref() }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod page {
    pub(super) struct Page;

    impl Page {
        pub(super) const fn new() -> Option<Self> {
            None
        }

        pub(super) const fn is_written(&self) -> bool {
            true
        }
    }
}
