//! GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4): the slots' private keys, and the card management key.

use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use wire::{
    apdu::StatusWord,
    piv::{Algorithm, Authenticating, Slot, tag},
    shield::Uses,
    tlv,
};
use zeroize::Zeroizing;

use super::{Piv, State, data, policy::key, status::Refused};
use crate::{
    applet::{Step, Turn},
    consent::Consent,
    crypto::ManagementKey,
    seams::{CryptoRng, Storage},
    vault::Op,
};

/// The objects of a dynamic authentication template (table 7).
#[derive(Debug, Default)]
struct Template<'a> {
    witness: Option<&'a [u8]>,
    challenge: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
    exponentiation: Option<&'a [u8]>,
}

impl<'a> Template<'a> {
    /// Reads it in any order. None twice, none unknown.
    fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut template = Self::default();
        for object in tlv::Reader::new(tlv::only(bytes, tag::DYNAMIC_AUTHENTICATION_TEMPLATE)?) {
            let object = object?;
            let place = match object.tag {
                tag::WITNESS => &mut template.witness,
                tag::CHALLENGE => &mut template.challenge,
                tag::RESPONSE => &mut template.response,
                tag::EXPONENTIATION => &mut template.exponentiation,
                _ => return Err(StatusWord::WRONG_DATA.into()),
            };
            if place.replace(object.value).is_some() {
                return Err(StatusWord::WRONG_DATA.into());
            }
        }
        Ok(template)
    }
}

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    pub(super) fn general_authenticate(
        &mut self,
        algorithm: Algorithm,
        key: Authenticating,
        template: &[u8],
        former: State,
    ) -> Result<Step, Refused> {
        match key {
            Authenticating::Slot(slot) => self.use_key(algorithm, slot, template),
            Authenticating::Management => self.manage(algorithm, template, former),
        }
    }

    /// The card management key: external or mutual authentication (appendix A.1), and, once that succeeded, internal.
    fn manage(&mut self, algorithm: Algorithm, template: &[u8], former: State) -> Result<Step, Refused> {
        let key = self.application.management_key()?;
        if Algorithm::from(key.algorithm()) != algorithm {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let Template { witness, challenge, response, exponentiation: None } = Template::parse(template)?
        else {
            return Err(StatusWord::WRONG_DATA.into());
        };
        match (witness, challenge, response, former) {
            (None, Some([]), None | Some([]), _) => {
                let challenge = self.random(&key);
                let answer = answer(tag::CHALLENGE, &challenge);
                self.applet.state = State::Challenged(challenge);
                Ok(answer)
            }
            (None, None, Some(response @ [_, ..]), State::Challenged(challenge)) => {
                self.prove(&encrypted(&key, &challenge)?, response)?;
                Ok(StatusWord::OK.into())
            }
            (Some([]), None, None, _) => {
                let witness = self.random(&key);
                let answer = answer(tag::WITNESS, &encrypted(&key, &witness)?);
                self.applet.state = State::Witnessed(witness);
                Ok(answer)
            }
            (
                Some(found @ [_, ..]),
                Some(challenge @ [_, ..]),
                None | Some([]),
                State::Witnessed(witness),
            ) => {
                let response = encrypted(&key, challenge)?;
                self.prove(&witness, found)?;
                Ok(answer(tag::RESPONSE, &response))
            }
            (None, Some(challenge @ [_, ..]), Some([]), _) => {
                // A host that may have any block encrypted can answer every challenge. So the token encrypts a block for a
                // host only after that host has proved the key.
                self.applet.need_management()?;
                Ok(answer(tag::RESPONSE, &encrypted(&key, challenge)?))
            }
            // The host answers a question that was not asked, or that another command has ended.
            (None, None, Some([_, ..]), _) | (Some([_, ..]), Some(_), None | Some([]), _) => {
                self.applet.managed = false;
                Err(StatusWord::SECURITY_NOT_SATISFIED.into())
            }
            _ => Err(StatusWord::WRONG_DATA.into()),
        }
    }

    /// Whether the host knows the management key; a wrong answer ends what an earlier right one had opened.
    fn prove(&mut self, expected: &[u8], found: &[u8]) -> Result<(), Refused> {
        self.applet.managed = expected.ct_eq(found).into();
        self.applet.need_management()
    }

    /// A slot's private key: signs a digest or padded block, decrypts a block, or agrees on a secret (appendix A.2 to
    /// A.4).
    fn use_key(&mut self, algorithm: Algorithm, slot: Slot, template: &[u8]) -> Result<Step, Refused> {
        // A proof for one use is for the next command with a private key, whatever comes of it (part 1, table 4b).
        let proof = self.application.take_proof();
        let found = self.application.algorithm(key(slot))?.ok_or(StatusWord::WRONG_P1P2)?;
        if Algorithm::from(found) != algorithm {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let (uses, input) = match Template::parse(template)? {
            Template { witness: None, challenge: Some(input), response: Some([]), exponentiation: None } => {
                (Uses::SIGN, input)
            }
            Template { witness: None, challenge: None, response: Some([]), exponentiation: Some(point) } => {
                (Uses::AGREE, point)
            }
            _ => return Err(StatusWord::WRONG_DATA.into()),
        };
        let op = Op::of(found, uses).ok_or(StatusWord::WRONG_DATA)?;
        let seen = Consent::unseen(input.to_vec());
        let output = Zeroizing::new(self.application.operate(key(slot), op, proof, seen)?);
        Ok(answer(tag::RESPONSE, &output))
    }

    /// A random block for this key.
    fn random(&mut self, key: &ManagementKey) -> Zeroizing<Vec<u8>> {
        let mut block = Zeroizing::new(alloc::vec![0; key.algorithm().block_length()]);
        self.application.random(&mut block);
        block
    }
}

/// The block encrypted. One of another length is refused.
fn encrypted(key: &ManagementKey, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut block = Zeroizing::new(block.to_vec());
    key.encrypt_block(&mut block)?;
    Ok(block)
}

/// An answer of one object in a dynamic authentication template.
fn answer(tag: u32, value: &[u8]) -> Step {
    data(tlv::object(tag::DYNAMIC_AUTHENTICATION_TEMPLATE, &tlv::object(tag, value)))
}
