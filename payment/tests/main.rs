//! What a bank accepts, and what it refuses.

// The order is the law: a module uses only modules listed below it.
mod display;
mod issuer;
mod openssl;
mod permutation;
mod revocation;
mod strict;
mod verify;
mod bank;
