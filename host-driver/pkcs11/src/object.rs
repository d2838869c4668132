//! Objects (v2.40, 4). Token objects show what is in the token's containers. Session objects live in this process
//! only.

use card::{
    config::PaymentKey,
    holding::{self, Held},
};
use cryptoki_sys as ck;
use wire::{
    piv::{PinPolicy, Slot},
    shield::{Container, DataObject, KeyHead, KeyPolicy, MAX_ID, MAX_LABEL, MAX_VALUE, Name},
};
use zeroize::Zeroizing;

use crate::{
    algorithm::PublicKey,
    attribute::{AttributeType, Attributes},
    attribute_table, certificate,
    ckr::{Ckr, Result},
    notes::Notes,
};

/// A private key of the token's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where the key is.
    pub container: Container,
    /// The key's public half.
    pub public: PublicKey,
    /// When the key wants the PIN.
    pub pin: PinPolicy,
}

impl Key {
    /// The key as the token knows it.
    pub const fn held(&self) -> holding::Key {
        holding::Key { container: self.container, pin: self.pin }
    }
}

/// What private keys do. Which of these a key does is fixed on the token, and nobody widens it afterwards.
pub const PRIVATE_USES: [AttributeType; 5] =
    [ck::CKA_SIGN, ck::CKA_SIGN_RECOVER, ck::CKA_DECRYPT, ck::CKA_UNWRAP, ck::CKA_DERIVE];
/// What a public key does, and what its private key does then.
pub const PUBLIC_USES: [(AttributeType, AttributeType); 4] = [
    (ck::CKA_VERIFY, ck::CKA_SIGN),
    (ck::CKA_VERIFY_RECOVER, ck::CKA_SIGN_RECOVER),
    (ck::CKA_ENCRYPT, ck::CKA_DECRYPT),
    (ck::CKA_WRAP, ck::CKA_UNWRAP),
];

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// On the token, in this container: the object of this class.
    Container(Container, ck::CK_OBJECT_CLASS),
    /// On the token: the data object of this number.
    Data(u8),
    /// In this session, with which the object goes.
    Session(ck::CK_SESSION_HANDLE),
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// The object's attributes.
    pub attributes: Attributes,
    /// Where the object is.
    pub home: Home,
    /// The private key behind the object.
    pub key: Option<Key>,
    /// The notes on the container's key or certificate, or on the data object.
    pub notes: Notes,
}

impl Object {
    /// Puts notes over what the token tells of the object. A note that an object of this class cannot have is passed
    /// over: the token is not trusted to have kept what a host gave it.
    fn noted(mut self, notes: &Notes) -> Self {
        let class = self.class();
        for (kind, value) in
            notes.of(class).iter().filter(|(kind, value)| attribute_table::is_noted(class, *kind, value))
        {
            self.attributes.set(kind, value);
        }
        self.notes = notes.clone();
        self
    }

    /// Whether only a user who is logged in sees the object.
    pub fn is_private(&self) -> bool {
        self.attributes.is(ck::CKA_PRIVATE)
    }

    /// CKA_CLASS.
    pub fn class(&self) -> ck::CK_OBJECT_CLASS {
        self.attributes.number(ck::CKA_CLASS).unwrap_or(ck::CKO_VENDOR_DEFINED)
    }

    /// Whether the object is in the payment container.
    pub const fn is_of_payment(&self) -> bool {
        matches!(self.home, Home::Container(Container::Payment, _))
    }

    /// Whether the object is kept on the token.
    pub const fn is_on_token(&self) -> bool {
        !matches!(self.home, Home::Session(_))
    }

    /// The value of an attribute, as C_GetAttributeValue gives it.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID (5.7, C_GetAttributeValue).
    pub fn value(&self, kind: AttributeType) -> Result<&[u8]> {
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

/// The objects that show what the token holds.
pub fn shown(contents: &holding::Contents, payment_key: PaymentKey) -> Vec<Object> {
    let containers = contents.containers.iter().flat_map(|held| show(held, payment_key));
    containers.chain(contents.data.iter().map(|(number, data)| show_data(*number, data))).collect()
}

/// The objects that show what a container holds: private key, public key, certificate. The payment key is shown only
/// if the user wants that. While the payment key is hidden, its certificate is not marked as a user's: a program that
/// looks for the key of a certificate, or offers every user certificate to a server, must not stop at a key that
/// signs payment orders only.
fn show(held: &Held, payment_key: PaymentKey) -> Vec<Object> {
    let mut objects = Vec::new();
    let container = held.head.container;
    let fields = held.certificate.as_deref().and_then(certificate::fields);
    let subject = fields.as_ref().map(|fields| fields.subject.clone()).unwrap_or_default();
    let hidden = container == Container::Payment && payment_key == PaymentKey::Hide;
    let (on_key, on_certificate) = (Notes::parse(&held.key_notes), Notes::parse(&held.certificate_notes));
    if let Some(head) = held.head.key.as_ref().filter(|_| !hidden)
        && let Some(template) = &held.public_key
        && let Some(algorithm) = head.algorithm.of_key_pair()
        && let Some(public) = PublicKey::of_card(algorithm, template)
    {
        objects.push(private_key(container, head, &public, &subject).noted(&on_key));
        objects.push(public_key_object(container, head, &public, &subject).noted(&on_key));
    }
    if let (Some(head), Some(der)) = (&held.head.certificate, &held.certificate) {
        // A certificate without a name of its own has the name of its key.
        let key = held.head.key.as_ref().map(|key| key.name.clone()).unwrap_or_default();
        let name = Name {
            label: if head.name.label.is_empty() { key.label } else { head.name.label.clone() },
            id: if head.name.id.is_empty() { key.id } else { head.name.id.clone() },
            notes: Vec::new(),
        };
        let mut object = certificate_object(container, &name, der, fields.as_ref());
        // A certificate beside which a key stands is the user's own (4.6.2).
        if !hidden && held.head.key.is_some() {
            let category = ck::CK_CERTIFICATE_CATEGORY_TOKEN_USER;
            object.attributes.set_number(ck::CKA_CERTIFICATE_CATEGORY, category);
        }
        objects.push(object.noted(&on_certificate));
    }
    objects
}

/// A data object of the token's.
fn show_data(number: u8, data: &DataObject) -> Object {
    let mut attributes = Attributes::default();
    attributes.set_number(ck::CKA_CLASS, ck::CKO_DATA);
    attributes.set_flag(ck::CKA_TOKEN, true);
    attributes.set_flag(ck::CKA_PRIVATE, data.private);
    for kind in [ck::CKA_MODIFIABLE, ck::CKA_COPYABLE, ck::CKA_DESTROYABLE] {
        attributes.set_flag(kind, true);
    }
    attributes.set(ck::CKA_LABEL, data.label.as_str());
    attributes.set(ck::CKA_APPLICATION, data.application.as_str());
    attributes.set(ck::CKA_OBJECT_ID, data.object_id.as_slice());
    attributes.set(ck::CKA_VALUE, data.value.as_slice());
    let object = Object { attributes, home: Home::Data(number), key: None, notes: Notes::default() };
    object.noted(&Notes::parse(&data.notes))
}

/// The data object for the token that these attributes describe.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID: a value is longer than the token takes, or a text is not UTF-8.
pub fn data_of(attributes: &Attributes) -> Result<DataObject> {
    let value = attributes.bytes(ck::CKA_VALUE);
    let object_id = attributes.bytes(ck::CKA_OBJECT_ID);
    if value.len() > MAX_VALUE || object_id.len() > MAX_ID {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    Ok(DataObject {
        private: attributes.is(ck::CKA_PRIVATE),
        label: text(attributes, ck::CKA_LABEL)?,
        application: text(attributes, ck::CKA_APPLICATION)?,
        object_id: object_id.to_vec(),
        value: value.to_vec(),
        notes: Notes::on(attribute_table::noted(ck::CKO_DATA, attributes)).bytes()?,
    })
}

/// The name of a key or a certificate on the token that these attributes describe.
///
/// # Errors
/// As [`data_of`].
pub fn name_of(attributes: &Attributes) -> Result<Name> {
    let id = attributes.bytes(ck::CKA_ID).to_vec();
    if id.len() > MAX_ID {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    Ok(Name { label: text(attributes, ck::CKA_LABEL)?, id, notes: Vec::new() })
}

/// That a private key's template does not contradict the token: no key leaves the token, and no key wants its PIN
/// each time and needs no login.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT.
pub fn check_private(template: &Attributes) -> Result<()> {
    let everybody = template.flag(ck::CKA_PRIVATE) == Some(false);
    if template.is(ck::CKA_EXTRACTABLE) || everybody && template.is(ck::CKA_ALWAYS_AUTHENTICATE) {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    Ok(())
}

/// A key that was once not sensitive was not always sensitive, whatever becomes of the key (4.9).
pub fn note_history(notes: &mut Attributes) {
    if notes.flag(ck::CKA_SENSITIVE) == Some(false) {
        notes.set_flag(ck::CKA_ALWAYS_SENSITIVE, false);
    }
}

fn text(attributes: &Attributes, kind: AttributeType) -> Result<String> {
    let bytes = attributes.bytes(kind);
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= MAX_LABEL => Ok(text.into()),
        _ => Err(Ckr::ATTRIBUTE_VALUE_INVALID),
    }
}

/// The container whose default CKA_ID this is: where a new key with that id goes, if it is free.
pub fn container_of(id_wanted: &[u8]) -> Option<Container> {
    Container::all().find(|container| *container != Container::Payment && [id(*container)] == *id_wanted)
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

fn object(container: Container, name: &Name, class: ck::CK_OBJECT_CLASS) -> Object {
    // The payment key and its certificate are the bank's: no host renames, replaces or removes them.
    let ours = container != Container::Payment;
    let mut attributes = Attributes::default();
    attributes.set_number(ck::CKA_CLASS, class);
    attributes.set_flag(ck::CKA_TOKEN, true);
    attributes.set_flag(ck::CKA_PRIVATE, false);
    attributes.set_flag(ck::CKA_MODIFIABLE, ours);
    attributes.set_flag(ck::CKA_COPYABLE, class != ck::CKO_PRIVATE_KEY);
    // A public key is destroyed with its private key, never alone.
    attributes.set_flag(ck::CKA_DESTROYABLE, ours && class != ck::CKO_PUBLIC_KEY);
    attributes.set(ck::CKA_LABEL, name.label.as_str());
    attributes.set(ck::CKA_ID, name.id.as_slice());
    if name.label.is_empty() {
        attributes.set(ck::CKA_LABEL, label(container));
    }
    if name.id.is_empty() {
        attributes.set(ck::CKA_ID, [id(container)]);
    }
    Object { attributes, home: Home::Container(container, class), key: None, notes: Notes::default() }
}

fn key_object(
    container: Container,
    class: ck::CK_OBJECT_CLASS,
    head: &KeyHead,
    public: &PublicKey,
    subject: &[u8],
) -> Object {
    let mut object = object(container, &head.name, class);
    let attributes = &mut object.attributes;
    attributes.set(ck::CKA_SUBJECT, subject);
    attributes.set(ck::CKA_START_DATE, []);
    attributes.set(ck::CKA_END_DATE, []);
    attributes.set_flag(ck::CKA_LOCAL, !head.imported);
    let made_here = public.key_type().generation();
    let generated = if head.imported { ck::CK_UNAVAILABLE_INFORMATION } else { made_here };
    attributes.set_number(ck::CKA_KEY_GEN_MECHANISM, generated);
    object
}

fn private_key(container: Container, head: &KeyHead, public: &PublicKey, subject: &[u8]) -> Object {
    let mut object = key_object(container, ck::CKO_PRIVATE_KEY, head, public, subject);
    let KeyPolicy { pin, uses } = head.policy;
    let attributes = &mut object.attributes;
    public.show_to_private(attributes);
    attributes.set_flag(ck::CKA_PRIVATE, pin != PinPolicy::Never);
    attributes.set_flag(ck::CKA_SENSITIVE, true);
    attributes.set_flag(ck::CKA_ALWAYS_SENSITIVE, !head.imported);
    attributes.set_flag(ck::CKA_EXTRACTABLE, false);
    attributes.set_flag(ck::CKA_NEVER_EXTRACTABLE, !head.imported);
    // The payment key has none of these uses: the payment key signs payment orders that its holder saw, and nothing
    // that comes by PKCS#11.
    for kind in PRIVATE_USES {
        attributes.set_flag(kind, public.key_type().may(uses, kind));
    }
    attributes.set_flag(ck::CKA_WRAP_WITH_TRUSTED, false);
    attributes.set_flag(ck::CKA_ALWAYS_AUTHENTICATE, pin == PinPolicy::Always);
    object.key = Some(Key { container, public: public.clone(), pin });
    object
}

fn public_key_object(container: Container, head: &KeyHead, public: &PublicKey, subject: &[u8]) -> Object {
    let mut object = key_object(container, ck::CKO_PUBLIC_KEY, head, public, subject);
    let attributes = &mut object.attributes;
    public.show(attributes);
    for (kind, of_private) in PUBLIC_USES {
        attributes.set_flag(kind, public.key_type().does(of_private));
    }
    // CKA_DERIVE stands on both halves of a pair.
    attributes.set_flag(ck::CKA_DERIVE, public.key_type().may(head.policy.uses, ck::CKA_DERIVE));
    attributes.set_flag(ck::CKA_TRUSTED, false);
    object
}

fn certificate_object(
    container: Container,
    name: &Name,
    der: &[u8],
    fields: Option<&certificate::Fields>,
) -> Object {
    let mut object = object(container, name, ck::CKO_CERTIFICATE);
    complete_certificate(&mut object.attributes, der, fields);
    object
}

/// Sets what a certificate says of itself, where the attributes say nothing else.
pub fn complete_certificate(attributes: &mut Attributes, der: &[u8], fields: Option<&certificate::Fields>) {
    attributes.set_number(ck::CKA_CERTIFICATE_TYPE, ck::CKC_X_509);
    attributes
        .set_default(ck::CKA_CERTIFICATE_CATEGORY, ck::CK_CERTIFICATE_CATEGORY_UNSPECIFIED.to_ne_bytes());
    attributes.set_default(ck::CKA_TRUSTED, [ck::CK_FALSE]);
    attributes.set_default(ck::CKA_CHECK_VALUE, certificate::check_value(der));
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
