//! The clock: certificates and orders are valid for a time, and the bank's clock is right.

use std::time::{Duration, SystemTime};

use super::{Examined, Finding};
use crate::system::System;

const CLOCK: &str = "clock";
/// A difference that no time zone makes.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Files that are written while the machine is used: none of them has a time in the future.
const WITNESSES: [&str; 6] = [
    "/var/lib/systemd/timesync/clock",
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/pacman/local",
    "/etc/ld.so.cache",
    "/etc/machine-id",
];
/// The hardware's clock, in seconds of 1970.
const HARDWARE: &str = "/sys/class/rtc/rtc0/since_epoch";

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let (system, now) = (examined.system, examined.system.now());
    let mend = if system.has("/run/systemd/system") {
        "sudo timedatectl set-ntp true"
    } else {
        "set it: sudo date -s 'YYYY-MM-DD hh:mm:ss', or start an NTP client"
    };
    if let Some((file, written)) = latest(system).filter(|(_, written)| *written > now + DAY) {
        let message = format!("the clock says {}, and {file} was written on {}", day(now), day(written));
        return vec![Finding::error(CLOCK, "clock_behind", message).mended_by(mend)];
    }
    let hardware = system.text(HARDWARE).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    if let Some(hardware) = hardware.map(|since| SystemTime::UNIX_EPOCH + since) {
        let apart =
            now.duration_since(hardware).or_else(|_| hardware.duration_since(now)).unwrap_or_default();
        if apart > DAY {
            let message =
                format!("the clock says {}, and the hardware's clock says {}", day(now), day(hardware));
            return vec![Finding::warning(CLOCK, "clock_disagrees", message).mended_by(mend)];
        }
    }
    vec![Finding::good(CLOCK, day(now))]
}

/// The file that was written last, and when.
fn latest(system: &System) -> Option<(&'static str, SystemTime)> {
    let written = |file: &'static str| Some((file, system.path(file).metadata().ok()?.modified().ok()?));
    WITNESSES.into_iter().filter_map(written).max_by_key(|(_, written)| *written)
}

/// A moment as people read it, to the minute.
fn day(moment: SystemTime) -> String {
    let moment = time::OffsetDateTime::from(moment);
    let (year, month, day, hour, minute) =
        (moment.year(), u8::from(moment.month()), moment.day(), moment.hour(), moment.minute());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}
