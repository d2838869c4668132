//! Signals that are noted while something has to be put right before the program obeys them.

use std::{
    mem::MaybeUninit,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The signals that end a program or stop it, or that follow a stop. Those that come from a terminal are among them (termios(3)).
const SIGNALS: [libc::c_int; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCONT,
];

/// Those that stop a program.
const STOPS: [libc::c_int; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// A bit for each signal that came, and that no later signal has undone.
static CAME: AtomicU64 = AtomicU64::new(0);
/// A process has one action for each signal.
static ALONE: Mutex<()> = Mutex::new(());

/// While this value lives, the signals are noted, and the program goes on. A signal that is ignored stays ignored.
pub(crate) struct Noting {
    former: Vec<(libc::c_int, libc::sigaction)>,
    _alone: MutexGuard<'static, ()>,
}

impl Noting {
    #[allow(unsafe_code)]
    pub(crate) fn begin() -> Self {
        extern "C" fn note(signal: libc::c_int) {
            let add = |came| Some(came & !undone_by(signal) | bit(signal));
            let _ = CAME.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        CAME.store(0, Ordering::SeqCst);
        let handler: extern "C" fn(libc::c_int) = note;
        let former = SIGNALS.into_iter().filter_map(|signal| {
            let (mut former, mut action) =
                (MaybeUninit::<libc::sigaction>::zeroed(), MaybeUninit::<libc::sigaction>::zeroed());
            // SAFETY: sigaction(2) fills in the present action, and zero bytes are a valid one. The handler stores into an atomic, which is
            // safe at any moment (signal-safety(7)). Without SA_RESTART a read ends when a signal comes.
            unsafe {
                if libc::sigaction(signal, ptr::null(), former.as_mut_ptr()) != 0 {
                    return None;
                }
                let former = former.assume_init();
                if former.sa_sigaction == libc::SIG_IGN {
                    return None;
                }
                (*action.as_mut_ptr()).sa_sigaction = handler as libc::sighandler_t;
                (libc::sigaction(signal, action.as_ptr(), ptr::null_mut()) == 0).then_some((signal, former))
            }
        });
        Self { former: former.collect(), _alone: alone }
    }

    /// Whether any signal came.
    pub(crate) fn any(&self) -> bool {
        CAME.load(Ordering::SeqCst) != 0
    }

    /// Whether this signal came.
    pub(crate) fn has(&self, signal: libc::c_int) -> bool {
        CAME.load(Ordering::SeqCst) & bit(signal) != 0
    }

    /// Gives the signals their former actions, and sends each that came to the program again. Returns whether one came that ends programs:
    /// the program has an action of its own for it, or it would have ended here.
    #[allow(unsafe_code)]
    pub(crate) fn obey(mut self) -> bool {
        // A signal that comes from here on is obeyed by itself; one that came before is in the list.
        self.restore();
        let came: Vec<_> = SIGNALS.into_iter().filter(|signal| self.has(*signal)).collect();
        drop(self);
        let mut ends = false;
        for signal in came {
            ends |= signal != libc::SIGCONT && !STOPS.contains(&signal);
            // SAFETY: raise(3) sends a signal to this thread, and a stop stops the process before raise(3) returns.
            unsafe { libc::raise(signal) };
        }
        ends
    }
}

impl Noting {
    #[allow(unsafe_code)]
    fn restore(&mut self) {
        for (signal, former) in self.former.drain(..) {
            // SAFETY: this puts back the action that sigaction(2) gave.
            unsafe { libc::sigaction(signal, &raw const former, ptr::null_mut()) };
        }
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.restore();
    }
}

/// The bits of the signals that this one undoes: one that continues a program undoes those that stop it, and the other way round (POSIX.1,
/// 2.4.1). Otherwise a program that was continued would stop once more.
fn undone_by(signal: libc::c_int) -> u64 {
    if signal == libc::SIGCONT {
        STOPS.into_iter().map(bit).sum()
    } else if STOPS.contains(&signal) {
        bit(libc::SIGCONT)
    } else {
        0
    }
}

fn bit(signal: libc::c_int) -> u64 {
    u32::try_from(signal).ok().and_then(|signal| 1_u64.checked_shl(signal)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unsafe_code)]
    fn come(signals: &[libc::c_int]) {
        for signal in signals {
            // SAFETY: the signal is noted, and does nothing else.
            assert_eq!(unsafe { libc::raise(*signal) }, 0);
        }
    }

    #[test]
    fn of_a_stop_and_its_end_the_later_one_holds() {
        for stop in STOPS {
            let noting = Noting::begin();
            come(&[libc::SIGTERM, stop, libc::SIGCONT]);
            assert!(
                noting.has(libc::SIGCONT) && !noting.has(stop),
                "signal {stop}: the program would stop again"
            );
            come(&[stop]);
            assert!(
                noting.has(stop) && !noting.has(libc::SIGCONT),
                "signal {stop}: the program would not stop"
            );
            assert!(noting.has(libc::SIGTERM), "what ends a program stays");
        }
    }
}
