//! The assistant, spoken to as a browser speaks to it: over real HTTP, with the real firmware behind. No browser is needed.

mod world;
mod door;
mod day;
mod trouble;
mod page;
