//! Diagnostics, on standard error. A message that comes again and again is counted and not written: otherwise a peer that
//! is refused could fill the disk by connecting again.

use std::{
    collections::HashMap,
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use lock::lock;
use tokio::sync::Notify;
use tracing::{
    Event, Level,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use terminal::Log;

/// So many lines of one place in the program are written in one [`WINDOW`].
const TOLD: u32 = 20;
/// How long the lines of a place are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// What was left out so far. There is one for the process, because the process has one log.
static LEFT_OUT: Seldom = Seldom { places: Mutex::new(None), counting: Notify::const_new() };

/// Begins to log: USHIELD_LOG=info or debug tells more.
pub fn begin() {
    let asked = std::env::var("USHIELD_LOG").ok();
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Log).with_ansi(false);
    let _ =
        tracing_subscriber::registry().with(filter(asked.as_deref())).with(Counted).with(lines).try_init();
}

/// A level, or levels of parts of the program, such as `warn,host_driver=debug`. Without one, or where it is neither: warnings.
fn filter(asked: Option<&str>) -> Targets {
    let warnings = || Targets::new().with_default(Level::WARN);
    asked.filter(|asked| !asked.is_empty()).and_then(|asked| asked.parse().ok()).unwrap_or_else(warnings)
}

/// Writes once a minute what was left out, until the future is dropped. It sleeps while nothing was left out.
pub async fn tell_what_was_left_out() {
    loop {
        LEFT_OUT.counting.notified().await;
        tokio::time::sleep(WINDOW).await;
        tell_now();
    }
}

/// Writes what was left out since the last time.
pub fn tell_now() {
    for (text, count) in LEFT_OUT.take(Instant::now()) {
        tracing::warn!(target: COUNTS, "{count} more lines like this one were left out: {text}");
    }
}

/// The target of the lines that tell the counts: those lines are never left out.
const COUNTS: &str = "ushield::log";

/// The layer that leaves lines out.
struct Counted;

impl<S: tracing::Subscriber> Layer<S> for Counted {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Lines of a lower level come only when somebody has asked for them, and then all are wanted.
        if *metadata.level() > Level::INFO || metadata.target() == COUNTS {
            return true;
        }
        LEFT_OUT.tells(metadata.callsite(), Instant::now(), || {
            let mut text = Text::default();
            event.record(&mut text);
            text.0
        })
    }
}

/// The message of an event.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Counts lines by the place in the program that they come from.
struct Seldom {
    places: Mutex<Option<HashMap<Identifier, Count>>>,
    /// Notified when a line is left out.
    counting: Notify,
}

struct Count {
    since: Instant,
    told: u32,
    left_out: u64,
    /// The first line that was left out.
    text: String,
}

impl Seldom {
    /// Whether a line is written.
    fn tells(&self, place: Identifier, now: Instant, text: impl FnOnce() -> String) -> bool {
        let mut places = lock(&self.places);
        let count = places.get_or_insert_default().entry(place).or_insert_with(|| Count::begin(now));
        if now.duration_since(count.since) >= WINDOW && count.left_out == 0 {
            *count = Count::begin(now);
        }
        if count.told < TOLD {
            count.told += 1;
            return true;
        }
        if count.left_out == 0 {
            count.text = text();
            self.counting.notify_one();
        }
        count.left_out += 1;
        false
    }

    /// Takes what was left out, and begins to count anew.
    fn take(&self, now: Instant) -> Vec<(String, u64)> {
        let mut places = lock(&self.places);
        let left_out = places.iter_mut().flat_map(HashMap::values_mut).filter(|count| count.left_out > 0);
        left_out
            .map(|count| {
                let Count { text, left_out, .. } = std::mem::replace(count, Count::begin(now));
                (text, left_out)
            })
            .collect()
    }
}

impl Count {
    const fn begin(now: Instant) -> Self {
        Self { since: now, told: 0, left_out: 0, text: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{Callsite, Metadata, subscriber::Interest};

    /// Not empty, so that two of them are two places.
    struct Place(#[allow(dead_code)] u8);

    impl Callsite for Place {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            unreachable!("nobody asks")
        }
    }

    static HERE: Place = Place(1);
    static THERE: Place = Place(2);

    #[test]
    fn a_level_or_levels_of_parts_or_else_warnings() {
        let told = |asked, part: &str, level| filter(asked).would_enable(part, &level);
        for nothing in [None, Some(""), Some("host_driver=loud")] {
            assert!(told(nothing, "host_driver::bus", Level::WARN), "{nothing:?}");
            assert!(!told(nothing, "host_driver::bus", Level::INFO), "{nothing:?}");
        }
        assert!(told(Some("debug"), "reader", Level::DEBUG) && !told(Some("debug"), "reader", Level::TRACE));
        let parts = Some("warn,host_driver=debug");
        assert!(told(parts, "host_driver::bus", Level::DEBUG) && !told(parts, "reader", Level::INFO));
        assert!(told(parts, "reader", Level::WARN));
    }

    #[test]
    fn many_lines_of_one_place_are_counted() {
        let seldom = Seldom { places: Mutex::default(), counting: Notify::new() };
        let start = Instant::now();
        let tells = |place: &'static Place, now: Instant, number: u32| {
            seldom.tells(Identifier(place), now, || format!("line {number}"))
        };
        for number in 0..1000 {
            assert_eq!(tells(&HERE, start, number), number < TOLD, "{number}");
        }
        assert!(tells(&THERE, start, 0), "another place");
        assert_eq!(seldom.take(start), [(format!("line {TOLD}"), 1000 - u64::from(TOLD))]);
        assert_eq!(seldom.take(start), []);
        // Told anew, and a quiet place is as good as new after a while.
        for number in 0..TOLD {
            assert!(tells(&HERE, start, number));
        }
        assert!(tells(&HERE, start + WINDOW, 0));
        assert_eq!(seldom.take(start + WINDOW), []);
    }
}
