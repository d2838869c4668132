//! `ushield order`: a payment order as a bank issues it, for trials.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use file::Access;
use payment::{
    EncodedOrder,
    order::{self, OrderError, Terms},
};
use terminal::{Context, Exit, Failure, Outcome, say_json};

/// Print a payment order as a bank would issue it now, with a fresh nonce
///
/// A bank's backend makes its orders itself, and keeps each one to compare it with what was signed. This command stands in
/// for the bank in trials and CI jobs.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield order --out order.json && ushield pay order.json --out payment.cms
  ushield order --payer 6222020200110001 --payee 京东 --amount 9.90 --number 20260002")]
pub(crate) struct Order {
    /// The bank's number of the order [default: the time, 20261127164400]
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// The payer's account
    #[arg(long, value_name = "ACCOUNT", default_value = "6222020200112233")]
    payer: String,
    /// The payee's name
    #[arg(long, value_name = "NAME", default_value = "上海水务")]
    payee: String,
    /// The payee's account
    #[arg(long, value_name = "ACCOUNT", default_value = "1001244300000000123")]
    payee_account: String,
    /// The amount, with all of the currency's decimals or none
    #[arg(long, value_name = "AMOUNT", default_value = "100.00")]
    amount: String,
    /// The currency's code in ISO 4217
    #[arg(long, value_name = "CODE", default_value = "CNY")]
    currency: String,
    /// What the payment is for
    #[arg(long, value_name = "TEXT", default_value = "水费")]
    memo: String,
    /// How many minutes the payer has
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Order {
    pub(crate) fn run(self) -> Outcome {
        let json = order::to_json(self.issue()?.order()).what("the order could not be written")?;
        match &self.out {
            Some(path) => file::write(path, json.as_bytes(), Access::Everyone, self.force)?,
            None => say_json(json.trim_end()),
        }
        Ok(Exit::Done)
    }

    fn issue(&self) -> Result<EncodedOrder, Failure> {
        let now = SystemTime::now();
        let number = match &self.number {
            Some(number) => number.clone(),
            None => digits(&order::format_time(now).what("the order has no number")?),
        };
        let terms = Terms {
            number: &number,
            payer_account: &self.payer,
            payee_name: &self.payee,
            payee_account: &self.payee_account,
            amount: &self.amount,
            currency: &self.currency,
            memo: &self.memo,
            lifetime: Duration::from_secs(self.minutes * 60),
        };
        issue(&terms, now)
    }
}

/// 2026-11-27T16:44:00Z as 20261127164400.
fn digits(time: &str) -> String {
    time.chars().filter(char::is_ascii_digit).collect()
}

/// Issues an order, or says which option has to be corrected.
pub(super) fn issue(terms: &Terms<'_>, now: SystemTime) -> Result<EncodedOrder, Failure> {
    terms.issue(now).map_err(|error| {
        let failure = Failure::new("the order was not issued");
        match error {
            error @ (OrderError::Rule(_) | OrderError::NotShown(_)) => {
                failure.because(error).next("correct the option that says so: ushield order --help")
            }
            other => failure.because(other).next("run the same command again"),
        }
    })
}
