//! The commands as a user types them. Each test has a world of its own.

// The order is the law: a module uses only modules listed below it.
mod cli;
mod events;
mod failures;
mod jade;
mod labour;
mod limits;
mod memory;
mod panel;
mod paths;
mod process;
mod reader;
mod recipes;
mod run;
mod state;
mod terminal;
mod unix;
mod world;
