//! The inventory: which records a token has. A record that is lost is damage because of it, and never passes for a record that
//! was not written yet.
//!
//! The inventory is the first record of a new token. It says then that the token is not finished, and the records beside it
//! may be written again. Later a new record is entered in the inventory after the record itself was written, and a record
//! that is to go is struck out before it is removed. A power cut in between leaves a record that is not entered, and the next
//! start enters it. So a name without its record can only mean that the record was lost. Then the token writes nothing and
//! removes nothing any more.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{Device, STATE_VERSION, Store, Stored, TAG};
use crate::{
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

/// The first version whose tokens have an inventory.
const SINCE: u8 = 3;
/// What the factory may write.
const MADE: [RecordName; 7] = [
    RecordName::Tries,
    RecordName::Pin,
    RecordName::Management,
    RecordName::Attestation,
    RecordName::Label,
    RecordName::Algorithm,
    RecordName::Device,
];
/// What every token has, also one from before there was an inventory (attestation came later).
const ALWAYS: [RecordName; 4] =
    [RecordName::Device, RecordName::Tries, RecordName::Pin, RecordName::Management];

/// The names of all records but its own.
#[derive(Serialize, Deserialize)]
struct Inventory {
    /// The token's making came to its end.
    finished: bool,
    names: Vec<String>,
}

impl Stored for Inventory {}

impl Inventory {
    fn of(finished: bool, names: &[RecordName]) -> Self {
        let own = RecordName::Inventory;
        Self { finished, names: names.iter().filter(|name| **name != own).map(ToString::to_string).collect() }
    }

    fn has(&self, name: RecordName) -> bool {
        self.names.contains(&name.to_string())
    }
}

/// What [`Store::take_stock`] found.
pub(crate) struct Stock {
    /// The inventory to be written, where it is not the one that is there.
    inventory: Option<Inventory>,
    /// The record of the device says that there is an inventory.
    known: bool,
}

/// Whether the storage holds a token whose making was cut off. This function has no keys and trusts what it reads;
/// [`Store::begin`] checks the record's seal.
pub(crate) fn is_unfinished(storage: &impl Storage) -> Result<bool, Refusal> {
    let Some(bytes) = storage.load(RecordName::Inventory)? else { return Ok(false) };
    let fields = bytes.get(1..bytes.len().saturating_sub(TAG)).ok_or(Refusal::Fault)?;
    let inventory: Inventory = postcard::from_bytes(fields).map_err(|_| Refusal::Fault)?;
    Ok(!inventory.finished)
}

impl<S: Storage, R: CryptoRng> Store<S, R> {
    /// Begins a new token: from here to [`Self::complete`] the storage holds an unfinished one.
    ///
    /// # Errors
    /// `Exists`: records stand there that no unfinished token left.
    pub(crate) fn begin(&mut self) -> Result<(), Refusal> {
        let found = self.storage.names()?;
        let left = |name: &RecordName| *name == RecordName::Inventory || MADE.contains(name);
        match self.load::<Inventory>(RecordName::Inventory)? {
            None if found.is_empty() => self.write(RecordName::Inventory, &Inventory::of(false, &[])),
            Some(inventory) if !inventory.finished && found.iter().all(left) => Ok(()),
            _ => Err(Refusal::Exists),
        }
    }

    /// The new token is whole.
    pub(crate) fn complete(&mut self) -> Result<(), Refusal> {
        self.write(RecordName::Inventory, &Inventory::of(true, &self.storage.names()?))
    }

    /// Checks that each record is whole, and that none is missing. Writes nothing.
    ///
    /// # Errors
    /// `Missing`, `Fault` for a record that is not what was written, or the storage failed.
    pub(crate) fn take_stock(&self) -> Result<Stock, Refusal> {
        let mut found = self.storage.names()?;
        found.sort_unstable();
        for name in &found {
            self.version(*name)?;
        }
        let inventory = self.load::<Inventory>(RecordName::Inventory)?;
        let Some(inventory) = inventory.filter(|inventory| inventory.finished) else {
            return self.stock_before_inventories(&found);
        };
        for name in &inventory.names {
            let name = RecordName::parse(name).ok_or(Refusal::Fault)?;
            if !found.contains(&name) {
                return Err(Refusal::Missing(name));
            }
        }
        let now = Inventory::of(true, &found);
        let known = self.version(RecordName::Device)? >= SINCE;
        Ok(Stock { inventory: (now.names.len() != inventory.names.len()).then_some(now), known })
    }

    /// Where no inventory counts: a token from before there was one, or one that lost it.
    fn stock_before_inventories(&self, found: &[RecordName]) -> Result<Stock, Refusal> {
        if let Some(lost) = ALWAYS.into_iter().find(|name| !found.contains(name)) {
            return Err(Refusal::Missing(lost));
        }
        if self.version(RecordName::Device)? >= SINCE {
            return Err(Refusal::Missing(RecordName::Inventory));
        }
        Ok(Stock { inventory: Some(Inventory::of(true, found)), known: false })
    }

    /// Enters the records that a power cut left out. A token from before there were inventories gets one of all its records,
    /// and its device record says from now on that there is one.
    pub(crate) fn settle(&mut self, stock: Stock, device: &Device) -> Result<(), Refusal> {
        if let Some(inventory) = stock.inventory {
            self.write(RecordName::Inventory, &inventory)?;
        }
        if stock.known { Ok(()) } else { self.write(RecordName::Device, device) }
    }

    /// Enters a record that was just written.
    pub(super) fn enter(&mut self, name: RecordName) -> Result<(), Refusal> {
        // The tries are written at each VERIFY and are there from the factory on: nothing to look up.
        if name == RecordName::Tries {
            return Ok(());
        }
        match self.finished()? {
            Some(inventory) if !inventory.has(name) => {
                let mut names = inventory.names;
                names.push(name.to_string());
                self.write(RecordName::Inventory, &Inventory { finished: true, names })
            }
            _ => Ok(()),
        }
    }

    /// Removes records, struck out before.
    ///
    /// # Errors
    /// The state was not written; each record is there or gone then.
    pub(crate) fn remove(&mut self, names: &[RecordName]) -> Result<(), Refusal> {
        if let Some(mut inventory) = self.finished()?
            && names.iter().any(|name| inventory.has(*name))
        {
            let gone = Inventory::of(true, names).names;
            inventory.names.retain(|name| !gone.contains(name));
            self.write(RecordName::Inventory, &inventory)?;
        }
        for name in names {
            self.storage.remove(*name)?;
        }
        Ok(())
    }

    /// The inventory, once the token's making came to its end.
    fn finished(&self) -> Result<Option<Inventory>, Refusal> {
        let inventory = self.load::<Inventory>(RecordName::Inventory)?;
        Ok(inventory.filter(|inventory| inventory.finished))
    }
}

const _: () = assert!(SINCE <= STATE_VERSION);

#[cfg(test)]
mod tests {
    use wire::shield::{Container, DataObject, NewKey, Place};

    use super::*;
    use crate::{
        application::{Application, Factory},
        crypto::{KeyAlgorithm, Memory},
        fixture::{Flash, PIN, PUK, SECRET, application, profile, rng},
        pin::Progress,
        record::make_version_2,
        vault::KeyId,
    };
    use chacha20::ChaCha20Rng;

    type Token = Application<Flash, ChaCha20Rng>;

    fn open(flash: Flash) -> Token {
        Application::open(profile(), &SECRET, flash, rng(9))
    }

    /// The flash of a token with all kinds of records.
    fn used() -> Flash {
        let mut token = application(profile(), Some(PIN));
        let Progress::Work(job) = token.verify(PIN).unwrap() else { panic!("no stretching") };
        token.finish_pin(job.run()).unwrap();
        token.generate(KeyId::Pending(Container::Payment), KeyAlgorithm::P256).unwrap();
        let name = wire::shield::Name::default();
        let wish = NewKey { algorithm: wire::piv::Algorithm::P256, pin: None, uses: None, name };
        token.create_key(Place::Any, wish).unwrap();
        token.create_data(&DataObject::default()).unwrap();
        token.put_object(wire::piv::object::SECURITY_OBJECT, &[7; 9]).unwrap();
        token.storage().clone()
    }

    /// Every record, gone: the token says which, and not a byte of the others changes.
    #[test]
    fn a_lost_record_is_damage_and_never_a_beginning() {
        let whole = used();
        assert!(open(whole.clone()).healthy());
        assert!(whole.records.len() > 9, "{:?}", whole.records.keys());
        for name in whole.names().unwrap() {
            let mut flash = whole.clone();
            flash.records.remove(&name);
            assert_eq!(Token::exists(&flash), Ok(true), "{name}");
            let mut token = open(flash.clone());
            assert_eq!(token.fault(), Some(Refusal::Missing(name)));
            token.power_on();
            assert_eq!(token.fault(), Some(Refusal::Missing(name)));
            let factory = Factory { pin: None, puk: PUK.to_vec().into(), label: String::new() };
            let memory = &mut Memory::default();
            let again =
                Token::manufacture(&profile(), &SECRET, token.storage(), &mut rng(3), memory, &factory);
            assert_eq!(again, Err(Refusal::Exists), "{name}");
            assert_eq!(token.storage().records, flash.records, "{name}");
        }
    }

    /// A token of version 2 has no inventory. It gets one, also when the power is cut in between, and from then on a missing
    /// record is damage.
    #[test]
    fn a_former_token_gets_an_inventory() {
        let mut former = used();
        make_version_2(&mut former);
        for lands in [false, true] {
            for cut in 0..3 {
                let mut flash = former.clone();
                (flash.writes_left, flash.last_write_lands) = (Some(cut), lands);
                let mut token = open(flash);
                assert_eq!(token.healthy(), cut == 2, "cut {cut}");
                token.storage().writes_left = None;
                let mut token = open(token.storage().clone());
                assert!(token.healthy(), "cut {cut}");
                let mut flash = token.storage().clone();
                assert_eq!(flash.records.len(), former.records.len() + 1);
                flash.records.remove(&RecordName::Inventory);
                assert_eq!(open(flash).fault(), Some(Refusal::Missing(RecordName::Inventory)));
            }
        }
        for name in ALWAYS {
            let mut flash = former.clone();
            flash.records.remove(&name);
            assert_eq!(Token::exists(&flash), Ok(true));
            let mut token = open(flash.clone());
            assert_eq!(token.fault(), Some(Refusal::Missing(name)));
            assert_eq!(token.storage().records, flash.records);
        }
    }

    /// Nothing is made over what is no unfinished token of this secret.
    #[test]
    fn only_what_was_never_finished_is_made_anew() {
        let make = |flash: &mut Flash, secret: &[u8; 32]| {
            let factory = Factory { pin: None, puk: PUK.to_vec().into(), label: String::new() };
            Token::manufacture(&profile(), secret, flash, &mut rng(3), &mut Memory::default(), &factory)
        };
        let mut flash = Flash { writes_left: Some(3), ..Flash::default() };
        assert_eq!(make(&mut flash, &SECRET), Err(Refusal::Memory));
        flash.writes_left = None;
        assert_eq!(Token::exists(&flash), Ok(false));
        assert_eq!(make(&mut flash.clone(), &[1; 32]), Err(Refusal::Fault), "another secret's");
        let mut other = flash.clone();
        other.records.insert(RecordName::Container(0x50), Vec::from([1]));
        assert_eq!(make(&mut other, &SECRET), Err(Refusal::Exists), "no factory writes that");
        assert_eq!(make(&mut flash, &SECRET), Ok(()));
        assert_eq!(make(&mut flash, &SECRET), Err(Refusal::Exists));
    }

    /// Whatever the factory wrote before the power went, also a label: the token is made anew.
    #[test]
    fn a_making_cut_off_after_any_write_begins_again() {
        let make = |flash: &mut Flash| {
            let (puk, label) = (PUK.to_vec().into(), String::from("cashier's"));
            let factory = Factory { pin: Some(PIN.to_vec().into()), puk, label };
            Token::manufacture(&profile(), &SECRET, flash, &mut rng(3), &mut Memory::default(), &factory)
        };
        let mut whole = Flash::default();
        make(&mut whole).unwrap();
        for name in whole.names().unwrap() {
            assert!(name == RecordName::Inventory || MADE.contains(&name), "the factory wrote {name}");
        }
        let mut cuts = 0;
        for lands in [false, true] {
            for cut in 0.. {
                let mut flash = Flash { writes_left: Some(cut), last_write_lands: lands, ..Flash::default() };
                if make(&mut flash).is_ok() {
                    break;
                }
                flash.writes_left = None;
                if Token::exists(&flash) == Ok(false) {
                    assert_eq!(make(&mut flash), Ok(()), "cut {cut}, lands: {lands}");
                }
                assert_eq!(flash.records.len(), whole.records.len());
                let token = open(flash);
                assert!(token.healthy(), "cut {cut}, lands: {lands}");
                assert_eq!(token.label().as_deref(), Ok("cashier's"));
                cuts += 1;
            }
        }
        assert_eq!(cuts, 2 * (whole.records.len() + 1), "each record, and the inventory again");
    }
}
