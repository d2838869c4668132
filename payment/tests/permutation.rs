//! No order of arguments changes a verdict: CAs, CRLs, and the certificates in a document, in one file or in several.

use crate::bank::{
    Ca, Customer, NOW, an_order, ca_params,
    forge::code,
    judge::{certificates, crls},
    list::list,
    verify_at,
};
use payment::{Verifier, seal};
use proptest::{prelude::*, test_runner::TestRunner};
use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose, SerialNumber};
use std::{cell::RefCell, collections::BTreeMap};

const HIS: u8 = 0x42;
const BRANCH: u8 = 0x77;

/// A bank with a history. One CA changed its key, and certified the new key with the old one. Another CA has the same
/// name. Good and bad branches share one name. Each CA has every kind of CRL.
struct World {
    anchors: Vec<Vec<u8>>,
    lists: Vec<Vec<u8>>,
    /// Certificates that may stand in a document, without the signer's.
    between: Vec<Vec<u8>>,
    customers: Vec<Customer>,
}

fn world() -> World {
    let params = |name: &str, serial: u8| {
        let mut params = ca_params(name);
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params
    };
    let (old, new, namesake) = (Ca::new(), Ca::new(), Ca::new());
    let link = |from: &Ca, to: &Ca| from.issue_certificate(to, &params("Test Bank CA", 0x70));
    let branch = old.intermediate(params("Branch CA", BRANCH));
    let mut silent = params("Branch CA", BRANCH + 1);
    silent.key_usages = vec![KeyUsagePurpose::CrlSign];
    let mut narrow = params("Branch CA", BRANCH + 2);
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let between = vec![
        link(&old, &new),
        link(&new, &old),
        branch.der.clone(),
        new.issue_certificate(&branch, &params("Branch CA", BRANCH + 3)),
        new.issue_certificate(&branch, &silent),
        new.issue_certificate(&branch, &narrow),
        namesake.der.clone(),
    ];
    let mut lists = Vec::new();
    for ca in [&old, &new, &branch] {
        lists.push(list(2, 0).of(ca));
        lists.push(list(1, -3).holding(HIS).of(ca));
        lists.push(list(1, -3).revoking(BRANCH).of(&namesake));
        lists.push(list(3, 1).of(ca));
    }
    lists.push(list(1, -30).revoking(HIS).of(&namesake));
    lists.push(list(2, 0).of(&namesake));
    lists.push(list(0, -30).revoking(BRANCH).of(&old));
    lists.push(list(2, 0).revoking(HIS).of(&new));
    let customers = [&old, &new, &branch, &namesake].map(Ca::customer).into();
    World { anchors: vec![old.der, new.der, namesake.der], lists, between, customers }
}

/// The items that the mask chooses, in this order.
fn chosen<'a>(all: &'a [Vec<u8>], mask: u32, order: &[usize]) -> Vec<&'a [u8]> {
    order.iter().filter(|i| mask >> **i & 1 == 1).map(|i| &all[*i][..]).collect()
}

struct Order {
    anchors: Vec<usize>,
    lists: Vec<usize>,
    between: Vec<usize>,
    /// After how many CRLs the second file begins.
    split: usize,
}

impl World {
    fn verdict(&self, masks: [u32; 3], customer: usize, order: &Order) -> &'static str {
        let file = certificates(&chosen(&self.anchors, masks[0], &order.anchors));
        let lists = chosen(&self.lists, masks[1], &order.lists);
        let (one, other) = lists.split_at(order.split.min(lists.len()));
        let files = [crls(one), crls(other)];
        let files: Vec<&[u8]> = files.iter().filter(|file| !file.is_empty()).map(String::as_bytes).collect();
        let Ok(verifier) = Verifier::new(file.as_bytes(), &files) else { return "not built" };
        let customer = &self.customers[customer];
        let mut certificates = vec![&customer.certificate[..]];
        certificates.extend(chosen(&self.between, masks[2], &order.between));
        let document = seal(&an_order("1"), &certificates, |bytes| customer.sign(bytes)).unwrap();
        code(verify_at(&verifier, &document, NOW))
    }
}

fn order() -> impl Strategy<Value = Order> {
    let shuffled = |count: usize| Just((0..count).collect::<Vec<_>>()).prop_shuffle();
    (shuffled(3), shuffled(16), shuffled(7), 0_usize..16).prop_map(|(anchors, lists, between, split)| Order {
        anchors,
        lists,
        between,
        split,
    })
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} {:?} {}", self.anchors, self.lists, self.between, self.split)
    }
}

/// Each world has other keys, and so another order of its certificates by their bytes. The verdict is the same in every
/// world.
#[test]
fn no_order_changes_a_verdict() {
    let worlds = [world(), world(), world()];
    assert_eq!((worlds[0].lists.len(), worlds[0].between.len()), (16, 7));
    let seen = RefCell::new(BTreeMap::<_, usize>::new());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    // Every fourth time there is no CRL at all. Otherwise each CRL is there with a chance of a quarter, so that some
    // sets of CRLs hold no contradiction.
    let lists = (0_u32..4, any::<u32>(), any::<u32>())
        .prop_map(|(none, one, other)| if none == 0 { 0 } else { one & other });
    let masks = (1_u32..8, lists, any::<u32>());
    runner
        .run(&(masks, 0_usize..4, order(), order()), |((anchors, lists, between), customer, one, other)| {
            let masks = [anchors, lists, between];
            let first = worlds[0].verdict(masks, customer, &one);
            prop_assert_eq!(first, worlds[0].verdict(masks, customer, &other));
            prop_assert_eq!(first, worlds[1].verdict(masks, customer, &other));
            prop_assert_eq!(first, worlds[2].verdict(masks, customer, &one));
            *seen.borrow_mut().entry(first).or_default() += 1;
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    println!("{seen:?}");
    for reason in
        ["accepted", "certificate_revoked", "certificate_untrusted", "revocation_unknown", "not built"]
    {
        assert!(seen.contains_key(reason), "{reason} never came: {seen:?}");
    }
}
