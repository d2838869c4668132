//! Known answers of each algorithm, from the standards (GM/T 0027 5.5). They draw nothing from the token's random
//! source, because they run only once in a program and a token must not depend on who came first.
//!
//! What is tested is what this build computes with. The token verifies no signature of ECDSA, so none is verified.

mod sm;

use alloc::vec::Vec;

use argon2::ParamsBuilder;
use chacha20::ChaCha20Rng;
use hex_literal::hex;
use p256::{
    NistP256,
    elliptic_curve::{FieldBytes, NonZeroScalar},
};
use p384::NistP384;
use rand_core::SeedableRng as _;
use wire::algorithm::KeyAlgorithm;

use super::{
    hash::{hmac_sha256, sha256},
    key::PrivateKey,
    management::{ManagementAlgorithm, ManagementKey},
    multiple::{self, Group},
    rsa2048, seal, stretch,
};
use crate::refusal::Refusal;

/// A known answer: whether the answer is right.
pub(super) type Test = fn() -> Result<bool, Refusal>;

/// All of them; a few milliseconds. Those that take longest come first, so that several threads end at about the same time.
pub(super) const ALL: [Test; 12] = {
    let [first, second, third, fourth] = KeyAlgorithm::ALL;
    [
        of_key_pairs(first),
        of_key_pairs(second),
        of_key_pairs(third),
        of_key_pairs(fourth),
        sm::exchange,
        sm::encryption,
        argon2id,
        hashes,
        block_ciphers,
        authenticated_encryption,
        sm::hash,
        sm::cipher,
    ]
};

/// The known answer of an algorithm of key pairs.
const fn of_key_pairs(algorithm: KeyAlgorithm) -> Test {
    match algorithm {
        KeyAlgorithm::P256 => ecc_p256,
        KeyAlgorithm::P384 => ecc_p384,
        KeyAlgorithm::Rsa2048 => rsa,
        KeyAlgorithm::Sm2 => sm::signature,
    }
}

/// FIPS 180-4's "abc"; RFC 4231, 4.2.
fn hashes() -> Result<bool, Refusal> {
    let sha = hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let mac = hex!("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    Ok(sha256(b"abc") == sha && hmac_sha256([0x0b; 20], &[b"Hi There"]) == mac)
}

/// FIPS 197, C.1 to C.3; SP 800-67 revision 1, B.1. Each key encrypts a block and decrypts it again.
fn block_ciphers() -> Result<bool, Refusal> {
    let key = hex!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let plain = hex!("00112233445566778899aabbccddeeff");
    let tdes = hex!("0123456789abcdef 23456789abcdef01 456789abcdef0123");
    type Row<'a> = (ManagementAlgorithm, &'a [u8], &'a [u8], &'a [u8]);
    let table: [Row<'_>; 4] = [
        (ManagementAlgorithm::Aes128, &key, &plain, &hex!("69c4e0d86a7b0430d8cdb78070b4c55a")),
        (ManagementAlgorithm::Aes192, &key, &plain, &hex!("dda97ca4864cdfe06eaf70a0ec0d7191")),
        (ManagementAlgorithm::Aes256, &key, &plain, &hex!("8ea2b7ca516745bfeafc49904b496089")),
        (ManagementAlgorithm::Tdes, &tdes, b"The qufc", &hex!("a826fd8ce53b855f")),
    ];
    for (algorithm, key, plain, cipher) in table {
        let key = ManagementKey::new(algorithm, key.get(..algorithm.key_length()).unwrap_or_default())?;
        let mut block = Vec::from(plain);
        key.encrypt_block(&mut block)?;
        let encrypted = block == cipher;
        key.decrypt_block(&mut block)?;
        if !encrypted || block != plain {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The GCM specification that SP 800-38D cites (McGrew and Viega), test case 16.
fn authenticated_encryption() -> Result<bool, Refusal> {
    let key = hex!("feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308");
    let nonce = hex!("cafebabefacedbaddecaf888");
    let context = hex!("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = hex!(
        "d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39"
    );
    let cipher = hex!(
        "522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    );
    let opened = seal::decrypt(&key, &nonce, &context, &cipher)?;
    Ok(seal::encrypt(&key, &nonce, &context, &plain) == cipher && *opened == plain)
}

/// RFC 9106, 5.3: Argon2id.
fn argon2id() -> Result<bool, Refusal> {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(argon2::AssociatedData::new(&[4; 12]).map_err(|_| Refusal::Fault)?)
        .build()
        .map_err(|_| Refusal::Fault)?;
    let mut memory = stretch::Memory::default();
    let tag = stretch::argon2id(&mut memory, &[3; 8], params, &[1; 32], &[2; 16])?;
    Ok(*tag == hex!("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"))
}

/// RFC 6979, A.2.5 (SHA-256, "sample"); RFC 5903, 8.1.
fn ecc_p256() -> Result<bool, Refusal> {
    let key = hex!("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let digest = hex!("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
    let signature = hex!(
        "3046 022100 efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "022100 f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    );
    let point = hex!(
        "04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    );
    let signer = PrivateKey::from_bytes(KeyAlgorithm::P256, &key)?;
    let signs = signer.sign_digest_with(&digest, &[])? == signature;
    let multiplies = multiple::is_known::<NistP256>(&nonzero(&key)?, &point);

    let initiator = hex!("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    let responder = hex!(
        "04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
        "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"
    );
    let shared = hex!("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    let agrees = *PrivateKey::from_bytes(KeyAlgorithm::P256, &initiator)?.agree(&responder)? == shared;
    Ok(signs && multiplies && agrees)
}

/// RFC 6979, A.2.6 (SHA-384, "sample"); RFC 5903, 8.2.
fn ecc_p384() -> Result<bool, Refusal> {
    let key = hex!(
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
        "96d5724e4c70a825f872c9ea60d2edf5"
    );
    let digest = hex!(
        "9a9083505bc92276aec4be312696ef7bf3bf603f4bbd381196a029f340585312"
        "313bca4a9b5b890efee42c77b1ee25fe"
    );
    let signature = hex!(
        "3066 023100 94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
        "023100 99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"
    );
    let point = hex!(
        "04 ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13"
        "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
    );
    let signer = PrivateKey::from_bytes(KeyAlgorithm::P384, &key)?;
    let signs = signer.sign_digest_with(&digest, &[])? == signature;
    let multiplies = multiple::is_known::<NistP384>(&nonzero(&key)?, &point);

    let initiator = hex!(
        "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
        "e35b538041e649ee3faef896783ab194"
    );
    let responder = hex!(
        "04 e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571"
        "dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c"
    );
    let shared = hex!(
        "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
        "d603135569b9e9d09cf5d4a270f59746"
    );
    let agrees = *PrivateKey::from_bytes(KeyAlgorithm::P384, &initiator)?.agree(&responder)? == shared;
    Ok(signs && multiplies && agrees)
}

/// The scalar of these bytes.
fn nonzero<C: Group>(bytes: &[u8]) -> Result<NonZeroScalar<C>, Refusal> {
    let bytes = FieldBytes::<C>::try_from(bytes).map_err(|_| Refusal::Fault)?;
    NonZeroScalar::from_repr(bytes).into_option().ok_or(Refusal::Fault)
}

/// RSASSA-PKCS1-v1_5 with SHA-256 over "abc": the private operation gives what OpenSSL signs with the same key,
/// and the public operation takes it back.
fn rsa() -> Result<bool, Refusal> {
    let mut key = PrivateKey::from_bytes(KeyAlgorithm::Rsa2048, &RSA_KEY)?;
    let mut block = [0xFF; rsa2048::BLOCK];
    let tail = hex!(
        "00 3031300d060960864801650304020105000420"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    if let Some(head) = block.first_chunk_mut() {
        *head = [0, 1];
    }
    if let Some(end) = block.last_chunk_mut() {
        *end = tail;
    }
    let signature = key.raw(&block, &mut ChaCha20Rng::from_seed([0; 32]))?;
    let expected = hex!("59706d824a7d5e9fb3b98b88c797ce2ca28daa201114334fc5d99bbf2e62804a");
    Ok(sha256(&signature) == expected && key.encrypts(&signature, &block))
}

/// A key for this test alone: its primes.
const RSA_KEY: [u8; 256] = hex!(
    "EA5D78DB09CE336AEAC230C002141C92A2E1EA196E202DEA61E4C532816E6D8FA5B5C50012B2A3A7B1B7F01C2352D846"
    "4852B762C734237F88D712F34F3AD69490746CE9562ADAC78FC0A76B700E9D9F053F907879D852BF0D031E69251B6687"
    "A988E7F84B63545E142C1962D1A4180E99F18D88D712AA99E7F760C08AD90945"
    "C01150AE7C3D3ACF7D25F3691ACC50A0E3ECFEB93C0D8D9A278DD3D2D755CF04EB5238D68503D51993FE915D40059C29"
    "DE6627B872FE731469F15A0236DB77549D23778888D18D10665AAA52828EF8E5CA408D7C86325D0BAD2B32E34AC324D8"
    "78276B76605241391F424AFAA94F1A341AACBE9302D8A32E3ED180907367A997"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_passes() {
        for (n, test) in ALL.iter().enumerate() {
            assert_eq!(test(), Ok(true), "{n}");
        }
    }
}
