//! The operations that write.

use card::{Card, Error, piv::Piv, shield::Shield};
use ushield_tests::bench::{PIN, PUK};
use wire::{
    algorithm::KeyAlgorithm,
    apdu::Command,
    piv::{Algorithm, PublicKey, Retired, Slot, object},
    shield::{Container, DataObject, Name, NewKey, Place, Uses},
    tlv,
};

use super::{ID, MANAGEMENT, NEW_MANAGEMENT, NEW_PIN, NEW_PUK};

/// An operation on a token whose PIN has four tries left.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Card) -> Result<(), Error>,
    /// PIN tries that a cut may leave besides the four, and PUK tries besides the six.
    pub(super) pin_tries: &'static [u8],
    pub(super) puk_tries: &'static [u8],
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "VERIFY, right",
        run: |card| shield(card)?.verify(PIN),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "VERIFY, wrong",
        run: |card| shield(card)?.verify(b"000001"),
        pin_tries: &[3],
        puk_tries: &[],
    },
    Operation {
        name: "change the PIN",
        run: |card| shield(card)?.change_pin(PIN, NEW_PIN),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "change the PIN, old one wrong",
        run: |card| shield(card)?.change_pin(b"000001", NEW_PIN),
        pin_tries: &[3],
        puk_tries: &[],
    },
    Operation {
        name: "change the PUK",
        run: |card| shield(card)?.change_puk(PUK, NEW_PUK),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "unblock",
        run: |card| shield(card)?.unblock(PUK, NEW_PIN),
        pin_tries: &[6],
        puk_tries: &[5],
    },
    Operation {
        name: "unblock, wrong PUK",
        run: |card| shield(card)?.unblock(b"00000000", NEW_PIN),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "GENERATE, pending",
        run: |card| verified(card)?.generate(Container::Piv(Slot::Signature), KeyAlgorithm::P256).map(drop),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE, pending over another",
        run: |card| {
            let mut shield = verified(card)?;
            let algorithm = algorithm(&mut shield, Container::Payment)?;
            shield.generate(Container::Payment, algorithm).map(drop)
        },
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation { name: "INSTALL CERTIFICATES", run: install, pin_tries: &[3, 6], puk_tries: &[] },
    Operation { name: "set the management key", run: set_management_key, pin_tries: &[], puk_tries: &[] },
    Operation {
        name: "PUT DATA, nothing",
        run: |card| managed(card)?.put_data_object(object::SECURITY_OBJECT, &[]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE ASYMMETRIC KEY PAIR",
        run: |card| managed(card)?.generate(Slot::Signature, Algorithm::P384).map(drop),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE ASYMMETRIC KEY PAIR over another",
        run: |card| managed(card)?.generate(Slot::Authentication, Algorithm::P256).map(drop),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE ASYMMETRIC KEY PAIR, SM2",
        run: |card| managed(card)?.generate(Slot::KeyManagement, Algorithm::Sm2).map(drop),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "GENERATE, pending, SM2",
        run: |card| {
            verified(card)?.generate(Container::Piv(Slot::KeyManagement), KeyAlgorithm::Sm2).map(drop)
        },
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "IMPORT ASYMMETRIC KEY over another",
        run: |card| {
            managed(card)?;
            let data = tlv::object(6, &[7; 32]);
            card.data(&Command::new(0, 0xFE, 0x11, 0x9A, &data)).map(drop)
        },
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA",
        run: |card| managed(card)?.put_data_object(object::KEY_HISTORY, &[7; 120]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA over another",
        run: |card| managed(card)?.put_data_object(object::SECURITY_OBJECT, &[8; 300]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "PUT DATA, a certificate",
        run: |card| managed(card)?.put_certificate(Slot::Authentication, &[0x30, 2, 5, 0]),
        pin_tries: &[],
        puk_tries: &[],
    },
    Operation {
        name: "CREATE KEY",
        run: |card| verified(card)?.create_key(Place::Any, &new_key()).map(drop),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "CREATE KEY, SM2",
        run: |card| {
            let key = NewKey { algorithm: Algorithm::Sm2, uses: None, ..new_key() };
            verified(card)?.create_key(Place::Any, &key).map(drop)
        },
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "CREATE KEY over another",
        run: |card| verified(card)?.create_key(Place::Over(first()), &new_key()).map(drop),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation { name: "PUT CERTIFICATE", run: put_certificate, pin_tries: &[3, 6], puk_tries: &[] },
    Operation {
        name: "SET NAME",
        run: |card| {
            verified(card)?.name_key(first(), &Name { label: "new".into(), id: vec![2; 20], notes: vec![] })
        },
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "DELETE a certificate",
        run: |card| verified(card)?.delete_certificate(first()),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "DELETE a key and its certificate",
        run: |card| verified(card)?.empty(first()),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "CREATE DATA",
        run: |card| verified(card)?.create_data(&data_object(true, 3)).map(drop),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "UPDATE DATA",
        run: |card| verified(card)?.update_data(2, &data_object(false, 4)),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "DELETE DATA",
        run: |card| verified(card)?.delete_data(1),
        pin_tries: &[3, 6],
        puk_tries: &[],
    },
    Operation {
        name: "the PUK to itself",
        run: |card| shield(card)?.check_puk(PUK),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "INITIALISE",
        run: |card| shield(card)?.initialise(PUK, "new"),
        pin_tries: &[],
        puk_tries: &[5],
    },
    Operation {
        name: "INITIALISE, wrong PUK",
        run: |card| shield(card)?.initialise(b"00000000", "new"),
        pin_tries: &[],
        puk_tries: &[5],
    },
];

pub(crate) fn shield(card: &mut Card) -> Result<Shield<'_>, Error> {
    Shield::select(card)
}

pub(super) fn verified(card: &mut Card) -> Result<Shield<'_>, Error> {
    let mut shield = shield(card)?;
    shield.verify(PIN)?;
    Ok(shield)
}

pub(crate) fn managed(card: &mut Card) -> Result<Piv<'_>, Error> {
    let mut piv = Piv::select(card)?;
    piv.authenticate_management(Algorithm::Tdes, &MANAGEMENT)?;
    Ok(piv)
}

/// FF FF FF, as stock tools send it: TDES, 9B, the length, the key.
pub(super) fn set_management_key(card: &mut Card) -> Result<(), Error> {
    managed(card)?;
    let data = [&[3, 0x9B, 24][..], &NEW_MANAGEMENT].concat();
    card.data(&Command::new(0, 0xFF, 0xFF, 0xFF, &data)).map(drop)
}

/// The algorithm of a container's key in a personal ID. The token tells that of the payment key.
pub(super) fn algorithm(shield: &mut Shield<'_>, container: Container) -> Result<KeyAlgorithm, Error> {
    if container == Container::Payment { Ok(shield.information()?.algorithm) } else { Ok(KeyAlgorithm::P256) }
}

/// Installs certificates for the pending keys of the personal ID.
pub(super) fn install(card: &mut Card) -> Result<(), Error> {
    let mut shield = verified(card)?;
    let mut certificates = Vec::new();
    for container in ID {
        let key = shield.pending_public_key(container)?.ok_or(Error::Invalid("no pending key"))?;
        certificates.push((container, certificate(algorithm(&mut shield, container)?, &key)));
    }
    let items: Vec<_> = certificates.iter().map(|(container, der)| (*container, &der[..])).collect();
    shield.install(&items)
}

/// The outline of a certificate for an elliptic key (7F49): all that a token looks at.
fn certificate(algorithm: KeyAlgorithm, key: &[u8]) -> Vec<u8> {
    let Ok(PublicKey::Point { curve, point }) = PublicKey::parse(algorithm, key) else {
        panic!("not a point")
    };
    let sequence = |parts: &[&[u8]]| tlv::object(0x30, &parts.concat());
    // id-ecPublicKey with a named curve (RFC 5480, 2.1.1).
    let algorithm = sequence(&[b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01", curve.parameters()]);
    let spki = sequence(&[&algorithm, &tlv::object(3, &[&[0], point].concat())]);
    let empty = sequence(&[]).repeat(3); // signature, issuer, validity
    let holder = b"\x30\x0C\x31\x0A\x30\x08\x06\x03\x55\x04\x03\x0C\x01x"; // CN=x
    let tbs = sequence(&[b"\xA0\x03\x02\x01\x02\x02\x01\x07", &empty, holder, &spki]);
    sequence(&[&tbs, &sequence(&[]), &tlv::object(3, &[0, 1])])
}

/// The container in which a host's own key and its certificate are.
pub(super) fn first() -> Container {
    Container::Piv(Slot::Retired(Retired::new(1).expect("1 to 20")))
}

pub(super) fn new_key() -> NewKey {
    let name = Name { label: "key".into(), id: vec![1; 20], notes: vec![] };
    NewKey { algorithm: Algorithm::P256, pin: None, uses: Some(Uses::SIGN), name }
}

pub(super) fn data_object(private: bool, seed: u8) -> DataObject {
    DataObject { private, label: "notes".into(), value: vec![seed; 500], ..DataObject::default() }
}

/// Puts a certificate beside a host's own key, or another in its place.
pub(super) fn put_certificate(card: &mut Card) -> Result<(), Error> {
    let mut shield = verified(card)?;
    let key = shield.public_key(first())?.ok_or(Error::Invalid("no key"))?;
    let name = Name { label: "certificate".into(), id: vec![3], notes: vec![] };
    shield.put_certificate(Place::Over(first()), &certificate(KeyAlgorithm::P256, &key), &name).map(drop)
}
