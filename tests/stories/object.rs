//! A program keeps keys, certificates and data of its own on the token, and its officer makes the token new.

use card::{piv::Piv, shield::Shield};
use firmware::{
    fixture::{Holder, SharedFlash as Flash},
    seams::Button,
};
use p256::{
    PublicKey as Point, SecretKey,
    ecdsa::{DerSignature, VerifyingKey, signature::hazmat::PrehashVerifier},
};
use ushield_tests::{
    bench::{self, PIN, PUK},
    road::Plugged,
    scene::Scene,
    story::{No, Story},
};
use wire::{
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    brand::Brand,
    piv::{Algorithm, PinPolicy, PublicKey},
    shield::{Container, DataObject, Import, MAX_VALUE, Name, NewKey, Place, PrivateParts, Uses},
};

super::over_each_road!(
    a_key_of_its_own,
    a_key_from_outside,
    a_long_pin,
    data_of_its_own,
    the_officer,
    random
);

/// A key is made under the PIN alone, named, found again, used through PIV as the key's policy says, and removed.
fn a_key_of_its_own(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let name = Name { label: "ssh 键".into(), id: vec![0x11; 20], notes: vec![] };
    let wish = |uses| NewKey {
        algorithm: Algorithm::P256,
        pin: Some(PinPolicy::Always),
        uses: Some(uses),
        name: name.clone(),
    };
    token.replug();
    token.shield(|shield| shield.create_key(Place::Any, &wish(Uses::SIGN))).refuses(No::NotVerified);
    token.verify("135790").succeeds();
    let (signing, public) =
        token.shield(|shield| shield.create_key(Place::Any, &wish(Uses::SIGN))).succeeds();
    let (agreeing, other) =
        token.shield(|shield| shield.create_key(Place::Any, &wish(Uses::AGREE))).succeeds();
    assert_eq!([signing.name(), agreeing.name()], ["82", "83"]);

    // On another day the program finds its objects by the names that it gave them.
    token.replug();
    let contents = token.shield(|shield| shield.contents()).succeeds();
    let held: Vec<Container> = contents
        .iter()
        .filter(|held| held.key.as_ref().is_some_and(|key| key.name == name))
        .map(|held| held.container)
        .collect();
    assert_eq!(held, [signing, agreeing]);
    let payment = contents.iter().find(|held| held.container == Container::Payment).unwrap();
    assert_eq!(payment.key.as_ref().unwrap().policy.uses, Uses::NONE);

    let (Container::Piv(signs), Container::Piv(agrees)) = (signing, agreeing) else { panic!("PIV's") };
    let mut piv = Piv::select(token.card()).unwrap();
    let sha512 = [0xA5; 64];
    assert_eq!(
        piv.sign(signs, Algorithm::P256, &sha512).unwrap_err().status(),
        Some(StatusWord::SECURITY_NOT_SATISFIED)
    );
    piv.verify(PIN).unwrap();
    let signature = piv.sign(signs, Algorithm::P256, &sha512).unwrap();
    let again = piv.sign(signs, Algorithm::P256, &sha512).unwrap_err();
    assert_eq!(again.status(), Some(StatusWord::SECURITY_NOT_SATISFIED), "the proof is spent");
    let key = VerifyingKey::from_sec1_bytes(point(&public)).unwrap();
    key.verify_prehash(&sha512, &DerSignature::from_bytes(&signature).unwrap()).unwrap();

    let host = SecretKey::from_slice(&[0x31; 32]).unwrap();
    piv.verify(PIN).unwrap();
    let secret = piv.agree(agrees, Algorithm::P256, &host.public_key().to_sec1_bytes()).unwrap();
    let theirs = Point::from_sec1_bytes(point(&other)).unwrap();
    assert_eq!(secret[..], host.diffie_hellman(&theirs).raw_secret_bytes()[..]);
    piv.verify(PIN).unwrap();
    let misuse = piv.sign(agrees, Algorithm::P256, &sha512).unwrap_err();
    assert_eq!(misuse.status(), Some(StatusWord::CONDITIONS_NOT_SATISFIED), "it agrees, no more");

    token.verify("135790").succeeds();
    token.shield(|shield| shield.empty(signing)).succeeds();
    token.shield(|shield| shield.empty(signing)).refuses(No::Status(StatusWord::NO_SUCH_KEY));
    token.shield(|shield| shield.empty(Container::Payment)).refuses(No::WrongUse);
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

/// A key is brought in under the PIN and used by the shield applet. The token says for ever that the key came from outside.
fn a_key_from_outside(scene: Scene) {
    let mut token = Story::new(scene);
    let secret = SecretKey::from_slice(&[0x31; 32]).unwrap();
    let name = Name { label: "brought".into(), ..Name::default() };
    let key = NewKey { algorithm: Algorithm::P256, pin: Some(PinPolicy::Once), uses: None, name };
    let import = Import { key, parts: PrivateParts::Scalar(&[0x31; 32]) };
    token.shield(|shield| shield.import_key(Place::Any, &import)).refuses(No::NotVerified);
    token.verify("135790").succeeds();
    token.shield(|shield| shield.import_key(Place::In(Container::Payment), &import)).refuses(No::WrongUse);
    let (container, public) = token.shield(|shield| shield.import_key(Place::Any, &import)).succeeds();
    assert_eq!(point(&public), &*secret.public_key().to_sec1_bytes());
    let digest = [0xA5; 32];
    let signature = token.shield(|shield| shield.use_key(container, Uses::SIGN, &digest)).succeeds();
    let verifier = VerifyingKey::from_sec1_bytes(point(&public)).unwrap();
    verifier.verify_prehash(&digest, &DerSignature::from_bytes(&signature).unwrap()).unwrap();
    token.replug();
    let contents = token.shield(|shield| shield.contents()).succeeds();
    assert!(contents.iter().any(|held| held.key.as_ref().is_some_and(|key| key.imported)));
    token.shield(|shield| shield.use_key(container, Uses::SIGN, &digest)).refuses(No::NotVerified);
}

/// A brand may allow long PINs. PIV's field has eight bytes, so only the shield applet's VERIFY takes a longer PIN.
fn a_long_pin(scene: Scene) {
    let (flash, holder) = (Flash::default(), Holder::default());
    let profile = || bench::profile_of(Brand { pin_length: (6, 30), ..scene.make.brand() });
    let pin = b"a-pin-of-more-than-eight-bytes";
    drop(bench::manufacture(profile(), Some(pin), &flash, &holder));
    let plugged = Plugged::new(scene.road, profile(), &flash, &holder);
    let mut card = plugged.card().expect("a card");
    let mut shield = Shield::select(&mut card).expect("the applet");
    shield.verify(pin).expect("the right PIN");
    let name = Name::default();
    let key = NewKey { algorithm: Algorithm::P256, pin: Some(PinPolicy::Always), uses: None, name };
    let (container, _) = shield.create_key(Place::Any, &key).expect("a key");
    for _ in 0..2 {
        shield.verify(pin).expect("the right PIN");
        shield.use_key(container, Uses::SIGN, &[7; 32]).expect("a signature");
        let spent = shield.use_key(container, Uses::SIGN, &[7; 32]).unwrap_err();
        assert_eq!(spent.status(), Some(StatusWord::SECURITY_NOT_SATISFIED));
    }
}

fn point(public: &[u8]) -> &[u8] {
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::P256, public) else {
        panic!("a point")
    };
    point
}

/// Large objects travel whole, and private objects are shown to the holder only.
fn data_of_its_own(scene: Scene) {
    let mut token = Story::new(scene);
    let value: Vec<u8> = (0..MAX_VALUE).map(|at| (at % 251) as u8).collect();
    let object = DataObject { private: true, label: "notes".into(), value, ..DataObject::default() };
    token.verify("135790").succeeds();
    let number = token.shield(|shield| shield.create_data(&object)).succeeds();
    let public = DataObject { label: "card".into(), value: b"hello".into(), ..DataObject::default() };
    token.shield(|shield| shield.create_data(&public)).succeeds();
    token.replug();
    let seen = token.shield(|shield| shield.data_objects()).succeeds();
    assert_eq!(seen.iter().map(|head| &head.object.label[..]).collect::<Vec<_>>(), ["card"]);
    token.shield(|shield| shield.read_data(number)).refuses(No::Status(StatusWord::NOT_FOUND));
    token.verify("135790").succeeds();
    assert_eq!(token.shield(|shield| shield.read_data(number)).succeeds(), object);
    token.shield(|shield| shield.update_data(number, &public)).succeeds();
    token.shield(|shield| shield.delete_data(number)).succeeds();
    assert_eq!(token.shield(|shield| shield.data_objects()).succeeds().len(), 1);
}

/// The PUK is the officer's PIN. The token is made new, and payments go on.
fn the_officer(scene: Scene) {
    let mut token = Story::enrolled(scene);
    token.shield(|shield| shield.check_puk(b"00000000")).refuses(No::PinWrong { left: 5 });
    token.shield(|shield| shield.check_puk(PUK)).succeeds();
    token.shield(|shield| shield.initialise(b"00000000", "mine")).refuses(No::PinWrong { left: 5 });
    assert_eq!(token.information().label, "");
    token.shield(|shield| shield.initialise(PUK, "mine")).succeeds();
    let information = token.information();
    assert_eq!((&information.label[..], information.tries), ("mine", [6, 6, 6, 6]));
    let left = token.shield(|shield| shield.contents()).succeeds();
    assert_eq!(left.iter().map(|held| held.container).collect::<Vec<_>>(), [Container::Payment]);
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
    token.replug();
    assert_eq!(token.information().label, "mine");
    token.enrol().succeeds();
    assert!(token.shield(|shield| shield.contents()).succeeds().len() > 1, "9A is back");
}

/// A host gets as many random bytes as it wants, and no two answers are alike.
fn random(scene: Scene) {
    let mut token = Story::new(scene);
    let mut draw = |length| {
        let mut bytes = vec![0; length];
        token.shield(|shield| shield.random(&mut bytes)).succeeds();
        bytes
    };
    assert_ne!(draw(32), draw(32));
    let long = draw(5000);
    assert_eq!((1..256).filter(|byte| !long.contains(&(*byte as u8))).count(), 0);
}
