//! Objects (v2.40, 4): those that the token holds, shown from its containers, and those of a session, which live
//! in this process only.

use card::{piv::Piv, shield::Shield};
use cryptoki_sys as ck;
use wire::{
    piv::{PinPolicy, Slot},
    shield::{Container, KeyPolicy, Uses},
};
use zeroize::Zeroizing;

use crate::{
    attribute::{Attributes, Kind},
    certificate,
    ckr::{Ckr, Result},
    public_key::{self, PublicKey},
};

/// A private key of the token's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it is.
    pub container: Container,
    /// Its public half.
    pub public: PublicKey,
    /// When it wants the PIN.
    pub pin: PinPolicy,
}

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The token's: what of which container.
    Token(Container, ck::CK_OBJECT_CLASS),
    /// This session's, gone with it.
    Session(ck::CK_SESSION_HANDLE),
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its attributes.
    pub attributes: Attributes,
    /// Whose it is.
    pub home: Home,
    /// The private key behind it.
    pub key: Option<Key>,
}

/// What a container holds.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The public key in use, tag 7F49.
    pub public_key: Option<Vec<u8>>,
    /// The certificate, DER.
    pub certificate: Option<Vec<u8>>,
}

impl Object {
    /// Whether those who have not logged in see it.
    pub fn is_private(&self) -> bool {
        self.attributes.is(ck::CKA_PRIVATE)
    }

    /// CKA_CLASS.
    pub fn class(&self) -> ck::CK_OBJECT_CLASS {
        self.attributes.number(ck::CKA_CLASS).unwrap_or(ck::CKO_VENDOR_DEFINED)
    }

    /// Whether it is kept on the token.
    pub const fn is_on_token(&self) -> bool {
        matches!(self.home, Home::Token(..))
    }

    /// The value of an attribute, for whoever asks.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID (5.7, C_GetAttributeValue).
    pub fn value(&self, kind: Kind) -> Result<&[u8]> {
        let secret = match self.class() {
            ck::CKO_PRIVATE_KEY => matches!(
                kind,
                ck::CKA_VALUE
                    | ck::CKA_PRIVATE_EXPONENT
                    | ck::CKA_PRIME_1
                    | ck::CKA_PRIME_2
                    | ck::CKA_EXPONENT_1
                    | ck::CKA_EXPONENT_2
                    | ck::CKA_COEFFICIENT
            ),
            ck::CKO_SECRET_KEY => kind == ck::CKA_VALUE && !self.is_extractable(),
            _ => false,
        };
        if secret {
            return Err(Ckr::ATTRIBUTE_SENSITIVE);
        }
        self.attributes.get(kind).ok_or(Ckr::ATTRIBUTE_TYPE_INVALID)
    }

    fn is_extractable(&self) -> bool {
        !self.attributes.is(ck::CKA_SENSITIVE) && self.attributes.is(ck::CKA_EXTRACTABLE)
    }

    /// The bytes of a secret key.
    pub fn secret(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.attributes.bytes(ck::CKA_VALUE).to_vec())
    }
}

/// Reads what a container holds. The shield applet is selected.
///
/// # Errors
/// The card's.
pub fn read(shield: &mut Shield<'_>, container: Container) -> core::result::Result<Contents, card::Error> {
    Ok(Contents { public_key: shield.public_key(container)?, certificate: shield.certificate(container)? })
}

/// The objects that show what a container holds: private key, public key, certificate.
pub fn show(container: Container, contents: &Contents) -> Vec<Object> {
    let mut objects = Vec::new();
    let fields = contents.certificate.as_deref().and_then(certificate::fields);
    let subject = fields.as_ref().map(|fields| fields.subject.clone()).unwrap_or_default();
    if let Some(public) = contents.public_key.as_deref().and_then(PublicKey::of_card) {
        objects.push(private_key(container, &public, &subject));
        objects.push(public_key_object(container, &public, &subject));
    }
    if let Some(der) = &contents.certificate {
        objects.push(certificate_object(container, der, fields.as_ref()));
    }
    objects
}

/// CKA_ID: as OpenSC numbers the keys of PIV, so that a `pkcs11:` URI works by either module; 50 the payment key.
const fn id(container: Container) -> u8 {
    match container {
        Container::Piv(Slot::Authentication) => 0x01,
        Container::Piv(Slot::Signature) => 0x02,
        Container::Piv(Slot::KeyManagement) => 0x03,
        Container::Piv(Slot::CardAuthentication) => 0x04,
        Container::Piv(Slot::Retired(retired)) => 0x04 + retired.number(),
        Container::Payment => container.reference(),
    }
}

/// CKA_LABEL.
fn label(container: Container) -> String {
    match container {
        Container::Piv(Slot::Authentication) => "authentication".into(),
        Container::Piv(Slot::Signature) => "signature".into(),
        Container::Piv(Slot::KeyManagement) => "key management".into(),
        Container::Piv(Slot::CardAuthentication) => "card authentication".into(),
        Container::Piv(Slot::Retired(retired)) => format!("retired {}", retired.number()),
        Container::Payment => "payment".into(),
    }
}

fn object(container: Container, class: ck::CK_OBJECT_CLASS) -> Object {
    let mut attributes = Attributes::default();
    attributes.set_number(ck::CKA_CLASS, class);
    attributes.set_flag(ck::CKA_TOKEN, true);
    attributes.set_flag(ck::CKA_PRIVATE, false);
    attributes.set_flag(ck::CKA_MODIFIABLE, false);
    attributes.set_flag(ck::CKA_COPYABLE, class != ck::CKO_PRIVATE_KEY);
    attributes.set_flag(ck::CKA_DESTROYABLE, false);
    attributes.set(ck::CKA_LABEL, label(container));
    attributes.set(ck::CKA_ID, [id(container)]);
    Object { attributes, home: Home::Token(container, class), key: None }
}

fn key_object(
    container: Container,
    class: ck::CK_OBJECT_CLASS,
    public: &PublicKey,
    subject: &[u8],
) -> Object {
    let mut object = object(container, class);
    let attributes = &mut object.attributes;
    attributes.set(ck::CKA_SUBJECT, subject);
    attributes.set(ck::CKA_START_DATE, []);
    attributes.set(ck::CKA_END_DATE, []);
    attributes.set_flag(ck::CKA_LOCAL, true);
    let generated = match public {
        PublicKey::Ec { .. } => ck::CKM_EC_KEY_PAIR_GEN,
        PublicKey::Rsa { .. } => ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
    };
    attributes.set_number(ck::CKA_KEY_GEN_MECHANISM, generated);
    object
}

fn private_key(container: Container, public: &PublicKey, subject: &[u8]) -> Object {
    let mut object = key_object(container, ck::CKO_PRIVATE_KEY, public, subject);
    let KeyPolicy { pin, uses } = KeyPolicy::of(container);
    let attributes = &mut object.attributes;
    public.show_to_private(attributes);
    let ec = matches!(public, PublicKey::Ec { .. });
    attributes.set_flag(ck::CKA_PRIVATE, pin != PinPolicy::Never);
    attributes.set_flag(ck::CKA_SENSITIVE, true);
    attributes.set_flag(ck::CKA_ALWAYS_SENSITIVE, true);
    attributes.set_flag(ck::CKA_EXTRACTABLE, false);
    attributes.set_flag(ck::CKA_NEVER_EXTRACTABLE, true);
    // The payment key has none of these uses: it signs payment orders that its holder saw, and nothing that comes by
    // PKCS#11.
    attributes.set_flag(ck::CKA_SIGN, uses.has(Uses::SIGN));
    attributes.set_flag(ck::CKA_SIGN_RECOVER, !ec && uses.has(Uses::SIGN));
    attributes.set_flag(ck::CKA_DECRYPT, !ec && uses.has(Uses::DECRYPT));
    attributes.set_flag(ck::CKA_UNWRAP, !ec && uses.has(Uses::DECRYPT));
    attributes.set_flag(ck::CKA_DERIVE, ec && uses.has(Uses::AGREE));
    attributes.set_flag(ck::CKA_WRAP_WITH_TRUSTED, false);
    attributes.set_flag(ck::CKA_ALWAYS_AUTHENTICATE, pin == PinPolicy::Always);
    object.key = Some(Key { container, public: public.clone(), pin });
    object
}

fn public_key_object(container: Container, public: &PublicKey, subject: &[u8]) -> Object {
    let mut object = key_object(container, ck::CKO_PUBLIC_KEY, public, subject);
    let attributes = &mut object.attributes;
    public.show(attributes);
    let rsa = matches!(public, PublicKey::Rsa { .. });
    attributes.set_flag(ck::CKA_VERIFY, true);
    attributes.set_flag(ck::CKA_VERIFY_RECOVER, rsa);
    attributes.set_flag(ck::CKA_ENCRYPT, rsa);
    attributes.set_flag(ck::CKA_WRAP, rsa);
    attributes.set_flag(ck::CKA_DERIVE, false);
    attributes.set_flag(ck::CKA_TRUSTED, false);
    object
}

fn certificate_object(container: Container, der: &[u8], fields: Option<&certificate::Fields>) -> Object {
    let mut object = object(container, ck::CKO_CERTIFICATE);
    complete_certificate(&mut object.attributes, der, fields);
    object
}

/// Sets what a certificate says of itself, where nothing else is said.
pub fn complete_certificate(attributes: &mut Attributes, der: &[u8], fields: Option<&certificate::Fields>) {
    attributes.set_number(ck::CKA_CERTIFICATE_TYPE, ck::CKC_X_509);
    attributes
        .set_default(ck::CKA_CERTIFICATE_CATEGORY, ck::CK_CERTIFICATE_CATEGORY_TOKEN_USER.to_ne_bytes());
    attributes.set_default(ck::CKA_TRUSTED, [ck::CK_FALSE]);
    attributes.set(ck::CKA_CHECK_VALUE, public_key::check_value(der));
    attributes.set(ck::CKA_VALUE, der);
    let fields = fields.cloned().unwrap_or_default();
    attributes.set_default(ck::CKA_SUBJECT, fields.subject);
    attributes.set_default(ck::CKA_ISSUER, fields.issuer);
    attributes.set_default(ck::CKA_SERIAL_NUMBER, fields.serial);
    attributes.set_default(ck::CKA_PUBLIC_KEY_INFO, fields.public_key_info);
    let [start, end] = fields.dates.map(|date| date.map_or(Vec::new(), |date| date.to_vec()));
    attributes.set_default(ck::CKA_START_DATE, start);
    attributes.set_default(ck::CKA_END_DATE, end);
}

/// The PIV slot of a container, for the commands that only PIV has.
///
/// # Errors
/// CKR_KEY_FUNCTION_NOT_PERMITTED: the payment key is no slot's.
pub const fn slot(container: Container) -> Result<Slot> {
    match container {
        Container::Piv(slot) => Ok(slot),
        Container::Payment => Err(Ckr::KEY_FUNCTION_NOT_PERMITTED),
    }
}

/// A private key's work on a card with PIV selected.
///
/// # Errors
/// The card's.
pub type Work<'a> =
    dyn FnMut(&mut Piv<'_>, Slot) -> core::result::Result<Zeroizing<Vec<u8>>, card::Error> + 'a;
