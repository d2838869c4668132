//! Times of certificates: whole seconds of UTC, as X.509 writes them.

use time::{Date, OffsetDateTime, Time, format_description::well_known::Rfc3339, macros::format_description};

use crate::{Error, Reason};

/// Now, cut to the second.
pub fn now() -> OffsetDateTime {
    whole(OffsetDateTime::now_utc())
}

/// A moment cut to the second.
pub fn whole(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_nanosecond(0).unwrap_or(moment)
}

/// How long a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// So many days from now.
    Days(u32),
    /// Until this moment.
    Until(OffsetDateTime),
}

impl Validity {
    /// The last moment, counted from `now`.
    ///
    /// # Errors
    /// It is not after `now`, or beyond the year 9999.
    pub fn not_after(self, now: OffsetDateTime) -> Result<OffsetDateTime, Error> {
        let end = match self {
            Self::Days(days) => now.checked_add(time::Duration::days(i64::from(days))),
            Self::Until(moment) => Some(moment),
        };
        let refuse = |why: &str| {
            Err(Error::new(
                Reason::Invalid,
                "the validity was refused",
                why,
                "name another end, later than now and before the year 10000",
            ))
        };
        match end {
            Some(end) if end <= now => refuse("it ends before it begins"),
            Some(end) => Ok(whole(end)),
            None => refuse("it ends after the year 9999"),
        }
    }
}

/// Reads `2027-12-31` (the end of that day, UTC) or RFC 3339 such as `2027-12-31T12:00:00+08:00`.
///
/// # Errors
/// Neither of the two.
pub fn parse(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let end = Time::from_hms(23, 59, 59).map_err(|fault| fault.to_string())?;
        return Ok(date.with_time(end).assume_utc());
    }
    // An offset may lead into the year 10000 in UTC, which X.509 cannot write.
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|moment| moment.checked_to_offset(time::UtcOffset::UTC))
        .ok_or_else(|| "neither a date (2027-12-31) nor RFC 3339 (2027-12-31T12:00:00Z)".into())
}

/// A moment as people and programs read it: RFC 3339.
pub fn display(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.unix_timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn dates_and_moments() {
        assert_eq!(parse("2027-12-31"), Ok(datetime!(2027-12-31 23:59:59 UTC)));
        assert_eq!(parse("2027-12-31T12:00:00+08:00"), Ok(datetime!(2027-12-31 04:00:00 UTC)));
        assert!(parse("31.12.2027").is_err());
        assert!(parse("9999-12-31T23:59:59-00:01").is_err(), "it is the year 10000 in London");
        let now = datetime!(2026-11-23 00:00:00 UTC);
        assert_eq!(Validity::Days(1).not_after(now).unwrap(), datetime!(2026-11-24 00:00:00 UTC));
        assert!(Validity::Until(now).not_after(now).is_err());
        assert!(Validity::Days(u32::MAX).not_after(now).is_err());
    }
}
