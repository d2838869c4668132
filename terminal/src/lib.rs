//! How our programs speak: what a failure says, what is printed and in which colour, how a secret is asked for, and the
//! options that several programs share.
//!
//! A command returns an [`Outcome`]; [`program::end`] tells people what went wrong, tells programs the same in JSON where
//! JSON was asked for, and makes the exit code of it. Everything that is printed goes through [`say`], [`warn`] and their
//! like, which escape what a terminal obeys, whoever wrote it.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod program;
#[cfg(feature = "card")]
mod pin_options;
#[cfg(feature = "card")]
mod token_options;
#[cfg(feature = "card")]
pub mod refusal;
pub mod secret;
pub mod assuan;
pub mod desktop;
#[cfg(unix)]
pub mod prompt;
#[cfg(unix)]
mod noting;
mod steps;
mod screen;
mod output;
mod paint;
mod sudo;
pub mod failure;
pub mod signal;

pub use failure::{Context, Exit, Failure, Outcome};
pub use output::{Log, say, say_bytes, say_json, say_lines, unwritten, warn, warn_lines};
pub use paint::Paint;
#[cfg(feature = "card")]
pub use pin_options::PinOptions;
pub use screen::draw;
pub use steps::{Steps, progress};
#[cfg(feature = "card")]
pub use token_options::TokenOptions;
pub use wire::reason::Reason;
