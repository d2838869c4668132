//! The user's day, over every road.

mod day;
mod pin;
mod consent;
mod attestation;
mod enrolment;
mod object;
mod reset;
mod unplug;

/// Runs each story over all roads.
macro_rules! over_each_road {
    ($($story:ident),* $(,)?) => {
        super::over_each_pipe!($($story),*);
        mod pcsc {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::Pcsc) })*
        }
    };
}
use over_each_road;

/// Runs each story over the roads that show the token's USB pipes.
macro_rules! over_each_pipe {
    ($($story:ident),* $(,)?) => {
        mod in_process {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::InProcess) })*
        }
        mod usbip {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::UsbIp) })*
        }
        mod unix {
            $(#[test] fn $story() { super::$story(ushield_tests::road::Road::Unix) })*
        }
    };
}
use over_each_pipe;
