//! What the demo says at the terminal: where to go, and what to click there, step by step.

use serde::Serialize;

use super::{Code, Person, Seeded};

/// Where the demo listens.
#[derive(Serialize)]
pub(crate) struct Addresses {
    pub(crate) public: String,
    pub(crate) counter: String,
    pub(crate) metrics: String,
    /// Of `bank serve --est`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) est: Option<String>,
}

/// The guide, in the order of the story.
pub(crate) fn guide(at: &Addresses, made: &Seeded) -> String {
    let Addresses { public, counter, metrics, .. } = at;
    let Seeded {
        password,
        payment_password,
        tellers: [one, other],
        people: [old, with_card, web, new, shielded],
    } = made;
    let (old_account, card, shield) =
        (&old.account, card(with_card), shield(at, shielded, [&**one, &**other]));
    format!(
        "\
A bank for trials. It runs until Ctrl-C, and then nothing is left of it.

  customers  {public}
  tellers    {counter}
  metrics    {metrics}

Everybody's log-in password is:    {password}
Everybody's payment password is:   {payment_password}

1. Pay by static password
   Open {public} and log in: card number {old_account} ({}, whose contract is of 2006).
   Pay a bill: 7 yuan to 上海水务. Continue, choose Static password, and type the payment password.

2. Pay by password card
   Log out, and log in: card number {} ({}).
   Password card: activate it with its number, which is {}.
   Transfer: payee {}, account {old_account}, 100 yuan. Continue, and choose Password card.
   The page asks for two cells of this card:

{}

3. See what is missing
   Log out, and log in: card number {} ({}, registered on the web).
   Accounts has the balance. Ways to pay says why nothing can be paid, and what to do.

4. Register
   Log out. Register: card number {}, document {}, phone {} ({}),
   and a password of your own.

5. Work at the counter
   Open {counter} and log in as {one}. Find a customer: card number {}, document {}.
   Enable payments, and issue a password card. A replacement waits under To approve, for {other}.

6. Pay by U-shield
{shield}",
        old.name,
        with_card.account,
        with_card.name,
        with_card.card.as_ref().map_or("", |card| &card.id),
        old.name,
        card,
        web.account,
        web.name,
        new.account,
        new.document,
        new.phone,
        new.name,
        web.account,
        web.document,
    )
}

/// The ways of the shield: with the one that was named, or with one that the counter hands out now.
fn shield(at: &Addresses, holder: &Person, [teller, other]: [&str; 2]) -> String {
    let Addresses { public, counter, .. } = at;
    let Person { account, document, name, .. } = holder;
    let code = match &holder.shield {
        Some(Code { serial, reference, code }) => {
            format!("   The shield {serial} is of {name}: reference {reference}, authorisation code {code}.")
        }
        None => format!(
            "   Hand it out, with the serial number that the second terminal tells. {other} approves, and gets reference and code:
   bank counter --teller {teller} --at {counter} shield --account {account} --document {document} --serial SERIAL
   bank counter --teller {other} --at {counter} approve ID"
        ),
    };
    format!(
        "   In a second terminal, a shield with its screen and buttons:   ushield up
   In a third one, the assistant, which asks for the PIN there:   ushield assistant --bank {public}
{code}
   Log in: card number {account} ({name}). Under U-shield change the PIN from 12345678, and download the personal ID
   with reference and code. Then transfer a large sum, choose U-shield, and press Enter at the shield's terminal.
"
    )
}

/// The cells, as they stand on the card.
fn card(of: &Person) -> String {
    let Some(card) = &of.card else { return String::new() };
    let head: String = card.columns.iter().map(|column| format!("   {column}")).collect();
    let rows = card.rows.iter().map(|(row, cells)| format!("\n      {row} {}", cells.join(" ")));
    format!("       {head}{}", rows.collect::<String>())
}
