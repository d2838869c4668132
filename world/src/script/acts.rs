//! The story: three customers pay, each in the way that the bank has for that customer, and a thief tries.

use std::time::Instant;

use super::{
    customer::{Cast, Customer},
    hand::{At, GLANCE, Hand, PATIENCE},
};

type Played = Result<(), String>;

/// What the bank's page shows of an order that is paid, and of one that the shield has refused.
const PAID: &str = ".well[role=status]";
const REFUSED: &str = "#shield .live .why";
const DOWNLOADED: &str = "#shield .live .well";

pub(super) fn play(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    by_password(hand, cast)?;
    by_card(hand, cast)?;
    download(hand, cast)?;
    by_shield(hand, cast)?;
    thief(hand, cast)
}

/// A static password pays until 300 yuan are reached, and then no more.
fn by_password(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    let name = &cast.old.name;
    hand.act(&format!("一、{name}：静态密码"), &format!("I. {name}: a static password"))?;
    sign_in(hand, cast, &cast.old)?;
    for paid in ["150", "300"] {
        hand.tell("缴水费150元，输入支付密码", "The water bill, 150 yuan: the payment password pays")?;
        bill(hand, "150")?;
        by(hand, "static")?;
        answer(hand, cast, None)?;
        hand.see(At::Bank, PAID)?;
        hand.tell(&format!("已支付，累计{paid}元"), &format!("Paid: {paid} yuan in all"))?;
    }
    hand.tell(
        "再付10元：累计已满300元，静态密码不能再用",
        "10 yuan more: 300 are reached, and the password pays no more",
    )?;
    bill(hand, "10")?;
    if hand.sees(At::Bank, &way("static"))? {
        return Err("the bank lets the static password pay more than 300 yuan".into());
    }
    hand.pause(2)?;
    sign_out(hand)
}

/// The password card answers with two of its cells, which are others each time.
fn by_card(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    let (customer, card) = &cast.with_card;
    let name = &customer.name;
    hand.act(&format!("二、{name}：电子银行口令卡"), &format!("II. {name}: a password card"))?;
    sign_in(hand, cast, customer)?;
    hand.tell("登记柜台打印的口令卡", "The card that the counter has printed is registered")?;
    hand.open("/card")?;
    hand.write(At::Bank, "main [name=number]", &card.number)?;
    hand.go("form[action='/card/activate'] button")?;
    let payee = &cast.old;
    hand.tell(
        &format!("转给{}100元，网页要求口令卡的两个坐标", payee.name),
        &format!("100 yuan to {}: the page asks for two cells of the card", payee.name),
    )?;
    transfer(hand, payee, "100")?;
    by(hand, "card")?;
    let asked = hand.texts(".cell")?;
    let code = card.answer(&asked).ok_or_else(|| format!("the card has no cells {}", asked.join(", ")))?;
    hand.tell(
        &format!("{}：卡上是 {code}", asked.join(" ")),
        &format!("{}: the card says {code}", asked.join(" ")),
    )?;
    answer(hand, cast, Some(&code))?;
    hand.see(At::Bank, PAID)?;
    hand.tell("已支付", "Paid")?;
    sign_out(hand)
}

/// The shield makes its keys, and gets its personal ID.
fn download(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    let (customer, [reference, code]) = &cast.with_shield;
    let name = &customer.name;
    hand.act(&format!("三、{name}：U盾"), &format!("III. {name}: a U-shield"))?;
    sign_in(hand, cast, customer)?;
    hand.tell("凭参考号和授权码下载证书", "Reference and authorisation code fetch the personal ID")?;
    hand.open("/shield/download")?;
    hand.write(At::Bank, "main [name=reference]", reference)?;
    hand.write(At::Bank, "main [name=code]", code)?;
    hand.click(At::Bank, "form[data-when] button")?;
    hand.tell("网银助手询问U盾密码", "The assistant asks for the shield's PIN")?;
    give_pin(hand, cast)?;
    hand.tell("U盾显示要签的内容，按 OK", "The shield shows what it signs: OK")?;
    confirm(hand, DOWNLOADED)?;
    hand.tell("证书已写入U盾", "The shield has its ID")
}

/// What the shield's screen shows is what is signed.
fn by_shield(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    let payee = &cast.with_card.0;
    hand.tell(
        &format!("转给{}100元，用U盾支付", payee.name),
        &format!("100 yuan to {}, by shield", payee.name),
    )?;
    order(hand, cast, payee, "100")?;
    hand.tell(
        "核对U盾屏幕上的收款人和金额，与网页一致才按 OK",
        "Payee and amount stand on the shield's own screen: they are those of the page, so OK",
    )?;
    confirm(hand, PAID)?;
    hand.tell("U盾已签名，银行验签后付款", "The shield has signed. The bank has verified, and paid")
}

/// A thief's order reaches the shield, and no further.
fn thief(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    let (payee, name) = (&cast.other, &cast.with_shield.0.name);
    hand.act("四、木马", "IV. A thief")?;
    hand.tell(
        &format!("木马在{name}的浏览器里改了订单：付给{}9999元", payee.name),
        &format!("A thief in {name}'s browser has changed the order: 9,999 yuan to {}", payee.name),
    )?;
    order(hand, cast, payee, "9999")?;
    hand.tell(
        &format!("U盾显示真正的收款人{}：按取消", payee.name),
        &format!("The shield shows whom the money would reach, {}: Cancel", payee.name),
    )?;
    hand.press(".cancel")?;
    hand.see(At::Bank, REFUSED)?;
    hand.tell("没有签名，就没有付款", "Nothing was signed, and nothing is paid")?;
    hand.pause(1)
}

fn sign_in(hand: &mut Hand<'_>, cast: &Cast, customer: &Customer) -> Played {
    hand.tell(&format!("{}登录网上银行", customer.name), &format!("{} logs in", customer.name))?;
    hand.open("/sign-in")?;
    hand.write(At::Bank, "main [name=account]", &customer.account)?;
    hand.write(At::Bank, "main [name=password]", &cast.password)?;
    hand.go("form[action='/sign-in'] button")
}

fn sign_out(hand: &mut Hand<'_>) -> Played {
    hand.go("form[action='/sign-out'] button")
}

/// A bill of the first company that the bank lists.
fn bill(hand: &mut Hand<'_>, amount: &str) -> Played {
    hand.open("/payment")?;
    hand.write(At::Bank, "main [name=amount]", amount)?;
    hand.go("form[action='/payment'] button")
}

fn transfer(hand: &mut Hand<'_>, payee: &Customer, amount: &str) -> Played {
    hand.open("/transfer")?;
    hand.write(At::Bank, "main [name=payee_name]", &payee.name)?;
    hand.write(At::Bank, "main [name=payee]", &payee.account)?;
    hand.write(At::Bank, "main [name=amount]", amount)?;
    hand.write(At::Bank, "main [name=memo]", "房租")?;
    hand.go("form[action='/transfer'] button")
}

/// The button of a way to pay.
fn way(method: &str) -> String {
    format!("input[value={method}] ~ p button")
}

fn by(hand: &mut Hand<'_>, method: &str) -> Played {
    hand.go(&way(method))
}

fn answer(hand: &mut Hand<'_>, cast: &Cast, code: Option<&str>) -> Played {
    hand.write(At::Bank, "main [name=password]", &cast.payment_password)?;
    if let Some(code) = code {
        hand.write(At::Bank, "main [name=code]", code)?;
    }
    hand.go("form[action$='/answer'] button")
}

fn give_pin(hand: &mut Hand<'_>, cast: &Cast) -> Played {
    hand.write(At::Prompter, "#secret", &cast.pin)?;
    hand.click(At::Prompter, "#yes")
}

/// Writes an order, chooses the shield and gives the PIN. The shield then shows the order.
fn order(hand: &mut Hand<'_>, cast: &Cast, payee: &Customer, amount: &str) -> Played {
    transfer(hand, payee, amount)?;
    by(hand, "shield")?;
    give_pin(hand, cast)?;
    hand.shows(&payee.name)
}

/// Presses OK on each page of the shield, until the bank's page shows this.
fn confirm(hand: &mut Hand<'_>, end: &str) -> Played {
    let late = Instant::now() + PATIENCE;
    while !hand.sees(At::Bank, end)? {
        if !hand.screen()?.is_empty() {
            hand.press(".ok")?;
        } else if Instant::now() > late {
            return Err(format!("the bank's page does not come to {end}"));
        }
        hand.rest(GLANCE)?;
    }
    Ok(())
}
