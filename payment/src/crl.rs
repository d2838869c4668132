//! Reads one CRL. Source: RFC 5280, 5.

use der::{Decode, Encode, asn1::ObjectIdentifier, oid::AssociatedOid};
use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};
use x509_cert::{
    Version,
    certificate::Rfc5280,
    crl::{CertificateList, RevokedCert},
    ext::{
        Extension, Extensions,
        pkix::{
            AuthorityKeyIdentifier, BaseCrlNumber, CrlNumber, CrlReason, IssuingDistributionPoint,
            name::{DistributionPointName, GeneralNames},
        },
    },
};

use crate::{
    certificate::common_name,
    link::Link,
    order,
    signature::{PublicKey, Signed},
};

/// id-ce-issuingDistributionPoint (5.2.5).
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// id-ce-certificateIssuer (5.3.3).
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
/// id-ce-invalidityDate (5.3.2).
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
/// Longest cRLNumber that issuers may use, in octets (5.2.3).
const MAX_NUMBER: usize = 20;

/// A CRL whose signature is not checked yet: only its issuer's key can tell.
#[derive(Debug)]
pub(crate) struct Crl {
    /// DER.
    pub(crate) issuer: Vec<u8>,
    pub(crate) number: Option<Number>,
    /// Seconds since 1970.
    pub(crate) this_update: u64,
    /// Seconds since 1970. At this second the CRL is no longer current.
    pub(crate) next_update: u64,
    pub(crate) scope: Scope,
    pub(crate) signed: Signed,
    revoked: HashMap<Vec<u8>, Entry>,
    name: String,
}

/// cRLNumber: an unsigned integer without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number(Vec<u8>);

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How a certificate stands on a CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Revoked,
    /// certificateHold, which a newer CRL may lift.
    Held,
}

/// The certificates of its issuer that a CRL is for (5.2.5). By default a CRL is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    names: Option<GeneralNames>,
    users_only: bool,
    authorities_only: bool,
}

impl Scope {
    /// Whether a CRL of this scope answers for the certificate. A CRL of a distribution point answers for the
    /// certificates that name the point, by the rule of openssl (docs/decisions/0018-revocation.md).
    pub(crate) fn covers(&self, certificate: &Link) -> bool {
        let named = |names: &GeneralNames| names.iter().any(|name| certificate.points.contains(name));
        let left_out = if certificate.is_ca { self.users_only } else { self.authorities_only };
        !left_out && self.names.as_ref().is_none_or(named)
    }
}

impl Crl {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let list = CertificateList::<Rfc5280>::from_der(bytes)
            .map_err(|error| format!("it is not a CRL of X.509 version 2 in DER: {error}"))?;
        let tbs = &list.tbs_cert_list;
        if tbs.version != Version::V2 || tbs.signature != list.signature_algorithm {
            return Err("it is not a CRL of X.509 version 2, or names two signature algorithms".into());
        }
        let extensions = tbs.crl_extensions.as_ref();
        check_extensions(extensions)?;
        // The identifier only has to be readable: the signature tells whose key signed.
        value::<AuthorityKeyIdentifier>(extensions, AuthorityKeyIdentifier::OID)?;
        let next = tbs.next_update.ok_or("it does not say when the next one comes")?;
        let (this_update, next_update) =
            (tbs.this_update.to_unix_duration().as_secs(), next.to_unix_duration().as_secs());
        if next_update <= this_update {
            return Err("it says that the next one came before it".into());
        }
        Ok(Self {
            issuer: tbs.issuer.to_der().map_err(|error| error.to_string())?,
            number: number(extensions)?,
            this_update,
            next_update,
            scope: scope(extensions)?,
            signed: Signed::read(bytes).ok_or("it is not signed as RFC 5280 has it")?,
            revoked: revoked(tbs.revoked_certificates.as_deref().unwrap_or_default())?,
            name: common_name(&tbs.issuer),
        })
    }

    /// What the CRL says of a serial number.
    pub(crate) fn entry(&self, serial: &[u8]) -> Option<Entry> {
        self.revoked.get(serial).copied()
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.signed(&self.signed)
    }

    /// The CRL in words, for people. Texts from the CRL are escaped.
    pub(crate) fn describe(&self) -> String {
        let number = self.number.as_ref().map_or("without a number".into(), |Number(number)| {
            format!("number {} (hexadecimal)", order::hex(number))
        });
        let moment = order::format_time(UNIX_EPOCH + Duration::from_secs(self.this_update));
        format!("the CRL {number} of {:?} from {}", self.name, moment.unwrap_or_default())
    }
}

/// Checks that no extension stands twice, and that none is critical and not understood (5.2).
fn check_extensions(extensions: Option<&Extensions>) -> Result<(), String> {
    let heeded = [CrlNumber::OID, AuthorityKeyIdentifier::OID, ISSUING_DISTRIBUTION_POINT];
    let all = extensions.map(Vec::as_slice).unwrap_or_default();
    for (index, extension) in all.iter().enumerate() {
        let id = extension.extn_id;
        if id == BaseCrlNumber::OID {
            return Err("it is a delta CRL, which says only what changed: give the complete one".into());
        }
        if all[..index].iter().any(|before| before.extn_id == id) {
            return Err(format!("it has the extension {id} twice"));
        }
        if extension.critical && !heeded.contains(&id) {
            return Err(format!("it has the critical extension {id}, which is not understood"));
        }
    }
    Ok(())
}

fn value<T: for<'a> Decode<'a>>(
    extensions: Option<&Extensions>,
    id: ObjectIdentifier,
) -> Result<Option<T>, String> {
    let found = extensions.and_then(|all| all.iter().find(|extension| extension.extn_id == id));
    let read = |extension: &Extension| T::from_der(extension.extn_value.as_bytes()).ok();
    found.map(|extension| read(extension).ok_or(format!("its extension {id} cannot be read"))).transpose()
}

fn number(extensions: Option<&Extensions>) -> Result<Option<Number>, String> {
    let number = value::<CrlNumber>(extensions, CrlNumber::OID)?;
    let number = number.map(|CrlNumber(number)| Number(number.as_bytes().to_vec()));
    match number {
        Some(Number(number)) if number.len() > MAX_NUMBER => Err("its number is over 20 octets".into()),
        number => Ok(number),
    }
}

fn scope(extensions: Option<&Extensions>) -> Result<Scope, String> {
    let point = value::<IssuingDistributionPoint>(extensions, ISSUING_DISTRIBUTION_POINT)?;
    let Some(point) = point else { return Ok(Scope::default()) };
    if point.indirect_crl {
        return Err("it is an indirect CRL, which lists other CAs' certificates: give the CA's own".into());
    }
    if point.only_some_reasons.is_some() || point.only_contains_attribute_certs {
        return Err("it is for some reasons or for attribute certificates only: give the complete one".into());
    }
    let names = match point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => {
            return Err(
                "its distribution point is named relative to the issuer, which is not understood".into()
            );
        }
        None => None,
    };
    let (users_only, authorities_only) = (point.only_contains_user_certs, point.only_contains_ca_certs);
    if users_only && authorities_only {
        return Err("it is for users only and for CAs only, so it is for nobody".into());
    }
    Ok(Scope { names, users_only, authorities_only })
}

fn revoked(entries: &[RevokedCert<Rfc5280>]) -> Result<HashMap<Vec<u8>, Entry>, String> {
    let mut revoked = HashMap::with_capacity(entries.len());
    for entry in entries {
        let found = read_entry(entry.crl_entry_extensions.as_ref())?;
        let before = revoked.entry(entry.serial_number.as_bytes().to_vec()).or_insert(found);
        // When a serial number is listed twice, the graver entry counts.
        if found == Entry::Revoked {
            *before = Entry::Revoked;
        }
    }
    Ok(revoked)
}

/// Reads the reason of an entry, and refuses a critical extension that is not understood (5.3).
fn read_entry(extensions: Option<&Extensions>) -> Result<Entry, String> {
    for extension in extensions.into_iter().flatten() {
        let id = extension.extn_id;
        if id == CERTIFICATE_ISSUER {
            return Err("it lists other CAs' certificates (an indirect CRL): give the CA's own".into());
        }
        if extension.critical && ![CrlReason::OID, INVALIDITY_DATE].contains(&id) {
            return Err(format!("an entry has the critical extension {id}, which is not understood"));
        }
    }
    let reason = extensions.and_then(|all| all.iter().find(|extension| extension.extn_id == CrlReason::OID));
    match reason.map(|extension| CrlReason::from_der(extension.extn_value.as_bytes())) {
        Some(Ok(CrlReason::CertificateHold)) => Ok(Entry::Held),
        Some(Ok(CrlReason::RemoveFromCRL)) => {
            Err("an entry says removeFromCRL, which only a delta CRL may: give the complete one".into())
        }
        // A certificate whose reason is unknown is revoked all the same.
        _ => Ok(Entry::Revoked),
    }
}
