//! For tests: a flash in memory, and randomness from a seed.

use alloc::{collections::BTreeMap, vec::Vec};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};

use crate::{
    applet::{Applet, Event, Step},
    application::{Application, Factory},
    profile::Profile,
    seams::{RecordName, Storage, StorageFault},
};

pub(crate) const SECRET: [u8; 32] = [0x5E; 32];
pub(crate) const PIN: &[u8] = b"135790";
pub(crate) const PUK: &[u8] = b"87654312";

/// A flash in memory that may lose its power.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flash {
    pub records: BTreeMap<RecordName, Vec<u8>>,
    /// Writes until the power goes; `None` for never.
    pub writes_left: Option<usize>,
    /// What a newer write of the tries left is damaged.
    pub doubtful: bool,
    /// The write at which the power goes reaches the medium, and nobody is told.
    pub last_write_lands: bool,
}

impl Flash {
    fn write(&mut self, change: impl FnOnce(&mut BTreeMap<RecordName, Vec<u8>>)) -> Result<(), StorageFault> {
        match &mut self.writes_left {
            Some(0) => {
                if core::mem::take(&mut self.last_write_lands) {
                    change(&mut self.records);
                }
                return Err(StorageFault::Broken);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        change(&mut self.records);
        Ok(())
    }
}

impl Storage for Flash {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.records.get(&name).cloned())
    }

    fn is_doubtful(&self, name: RecordName) -> bool {
        self.doubtful && name == RecordName::Tries
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.write(|records| drop(records.insert(name, record.to_vec())))
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.write(|records| drop(records.remove(&name)))
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        Ok(self.records.keys().copied().collect())
    }
}

pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// The default brand without the cost of stretching.
pub(crate) fn profile() -> Profile {
    Profile { stretch: None, ..Profile::standard() }
}

/// A token with [`PIN`], or with the factory's.
pub(crate) fn application(profile: Profile, pin: Option<&[u8]>) -> Application<Flash, ChaCha20Rng> {
    let (mut flash, mut rng) = (Flash::default(), rng(1));
    let factory = Factory {
        pin: pin.map(|pin| pin.to_vec().into()),
        puk: PUK.to_vec().into(),
        label: alloc::string::String::new(),
    };
    let memory = &mut crate::crypto::Memory::default();
    Application::manufacture(&profile, &SECRET, &mut flash, &mut rng, memory, &factory).unwrap();
    Application::open(profile, &SECRET, flash, rng)
}

/// Runs the long computations that a step asks for.
pub(crate) fn work<A: Applet<Flash, ChaCha20Rng>>(
    applet: &mut A,
    application: &mut Application<Flash, ChaCha20Rng>,
    mut step: Step,
) -> Step {
    while let Step::Work(job) = step {
        step = applet.resume(application, Event::Finished(job.run()));
    }
    step
}
