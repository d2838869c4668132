//! The signed payment document: the customer's program [`seal`]s it, the bank's backend [`Verifier::verify`]s it.
//!
//! The bank issues a [`PaymentOrder`]; the token shows it and signs its DER, exactly those bytes; [`seal`] puts order,
//! signature and certificate into a CMS document (RFC 5652) that `openssl cms -verify -purpose any` accepts. A backend
//! needs this crate and nothing else of U-shield: no USB, no runtime, no service. Backends in other languages find the
//! order's ASN.1 in `docs/payment-order.asn1`.
//!
//! ```
//! use payment::{Check, MemoryReplay, Reason, SameId, Verifier, order, seal};
//!
//! # // A CA, and the customer's payment certificate, as `cert-tool` makes them.
//! # use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
//! # use rcgen::{KeyUsagePurpose, SigningKey};
//! # let mut params = CertificateParams::default();
//! # params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
//! # let ca_key = KeyPair::generate()?;
//! # let ca_pem = params.self_signed(&ca_key)?.pem();
//! # let ca = Issuer::new(params, ca_key);
//! # let mut params = CertificateParams::default();
//! # params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "6222020000000001");
//! # params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
//! # let purpose = wire::payment::PAYMENT_PURPOSE.arcs().map(u64::from).collect();
//! # params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
//! # let key = KeyPair::generate()?;
//! # let certificate = params.signed_by(&key, &ca)?.der().to_vec();
//! # let token = |bytes: &[u8]| key.sign(bytes);
//! // The bank issues an order, and keeps it.
//! let issued = order::from_json(r#"{
//!     "number": "20260601-0001",
//!     "nonce": "000102030405060708090a0b0c0d0e0f",
//!     "payer_account": "6222020000000001",
//!     "payee_name": "上海水务",
//!     "payee_account": "6222021234567890123",
//!     "amount": "100.00",
//!     "currency": "CNY",
//!     "issued": "2026-06-01T08:00:00Z",
//!     "expires": "2026-06-01T08:10:00Z"
//! }"#)?;
//!
//! // At the customer's: `token` is where the screen shows the order and OK is pressed.
//! let document = seal(&issued, &[certificate], |bytes| token(bytes))?;
//!
//! // At the bank: one verifier and one store for all threads. Give it the CRLs, too.
//! let verifier = Verifier::new(ca_pem.as_bytes(), &[])?;
//! let replay = MemoryReplay::default();
//! let check = Check {
//!     at: order::parse_time("2026-06-01T08:05:00Z")?, // SystemTime::now(), in earnest
//!     payers: &SameId,                                // or a table, or |holder, account| ...
//!     replay: &replay,
//!     issued: Some(&issued),
//! };
//! let payment = verifier.verify(&document, &check)?;
//! assert_eq!(payment.order.decimal_amount(), "100.00");
//! assert_eq!(payment.holder.user_id, "6222020000000001");
//!
//! // The same document again, and one with a byte changed.
//! assert_eq!(verifier.verify(&document, &check), Err(Reason::OrderReplayed));
//! let mut changed = document.clone();
//! *changed.last_mut().unwrap() ^= 1;
//! assert_eq!(verifier.verify(&changed, &check).unwrap_err().code(), "signature_invalid");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is checked
//!
//! In this order, the first failure being the [`Reason`]:
//!
//! - The document has the one form that [`seal`] writes: DER, one SignerInfo, no attributes, attached content of type
//!   id-data, no CRLs, SHA-256 and ECDSA or SM3 and SM2. The signer's certificate is in it.
//! - The content is a payment order, and a token may show every text of it (`wire::display`, the token's own rule).
//! - The signer's certificate is for P-256 or SM2, for payments and for nothing else; those beside it are certificates, too.
//! - It leads to a certificate of the CA file, through CAs that may issue, all valid at the time. With CRLs given, none
//!   is revoked, and each is covered by a current CRL of its issuer and key.
//! - Either all keys of that path are of SM2, or none is.
//! - The document names the digest and the signature of the key in the signer's certificate, and the signature fits.
//! - The order is the one that was issued. It lives no longer than a day, or than the bank allows; its time has come and
//!   is not over.
//! - The holder may pay from the account ([`PayerBook`]).
//! - The order was not accepted before ([`ReplayStore`]), which is recorded last and only if all else was good. [`Verifier::examine`]
//!   stops before this check.
//!
//! # A bank with a database
//!
//! [`Verifier::verify`] records an order before it is paid. A process that is killed between the two leaves an order that nobody paid and
//! nobody can pay. So a bank calls [`Verifier::examine`], which records nothing, and records in its own transaction:
//!
//! ```
//! # use payment::{Against, PayerBook, Reason, Verifier};
//! # struct Transaction;
//! # impl Transaction {
//! #     /// INSERT INTO accepted (order_key) VALUES ($1) ON CONFLICT DO NOTHING: whether a row was written.
//! #     fn insert_order_key(&mut self, _: &[u8]) -> bool { true }
//! #     /// SELECT … FROM certificate WHERE serial = $1 AND revoked_at IS NULL
//! #     fn certificate_stands(&mut self, _: &str) -> bool { true }
//! #     fn post(&mut self, _: &payment::PaymentOrder) {}
//! #     fn commit(self) {}
//! # }
//! # fn begin() -> Transaction { Transaction }
//! fn pay(verifier: &Verifier, document: &[u8], against: &Against<'_>) -> Result<(), Reason> {
//!     let verified = verifier.examine(document, against)?;
//!     let mut transaction = begin();
//!     if !transaction.certificate_stands(&verified.signer().serial) {
//!         return Err(Reason::CertificateRevoked);
//!     }
//!     if !transaction.insert_order_key(verified.order_key().as_bytes()) {
//!         return Err(Reason::OrderReplayed);
//!     }
//!     transaction.post(verified.order());
//!     transaction.commit();
//!     Ok(())
//! }
//! ```
//!
//! # What changes no verdict
//!
//! The order in which CA certificates, CRLs and a document's certificates are given never changes a verdict, and neither
//! does what was verified before, but for replay.
//!
//! A peer's bytes never panic. They cost no more memory than [`MAX_DOCUMENT`] and a few copies of it, and no more time
//! than eight certificates' signatures by each CA of the file that has their issuer's name.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod verify;
mod verified;
mod seal;
mod trust;
mod path;
mod revocation;
mod crl;
mod anchor;
mod link;
mod document;
mod certificate;
mod algorithm;
mod signature;
mod trust_error;
mod payer;
mod replay;
mod reason;
pub mod order;

pub use document::{MAX_CERTIFICATES, MAX_DOCUMENT};
pub use order::{EncodedOrder, PaymentOrder};
pub use payer::{Accounts, Holder, PayerBook, SameId, Signer};
pub use reason::{PathCertificate, Reason};
pub use replay::{MemoryReplay, OrderKey, Recorded, ReplayStore, Unavailable};
pub use seal::{SealError, seal};
pub use trust_error::TrustError;
pub use verified::{Payment, Revocation, Verified};
pub use verify::{Against, CLOCK_SKEW, Check, LifetimeError, MAX_ORDER_LIFETIME, ORDER_LIFETIME, Verifier};
