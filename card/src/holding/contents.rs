//! All that a token holds, read in one transaction: mostly in one command (docs/path.md).

use wire::shield::{self, DataHead, DataObject, Inventory, Shelf};
use zeroize::Zeroize as _;

use super::{Error, Holding};
use crate::{compressed, shield::Shield};

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
        let contents = match self.whole_inventory()? {
            Some(mut inventory) => self.with(|shield| read(shield, std::mem::take(&mut inventory)))?,
            None => self.with(|shield| {
                let inventory = match shield.inventory()? {
                    Some(inventory) => inventory,
                    None => heads(shield)?,
                };
                read(shield, inventory)
            })?,
        };
        self.stale = false;
        Ok(contents)
    }

    /// The inventory, where one exchange with the reader of a shared token brings all. Otherwise everything is read in one
    /// transaction, because another program may change the token between two.
    fn whole_inventory(&mut self) -> Result<Option<Inventory>, Error> {
        if !self.shared {
            return Ok(None);
        }
        Ok(self.with_one(|shield| shield.inventory())?.filter(is_whole))
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

/// Whether nothing was left out.
fn is_whole(inventory: &Inventory) -> bool {
    let shelves = inventory.shelves.iter().all(|shelf| {
        let (key, certificate) = (&shelf.contents.key, &shelf.contents.certificate);
        let noted = |noted: bool, notes: &Option<Vec<u8>>| !noted || notes.is_some();
        (key.is_none() || shelf.public_key.is_some())
            && (certificate.is_none() || shelf.certificate.is_some())
            && key.as_ref().is_none_or(|key| noted(key.noted, &shelf.key_notes))
            && certificate.as_ref().is_none_or(|found| noted(found.noted, &shelf.certificate_notes))
    });
    shelves && inventory.data.iter().all(|(_, whole)| *whole)
}

/// All that an inventory tells, and what it left out.
fn read(shield: &mut Shield<'_>, inventory: Inventory) -> Result<Contents, crate::Error> {
    let containers = inventory.shelves.into_iter().map(|shelf| held(shield, shelf));
    let containers = containers.collect::<Result<_, crate::Error>>()?;
    let mut contents = Contents { containers, data: Vec::new() };
    for (head, whole) in inventory.data {
        let object = if whole { head.object } else { shield.read_data(head.number)? };
        contents.data.push((head.number, object));
    }
    Ok(contents)
}

/// What a token tells that gives no inventory.
fn heads(shield: &mut Shield<'_>) -> Result<Inventory, crate::Error> {
    let bare = |contents| Shelf {
        contents,
        public_key: None,
        key_notes: None,
        certificate_notes: None,
        certificate: None,
    };
    let shelves = shield.contents()?.into_iter().map(bare).collect();
    let unread = |head: DataHead| (head, false);
    Ok(Inventory { shelves, data: shield.data_objects()?.into_iter().map(unread).collect() })
}

/// What stands on a shelf. What the inventory had no room for is asked for.
fn held(shield: &mut Shield<'_>, shelf: Shelf) -> Result<Held, crate::Error> {
    let Shelf { contents: head, public_key, key_notes, certificate_notes, certificate } = shelf;
    let container = head.container;
    let public_key = match (&head.key, public_key) {
        (Some(_), None) => shield.public_key(container)?,
        (_, told) => told,
    };
    let certificate = match (&head.certificate, certificate) {
        (Some(_), None) => unpacked(shield.certificate(container))?,
        (_, told) => unpacked(told.map(compressed::certificate).transpose())?,
    };
    let key_notes = match (&head.key, key_notes) {
        (Some(key), None) if key.noted => shield.key_notes(container)?,
        (_, told) => told.unwrap_or_default(),
    };
    let certificate_notes = match (&head.certificate, certificate_notes) {
        (Some(certificate), None) if certificate.noted => shield.certificate_notes(container)?,
        (_, told) => told.unwrap_or_default(),
    };
    Ok(Held { head, public_key, certificate, key_notes, certificate_notes })
}

/// A certificate; `None` also for one that nobody can unpack.
fn unpacked(read: Result<Option<Vec<u8>>, crate::Error>) -> Result<Option<Vec<u8>>, crate::Error> {
    match read {
        Err(crate::Error::Nonsense(_)) => Ok(None),
        other => other,
    }
}
