//! The user's day, over every road, with tokens that pay with P-256 and with SM2.

mod day;
mod pin;
mod consent;
mod attestation;
mod enrolment;
mod object;
mod reset;
mod unplug;

/// Runs each story over all roads, with a token of each make.
macro_rules! over_each_road {
    ($($story:ident),* $(,)?) => {
        super::over_each_pipe!($($story),*);
        super::played!(pcsc, Pcsc, Standard: $($story),*);
        super::played!(jade_pcsc, Pcsc, Jade: $($story),*);
    };
}
use over_each_road;

/// Runs each story over the roads that show the token's USB pipes, with a token of each make.
macro_rules! over_each_pipe {
    ($($story:ident),* $(,)?) => {
        super::played!(in_process, InProcess, Standard: $($story),*);
        super::played!(usbip, UsbIp, Standard: $($story),*);
        super::played!(unix, Unix, Standard: $($story),*);
        super::played!(jade_in_process, InProcess, Jade: $($story),*);
        super::played!(jade_usbip, UsbIp, Jade: $($story),*);
        super::played!(jade_unix, Unix, Jade: $($story),*);
    };
}
use over_each_pipe;

/// Runs each story over one road, with a token of one make.
macro_rules! played {
    ($name:ident, $road:ident, $make:ident: $($story:ident),*) => {
        mod $name {
            use ushield_tests::{road::Road, scene::{Make, Scene}};

            $(#[test] fn $story() { super::$story(Scene { road: Road::$road, make: Make::$make }) })*
        }
    };
}
use played;
