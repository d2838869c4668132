//! `--usbredir`: sockets for QEMU guests.

use std::{net::SocketAddr, str::FromStr};

use host_driver::{BusId, Exporter, Listen, control::view};
use peer::Cidr;
use terminal::Failure;

/// A value of the option: `ADDRESS:PORT`, or `ADDRESS:PORT=ID` for the token of that bus id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    address: SocketAddr,
    bus_id: Option<BusId>,
}

impl FromStr for Redirection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bus_id) =
            text.split_once('=').map_or((text, None), |(address, id)| (address, Some(id)));
        let address = super::address::parse(address)?;
        let parse = |id| BusId::parse(id).ok_or(format!("{id} is not a bus id such as 1-1"));
        Ok(Self { address, bus_id: bus_id.map(parse).transpose()? })
    }
}

/// Listens at all addresses. The tokens must be plugged in.
pub(super) async fn open(
    exporter: &Exporter,
    wanted: &[Redirection],
    allow: &[Cidr],
) -> Result<Vec<view::Redirection>, Failure> {
    let mut open = Vec::new();
    for Redirection { address, bus_id } in wanted {
        if let Some(id) = bus_id.filter(|id| exporter.bus().port(*id).is_none()) {
            return Err(Failure::new(format!("--usbredir names the token {id}, and there is none"))
                .next("name one of those that ushield up lists, or more of them: --tokens N"));
        }
        let listen = Listen { address: *address, allow: allow.to_vec(), ..Listen::default() };
        let local = exporter
            .listen_usbredir(listen, *bus_id)
            .await
            .map_err(|error| Failure::new("usbredir is not served").because(error))?;
        open.push(view::Redirection { address: local.to_string(), bus_id: bus_id.map(|id| id.to_string()) });
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_perhaps_a_token() {
        let read = |text: &str| text.parse::<Redirection>().map_err(|_| ());
        let address = "127.0.0.1:4321".parse().unwrap();
        assert_eq!(read("127.0.0.1:4321"), Ok(Redirection { address, bus_id: None }));
        assert_eq!(read("127.0.0.1:4321=1-2"), Ok(Redirection { address, bus_id: BusId::parse("1-2") }));
        for text in ["4321", "localhost:4321", "127.0.0.1:4321=", "127.0.0.1:4321=2", "[::1]"] {
            assert_eq!(read(text), Err(()), "{text}");
        }
        assert!(read("[::1]:0=1-1").is_ok());
    }
}
