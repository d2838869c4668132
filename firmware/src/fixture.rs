//! For tests: tokens on a flash in memory, and randomness from a seed.

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};

pub(crate) use crate::flash::Flash;
use crate::{
    applet::{Applet, Event, Step},
    application::{Application, Factory},
    profile::Profile,
};

pub(crate) const SECRET: [u8; 32] = [0x5E; 32];
pub(crate) const PIN: &[u8] = b"135790";
pub(crate) const PUK: &[u8] = b"87654312";

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
