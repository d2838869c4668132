//! The texts of a payment order.

use super::{
    fault::Fault,
    name::check_name,
    text::{check_number, check_text},
};
use crate::payment::PaymentOrder;

/// Which text of an order no token shows, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token shows this payment order: its {field} {fault}")]
pub struct NotShown {
    /// The field, in words.
    pub field: &'static str,
    /// What is wrong with its text.
    pub fault: Fault,
}

/// Whether a token may show every text of an order; whether it fits depends on the token's screen.
///
/// # Errors
/// The first text that would not be shown.
pub fn check_order(order: &PaymentOrder) -> Result<(), NotShown> {
    let memo = if order.memo.is_empty() { Ok(()) } else { check_text(&order.memo) };
    let texts = [
        ("payee's name", check_name(&order.payee_name)),
        ("payee's account", check_number(&order.payee_account)),
        ("number", check_number(&order.number)),
        ("payer's account", check_number(&order.payer_account)),
        ("memo", memo),
    ];
    texts.into_iter().try_for_each(|(field, checked)| checked.map_err(|fault| NotShown { field, fault }))
}
