//! The commands that the shield applet takes, as values (docs/shield-applet.md).
//!
//! [`Command::parse`] is the one place that judges CLA, INS, P1, P2 and the lengths. Data that has a reader of its own
//! ([`super::NewKey`], [`super::Name`] and so on) stays bytes here. [`Command::apdu`] gives the bytes back.

use super::{
    CLASS, Container, Place, Uses, attest,
    data_field::{Initialising, OldAndNew, Wished},
    get, instruction as ins, what,
};
use crate::{
    apdu::{self, StatusWord, no_data},
    pin::Reference,
};

/// A command. It has no `Debug`: commands carry PINs and keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// VERIFY without data: whether the PIN is verified, and how many tries it has left.
    AskVerified,
    /// VERIFY.
    Verify(&'a [u8]),
    /// CHANGE REFERENCE DATA.
    ChangeReferenceData(Reference, OldAndNew<'a>),
    /// RESET RETRY COUNTER: the PUK, then the new PIN.
    ResetRetryCounter(OldAndNew<'a>),
    /// SIGN PAYMENT: the order.
    SignPayment(&'a [u8]),
    /// SIGN REQUEST: the CertificationRequestInfo.
    SignRequest(Container, &'a [u8]),
    /// GENERATE.
    Generate(Container, Wished<'a>),
    /// GET OBJECT.
    GetObject(Object, Container),
    /// INSTALL CERTIFICATES: what [`super::parse_install`] reads.
    InstallCertificates(&'a [u8]),
    /// ATTEST.
    Attest(Attested),
    /// GET INFORMATION.
    GetInformation,
    /// CREATE KEY: a [`super::NewKey`].
    CreateKey(Place, &'a [u8]),
    /// IMPORT KEY: a [`super::Import`].
    ImportKey(Place, &'a [u8]),
    /// USE KEY.
    UseKey {
        /// What for: one use or several.
        uses: Uses,
        /// Whose.
        container: Container,
        /// A digest, a point or a padded block.
        input: &'a [u8],
    },
    /// PUT CERTIFICATE: what [`super::parse_put_certificate`] reads.
    PutCertificate(Place, &'a [u8]),
    /// SET NAME: a [`super::Name`].
    SetName(Named, Container, &'a [u8]),
    /// DELETE.
    Delete(Deleted),
    /// LIST.
    List(Listed),
    /// CREATE DATA: a [`super::DataObject`].
    CreateData(&'a [u8]),
    /// READ DATA: the number.
    ReadData(u8),
    /// UPDATE DATA: the number, and a [`super::DataObject`].
    UpdateData(u8, &'a [u8]),
    /// INITIALISE.
    Initialise(Initialising<'a>),
    /// GET CHALLENGE: Ne, the most bytes that the host takes.
    GetChallenge(u32),
}

/// What GET OBJECT gets of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The certificate.
    Certificate = get::CERTIFICATE as isize,
    /// The public key in use.
    PublicKey = get::PUBLIC_KEY as isize,
    /// The public key that waits for its certificate.
    PendingPublicKey = get::PENDING_PUBLIC_KEY as isize,
    /// A host's notes on the key.
    KeyNotes = get::KEY_NOTES as isize,
    /// A host's notes on the certificate.
    CertificateNotes = get::CERTIFICATE_NOTES as isize,
}

/// What ATTEST speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attested {
    /// The token's own key: the answer is its certificate.
    Token,
    /// A container's key in use.
    Key(Container),
    /// The key that waits for a container's certificate.
    PendingKey(Container),
}

/// What SET NAME names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A container's key.
    Key = what::KEY as isize,
    /// A container's certificate.
    Certificate = what::CERTIFICATE as isize,
}

/// What DELETE removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// A container's key, its certificate, or both.
    Of {
        /// The container.
        container: Container,
        /// Its key.
        key: bool,
        /// Its certificate.
        certificate: bool,
    },
    /// The data object of this number.
    Data(u8),
}

/// What LIST lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Each container that is not empty.
    Containers,
    /// Each data object that may be seen.
    Data,
    /// Both, with what stands behind the heads.
    Inventory,
}

impl<'a> Command<'a> {
    /// Reads a command whose chain, if it came in one, is put together.
    ///
    /// # Errors
    /// The status word that the applet answers: '6E00' and '6D00' for a class and an instruction that it does not have,
    /// '6A86' or '6A88' for P1 and P2, '6A80' or '6700' for data that the command does not take.
    pub fn parse(apdu: &apdu::Command<'a>) -> Result<Self, StatusWord> {
        let (p1, p2, data) = (apdu.p1, apdu.p2, apdu.data);
        match (apdu.class, apdu.instruction) {
            (0x00, ins::VERIFY) => {
                both(p1, p2, (0, Reference::Pin.number()))?;
                Ok(if data.is_empty() { Self::AskVerified } else { Self::Verify(data) })
            }
            (0x00, ins::GET_CHALLENGE) => {
                none(p1, p2)?;
                no_data(data)?;
                apdu.expected.map(Self::GetChallenge).ok_or(StatusWord::WRONG_LENGTH)
            }
            (CLASS, ins::CHANGE_REFERENCE_DATA) => match (p1, Reference::parse(p2)) {
                (0, Some(reference)) => Ok(Self::ChangeReferenceData(reference, OldAndNew::parse(data)?)),
                _ => Err(StatusWord::WRONG_P1P2),
            },
            (CLASS, ins::RESET_RETRY_COUNTER) => {
                both(p1, p2, (0, Reference::Pin.number()))?;
                OldAndNew::parse(data).map(Self::ResetRetryCounter)
            }
            (CLASS, _) => own(apdu),
            (0x00, _) => Err(StatusWord::WRONG_INSTRUCTION),
            _ => Err(StatusWord::WRONG_CLASS),
        }
    }

    /// The command as an APDU without Le, but for GET CHALLENGE, which is about Le.
    pub fn apdu(&self) -> apdu::Command<'a> {
        let pin = (0, Reference::Pin.number());
        let of = |container: Container| (0, container.reference());
        let (instruction, (p1, p2), data): (u8, (u8, u8), &'a [u8]) = match *self {
            Self::AskVerified => (ins::VERIFY, pin, &[]),
            Self::Verify(code) => (ins::VERIFY, pin, code),
            Self::ChangeReferenceData(reference, codes) => {
                (ins::CHANGE_REFERENCE_DATA, (0, reference.number()), codes.data)
            }
            Self::ResetRetryCounter(codes) => (ins::RESET_RETRY_COUNTER, pin, codes.data),
            Self::SignPayment(order) => (ins::SIGN_PAYMENT, (0, 0), order),
            Self::SignRequest(container, info) => (ins::SIGN_REQUEST, of(container), info),
            Self::Generate(container, wished) => (ins::GENERATE, of(container), wished.data),
            Self::GetObject(object, container) => {
                (ins::GET_OBJECT, (object as u8, container.reference()), &[])
            }
            Self::InstallCertificates(data) => (ins::INSTALL_CERTIFICATES, (0, 0), data),
            Self::Attest(of) => (ins::ATTEST, of.parameters(), &[]),
            Self::GetInformation => (ins::GET_INFORMATION, (0, 0), &[]),
            Self::CreateKey(place, data) => (ins::CREATE_KEY, place.parameters(), data),
            Self::ImportKey(place, data) => (ins::IMPORT_KEY, place.parameters(), data),
            Self::UseKey { uses, container, input } => {
                (ins::USE_KEY, (uses.bits(), container.reference()), input)
            }
            Self::PutCertificate(place, data) => (ins::PUT_CERTIFICATE, place.parameters(), data),
            Self::SetName(named, container, data) => {
                (ins::SET_NAME, (named as u8, container.reference()), data)
            }
            Self::Delete(deleted) => (ins::DELETE, deleted.parameters(), &[]),
            Self::List(Listed::Containers) => (ins::LIST, (0, 0), &[]),
            Self::List(Listed::Data) => (ins::LIST, (what::DATA, 0), &[]),
            Self::List(Listed::Inventory) => (ins::LIST, (0, 1), &[]),
            Self::CreateData(data) => (ins::CREATE_DATA, (0, 0), data),
            Self::ReadData(number) => (ins::READ_DATA, (0, number), &[]),
            Self::UpdateData(number, data) => (ins::UPDATE_DATA, (0, number), data),
            Self::Initialise(initialising) => (ins::INITIALISE, (0, 0), initialising.data),
            Self::GetChallenge(_) => (ins::GET_CHALLENGE, (0, 0), &[]),
        };
        // CLA 00 is ISO 7816-4's own: VERIFY and GET CHALLENGE.
        let class = if matches!(instruction, ins::VERIFY | ins::GET_CHALLENGE) { 0 } else { CLASS };
        let apdu = apdu::Command::new(class, instruction, p1, p2, data);
        if let Self::GetChallenge(length) = *self { apdu.expecting(length) } else { apdu }
    }
}

/// The commands of CLA 80 that are about keys, certificates and data.
fn own<'a>(apdu: &apdu::Command<'a>) -> Result<Command<'a>, StatusWord> {
    let (p1, p2, data) = (apdu.p1, apdu.p2, apdu.data);
    match apdu.instruction {
        ins::SIGN_PAYMENT => none(p1, p2).map(|()| Command::SignPayment(data)),
        ins::SIGN_REQUEST => of_container(p1, p2).map(|container| Command::SignRequest(container, data)),
        ins::GENERATE => Ok(Command::Generate(of_container(p1, p2)?, Wished::parse(data)?)),
        ins::GET_OBJECT => {
            let container = container(p2)?;
            let object = Object::parse(p1).ok_or(StatusWord::WRONG_P1P2)?;
            no_data(data).map(|()| Command::GetObject(object, container))
        }
        ins::INSTALL_CERTIFICATES => none(p1, p2).map(|()| Command::InstallCertificates(data)),
        ins::ATTEST => {
            let of = Attested::parse(p1, p2)?;
            no_data(data).map(|()| Command::Attest(of))
        }
        ins::GET_INFORMATION => none(p1, p2).and_then(|()| no_data(data)).map(|()| Command::GetInformation),
        ins::CREATE_KEY => place(p1, p2).map(|place| Command::CreateKey(place, data)),
        ins::IMPORT_KEY => place(p1, p2).map(|place| Command::ImportKey(place, data)),
        ins::USE_KEY => match (Uses::from_bits(p1), Container::parse(p2)) {
            (Some(uses), Some(container)) => Ok(Command::UseKey { uses, container, input: data }),
            _ => Err(StatusWord::WRONG_P1P2),
        },
        ins::PUT_CERTIFICATE => place(p1, p2).map(|place| Command::PutCertificate(place, data)),
        ins::SET_NAME => {
            let named = Named::parse(p1).ok_or(StatusWord::WRONG_P1P2)?;
            Ok(Command::SetName(named, container(p2)?, data))
        }
        ins::DELETE => {
            let deleted = Deleted::parse(p1, p2)?;
            no_data(data).map(|()| Command::Delete(deleted))
        }
        ins::LIST => {
            let listed = match (p1, p2) {
                (0, 0) => Listed::Containers,
                (what::DATA, 0) => Listed::Data,
                (0, 1) => Listed::Inventory,
                _ => return Err(StatusWord::WRONG_P1P2),
            };
            no_data(data).map(|()| Command::List(listed))
        }
        ins::CREATE_DATA => none(p1, p2).map(|()| Command::CreateData(data)),
        ins::READ_DATA => both(p1, 0, (0, 0)).and_then(|()| no_data(data)).map(|()| Command::ReadData(p2)),
        ins::UPDATE_DATA => both(p1, 0, (0, 0)).map(|()| Command::UpdateData(p2, data)),
        ins::INITIALISE => none(p1, p2).and_then(|()| Initialising::parse(data)).map(Command::Initialise),
        _ => Err(StatusWord::WRONG_INSTRUCTION),
    }
}

impl Object {
    const fn parse(p1: u8) -> Option<Self> {
        Some(match p1 {
            get::CERTIFICATE => Self::Certificate,
            get::PUBLIC_KEY => Self::PublicKey,
            get::PENDING_PUBLIC_KEY => Self::PendingPublicKey,
            get::KEY_NOTES => Self::KeyNotes,
            get::CERTIFICATE_NOTES => Self::CertificateNotes,
            _ => return None,
        })
    }
}

impl Attested {
    fn parse(p1: u8, p2: u8) -> Result<Self, StatusWord> {
        match (p1, p2) {
            (attest::TOKEN, 0) => Ok(Self::Token),
            (attest::KEY, _) => container(p2).map(Self::Key),
            (attest::PENDING_KEY, _) => container(p2).map(Self::PendingKey),
            _ => Err(StatusWord::WRONG_P1P2),
        }
    }

    const fn parameters(self) -> (u8, u8) {
        match self {
            Self::Token => (attest::TOKEN, 0),
            Self::Key(container) => (attest::KEY, container.reference()),
            Self::PendingKey(container) => (attest::PENDING_KEY, container.reference()),
        }
    }
}

impl Named {
    const fn parse(p1: u8) -> Option<Self> {
        match p1 {
            what::KEY => Some(Self::Key),
            what::CERTIFICATE => Some(Self::Certificate),
            _ => None,
        }
    }
}

impl Deleted {
    fn parse(p1: u8, p2: u8) -> Result<Self, StatusWord> {
        const BOTH: u8 = what::KEY | what::CERTIFICATE;
        let (key, certificate) = match p1 {
            what::KEY => (true, false),
            what::CERTIFICATE => (false, true),
            BOTH => (true, true),
            what::DATA => return Ok(Self::Data(p2)),
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        Ok(Self::Of { container: container(p2)?, key, certificate })
    }

    const fn parameters(self) -> (u8, u8) {
        match self {
            Self::Of { container, key, certificate } => {
                let what = if key { what::KEY } else { 0 } | if certificate { what::CERTIFICATE } else { 0 };
                (what, container.reference())
            }
            Self::Data(number) => (what::DATA, number),
        }
    }
}

fn both(p1: u8, p2: u8, expected: (u8, u8)) -> Result<(), StatusWord> {
    if (p1, p2) == expected { Ok(()) } else { Err(StatusWord::WRONG_P1P2) }
}

/// P1 and P2 are zero.
fn none(p1: u8, p2: u8) -> Result<(), StatusWord> {
    both(p1, p2, (0, 0))
}

fn container(p2: u8) -> Result<Container, StatusWord> {
    Container::parse(p2).ok_or(StatusWord::NO_SUCH_KEY)
}

/// P1 is zero, and P2 a container.
fn of_container(p1: u8, p2: u8) -> Result<Container, StatusWord> {
    if p1 == 0 { container(p2) } else { Err(StatusWord::NO_SUCH_KEY) }
}

fn place(p1: u8, p2: u8) -> Result<Place, StatusWord> {
    Place::parse(p1, p2).ok_or(StatusWord::WRONG_P1P2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use hex_literal::hex;
    use proptest::prelude::*;

    fn status(apdu: &[u8]) -> u16 {
        Command::parse(&apdu::Command::parse(apdu).unwrap()).err().map_or(0x9000, |status| status.0)
    }

    /// P1, P2 and the lengths of each command, right and wrong.
    #[test]
    fn what_the_parser_refuses() {
        for (apdu, word) in [
            (&hex!("00200080")[..], 0x9000),
            (&hex!("00200081"), 0x6A86),
            (&hex!("80200080"), 0x6D00),
            (&hex!("8024008106 800131 810132"), 0x9000),
            (&hex!("8024008206 800131 810132"), 0x6A86),
            (&hex!("8024018106 800131 810132"), 0x6A86),
            (&hex!("8024008105 8000 810132"), 0x6A80),
            (&hex!("802C008106 800131 810132"), 0x6A86),
            (&hex!("802A0000"), 0x9000),
            (&hex!("802A0050"), 0x6A86),
            (&hex!("802B0050"), 0x9000),
            (&hex!("802B0150"), 0x6A88),
            (&hex!("802B0051"), 0x6A88),
            (&hex!("8046009A03 800111"), 0x9000),
            (&hex!("8046009A03 800108"), 0x6A80),
            (&hex!("8046009A"), 0x6A80),
            (&hex!("80CA0450"), 0x9000),
            (&hex!("80CA0550"), 0x6A86),
            (&hex!("80CA0551"), 0x6A88),
            (&hex!("80CA005001 00"), 0x6700),
            (&hex!("80DB0001"), 0x6A86),
            (&hex!("80F90000"), 0x9000),
            (&hex!("80F9029E"), 0x9000),
            (&hex!("80F90050"), 0x6A86),
            (&hex!("80F90100"), 0x6A88),
            (&hex!("80F9000001 00"), 0x6700),
            (&hex!("80F20000"), 0x9000),
            (&hex!("80F20001"), 0x6A86),
            (&hex!("80F2000001 00"), 0x6700),
            (&hex!("80480000"), 0x9000),
            (&hex!("80480100"), 0x6A86),
            (&hex!("8049019A"), 0x9000),
            (&hex!("802D019A"), 0x9000),
            (&hex!("802D089A"), 0x6A86),
            (&hex!("802D0100"), 0x6A86),
            (&hex!("80DA029A"), 0x6A86),
            (&hex!("80DC019A"), 0x9000),
            (&hex!("80DC039A"), 0x6A86),
            (&hex!("80DC0100"), 0x6A88),
            (&hex!("80E4039A"), 0x9000),
            (&hex!("80E40300"), 0x6A88),
            (&hex!("80E40401"), 0x9000),
            (&hex!("80E4059A"), 0x6A86),
            (&hex!("80E4040101 00"), 0x6700),
            (&hex!("80F40000"), 0x9000),
            (&hex!("80F40400"), 0x9000),
            (&hex!("80F40001"), 0x9000),
            (&hex!("80F40002"), 0x6A86),
            (&hex!("80F40401"), 0x6A86),
            (&hex!("80F40100"), 0x6A86),
            (&hex!("80F4000001 00"), 0x6700),
            (&hex!("80E00001"), 0x6A86),
            (&hex!("80B00101"), 0x6A86),
            (&hex!("80B0000101 00"), 0x6700),
            (&hex!("80D60101"), 0x6A86),
            (&hex!("80F6000006 800131 810132"), 0x9000),
            (&hex!("80F6000006 800131 8101FF"), 0x6A80),
            (&hex!("80F6000106 800131 810132"), 0x6A86),
            (&hex!("0084000008"), 0x9000),
            (&hex!("00840000"), 0x6700),
            (&hex!("008400000100 08"), 0x6700),
            (&hex!("0084010008"), 0x6A86),
            (&hex!("80840000"), 0x6D00),
            (&hex!("0055000000"), 0x6D00),
            (&hex!("2055000000"), 0x6E00),
        ] {
            assert_eq!(status(apdu), word, "{apdu:02X?}");
        }
    }

    proptest! {
        /// What is parsed is printed as it came.
        #[test]
        fn prints_what_it_parses(class in prop::sample::select(&[0u8, 0x80]),
                instruction in prop::sample::select(&[0x20u8, 0x24, 0x2C, 0x2A, 0x2B, 0x46, 0xCA, 0xDB, 0xF9, 0xF2, 0x48,
                    0x49, 0x2D, 0xDA, 0xDC, 0xE4, 0xF4, 0xE0, 0xB0, 0xD6, 0xF6, 0x84]),
                p1 in 0u8..6, p2 in prop::sample::select(&[0u8, 1, 0x50, 0x80, 0x81, 0x82, 0x9A]),
                expected in prop_oneof![Just(None), (1u32..=65_536).prop_map(Some)],
                data in prop_oneof![
                    Just(Vec::new()),
                    Just(b"\x80\x01\x11".to_vec()),
                    Just(b"\x80\x01\x31\x81\x01\x32".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..20),
                ]) {
            let apdu = apdu::Command { expected, ..apdu::Command::new(class, instruction, p1, p2, &data) };
            if let Ok(command) = Command::parse(&apdu) {
                let printed = command.apdu();
                prop_assert_eq!(apdu::Command { expected, extended: apdu.extended, ..printed }, apdu);
                prop_assert!(printed.expected.is_none() || printed.expected == expected);
                let again = Command::parse(&apdu::Command { expected, ..printed });
                prop_assert!(again == Ok(command));
            }
        }
    }
}
