//! Certificates and CRLs by hand, each part of which a case can bend. Source: RFC 5280, 4.1, 4.2 and 5.

use crate::{
    der::{
        bits, boolean, context, integer, octets, oid, printable, sequence, set, time, tlv, unsigned, utf8,
    },
    key::Key,
};

pub(crate) const COMMON_NAME: &str = "2.5.4.3";
pub(crate) const SERIAL_NUMBER: &str = "2.5.4.5";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const CRL_NUMBER: &str = "2.5.29.20";
pub(crate) const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";
pub(crate) const DISTRIBUTION_POINTS: &str = "2.5.29.31";
pub(crate) const PAYMENT: &str = "1.3.6.1.4.1.32473.20.2";
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub(crate) const ANY_PURPOSE: &str = "2.5.29.37.0";
/// The type of an extension that nobody knows, in the arc for documentation.
pub(crate) const UNKNOWN: &str = "1.3.6.1.4.1.32473.99";

/// The payer's ID at the bank, which is the payer's account, too.
pub(crate) const PAYER: &str = "6222020000000001";

/// The certificates are valid for decades, so that the documents do not expire.
const FROM: &str = "20200101000000Z";
const UNTIL: &str = "20991231235959Z";

/// digitalSignature is bit 0: the highest of the first byte.
pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(crate) const NON_REPUDIATION: u8 = 0x40;
pub(crate) const KEY_CERT_SIGN: u8 = 0x04;
pub(crate) const CRL_SIGN: u8 = 0x02;

/// A name: type and text of each attribute.
pub(crate) fn name(attributes: &[(&str, &str)]) -> Vec<u8> {
    let text = |kind: &str, text: &str| if kind == SERIAL_NUMBER { printable(text) } else { utf8(text) };
    let attribute = |(kind, value): &(&str, &str)| set(&[&sequence(&[&oid(kind), &text(kind, value)])]);
    tlv(
        0x30,
        &attributes.iter().map(attribute).collect::<Vec<_>>().iter().map(Vec::as_slice).collect::<Vec<_>>(),
    )
}

/// KeyUsage, DER: no trailing zero bits (X.690, 11.2.2).
pub(crate) fn usage(flags: u8) -> Vec<u8> {
    if flags == 0 {
        return tlv(3, &[&[0]]);
    }
    tlv(3, &[&[u8::try_from(flags.trailing_zeros()).unwrap()], &[flags]])
}

pub(crate) fn purposes(oids: &[&str]) -> Vec<u8> {
    sequence(
        &oids
            .iter()
            .map(|dotted| oid(dotted))
            .collect::<Vec<_>>()
            .iter()
            .map(Vec::as_slice)
            .collect::<Vec<_>>(),
    )
}

/// BasicConstraints of a CA.
pub(crate) fn authority(path_length: Option<u64>) -> Vec<u8> {
    sequence(&[&boolean(true), &path_length.map(integer).unwrap_or_default()])
}

/// An Extension; `critical` has the default FALSE, which DER leaves out.
pub(crate) fn extension(kind: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { boolean(true) } else { Vec::new() };
    sequence(&[&oid(kind), &critical, &octets(value)])
}

/// A certificate before it is signed.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// The version in its tag [0], whole; or nothing.
    pub(crate) version: Vec<u8>,
    /// The serial number, an INTEGER.
    pub(crate) serial: Vec<u8>,
    /// The signature algorithms inside and outside of the signed part, where they differ from the signer's own.
    pub(crate) algorithms: Option<[Vec<u8>; 2]>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) subject: Vec<u8>,
    pub(crate) key: Vec<u8>,
    /// The extensions, each with its type, whether it is critical, and its value.
    pub(crate) extensions: Vec<(String, bool, Vec<u8>)>,
}

impl Certificate {
    pub(crate) fn new(serial: u8, subject: &[u8], key: &Key) -> Self {
        Self {
            version: context(0, &[&integer(2)]),
            serial: integer(u64::from(serial)),
            algorithms: None,
            issuer: Vec::new(),
            from: FROM.into(),
            until: UNTIL.into(),
            subject: subject.to_vec(),
            key: key.info(),
            extensions: Vec::new(),
        }
    }

    /// A customer's payment certificate, as the bank's CA issues them.
    pub(crate) fn payment(key: &Key) -> Self {
        Self::new(0x42, &name(&[(COMMON_NAME, "张三"), (SERIAL_NUMBER, PAYER)]), key)
            .with(BASIC_CONSTRAINTS, true, &sequence(&[]))
            .with(KEY_USAGE, true, &usage(DIGITAL_SIGNATURE | NON_REPUDIATION))
            .with(EXTENDED_KEY_USAGE, true, &purposes(&[PAYMENT]))
    }

    /// A CA's certificate.
    pub(crate) fn authority(serial: u8, common_name: &str, key: &Key) -> Self {
        Self::new(serial, &name(&[(COMMON_NAME, common_name)]), key)
            .with(BASIC_CONSTRAINTS, true, &authority(None))
            .with(KEY_USAGE, true, &usage(KEY_CERT_SIGN | CRL_SIGN))
    }

    /// The certificate with this extension, which replaces an extension of the same type or comes last.
    pub(crate) fn with(mut self, kind: &str, critical: bool, value: &[u8]) -> Self {
        let new = (kind.to_owned(), critical, value.to_vec());
        match self.extensions.iter_mut().find(|(found, ..)| found == kind) {
            Some(old) => *old = new,
            None => self.extensions.push(new),
        }
        self
    }

    pub(crate) fn without(mut self, kind: &str) -> Self {
        self.extensions.retain(|(found, ..)| found != kind);
        self
    }

    pub(crate) fn serial(mut self, serial: u8) -> Self {
        self.serial = integer(u64::from(serial));
        self
    }

    pub(crate) fn between(mut self, from: &str, until: &str) -> Self {
        (self.from, self.until) = (from.into(), until.into());
        self
    }

    pub(crate) fn signed_by(mut self, issuer: &Authority) -> Vec<u8> {
        self.issuer = issuer.name.clone();
        self.signed(&issuer.key)
    }

    /// The certificate, signed by this key. The issuer's name stays as it is.
    pub(crate) fn signed(&self, key: &Key) -> Vec<u8> {
        let [inside, outside] = self.algorithms.clone().unwrap_or_else(|| [key.algorithm(), key.algorithm()]);
        let validity = sequence(&[&time(&self.from), &time(&self.until)]);
        let extensions: Vec<_> =
            self.extensions.iter().map(|(kind, critical, value)| extension(kind, *critical, value)).collect();
        let extensions = match &extensions[..] {
            [] => Vec::new(),
            all => context(3, &[&sequence(&[&all.concat()])]),
        };
        let body = sequence(&[
            &self.version,
            &self.serial,
            &inside,
            &self.issuer,
            &validity,
            &self.subject,
            &self.key,
            &extensions,
        ]);
        sequence(&[&body, &outside, &bits(&key.sign(&body))])
    }
}

/// A CA: the holder of a key, with a name and a certificate.
pub(crate) struct Authority {
    pub(crate) key: Key,
    pub(crate) name: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
}

impl Authority {
    /// A root whose key is made from the root's name.
    pub(crate) fn root(common_name: &str) -> Self {
        Self::with(Key::p256(common_name), common_name, |certificate| certificate)
    }

    /// A root whose certificate is changed by `bend` before it is signed.
    pub(crate) fn with(key: Key, common_name: &str, bend: impl Fn(Certificate) -> Certificate) -> Self {
        let mut certificate = bend(Certificate::authority(1, common_name, &key));
        certificate.issuer.clone_from(&certificate.subject);
        let name = certificate.subject.clone();
        Self { certificate: certificate.signed(&key), name, key }
    }

    /// A CA whose certificate this CA issues.
    pub(crate) fn branch(
        &self,
        serial: u8,
        common_name: &str,
        bend: impl Fn(Certificate) -> Certificate,
    ) -> Self {
        let key = Key::p256(common_name);
        let certificate = bend(Certificate::authority(serial, common_name, &key));
        let name = certificate.subject.clone();
        Self { certificate: certificate.signed_by(self), name, key }
    }

    /// A customer's certificate in the hands of somebody who issues with it.
    pub(crate) fn of_customer(key: Key, certificate: Certificate, issuer: &Self) -> Self {
        let name = certificate.subject.clone();
        Self { certificate: certificate.signed_by(issuer), name, key }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        crate::der::pem("CERTIFICATE", &[&self.certificate])
    }
}

/// A CRL before it is signed.
#[derive(Clone)]
pub(crate) struct Crl {
    pub(crate) this_update: String,
    pub(crate) next_update: Option<String>,
    /// The revoked certificates: serial number, date, and the entry's extensions in DER.
    pub(crate) revoked: Vec<(u8, String, Vec<u8>)>,
    /// The extensions of the list, each in DER.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Crl {
    /// The CRL with this number, which lists these serial numbers. The day in May is the number.
    pub(crate) fn new(number: u8, revoked: &[u8]) -> Self {
        Self {
            this_update: format!("202605{number:02}000000Z"),
            next_update: Some(UNTIL.into()),
            revoked: revoked.iter().map(|serial| (*serial, "20260501000000Z".into(), Vec::new())).collect(),
            extensions: vec![extension(CRL_NUMBER, false, &integer(u64::from(number)))],
        }
    }

    pub(crate) fn between(mut self, this: &str, next: &str) -> Self {
        (self.this_update, self.next_update) = (this.into(), Some(next.into()));
        self
    }

    pub(crate) fn with(mut self, kind: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(kind, critical, value));
        self
    }

    /// The CRL with this reason for each listed certificate (RFC 5280, 5.3.1).
    pub(crate) fn because(mut self, reason: u8) -> Self {
        for (_, _, extensions) in &mut self.revoked {
            *extensions = extension("2.5.29.21", false, &tlv(0x0A, &[&[reason]]));
        }
        self
    }

    pub(crate) fn signed_by(&self, issuer: &Authority) -> Vec<u8> {
        let entry = |(serial, date, extensions): &(u8, String, Vec<u8>)| {
            let extensions = if extensions.is_empty() { Vec::new() } else { sequence(&[extensions]) };
            sequence(&[&unsigned(&[*serial]), &time(date), &extensions])
        };
        let revoked: Vec<u8> = self.revoked.iter().flat_map(entry).collect();
        let revoked = if revoked.is_empty() { Vec::new() } else { sequence(&[&revoked]) };
        let body = sequence(&[
            &integer(1),
            &issuer.key.algorithm(),
            &issuer.name,
            &time(&self.this_update),
            &self.next_update.as_deref().map(time).unwrap_or_default(),
            &revoked,
            &context(0, &[&sequence(&[&self.extensions.concat()])]),
        ]);
        sequence(&[&body, &issuer.key.algorithm(), &bits(&issuer.key.sign(&body))])
    }
}
