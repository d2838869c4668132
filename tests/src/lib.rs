//! What the tests stand on: a token on the bench and the same token over USB/IP, a bank, and the language of the stories. (The flash
//! whose power can be cut, and the person before the screen, are `firmware::fixture`.)

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod story;
pub mod scene;
pub mod road;
pub mod bank;
pub mod bench;
pub mod reader;
