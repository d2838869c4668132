//! What a bank may set: `bank.toml` in its folder. A bank without that file has what stands here.

use std::path::Path;

use serde::Deserialize;
use terminal::Failure;

use crate::{
    clock::{HOUR, MINUTE, Moment},
    money::Fen,
};

/// The configuration. Money is in yuan there, and times are in minutes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The most that a password card pays at once.
    pub(crate) card_per_payment: i64,
    /// The most that a password card pays in a day.
    pub(crate) card_per_day: i64,
    /// From this amount on only a shield pays.
    pub(crate) large: i64,
    /// How long an order waits for its payment.
    pub(crate) order_minutes: i64,
    /// How long a session lasts without a click, and at most.
    pub(crate) idle_minutes: i64,
    pub(crate) session_hours: i64,
    /// How long the certificates of a shield are valid.
    pub(crate) certificate_days: u32,
    /// Whether an ID is downloaded only to a shield whose PUK the counter has set.
    pub(crate) puk_first: bool,
    /// How many seconds an answer waits for its turn, while five of the same customer are being compared.
    pub(crate) answer_seconds: u64,
    /// The hotline that the home page prints.
    pub(crate) hotline: String,
    /// The memory of one argon2 computation in KiB, and its passes.
    pub(crate) argon2_memory: u32,
    pub(crate) argon2_passes: u32,
    /// Amounts decide outcomes, for tests: a switch of the command line, and never a line of the file.
    #[serde(skip)]
    pub(crate) test_rules: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            card_per_payment: 500,
            card_per_day: 1000,
            large: 50_000,
            order_minutes: 30,
            // EU 2018/389 art. 4 (3) d: no more than five minutes without a click.
            idle_minutes: 5,
            session_hours: 8,
            certificate_days: 1826,
            // Trials hand out tokens without a counter at which these are plugged in.
            puk_first: false,
            answer_seconds: 8,
            hotline: "95588".into(),
            // OWASP, Password Storage: Argon2id with 19 MiB and two passes.
            argon2_memory: 19_456,
            argon2_passes: 2,
            test_rules: false,
        }
    }
}

/// A challenge is answered within this time.
pub(crate) const CHALLENGE: Moment = 5 * MINUTE;
/// A password that the counter made is good for so long (ASVS 6.4.1).
pub(crate) const ONE_TIME: Moment = 10 * 24 * HOUR;

impl Settings {
    /// Reads the file, or takes the defaults where there is none.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = file::read(path)?;
        let wrong = |why: String| {
            Failure::new(format!("the configuration {} was not read", path.display()))
                .because(why)
                .next("mend the line, or remove the file to have the defaults")
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
        let settings: Self = toml::from_str(&text).map_err(|fault| wrong(fault.message().to_owned()))?;
        let times = [settings.order_minutes, settings.idle_minutes, settings.session_hours];
        let sums = [settings.card_per_payment, settings.card_per_day, settings.large];
        if times.iter().any(|time| !(1..=1440).contains(time)) {
            return Err(wrong("a time is not between 1 and 1440".into()));
        }
        if sums.iter().any(|sum| !(0..=1_000_000_000).contains(sum)) {
            return Err(wrong("an amount is not between 0 and 1000000000 yuan".into()));
        }
        if !(1..=15).contains(&settings.answer_seconds) {
            return Err(wrong("answer_seconds is not between 1 and 15".into()));
        }
        if !(1..=3660).contains(&settings.certificate_days) {
            return Err(wrong("certificate_days is not between 1 and 3660".into()));
        }
        if !(8..=1_048_576).contains(&settings.argon2_memory) || !(1..=100).contains(&settings.argon2_passes)
        {
            return Err(wrong("argon2 wants 8 to 1048576 KiB and 1 to 100 passes".into()));
        }
        Ok(settings)
    }

    pub(crate) const fn card_per_payment(&self) -> Fen {
        Fen::yuan(self.card_per_payment)
    }

    pub(crate) const fn card_per_day(&self) -> Fen {
        Fen::yuan(self.card_per_day)
    }

    pub(crate) const fn large(&self) -> Fen {
        Fen::yuan(self.large)
    }

    pub(crate) const fn order_life(&self) -> Moment {
        self.order_minutes * MINUTE
    }

    pub(crate) const fn idle(&self) -> Moment {
        self.idle_minutes * MINUTE
    }

    pub(crate) const fn session_life(&self) -> Moment {
        self.session_hours * HOUR
    }
}
