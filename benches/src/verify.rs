//! The bank's side: a whole payment document beside the bare signature, on one core.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use anyhow::anyhow;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use der::asn1::{GeneralizedTime, OctetString, PrintableString};
use payment::{Check, EncodedOrder, MemoryReplay, Verifier, seal};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SigningKey,
};
use wire::payment::{PAYMENT_ORDER, PAYMENT_PURPOSE, PaymentOrder};

use crate::{
    Scale,
    sample::{Arm, Figures, in_turn, ratio},
    table::{Goal, Row},
};

const PAYER: &str = "6222020000000001";

/// A signed order, and the document around it.
struct Signed {
    order: Vec<u8>,
    signature: Vec<u8>,
    document: Vec<u8>,
}

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate()?;
    let certificate = certificate(&key, &issuer)?;
    let count = scale.count(2000);
    let signed = (0..count + count.div_ceil(10))
        .map(|number| sign(number, &key, &certificate))
        .collect::<anyhow::Result<Vec<Signed>>>()?;

    let verifier = Verifier::new(ca.as_bytes(), &[])?;
    let accounts = |_: &payment::Holder, account: &str| account == PAYER;
    // A replay store takes each order once, so each round begins with a new store.
    let replay = RefCell::new(MemoryReplay::new(1 << 20));
    let mut next = signed.iter().enumerate().cycle();
    let whole: Arm<'_> = Box::new(|| {
        let Some((at, one)) = next.next() else { return Ok(()) };
        if at == 0 {
            replay.replace(MemoryReplay::new(1 << 20));
        }
        let replay = &*replay.borrow();
        let check = Check { at: SystemTime::now(), payers: &accounts, replay, issued: Some(&one.order) };
        verifier.verify(&one.document, &check).map(drop).map_err(|reason| anyhow!("{reason}"))
    });
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.der_bytes());
    let mut others = signed.iter().cycle();
    let bare: Arm<'_> = Box::new(|| {
        let Some(one) = others.next() else { return Ok(()) };
        public.verify(&one.order, &one.signature).map_err(|_| anyhow!("a signature does not fit"))
    });
    let taken = in_turn(scale.rounds, count, &mut [bare, whole])?;
    let [bare, whole] = &taken[..] else { anyhow::bail!("two arms") };
    let floor = "aws-lc-rs: verify one signature";
    Ok(vec![
        Row::timed(floor, Figures::of(bare)),
        Row::timed("payment: verify one document", Figures::of(whole)).beside(
            "its rate",
            1.0 / ratio(whole, bare),
            Some(Goal::AtLeast(0.85)),
        ),
    ])
}

fn certificate(key: &KeyPair, issuer: &Issuer<'_, KeyPair>) -> anyhow::Result<Vec<u8>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), PAYER);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    let purpose = PAYMENT_PURPOSE.arcs().map(u64::from).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
    Ok(params.signed_by(key, issuer)?.der().to_vec())
}

fn sign(number: usize, key: &KeyPair, certificate: &[u8]) -> anyhow::Result<Signed> {
    let now = SystemTime::now();
    let time = |time| GeneralizedTime::from_system_time(time).map_err(|error| anyhow!("{error}"));
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    let order = PaymentOrder {
        kind: PAYMENT_ORDER,
        number: format!("B{number:08}"),
        nonce: OctetString::new(nonce).map_err(|error| anyhow!("{error}"))?,
        payer_account: PAYER.into(),
        payee_name: "上海水务".into(),
        payee_account: "6222021234567890123".into(),
        amount: 10_000,
        currency: PrintableString::new("CNY").map_err(|error| anyhow!("{error}"))?,
        issued: time(now)?,
        expires: time(now + Duration::from_secs(24 * 3600))?,
        memo: "水费".into(),
    };
    let order = EncodedOrder::new(order)?;
    let signature = key.sign(&order)?;
    let document = seal(&order, &[certificate], |_| Ok::<_, rcgen::Error>(signature.clone()))?;
    Ok(Signed { order: order.to_vec(), signature, document })
}
