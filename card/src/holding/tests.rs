use super::*;
use crate::card::tests::{disturbed, script};
use hex_literal::hex;
use wire::{
    algorithm::KeyAlgorithm,
    piv::{PinPolicy, Slot},
    shield::{Container, Uses},
};

const SELECT: (&[u8], &[u8]) = (&hex!("00A4040009 F0555348 49454C4401 00"), &hex!("9000"));
const SELECT_PIV: (&[u8], &[u8]) = (&hex!("00A404000B A000000308 000010000100 00"), &hex!("9000"));
const VERIFY: &[u8] = &hex!("00200080 06 313335373930");
const PIN: &[u8] = b"135790";
/// USE KEY of 9A, signing 04.
const SIGN: &[u8] = &hex!("802D019A 000001 04 0000");
const KEY: Key = Key { container: Container::Piv(Slot::Authentication), pin: PinPolicy::Once };

/// A token that keeps to a script.
pub(crate) fn scripted(shared: bool, lines: &[(&[u8], &[u8])]) -> Holding {
    Holding::by(script(lines), shared)
}

/// A token of one's own behind this card.
pub(crate) fn by(card: Card) -> Holding {
    Holding::by(card, false)
}

fn sign(holding: &mut Holding) -> Result<Vec<u8>, Error> {
    holding.operate(KEY, None, Uses::SIGN, &[4]).map(|signature| signature.to_vec())
}

#[test]
fn a_token_of_ones_own_stays_selected_and_verified() {
    let mut own = scripted(
        false,
        &[
            SELECT,
            (VERIFY, &hex!("9000")),
            (SIGN, &hex!("01 9000")),
            (SIGN, &hex!("02 9000")),
            SELECT_PIV, // which makes the token forget the PIN
            SELECT,
            (SIGN, &hex!("6982")),
        ],
    );
    own.log_in(PIN).unwrap();
    assert_eq!(sign(&mut own).unwrap(), [1]);
    assert_eq!(sign(&mut own).unwrap(), [2]);
    own.log_out().unwrap();
    assert!(matches!(sign(&mut own), Err(Error::Card(crate::Error::Refused(_)))));
}

#[test]
fn a_shared_token_is_selected_and_verified_for_each_command() {
    let verified = (VERIFY, &hex!("9000")[..]);
    let mut shared = scripted(
        true,
        &[
            // Nobody is logged in yet: what another program verified is forgotten.
            SELECT_PIV,
            SELECT,
            verified,
            SELECT,
            verified,
            (SIGN, &hex!("01 9000")),
            SELECT,
            verified,
            (SIGN, &hex!("02 9000")),
        ],
    );
    shared.log_in(PIN).unwrap();
    assert_eq!(sign(&mut shared).unwrap(), [1]);
    assert_eq!(sign(&mut shared).unwrap(), [2]);
}

/// Where the road tells whether another program had the card, a command that nobody disturbed is one exchange.
#[test]
fn a_shared_token_that_nobody_disturbs_stays_selected_and_verified() {
    let verified = (VERIFY, &hex!("9000")[..]);
    let guarded = Key { pin: PinPolicy::Always, ..KEY };
    let card = disturbed(
        &[5, 11],
        &[
            SELECT_PIV,
            SELECT,
            verified,
            (SIGN, &hex!("01 9000")),
            (SIGN, &hex!("02 9000")),
            // Another program had the card.
            SELECT,
            verified,
            (SIGN, &hex!("03 9000")),
            (SIGN, &hex!("04 9000")),
            // A key that wants its PIN each time gets the PIN each time.
            verified,
            (SIGN, &hex!("05 9000")),
            // Another program had the card, and the user is logged out.
            SELECT_PIV,
            SELECT_PIV,
            SELECT,
            (SIGN, &hex!("6982")),
            (SIGN, &hex!("6982")),
        ],
    );
    let mut shared = Holding::by(card, true);
    shared.log_in(PIN).unwrap();
    for expected in 1..=4 {
        assert_eq!(sign(&mut shared).unwrap(), [expected]);
    }
    let pin = Pin::new(PIN.to_vec());
    assert_eq!(shared.operate(guarded, Some(&pin), Uses::SIGN, &[4]).unwrap().as_slice(), [5]);
    assert!(matches!(shared.operate(guarded, None, Uses::SIGN, &[4]), Err(Error::LoggedOut)));
    shared.log_out().unwrap();
    assert!(sign(&mut shared).is_err() && sign(&mut shared).is_err());
}

/// What was read stays current until another program had the card, if only for a moment long ago.
#[test]
fn what_was_read_is_current_while_nobody_disturbs() {
    let nothing: (&[u8], &[u8]) = (&hex!("80F40001 000000"), &hex!("9000"));
    let random: (&[u8], &[u8]) = (&hex!("00840000 01"), &hex!("05 9000"));
    let lines =
        [SELECT_PIV, SELECT, nothing, random, SELECT_PIV, SELECT, random, SELECT_PIV, SELECT, nothing];
    let mut shared = Holding::by(disturbed(&[4, 7], &lines), true);
    assert!(!shared.is_current());
    shared.contents().unwrap();
    assert!(shared.is_current());
    shared.random(1).unwrap();
    assert!(!shared.is_current(), "another program had the card just now");
    shared.random(1).unwrap();
    assert!(!shared.is_current(), "and nobody has read what it left");
    shared.contents().unwrap();
    assert!(shared.is_current());
    assert!(scripted(false, &[]).is_current(), "nobody else has a token of one's own");
}

#[test]
fn a_pin_that_another_program_changed_costs_one_try() {
    let mut shared = scripted(
        true,
        &[
            SELECT_PIV,
            SELECT,
            (VERIFY, &hex!("9000")),
            SELECT,
            (VERIFY, &hex!("63C5")),
            SELECT_PIV,
            SELECT,
            (SIGN, &hex!("6982")),
        ],
    );
    shared.log_in(PIN).unwrap();
    let status = |outcome: Result<_, Error>| match outcome {
        Err(Error::Card(error)) => error.status(),
        _ => None,
    };
    // Not "wrong PIN": the program did not just enter one.
    assert_eq!(status(sign(&mut shared)), Some(StatusWord::SECURITY_NOT_SATISFIED));
    assert!(*shared.login() == Login::Public);
    // The wrong PIN is not sent again.
    assert_eq!(status(sign(&mut shared)), Some(StatusWord::SECURITY_NOT_SATISFIED));
}

#[test]
fn a_wrong_pin_is_told_from_one_that_cannot_be() {
    let mut own = scripted(false, &[SELECT, (VERIFY, &hex!("63C4")), SELECT, (VERIFY, &hex!("6A80"))]);
    assert!(matches!(own.log_in(PIN), Err(Error::Card(error)) if error.tries() == Some(4)));
    assert!(matches!(own.log_in(PIN), Err(Error::ImpossiblePin)));
    assert!(matches!(own.log_in(b""), Err(Error::ImpossiblePin)));
    assert!(*own.login() == Login::Public);
}

#[test]
fn a_new_pin_replaces_the_kept_one() {
    let information = Information {
        version: 1,
        brand: String::new(),
        serial: String::new(),
        generation: 2,
        tries: [6, 5, 6, 5],
        pin_length: [6, 8],
        state_version: 1,
        flags: 0,
        label: String::new(),
        algorithm: KeyAlgorithm::P256,
    };
    let information = [&information.bytes()[..], &hex!("9000")].concat();
    let ask: (&[u8], &[u8]) = (&hex!("80F20000 00"), &information);
    let mut own = scripted(
        false,
        &[
            SELECT,
            (VERIFY, &hex!("9000")),
            ask,
            ask,
            (&hex!("80240080 10 8006 313335373930 8106 323436383032"), &hex!("9000")),
            SELECT,
            (&hex!("00200080 06 323436383032"), &hex!("9000")),
            (SIGN, &hex!("01 9000")),
        ],
    );
    own.log_in(PIN).unwrap();
    assert!(matches!(own.change_pin(PIN, b"24680"), Err(Error::PinLength)));
    own.change_pin(PIN, b"246802").unwrap();
    assert_eq!(sign(&mut own).unwrap(), [1]);
    // The user is no officer.
    assert!(matches!(own.unblock(b"246802"), Err(Error::LoggedOut)));
}

#[test]
fn a_key_that_wants_its_pin_each_time_gets_it_within_the_operation() {
    let key = Key { pin: PinPolicy::Always, ..KEY };
    let pin = Pin::new(PIN.to_vec());
    let mut own = scripted(
        false,
        &[
            SELECT,
            (VERIFY, &hex!("9000")),
            (VERIFY, &hex!("9000")),
            (SIGN, &hex!("01 9000")),
            (VERIFY, &hex!("63C2")),
        ],
    );
    // Without a login the PIN of an operation is nobody's.
    assert!(matches!(own.operate(key, Some(&pin), Uses::SIGN, &[4]), Err(Error::LoggedOut)));
    own.log_in(PIN).unwrap();
    assert!(matches!(own.operate(key, None, Uses::SIGN, &[4]), Err(Error::LoggedOut)));
    assert_eq!(own.operate(key, Some(&pin), Uses::SIGN, &[4]).unwrap().as_slice(), [1]);
    // The refused PIN is the kept one.
    assert!(own.operate(key, Some(&pin), Uses::SIGN, &[4]).is_err());
    assert!(*own.login() == Login::Public);
}

#[test]
fn the_payment_key_and_changes_without_login_send_nothing() {
    let mut own = scripted(false, &[]);
    let payment = Key { container: Container::Payment, ..KEY };
    assert!(matches!(own.operate(payment, None, Uses::SIGN, &[4]), Err(Error::PaymentKey)));
    assert!(matches!(own.change(|shield| shield.delete_data(1)), Err(Error::LoggedOut)));
}

#[test]
fn a_card_without_the_applet_is_no_token() {
    let mut other = scripted(false, &[(SELECT.0, &hex!("6A82"))]);
    assert!(matches!(other.information(), Err(Error::NoToken)));
    // It is a card all the same.
    let mut other = scripted(false, &[(SELECT.0, &hex!("6A82"))]);
    assert!(other.is_present());
}

#[test]
fn a_certificate_that_nobody_can_unpack_hides_nothing_else() {
    let mut own = scripted(
        false,
        &[
            SELECT,
            // A token that gives no inventory.
            (&hex!("80F40001 000000"), &hex!("6A86")),
            // LIST: the payment container has a certificate of three bytes, which say gzip and are none.
            (&hex!("80F40000 000000"), &hex!("A00B 800150 A206 8804 00000003 9000")),
            // LIST of data objects; what the lists name is asked for, one after the other.
            (&hex!("80F40400 000000"), &hex!("A30C 800103 860100 8804 00000001 9000")),
            (&hex!("80CA0050 000000"), &hex!("1F8B08 9000")),
            (&hex!("80B00003 000000"), &hex!("83016C 860101 870107 9000")),
        ],
    );
    let contents = own.contents().unwrap();
    let [held] = contents.containers.as_slice() else { panic!("one container") };
    assert_eq!(held.head.container, Container::Payment);
    assert!(held.head.certificate.is_some() && held.certificate.is_none() && held.public_key.is_none());
    assert!(held.key_notes.is_empty() && held.certificate_notes.is_empty());
    let [(number, data)] = contents.data.as_slice() else { panic!("one data object") };
    assert_eq!((*number, data.label.as_str(), data.value.as_slice()), (3, "l", &[7][..]));
}

/// What the inventory has is not asked for again; what it had no room for is.
#[test]
fn an_inventory_is_one_command() {
    let mut own = scripted(
        false,
        &[
            SELECT,
            // The payment container's certificate is there; that of 9A is announced and found no room. A data object is
            // public and there, another one is private.
            (
                &hex!("80F40001 000000"),
                &hex!(
                    "A00E 800150 A206 8804 00000001 870130 A00B 80019A A206 8804 00000002"
                    "A30F 800101 860100 8804 00000001 870109 A30C 800102 860101 8804 00000001 9000"
                ),
            ),
            (&hex!("80CA009A 000000"), &hex!("3031 9000")),
            (&hex!("80B00002 000000"), &hex!("860101 870107 9000")),
        ],
    );
    let contents = own.contents().unwrap();
    let certificates: Vec<_> = contents.containers.iter().map(|held| held.certificate.as_deref()).collect();
    assert_eq!(certificates, [Some(&[0x30][..]), Some(&[0x30, 0x31])]);
    let data: Vec<_> = contents.data.iter().map(|(number, data)| (*number, data.value.as_slice())).collect();
    assert_eq!(data, [(1, &[9][..]), (2, &[7])]);
}
