//! The index: a line of names, then one line a case, the columns apart by tabs.

use std::collections::BTreeMap;

use crate::case::{Case, Level};

pub(crate) const COLUMNS: [&str; 12] = [
    "name", "document", "ca", "crls", "issued", "at", "payer", "store", "level", "expected", "openssl",
    "wrong",
];

/// One line, by the names of its columns.
pub(crate) type Row = BTreeMap<String, String>;

fn row(case: &Case) -> [String; 12] {
    let crls: Vec<&str> = case.crls.iter().map(|file| file.path.as_str()).collect();
    let level = if case.level == Level::Core { "core" } else { "text" };
    let openssl = match case.differs {
        "-" => case.openssl().to_owned(),
        why => format!("{} {why}", case.openssl()),
    };
    [
        case.name.clone(),
        case.document.path.clone(),
        case.ca.path.clone(),
        if crls.is_empty() { "-".into() } else { crls.join(",") },
        case.issued.path.clone(),
        case.at.clone(),
        case.payer.clone(),
        case.store.clone(),
        level.into(),
        case.expected.into(),
        openssl,
        case.wrong.clone(),
    ]
}

pub(crate) fn write(cases: &[Case]) -> String {
    let lines = cases.iter().map(|case| row(case).join("\t"));
    std::iter::once(COLUMNS.join("\t")).chain(lines).map(|line| line + "\n").collect()
}

pub(crate) fn read(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().expect("a line of names").split('\t').collect();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        columns.iter().zip(fields).map(|(column, field)| ((*column).to_owned(), field.to_owned())).collect()
    };
    lines.map(row).collect()
}
