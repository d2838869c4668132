//! The application of GM/T 0016 that both applets are views of: its PIN and PUK, its containers (a key and its
//! certificate), its files. What an applet may do with them is one method each.

use alloc::{string::String, vec::Vec};

use wire::{
    piv::{self, Slot},
    pkix,
    shield::Container,
    tlv,
};
use zeroize::Zeroizing;

use crate::{
    consent::Consent,
    crypto::{self, GenerateRsa, Job, KeyAlgorithm, ManagementKey, OpeningKey, Outcome, PrivateKey},
    pin::{PinProof, Pins, Progress, Reference, Verified},
    profile::Profile,
    record::{self, Device, Install, Keeper, Origin, STATE_VERSION},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId, Op, PinPolicy, Policy, Vault},
};

/// What the factory sets.
pub struct Factory {
    /// The PIN that is set from the start; `None` sets the factory's, which must be changed before the payment
    /// key works.
    pub pin: Option<Zeroizing<Vec<u8>>>,
    /// The PUK, 6 to 8 characters, which the counter keeps.
    pub puk: Zeroizing<Vec<u8>>,
}

/// Most bytes of one data object (SP 800-73-4 part 1, table 7: the largest is 12,704).
const MAX_OBJECT: usize = 12_704;
/// The context of the wrapped management key.
const MANAGEMENT: &[u8] = b"management";

/// The application of one token.
pub struct Application<S: Storage, R: CryptoRng> {
    profile: Profile,
    keeper: Keeper,
    storage: S,
    rng: R,
    serial: String,
    /// What works once the self-test has passed.
    state: Result<State, Refusal>,
    /// The key that is being made.
    making: Option<KeyId>,
}

struct State {
    pins: Pins,
    vault: Vault,
}

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Whether the storage holds a token already.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn exists(storage: &S) -> Result<bool, Refusal> {
        Ok(storage.load(RecordName::Device)?.is_some())
    }

    /// Makes a token in the storage. The record that says that it exists is written last: a power cut before
    /// leaves none, and making it again starts afresh.
    ///
    /// # Errors
    /// `PinForm` for a PIN or PUK of a wrong length, or the storage failed.
    pub fn manufacture(
        profile: &Profile,
        secret: &[u8; 32],
        storage: &mut S,
        rng: &mut R,
        factory: &Factory,
    ) -> Result<(), Refusal> {
        let keeper = Keeper::new(secret);
        let opening = OpeningKey::generate(rng);
        let (least, most) = profile.pin_length;
        let fits = |pin: &[u8], least: u8, most: u8| {
            (usize::from(least)..=usize::from(most)).contains(&pin.len())
                && pin.iter().all(u8::is_ascii_graphic)
        };
        let pin = factory.pin.as_ref().map(|pin| &pin[..]);
        if !fits(&factory.puk, 6, 8) || !pin.is_none_or(|pin| fits(pin, least, most)) {
            return Err(Refusal::PinForm);
        }
        for name in storage.names()? {
            storage.remove(name)?;
        }
        Pins::manufacture(&keeper, storage, rng, profile, pin, &factory.puk, &opening)?;
        let mut serial = [0; 4];
        rng.fill_bytes(&mut serial);
        let [a, b, c, d] = serial;
        let serial = alloc::format!("{a:02X}{b:02X}{c:02X}{d:02X}");
        let management =
            crypto::wrap(keeper.wrapping(), MANAGEMENT, &ManagementKey::factory().to_bytes(), rng);
        keeper.save(storage, RecordName::Management, &management)?;
        keeper.save(
            storage,
            RecordName::Device,
            &Device { serial, sealing: opening.sealing_key().to_bytes() },
        )
    }

    /// Opens a token and runs its self-test (GM/T 0027 5.5): a token that fails it is there, says so, and refuses
    /// to work.
    pub fn open(profile: Profile, secret: &[u8; 32], mut storage: S, mut rng: R) -> Self {
        let keeper = Keeper::new(secret);
        let (serial, state) = match Self::start(&profile, &keeper, &mut storage, &mut rng) {
            Ok((serial, state)) => (serial, Ok(state)),
            Err(refusal) => (String::from("unknown"), Err(refusal)),
        };
        Self { profile, keeper, storage, rng, serial, state, making: None }
    }

    fn start(
        profile: &Profile,
        keeper: &Keeper,
        storage: &mut S,
        rng: &mut R,
    ) -> Result<(String, State), Refusal> {
        crypto::self_test(rng)?;
        for name in storage.names()? {
            keeper.check(storage, name)?;
        }
        let device: Device = keeper.load(storage, RecordName::Device)?.ok_or(Refusal::Fault)?;
        let pins = Pins::open(keeper, storage, profile)?;
        let vault = Vault::new(crypto::SealingKey::from_bytes(&device.sealing)?);
        let mut state = State { pins, vault };
        finish_install(keeper, storage, &mut state.vault)?;
        Ok((device.serial, state))
    }

    /// Whether the self-test passed.
    pub const fn healthy(&self) -> bool {
        self.state.is_ok()
    }

    /// The brand.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The serial number, 8 hexadecimal digits.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The storage, for the program around the token.
    pub const fn storage(&mut self) -> &mut S {
        &mut self.storage
    }

    /// A warm reset: no PIN is verified any more.
    pub fn reset(&mut self) {
        self.making = None;
        if let Ok(state) = &mut self.state {
            state.pins.forget();
        }
    }

    /// An applet was selected: a proof for one use is spent; when the applet changed, all proofs are.
    pub fn select(&mut self, changed: bool) {
        self.making = None;
        let Ok(state) = &mut self.state else { return };
        drop(state.pins.take_fresh());
        if changed {
            state.pins.forget();
        }
    }

    /// Power off: RAM forgets all secrets.
    pub fn power_off(&mut self) {
        self.reset();
        if let Ok(state) = &mut self.state {
            state.pins.power_off();
            state.vault.lock();
        }
    }

    /// Fills `bytes` with random.
    pub fn random(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }

    // ---- PIN and PUK

    /// Tries left, PIN then PUK, and the most of each; zeros when the token failed its self-test.
    pub fn tries(&self) -> [u8; 4] {
        self.state.as_ref().map_or([0; 4], |state| state.pins.tries())
    }

    /// Whether the PIN was verified since the last reset.
    pub fn verified(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.verified().is_some())
    }

    /// Whether the PIN is still the factory's.
    pub fn is_factory_pin(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.is_factory())
    }

    /// Forgets that the PIN was verified.
    pub fn forget_verification(&mut self) {
        if let Ok(state) = &mut self.state {
            state.pins.forget();
        }
    }

    /// VERIFY.
    ///
    /// # Errors
    /// `PinWrong`, `PinBlocked`, or the state was not written.
    pub fn verify(&mut self, pin: &[u8]) -> Result<Progress, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        state.pins.verify(&self.keeper, &mut self.storage, pin)
    }

    /// Sets a new PIN or PUK (`target`), proved by the old one or by the PUK.
    ///
    /// # Errors
    /// As [`Self::verify`]; `PinForm` or `PinWeak` for the new one, which spends no try.
    pub fn replace_pin(
        &mut self,
        proof: (Reference, &[u8]),
        target: (Reference, &[u8]),
    ) -> Result<Progress, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        state.pins.replace(&self.keeper, &mut self.storage, &mut self.rng, proof, target)
    }

    /// Goes on with a PIN command once its PIN is stretched.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn finish_pin(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let done = state.pins.finish(&self.keeper, &mut self.storage, &mut self.rng, outcome);
        if let Some(opening) = state.pins.take_opening() {
            state.vault.unlock(opening);
        }
        done
    }

    // ---- Keys

    /// Takes the proof that the next private-key command spends.
    pub fn take_proof(&mut self) -> Option<Verified> {
        self.state.as_mut().ok()?.pins.take_fresh()
    }

    /// Whether the PIN policy of a key would be satisfied now, so that nobody is asked to confirm in vain.
    ///
    /// # Errors
    /// `NoSuchKey`, `PinFactory` for the payment key, `NotVerified`.
    pub fn check_ready(&self, key: KeyId, proof: Option<&Verified>) -> Result<(), Refusal> {
        vault::load(&self.keeper, &self.storage, key)?.ok_or(Refusal::NoSuchKey)?;
        if key.container() == Container::Payment && self.is_factory_pin() {
            return Err(Refusal::PinFactory);
        }
        match Policy::of(key).pin {
            PinPolicy::Always if proof.is_none() => Err(Refusal::NotVerified),
            PinPolicy::Once if !self.verified() => Err(Refusal::NotVerified),
            _ => Ok(()),
        }
    }

    /// Uses a private key. `proof` is what [`Self::take_proof`] gave when the command began.
    ///
    /// # Errors
    /// As [`Vault::operate`]; `PinFactory` for the payment key.
    pub fn operate(
        &mut self,
        key: KeyId,
        op: Op,
        proof: Option<Verified>,
        seen: Consent,
    ) -> Result<Vec<u8>, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        if key.container() == Container::Payment && state.pins.is_factory() {
            return Err(Refusal::PinFactory);
        }
        let proof = match (proof, state.pins.verified()) {
            (Some(proof), _) => PinProof::Always(proof),
            (None, Some(verified)) => PinProof::Once(verified),
            (None, None) => PinProof::Never,
        };
        state.vault.operate(&self.keeper, &self.storage, &mut self.rng, key, op, proof, seen)
    }

    /// The algorithm of a key; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn algorithm(&self, key: KeyId) -> Result<Option<KeyAlgorithm>, Refusal> {
        vault::load(&self.keeper, &self.storage, key)?.map(|key| vault::algorithm(&key)).transpose()
    }

    /// A public key as its template, tag 7F49; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn public_key(&self, key: KeyId) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(vault::load(&self.keeper, &self.storage, key)?.map(|key| key.public))
    }

    /// Makes a key pair. An elliptic one is made at once and the answer is `None`; RSA takes long: run the job
    /// and hand its outcome to [`Self::finish_generate`].
    ///
    /// # Errors
    /// The state was not written. The former key is untouched then.
    pub fn generate(&mut self, key: KeyId, algorithm: KeyAlgorithm) -> Result<Option<Job>, Refusal> {
        match PrivateKey::generate_ec(algorithm, &mut self.rng) {
            Some(private) => self.store(key, &private, Origin::Generated).map(|()| None),
            None => {
                let mut seed = Zeroizing::new([0; 32]);
                self.rng.fill_bytes(&mut *seed);
                self.making = Some(key);
                Ok(Some(Job::GenerateRsa(GenerateRsa { seed })))
            }
        }
    }

    /// Stores the RSA key that [`Self::generate`] asked for.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn finish_generate(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        match (self.making.take(), outcome) {
            (Some(key), Outcome::RsaKey(private)) => {
                let private = private?;
                self.store(key, &private, Origin::Generated)
            }
            _ => Err(Refusal::Fault),
        }
    }

    fn store(&mut self, id: KeyId, private: &PrivateKey, origin: Origin) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let container = id.container();
        let key = state.vault.seal(&self.keeper, &mut self.rng, container, private, origin)?;
        match id {
            KeyId::Pending(_) => {
                self.keeper.save(&mut self.storage, RecordName::Pending(container.reference()), &key)?;
            }
            KeyId::Current(_) => {
                let name = RecordName::Container(container.reference());
                let former: record::Container = self.keeper.load(&self.storage, name)?.unwrap_or_default();
                let record = record::Container { key: Some(key), certificate: former.certificate };
                self.keeper.save(&mut self.storage, name, &record)?;
            }
        }
        state.vault.forget(container);
        Ok(())
    }

    // ---- Certificates and data objects

    /// Puts certificates in place, each with the pending key that it is for: all of them or none, whatever
    /// happens in between.
    ///
    /// # Errors
    /// `NotVerified`, `NotPending`, `WrongData` for what is no certificate, or the state was not written.
    pub fn install(&mut self, items: &[(Container, &[u8])]) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        state.pins.verified().ok_or(Refusal::NotVerified)?;
        for (container, certificate) in items {
            let pending = vault::load(&self.keeper, &self.storage, KeyId::Pending(*container))?;
            let key = pkix::certificate_public_key(certificate).map_err(|_| Refusal::WrongData)?;
            if pending.is_none_or(|pending| pending.spki != key) {
                return Err(Refusal::NotPending);
            }
        }
        let items = items.iter().map(|(container, der)| (container.reference(), der.to_vec())).collect();
        // From here on the swap happens, now or at the next power-up.
        self.keeper.save(&mut self.storage, RecordName::Install, &Install { items })?;
        let done = finish_install(&self.keeper, &mut self.storage, &mut state.vault);
        if let Err(refusal) = done {
            // Half swapped: refuse to work until the next power-up finishes it.
            self.state = Err(refusal);
        }
        done
    }

    /// A container's certificate, DER.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn certificate(&self, container: Container) -> Result<Option<Vec<u8>>, Refusal> {
        let record: Option<record::Container> =
            self.keeper.load(&self.storage, RecordName::Container(container.reference()))?;
        let object = record.and_then(|record| record.certificate);
        Ok(object.and_then(|object| tlv::find(&object, piv::tag::CERTIFICATE).map(<[u8]>::to_vec)))
    }

    /// A PIV data object's content (what stands inside tag 53); `None` when there is none.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn object(&self, tag: u32) -> Result<Option<Vec<u8>>, Refusal> {
        match certificate_slot(tag) {
            Some(slot) => {
                let name = RecordName::Container(Container::Piv(slot).reference());
                let record: Option<record::Container> = self.keeper.load(&self.storage, name)?;
                Ok(record.and_then(|record| record.certificate))
            }
            None => self.keeper.load(&self.storage, RecordName::Object(tag)),
        }
    }

    /// Replaces a PIV data object's content; an empty one removes it.
    ///
    /// # Errors
    /// `Full` over 12,704 bytes, or the state was not written.
    pub fn put_object(&mut self, tag: u32, content: &[u8]) -> Result<(), Refusal> {
        if content.len() > MAX_OBJECT {
            return Err(Refusal::Full);
        }
        let content = (!content.is_empty()).then(|| content.to_vec());
        match (certificate_slot(tag), content) {
            (Some(slot), certificate) => {
                let name = RecordName::Container(Container::Piv(slot).reference());
                let former: record::Container = self.keeper.load(&self.storage, name)?.unwrap_or_default();
                let record = record::Container { key: former.key, certificate };
                self.keeper.save(&mut self.storage, name, &record)
            }
            (None, Some(content)) => self.keeper.save(&mut self.storage, RecordName::Object(tag), &content),
            (None, None) => Ok(self.storage.remove(RecordName::Object(tag))?),
        }
    }

    /// The card management key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn management_key(&self) -> Result<ManagementKey, Refusal> {
        let record: Vec<u8> =
            self.keeper.load(&self.storage, RecordName::Management)?.ok_or(Refusal::Fault)?;
        ManagementKey::from_bytes(&crypto::unwrap(self.keeper.wrapping(), MANAGEMENT, &record)?)
    }

    /// The flags of GET INFORMATION (`wire::shield::Information`).
    ///
    /// # Errors
    /// A record is damaged.
    pub fn flags(&self) -> Result<u8, Refusal> {
        use wire::shield::Information as I;
        let mut flags = I::TEST_TOKEN;
        if self.healthy() {
            flags |= I::HEALTHY;
        }
        if self.is_factory_pin() {
            flags |= I::FACTORY_PIN;
        }
        if vault::load(&self.keeper, &self.storage, KeyId::Pending(Container::Payment))?.is_some() {
            flags |= I::PENDING;
        }
        if self.certificate(Container::Payment)?.is_some() {
            flags |= I::ENROLLED;
        }
        Ok(flags)
    }

    /// The format version of the stored state.
    pub const fn state_version(&self) -> u8 {
        STATE_VERSION
    }
}

/// The slot whose certificate a data object is.
fn certificate_slot(tag: u32) -> Option<Slot> {
    Slot::ALL.into_iter().find(|slot| slot.certificate() == tag)
}

/// Carries out an installation that was written down: each step may be done twice, so a power cut between two of
/// them is made good at the next power-up.
fn finish_install(keeper: &Keeper, storage: &mut impl Storage, vault: &mut Vault) -> Result<(), Refusal> {
    let Some(install) = keeper.load::<Install>(storage, RecordName::Install)? else { return Ok(()) };
    for (reference, certificate) in &install.items {
        let pending: Option<record::Key> = keeper.load(storage, RecordName::Pending(*reference))?;
        // None: this one was swapped before the power went.
        let Some(key) = pending else { continue };
        let record =
            record::Container { key: Some(key), certificate: Some(piv::certificate_object(certificate)) };
        keeper.save(storage, RecordName::Container(*reference), &record)?;
        storage.remove(RecordName::Pending(*reference))?;
        if let Some(container) = Container::parse(*reference) {
            vault.forget(container);
        }
    }
    Ok(storage.remove(RecordName::Install)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consent::{Pressed, Prompt},
        fixture::{Flash, PIN, SECRET, application, profile, rng},
        seams::Button,
    };
    use chacha20::ChaCha20Rng;
    use der::Encode;

    type Token = Application<Flash, ChaCha20Rng>;
    const NINE_A: Container = Container::Piv(Slot::Authentication);

    fn verify(token: &mut Token, pin: &[u8]) -> Result<(), Refusal> {
        match token.verify(pin)? {
            Progress::Done => Ok(()),
            Progress::Work(job) => token.finish_pin(job.run()),
        }
    }

    fn spki(token: &Token, key: KeyId) -> Option<Vec<u8>> {
        vault::load(&token.keeper, &token.storage, key).unwrap().map(|key| key.spki)
    }

    /// The outline of a certificate for a key: all that a token looks at.
    fn certificate(spki: &[u8]) -> Vec<u8> {
        let sequence = |body: &[u8]| tlv::object(0x30, body);
        let mut tbs = b"\xA0\x03\x02\x01\x02\x02\x01\x07".to_vec();
        for _field in ["signature", "issuer", "validity", "subject"] {
            tbs.extend(sequence(&[]));
        }
        tbs.extend_from_slice(spki);
        let mut body = sequence(&tbs);
        body.extend(sequence(&[]));
        body.extend(der::asn1::BitStringRef::from_bytes(&[1]).unwrap().to_der().unwrap());
        sequence(&body)
    }

    /// Makes pending keys in both containers of the personal ID, and certificates for them.
    fn request_id(token: &mut Token) -> [Vec<u8>; 2] {
        [Container::Payment, NINE_A].map(|container| {
            token.generate(KeyId::Pending(container), KeyAlgorithm::P256).unwrap();
            certificate(&spki(token, KeyId::Pending(container)).unwrap())
        })
    }

    fn install(token: &mut Token, [payment, nine_a]: &[Vec<u8>; 2]) -> Result<(), Refusal> {
        token.install(&[(Container::Payment, payment), (NINE_A, nine_a)])
    }

    fn enrolled() -> (Token, [Vec<u8>; 2]) {
        let mut token = application(profile(), Some(PIN));
        verify(&mut token, PIN).unwrap();
        let certificates = request_id(&mut token);
        install(&mut token, &certificates).unwrap();
        (token, certificates)
    }

    fn held(token: &Token) -> [Option<Vec<u8>>; 2] {
        [Container::Payment, NINE_A].map(|container| token.certificate(container).unwrap())
    }

    #[test]
    fn certificates_want_the_pin_and_their_pending_keys() {
        let mut token = application(profile(), Some(PIN));
        let certificates = request_id(&mut token);
        assert_eq!(install(&mut token, &certificates), Err(Refusal::NotVerified));
        verify(&mut token, PIN).unwrap();
        let swapped = [certificates[1].clone(), certificates[0].clone()];
        assert_eq!(install(&mut token, &swapped), Err(Refusal::NotPending));
        assert_eq!(
            install(&mut token, &[b"junk".to_vec(), certificates[1].clone()]),
            Err(Refusal::WrongData)
        );
        assert_eq!(held(&token), [None, None], "all or none");
        install(&mut token, &certificates).unwrap();
        assert_eq!(held(&token), certificates.clone().map(Some));
        assert_eq!(install(&mut token, &certificates), Err(Refusal::NotPending), "nothing waits any more");
    }

    /// The former personal ID works until the new one is whole; then the new one does. Never neither, never half.
    #[test]
    fn power_cuts_while_installing() {
        let mut cuts = 0;
        for cut in 0.. {
            let (mut token, former) = enrolled();
            let new = request_id(&mut token);
            token.storage.writes_left = Some(cut);
            let done = install(&mut token, &new);
            let mut flash = token.storage.clone();
            flash.writes_left = None;
            let mut token = Application::open(profile(), &SECRET, flash, rng(9));
            assert!(token.healthy());
            let held = held(&token).map(Option::unwrap);
            assert!(held == former || held == new, "cut {cut}: half of each");
            assert!(done.is_err() || held == new);
            verify(&mut token, PIN).unwrap();
            for (container, certificate) in [Container::Payment, NINE_A].into_iter().zip(&held) {
                let key = spki(&token, KeyId::Current(container)).unwrap();
                assert_eq!(pkix::certificate_public_key(certificate).unwrap(), key, "cut {cut}");
            }
            cuts += 1;
            if done.is_ok() {
                break;
            }
        }
        std::println!("{cuts} cut points");
        assert!(cuts > 5);
    }

    #[test]
    fn a_damaged_record_fails_the_self_test() {
        let (token, _) = enrolled();
        for name in token.storage.names().unwrap() {
            let mut flash = token.storage.clone();
            let record = flash.records.get_mut(&name).unwrap();
            let middle = record.len() / 2;
            record[middle] ^= 1;
            let mut token = Application::open(profile(), &SECRET, flash, rng(9));
            assert!(!token.healthy(), "{name}");
            assert_eq!(token.verify(PIN).unwrap_err(), Refusal::Fault, "{name}");
            assert_eq!(token.flags().unwrap_or(0) & wire::shield::Information::HEALTHY, 0);
        }
        let token = Application::open(profile(), &[0; 32], token.storage.clone(), rng(9));
        assert!(!token.healthy(), "the device secret of another token");
    }

    /// Policy: who may do what, with which proofs.
    #[test]
    fn the_door() {
        let (mut token, _) = enrolled();
        let current = KeyId::Current;
        let digest = || Consent::unseen(alloc::vec![7; 32]);
        assert!(token.operate(current(NINE_A), Op::Sign, None, digest()).is_ok());
        let proof = token.take_proof();
        assert_eq!(
            token.operate(current(Container::Payment), Op::Sign, proof, digest()),
            Err(Refusal::WrongUse),
            "a bare digest"
        );
        assert_eq!(
            token.operate(current(Container::Payment), Op::Sign, None, digest()),
            Err(Refusal::NotVerified),
            "the proof is spent"
        );
        token.reset();
        assert_eq!(token.operate(current(NINE_A), Op::Sign, None, digest()), Err(Refusal::NotVerified));
        let signature_key = current(Container::Piv(Slot::Signature));
        assert_eq!(token.operate(signature_key, Op::Sign, None, digest()), Err(Refusal::NoSuchKey));
        token.generate(signature_key, KeyAlgorithm::P256).unwrap();
        verify(&mut token, PIN).unwrap();
        let proof = token.take_proof();
        assert!(token.operate(signature_key, Op::Sign, proof, digest()).is_ok());
        assert_eq!(token.operate(signature_key, Op::Sign, None, digest()), Err(Refusal::NotVerified));
        let card_key = current(Container::Piv(Slot::CardAuthentication));
        token.generate(card_key, KeyAlgorithm::P384).unwrap();
        token.power_off();
        assert!(token.operate(card_key, Op::Sign, None, digest()).is_ok(), "9E never wants the PIN");
        assert_eq!(token.operate(card_key, Op::Raw, None, digest()), Err(Refusal::WrongUse));
    }

    /// A pending key signs its own request and nothing else, not even a confirmed request for another key.
    #[test]
    fn a_pending_key_signs_its_own_request_only() {
        let (mut token, _) = enrolled();
        request_id(&mut token);
        let request = |token: &Token, key: KeyId| {
            let mut info = b"\x02\x01\x00".to_vec();
            let name = b"\x31\x0B\x30\x09\x06\x03\x55\x04\x03\x0C\x02\x55\x31"; // CN=U1
            tlv::put(&mut info, 0x30, name);
            info.extend(spki(token, key).unwrap());
            info.extend([0xA0, 0]);
            let mut prompt = Prompt::request(tlv::object(0x30, &info), &profile()).unwrap();
            loop {
                match prompt.press(Button::Ok) {
                    Pressed::Turned(next) => prompt = next,
                    Pressed::Confirmed(consent) => return consent,
                    Pressed::Cancelled => panic!("OK cancelled"),
                }
            }
        };
        let pending = KeyId::Pending(Container::Payment);
        let other = request(&token, KeyId::Pending(NINE_A));
        verify(&mut token, PIN).unwrap();
        let proof = token.take_proof();
        assert_eq!(token.operate(pending, Op::Sign, proof, other), Err(Refusal::WrongUse));
        verify(&mut token, PIN).unwrap();
        let (proof, own) = (token.take_proof(), request(&token, pending));
        assert!(token.operate(pending, Op::Sign, proof, own).is_ok());
        let digest = Consent::unseen(alloc::vec![7; 32]);
        assert_eq!(token.operate(KeyId::Pending(NINE_A), Op::Sign, None, digest), Err(Refusal::WrongUse));
    }

    #[test]
    fn the_factory_pin_must_go_before_the_payment_key_works() {
        let mut token = application(profile(), None);
        verify(&mut token, crate::pin::FACTORY_PIN).unwrap();
        let key = KeyId::Pending(Container::Payment);
        token.generate(key, KeyAlgorithm::P256).unwrap();
        let proof = token.take_proof();
        assert_eq!(token.check_ready(key, proof.as_ref()), Err(Refusal::PinFactory));
        let digest = Consent::unseen(alloc::vec![7; 32]);
        assert_eq!(token.operate(key, Op::Sign, proof, digest), Err(Refusal::PinFactory));
    }

    #[test]
    fn rsa_is_made_by_a_job() {
        let mut token = application(profile(), Some(PIN));
        let key = KeyId::Current(NINE_A);
        let job = token.generate(key, KeyAlgorithm::Rsa2048).unwrap().unwrap();
        assert_eq!(token.algorithm(key), Ok(None));
        token.finish_generate(job.run()).unwrap();
        assert_eq!(token.algorithm(key), Ok(Some(KeyAlgorithm::Rsa2048)));
        assert!(token.public_key(key).unwrap().unwrap().len() > 256);
        let again = token.generate(key, KeyAlgorithm::Rsa2048).unwrap().unwrap();
        token.reset();
        assert_eq!(token.finish_generate(again.run()), Err(Refusal::Fault), "nobody waits for it any more");
    }

    #[test]
    fn objects_and_certificates_are_one_store() {
        let mut token = application(profile(), Some(PIN));
        assert_eq!(token.object(piv::object::CHUID), Ok(None));
        token.put_object(piv::object::CHUID, b"chuid").unwrap();
        assert_eq!(token.object(piv::object::CHUID).unwrap().as_deref(), Some(&b"chuid"[..]));
        token.put_object(piv::object::CHUID, &[]).unwrap();
        assert_eq!(token.object(piv::object::CHUID), Ok(None));
        let stored = piv::certificate_object(&[0x30, 0]);
        token.put_object(Slot::Authentication.certificate(), &stored).unwrap();
        assert_eq!(token.certificate(NINE_A).unwrap().as_deref(), Some(&[0x30, 0][..]));
        assert_eq!(token.put_object(piv::object::CHUID, &[0; MAX_OBJECT + 1]), Err(Refusal::Full));
    }
}
