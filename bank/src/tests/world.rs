//! A bank of one test, with a teller and customers of each kind.

use sqlx::{AssertSqlSafe, Connection as _};

use crate::{
    bank::Bank,
    books::{account::Account, contract, contract::Maker, customer, order::Order, order::OrderKind},
    clock::Clock,
    database::{Database, sqlite_url},
    demo::add_teller,
    desk::{self, Opening},
    error::{Error, Refusal, Result},
    identity::{self, AGREEMENT, From},
    pay::{self, Answer, Wish, standing::Method},
    random,
    rights::{AtCounter, OwnerOf, PayerOf, Settled, SignedIn, Teller},
    secrets::Secrets,
    settings::Settings,
};

pub(super) const PASSWORD: &str = "a test of 2026";
pub(super) const PAYMENT: &str = "pay2026";
/// Whom everybody pays.
pub(super) const PAYEE: &str = "6222021234567890";

pub(super) struct World {
    pub(super) bank: Bank,
    pub(super) teller: Teller,
    pub(super) other_teller: Teller,
    pub(super) folder: tempfile::TempDir,
    /// Whom customers pay: always the same one, but for nodes that are measured beside each other.
    payees: Vec<String>,
}

pub(super) struct Person {
    pub(super) account: String,
    pub(super) document: String,
    pub(super) customer: Settled,
}

pub(super) fn from() -> From {
    From { address: "127.0.0.1".into(), agent: "test".into() }
}

/// An empty database of this test's own.
pub(super) async fn database(folder: &std::path::Path) -> Database {
    let Ok(url) = std::env::var("BANK_TEST_POSTGRES") else {
        return Database::open(&sqlite_url(&folder.join("bank.sqlite")), 16).await.expect("SQLite");
    };
    schema(&url, &format!("t{}", random::id().expect("random numbers"))).await
}

/// The database in this schema of a PostgreSQL, which is made where there is none.
async fn schema(url: &str, schema: &str) -> Database {
    sqlx::any::install_default_drivers();
    let mut admin = sqlx::AnyConnection::connect(url).await.expect("the PostgreSQL of BANK_TEST_POSTGRES");
    // Of two that make a schema at once one is told that it is there: then it is.
    for _ in 0..2 {
        let make = sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}")));
        match make.execute(&mut admin).await {
            Err(sqlx::Error::Database(fault)) if fault.is_unique_violation() => {}
            made => {
                made.expect("a schema");
                break;
            }
        }
    }
    admin.close().await.expect("closed");
    let mark = if url.contains('?') { '&' } else { '?' };
    Database::open(&format!("{url}{mark}options=-c%20search_path%3D{schema}"), 16).await.expect("PostgreSQL")
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database(folder.path()).await;
        Self::over(database, folder, ["lin", "zhao"], vec![PAYEE.into()]).await
    }

    /// A node of several, each a process: they share the books of this schema, and each has its own tellers and so many payees.
    pub(super) async fn joined(name: &str, node: usize, payees: usize) -> Self {
        let url = std::env::var("BANK_TEST_POSTGRES").expect("several nodes have a PostgreSQL");
        let database = schema(&url, name).await;
        let tellers = [format!("lin-{node}"), format!("zhao-{node}")];
        let folder = tempfile::tempdir().expect("a folder");
        // With one payee all payments of all nodes would wait for the payee's row.
        let payees = (0..payees).map(|at| format!("62220212{node:04}{at:04}")).collect();
        Self::over(database, folder, tellers.each_ref().map(String::as_str), payees).await
    }

    /// A bank of its own with so many payees.
    pub(super) async fn with_payees(payees: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database(folder.path()).await;
        let payees = (0..payees).map(|at| format!("622202129999{at:04}")).collect();
        Self::over(database, folder, ["lin", "zhao"], payees).await
    }

    async fn over(
        database: Database,
        folder: tempfile::TempDir,
        tellers: [&str; 2],
        payees: Vec<String>,
    ) -> Self {
        database.migrate(0).await.expect("the tables");
        // Argon2 with the least memory: these tests hash thousands of times, and look at other things.
        let settings =
            Settings { argon2_memory: 8, argon2_passes: 1, answer_seconds: 120, ..Settings::default() };
        let bank = Bank::new(database, Secrets::new().expect("secrets"), settings, Clock::default());
        let bank = bank.with_shields(super::shield::shields(&folder.path().join("ca")));
        bank.found().await.expect("founded");
        let mut work = bank.database.begin().await.expect("a transaction");
        for payee in &payees {
            crate::books::account::add(&mut work, payee, None, "上海水务", "payee", 0)
                .await
                .expect("a payee");
        }
        work.commit().await.expect("committed");
        let names = tellers;
        let mut tellers = Vec::new();
        for name in names {
            add_teller(&bank, name, PASSWORD).await.expect("a teller");
            let token = identity::sign_in_teller(&bank, name, PASSWORD, &from()).await.expect("a session");
            tellers.push(Teller::by_token(&bank, &token).await.expect("read").expect("a teller"));
        }
        let [teller, other_teller] = tellers.try_into().expect("two tellers");
        Self { bank, teller, other_teller, folder, payees }
    }

    /// Another node of this bank: the same books, secrets and CA.
    pub(super) fn node(&self) -> Bank {
        let path = self.folder.path().join("secrets.json");
        if !path.exists() {
            self.bank.secrets.write(&path).expect("written");
        }
        let secrets = Secrets::read(&path).expect("read");
        let node =
            Bank::new(self.bank.database.clone(), secrets, self.bank.settings.clone(), Clock::default());
        node.with_shields(super::shield::opened(&self.folder.path().join("ca")))
    }

    /// A customer with ten thousand yuan and a contract that the counter made on this day.
    pub(super) async fn person(&self, name: &str, made_on: &str) -> Person {
        let bank = &self.bank;
        let document = random::id().expect("random numbers").to_uppercase();
        let opening = Opening {
            name: name.into(),
            document: document.clone(),
            phone: "13800000000".into(),
            deposit: "10000".into(),
            key: String::new(),
        };
        let account = desk::open_account(bank, &self.teller, &opening).await.expect("an account");
        let at = self.at_counter(&account, &document).await;
        let (login, payment) = (bank.hasher.hash(PASSWORD).await, bank.hasher.hash(PAYMENT).await);
        let mut work = bank.database.begin().await.expect("a transaction");
        let id = &at.customer().id;
        contract::add(&mut work, id, Maker::Counter, made_on, AGREEMENT, 0).await.expect("a contract");
        contract::enable_ecommerce(&mut work, id).await.expect("e-commerce");
        customer::set_chosen_login(&mut work, id, &login.expect("a hash"), 0).await.expect("a password");
        customer::set_payment_password(&mut work, id, &payment.expect("a hash"), 0)
            .await
            .expect("a password");
        work.commit().await.expect("committed");
        let customer = self.sign_in(&account).await;
        Person { account, document, customer }
    }

    pub(super) async fn at_counter(&self, account: &str, document: &str) -> AtCounter {
        let mut db = self.bank.database.connection().await.expect("a connection");
        AtCounter::check(&mut db, &self.teller, account, document).await.expect("the customer")
    }

    pub(super) async fn sign_in(&self, account: &str) -> Settled {
        let token = identity::sign_in(&self.bank, account, PASSWORD, &from()).await.expect("a session");
        let who = SignedIn::by_token(&self.bank, &token).await.expect("read").expect("a customer");
        who.settle().expect("a chosen password")
    }

    /// Issues a card and activates it; gives what answers a pair.
    pub(super) async fn card(&self, person: &Person) -> desk::Printed {
        let at = self.at_counter(&person.account, &person.document).await;
        let card = desk::issue_card(&self.bank, &self.teller, &at).await.expect("a card");
        let mut db = self.bank.database.connection().await.expect("a connection");
        let id = &person.customer.customer().id;
        assert!(crate::books::card::activate(&mut db, &card.id, id, 0).await.expect("activated"));
        card
    }

    pub(super) async fn order(&self, person: &Person, amount: &str) -> Result<Order> {
        let key = random::id()?;
        self.order_with(person, amount, &key).await
    }

    pub(super) async fn order_with(&self, person: &Person, amount: &str, form_key: &str) -> Result<Order> {
        let payer = self.payer(person).await?;
        let digits: usize = person.account.bytes().map(usize::from).sum();
        let wish = Wish {
            kind: OrderKind::Payment,
            payee: self.payees[digits % self.payees.len()].clone(),
            payee_name: String::new(),
            payee_bank: String::new(),
            amount: amount.into(),
            memo: "水费".into(),
            form_key: form_key.into(),
        };
        pay::order(&self.bank, &payer, &wish).await
    }

    pub(super) async fn payer(&self, person: &Person) -> Result<PayerOf<Account>> {
        let mut db = self.bank.database.connection().await?;
        PayerOf::check(&mut db, &person.customer, &person.account).await
    }

    pub(super) async fn own(&self, person: &Person, order: &str) -> Result<OwnerOf<Order>> {
        let mut db = self.bank.database.connection().await?;
        OwnerOf::check(&mut db, &person.customer, order).await
    }

    /// Asks for an answer, and gives the number of the challenge and the pair.
    pub(super) async fn ask(
        &self,
        person: &Person,
        order: &str,
        method: Method,
    ) -> Result<(String, Option<String>)> {
        let own = self.own(person, order).await?;
        let challenge = pay::ask(&self.bank, &person.customer, &own, method).await?;
        Ok((challenge.id, challenge.pair))
    }

    pub(super) async fn answer(
        &self,
        person: &Person,
        order: &str,
        challenge: &str,
        password: &str,
        code: &str,
    ) -> Result<()> {
        let own = self.own(person, order).await?;
        let answer = Answer { challenge: challenge.into(), password: password.into(), code: code.into() };
        pay::answer(&self.bank, &person.customer, &self.payer(person).await?, &own, &answer).await
    }

    /// The whole payment by static password.
    pub(super) async fn pay_static(&self, person: &Person, amount: &str) -> Result<()> {
        let order = self.order(person, amount).await?;
        let (challenge, _) = self.ask(person, &order.id, Method::Static).await?;
        self.answer(person, &order.id, &challenge, PAYMENT, "").await
    }

    /// The whole payment by password card.
    pub(super) async fn pay_card(&self, person: &Person, card: &desk::Printed, amount: &str) -> Result<()> {
        let order = self.order(person, amount).await?;
        let (challenge, pair) = self.ask(person, &order.id, Method::Card).await?;
        let code = code(card, &pair.expect("a pair"));
        self.answer(person, &order.id, &challenge, PAYMENT, &code).await
    }

    pub(super) async fn balance(&self, account: &str) -> i64 {
        let mut db = self.bank.database.connection().await.expect("a connection");
        let found = crate::books::account::find(&mut db, account).await.expect("read");
        found.expect("the account").balance().0
    }

    pub(super) async fn state(&self, order: &str) -> String {
        let mut db = self.bank.database.connection().await.expect("a connection");
        crate::books::order::find(&mut db, order).await.expect("read").expect("the order").state
    }

    /// Changes the books behind the bank's back.
    pub(super) async fn tamper(&self, sql: String) -> std::result::Result<u64, sqlx::Error> {
        let mut db = self.bank.database.connection().await.expect("a connection");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await.map(|done| done.rows_affected())
    }

    /// The proof of `bank audit verify`.
    pub(super) async fn is_proven(&self) -> bool {
        assert!(self.folder.path().exists());
        self.bank.prove(None).await.expect("read").is_ok()
    }
}

/// What a customer reads off the card.
pub(super) fn code(card: &desk::Printed, pair: &str) -> String {
    let cell = |name: &str| {
        let (column, row) = name.split_at(1);
        let at = card.columns.iter().position(|own| column.starts_with(*own)).expect("a column");
        let row = row.parse::<u32>().expect("a row");
        card.rows.iter().find(|(own, _)| *own == row).expect("a row").1[at].clone()
    };
    pair.split('-').map(cell).collect()
}

#[track_caller]
pub(super) fn refused<T>(result: Result<T>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}
