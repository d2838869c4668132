//! Names that are an amount of money: number and currency, in digits or words, and nothing else. 百元裤业 is a shop,
//! 百元 is an amount.

use alloc::vec::Vec;

use unicode_normalization::UnicodeNormalization;

use super::script::{Script, script};

/// Words of numbers; the letters of Chinese ones stand in [`HAN_NUMERALS`].
#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty",
    "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "billion",
];
const HAN_NUMERALS: &str =
    "零〇○一二三四五六七八九十百千万亿兆两兩俩仨廿卅卌半点點壹弌壱贰貳弐弍叁參叄参弎肆伍陆陸柒捌玖拾佰仟萬億";
const HANGUL_NUMERALS: &str = "영공일이삼사오육륙칠팔구십백천만억조";
/// Multipliers, which make a sum of the syllable before them: 이천원 is an amount, but 이영원, without one, is a name.
const HANGUL_MULTIPLIERS: &str = "십백천만억";
/// Currencies, and words that announce a sum. They stand before a number or behind it. The codes of ISO 4217 are not listed
/// here and count as well.
#[rustfmt::skip]
const CURRENCIES: &[&str] = &[
    "人民币", "人民幣", "美元", "美金", "欧元", "歐元", "英镑", "英鎊", "日元", "日圆", "日圓", "日币",
    "港元", "港币", "港幣", "澳元", "澳门元", "葡币", "加元", "新元", "新币", "台币", "台幣", "新台币",
    "新台幣", "韩元", "韓元", "韩币", "卢布", "盧布", "法郎", "泰铢", "卢比", "比索", "里拉", "越南盾",
    "林吉特", "克朗", "金额", "金額", "合计", "合計", "总计", "總計", "总额", "總額", "共计", "共計",
    "小计", "余额", "应付", "应收", "实付", "实收", "大写", "小写", "整", "rmb", "cnh", "ntd", "yuan",
    "yuans", "renminbi", "kuai", "jiao", "fen", "dollar", "dollars", "buck", "bucks", "euro", "euros",
    "cent", "cents", "pound", "pounds", "sterling", "yen", "won", "ruble", "rubles", "rouble", "roubles",
    "franc", "francs", "rupee", "rupees", "baht", "peso", "pesos", "krone", "kronor", "lira", "dong",
    "ringgit", "rm", "rs", "rp", "kr", "zł", "kč", "vnđ", "đ", "usdt", "btc", "руб", "рубль", "рубля",
    "рублей", "р", "ευρώ", "円", "원", "달러", "유로", "위안", "엔", "ドル", "ユーロ", "ポンド", "ウォン",
    "元人民币", "人民元", "amount", "total", "sum", "价", "價", "us", "hk", "nt", "hkd", "usd", "eur",
    "gbp",
];
/// Units that stand behind a number, or right before digits. Anywhere else they are no sign of an amount: 钱 and 毛 are
/// family names.
#[rustfmt::skip]
const UNITS: &[&str] = &[
    "元", "圆", "圓", "块", "塊", "角", "毛", "分", "厘", "钱", "錢", "刀", "镑", "鎊", "铢", "盾",
    "美刀", "大洋",
];
/// Words that stand in an amount and change nothing about it.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "正", "约", "約", "余", "餘", "多", "仅", "僅", "共", "计", "計", "起", "付", "收", "款", "需", "只",
    "为", "即", "又", "and", "only",
    // Japan writes a sum out like this: 金壱万円也.
    "金", "也",
];
/// Codes of currencies that everybody knows and that are no word of a language. No name may open with an amount in one of
/// them.
#[rustfmt::skip]
const OPENING: &[&str] = &[
    "cny", "rmb", "cnh", "usd", "eur", "hkd", "jpy", "gbp", "twd", "ntd", "krw", "sgd", "aud", "cad", "chf",
];

/// Whether a name is a number, a number with a currency, has a currency's sign, or opens with an amount.
pub(super) fn reads_like_one(name: &str) -> bool {
    let bare = !name.chars().any(char::is_alphabetic);
    bare || name.chars().any(currency_sign) || Reading::of(name).is_amount()
}

const fn currency_sign(c: char) -> bool {
    matches!(c, '$' | '¢'..='¥' | '\u{20A0}'..='\u{20CF}' | '＄' | '￠' | '￡' | '￥' | '￦')
}

/// A character of the name in NFKC and lower case, and whether it belongs to a number in digits.
#[derive(Clone, Copy)]
struct Letter {
    c: char,
    numeric: bool,
}

/// What the characters up to a position in the name hold.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct State {
    number: bool,
    currency: bool,
    /// The last word was a number or a unit.
    counting: bool,
}

impl State {
    /// One of eight states: the three properties above, each true or false.
    fn bit(self) -> u8 {
        let index = u8::from(self.number) | u8::from(self.currency) << 1 | u8::from(self.counting) << 2;
        1_u8.checked_shl(index.into()).unwrap_or(0)
    }

    fn all() -> impl Iterator<Item = Self> {
        (0..8_u8).map(|i| Self { number: i & 1 != 0, currency: i & 2 != 0, counting: i & 4 != 0 })
    }

    const fn after_number(self) -> Self {
        Self { number: true, counting: true, ..self }
    }

    const fn after_currency(self) -> Self {
        Self { currency: true, ..self }
    }
}

struct Reading {
    letters: Vec<Letter>,
}

impl Reading {
    fn of(name: &str) -> Self {
        // Roman numerals become letters in NFKC.
        let roman = |c| if matches!(c, '\u{2160}'..='\u{217F}') { '1' } else { c };
        let text = spelled_together(&name.chars().map(roman).nfkc().collect::<Vec<_>>());
        let numeric = digits(&text);
        let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
        let letters = text.iter().zip(numeric).map(|(&c, numeric)| Letter { c: lower(c), numeric }).collect();
        Self { letters }
    }

    fn at(&self, position: usize) -> Option<Letter> {
        self.letters.get(position).copied()
    }

    fn is_amount(&self) -> bool {
        self.is_digits_and_numerals() || self.opens_with_amount() || self.is_number_with_currency()
    }

    /// Whether the name is a number that nobody is called by, such as 100万. 二百五, 1点点 and 7-Eleven are names.
    fn is_digits_and_numerals(&self) -> bool {
        let part = |l: &Letter| l.c.is_ascii_digit() || !l.c.is_alphanumeric() || HAN_NUMERALS.contains(l.c);
        let ends_with_point = self.letters.last().is_some_and(|l| matches!(l.c, '点' | '點'));
        self.letters.iter().all(part) && !ends_with_point && self.letters.iter().any(|l| l.c.is_ascii_digit())
    }

    /// Whether the name opens with an amount in a well-known currency: "CNY 1.00 Ltd" and "usd: 1" do, "CAD 3D Solutions" does
    /// not.
    fn opens_with_amount(&self) -> bool {
        let Some(end) = OPENING.iter().find_map(|word| self.word(0, word)) else { return false };
        let behind = self.letters.get(end..).unwrap_or_default();
        let mut number = behind.iter().skip_while(|letter| !letter.c.is_alphanumeric());
        number.next().is_some_and(|letter| letter.c.is_ascii_digit())
            && !number.next().is_some_and(|letter| in_alphabet(letter.c) && !letter.numeric)
    }

    /// Whether any part of the name is written in figures. Some codes of ISO 4217 are words of English, and names such as All
    /// Four and Top Ten hold a code and a number in words.
    fn has_figures(&self) -> bool {
        self.letters.iter().any(|letter| letter.numeric || HAN_NUMERALS.contains(letter.c))
    }

    /// Goes through all ways to read the name as words of an amount; a bit of `reached` is a [`State`].
    fn is_number_with_currency(&self) -> bool {
        let mut reached = alloc::vec![0_u8; self.letters.len().saturating_add(1)];
        if let Some(first) = reached.first_mut() {
            *first = State::default().bit();
        }
        for position in 0..self.letters.len() {
            let here = reached.get(position).copied().unwrap_or(0);
            for state in State::all().filter(|state| here & state.bit() != 0) {
                self.steps(position, state, |end, next| {
                    if let Some(bits) = reached.get_mut(end) {
                        *bits |= next.bit();
                    }
                });
            }
        }
        let end = reached.last().copied().unwrap_or(0);
        State::all().any(|state| state.number && state.currency && end & state.bit() != 0)
    }

    /// Each word of an amount that stands at a position.
    fn steps(&self, position: usize, state: State, mut step: impl FnMut(usize, State)) {
        let Some(letter) = self.at(position) else { return };
        let one = position.saturating_add(1);
        if !letter.c.is_alphanumeric() {
            step(one, state);
        }
        if letter.numeric
            || HAN_NUMERALS.contains(letter.c)
            || self.hangul_numeral(position)
            || self.suffix(position)
        {
            step(one, state.after_number());
        }
        for end in NUMBERS.iter().filter_map(|word| self.word(position, word)) {
            step(end, state.after_number());
        }
        let words = CURRENCIES.iter().chain(OPENING);
        for end in words.filter_map(|word| self.word(position, word)).chain(self.code(position)) {
            step(end, state.after_currency());
        }
        for end in FILLERS.iter().filter_map(|word| self.word(position, word)) {
            step(end, state);
        }
        for end in UNITS.iter().filter_map(|word| self.word(position, word)) {
            // 百分百 means a hundred per cent: 分 is no coin there.
            let part = letter.c == '分' && position.checked_sub(1).is_some_and(|at| self.is_multiplier(at));
            if (state.counting && !part) || self.number_follows(end) {
                step(end, state.after_currency());
            }
        }
    }

    /// Whether a unit stands right before digits, or before a sign and numerals: 元1.00, 元：1.00, 金额（元）：壹佰. No digits follow
    /// a family name, and no sign stands between a family name and numerals.
    fn number_follows(&self, position: usize) -> bool {
        let behind = self.letters.get(position..).unwrap_or_default();
        let signs = behind.iter().take_while(|letter| !letter.c.is_alphanumeric()).count();
        behind
            .get(signs)
            .is_some_and(|letter| letter.numeric || (signs > 0 && HAN_NUMERALS.contains(letter.c)))
    }

    /// Where a word that begins here ends. A letter of an alphabet right before the word or right behind it makes another word
    /// of it.
    fn word(&self, position: usize, word: &str) -> Option<usize> {
        let mut end = position;
        for c in word.chars() {
            self.at(end).filter(|letter| letter.c == c && !letter.numeric)?;
            end = end.saturating_add(1);
        }
        (!self.joined(position) && !self.joined(end)).then_some(end)
    }

    /// A currency's code of ISO 4217.
    fn code(&self, position: usize) -> Option<usize> {
        let end = position.saturating_add(3);
        let code: alloc::string::String = self
            .letters
            .get(position..end)?
            .iter()
            .filter(|letter| !letter.numeric)
            .map(|letter| letter.c.to_ascii_uppercase())
            .collect();
        let known = self.has_figures() && crate::currency::exponent(&code).is_some();
        (known && !self.joined(position) && !self.joined(end)).then_some(end)
    }

    /// Whether one word of an alphabet goes on from the character before this position.
    fn joined(&self, position: usize) -> bool {
        let alphabetic =
            |letter: Letter| letter.c.is_alphabetic() && !letter.numeric && in_alphabet(letter.c);
        let before = position.checked_sub(1).and_then(|before| self.at(before));
        before.is_some_and(alphabetic) && self.at(position).is_some_and(alphabetic)
    }

    fn is_multiplier(&self, position: usize) -> bool {
        self.at(position).is_some_and(|letter| "百佰千仟万萬亿億".contains(letter.c))
    }

    /// Whether a Korean syllable is part of a number: it stands beside a digit, or in a run with a multiplier that is not the
    /// run's first syllable. One syllable alone is a family name (이원, 백원). Two syllables without a multiplier may be a name
    /// as well (이영원).
    fn hangul_numeral(&self, position: usize) -> bool {
        let is = |at: usize, set: &str| self.at(at).is_some_and(|letter| set.contains(letter.c));
        let digit =
            |at: Option<usize>| at.and_then(|at| self.at(at)).is_some_and(|letter| letter.c.is_ascii_digit());
        if !is(position, HANGUL_NUMERALS) {
            return false;
        }
        let start = (0..position).rev().take_while(|&at| is(at, HANGUL_NUMERALS)).last().unwrap_or(position);
        let multiplied = (start.saturating_add(1)..self.letters.len())
            .take_while(|&at| is(at, HANGUL_NUMERALS))
            .any(|at| is(at, HANGUL_MULTIPLIERS));
        multiplied || digit(position.checked_sub(1)) || digit(position.checked_add(1))
    }

    /// Whether a letter that multiplies stands behind a digit: 10k, 10W, 3M.
    fn suffix(&self, position: usize) -> bool {
        let behind_digit =
            position.checked_sub(1).and_then(|before| self.at(before)).is_some_and(|before| before.numeric);
        behind_digit
            && self.at(position).is_some_and(|letter| "kwm".contains(letter.c))
            && !self.joined(position.saturating_add(1))
    }
}

/// The name without a single sign between single letters: RMB for R.M.B., CNY for C N Y.
fn spelled_together(text: &[char]) -> Vec<char> {
    let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_alphabetic);
    let alone = |at: Option<usize>| {
        letter(at)
            && !letter(at.and_then(|at| at.checked_sub(1)))
            && !letter(at.and_then(|at| at.checked_add(1)))
    };
    let kept = text
        .iter()
        .enumerate()
        .filter(|&(at, c)| c.is_alphanumeric() || !alone(at.checked_sub(1)) || !alone(at.checked_add(1)));
    kept.map(|(_, &c)| c).collect()
}

/// Scripts that put spaces between words.
fn in_alphabet(c: char) -> bool {
    matches!(script(c), Script::Latin | Script::Cyrillic | Script::Greek)
}

/// Which characters belong to a number in digits. O, o, I and l pass for 0 and 1 inside such a number: 1OO元, lOO元.
fn digits(text: &[char]) -> Vec<bool> {
    let like = |c: char| c.is_ascii_digit() || matches!(c, 'O' | 'o' | 'I' | 'l' | '|');
    let foreign = text.iter().any(|&c| script(c) == Script::Han);
    let mut numeric = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(&first) = rest.first() {
        let length = rest.iter().take_while(|&&c| like(c)).count();
        let (run, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, &[]));
        let has_digit = run.iter().any(char::is_ascii_digit);
        let in_word = before.is_some_and(in_alphabet) || after.first().is_some_and(|&c| in_alphabet(c));
        let number = like(first) && (has_digit || (foreign && !in_word));
        numeric.extend(run.iter().map(|_| number));
        before = run.last().copied();
        rest = after;
    }
    numeric
}
