//! The texts of the pages, in Chinese and English: `bank/texts/zh.ftl` and `bank/texts/en.ftl`, with the same keys.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

type Bundle = FluentBundle<FluentResource>;

static CHINESE: LazyLock<Bundle> = LazyLock::new(|| bundle("zh-CN", include_str!("../texts/zh.ftl")));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle("en", include_str!("../texts/en.ftl")));

fn bundle(language: &str, text: &str) -> Bundle {
    let language: LanguageIdentifier = language.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Else each amount stands between U+2068 and U+2069, which no customer can copy into a form.
    bundle.set_use_isolating(false);
    // A test holds both files to be without error and without a key twice.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(partial, _)| partial);
    let _ = bundle.add_resource(resource);
    bundle
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// As `lang` in HTML and in the cookie.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// What its speakers call it.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::Chinese => "中文",
            Self::English => "English",
        }
    }

    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// What the browser asks for: the first of its languages that the bank speaks, or else Chinese.
    pub(crate) fn accepted(header: &str) -> Self {
        let tags = header.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        let mut known = tags.filter_map(|tag| Self::from_tag(tag.get(..2).unwrap_or_default()));
        known.next().unwrap_or(Self::Chinese)
    }

    fn bundle(self) -> &'static Bundle {
        match self {
            Self::Chinese => &CHINESE,
            Self::English => &ENGLISH,
        }
    }

    /// The text of a key, with its values. A key that is not there is shown as itself, and a test fails.
    pub(crate) fn text(self, key: &str, values: &[(&str, &str)]) -> String {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            arguments.set(*name, *value);
        }
        bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Language;
    use crate::error::Refusal;

    fn keys(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .collect()
    }

    fn variables(text: &str) -> BTreeSet<(String, String)> {
        let mut key = "";
        let mut found = BTreeSet::new();
        for line in text.lines() {
            if let Some((new, _)) = line.split_once(" =").filter(|_| !line.starts_with([' ', '#'])) {
                key = new;
            }
            for part in line.split("{ $").skip(1) {
                found.insert((key.to_owned(), part.split(' ').next().unwrap_or_default().to_owned()));
            }
        }
        found
    }

    const CHINESE: &str = include_str!("../texts/zh.ftl");
    const ENGLISH: &str = include_str!("../texts/en.ftl");

    #[test]
    fn both_languages_have_the_same_keys_and_variables() {
        for text in [CHINESE, ENGLISH] {
            let resource = fluent_bundle::FluentResource::try_new(text.to_owned());
            assert!(resource.is_ok(), "{:?}", resource.map_err(|(_, errors)| errors).err());
        }
        assert!(keys(ENGLISH).len() > 60, "are the keys read?");
        let different: Vec<_> = keys(CHINESE).symmetric_difference(&keys(ENGLISH)).copied().collect();
        assert!(different.is_empty(), "in one language only: {different:?}");
        assert_eq!(variables(CHINESE), variables(ENGLISH));
    }

    #[test]
    fn each_refusal_says_why_and_what_to_do_in_both_languages() {
        for language in Language::ALL {
            for refusal in Refusal::ALL {
                for key in [format!("refusal-{}", refusal.code()), format!("refusal-{}-next", refusal.code())]
                {
                    assert_ne!(language.text(&key, &[]), key, "{} lacks it", language.tag());
                }
            }
        }
    }

    #[test]
    fn the_agreement_is_that_of_its_version() {
        use sha2::{Digest, Sha256};

        use crate::identity::{AGREEMENT, ARTICLES};

        let mut text = Sha256::new();
        for language in Language::ALL {
            for article in ARTICLES {
                for key in [format!("agreement-{article}"), format!("agreement-{article}-text")] {
                    let words = language.text(&key, &[]);
                    assert_ne!(words, key, "{} lacks it", language.tag());
                    text.update(words);
                }
            }
        }
        let found = (AGREEMENT, crate::random::hex(&text.finalize()));
        // A customer has accepted these words: other words are another version, with another hash here.
        let known = ("2026-11-28", "b23b1bd43883b4683e07b29d2f9c808d204fb6475d730b02638b9f32afd5f7c1");
        assert_eq!((found.0, found.1.as_str()), known);
    }

    #[test]
    fn amounts_are_in_no_invisible_characters() {
        let text = Language::English.text("spent-of", &[("spent", "1.00"), ("ceiling", "300.00")]);
        assert!(text.contains("1.00") && text.is_ascii(), "{text:?}");
    }

    #[test]
    fn the_browser_is_asked_for_its_language() {
        for (header, language) in [
            ("en-US,en;q=0.9", Language::English),
            ("fr, zh-CN;q=0.8, en;q=0.5", Language::Chinese),
            ("", Language::Chinese),
            ("ü,*;q=0", Language::Chinese),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
