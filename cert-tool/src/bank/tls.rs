//! TLS to a bank elsewhere, by rustls. The feature `https` turns it on: the demo needs no TLS, and its build is not to wait for one
//! (`docs/decisions/0059-the-shield-at-the-counter.md`).

use std::{io, net::TcpStream, path::Path, time::Duration};

use authority::{Error, Reason};

/// A stream that waits no longer than it is told.
pub(super) trait Line: io::Read + io::Write {
    /// How long the next read may take.
    fn allow(&self, left: Duration) -> io::Result<()>;
}

impl Line for TcpStream {
    fn allow(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))
    }
}

fn refused(why: impl std::fmt::Display, next: &str) -> Error {
    Error::new(Reason::Invalid, "the bank was not asked", why, next)
}

#[cfg(not(feature = "https"))]
pub(super) use without::Road;

#[cfg(not(feature = "https"))]
mod without {
    use super::{Error, Path, TcpStream, io, refused};

    /// The road that this build has not.
    pub(in super::super) enum Road {}

    impl Road {
        pub(in super::super) fn open(_: &str, _: &Path) -> Result<Self, Error> {
            Err(refused(
                "this cert-tool was built without TLS",
                "build it with `cargo build -p cert-tool --features https`, or open a tunnel to the bank that ends at this machine, and \
                 name http://127.0.0.1:PORT",
            ))
        }

        pub(in super::super) fn dial(&self, _: TcpStream) -> io::Result<TcpStream> {
            match *self {}
        }
    }
}

#[cfg(feature = "https")]
pub(super) use with::Road;

#[cfg(feature = "https")]
mod with {
    use std::sync::Arc;

    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };

    use super::{Duration, Error, Line, Path, TcpStream, io, refused};

    /// A bank whose certificate one of some authorities has signed.
    pub(in super::super) struct Road {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    }

    impl Line for StreamOwned<ClientConnection, TcpStream> {
        fn allow(&self, left: Duration) -> io::Result<()> {
            self.sock.allow(left)
        }
    }

    impl Road {
        /// Reads the authorities. `host` is the name that the bank's certificate must have.
        pub(in super::super) fn open(host: &str, authorities: &Path) -> Result<Self, Error> {
            let next = "name the authority of the bank's certificate with --bank-ca FILE, in PEM";
            let wrong = |why: String| refused(why, next);
            let found: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(&file::read(authorities)?).collect();
            let found =
                found.map_err(|_| wrong(format!("{} is not a whole PEM file", authorities.display())))?;
            let mut roots = RootCertStore::empty();
            // A system's list has some that are of no use for TLS: these are left out.
            if roots.add_parsable_certificates(found).0 == 0 {
                return Err(wrong(format!("{} holds no authority", authorities.display())));
            }
            let made = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|fault| wrong(fault.to_string()))?;
            let config = Arc::new(made.with_root_certificates(roots).with_no_client_auth());
            let name = ServerName::try_from(host.to_owned()).map_err(|fault| wrong(fault.to_string()))?;
            Ok(Self { config, name })
        }

        pub(in super::super) fn dial(
            &self,
            stream: TcpStream,
        ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
            let client = ClientConnection::new(self.config.clone(), self.name.clone());
            Ok(StreamOwned::new(client.map_err(io::Error::other)?, stream))
        }
    }
}
