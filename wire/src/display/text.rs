//! Which text the screen shows. Everything that a reader could not see, or could take for something else, is
//! refused, not repaired: the bytes are signed as they are.
//!
//! The list names what is shown, not what is refused. So a character that Unicode adds tomorrow is refused.
//! Source: UTS 39 (identifier profile, 5.1 mixed scripts, 5.2 restriction levels), UAX 15 (NFC), UAX 24 (scripts).

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_script::ScriptExtension;
use unicode_security::{
    GeneralSecurityProfile, is_potential_mixed_script_confusable_char, mixed_script::AugmentedScriptSet,
};

use super::{
    cell::width,
    fault::Fault,
    look,
    script::{Script, script},
};

/// Any text: a memo, an attribute of a subject.
///
/// # Errors
/// The first rule broken.
pub fn check_text(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if !text.chars().all(shown) {
        return Err(Fault::Character);
    }
    if text.starts_with(space) || text.ends_with(space) || pairs(text).any(|(a, b)| space(a) && space(b)) {
        return Err(Fault::Spaces);
    }
    // ASCII is of one script, is composed, and has neither a kana nor an ideograph.
    if text.is_ascii() {
        return Ok(());
    }
    if !composed(text) {
        return Err(Fault::Spelling);
    }
    scripts(text)?;
    look::check_kana(text)?;
    look::check_latin(text)
}

/// An account or an order number: ASCII, where every character has one look.
///
/// # Errors
/// More than ASCII, or what [`check_text`] refuses.
pub fn check_number(text: &str) -> Result<(), Fault> {
    if text.is_ascii() { check_text(text) } else { Err(Fault::NotAscii) }
}

fn pairs(text: &str) -> impl Iterator<Item = (char, char)> {
    text.chars().zip(text.chars().skip(1))
}

/// The two spaces that a screen shows, whose width a reader knows.
pub const fn space(c: char) -> bool {
    matches!(c, ' ' | '\u{3000}')
}

/// Characters that the screen lays out one after the other, from left to right, each in a cell or two of its own.
/// That leaves out scripts from right to left and scripts that join or stack their letters (the little screen
/// would show another text than was signed), and combining marks: what a name needs of them, NFC has composed.
fn shown(c: char) -> bool {
    if punctuation(c) {
        return true;
    }
    let scripts = ScriptExtension::from(c);
    // UTS 39 leaves rare ideographs out, but people's names are written with them: 𠮷, 䶮. Radicals are symbols and not
    // alphabetic, so they stay out.
    let ideograph = script(c) == Script::Han && c.is_alphabetic();
    (ideograph || GeneralSecurityProfile::identifier_allowed(c))
        && (scripts.is_common() || SCRIPTS.iter().any(|&ours| scripts.contains_script(ours)))
        && !matches!(c, '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97F}' | '\u{D7B0}'..='\u{D7FF}')
        && width(c) > 0
}

const SCRIPTS: [Script; 7] = [
    Script::Latin,
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Hangul,
    Script::Greek,
    Script::Cyrillic,
];

/// What stands between words in names, accounts and memos, and is visible.
const fn punctuation(c: char) -> bool {
    matches!(
        c,
        ' '..='~'
        | '\u{A1}'..='\u{AC}' | '\u{AE}'..='\u{BF}' | '×' | '÷'
        | '\u{2010}' | '\u{2012}'..='\u{2015}' | '‘' | '’' | '“' | '”' | '…' | '‰' | '※'
        | '\u{20A0}'..='\u{20C0}' | '℃' | '№' | '™' | '\u{2160}'..='\u{216B}'
        // A circle masks people's names: 张○○.
        | '○'
        | '\u{3000}'..='\u{3003}' | '\u{3005}'..='\u{3011}' | '\u{3014}'..='\u{3017}' | '\u{301C}' | '・' | 'ー'
        | '\u{FF01}'..='\u{FF5E}' | '\u{FFE0}'..='\u{FFE6}'
    )
}

fn composed(text: &str) -> bool {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => text.chars().eq(text.nfc()),
    }
}

/// UTS 39, 5.2: one script, or Latin with Han and Bopomofo, with Han and kana, or with Han and Hangul.
fn scripts(text: &str) -> Result<(), Fault> {
    let mut all = AugmentedScriptSet::default();
    let mut beside_latin = AugmentedScriptSet::default();
    for c in text.chars() {
        let set = AugmentedScriptSet::for_char(c);
        all.intersect_with(set);
        if !set.base.contains_script(Script::Latin) {
            beside_latin.intersect_with(set);
        }
    }
    if all.is_empty() && !(beside_latin.hanb || beside_latin.jpan || beside_latin.kore) {
        return Err(Fault::Scripts);
    }
    // UTS 39, 4: whole-script confusables. "Сосо" is Cyrillic, and nobody can see that it is.
    let foreign = !all.is_all()
        && (all.base.contains_script(Script::Cyrillic) || all.base.contains_script(Script::Greek))
        && !all.base.contains_script(Script::Latin);
    let latin_looks = |c: char| !c.is_alphabetic() || is_potential_mixed_script_confusable_char(c);
    if foreign && text.chars().all(latin_looks) { Err(Fault::LooksLatin) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::String};

    /// What [`check_text`] does not ask of ASCII would be granted.
    #[test]
    fn ascii_breaks_no_rule_of_scripts() {
        for a in ' '..='~' {
            for b in ' '..='~' {
                let text = String::from_iter([a, b, a]);
                assert!(
                    composed(&text) && look::check_kana(&text).is_ok() && look::check_latin(&text).is_ok()
                );
                assert_eq!(scripts(&text), Ok(()), "{text}");
            }
        }
    }

    #[test]
    fn honest_text_is_shown() {
        for text in [
            "上海水务",
            "张○○",
            "ООО Газпром",
            "Ελληνική Τράπεζα",
            "Société Générale",
            "株式会社トヨタ・モーター",
            "セブン-イレブン Japan",
            "삼성전자 Samsung",
            "中国移动（上海）有限公司",
            "中国工商银行ICBC",
            "阿卜杜拉·买买提",
            "买\u{3000}主",
            "【水费】2026年6月,第2期",
            "Nguyễn Văn Ánh",
            "Łódź & Øster #7",
            "𠮷野家",
            "䶮",
            "二〇二六",
            "￥１００",
        ] {
            assert_eq!(check_text(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_a_reader_cannot_see_is_refused() {
        let invisible = "\0\t\n\r\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180e}\u{2000}\
            \u{2009}\u{200a}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\
            \u{202e}\u{202f}\u{205f}\u{2060}\u{2061}\u{2064}\u{2065}\u{2066}\u{2067}\u{2068}\u{2069}\u{206a}\u{206f}\
            \u{2800}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{fff9}\u{fffc}\u{fffd}\u{1d173}\u{e0001}\u{e0041}\
            \u{e0100}\u{e000}\u{f8ff}\u{f0000}\u{10fffd}\u{fdd0}\u{fffe}\u{1ffff}\u{378}\u{e01f0}";
        for c in invisible.chars() {
            assert_eq!(check_text(&format!("上{c}海")), Err(Fault::Character), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn what_the_screen_cannot_lay_out_is_refused() {
        for text in [
            "שלום",
            "سلام",
            "ไทย",
            "हिन्दी",
            "٣٤",
            "e\u{301}",
            "a\u{300}\u{301}\u{302}",
            "ｶﾞ",
            "\u{1100}\u{1161}",
            "😀",
            "▪收款人",
            "▸金额",
            "─",
            "⼀",
            "①",
            "ㄅ",
            "ᏚᎢ",
        ] {
            assert_eq!(check_text(text), Err(Fault::Character), "{text}");
        }
    }

    #[test]
    fn spaces_do_not_push_text_about() {
        for text in [" 上", "上 ", "上  海", "上\u{3000} 海", "\u{3000}上"] {
            assert_eq!(check_text(text), Err(Fault::Spaces), "{text:?}");
        }
        assert_eq!(check_text(""), Err(Fault::Empty));
    }

    #[test]
    fn scripts_that_pass_for_one_another_are_refused() {
        // Cyrillic а, о; Greek ο, α; Hangul with kana.
        for text in ["Bаnk", "Gооgle", "Alphα", "Αlpha Bank", "한か", "ア한", "中a\u{430}"] {
            assert_eq!(check_text(text), Err(Fault::Scripts), "{text}");
        }
        for text in ["Сосо", "АРР 1", "ΑΒΕ"] {
            assert_eq!(check_text(text), Err(Fault::LooksLatin), "{text}");
        }
        // U+2126 OHM SIGN and U+212B ANGSTROM SIGN are not in NFC; U+F900 composes to U+8C48.
        assert!(
            check_text("\u{2126}").is_err()
                && check_text("\u{212b}").is_err()
                && check_text("\u{f900}").is_err()
        );
    }

    #[test]
    fn a_number_is_ascii() {
        assert_eq!(check_number("6222-0212 3456*7"), Ok(()));
        for number in ["６２２２", "622２", "62о2", "六"] {
            assert_eq!(check_number(number), Err(Fault::NotAscii), "{number}");
        }
    }

    /// Over all of Unicode: what is shown takes a cell or two, is no default-ignorable, no control, no space but two.
    #[test]
    fn every_character_shown_is_visible() {
        let mut shown_characters = 0_u32;
        for c in (0..=0x10_FFFF_u32).filter_map(char::from_u32).filter(|&c| shown(c)) {
            shown_characters += 1;
            let code = u32::from(c);
            assert!((1..=2).contains(&width(c)), "{code:x}");
            assert!(!c.is_control() && (!c.is_whitespace() || space(c)), "{code:x}");
            // Hebrew to Arabic Extended, the presentation forms, and the right-to-left planes (UAX 9, table 4).
            assert!(!matches!(code, 0x590..=0x8FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF | 0x10800..=0x10FFF));
            assert!(!matches!(code, 0x1E800..=0x1EFFF | 0xE000..=0xF8FF | 0xE0000..), "{code:x}");
            assert_ne!(ScriptExtension::from(c), ScriptExtension::from(Script::Unknown), "{code:x}");
        }
        assert!((80_000..130_000).contains(&shown_characters), "{shown_characters}");
        let long: String = "上".repeat(128);
        assert_eq!(check_text(&long), Ok(()));
    }
}
