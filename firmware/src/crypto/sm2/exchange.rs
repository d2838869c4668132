//! Key exchange (GB/T 32918.3, 6).
#![allow(clippy::arithmetic_side_effects, reason = "numbers modulo n and points of a group do not overflow")]

use alloc::vec::Vec;

use sm2::{ProjectivePoint, elliptic_curve::Group as _};
use sm2_signature::reduced;
use zeroize::{Zeroize as _, Zeroizing};

use super::{FIELD, Identifier, Key, PublicKey, coordinates, derive};
use crate::{crypto::sm3, refusal::Refusal};

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// User A of the standard.
    Initiator,
    /// User B of the standard.
    Responder,
}

/// What each side knows of the other.
#[derive(Clone, Copy, Debug)]
pub struct Party<'a> {
    /// Its distinguishing identifier.
    pub identifier: Identifier<'a>,
    /// Its public key P.
    pub key: &'a PublicKey,
    /// Its key for this exchange alone, R.
    pub ephemeral: &'a PublicKey,
}

/// What both sides have in the end.
pub struct Agreed {
    /// The shared key K.
    pub key: Zeroizing<Vec<u8>>,
    /// S1 and S_B: the responder sends it, and the initiator compares, in constant time.
    pub of_responder: [u8; sm3::LENGTH],
    /// S_A and S2: the initiator sends it, and the responder compares.
    pub of_initiator: [u8; sm3::LENGTH],
}

impl Key {
    /// The shared key of `length` bytes, with the values by which each side proves that it has the key.
    ///
    /// # Errors
    /// `WrongData`: the two sides' keys make no secret.
    pub fn exchange(
        &self,
        role: Role,
        identifier: Identifier<'_>,
        ephemeral: &Self,
        peer: Party<'_>,
        length: usize,
    ) -> Result<Agreed, Refusal> {
        let own = Party { identifier, key: &self.public, ephemeral: &ephemeral.public };
        let (a, b) = match role {
            Role::Initiator => (own, peer),
            Role::Responder => (peer, own),
        };
        let mut shared = self.shared(ephemeral, peer)?;
        let secret = coordinates(&shared);
        shared.zeroize();
        let secret = secret.ok_or(Refusal::WrongData)?;
        let [x, y] = &*secret;
        let (za, zb) = (a.key.z(a.identifier), b.key.z(b.identifier));
        let (ra, rb) = (a.ephemeral.point(), b.ephemeral.point());
        let bare = |point| <[u8]>::get(point, 1..).unwrap_or_default();
        let inner = Zeroizing::new(sm3::hash(&[x, &za, &zb, bare(&ra), bare(&rb)]));
        let confirmation = |prefix: u8| sm3::hash(&[&[prefix], y, &*inner]);
        Ok(Agreed {
            key: derive(&[x, y, &za, &zb], length),
            of_responder: confirmation(2),
            of_initiator: confirmation(3),
        })
    }

    /// U or V (6.1, A4 to A6 and B3 to B6): t · (P + x̄ · R), with t = d + x̄ · r. The cofactor of the curve is 1.
    pub(super) fn shared(&self, ephemeral: &Self, peer: Party<'_>) -> Result<ProjectivePoint, Refusal> {
        let own = reduced(&half(ephemeral.public())?);
        let theirs = reduced(&half(peer.ephemeral)?);
        let t = Zeroizing::new(**self.secret.scalar() + own * **ephemeral.secret.scalar());
        let point = peer.key.projective() + peer.ephemeral.projective() * theirs;
        let shared = point * *t;
        if bool::from(shared.is_identity()) { Err(Refusal::WrongData) } else { Ok(shared) }
    }
}

/// x̄ = 2¹²⁷ + (x mod 2¹²⁷).
fn half(point: &PublicKey) -> Result<[u8; FIELD], Refusal> {
    let bytes = point.point();
    let x: &[u8; FIELD] = bytes.get(1..).and_then(<[u8]>::first_chunk).ok_or(Refusal::Fault)?;
    let (_, low) = x.split_last_chunk::<16>().ok_or(Refusal::Fault)?;
    let mut low = *low;
    let [first, ..] = &mut low;
    *first |= 0x80;
    let mut half = [0; FIELD];
    *half.last_chunk_mut().ok_or(Refusal::Fault)? = low;
    Ok(half)
}
