//! Random payments against a model: balances, limits, blocks and refusals are what a page of arithmetic says.

use proptest::{prelude::*, test_runner::TestRunner};

use super::world::{PAYEE, PAYMENT, Person, World, code};
use crate::{
    books::{account::VAULT, posting},
    clock::{Clock, parse_day},
    desk::{self, Action, Printed},
    error::{Error, Refusal, Result},
    money::Fen,
    pay::standing::Method,
};

/// What may happen.
#[derive(Clone, Debug)]
enum Event {
    /// The customer pays so many fen by the method that the customer has.
    Pay(i64),
    /// Somebody types a wrong answer.
    Guess,
    /// The counter agrees other limits of a card, in fen: for a payment, and for a day.
    Limits(i64, i64),
    /// Midnight passes.
    Day,
    /// Two tellers open the gate.
    Open,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1_i64..20_000).prop_map(Event::Pay),
        3 => Just(Event::Guess),
        1 => (1_i64..40_000, 1_i64..80_000).prop_map(|(payment, day)| Event::Limits(payment, day)),
        1 => Just(Event::Day),
        1 => Just(Event::Open),
    ];
    prop::collection::vec(event, 1..30)
}

/// What the model knows of a customer.
#[derive(Clone, Debug)]
struct Model {
    method: Method,
    balance: i64,
    spent: i64,
    per_payment: i64,
    ceiling: i64,
    uses: i64,
    wrong: u32,
    blocks: u32,
    is_blocked: bool,
}

impl Model {
    const fn new(method: Method, balance: i64) -> Self {
        let (per_payment, ceiling) =
            if matches!(method, Method::Card) { (50_000, 100_000) } else { (i64::MAX, 30_000) };
        Self {
            method,
            balance,
            spent: 0,
            per_payment,
            ceiling,
            uses: 0,
            wrong: 0,
            blocks: 0,
            is_blocked: false,
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        match (self.method, self.blocks >= 2, self.is_blocked) {
            (Method::Card, true, _) => Some(Refusal::CardClosed),
            (Method::Card, _, true) => Some(Refusal::CardBlocked),
            (_, true, _) | (_, _, true) => Some(Refusal::StaticBlocked),
            _ => None,
        }
    }

    fn may(&self, fen: i64) -> std::result::Result<(), Refusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let left = (self.ceiling - self.spent).max(0);
        match self.method {
            Method::Card if fen > self.per_payment => Err(Refusal::OverPayment),
            Method::Card if fen > left => Err(Refusal::OverDay),
            Method::Static if fen > left => Err(Refusal::StaticUsedUp),
            _ => Ok(()),
        }
    }

    fn pay(&mut self, fen: i64) -> std::result::Result<(), Refusal> {
        self.may(fen)?;
        if fen > self.balance {
            return Err(Refusal::NoMoney);
        }
        self.balance -= fen;
        self.spent += fen;
        self.uses += i64::from(self.method == Method::Card);
        (self.wrong, self.blocks) = (0, 0);
        Ok(())
    }

    fn guess(&mut self) -> std::result::Result<(), Refusal> {
        self.may(1)?;
        self.wrong += 1;
        if self.wrong == 5 {
            (self.wrong, self.is_blocked) = (0, true);
            self.blocks += 1;
        }
        Err(Refusal::WrongAnswer)
    }

    fn day(&mut self) {
        self.is_blocked = false;
        if self.method == Method::Card {
            self.spent = 0;
        }
    }

    fn limits(&mut self, payment: i64, day: i64) {
        if self.method == Method::Card {
            (self.per_payment, self.ceiling) = (payment, day);
        }
    }
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

fn outcome(result: Result<()>) -> std::result::Result<(), Refusal> {
    result.map_err(|error| match error {
        Error::Refused(refusal) => refusal,
        other => panic!("{other}"),
    })
}

/// A customer of the model, in the bank.
struct Played {
    person: Person,
    card: Option<Printed>,
}

impl Played {
    async fn new(world: &World, method: Method, balance: i64) -> Self {
        let person = world.person("张三", "2006-01-01").await;
        // All but `balance` goes back into the vault, as a posting like any other.
        let (debit, credit, amount) = (person.account.as_str(), VAULT, Fen(1_000_000 - balance));
        let surplus =
            posting::Posting { order: None, reverses: None, debit, credit, amount, memo: "", actor: "test" };
        let mut work = world.bank.database.begin().await.expect("a transaction");
        let now = world.bank.clock.now();
        posting::add(&mut work, &surplus, now).await.expect("posted").expect("enough");
        work.commit().await.expect("committed");
        let card = if method == Method::Card { Some(world.card(&person).await) } else { None };
        Self { person, card }
    }

    async fn pay(&self, world: &World, fen: i64) -> Result<()> {
        match &self.card {
            Some(card) => world.pay_card(&self.person, card, &yuan(fen)).await,
            None => world.pay_static(&self.person, &yuan(fen)).await,
        }
    }

    async fn guess(&self, world: &World) -> Result<()> {
        let order = world.order(&self.person, "0.01").await?;
        let method = if self.card.is_some() { Method::Card } else { Method::Static };
        let (challenge, pair) = world.ask(&self.person, &order.id, method).await?;
        // A right password with wrong cells, or a wrong password.
        let right = self.card.as_ref().zip(pair).map(|(card, pair)| code(card, &pair)).unwrap_or_default();
        let code = if right == "000000" { "000001" } else { "000000" };
        let password = if self.card.is_some() { PAYMENT } else { "guess1" };
        world.answer(&self.person, &order.id, &challenge, password, code).await
    }

    async fn approved(&self, world: &World, action: Action) {
        let at = world.at_counter(&self.person.account, &self.person.document).await;
        let asked = desk::ask(&world.bank, &world.teller, &at, action).await.expect("asked");
        desk::answer(&world.bank, &world.other_teller, &asked, true).await.expect("approved");
    }

    async fn uses(&self, world: &World) -> i64 {
        let mut db = world.bank.database.connection().await.expect("a connection");
        let id = &self.person.customer.customer().id;
        crate::books::card::of_customer(&mut db, id).await.expect("read").map_or(0, |card| card.uses)
    }
}

async fn play(world: &mut World, method: Method, balance: i64, events: &[Event]) {
    let played = Played::new(world, method, balance).await;
    let (mut model, mut day) = (Model::new(method, balance), 1);
    for event in events {
        let (before, expected) = (world.balance(PAYEE).await, model.clone());
        let is_same = |bank: Result<()>, model: std::result::Result<(), Refusal>| {
            assert_eq!(outcome(bank), model, "{event:?} after {expected:?}");
        };
        match *event {
            Event::Pay(fen) => is_same(played.pay(world, fen).await, model.pay(fen)),
            Event::Guess => is_same(played.guess(world).await, model.guess()),
            Event::Limits(payment, day) => {
                model.limits(payment, day);
                played.approved(world, Action::Limits(Fen(payment), Fen(day))).await;
            }
            Event::Day => {
                day += 1;
                model.day();
                let date = parse_day(&format!("2026-12-{day:02}")).expect("a day");
                world.bank.clock = Clock::new(Some(date));
                world
                    .tamper("UPDATE gate SET blocked_until = 1 WHERE blocked_until > 0".into())
                    .await
                    .expect("later");
            }
            Event::Open => {
                (model.wrong, model.blocks, model.is_blocked) = (0, 0, false);
                played.approved(world, Action::OpenGate(method)).await;
            }
        }
        let paid = expected.balance - model.balance;
        assert_eq!(world.balance(&played.person.account).await, model.balance, "{event:?}");
        assert_eq!(world.balance(PAYEE).await - before, paid, "{event:?}");
        assert_eq!(played.uses(world).await, model.uses, "{event:?}");
    }
    assert!(world.is_proven().await);
}

fn check(method: Method, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let checked = TestRunner::new(config).run(&(0_i64..60_000, events()), |(balance, events)| {
        runtime.block_on(async {
            let mut world = World::new().await;
            world.bank.clock = Clock::new(Some(parse_day("2026-12-01").expect("a day")));
            play(&mut world, method, balance, &events).await;
        });
        Ok(())
    });
    checked.expect("the model holds");
}

#[test]
fn static_payments_are_what_the_model_says() {
    check(Method::Static, 8);
}

#[test]
fn card_payments_and_limits_are_what_the_model_says() {
    check(Method::Card, 12);
}
