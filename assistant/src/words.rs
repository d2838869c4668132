//! The words for each state, trouble and finding, in both languages. A page shows them as they are.

mod operation;
mod shield;
mod machine;

use serde::Serialize;

/// What there is to say of a code: in each language what it is, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// Chinese.
    pub zh: Said,
    /// English.
    pub en: Said,
}

/// What is said in one language, in sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What it is.
    pub what: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// A row: the code, and what is said of it in Chinese, then in English.
type Row = (&'static str, [&'static str; 2], [&'static str; 2]);

const fn words(row: &Row) -> Words {
    let (_, [zh, zh_next], [en, en_next]) = *row;
    Words { zh: Said { what: zh, next: zh_next }, en: Said { what: en, next: en_next } }
}

/// The words of a code. A code without words of its own has the words of `failed`.
pub fn of(code: &str) -> Words {
    let rows = || [shield::ROWS, operation::ROWS, machine::ROWS].into_iter().flatten();
    rows().find(|row| row.0 == code).map_or_else(|| words(&operation::FAILED), words)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use terminal::Reason;

    use super::*;

    fn rows() -> impl Iterator<Item = &'static Row> {
        [shield::ROWS, operation::ROWS, machine::ROWS].into_iter().flatten()
    }

    #[test]
    fn each_code_has_one_row_and_each_row_says_something_in_both_languages() {
        let mut codes = BTreeSet::new();
        for row in rows() {
            let (code, zh, en) = row;
            assert!(codes.insert(*code), "{code} has two rows");
            assert!(zh.iter().all(|text| text.ends_with('。')), "{code}: {zh:?}");
            assert!(en.iter().all(|text| text.ends_with('.')), "{code}: {en:?}");
            assert!(
                zh.iter().all(|text| text.chars().any(|c| ('\u{4E00}'..'\u{9FFF}').contains(&c))),
                "{code}"
            );
            assert!(en.iter().all(|text| text.is_ascii()), "{code}: {en:?}");
        }
    }

    #[test]
    fn each_reason_of_a_failure_has_words() {
        // These are of files and command lines, and no page brings them about.
        let of_programs = [
            Reason::Exists,
            Reason::Missing,
            Reason::Damaged,
            Reason::TooOpen,
            Reason::Disk,
            Reason::Locked,
            Reason::Usage,
        ];
        for reason in Reason::ALL.into_iter().filter(|reason| !of_programs.contains(reason)) {
            assert!(rows().any(|row| row.0 == reason.code()), "{}", reason.code());
        }
    }

    /// The page of the doctor lists its codes, and a test of the doctor's holds the page against the doctor.
    #[test]
    fn each_fault_that_the_doctor_finds_has_words() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md");
        let page = fs::read_to_string(page).unwrap();
        let mut found = 0;
        for line in page.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, _, code, severity, ..] = cells[..] else { continue };
            if ["warning", "error"].contains(&severity) {
                let code = code.trim_matches('`');
                assert!(rows().any(|row| row.0 == code), "{code} has no words");
                found += 1;
            }
        }
        assert!(found > 20, "the page has a table of codes");
    }

    #[test]
    fn an_unknown_code_has_words_all_the_same() {
        assert_eq!(of("no-such-code"), of("failed"));
        assert_ne!(of("no_token"), of("failed"));
    }
}
