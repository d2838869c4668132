//! The PUK of a shield, with the line cut at each step: the shield always has a PUK that the books have, too.

use super::{
    shield::Soft,
    world::{Person, World, refused},
};
use crate::{
    books::puk,
    desk::{self, Action, Errand},
    error::{Refusal, Result},
};

const FACTORY: &str = wire::pin::FACTORY_PUK;

/// A token, as far as the counter's program knows it: it takes a new PUK for the right one, and counts wrong ones.
struct Token {
    puk: String,
    tries: u32,
    /// How often a holder has typed a new PIN.
    unblocked: u32,
}

impl Token {
    fn new() -> Self {
        Self { puk: FACTORY.into(), tries: 6, unblocked: 0 }
    }

    /// What `ushield pin counter` does: the first PUK that is right.
    fn take(&mut self, errand: &Errand) {
        for known in &errand.known {
            assert!(self.tries > 0, "the PUK is locked");
            if known.text() == self.puk {
                (self.puk, self.tries) = (errand.puk.text().to_owned(), 6);
                self.unblocked += u32::from(errand.unblocks);
                return;
            }
            self.tries -= 1;
        }
        panic!("the books have no PUK of this token");
    }
}

impl World {
    async fn hand_over(&self, person: &Person) -> Result<Errand> {
        let at = self.at_counter(&person.account, &person.document).await;
        desk::hand_over(&self.bank, &self.teller, &at).await
    }

    async fn consent(&self, person: &Person) -> String {
        let at = self.at_counter(&person.account, &person.document).await;
        let serial = desk::locked(&self.bank, &at).await.expect("a shield");
        let asked = desk::ask(&self.bank, &self.teller, &at, Action::UnblockShield(serial)).await;
        let asked = asked.expect("asked");
        let brought = desk::answer(&self.bank, &self.other_teller, &asked, true).await.expect("approved");
        assert!(brought.is_none(), "the second teller is shown no PUK");
        asked
    }

    async fn errand(&self, consent: &str) -> Result<Errand> {
        desk::unblock(&self.bank, &self.teller, consent).await
    }

    async fn confirm(&self, errand: &Errand) {
        desk::set(&self.bank, &self.teller, &errand.id).await.expect("set");
    }

    /// A customer with a shield from the factory.
    async fn with_shield(&self, name: &str) -> (Person, Soft) {
        let (person, soft) = (self.person(name, "2006-09-01").await, Soft::new());
        self.hand_out(&person, &soft).await.expect("a shield");
        (person, soft)
    }
}

#[tokio::test]
async fn a_hand_over_that_is_cut_anywhere_is_repeated_and_loses_no_puk() {
    let world = World::new().await;
    let (person, soft) = world.with_shield("张三").await;
    let mut token = Token::new();
    // The answer was lost: nothing has happened to the token. The same PUK is handed out again, and no third one is made.
    let first = world.hand_over(&person).await.expect("an errand");
    assert_eq!((first.serial.as_str(), first.known.len(), first.known[0].text()), (soft.serial, 1, FACTORY));
    let again = world.hand_over(&person).await.expect("the errand again");
    assert_eq!((&again.id, again.puk.text(), again.known.len()), (&first.id, first.puk.text(), 2));
    // The token took it, and the word that it did was lost.
    token.take(&again);
    let again = world.hand_over(&person).await.expect("the errand again");
    token.take(&again);
    world.confirm(&again).await;
    world.confirm(&again).await;
    assert_eq!((token.puk.as_str(), token.tries), (first.puk.text(), 6));
    // Now one teller alone sees it no more.
    assert_eq!(refused(world.hand_over(&person).await), Refusal::PukKept);
    let mut db = world.bank.database.connection().await.expect("a connection");
    let kept = puk::of(&mut db, soft.serial).await.expect("read");
    assert!(kept.pending.is_none() && kept.current.is_some_and(|row| row.id == first.id));
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn a_locked_shield_is_unblocked_once_for_each_consent_and_its_puk_changes() {
    let world = World::new().await;
    let (person, _) = world.with_shield("张三").await;
    let mut token = Token::new();
    let errand = world.hand_over(&person).await.expect("an errand");
    token.take(&errand);
    world.confirm(&errand).await;
    let handed_over = token.puk.clone();

    // No consent, another teller's request, a request that nobody has approved, and one for something else.
    let at = world.at_counter(&person.account, &person.document).await;
    let serial = desk::locked(&world.bank, &at).await.expect("a shield");
    let ask = async |action| desk::ask(&world.bank, &world.teller, &at, action).await.expect("asked");
    let waiting = ask(Action::UnblockShield(serial.clone())).await;
    let other = ask(Action::ShieldCode).await;
    desk::answer(&world.bank, &world.other_teller, &other, true).await.expect("approved");
    let refusedly = ask(Action::UnblockShield(serial)).await;
    desk::answer(&world.bank, &world.other_teller, &refusedly, false).await.expect("refused");
    for wrong in [waiting.as_str(), &other, &refusedly, "", "0"] {
        assert_eq!(refused(world.errand(wrong).await), Refusal::NoConsent, "{wrong}");
    }
    let own = desk::answer(&world.bank, &world.teller, &waiting, true).await;
    assert_eq!(refused(own), Refusal::SecondTeller);
    let consent = world.consent(&person).await;
    let strange = desk::unblock(&world.bank, &world.other_teller, &consent).await;
    assert_eq!(refused(strange), Refusal::NoConsent, "the teller who asked, and no other");

    // Cut before the token, after the token, and before the bank knows: the shield is first brought to the pending PUK, and then unblocked.
    let cut = world.errand(&consent).await.expect("an errand");
    assert!(cut.unblocks && cut.known.len() == 1);
    let again = world.errand(&consent).await.expect("an errand");
    assert!(!again.unblocks, "what was begun is finished first");
    token.take(&again);
    world.confirm(&again).await;
    let begun = world.errand(&consent).await.expect("an errand");
    assert!(begun.unblocks);
    token.take(&begun);
    let again = world.errand(&consent).await.expect("the word that it was unblocked was lost");
    token.take(&again);
    world.confirm(&again).await;
    let last = world.errand(&consent).await.expect("an errand");
    let used = token.puk.clone();
    token.take(&last);
    world.confirm(&last).await;
    assert_eq!(refused(world.errand(&consent).await), Refusal::NoConsent, "a consent is used once");
    assert_eq!((token.unblocked, token.tries), (2, 6));
    assert!(token.puk != used && token.puk != handed_over, "a PUK that was used is changed");

    // A consent does not live for ever.
    let consent = world.consent(&person).await;
    let old = world.bank.clock.now() - 31 * crate::clock::MINUTE;
    world
        .tamper(format!("UPDATE approval SET answered_at = {old} WHERE id = '{consent}'"))
        .await
        .expect("aged");
    assert_eq!(refused(world.errand(&consent).await), Refusal::NoConsent);
    // Nor is it for the shield that the customer has next.
    let consent = world.consent(&person).await;
    let next = Soft::new();
    world.approved_code(&person, Action::ReplaceShield(next.serial.into())).await.expect("replaced");
    assert_eq!(refused(world.errand(&consent).await), Refusal::NoConsent);
    assert!(world.is_proven().await);
}

/// Two counters at once bring the shield to one PUK.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_at_once_make_one_pending_puk() {
    let world = std::sync::Arc::new(World::new().await);
    let (person, soft) = world.with_shield("张三").await;
    let person = std::sync::Arc::new(person);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (world, person) = (world.clone(), person.clone());
        tasks.spawn(async move { world.hand_over(&person).await.map(|errand| errand.id) });
    }
    let ids = tasks.join_all().await.into_iter().collect::<Result<Vec<_>>>().expect("errands");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let mut db = world.bank.database.connection().await.expect("a connection");
    assert!(puk::of(&mut db, soft.serial).await.expect("read").pending.is_some_and(|row| row.id == ids[0]));
}

/// Neither the table nor the audit has a PUK in clear, and a row that was moved to another shield opens nothing.
#[tokio::test]
async fn the_books_alone_tell_no_puk() {
    let world = World::new().await;
    let ((one, soft), (other, another)) = (world.with_shield("张三").await, world.with_shield("李四").await);
    let errand = world.hand_over(&one).await.expect("an errand");
    let mut db = world.bank.database.connection().await.expect("a connection");
    let row = puk::of(&mut db, soft.serial).await.expect("read").pending.expect("a pending PUK");
    assert!(row.sealed.windows(8).all(|part| part != errand.puk.text().as_bytes()));
    let audit = crate::books::audit::last(&mut db).await.expect("read");
    assert!(audit.iter().any(|row| row.action == "puk-sealed" && row.subject == soft.serial));
    assert!(audit.iter().all(|row| !format!("{row:?}").contains(errand.puk.text())));
    assert!(!format!("{errand:?}").contains(errand.puk.text()));
    drop(db);
    world
        .tamper(format!("UPDATE puk SET serial = '{}' WHERE id = '{}'", another.serial, row.id))
        .await
        .expect("moved");
    let moved = world.hand_over(&other).await.expect_err("it does not open").to_string();
    assert!(moved.contains("does not open"), "{moved}");
}
