//! The page at 127.0.0.1 that draws the tokens: screen and buttons, plug and unplug, tries left, commands, what happens.
//!
//! The page is for its owner alone. [`loopback`] has the rules: the own user's connections, Host and Origin byte for byte, and a link
//! that is used once. A button counts for the page that the browser has drawn. That OK signs on the last page only is the firmware's rule.

mod door;
mod file;

use std::{io, net::SocketAddr, sync::Arc};

use hyper::{Request, body::Incoming};
use loopback::{PATIENCE, Passes, Service};

use crate::control::rack::{PageLinks, Rack};
use door::Door;

/// A page that is not served before [`Self::serve`] runs.
#[derive(Debug)]
pub struct Page {
    service: Service,
    passes: Arc<Passes>,
}

impl Page {
    /// Listens at this port of 127.0.0.1; at 0 the system chooses. Must be called inside a runtime.
    ///
    /// # Errors
    /// The port is taken, or not ours to use.
    pub async fn bind(port: u16) -> io::Result<Self> {
        Ok(Self { service: Service::bind(&[port], PATIENCE).await?, passes: Arc::default() })
    }

    /// Where the page is.
    pub const fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// Who makes links to the page.
    pub fn links(&self) -> PageLinks {
        PageLinks { address: self.address(), passes: Arc::clone(&self.passes) }
    }

    /// Draws these tokens until the rack is stopped. Browsers that listen are told so.
    pub async fn serve(self, rack: Arc<Rack>) {
        let host = self.address().to_string();
        let origin = format!("http://{host}");
        let door = Arc::new(Door { host, origin, passes: self.passes, rack: Arc::clone(&rack) });
        let answer = move |request: Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { door.answer(request).await }
        };
        self.service.serve_until(rack.stopping(), answer).await;
    }
}
