//! The user's day, over every road.

mod day;
mod pin;
mod consent;
mod attestation;
mod enrolment;
mod object;
mod reset;
mod unplug;

/// Runs each story over both roads.
macro_rules! over_each_road {
    ($($story:ident),* $(,)?) => {
        mod in_process {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::InProcess) })*
        }
        mod usbip {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::UsbIp) })*
        }
    };
}
use over_each_road;
