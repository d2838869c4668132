//! A process that uses the library as hard as it can.

use std::{
    env, fmt, fs,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use cryptoki_sys as ck;
use libloading::Library;
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use ushield_tests::bench::PIN;

use crate::{
    call::{Call, number},
    tokens::LABEL,
};

/// Longer than any call takes, however busy the machine is: only a call that hangs takes longer. The report says how long the slowest
/// call took.
const LIMIT: Duration = Duration::from_secs(60);
/// How much the resident memory may grow, in KiB.
const GROWTH: u64 = 2048;

/// What a worker is to do.
pub struct Order {
    pub operations: u64,
    pub threads: usize,
    pub tokens: usize,
    pub seed: u64,
    pub point: Vec<u8>,
}

impl Order {
    /// The order as words of a command line.
    pub fn arguments(&self) -> Vec<String> {
        let point = self.point.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers = [self.operations, self.threads as u64, self.tokens as u64, self.seed];
        numbers.iter().map(u64::to_string).chain([point]).collect()
    }

    /// Reads an order from the words that [`Self::arguments`] gave.
    pub fn parse(words: &[String]) -> Self {
        let [operations, threads, tokens, seed, point] = words else { panic!("five words: {words:?}") };
        let byte = |at: usize| u8::from_str_radix(&point[at..at + 2], 16).expect("hexadecimal");
        Self {
            operations: operations.parse().expect("a number"),
            threads: threads.parse().expect("a number"),
            tokens: tokens.parse().expect("a number"),
            seed: seed.parse().expect("a number"),
            point: (0..point.len()).step_by(2).map(byte).collect(),
        }
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    operations: u64,
    signatures: u64,
    gone: u64,
    slowest: u64,
    growth: u64,
}

impl Report {
    /// The sum of two reports.
    pub fn plus(self, other: Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            signatures: self.signatures + other.signatures,
            gone: self.gone + other.gone,
            slowest: self.slowest.max(other.slowest),
            growth: self.growth.max(other.growth),
        }
    }

    /// Reads the report from a worker's last line.
    pub fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
        let &[operations, signatures, gone, slowest, growth] = numbers.as_slice() else { return None };
        Some(Self { operations, signatures, gone, slowest, growth })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, signatures, gone, slowest, growth } = self;
        write!(
            f,
            "{operations} operations, {signatures} signatures, all of which verify; a token gone {gone} times; slowest \
             call {slowest} ms; grown by {growth} KiB at most"
        )
    }
}

/// Does what the order says.
pub fn work(order: &Order) -> ExitCode {
    let path = env::var("SOAK_LIBRARY").expect("tests/soak/run sets SOAK_LIBRARY");
    // SAFETY: our library runs nothing when it is loaded.
    let library = unsafe { Library::new(path) }.expect("the library");
    let mut list = std::ptr::null_mut();
    // SAFETY: the standard's name and type (5.4).
    unsafe {
        let get = library
            .get::<unsafe extern "C" fn(*mut *mut ck::CK_FUNCTION_LIST) -> ck::CK_RV>(b"C_GetFunctionList\0")
            .expect("C_GetFunctionList");
        assert_eq!(get(&raw mut list), ck::CKR_OK);
    }
    let call = Call::new(list);
    // The first round takes memory for threads and their heaps. That memory is taken once, and is no leak.
    let warm = Order { operations: order.operations / 10, point: order.point.clone(), ..*order };
    let outcome = round(&call, &warm).and_then(|_| {
        let before = (descriptors(), resident());
        let mut report = round(&call, order)?;
        report.growth = resident().saturating_sub(before.1);
        match descriptors() {
            now if now != before.0 => Err(format!("{} descriptors before, {now} after", before.0)),
            _ if report.growth > GROWTH && is_bare() => Err(format!("grown by {} KiB", report.growth)),
            _ => Ok(report),
        }
    });
    match outcome {
        Ok(Report { operations, signatures, gone, slowest, growth }) => {
            println!("{operations} {signatures} {gone} {slowest} {growth}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            println!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the worker runs without another program around it. Under valgrind its time and its memory are valgrind's.
fn is_bare() -> bool {
    env::var_os("SOAK_RUNNER").is_none()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// The resident memory (VmRSS), in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// One round, from C_Initialize to C_Finalize.
fn round(call: &Call, order: &Order) -> Result<Report, String> {
    let begun = call.call("C_Initialize");
    if begun != ck::CKR_OK {
        return Err(format!("C_Initialize: {begun:#x}"));
    }
    let left = AtomicU64::new(order.operations);
    let functions = call.functions as usize;
    let reports: Vec<Result<Report, String>> = thread::scope(|scope| {
        let start = |at: u64| {
            let left = &left;
            scope.spawn(move || {
                let call = Call::new(functions as *const ck::CK_FUNCTION_LIST);
                Worker::new(call, order, at).run(left)
            })
        };
        let threads: Vec<_> = (0..order.threads as u64).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a panic".into()))).collect()
    });
    let ended = call.call("C_Finalize");
    if ended != ck::CKR_OK {
        return Err(format!("C_Finalize: {ended:#x}"));
    }
    reports.into_iter().try_fold(Report::default(), |total, report| Ok(total.plus(report?)))
}

struct Worker<'a> {
    call: Call,
    order: &'a Order,
    rng: ChaCha20Rng,
    key: VerifyingKey,
    report: Report,
}

/// Why a session ended.
enum End {
    /// The session's token was pulled out, or is not back yet.
    Gone,
    /// Something went wrong.
    Fault(String),
}

impl<'a> Worker<'a> {
    fn new(call: Call, order: &'a Order, at: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(order.seed.wrapping_add(at));
        let key = VerifyingKey::from_sec1_bytes(&order.point).expect("a point");
        Self { call, order, rng, key, report: Report::default() }
    }

    fn choose(&mut self, of: u64) -> u64 {
        self.rng.next_u64() % of
    }

    fn run(mut self, left: &AtomicU64) -> Result<Report, String> {
        while left.load(Ordering::Relaxed) > 0 {
            match self.session(left) {
                Ok(()) => {}
                Err(End::Gone) => {
                    self.report.gone += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                Err(End::Fault(text)) => return Err(text),
            }
        }
        Ok(self.report)
    }

    /// Makes a call and takes its time.
    fn timed(&mut self, call: &Call, function: &str) -> Result<(), End> {
        let start = Instant::now();
        let rv = call.call(function);
        let took = start.elapsed();
        self.report.slowest = self.report.slowest.max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if took > LIMIT && is_bare() {
            return Err(End::Fault(format!("{function} took {took:?}")));
        }
        match rv {
            ck::CKR_OK => Ok(()),
            ck::CKR_USER_ALREADY_LOGGED_IN if function == "C_Login" => Ok(()),
            // The token is gone. Either this session finds out first, or another session did. Then this session is closed, logged
            // out, or without its handles.
            ck::CKR_DEVICE_REMOVED
            | ck::CKR_TOKEN_NOT_PRESENT
            | ck::CKR_SLOT_ID_INVALID
            | ck::CKR_SESSION_HANDLE_INVALID
            | ck::CKR_USER_NOT_LOGGED_IN
            | ck::CKR_KEY_HANDLE_INVALID
            | ck::CKR_DEVICE_ERROR => Err(End::Gone),
            other => Err(End::Fault(format!("{function}: {other:#x}"))),
        }
    }

    /// Opens a session and uses it.
    fn session(&mut self, left: &AtomicU64) -> Result<(), End> {
        let tokens = self.order.tokens as u64;
        let mut call = self.call.clone();
        call.slot = self.choose(tokens);
        if self.choose(20) == 0 {
            self.timed(&Call { slot: 0, ..call.clone() }, "C_GetSlotList")?;
        }
        self.timed(&call, "C_OpenSession")?;
        call.session = call.handle.get();
        let outcome = self.use_session(&call, left);
        match (self.timed(&call, "C_CloseSession"), outcome) {
            (_, Err(end)) => Err(end),
            (closed, Ok(())) => closed,
        }
    }

    fn use_session(&mut self, call: &Call, left: &AtomicU64) -> Result<(), End> {
        self.timed(&Call { pin: Some(PIN.to_vec()), ..call.clone() }, "C_Login")?;
        let template =
            vec![(ck::CKA_CLASS, number(ck::CKO_PRIVATE_KEY)), (ck::CKA_LABEL, LABEL.as_bytes().to_vec())];
        let search = Call { template, ..call.clone() };
        self.timed(&search, "C_FindObjectsInit")?;
        self.timed(&search, "C_FindObjects")?;
        let key = search.handle.get();
        self.timed(&search, "C_FindObjectsFinal")?;
        if key == 0 {
            // Another thread had logged in, and that login ended with the token.
            return Err(End::Gone);
        }
        for _ in 0..1 + self.choose(60) {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                return Ok(());
            }
            self.operation(call, key)?;
            self.report.operations += 1;
        }
        Ok(())
    }

    fn operation(&mut self, call: &Call, key: ck::CK_OBJECT_HANDLE) -> Result<(), End> {
        let data = self.choose(1 << 20).to_be_bytes().to_vec();
        let call = Call { data, key, mechanism: ck::CKM_ECDSA_SHA256, ..call.clone() };
        match self.choose(20) {
            0 => self.timed(&Call { room: 40, ..call }, "C_GenerateRandom"),
            1 => self.timed(&call, "C_GetSessionInfo"),
            2 => self.timed(&call, "C_GetTokenInfo"),
            3 | 4 => {
                let call = Call { mechanism: ck::CKM_SHA256, ..call };
                self.timed(&call, "C_DigestInit")?;
                self.timed(&call, "C_Digest")
            }
            _ => {
                self.timed(&call, "C_SignInit")?;
                self.timed(&call, "C_Sign")?;
                let bytes = call.output.take();
                let verified = Signature::from_slice(&bytes)
                    .is_ok_and(|found| self.key.verify(&call.data, &found).is_ok());
                self.report.signatures += 1;
                if verified { Ok(()) } else { Err(End::Fault(format!("no signature: {bytes:02x?}"))) }
            }
        }
    }
}
