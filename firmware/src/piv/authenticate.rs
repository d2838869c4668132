//! GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4): the slots' private keys, and the card management key.

use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, MANAGEMENT_KEY, Slot, tag},
    tlv,
};
use zeroize::Zeroizing;

use super::{Piv, State, data, policy::key, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    consent::Consent,
    crypto::{KeyAlgorithm, ManagementKey},
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

impl Piv {
    pub(super) fn general_authenticate<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
        former: State,
    ) -> Result<Step, Refused> {
        let algorithm = Algorithm::parse(command.p1).ok_or(StatusWord::WRONG_P1P2)?;
        match Slot::parse(command.p2) {
            Some(slot) => use_key(application, command, algorithm, slot),
            None if command.p2 == MANAGEMENT_KEY => self.manage(application, command, algorithm, former),
            None => Err(StatusWord::WRONG_P1P2.into()),
        }
    }

    /// The card management key: external or mutual authentication (appendix A.1), and, once that succeeded, internal.
    fn manage<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
        algorithm: Algorithm,
        former: State,
    ) -> Result<Step, Refused> {
        let key = application.management_key()?;
        if Algorithm::from(key.algorithm()) != algorithm {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let Template { witness, challenge, response, exponentiation: None } = Template::parse(command.data)?
        else {
            return Err(StatusWord::WRONG_DATA.into());
        };
        match (witness, challenge, response, former) {
            (None, Some([]), None | Some([]), _) => {
                let challenge = random(application, &key);
                let answer = template(tag::CHALLENGE, &challenge);
                self.state = State::Challenged(challenge);
                Ok(answer)
            }
            (None, None, Some(response @ [_, ..]), State::Challenged(challenge)) => {
                self.prove(&encrypted(&key, &challenge)?, response)?;
                Ok(StatusWord::OK.into())
            }
            (Some([]), None, None, _) => {
                let witness = random(application, &key);
                let answer = template(tag::WITNESS, &encrypted(&key, &witness)?);
                self.state = State::Witnessed(witness);
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
                Ok(template(tag::RESPONSE, &response))
            }
            (None, Some(challenge @ [_, ..]), Some([]), _) => {
                // Whoever could have any block encrypted could answer a challenge: only after a proof.
                self.need_management()?;
                Ok(template(tag::RESPONSE, &encrypted(&key, challenge)?))
            }
            // An answer to what was not asked, or is no longer.
            (None, None, Some([_, ..]), _) | (Some([_, ..]), Some(_), None | Some([]), _) => {
                self.managed = false;
                Err(StatusWord::SECURITY_NOT_SATISFIED.into())
            }
            _ => Err(StatusWord::WRONG_DATA.into()),
        }
    }

    /// Whether the host knows the management key; a wrong answer ends what an earlier one had opened.
    fn prove(&mut self, expected: &[u8], found: &[u8]) -> Result<(), Refused> {
        self.managed = expected.ct_eq(found).into();
        self.need_management()
    }
}

/// A slot's private key: signs a digest or padded block, decrypts a block, or agrees on a secret (appendix A.2 to
/// A.4).
fn use_key<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
    algorithm: Algorithm,
    slot: Slot,
) -> Result<Step, Refused> {
    // A proof for one use is for the next command with a private key, whatever comes of it (part 1, table 4b).
    let proof = application.take_proof();
    let found = application.algorithm(key(slot))?.ok_or(StatusWord::WRONG_P1P2)?;
    if Algorithm::from(found) != algorithm {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    let (op, input) = match (found, Template::parse(command.data)?) {
        (
            KeyAlgorithm::P256 | KeyAlgorithm::P384,
            Template { witness: None, challenge: Some(digest), response: Some([]), exponentiation: None },
        ) => (Op::Sign, digest),
        (
            KeyAlgorithm::P256 | KeyAlgorithm::P384,
            Template { witness: None, challenge: None, response: Some([]), exponentiation: Some(point) },
        ) => (Op::Agree, point),
        (
            KeyAlgorithm::Rsa2048,
            Template { witness: None, challenge: Some(block), response: Some([]), exponentiation: None },
        ) => (Op::Raw, block),
        _ => return Err(StatusWord::WRONG_DATA.into()),
    };
    let output =
        Zeroizing::new(application.operate(key(slot), op, proof, Consent::unseen(input.to_vec()))?);
    Ok(template(tag::RESPONSE, &output))
}

/// A random block for this key.
fn random<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    key: &ManagementKey,
) -> Zeroizing<Vec<u8>> {
    let mut block = Zeroizing::new(alloc::vec![0; key.algorithm().block_length()]);
    application.random(&mut block);
    block
}

/// The block encrypted. One of another length is refused.
fn encrypted(key: &ManagementKey, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut block = Zeroizing::new(block.to_vec());
    key.encrypt_block(&mut block)?;
    Ok(block)
}

/// An answer of one object in a dynamic authentication template.
fn template(tag: u32, value: &[u8]) -> Step {
    data(tlv::object(tag::DYNAMIC_AUTHENTICATION_TEMPLATE, &tlv::object(tag, value)))
}
