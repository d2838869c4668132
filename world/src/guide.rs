//! What the person is told.

use std::path::Path;

use serde_json::Value;

/// Stands where the link to the PIN window would, while a script answers there.
pub(crate) const SCRIPTS: &str = "剧本在用 · the script has it";

/// What to do first.
const BEGIN: &str = "\n  先做什么：打开银行、U盾、密码窗口三页；用孙七的账号登录，下载证书，再付款，在U盾上按 OK\n  \
     Begin: open bank, shield and PIN window; log in by the account of 孙七, download the ID, then pay, and press OK on the shield\n";

/// Links and people, in both languages. `bank` is what the bank has written about itself, `another` the command that prints another link
/// to the shield's page, `pin` the shield's PIN, and `kept` the folder of a world that stays.
pub(crate) fn text(
    bank: &Value,
    [panel, prompter]: [&str; 2],
    another: &str,
    pin: &str,
    kept: Option<&Path>,
) -> String {
    let at = |name: &str| bank["addresses"][name].as_str().unwrap_or_default();
    let demo = &bank["demo"];
    let word = |name: &str| demo[name].as_str().unwrap_or_default();
    let mut out = format!(
        "\n  银行 The bank        {}\n  书店 The shop        {}\n  U盾 The shield       {panel}\n  密码窗口 PIN window   {prompter}\n  柜台 The counter     {}\n",
        at("public"),
        bank["shop"].as_str().unwrap_or_default(),
        at("counter"),
    );
    out += &format!(
        "\n  登录密码 Log-in password: {}   支付密码 payment password: {}   U盾密码 the shield's PIN: {pin}\n",
        word("password"),
        word("payment_password"),
    );
    for person in demo["people"].as_array().into_iter().flatten() {
        let of = |name: &str| person[name].as_str().unwrap_or_default();
        out += &format!("\n  {}  {}  {}", of("name"), of("account"), what(of("kind")));
        out += &card(&person["card"]);
        let shield = &person["shield"];
        if let (Some(reference), Some(code)) = (shield["reference"].as_str(), shield["code"].as_str()) {
            out += &format!("\n      参考号 reference {reference}   授权码 code {code}");
        }
    }
    out += &format!(
        "\n\n  另一个浏览器打开U盾页面 · another link to the shield's page, for another browser:\n      {another}\n"
    );
    if prompter != SCRIPTS {
        out += BEGIN;
    }
    out += "\n  Ctrl-C ";
    match kept {
        None => out + "结束一切，不留痕迹 · ends everything, and leaves nothing\n",
        Some(dir) => format!(
            "{out}结束一切；账本和U盾保存在 · ends everything; the books and the shield stay in {}\n",
            dir.display()
        ),
    }
}

/// A password card as it is printed at the counter: its number, and its cells. Nothing, for whoever has none.
fn card(card: &Value) -> String {
    let (Some(id), Some(columns), Some(rows)) =
        (card["id"].as_str(), card["columns"].as_array(), card["rows"].as_array())
    else {
        return String::new();
    };
    let line = |cells: &[Value]| -> String {
        cells.iter().map(|cell| format!("{:>5}", cell.as_str().unwrap_or_default())).collect()
    };
    let mut out = format!("\n      卡号 card number {id}\n        {}", line(columns));
    for row in rows {
        let cells = row[1].as_array().map(Vec::as_slice).unwrap_or_default();
        out += &format!("\n      {:>2}{}", row[0].as_u64().unwrap_or_default(), line(cells));
    }
    out
}

/// How a customer of this kind pays, and what there is to try.
fn what(kind: &str) -> &'static str {
    match kind {
        "static" => "静态密码：累计满300元后被拒 · static password: refused once 300 yuan are reached",
        "card" => "电子银行口令卡 · password card: coordinates",
        "web" => "网上自助注册 · registered on the web",
        "account" => "只有账户，可自行注册 · an account only: can register",
        "shield" => "U盾：先下载证书，再付款 · shield: download the ID first, then pay",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everybody_is_told_with_what_they_need() {
        let people = json!([
            { "name": "张三", "account": "6222", "kind": "static", "shield": null },
            { "name": "李四", "account": "6224", "kind": "card", "shield": null,
              "card": { "id": "K9", "columns": ["A", "B"], "rows": [[1, ["123", "456"]], [2, ["789", "012"]]] } },
            { "name": "孙七", "account": "6223", "kind": "shield", "shield": { "reference": "R1", "code": "C1" } },
        ]);
        let bank = json!({
            "addresses": { "public": "http://localhost:1", "counter": "http://localhost:2" },
            "shop": "http://127.0.0.1:5",
            "demo": { "password": "log in", "payment_password": "pay", "people": people },
        });
        let text =
            text(&bank, ["http://127.0.0.1:3/#s", "http://127.0.0.1:4/#t"], "ushield panel", "135790", None);
        for part in [
            "localhost:1",
            "localhost:2",
            "127.0.0.1:3/#s",
            "127.0.0.1:4/#t",
            "127.0.0.1:5",
            "log in",
            "ushield panel",
            "135790",
            "300",
            "R1",
            "C1",
            "K9",
            "    A    B",
            " 2  789  012",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
