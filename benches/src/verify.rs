//! The bank's side: a whole payment document beside the bare signature, on one core.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use anyhow::anyhow;
use authority::{
    certificate_kind::Kind, csr, issuer::Issuer as _, moment::Validity, signature::PublicKey,
    subject::Subject,
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use payment::{Check, MemoryReplay, SameId, Verifier, order::Terms, seal};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use trial_bank::Bank;

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
    let folder = tempfile::tempdir()?;
    let mut bank = Bank::found(&folder.path().join("ca"), "Bench CA")?;
    let key = KeyPair::generate()?;
    let certificate = certificate(&key, &mut bank)?;
    let count = scale.count(2000);
    let signed = (0..count + count.div_ceil(10))
        .map(|number| sign(number, &key, &certificate))
        .collect::<anyhow::Result<Vec<Signed>>>()?;

    let verifier = Verifier::new(bank.authority.certificate(Kind::Payment).pem().as_bytes(), &[])?;
    // A replay store takes each order once, so each round begins with a new store.
    let replay = RefCell::new(MemoryReplay::new(1 << 20));
    let mut next = signed.iter().enumerate().cycle();
    let whole: Arm<'_> = Box::new(|| {
        let Some((at, one)) = next.next() else { return Ok(()) };
        if at == 0 {
            replay.replace(MemoryReplay::new(1 << 20));
        }
        let replay = &*replay.borrow();
        let check = Check { at: SystemTime::now(), payers: &SameId, replay, issued: Some(&one.order) };
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

/// A payment certificate for a key in software, as the bank's CA issues it to anybody.
fn certificate(key: &KeyPair, bank: &mut Bank) -> anyhow::Result<Vec<u8>> {
    let subject = Subject {
        organisation: bank.authority.organisation().into(),
        unit: None,
        name: "张三".into(),
        user_id: PAYER.into(),
    };
    let public =
        PublicKey::parse(&key.subject_public_key_info()).ok_or_else(|| anyhow!("a key of another kind"))?;
    let info = csr::info(&subject, &public)?;
    let request = csr::signed(&info, public.algorithm, &key.sign(&info)?)?;
    let order = authority::issuer::Order {
        request: &request,
        kind: Kind::Payment,
        subject: &subject,
        validity: Validity::Days(1),
        token: None,
    };
    Ok(bank.authority.issue(&order)?)
}

fn sign(number: usize, key: &KeyPair, certificate: &[u8]) -> anyhow::Result<Signed> {
    let terms = Terms {
        number: &format!("B{number:08}"),
        payer_account: PAYER,
        payee_name: "上海水务",
        payee_account: "6222021234567890123",
        amount: "100.00",
        currency: "CNY",
        memo: "水费",
        lifetime: Duration::from_secs(24 * 3600),
    };
    let order = terms.issue(SystemTime::now())?;
    let signature = key.sign(&order)?;
    let document = seal(&order, &[certificate], |_| Ok::<_, rcgen::Error>(signature.clone()))?;
    Ok(Signed { order: order.to_vec(), signature, document })
}
