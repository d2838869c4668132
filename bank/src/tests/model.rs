//! Random payments against a model: balances, limits and refusals are what a few lines of arithmetic say.

use proptest::{prelude::*, test_runner::TestRunner};

use super::world::{PAYEE, World};
use crate::error::{Error, Refusal};

/// What the model knows of a customer.
#[derive(Debug)]
struct Model {
    balance: i64,
    spent: i64,
}

impl Model {
    fn pay(&mut self, fen: i64) -> Result<(), Refusal> {
        if self.spent + fen > 30_000 {
            return Err(Refusal::StaticUsedUp);
        }
        if fen > self.balance {
            return Err(Refusal::NoMoney);
        }
        self.balance -= fen;
        self.spent += fen;
        Ok(())
    }
}

#[test]
fn payments_are_what_the_model_says() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() });
    let world = runtime.block_on(World::new());
    let payments = (0_i64..40_000, prop::collection::vec(1_i64..9_000, 1..12));
    let checked = runner.run(&payments, |(balance, amounts)| {
        runtime.block_on(async {
            let person = world.person("张三", "2006-01-01").await;
            // All but `balance` goes back into the vault, as a posting like any other.
            let surplus = crate::books::posting::Posting {
                order: None,
                reverses: None,
                debit: &person.account,
                credit: crate::books::account::VAULT,
                amount: crate::money::Fen(1_000_000 - balance),
                memo: "",
                actor: "test",
            };
            let mut work = world.bank.database.begin().await.expect("a transaction");
            crate::books::posting::add(&mut work, &surplus, world.bank.clock.now())
                .await
                .expect("posted")
                .expect("enough");
            work.commit().await.expect("committed");
            let mut model = Model { balance, spent: 0 };
            for fen in amounts {
                let before = world.balance(PAYEE).await;
                let amount = format!("{}.{:02}", fen / 100, fen % 100);
                let paid = match world.pay_static(&person, &amount).await {
                    Ok(()) => Ok(()),
                    Err(Error::Refused(refusal)) => Err(refusal),
                    Err(other) => panic!("{other}"),
                };
                prop_assert_eq!(paid, model.pay(fen), "{} of {:?}", fen, model);
                prop_assert_eq!(world.balance(&person.account).await, model.balance);
                prop_assert_eq!(world.balance(PAYEE).await - before, if paid.is_ok() { fen } else { 0 });
            }
            prop_assert!(world.is_proven().await);
            Ok(())
        })
    });
    checked.expect("the model holds");
}
