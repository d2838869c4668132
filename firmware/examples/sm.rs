//! The token's SM2, SM3 and SM4 for programs that nobody here wrote: `tests/sm/run` compares. Each line of the input is an
//! operation and its arguments in hexadecimal, `-` for no bytes; each line of the output is the result in hexadecimal, `yes`,
//! or `no`. The private keys are a test's.

use std::{
    error::Error,
    io::{BufRead as _, Write as _},
};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng as _};
use firmware::{
    sm2::{Identifier, Key, Party, PublicKey, Role},
    sm3, sm4,
};
use wire::sm2::{Ciphertext, Signature};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        let operation = words.next().ok_or("an empty line")?;
        let arguments = words.map(bytes).collect::<Result<Vec<_>>>()?;
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| &argument[..]).collect();
        writeln!(out, "{}", answer(operation, &arguments)?)?;
        out.flush()?;
    }
    Ok(())
}

fn answer(operation: &str, arguments: &[&[u8]]) -> Result<String> {
    let opened = |text: Option<Vec<u8>>| text.map_or_else(|| "no".into(), |text| hexadecimal(&text));
    Ok(match (operation, arguments) {
        ("point", &[secret]) => hexadecimal(&Key::from_bytes(secret)?.public().point()),
        ("sign", &[secret, identifier, message, extra]) => {
            let key = Key::from_bytes(secret)?;
            hexadecimal(&key.sign(named(identifier)?, message, extra).bytes())
        }
        ("verify", &[point, identifier, message, signature]) => {
            let key = PublicKey::from_point(point)?;
            let e = key.digest(named(identifier)?, message);
            let right = Signature::parse(signature).is_ok_and(|signature| key.verifies(&e, &signature));
            (if right { "yes" } else { "no" }).into()
        }
        // The keys of banks: the default identifier, and no random bytes in the nonce.
        ("bank-sign", &[secret, message]) => {
            let key = sm2_signature::PrivateKey::new(&::sm2::SecretKey::from_slice(secret)?);
            hexadecimal(&key.ok_or("no private key")?.sign(message))
        }
        ("bank-verify", &[point, message, signature]) => {
            let key = sm2_signature::PublicKey::from_point(point).ok_or("no point")?;
            (if key.verifies(message, signature) { "yes" } else { "no" }).into()
        }
        ("encrypt", &[point, text, seed]) => {
            let mut rng = ChaCha20Rng::from_seed(seed.try_into()?);
            hexadecimal(&PublicKey::from_point(point)?.encrypt(text, &mut rng)?.bytes())
        }
        ("decrypt", &[secret, ciphertext]) => {
            let key = Key::from_bytes(secret)?;
            let text = Ciphertext::parse(ciphertext).ok().and_then(|text| key.decrypt(&text).ok());
            opened(text.map(|text| text.to_vec()))
        }
        ("exchange", &[role, secret, own, ephemeral, key, peer, theirs]) => {
            let (key, theirs) = (PublicKey::from_point(key)?, PublicKey::from_point(theirs)?);
            let peer = Party { identifier: named(peer)?, key: &key, ephemeral: &theirs };
            let role = if role == [1] { Role::Initiator } else { Role::Responder };
            let (secret, ephemeral) = (Key::from_bytes(secret)?, Key::from_bytes(ephemeral)?);
            hexadecimal(&secret.exchange(role, named(own)?, &ephemeral, peer, 32)?.key)
        }
        ("sm3", &[message]) => hexadecimal(&sm3::hash(&[message])),
        (mode, &[key, iv, text]) => {
            let (key, mut iv) = (sm4::Key::new(key.try_into()?), iv.try_into()?);
            let mut text = text.to_vec();
            match mode {
                "encrypt-ecb" => key.encrypt_ecb(&mut text)?,
                "decrypt-ecb" => key.decrypt_ecb(&mut text)?,
                "encrypt-cbc" => key.encrypt_cbc(&mut iv, &mut text)?,
                "decrypt-cbc" => key.decrypt_cbc(&mut iv, &mut text)?,
                "encrypt-cfb" => key.encrypt_cfb(&mut iv, &mut text),
                "decrypt-cfb" => key.decrypt_cfb(&mut iv, &mut text),
                "encrypt-ofb" | "decrypt-ofb" => key.apply_ofb(&mut iv, &mut text),
                _ => return Err(format!("no operation {mode}").into()),
            }
            hexadecimal(&text)
        }
        _ => return Err(format!("no operation {operation} of {} arguments", arguments.len()).into()),
    })
}

fn named(identifier: &[u8]) -> Result<Identifier<'_>> {
    Ok(Identifier::new(identifier).ok_or("the identifier is too long")?)
}

fn bytes(word: &str) -> Result<Vec<u8>> {
    let word = word.trim_start_matches('-');
    let pairs = word.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
