//! Compares the token after a kill with the model. Afterwards the model knows exactly what the token holds.

use std::path::Path;

use card::{Card, Error, piv::Piv, shield::Shield};
use p256::ecdsa::{DerSignature, VerifyingKey, signature::hazmat::PrehashVerifier};
use wire::{
    algorithm::KeyAlgorithm,
    piv::{Algorithm, PublicKey, Slot, object},
    pkix,
    shield::{Container, Information},
};

use crate::{
    Fault,
    model::{FULL, May, PINS},
    operation::Hand,
    server,
};

const NINE_A: Container = Container::Piv(Slot::Authentication);
const NINE_C: Container = Container::Piv(Slot::Signature);
const DIGEST: [u8; 32] = [0xA5; 32];

/// Checks that a value is possible by the model. From now on that value alone is possible.
fn settle<T: Clone + PartialEq>(what: &str, may: &mut May<T>, found: T) -> Result<(), Fault> {
    if !may.admits(&found) {
        return Err(format!("{what} is neither the former nor the new one"));
    }
    *may = May::is(found);
    Ok(())
}

fn refused(what: &'static str) -> impl Fn(Error) -> Fault {
    move |error| format!("{what}: {error}")
}

impl Hand<'_> {
    /// Everything.
    pub fn look(&mut self, card: &mut Card, place: &Path) -> Result<(), Fault> {
        server::swept(place)?;
        self.look_at_tries(card)?;
        self.look_at_pin(card)?;
        self.look_at_objects(card)?;
        self.look_at_signature_key(card)?;
        self.look_at_personal_id(card)
    }

    fn look_at_tries(&mut self, card: &mut Card) -> Result<(), Fault> {
        let information =
            Shield::select(card).and_then(|mut shield| shield.information()).map_err(refused("looking"))?;
        if !information.has(Information::HEALTHY) || information.has(Information::FACTORY_PIN) {
            return Err(format!("the token is not well: {information:?}"));
        }
        for (which, name) in ["PIN", "PUK"].into_iter().enumerate() {
            let (may, left) = (&mut self.model.tries[which], information.tries[which]);
            if !may.admits(&left) {
                return Err(format!("{left} {name} tries are left, and it should be {may:?}"));
            }
            *may = May::is(left);
        }
        Ok(())
    }

    /// Exactly one of the PINs that are possible works. Afterwards it is verified and its tries are full.
    fn look_at_pin(&mut self, card: &mut Card) -> Result<(), Fault> {
        let May::Be(mut possible) = self.model.pin.clone() else { return Err("any PIN?".into()) };
        possible.dedup();
        let mut shield = Shield::select(card).map_err(refused("looking"))?;
        let mut left = *self.model.tries[0].former();
        let mut right = Vec::new();
        for pin in possible {
            match shield.verify(PINS[pin]) {
                Ok(()) => {
                    left = FULL;
                    right.push(pin);
                }
                Err(error) => {
                    left -= 1;
                    if error.tries() != Some(left) {
                        return Err(format!("PIN {pin}, with {} tries: {error}", left + 1));
                    }
                }
            }
        }
        let [pin] = right[..] else {
            return Err(format!("of the PINs {:?}, these work: {right:?}", self.model.pin));
        };
        shield.verify(PINS[pin]).map_err(refused("the PIN, once more"))?;
        self.model.pin = May::is(pin);
        self.model.tries[0] = May::is(FULL);
        Ok(())
    }

    fn look_at_objects(&mut self, card: &mut Card) -> Result<(), Fault> {
        let found = Piv::select(card).and_then(|mut piv| piv.data_object(object::KEY_HISTORY));
        settle("the data object", &mut self.model.object, found.map_err(refused("GET DATA"))?)?;
        let found = Shield::select(card).and_then(|mut shield| shield.pending_public_key(Container::Payment));
        settle("the pending key", &mut self.model.pending, found.map_err(refused("the pending key"))?)
    }

    /// The key that is there signs.
    fn look_at_signature_key(&mut self, card: &mut Card) -> Result<(), Fault> {
        let found = Shield::select(card).and_then(|mut shield| shield.public_key(NINE_C));
        let found = found.map_err(refused("9C's public key"))?;
        settle("9C's key", &mut self.model.signature_key, found.clone())?;
        match found {
            Some(public) => self.signs(card, Slot::Signature, &public),
            None => Ok(()),
        }
    }

    fn signs(&self, card: &mut Card, slot: Slot, public: &[u8]) -> Result<(), Fault> {
        let pin = PINS[*self.model.pin.former()];
        let mut piv = Piv::select(card).map_err(refused("looking"))?;
        piv.verify(pin).map_err(refused("the PIN in PIV"))?;
        let signature = piv.sign(slot, Algorithm::P256, &DIGEST).map_err(refused("a PIV signature"))?;
        let signature = DerSignature::from_bytes(&signature).map_err(|error| error.to_string())?;
        let key = VerifyingKey::from_sec1_bytes(point(KeyAlgorithm::P256, public)?)
            .map_err(|error| error.to_string())?;
        key.verify_prehash(&DIGEST, &signature)
            .map_err(|_| format!("the private key of {slot:?} does not fit its public key"))
    }

    /// Both certificates are the former ones or both are the new ones, each fits its key, and a payment is good.
    fn look_at_personal_id(&mut self, card: &mut Card) -> Result<(), Fault> {
        let mut shield = Shield::select(card).map_err(refused("looking"))?;
        let payment = shield.certificate(Container::Payment).map_err(refused("the certificate"))?;
        let authentication = shield.certificate(NINE_A).map_err(refused("9A's certificate"))?;
        let found = match (payment, authentication) {
            (Some(payment), Some(authentication)) => Some([payment, authentication]),
            (None, None) => None,
            _ => return Err("one certificate is there, and the other is not".into()),
        };
        if let (Some(found), Some(former)) = (&found, self.model.personal_id.former())
            && (found[0] == former[0]) != (found[1] == former[1])
        {
            return Err("one certificate is the former one, and the other is the new one".into());
        }
        if found.is_none() && self.model.personal_id.former().is_some() {
            return Err("the personal ID is gone".into());
        }
        settle("the personal ID", &mut self.model.personal_id, found.clone())?;
        let Some(certificates) = found else { return Ok(()) };
        for (container, certificate) in [Container::Payment, NINE_A].into_iter().zip(&certificates) {
            let public = shield.public_key(container).map_err(refused("a public key"))?;
            let public = public.ok_or("a certificate without a key")?;
            // SubjectPublicKeyInfo ends with the point.
            let certified = pkix::certificate_public_key(certificate).map_err(|error| error.to_string())?;
            let algorithm = if container == NINE_A { KeyAlgorithm::P256 } else { self.algorithm };
            if !certified.ends_with(point(algorithm, &public)?) {
                return Err(format!("the certificate of {} is for another key", container.name()));
            }
            if container == NINE_A {
                self.signs(card, Slot::Authentication, &public)?;
                shield = Shield::select(card).map_err(refused("looking"))?;
            }
        }
        let [payment, _] = certificates;
        self.pays(&mut shield, payment)
    }

    /// The bank accepts a payment signed now.
    fn pays(&self, shield: &mut Shield<'_>, certificate: Vec<u8>) -> Result<(), Fault> {
        let pin = PINS[*self.model.pin.former()];
        let order = self.bank.order("上海水务", "1.00", "CNY", "");
        let sealed = payment::seal(&order, &[certificate], |order| {
            shield.verify(pin)?;
            shield.sign_payment(order)
        });
        let sealed = sealed.map_err(|error: payment::SealError<Error>| format!("a payment: {error}"))?;
        match self.bank.verify(&sealed, &order) {
            Ok(_) => Ok(()),
            Err(reason) => Err(format!("the bank refuses the payment ({}): {reason}", reason.code())),
        }
    }
}

fn point(algorithm: KeyAlgorithm, template: &[u8]) -> Result<&[u8], Fault> {
    match PublicKey::parse(algorithm, template) {
        Ok(PublicKey::Point { point, .. }) => Ok(point),
        _ => Err("a public key is not a point".into()),
    }
}
