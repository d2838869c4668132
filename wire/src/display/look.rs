//! Characters that UTS 39 lets stand beside one another, although one passes for another: kana and dashes beside
//! ideographs, ideographs inside a Latin word. Source: UTS 39, confusables.txt, for what looks like what.

use super::{
    fault::Fault,
    script::{Script, script},
};

/// Kana that pass for an ideograph, small kana too. The ideographs are, in the same order, 工口一二八卜力夕才又千厶木匕儿三乂个十.
const LIKE_HAN: &str = "エローニハトカタオヌチムホヒルミメケナェヵヶㇿㇳㇵㇴㇺヘ";
/// Ideographs that pass for a Latin letter or digit and stand in few words: T, Y, I, X, L, C, U, O.
const LIKE_LATIN: &str = "丅丄丫丨丩亅乂乚匚冂凵屮〇";
/// Ordinary ideographs that pass for a Latin letter (T, O, I, F, Z). Only their place in a Latin word gives them away.
const ORDINARY_LIKE_LATIN: &str = "丁口工卜乙";
/// Dashes and signs as wide as an ideograph, which pass for 一, 二 and 十.
const DASHES: &str = "—―–‒－＝＋";

/// Refuses a kana that passes for an ideograph (海ロ银行), unless its neighbours show that it is a kana (ソニー銀行). A long vowel or
/// a small kana that stands beside an ideograph does not show that of another kana: ハー医院 is refused, 日本ハム is not.
///
/// # Errors
/// [`Fault::LooksHan`].
pub(super) fn check_kana(text: &str) -> Result<(), Fault> {
    let mut before = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c| !kana(c)).unwrap_or(rest.len());
        let (kana_run, after) = rest.split_at_checked(run).unwrap_or((rest, ""));
        let alike = !kana_run.is_empty() && kana_run.chars().all(|c| LIKE_HAN.contains(c));
        let next = after.chars().next();
        let beside_han = before.is_some_and(han) || next.is_some_and(han);
        // Between two ideographs the small kana count things: 数ヵ月, 霞ヶ関. Behind a digit the large ones do as well: 3カ月.
        let counts = next.is_some_and(han)
            && match kana_run {
                "ヵ" | "ヶ" => before.is_some_and(|c| han(c) || digit(c)),
                "カ" | "ケ" => before.is_some_and(digit),
                _ => false,
            };
        match kana_run.chars().count() {
            1 if alike && !counts => return Err(Fault::LooksHan),
            2 if alike && beside_han && kana_run.contains(vouches_for_none) => return Err(Fault::LooksHan),
            _ => {}
        }
        (before, rest) = if run == 0 {
            (Some(first), rest.get(first.len_utf8()..).unwrap_or_default())
        } else {
            (kana_run.chars().next_back(), after)
        };
    }
    Ok(())
}

/// Refuses an ideograph that passes for a letter and stands beside Latin: 丅CL, CIT丫.
///
/// # Errors
/// [`Fault::LooksLatin`].
pub(super) fn check_latin(text: &str) -> Result<(), Fault> {
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        let beside_latin = before.is_some_and(latin) || next.is_some_and(latin);
        // 丁CL and S口NY are refused. 张丁 A, ICBC工行 and A口 are not.
        let in_a_word = next.is_some_and(latin) && !before.is_some_and(han);
        if (LIKE_LATIN.contains(c) && beside_latin) || (ORDINARY_LIKE_LATIN.contains(c) && in_a_word) {
            return Err(Fault::LooksLatin);
        }
        before = Some(c);
    }
    Ok(())
}

/// Refuses a wide dash that touches an ideograph in a name: 第—医院.
///
/// # Errors
/// [`Fault::LooksHan`].
pub(super) fn check_dashes(name: &str) -> Result<(), Fault> {
    let pairs = name.chars().zip(name.chars().skip(1));
    let touches = |a, b| DASHES.contains(a) && (han(b) || DASHES.contains(b));
    if pairs.into_iter().any(|(a, b)| touches(a, b) || touches(b, a)) {
        return Err(Fault::LooksHan);
    }
    Ok(())
}

const fn digit(c: char) -> bool {
    matches!(c, '0'..='9' | '０'..='９')
}

/// The long vowel and the small kana. Behind any other character they pass for an ideograph.
const fn vouches_for_none(c: char) -> bool {
    matches!(c, 'ー' | 'ェ' | 'ャ' | 'ヵ' | 'ヶ' | 'ㇿ' | 'ㇳ' | 'ㇵ' | 'ㇴ' | 'ㇺ')
}

fn kana(c: char) -> bool {
    c == 'ー' || matches!(script(c), Script::Hiragana | Script::Katakana)
}

fn han(c: char) -> bool {
    script(c) == Script::Han
}

fn latin(c: char) -> bool {
    script(c) == Script::Latin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_what_they_say() {
        assert!(LIKE_LATIN.chars().chain(ORDINARY_LIKE_LATIN.chars()).all(han));
        assert!(LIKE_HAN.chars().all(kana));
        assert!(DASHES.chars().all(|c| !han(c) && !kana(c)));
    }

    #[test]
    fn neighbours_tell_kana_from_ideographs() {
        for text in [
            "ソニー銀行",
            "ニトリ",
            "エコ",
            "ハロー株式会社",
            "霞ヶ関",
            "丸ノ内",
            "6月カード",
            "みずほ",
            "エロ",
            "3ヶ月分",
            "3カ月分",
            "本社へ送金",
            "日本ハム",
        ] {
            assert_eq!(check_kana(text), Ok(()), "{text}");
        }
        for text in [
            "エ",
            "中国エ商银行",
            "海ロ",
            "第ー医院",
            "ニ",
            "ハー医院",
            "ヶ人",
            "A ー B",
            "東京電カ",
            "電カ会社",
        ] {
            assert_eq!(check_kana(text), Err(Fault::LooksHan), "{text}");
        }
    }

    #[test]
    fn ideographs_are_no_letters() {
        for text in ["丫丫", "小丫", "地铁A口", "ICBC工行", "丁 Wei", "张丁A", "口", "二〇二六", "A 〇"]
        {
            assert_eq!(check_latin(text), Ok(()), "{text}");
        }
        for text in ["丅CL", "CI丅IC", "CIT丫", "B〇C", "丁CL", "S口NY", "丨CBC"] {
            assert_eq!(check_latin(text), Err(Fault::LooksLatin), "{text}");
        }
        for name in ["第—医院", "——", "第＝医院", "＋堰"] {
            assert_eq!(check_dashes(name), Err(Fault::LooksHan), "{name}");
        }
        for name in ["7-Eleven", "A – B", "中国-东盟", "ジャン＝ポール"] {
            assert_eq!(check_dashes(name), Ok(()), "{name}");
        }
    }
}
