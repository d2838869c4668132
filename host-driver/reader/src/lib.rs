//! The rootless reader plays pcscd on a Unix socket of the user's. Its readers are tokens on a USB/IP server.
//!
//! Every program that links libpcsclite finds the tokens when `PCSCLITE_CSOCK_NAME` names the socket; no root, kernel
//! module or system service is needed. The service holds its tokens for its life and shares them as pcscd does. There
//! are blocking threads only: one for each client, one for each token, and two for the service. No thread is left
//! after [`Service::shutdown`].
//!
//! ```no_run
//! use reader::{Access, Config, Service};
//!
//! fn main() -> Result<(), reader::StartError> {
//!     let service = Service::start(Config {
//!         socket: "/run/user/1000/ushield/pcscd.comm".into(),
//!         access: Access::Owner,
//!         usbip: Some("127.0.0.1:3240".into()),
//!         bus_ids: Vec::new(), // all tokens that there are
//!         ..Config::default()
//!     })?;
//!     println!("export PCSCLITE_CSOCK_NAME={}", service.socket().display());
//!     println!("{:?}", service.readers());
//!     service.shutdown();
//!     Ok(())
//! }
//! ```

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod service;
mod client;
mod watch;
mod hub;
mod token;
mod socket;

pub use file::socket::SocketError;
pub use service::{Config, Service, StartError};
pub use socket::Access;
