//! What merchants do: their orders, by API, and what they are told of them. In the books a merchant's order is a purchase.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod order;
mod owner;
mod event;

pub(crate) use event::{paid, secrets};
pub(crate) use order::{Wanted, cancel, create, expire_late, with_page};
pub(crate) use owner::{Added, NewMerchant, add, another_key, another_secret, resend, set_webhook, stop};
