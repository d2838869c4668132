//! What the holder is asked. Whoever answers sees which page asks, for what, and for which shield.

use payment::PaymentOrder;
use serde::Deserialize;
use wire::shield::Information;

use crate::origin::Origin;

/// The language of a page, and of what the holder is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    #[default]
    En,
}

impl Language {
    /// The text of this language.
    pub const fn of(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The PIN.
    Pin,
    /// The PIN that there is, before it is changed.
    OldPin,
    /// The PIN that is to be.
    NewPin,
    /// The PIN that is to be, once more.
    NewPinAgain,
    /// A yes.
    Yes,
}

/// One question. Its lines hold a stranger's text only where that text was checked to be fit for a shield's screen.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The page that asks.
    pub origin: &'a Origin,
    /// The language.
    pub language: Language,
    /// What is asked for.
    pub wanted: Wanted,
    /// What for: a line each.
    pub lines: Vec<String>,
}

impl<'a> Question<'a> {
    /// A question about something that the lines tell.
    pub const fn new(origin: &'a Origin, language: Language, wanted: Wanted, lines: Vec<String>) -> Self {
        Self { origin, language, wanted, lines }
    }

    /// The same, for a shield: its brand, its number and the tries left are the last line.
    #[must_use]
    pub fn for_shield(mut self, shield: &Information) -> Self {
        let (zh, en) = ("U盾", "shield");
        let [left, ..] = shield.tries;
        let left = match self.language {
            Language::Zh => format!("还可输入 {left} 次"),
            Language::En if left == 1 => "1 try left".into(),
            Language::En => format!("{left} tries left"),
        };
        let name = self.language.of(zh, en);
        self.lines.push(format!("{name}: {} {} ({left})", shield.brand, shield.serial));
        self
    }

    /// All that the holder reads before the prompt. The origin is first: it says who asks.
    pub fn text(&self) -> String {
        let asks = self.language.of("网页请求", "This page asks");
        let mut lines = vec![format!("{asks}: {}", self.origin)];
        lines.extend(self.lines.iter().cloned());
        if self.wanted == Wanted::Pin {
            lines.push(
                self.language
                    .of("请以U盾屏幕为准。", "What the shield's screen shows is what counts.")
                    .into(),
            );
        }
        lines.join("\n")
    }

    /// The prompt.
    pub const fn prompt(&self) -> &'static str {
        match self.wanted {
            Wanted::Pin => self.language.of("U盾密码", "PIN"),
            Wanted::OldPin => self.language.of("原U盾密码", "PIN now"),
            Wanted::NewPin => self.language.of("新U盾密码", "New PIN"),
            Wanted::NewPinAgain => self.language.of("再次输入新密码", "New PIN again"),
            Wanted::Yes => self.language.of("是否继续", "Go on"),
        }
    }

    /// The title of a window.
    pub const fn title(&self) -> &'static str {
        self.language.of("网银助手", "Online Banking Assistant")
    }
}

/// The lines of a payment.
pub fn payment(order: &PaymentOrder, language: Language) -> Vec<String> {
    let line = |zh, en, text: String| format!("{}: {text}", language.of(zh, en));
    let mut lines = vec![
        language.of("付款", "Payment").to_owned(),
        line("收款人", "To", order.payee_name.clone()),
        line("收款账号", "Account", order.payee_account.clone()),
        line("金额", "Amount", format!("{} {}", order.decimal_amount(), order.currency.as_str())),
        line("付款账号", "From", order.payer_account.clone()),
        line("订单号", "Order", order.number.clone()),
    ];
    if !order.memo.is_empty() {
        lines.push(line("附言", "Memo", order.memo.clone()));
    }
    lines
}
