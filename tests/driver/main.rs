//! The libraries that others load, called through their C functions as those others call them.
// Calling C functions is the point of these tests.
#![allow(unsafe_code)]

mod ifd;
