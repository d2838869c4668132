//! A payment order together with its encoding.

use alloc::vec::Vec;
use core::ops::Deref;

use super::PaymentOrder;
use crate::Malformed;

/// A valid order and the bytes that are its one encoding: what a bank issues, a screen shows and a key signs. The bytes are
/// made or checked once; afterwards neither part can change without the other. It dereferences to the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedOrder {
    order: PaymentOrder,
    bytes: Vec<u8>,
}

impl EncodedOrder {
    /// Encodes an order.
    ///
    /// # Errors
    /// The order breaks a rule of [`PaymentOrder::check`].
    pub fn new(order: PaymentOrder) -> Result<Self, Malformed> {
        let bytes = order.bytes()?;
        Ok(Self { order, bytes })
    }

    /// Reads an order, and keeps its bytes.
    ///
    /// # Errors
    /// Bytes that are not the one encoding of a valid order.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let order = PaymentOrder::parse(&bytes)?;
        Ok(Self { order, bytes })
    }

    /// What the bytes say.
    pub const fn order(&self) -> &PaymentOrder {
        &self.order
    }
}

impl Deref for EncodedOrder {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for EncodedOrder {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
