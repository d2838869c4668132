//! The known answers of SM2, SM3 and SM4.

use hex_literal::hex;
use sm2::NonZeroScalar;
use wire::sm2::{Ciphertext, Signature};

use crate::{
    crypto::{
        sm2::{Identifier, Key, Party, Role},
        sm3, sm4,
    },
    refusal::Refusal,
};

/// The private key of GB/T 32918.5, Annexes A and C.
const SECRET: [u8; 32] = hex!("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");

/// The random number of GB/T 32918.5, Annexes A and C.
fn nonce() -> Result<NonZeroScalar, Refusal> {
    let bytes = hex!("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21");
    NonZeroScalar::try_from(&bytes[..]).map_err(|_| Refusal::Fault)
}

/// GB/T 32905, A.1.
pub(super) fn hash() -> Result<bool, Refusal> {
    let expected = hex!("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    Ok(sm3::hash(&[b"abc"]) == expected)
}

/// GB/T 32907, A.1, in ECB. In the other modes the same block twice: OpenSSL computes the same.
pub(super) fn cipher() -> Result<bool, Refusal> {
    let plain = hex!("0123456789abcdeffedcba9876543210 0123456789abcdeffedcba9876543210");
    let first = hex!("681edf34d206965e86b3e94f536e4246");
    let key = sm4::Key::new(&hex!("0123456789abcdeffedcba9876543210"));
    let (mut text, mut iv) = (plain, [0; sm4::BLOCK]);
    key.encrypt_ecb(&mut text)?;
    let mut right = text.as_chunks::<{ sm4::BLOCK }>().0.iter().all(|block| *block == first);
    key.decrypt_ecb(&mut text)?;
    right &= text == plain;
    let cbc = hex!("681edf34d206965e86b3e94f536e4246 9ff11dcfd3afaa236c76090babc3bb85");
    key.encrypt_cbc(&mut iv.clone(), &mut text)?;
    right &= text == cbc && text.ends_with(&key.mac(&mut iv.clone(), &plain)?);
    key.decrypt_cbc(&mut iv.clone(), &mut text)?;
    right &= text == plain;
    key.encrypt_cfb(&mut iv.clone(), &mut text);
    right &= text == CFB;
    key.decrypt_cfb(&mut iv.clone(), &mut text);
    right &= text == plain;
    key.apply_ofb(&mut iv, &mut text);
    Ok(right && text == OFB)
}

const CFB: [u8; 32] = hex!("2754b10c806aef23698989882d80903af7311a15fc6598c3c4f7066d458ab82b");
const OFB: [u8; 32] = hex!("2754b10c806aef23698989882d80903a2d337e89a019a4d321667ed5bbac8d7c");

/// GB/T 32918.5, Annex A: the identifier's hash, the signature, and that the signature is right for this digest alone.
pub(super) fn signature() -> Result<bool, Refusal> {
    let expected = Signature {
        r: hex!("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"),
        s: hex!("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"),
    };
    let key = Key::from_bytes(&SECRET)?;
    let e = key.public().digest(Identifier::DEFAULT, b"message digest");
    let signs = key.sign_with(&e, &nonce()?) == Some(expected);
    Ok(signs && key.public().verifies(&e, &expected) && !key.public().verifies(&[0; 32], &expected))
}

/// GB/T 32918.5, Annex C.
pub(super) fn encryption() -> Result<bool, Refusal> {
    let text = b"encryption standard";
    let expected = Ciphertext {
        x: hex!("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"),
        y: hex!("E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"),
        hash: hex!("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"),
        encrypted: hex!("21886CA989CA9C7D58087307CA93092D651EFA").into(),
    };
    let key = Key::from_bytes(&SECRET)?;
    let encrypts = key.public().encrypt_with(text, &nonce()?).as_ref() == Some(&expected);
    Ok(encrypts && **key.decrypt(&expected)? == text[..])
}

/// GB/T 32918.5, Annex B: what both sides come to.
pub(super) fn exchange() -> Result<bool, Refusal> {
    let a = Key::from_bytes(&hex!("81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029"))?;
    let b = Key::from_bytes(&hex!("785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5"))?;
    let ra = Key::from_bytes(&hex!("D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3"))?;
    let rb = Key::from_bytes(&hex!("7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"))?;
    let of_responder = hex!("D3A0FE15DEE185CEAE907A6B595CC32A266ED7B3367E9983A896DC32FA20F8EB");
    let of_initiator = hex!("18C7894B3816DF16CF07B05C5EC0BEF5D655D58F779CC1B400A4F3884644DB88");
    let identifier = Identifier::DEFAULT;
    let peer_of_a = Party { identifier, key: b.public(), ephemeral: rb.public() };
    let peer_of_b = Party { identifier, key: a.public(), ephemeral: ra.public() };
    let both = [
        a.exchange(Role::Initiator, identifier, &ra, peer_of_a, 16)?,
        b.exchange(Role::Responder, identifier, &rb, peer_of_b, 16)?,
    ];
    Ok(both.iter().all(|agreed| {
        **agreed.key == hex!("6C89347354DE2484C60B4AB1FDE4C6E5")
            && agreed.of_responder == of_responder
            && agreed.of_initiator == of_initiator
    }))
}
