//! Keys are changed while the bank works: what was made by a former one is good as long as it lasts, and no longer.

use super::{
    shield::{Soft, words},
    world::{World, refused},
};
use crate::{
    clock::{DAY, HOUR},
    error::Refusal,
    personal_id::Granted,
    secrets::{Kind, Secrets},
};

const NEW: &str = "2006-09-01";
const OLD: &str = "2006-08-31";

impl World {
    /// Another version of this key makes what is new, since so long.
    fn change(&mut self, kind: Kind, since: i64) -> i64 {
        let path = self.folder.path().join("secrets.json");
        self.bank.secrets.add(kind, self.bank.clock.now() - since, &path).expect("added")
    }
}

#[tokio::test]
async fn a_card_pays_by_the_key_that_it_was_made_with() {
    let mut world = World::new().await;
    let (former, person) = (world.person("张三", NEW).await, world.person("李四", NEW).await);
    let printed = world.card(&former).await;
    assert_eq!(world.change(Kind::Card, HOUR), 2);
    world.pay_card(&former, &printed, "7").await.expect("the former key is there");
    let new = world.card(&person).await;
    world.pay_card(&person, &new, "7").await.expect("paid");
    let mut db = world.bank.database.connection().await.expect("a connection");
    for version in [1, 2] {
        assert_eq!(
            crate::books::card::of_key_version(&mut db, version).await.expect("counted"),
            1,
            "version {version}"
        );
    }
    drop(db);
    // Whoever takes a key out that a card names has closed that card, and no other.
    let path = world.folder.path().join("secrets.json");
    assert!(world.bank.secrets.forget(Kind::Card, 1, &path).expect("forgotten"));
    assert!(world.pay_card(&former, &printed, "7").await.is_err());
    world.pay_card(&person, &new, "7").await.expect("paid");
}

#[tokio::test]
async fn a_code_that_was_handed_out_before_is_good_afterwards() {
    let mut world = World::new().await;
    let (person, other) = (world.person("张三", NEW).await, world.person("李四", NEW).await);
    let code = world.hand_out(&person, &Soft::new()).await.expect("a shield");
    world.change(Kind::Form, HOUR);
    Granted::check(&world.bank, &words(&code)).await.expect("the code");
    let mut wrong = words(&code);
    wrong.code = "0000000000".into();
    assert_eq!(refused(Granted::check(&world.bank, &wrong).await), Refusal::CodeWrong);
    let code = world.hand_out(&other, &Soft::new()).await.expect("a shield");
    Granted::check(&world.bank, &words(&code)).await.expect("the code of the new key");
}

#[tokio::test]
async fn seals_are_proven_by_the_key_of_their_time() {
    let mut world = World::new().await;
    let person = world.person("张三", OLD).await;
    world.bank.seal().await.expect("sealed").expect("rows");
    world.change(Kind::Audit, 0);
    world.pay_static(&person, "7").await.expect("paid");
    // The first seal by the new key does not wait for the hour.
    world.bank.seal_hourly().await.expect("sealed");
    let mut db = world.bank.database.connection().await.expect("a connection");
    assert_eq!(crate::books::seal::of_key_version(&mut db, 2).await.expect("counted"), 1);
    drop(db);
    assert!(world.is_proven().await);
    // A node that was not given the file seals no more: nobody could tell its seal from a thief's.
    world.pay_static(&person, "7").await.expect("paid");
    let (file, other) = ["secrets.json", "late.json"].map(|name| world.folder.path().join(name)).into();
    let mut late = Secrets::read(&file).expect("read");
    assert!(late.forget(Kind::Audit, 2, &other).expect("forgotten"));
    let whole = std::mem::replace(&mut world.bank.secrets, late);
    let refused = world.bank.seal().await.expect_err("sealed without the key");
    assert!(refused.to_string().contains("secrets.json lacks audit 2"), "{refused}");
    world.bank.secrets = whole;
    // Whoever has stolen the former key seals with it what the bank has sealed with the new one.
    world.change(Kind::Audit, DAY);
    let why = world.bank.prove(None).await.expect("read").expect_err("made with a key that was given up");
    assert!(why.contains("of the key for seals, which had been given up"), "{why}");
}
