//! TLS to a bank elsewhere, by rustls. The feature `https` turns it on: the demo needs no TLS, and its build is not to wait for one
//! (`docs/decisions/0059-the-shield-at-the-counter.md`).

use std::{io, path::Path};

use authority::{Error, Reason};

use super::line::Line;

fn refused(why: impl std::fmt::Display, next: &str) -> Error {
    Error::new(Reason::Invalid, "the bank was not asked", why, next)
}

#[cfg(not(feature = "https"))]
pub(super) use without::Tls;

#[cfg(not(feature = "https"))]
mod without {
    use super::{Error, Line, Path, io, refused};

    /// What this build has not.
    pub(in super::super) enum Tls {}

    impl Tls {
        pub(in super::super) fn open(_: &str, _: &Path) -> Result<Self, Error> {
            Err(refused(
                "this cert-tool was built without TLS",
                "build it with `cargo build -p cert-tool --features https`, or open a tunnel to the bank that ends at this machine, and \
                 name http://127.0.0.1:PORT",
            ))
        }

        pub(in super::super) fn over(&self, _: Line) -> io::Result<Line> {
            match *self {}
        }
    }
}

#[cfg(feature = "https")]
pub(super) use with::Tls;

#[cfg(feature = "https")]
mod with {
    use std::sync::Arc;

    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };

    use super::{Error, Line, Path, io, refused};

    /// A bank whose certificate one of some authorities has signed.
    pub(in super::super) struct Tls {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    }

    impl Tls {
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

        /// TLS over this line. The handshake comes with the first write.
        pub(in super::super) fn over(&self, line: Line) -> io::Result<StreamOwned<ClientConnection, Line>> {
            let client = ClientConnection::new(self.config.clone(), self.name.clone());
            Ok(StreamOwned::new(client.map_err(io::Error::other)?, line))
        }
    }
}
