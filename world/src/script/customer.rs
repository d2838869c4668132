//! Who plays: what the bank has told of its customers.

use serde_json::Value;
use terminal::Failure;

/// A customer.
pub(super) struct Customer {
    pub(super) name: String,
    pub(super) account: String,
}

/// A password card: its number, and its cells by their coordinates.
pub(super) struct Card {
    pub(super) number: String,
    cells: Vec<(String, String)>,
}

/// The customers of the story, and their secrets.
pub(super) struct Cast {
    pub(super) password: String,
    pub(super) payment_password: String,
    pub(super) pin: String,
    /// Pays by static password.
    pub(super) old: Customer,
    /// Pays by the cells of a card.
    pub(super) with_card: (Customer, Card),
    /// Is paid by a thief's order.
    pub(super) other: Customer,
    /// Pays by shield, whose ID comes by reference and code.
    pub(super) with_shield: (Customer, [String; 2]),
}

impl Cast {
    /// # Errors
    /// The bank has told of other customers.
    pub(super) fn of(told: &Value, pin: &str) -> Result<Self, Failure> {
        let cast = Self::read(&told["demo"], pin);
        cast.ok_or_else(|| {
            Failure::new("the script was not played")
                .because("the bank tells of other customers than the story has")
                .next("build bank and world from the same source")
        })
    }

    fn read(demo: &Value, pin: &str) -> Option<Self> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let person = |kind: &str| demo["people"].as_array()?.iter().find(|person| person["kind"] == kind);
        let customer = |person: &Value| {
            Some(Customer { name: word(&person["name"])?, account: word(&person["account"])? })
        };
        let (with_card, with_shield) = (person("card")?, person("shield")?);
        let code = &with_shield["shield"];
        Some(Self {
            password: word(&demo["password"])?,
            payment_password: word(&demo["payment_password"])?,
            pin: pin.to_owned(),
            old: customer(person("static")?)?,
            with_card: (customer(with_card)?, Card::read(&with_card["card"])?),
            other: customer(person("web")?)?,
            with_shield: (customer(with_shield)?, [word(&code["reference"])?, word(&code["code"])?]),
        })
    }
}

impl Card {
    fn read(card: &Value) -> Option<Self> {
        let mut cells = Vec::new();
        for row in card["rows"].as_array()? {
            let number = row[0].as_u64()?;
            for (column, cell) in card["columns"].as_array()?.iter().zip(row[1].as_array()?) {
                cells.push((format!("{}{number}", column.as_str()?), cell.as_str()?.to_owned()));
            }
        }
        Some(Self { number: card["id"].as_str()?.to_owned(), cells })
    }

    /// What stands in these cells, one after the other.
    pub(super) fn answer(&self, asked: &[String]) -> Option<String> {
        asked.iter().map(|at| Some(self.cells.iter().find(|(cell, _)| cell == at)?.1.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told() -> Value {
        let person = |kind: &str| json!({ "kind": kind, "name": kind, "account": "6222" });
        let mut with_card = person("card");
        with_card["card"] =
            json!({ "id": "C1", "columns": ["A", "B"], "rows": [[1, ["123", "456"]], [2, ["789", "012"]]] });
        let mut with_shield = person("shield");
        with_shield["shield"] = json!({ "reference": "R", "code": "S" });
        let people = [person("static"), with_card, person("web"), with_shield];
        json!({ "demo": { "password": "log in", "payment_password": "pay", "people": people } })
    }

    #[test]
    fn cells_are_found_by_their_coordinates() {
        let cast = Cast::of(&told(), "135790").unwrap();
        let card = cast.with_card.1;
        assert_eq!(card.number, "C1");
        assert_eq!(card.answer(&["B1".into(), "A2".into()]).as_deref(), Some("456789"));
        assert_eq!(card.answer(&["C1".into()]), None);
    }

    #[test]
    fn a_bank_of_other_customers_is_refused() {
        for missing in ["static", "card", "web", "shield"] {
            let mut told = told();
            let people = told["demo"]["people"].as_array_mut().unwrap();
            people.retain(|person| person["kind"] != missing);
            assert!(Cast::of(&told, "1").is_err(), "{missing}");
        }
        assert!(Cast::of(&json!({}), "1").is_err());
    }
}
