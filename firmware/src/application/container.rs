//! What a host makes, names and removes in containers, under the PIN. The payment container is out of reach.

use alloc::vec::Vec;

use wire::{
    piv::{Algorithm, Slot, certificate_object, tag},
    pkix,
    shield::{
        CertificateHead, Container, Contents, Inventory, KeyHead, Name, NewKey, Place, PrivateParts, Shelf,
        Uses,
    },
    tlv,
};

use super::{Application, Making};
use crate::{
    crypto::{Job, KeyAlgorithm},
    record::{self, Certificate, Origin},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{self, KeyId},
};

/// Most bytes of a certificate: its object must fit (SP 800-73-4 part 1, table 7).
const MAX_CERTIFICATE: usize = 12_000;

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// What each container that is not empty holds.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn contents(&self) -> Result<Vec<Contents>, Refusal> {
        let mut all = Vec::new();
        for container in Container::all() {
            let Some(record) = self.container(container)? else { continue };
            if record.is_empty() {
                continue;
            }
            let key = record.key.map(key_head).transpose()?;
            let certificate = record.certificate.map(certificate_head);
            all.push(Contents { container, key, certificate });
        }
        Ok(all)
    }

    /// What the containers hold and the data objects that may be seen, with what stands behind their heads. Values of
    /// private data objects are left out.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn inventory(&self) -> Result<Inventory, Refusal> {
        let mut shelves = Vec::new();
        for contents in self.contents()? {
            let container = contents.container;
            let public_key = match contents.key {
                Some(_) => self.public_key(KeyId::Current(container))?,
                None => None,
            };
            let (key_notes, certificate_notes) =
                (self.notes(container, true)?, self.notes(container, false)?);
            let certificate = self.certificate(container)?;
            shelves.push(Shelf { contents, public_key, key_notes, certificate_notes, certificate });
        }
        Ok(Inventory { shelves, data: self.data_inventory()? })
    }

    /// A host's notes on a container's key, or else on its certificate; `None` when there are none.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn notes(&self, container: Container, of_key: bool) -> Result<Option<Vec<u8>>, Refusal> {
        let record = self.container(container)?.unwrap_or_default();
        let name = match (record.key, record.certificate) {
            (Some(key), _) if of_key => key.name,
            (_, Some(certificate)) if !of_key => certificate.name,
            _ => return Ok(None),
        };
        Ok(Some(name.notes).filter(|notes| !notes.is_empty()))
    }

    /// Makes a key pair that is in use at once, and says where. RSA takes long: run the job and hand its outcome to
    /// [`Self::finish_generate`].
    ///
    /// # Errors
    /// `NotVerified`; `Full`, `Exists` or `WrongUse` for the place; `WrongData` for an algorithm that is none of a key's,
    /// or a use that it does not have; the state was not written.
    pub fn create_key(&mut self, place: Place, wish: NewKey) -> Result<(Container, Option<Job>), Refusal> {
        let (container, making, algorithm) = self.making(place, wish)?;
        Ok((container, self.generate(making, algorithm)?))
    }

    /// Takes in a private key that is in use at once, and says where. Its record says for ever that it came from outside.
    ///
    /// # Errors
    /// As [`Self::create_key`]; `WrongData` for parts that make no key of this algorithm.
    pub fn import_key(
        &mut self,
        place: Place,
        wish: NewKey,
        parts: PrivateParts<'_>,
    ) -> Result<Container, Refusal> {
        let (container, making, algorithm) = self.making(place, wish)?;
        let private = self.private_key(algorithm, parts)?;
        self.import(making, &private)?;
        Ok(container)
    }

    /// Where a new key goes and what it may do.
    fn making(&self, place: Place, wish: NewKey) -> Result<(Container, Making, KeyAlgorithm), Refusal> {
        self.need_pin()?;
        let algorithm = wish.algorithm.of_key_pair().ok_or(Refusal::WrongData)?;
        let never = match algorithm {
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => Uses::DECRYPT,
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Sm2 => Uses::AGREE,
        };
        if wish.uses.is_some_and(|uses| uses.has(never)) {
            return Err(Refusal::WrongData);
        }
        let container = match place {
            Place::Any => self.free()?.ok_or(Refusal::Full)?,
            Place::In(container) => {
                not_payment(container)?;
                if !self.is_free(container)? {
                    return Err(Refusal::Exists);
                }
                container
            }
            Place::Over(container) => not_payment(container)?,
        };
        let making = Making {
            key: KeyId::Current(container),
            policy: wish.policy(container),
            name: wish.name.into(),
            keeps_certificate: false,
        };
        Ok((container, making, algorithm))
    }

    /// Puts a certificate, DER, into a container, and says which.
    ///
    /// # Errors
    /// `NotVerified`; `WrongData` for what is no certificate or too long; `NotPending` when the container's key is
    /// another one; `Full`, `Exists` or `WrongUse` for the place; the state was not written.
    pub fn put_certificate(&mut self, place: Place, der: &[u8], name: Name) -> Result<Container, Refusal> {
        self.need_pin()?;
        if der.len() > MAX_CERTIFICATE {
            return Err(Refusal::WrongData);
        }
        let spki = pkix::any_certificate_public_key(der).map_err(|_| Refusal::WrongData)?;
        let container = match place {
            Place::Any => match self.beside(spki)? {
                Some(container) => container,
                None => self.free()?.ok_or(Refusal::Full)?,
            },
            Place::In(container) | Place::Over(container) => not_payment(container)?,
        };
        let key = match self.container(container)? {
            Some(record) if record.certificate.is_some() && !matches!(place, Place::Over(_)) => {
                return Err(Refusal::Exists);
            }
            found => found.and_then(|record| record.key),
        };
        if key.as_ref().is_some_and(|key| key.spki != spki) {
            return Err(Refusal::NotPending);
        }
        let certificate = Certificate { object: certificate_object(der), name: name.into() };
        self.save_container(container, &record::Container { key, certificate: Some(certificate) })?;
        Ok(container)
    }

    /// Names a container's key, or else its certificate.
    ///
    /// # Errors
    /// `NotVerified`, `WrongUse` for the payment container, `NoSuchKey`, or the state was not written.
    pub fn set_name(&mut self, container: Container, of_key: bool, name: Name) -> Result<(), Refusal> {
        let mut record = self.change(container)?;
        let place = match (&mut record.key, &mut record.certificate) {
            (Some(key), _) if of_key => &mut key.name,
            (_, Some(certificate)) if !of_key => &mut certificate.name,
            _ => return Err(Refusal::NoSuchKey),
        };
        *place = name.into();
        self.save_container(container, &record)
    }

    /// Removes a container's key, its certificate or both, at once.
    ///
    /// # Errors
    /// As [`Self::set_name`]: `NoSuchKey` when nothing of it is there.
    pub fn delete(&mut self, container: Container, key: bool, certificate: bool) -> Result<(), Refusal> {
        let mut record = self.change(container)?;
        let had_key = key && record.key.take().is_some();
        let had_certificate = certificate && record.certificate.take().is_some();
        if !had_key && !had_certificate {
            return Err(Refusal::NoSuchKey);
        }
        if had_key && let Ok(state) = &mut self.state {
            // The vault forgets the key before the record is saved: a save that fails may have removed it all the same.
            state.vault.forget(container);
        }
        self.save_container(container, &record)
    }

    /// The record of a container that is to be changed.
    fn change(&self, container: Container) -> Result<record::Container, Refusal> {
        self.need_pin()?;
        not_payment(container)?;
        self.container(container)?.ok_or(Refusal::NoSuchKey)
    }

    /// The first retired slot's container that nothing stands in.
    fn free(&self) -> Result<Option<Container>, Refusal> {
        for slot in Slot::all().filter(|slot| matches!(slot, Slot::Retired(_))) {
            if self.is_free(Container::Piv(slot))? {
                return Ok(Some(Container::Piv(slot)));
            }
        }
        Ok(None)
    }

    /// Neither a key nor a certificate, nor a key that waits for one.
    fn is_free(&self, container: Container) -> Result<bool, Refusal> {
        let empty = self.container(container)?.is_none_or(|record| record.is_empty());
        Ok(empty && vault::load(&self.store, KeyId::Pending(container))?.is_none())
    }

    /// The container whose key this is, and that has no certificate yet.
    fn beside(&self, spki: &[u8]) -> Result<Option<Container>, Refusal> {
        for slot in Slot::all() {
            let record = self.container(Container::Piv(slot))?.unwrap_or_default();
            if record.certificate.is_none() && record.key.is_some_and(|key| key.spki == spki) {
                return Ok(Some(Container::Piv(slot)));
            }
        }
        Ok(None)
    }
}

/// GM/T 0027 9.2 c: what the payment container holds comes by its own commands alone.
fn not_payment(container: Container) -> Result<Container, Refusal> {
    if container == Container::Payment { Err(Refusal::WrongUse) } else { Ok(container) }
}

/// What LIST tells of a certificate.
fn certificate_head(certificate: Certificate) -> CertificateHead {
    CertificateHead {
        length: length(&certificate),
        noted: !certificate.name.notes.is_empty(),
        name: certificate.name.into(),
    }
}

fn key_head(key: record::Key) -> Result<KeyHead, Refusal> {
    Ok(KeyHead {
        algorithm: Algorithm::parse(key.algorithm).ok_or(Refusal::Fault)?,
        policy: key.policy()?,
        imported: key.origin == Origin::Imported,
        noted: !key.name.notes.is_empty(),
        name: key.name.into(),
    })
}

/// Bytes of the certificate inside its object.
fn length(certificate: &Certificate) -> u32 {
    let der = tlv::find(&certificate.object, tag::CERTIFICATE).unwrap_or_default();
    u32::try_from(der.len()).unwrap_or(u32::MAX)
}
