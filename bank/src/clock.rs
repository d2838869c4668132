//! Time. Moments are milliseconds since 1970. Days are the bank's: they end at midnight in Shanghai, a fixed +08:00.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// The bank's clock. The business date can be another one for tests: it moves the days of contracts and limits, and never a
/// session, an order or a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    business_date: Option<Date>,
}

impl Clock {
    pub(crate) const fn new(business_date: Option<Date>) -> Self {
        Self { business_date }
    }

    pub(crate) fn now(self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis().try_into().unwrap_or(Moment::MAX)
    }

    /// The day on which a contract is made or a limit counts, as YYYY-MM-DD.
    pub(crate) fn business_date(self) -> String {
        self.business_date.map_or_else(|| day(self.now()), written)
    }
}

/// The first moment of the next day.
pub(crate) const fn next_midnight(at: Moment) -> Moment {
    at - (at + AHEAD).rem_euclid(DAY) + DAY
}

fn local(at: Moment) -> OffsetDateTime {
    let utc =
        OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    utc.to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC))
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
    use super::{DAY, HOUR, SECOND, day, next_midnight, parse_day, shown};

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
