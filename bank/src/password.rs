//! Passwords: Argon2id, on threads of its own and only so many at a time, so that no crowd of log-ins takes the memory or the
//! runtime. An unknown user costs the same time as a known one (ASVS 6.3.8).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::{sync::Semaphore, task::spawn_blocking};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    error::{Error, Refusal, Result},
    random::{self, hex},
    secrets::alike,
    settings::Settings,
};

/// So many wait for their turn; more are told that the bank is busy.
const WAITING: usize = 256;

/// Computes and compares hashes of passwords.
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The memory of those who have had their turn, for those who come next. Each thread that asked the allocator for so much kept it: a node that
    /// had checked passwords for some seconds had ten times as much.
    tables: Arc<Mutex<Vec<Vec<Block>>>>,
    memory: u32,
    passes: u32,
    work: AtomicU64,
}

impl Hasher {
    pub(crate) fn new(settings: &Settings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(WAITING)),
            tables: Arc::default(),
            memory: settings.argon2_memory,
            passes: settings.argon2_passes,
            work: AtomicU64::new(0),
        }
    }

    /// How much memory was filled since the start, in KiB, each pass counted. Two log-ins that filled as much cost as much.
    pub(crate) fn work(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    /// The hash of a password, as the database keeps it: `argon2id$memory$passes$salt$hash`.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let salt = random::bytes::<16>()?;
        let hash = self.compute(password, salt, self.memory, self.passes).await?;
        Ok(format!("argon2id${}${}${}${}", self.memory, self.passes, hex(&salt), hex(hash.as_slice())))
    }

    /// Whether the password is the one of this hash. Without a hash, the same work is done for nothing.
    pub(crate) async fn verify(&self, password: &str, kept: Option<&str>) -> Result<bool> {
        let Some(kept) = kept else {
            self.compute(password, [0; 16], self.memory, self.passes).await?;
            return Ok(false);
        };
        let (memory, passes, salt, expected) =
            parse(kept).ok_or_else(|| Error::Broken("a hash in the database is not one".into()))?;
        let hash = self.compute(password, salt, memory, passes).await?;
        Ok(alike(hex(hash.as_slice()).as_bytes(), expected.as_bytes()))
    }

    async fn compute(
        &self,
        password: &str,
        salt: [u8; 16],
        memory: u32,
        passes: u32,
    ) -> Result<Zeroizing<[u8; 32]>> {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Err(Refusal::Busy.into()) };
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Error::Broken("the hasher was closed".into()))?;
        self.work.fetch_add(u64::from(memory) * u64::from(passes), Ordering::Relaxed);
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let tables = self.tables.clone();
        let work = move || {
            // The thread holds both: a thread cannot be stopped, so it counts until it is done, whoever has gone away.
            let _held = (place, turn);
            let params = Params::new(memory, passes, 1, Some(32)).map_err(|fault| fault.to_string())?;
            let mut table = tables.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            table.resize(params.block_count(), Block::default());
            let mut hash = Zeroizing::new([0; 32]);
            let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into_with_memory(&password, &salt, hash.as_mut_slice(), &mut table);
            // What a password was stretched through does not outlive the turn.
            table.iter_mut().zeroize();
            tables.lock().unwrap_or_else(PoisonError::into_inner).push(table);
            done.map(|()| hash).map_err(|fault| fault.to_string())
        };
        let done: std::result::Result<_, String> =
            spawn_blocking(work).await.map_err(|fault| Error::Broken(fault.to_string()))?;
        done.map_err(|fault| Error::Broken(format!("argon2: {fault}")))
    }
}

fn parse(kept: &str) -> Option<(u32, u32, [u8; 16], &str)> {
    let mut parts = kept.strip_prefix("argon2id$")?.split('$');
    let (memory, passes) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (salt, hash) = (parts.next()?, parts.next()?);
    let mut bytes = [0; 16];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(salt.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (salt.len() == 32 && hash.len() == 64 && parts.next().is_none()).then_some((memory, passes, bytes, hash))
}

/// Passwords that everybody tries first, from a published list, beside those that [`check`] finds by their form (ASVS 6.2.4).
const COMMON: &str = include_str!("../assets/common-passwords.txt");

fn common() -> impl Iterator<Item = &'static str> {
    COMMON.lines().filter(|line| !line.starts_with('#'))
}

/// Refuses a new password that is too short or too long, or one of the first that a guesser tries. Any character goes, and
/// nothing is cut off (ASVS 6.2.1, 6.2.5, 6.2.8, 6.2.9).
pub(crate) fn check(password: &str, known: &[&str]) -> std::result::Result<(), Refusal> {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    let common = common().any(|line| line == lower);
    let alike = lower.chars().all(|c| lower.starts_with(c));
    // A customer's own number is the first guess of whoever found the card.
    let own = known.iter().any(|known| !known.is_empty() && lower.contains(&known.to_lowercase()));
    if !(8..=128).contains(&length) || common || alike || own { Err(Refusal::WeakPassword) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Hasher, check};
    use crate::settings::Settings;

    /// Hashes of all sizes follow each other in the same memory.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_memory_of_one_is_the_next_ones() {
        let of = |memory| {
            Hasher::new(&Settings { argon2_memory: memory, argon2_passes: 2, ..Settings::default() })
        };
        let (hasher, small, large) = (std::sync::Arc::new(of(64)), of(8), of(256));
        let [small, large] = [
            small.hash("öffne dich").await.expect("a hash"),
            large.hash("öffne dich").await.expect("a hash"),
        ];
        let mut tasks = tokio::task::JoinSet::new();
        for kept in [&small, &large, &small, &small, &large, &large, &small, &large] {
            let (hasher, kept) = (hasher.clone(), kept.clone());
            tasks.spawn(async move {
                assert!(hasher.verify("öffne dich", Some(&kept)).await.expect("compared"));
                assert!(!hasher.verify("offne dich", Some(&kept)).await.expect("compared"));
            });
        }
        tasks.join_all().await;
        let tables = hasher.tables.lock().expect("nobody panicked");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=cores).contains(&tables.len()), "{}", tables.len());
        let mut words = tables.iter().flatten().flat_map(|block| block.as_ref());
        assert!(words.all(|word| *word == 0), "nothing is left of the passwords");
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let hasher = Hasher::new(&Settings { argon2_memory: 8, argon2_passes: 1, ..Settings::default() });
        let kept = hasher.hash("öffne dich 🔑 now").await.expect("a hash");
        assert!(hasher.verify("öffne dich 🔑 now", Some(&kept)).await.expect("compared"));
        for wrong in ["öffne dich 🔑 no", "öffne dich 🔑 now ", "Öffne dich 🔑 now", ""] {
            assert!(!hasher.verify(wrong, Some(&kept)).await.expect("compared"), "{wrong}");
        }
        assert!(!hasher.verify("anything", None).await.expect("compared"));
        assert!(hasher.verify("anything", Some("argon2id$8$1$00$00")).await.is_err());
    }

    #[test]
    fn whoever_goes_away_while_a_hash_is_computed_frees_no_turn() {
        // The one thread for such work is kept busy, so that the hash is not done before the look at the turns.
        let runtime =
            tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_time().build();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        runtime.expect("a runtime").block_on(async move {
            let thread = tokio::task::spawn_blocking(move || wait.recv());
            let settings = Settings { argon2_memory: 8, argon2_passes: 1, ..Settings::default() };
            let hasher = std::sync::Arc::new(Hasher::new(&settings));
            let all = hasher.turns.available_permits();
            let asked = hasher.clone();
            let task = tokio::spawn(async move { asked.hash("gone before it is done").await });
            while hasher.turns.available_permits() == all {
                tokio::task::yield_now().await;
            }
            task.abort();
            assert!(task.await.is_err_and(|end| end.is_cancelled()), "it was stopped before it was done");
            assert_eq!(hasher.turns.available_permits(), all - 1, "the hash is still to be computed");
            done.send(()).expect("the thread waits");
            thread.await.expect("no panic").expect("told");
            while hasher.turns.available_permits() < all {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
    }

    #[test]
    fn the_list_has_three_thousand_that_the_length_alone_does_not_refuse() {
        let all: std::collections::BTreeSet<_> = super::common().collect();
        assert_eq!(all.len(), 3000);
        for common in all {
            assert!(common.chars().count() >= 8 && common == common.to_lowercase(), "{common}");
            assert!(check(common, &[]).is_err() && check(&common.to_uppercase(), &[]).is_err(), "{common}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_and_strange_ones_are_not() {
        for weak in
            ["short 7", "12345678", "Password", "aaaaaaaaaaaa", "my6222020200112233", &"x1".repeat(65)]
        {
            assert!(check(weak, &["6222020200112233"]).is_err(), "{weak}");
        }
        for good in ["correct horse", "七个字不够八个字才行", "  spaces too  ", &"ab".repeat(64)] {
            assert!(check(good, &["6222020200112233", ""]).is_ok(), "{good}");
        }
    }
}
