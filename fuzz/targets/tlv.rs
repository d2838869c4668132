//! BER-TLV, the templates of PIV and of the shield applet that stand on it, and the DER of SM2.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::{
    algorithm::KeyAlgorithm,
    piv::PublicKey,
    shield::{Information, install, parse_install},
    sm2::{Ciphertext, Signature},
    tlv::{Reader, find, object, only},
};

fuzz_target!(|bytes: &[u8]| {
    for found in Reader::new(bytes) {
        let Ok(found) = found else { break };
        assert!(found.value.len() < bytes.len());
        assert_eq!(only(&object(found.tag, found.value), found.tag), Ok(found.value));
        assert!(find(bytes, found.tag).is_some());
    }
    for algorithm in KeyAlgorithm::ALL {
        if let Ok(key) = PublicKey::parse(algorithm, bytes) {
            assert_eq!(PublicKey::parse(algorithm, &key.bytes()), Ok(key));
        }
    }
    if let Ok(information) = Information::parse(bytes) {
        assert_eq!(Information::parse(&information.bytes()), Ok(information));
    }
    if let Ok(items) = parse_install(bytes) {
        let again = install(&items);
        assert_eq!(parse_install(&again), Ok(items));
    }
    if let Ok(signature) = Signature::parse(bytes) {
        assert_eq!(signature.bytes(), bytes);
    }
    if let Ok(ciphertext) = Ciphertext::parse(bytes) {
        assert_eq!(ciphertext.bytes(), bytes);
        assert_eq!(Ciphertext::parse_plain(&ciphertext.plain()), Ok(ciphertext));
    }
});
