//! Whom a certificate names: organisation, unit, name, the user's ID. Source: RFC 5280, 4.1.2.6 and appendix A.1.

use const_oid::{
    ObjectIdentifier,
    db::rfc4519::{CN, O, ORGANIZATIONAL_UNIT_NAME as OU, SERIAL_NUMBER},
};
use der::{Any, Decode as _, Encode as _, Tag};
use wire::display::escaped;
use x509_cert::{attr::AttributeTypeAndValue, name::Name};

use crate::{Error, Reason};

/// The organizationalUnit of every certificate whose key lives in an emulated token.
pub const TEST_UNIT: &str = "U-shield test token";

/// The organisation of a CA that was not told another.
pub const DEFAULT_ORGANISATION: &str = "U-shield Test Bank";

/// The subject of a personal certificate, in this order: O, OU, CN, serialNumber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// O: the bank, 1 to 64 characters.
    pub organisation: String,
    /// OU: [`TEST_UNIT`] for an emulated token.
    pub unit: Option<String>,
    /// CN: the person's name, 1 to 64 characters.
    pub name: String,
    /// serialNumber (2.5.4.5): the user's ID at the bank, 1 to 64 characters of PrintableString.
    pub user_id: String,
}

impl Subject {
    /// The attributes in order.
    pub fn attributes(&self) -> Vec<(ObjectIdentifier, String)> {
        let unit = self.unit.iter().map(|unit| (OU, unit.clone()));
        [(O, self.organisation.clone())]
            .into_iter()
            .chain(unit)
            .chain([(CN, self.name.clone()), (SERIAL_NUMBER, self.user_id.clone())])
            .collect()
    }

    /// Reads attributes that are these, in this order, and no others.
    pub fn from_attributes(attributes: &[(ObjectIdentifier, String)]) -> Option<Self> {
        let value = |oid| attributes.iter().find(|(other, _)| *other == oid).map(|(_, text)| text.clone());
        let subject = Self {
            organisation: value(O)?,
            unit: value(OU),
            name: value(CN)?,
            user_id: value(SERIAL_NUMBER)?,
        };
        (subject.attributes() == attributes).then_some(subject)
    }

    /// The rules: lengths, and nothing that a screen cannot show honestly.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), Error> {
        check_text("organisation", &self.organisation)?;
        if let Some(unit) = &self.unit {
            check_text("unit", unit)?;
        }
        check_text("name", &self.name)?;
        check_text("user ID", &self.user_id)?;
        if self.user_id.chars().all(writable) {
            return Ok(());
        }
        Err(invalid("user ID", "has other characters than letters, digits, space and '()+,-./:= of ASCII"))
    }

    /// The name as requests and certificates have it.
    ///
    /// # Errors
    /// [`Reason::Invalid`]: a text that no name holds.
    pub fn name(&self) -> Result<Name, Error> {
        name(&self.attributes())
    }
}

/// A name of these attributes, each a RelativeDistinguishedName of its own: UTF8String, but PrintableString for serialNumber
/// (RFC 5280, appendix A.1).
///
/// # Errors
/// [`Reason::Invalid`]: a text that no name holds.
pub fn name(attributes: &[(ObjectIdentifier, String)]) -> Result<Name, Error> {
    let one = |(oid, text): &(ObjectIdentifier, String)| -> der::Result<Vec<u8>> {
        let tag = if *oid == SERIAL_NUMBER { Tag::PrintableString } else { Tag::Utf8String };
        let attribute = AttributeTypeAndValue { oid: *oid, value: Any::new(tag, text.as_bytes())? };
        Any::new(Tag::Set, attribute.to_der()?)?.to_der()
    };
    let whole = || -> der::Result<Name> {
        let sets = attributes.iter().map(one).collect::<der::Result<Vec<_>>>()?;
        Name::from_der(&Any::new(Tag::Sequence, sets.concat())?.to_der()?)
    };
    whole().map_err(|fault| invalid("name", &format!("does not fit a certificate ({fault})")))
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (ID {}, {})", escaped(&self.name), escaped(&self.user_id), escaped(&self.organisation))
    }
}

/// What PrintableString has (X.680, 41.4; X.520, 6.2.9: serialNumber is one), but for the question mark: no ID of a CA of a former
/// version has one, because the crate that wrote certificates then could not write it.
pub fn writable(c: char) -> bool {
    c.is_ascii_alphanumeric() || " '()+,-./:=".contains(c)
}

/// Checks that a text has 1 to 64 characters (RFC 5280, A.1: ub-common-name), and that a token's screen shows it
/// ([`wire::display`]). Nobody could have asked on a token for a certificate under a name that no screen shows.
///
/// # Errors
/// Another text.
pub fn check_text(what: &str, text: &str) -> Result<(), Error> {
    if !(1..=64).contains(&text.chars().count()) {
        return Err(invalid(what, "is not of 1 to 64 characters"));
    }
    wire::display::check_text(text).map_err(|fault| invalid(what, &fault.to_string()))
}

fn invalid(what: &str, why: &str) -> Error {
    Error::new(
        Reason::Invalid,
        format!("the {what} was refused"),
        format!("it {why}"),
        "correct it and run the command again",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn zhang() -> Subject {
        Subject {
            organisation: DEFAULT_ORGANISATION.into(),
            unit: Some(TEST_UNIT.into()),
            name: "张三".into(),
            user_id: "6222020200112233".into(),
        }
    }

    #[test]
    fn attributes_travel() {
        let subject = zhang();
        subject.check().unwrap();
        assert_eq!(Subject::from_attributes(&subject.attributes()), Some(subject.clone()));
        let mut reordered = subject.attributes();
        reordered.swap(0, 2);
        assert_eq!(Subject::from_attributes(&reordered), None);
        let mut twice = subject.attributes();
        twice.push((CN, "李四".into()));
        assert_eq!(Subject::from_attributes(&twice), None);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        for name in [
            "",
            " 张三",
            "张\u{202E}三",
            "张\u{200B}三",
            "a\nb",
            "张  三",
            "e\u{301}",
            "Аlice",
            "中国エ商银行",
            &"长".repeat(65),
        ] {
            let subject = Subject { name: name.into(), ..zhang() };
            assert_eq!(subject.check().unwrap_err().reason(), Reason::Invalid, "{name:?}");
        }
        for user_id in ["张三", "a?b", "a*b", "a@b", "a_b", "a&b"] {
            let subject = Subject { user_id: user_id.into(), ..zhang() };
            assert_eq!(subject.check().unwrap_err().reason(), Reason::Invalid, "{user_id}");
        }
        assert!(Subject { user_id: "aZ09 '()+,-./:=".into(), ..zhang() }.check().is_ok());
        assert!(Subject { name: "长".repeat(64), ..zhang() }.check().is_ok());
    }

    proptest! {
        /// Whatever passes the rules can be written, and is read as it was.
        #[test]
        fn what_passes_is_written(
            organisation in "\\PC{0,20}", name in "\\PC{0,20}", user_id in "[ -~]{0,12}|\\PC{0,12}",
        ) {
            let subject = Subject { organisation, unit: None, name, user_id };
            if subject.check().is_ok() {
                let read: Vec<_> = subject.name().unwrap().iter().map(|attribute| {
                    let text = std::str::from_utf8(attribute.value.value()).unwrap();
                    (attribute.oid, text.to_owned())
                }).collect();
                prop_assert_eq!(read, subject.attributes());
            }
        }
    }
}
