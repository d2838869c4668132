//! Texts. A text that no token shows is taken by no verifier. A text that looks odd and is honest is taken.

use crate::{
    case::{BANK, Case, case},
    document::{MEMO, NUMBER, Order, PAYEE_ACCOUNT, PAYEE_NAME, PAYER_ACCOUNT},
};

fn texts(expected: &'static str, all: &[(&str, usize, &str, &str)]) -> Vec<Case> {
    let text = |(name, field, text, wrong): &(&str, usize, &str, &str)| {
        let order = Order::good().text(*field, text).der();
        let case =
            case(&format!("text-{name}"), BANK.sealed(&order), expected, wrong).issued_itself(&order).text();
        match expected {
            "accepted" => case,
            _ => case.differs("screen"),
        }
    };
    all.iter().map(text).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let refused = [
        ("newline", PAYEE_NAME, "上海水务\n北京水务", "A line feed in the payee's name."),
        ("return", PAYEE_NAME, "上海水务\r北京", "A carriage return in the payee's name."),
        ("tab", MEMO, "6月\t水费", "A tab in the memo."),
        ("nul", PAYEE_NAME, "上海\0水务", "A NUL in the payee's name."),
        ("escape", PAYEE_NAME, "上海\u{1B}[2J水务", "A terminal's escape sequence in the payee's name."),
        ("csi", MEMO, "水费\u{9B}2J", "A terminal's C1 control in the memo."),
        ("delete", MEMO, "水费\u{7F}", "A DEL in the memo."),
        ("line-separator", MEMO, "6月\u{2028}水费", "A line separator in the memo."),
        ("bidirectional", PAYEE_NAME, "\u{202E}务水海上", "A right-to-left override in the payee's name."),
        ("isolate", PAYEE_NAME, "上海\u{2067}水务\u{2069}", "A right-to-left isolate in the payee's name."),
        ("arabic", PAYEE_NAME, "شركة المياه", "A name that is written from right to left."),
        ("zero-width", PAYEE_NAME, "上海\u{200B}水务", "A zero-width space in the payee's name."),
        ("joiner", PAYEE_NAME, "上海\u{200D}水务", "A zero-width joiner in the payee's name."),
        ("word-joiner", MEMO, "水\u{2060}费", "A word joiner in the memo."),
        (
            "byte-order-mark",
            PAYEE_NAME,
            "\u{FEFF}上海水务",
            "A byte order mark in front of the payee's name.",
        ),
        ("soft-hyphen", PAYEE_NAME, "Water\u{AD}works", "A soft hyphen in the payee's name."),
        ("tags", PAYEE_NAME, "上海水务\u{E0041}", "A tag character behind the payee's name."),
        ("variation", PAYEE_NAME, "上海\u{FE0F}水务", "A variation selector in the payee's name."),
        ("filler", PAYEE_NAME, "\u{3164}", "The payee's name is a Hangul filler, which shows nothing."),
        ("combining", PAYEE_NAME, "Cafe\u{301}", "A combining mark in the payee's name."),
        ("zalgo", MEMO, "a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}", "Six combining marks on one letter."),
        ("mixed-scripts", PAYEE_NAME, "P\u{430}ypal", "A Cyrillic letter in a Latin name."),
        ("greek", PAYEE_NAME, "\u{391}LIPAY", "A Greek letter in a Latin name."),
        ("like-an-amount", PAYEE_NAME, "¥1.00", "The payee's name reads as an amount."),
        ("like-an-amount-wide", PAYEE_NAME, "￥１.００", "The payee's name reads as an amount, full-width."),
        ("amount-yuan", PAYEE_NAME, "1.00元", "The payee's name is an amount in yuan."),
        ("amount-rmb", PAYEE_NAME, "RMB 1.00", "The payee's name is an amount in RMB."),
        (
            "amount-code",
            PAYEE_NAME,
            "CNY: 1.00",
            "The payee's name is an amount with a currency's code in front.",
        ),
        (
            "amount-code-wide",
            PAYEE_NAME,
            "CNY１.００",
            "The payee's name is an amount with full-width digits.",
        ),
        ("amount-euro", PAYEE_NAME, "1.00 EUR", "The payee's name is an amount in euros."),
        ("amount-in-words", PAYEE_NAME, "壹佰元整", "The payee's name is an amount in words."),
        (
            "kana-e",
            PAYEE_NAME,
            "中国エ商银行",
            "A kana stands for the ideograph that it looks like (エ, 工).",
        ),
        ("kana-ro", PAYEE_NAME, "海ロ银行", "A kana stands for the ideograph that it looks like (ロ, 口)."),
        ("kana-long", PAYEE_NAME, "第ー医院", "A kana's long mark stands for the ideograph one (ー, 一)."),
        ("trailing-space", PAYEE_NAME, "上海水务 ", "A space behind the payee's name."),
        ("leading-space", PAYEE_NAME, " 上海水务", "A space in front of the payee's name."),
        ("spaces", PAYEE_NAME, "   ", "The payee's name is three spaces."),
        ("no-break-space", PAYEE_NAME, "Shanghai\u{A0}Water", "A no-break space in the payee's name."),
        (
            "wide-account",
            PAYEE_ACCOUNT,
            "６２２２０２１２３４５６７８９０１２３",
            "The payee's account is full-width.",
        ),
        ("arabic-digits", PAYEE_ACCOUNT, "٦٢٢٢", "The payee's account is in Arabic digits."),
        ("chinese-number", NUMBER, "订单一", "The order's number is not ASCII."),
        ("private-use", PAYEE_NAME, "上海\u{E000}水务", "A character for private use in the payee's name."),
        ("unassigned", PAYEE_NAME, "上海\u{378}水务", "A character that does not exist in the payee's name."),
        ("noncharacter", MEMO, "水费\u{FFFF}", "A noncharacter in the memo."),
        ("replacement", PAYEE_NAME, "上海\u{FFFD}", "A replacement character in the payee's name."),
    ];
    let accepted = [
        ("latin", PAYEE_NAME, "Shanghai Water Co., Ltd.", "Good: a Latin name."),
        ("latin-and-han", PAYEE_NAME, "7-Eleven便利店", "Good: a name in two scripts that stand together."),
        ("kana", PAYEE_NAME, "ソニー銀行", "Good: a Japanese name."),
        ("seven", PAYEE_NAME, "7-Eleven", "Good: a name that begins with a number."),
        ("hundred", PAYEE_NAME, "百元裤业", "Good: a shop whose name has an amount in it."),
        ("accent", PAYEE_NAME, "Café", "Good: an accent within one character."),
        (
            "wide-space",
            PAYEE_NAME,
            "上海\u{3000}水务",
            "Good: an ideographic space, which shows, between two parts of a name.",
        ),
        ("rare", PAYEE_NAME, "𠮷野家", "Good: a rare ideograph."),
    ];
    let mut all = texts("order_unshowable", &refused);
    all.extend(texts("accepted", &accepted));
    let payer = Order::good().text(PAYER_ACCOUNT, "６２２２０２０００００００００１").der();
    all.push(
        case(
            "text-wide-payer",
            BANK.sealed(&payer),
            "order_unshowable",
            "The payer's account is full-width.",
        )
        .issued_itself(&payer)
        .payer("6222020000000001=６２２２０２０００００００００１")
        .text()
        .differs("screen"),
    );
    all
}
