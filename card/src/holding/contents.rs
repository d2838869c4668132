//! All that a token holds, read in one transaction.

use wire::shield::{self, DataObject};
use zeroize::Zeroize as _;

use super::{Error, Holding};
use crate::shield::Shield;

/// What a token holds.
pub struct Contents {
    /// The containers that are not empty.
    pub containers: Vec<Held>,
    /// The data objects, each with its number. Private ones are there for the user only.
    pub data: Vec<(u8, DataObject)>,
}

/// What a container holds.
pub struct Held {
    /// What LIST tells of the container.
    pub head: shield::Contents,
    /// The public key in use, tag 7F49.
    pub public_key: Option<Vec<u8>>,
    /// The certificate, DER. One that nobody can unpack is shown to nobody, and hides nothing else.
    pub certificate: Option<Vec<u8>>,
    /// A host's notes on the key.
    pub key_notes: Vec<u8>,
    /// A host's notes on the certificate.
    pub certificate_notes: Vec<u8>,
}

impl Holding {
    /// What the token holds.
    ///
    /// # Errors
    /// The line's.
    pub fn contents(&mut self) -> Result<Contents, Error> {
        let read = self.with(|shield| {
            let heads = shield.contents()?;
            let containers =
                heads.into_iter().map(|head| held(shield, head)).collect::<Result<_, crate::Error>>()?;
            let mut contents = Contents { containers, data: Vec::new() };
            for head in shield.data_objects()? {
                contents.data.push((head.number, shield.read_data(head.number)?));
            }
            Ok(contents)
        });
        Ok(read?)
    }
}

/// The values of private data objects are wiped, also when a later object cannot be read.
impl Drop for Contents {
    fn drop(&mut self) {
        for (_, object) in &mut self.data {
            object.value.zeroize();
        }
    }
}

fn held(shield: &mut Shield<'_>, head: shield::Contents) -> Result<Held, crate::Error> {
    let container = head.container;
    let public_key = match &head.key {
        Some(_) => shield.public_key(container)?,
        None => None,
    };
    let certificate = match &head.certificate {
        Some(_) => match shield.certificate(container) {
            Err(crate::Error::Nonsense(_)) => None,
            other => other?,
        },
        None => None,
    };
    let key_notes = match &head.key {
        Some(key) if key.noted => shield.key_notes(container)?,
        _ => Vec::new(),
    };
    let certificate_notes = match &head.certificate {
        Some(certificate) if certificate.noted => shield.certificate_notes(container)?,
        _ => Vec::new(),
    };
    Ok(Held { head, public_key, certificate, key_notes, certificate_notes })
}
