//! Time. Moments are milliseconds since 1970. Days are the bank's: they end at midnight in Shanghai, a fixed +08:00.
//!
//! The bank has one clock, and that is the database's. A node asks for it now and then, and counts on from the answer by a clock that
//! nobody sets: whoever sets the time of one node's machine ends no session and lets no order live longer
//! (`docs/decisions/0067-one-clock-two-roles.md`).

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use time::{
    Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};

/// A moment, in milliseconds since 1970.
pub(crate) type Moment = i64;

pub(crate) const SECOND: Moment = 1000;
pub(crate) const MINUTE: Moment = 60 * SECOND;
pub(crate) const HOUR: Moment = 60 * MINUTE;
pub(crate) const DAY: Moment = 24 * HOUR;
/// What Shanghai is ahead of UTC. There has been no summer time there since 1991.
const AHEAD: Moment = 8 * HOUR;

/// The clock of this machine, which somebody may set: for logs, and until the database was asked.
pub(crate) fn of_this_machine() -> Moment {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// What a clock shows now that has shown a moment before.
fn counted((moment, at): (Moment, Instant), now: Instant) -> Moment {
    moment.saturating_add(milliseconds(now.saturating_duration_since(at)))
}

fn milliseconds(time: Duration) -> Moment {
    time.as_millis().try_into().unwrap_or(Moment::MAX)
}

/// The bank's clock. All clones are set together. The business date can be another one for tests: it moves the days of contracts and
/// limits, and never a session, an order or a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    business_date: Option<Date>,
    /// What the clock of the database has shown, and when that was.
    shown: Arc<RwLock<Shown>>,
}

/// What another clock has shown.
#[derive(Debug, Default)]
struct Shown {
    /// A moment, and when it was shown.
    last: Option<(Moment, Instant)>,
    /// A jump that is not followed yet, and how many answers in a row have shown it.
    doubt: Option<(Moment, u32)>,
}

/// Two clocks drift apart by less than this between two questions.
const STEP: Moment = 5 * SECOND;
/// So many answers in a row show the same jump before it is believed; there is one every ten seconds. A machine that has just taken over a
/// database sets its own clock in less time, and a jump that was believed for ten seconds would end all sessions for good.
const BELIEVED: u32 = 30;

impl Clock {
    pub(crate) fn new(business_date: Option<Date>) -> Self {
        Self { business_date, ..Self::default() }
    }

    /// From now on this clock goes with a clock that was asked and has answered at these moments. By how many milliseconds it jumps with the
    /// other clock: that is told once.
    ///
    /// # Errors
    /// The other clock has jumped by so many milliseconds. This clock counts on as before, until [`BELIEVED`] answers have shown the same jump.
    pub(crate) fn follow(
        &self,
        moment: Moment,
        asked: Instant,
        answered: Instant,
    ) -> Result<Option<Moment>, Moment> {
        let middle = asked + answered.saturating_duration_since(asked) / 2;
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let jump = shown.last.map_or(0, |last| moment.saturating_sub(counted(last, middle)));
        if jump.saturating_abs() > STEP {
            let is_same = |former: Moment| jump.saturating_sub(former).saturating_abs() <= STEP;
            let seen = shown.doubt.filter(|(former, _)| is_same(*former)).map_or(1, |(_, seen)| seen + 1);
            if seen < BELIEVED {
                shown.doubt = Some((jump, seen));
                return Err(jump);
            }
        }
        *shown = Shown { last: Some((moment, middle)), doubt: None };
        Ok((jump.saturating_abs() > STEP).then_some(jump))
    }

    /// From now on this clock shows what the clocks of the other nodes show, which is this moment.
    pub(crate) fn join(&self, moment: Moment) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Shown { last: Some((moment, Instant::now())), doubt: None };
    }

    /// Whether another clock was asked already.
    pub(crate) fn is_set(&self) -> bool {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).last.is_some()
    }

    /// Whether the other clock has jumped, and nobody knows yet whether the jump is right: nothing is thrown away meanwhile.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).doubt.is_some()
    }

    pub(crate) fn now(&self) -> Moment {
        let last = self.shown.read().unwrap_or_else(PoisonError::into_inner).last;
        last.map_or_else(of_this_machine, |last| counted(last, Instant::now()))
    }

    /// How much more the clock of this machine shows.
    pub(crate) fn away(&self) -> Moment {
        of_this_machine().saturating_sub(self.now())
    }

    /// As programs of X.509 take it, cut to the second.
    pub(crate) fn date(&self) -> OffsetDateTime {
        utc(self.now())
    }

    pub(crate) fn time(&self) -> SystemTime {
        time(self.now())
    }

    /// The day on which a contract is made or a limit counts, as YYYY-MM-DD.
    pub(crate) fn business_date(&self) -> String {
        self.business_date.map_or_else(|| day(self.now()), written)
    }
}

/// A moment as the system writes one.
pub(crate) fn time(at: Moment) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.try_into().unwrap_or_default())
}

fn utc(at: Moment) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The first moment of the next day.
pub(crate) const fn next_midnight(at: Moment) -> Moment {
    at - (at + AHEAD).rem_euclid(DAY) + DAY
}

fn local(at: Moment) -> OffsetDateTime {
    utc(at).to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC))
}

/// The day of a moment, as YYYY-MM-DD.
pub(crate) fn day(at: Moment) -> String {
    written(local(at).date())
}

/// A moment for people: `2026-11-28 12:30:05`.
pub(crate) fn shown(at: Moment) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    local(at).format(form).unwrap_or_default()
}

/// A moment for programs, in UTC (RFC 3339): `2026-11-28T04:30:05.123Z`.
pub(crate) fn for_programs(at: Moment) -> String {
    let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000);
    utc.ok().and_then(|utc| utc.format(&Rfc3339).ok()).unwrap_or_default()
}

fn written(date: Date) -> String {
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// Reads YYYY-MM-DD.
pub(crate) fn parse_day(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| "a day is written YYYY-MM-DD, such as 2006-08-15".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Clock, DAY, HOUR, Moment, SECOND, day, next_midnight, of_this_machine, parse_day, shown};

    /// What the machine's own clock shows decides nothing once another clock was asked.
    #[test]
    fn a_clock_goes_with_the_one_that_was_asked() {
        let (clock, asked) = (Clock::default(), Instant::now());
        assert!((clock.now() - of_this_machine()).abs() < HOUR);
        let held = clock.clone();
        assert_eq!(clock.follow(5 * DAY, asked, asked + Duration::from_secs(2)), Ok(None));
        // It was read in the middle of the two seconds, and the test may be slow.
        assert!((5 * DAY - SECOND..5 * DAY + HOUR).contains(&held.now()), "{}", held.now());
        assert!(held.away() > 10_000 * DAY);
        assert_eq!(held.business_date(), "1970-01-06");
        assert_eq!(Clock::default().away() / HOUR, 0, "another clock is not touched");
    }

    /// A machine that takes over a database may show a wrong time until somebody has told it the right one.
    #[test]
    fn a_jump_is_believed_when_it_stays() {
        let (clock, start) = (Clock::default(), Instant::now());
        let answer = |round: u64, jump| {
            let at = start + Duration::from_secs(10 * round);
            let moment = 5 * DAY + 10 * SECOND * Moment::try_from(round).unwrap() + jump;
            clock.follow(moment, at, at)
        };
        assert_eq!(answer(0, 0), Ok(None));
        assert_eq!(answer(1, 2 * SECOND), Ok(None), "clocks drift");
        assert_eq!(answer(2, 2 * DAY), Err(2 * DAY - 2 * SECOND));
        assert!(clock.is_in_doubt());
        assert_eq!(answer(3, 0), Ok(None), "the jump was taken back");
        assert!(!clock.is_in_doubt());
        for round in 4..33 {
            assert_eq!(answer(round, 2 * DAY), Err(2 * DAY), "round {round}");
        }
        assert_eq!(answer(33, -2 * DAY), Err(-2 * DAY), "another jump is counted anew");
        for round in 34..63 {
            assert_eq!(answer(round, 2 * DAY), Err(2 * DAY), "round {round}");
        }
        assert_eq!(answer(63, 2 * DAY), Ok(Some(2 * DAY)));
        assert!(!clock.is_in_doubt());
        assert_eq!(
            answer(64, i64::MAX - 8 * DAY),
            Err(i64::MAX - 10 * DAY),
            "an absurd answer is a jump like others"
        );
    }

    #[test]
    fn a_day_ends_at_midnight_in_shanghai() {
        // 2026-11-28 15:59:59 UTC is the last second of the 28th there.
        let last = 1_795_881_599 * SECOND;
        assert_eq!((day(last), day(last + SECOND)), ("2026-11-28".to_owned(), "2026-11-29".to_owned()));
        assert_eq!(next_midnight(last), last + SECOND);
        assert_eq!(next_midnight(last + SECOND), last + SECOND + DAY);
        assert_eq!(shown(last + HOUR), "2026-11-29 00:59:59");
    }

    #[test]
    fn only_whole_days_are_read() {
        assert!(parse_day("2006-08-15").is_ok());
        for wrong in ["2006-8-15", "2006-02-30", "yesterday", ""] {
            assert!(parse_day(wrong).is_err(), "{wrong}");
        }
    }
}
