//! The token's arithmetic: a closed set of algorithms, one file each. Nothing here knows what a key is for.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod self_test;
mod known_answer;
mod random_source;
mod job;
mod stretch;
mod seal;
mod management;
mod key;
mod rsa2048;
mod p384;
mod p256;
pub mod sm4;
pub mod sm2;
pub mod sm3;
mod ecdsa;
mod multiple;
#[cfg(feature = "aws-lc")]
mod aws_lc;
mod field;
mod hash;

pub use hash::{hmac_sha256, sha256};
pub use job::{GenerateRsa, Job, Outcome};
pub use key::PrivateKey;
pub use management::{ManagementAlgorithm, ManagementKey};
pub use seal::{OpeningKey, SealingKey, seal, unwrap, wrap};
pub use self_test::{self_test, test_arithmetic_ahead};
pub use stretch::{Memory, Stretch};
pub use wire::algorithm::KeyAlgorithm;
