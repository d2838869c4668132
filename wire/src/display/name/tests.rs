use super::*;
use alloc::vec::Vec;

/// Real firms, shops and people, and names near an amount that are none.
#[rustfmt::skip]
const ALLOWED: &[&str] = &[
    "上海水务", "百元裤业", "7-Eleven", "七十一便利店", "3M", "3M中国", "58同城", "361度", "7天酒店",
    "1号店", "1点点", "百分百", "陆文", "万文", "陆正文", "余一文", "이영원", "조영원", "오영원", "조일원", "Top Ten",
    "All Four", "Try One", "CAD 3D Solutions", "山田ハナ", "ミニ保育園", "日本ハム", "ハナ銀行", "A.B.C. Ltd", "J R Smith", "元：一集团", "金正元", "金一元科技", "也门咖啡", "51信用卡", "21世纪不动产", "三六零", "三元食品", "北京三元食品股份有限公司", "十元店",
    "两元店", "万元户酒家", "一分利超市", "分众传媒", "千元乐", "元气森林", "正元智慧", "圆通速递", "方圆",
    "钱一", "钱万里", "毛三", "元一集团", "万达", "陆金所", "伍佰", "百度", "千百度", "百万", "九阳",
    "二百五餐厅", "张三", "张○○", "买买提·阿不都", "五角大楼", "八角街商店", "人民币博物馆", "美元湖",
    "块块乐", "一块田农场", "半岛酒店", "百分点科技", "工商银行", "中国工商银行ICBC", "中国银行BOC",
    "ソニー銀行", "ニトリ", "エコカ", "ハロー株式会社", "みずほ銀行", "三菱UFJ銀行", "霞ヶ関診療所",
    "丸ノ内ホテル", "トヨタ自動車", "セブン-イレブン・ジャパン", "삼성전자", "이원", "백원", "원스토어",
    "TCL", "CITIC", "丫丫童装", "小丫 Wang", "Dollar General", "Dollar Tree Stores", "Five Below",
    "Poundland", "Euro Car Parts", "EUROPE 1 SA", "Cnyx 7", "Yuan Long Ltd", "Hundred Acre",
    "Million Dollar Baby Ltd", "One Two Three SARL", "TOP Shop", "Allied Irish", "USD Partners",
    "RMB Capital", "Carol 1", "ООО Газпром", "Société Générale", "100 Percent Ltd", "1st Source",
    "20th Century", "中国-东盟中心", "A – B Logistics", "L'Oréal", "O2", "Il Sole 24 Ore",
];

/// Amounts, in digits and words and in what passes for them.
#[rustfmt::skip]
const AMOUNTS: &[&str] = &[
    "1.00元", "RMB 1.00", "CNY: 1.00", "CNY１.００", "1.00 EUR", "壹佰元整", "¥1.00", "￥1", "A$1.00",
    "1.00", "CNY 1.00", "usd1", "€uro", "人民币100", "人民币：100.00元", "100块", "100块钱", "一百元",
    "一百块", "三块五", "九块九", "五毛", "八角", "两分钱", "百元", "万元", "陆元", "伍拾元",
    "贰佰叁拾元伍角整", "壹万元正", "人民币壹佰元整", "大写：壹佰元整", "壹佰整", "合计100元", "金额 1.00",
    "金额：一百", "付款100元", "1元起", "約100円", "100円", "１００円", "一〇〇元", "一○○元", "二千日元",
    "100美元", "美元100", "100美金", "100刀", "一百美刀", "HK$ 100", "US 100", "港币一百", "100欧元",
    "1,000.00元", "1.000,00 Euro", "100 Euros", "Euro 100", "One Euro", "one hundred yuan",
    "One Hundred Dollars Only", "100 Yuan RMB", "100yuan", "RMB100", "rmb一百", "EUR1", "1EUR", "TOP 100",
    "100 dollars", "50 cents", "100元/人民币", "【100元】", "(1.00) CNY", "CNY 1.00 Ltd", "usd: 1", "1OO元",
    "lOO元", "l.OO元", "1O0 CNY", "CNY1OO.OO", "10k元", "10W元", "100万", "3百", "Ⅻ元", "이천원", "100원",
    "100 won", "100 руб", "100 рублей", "5 zł", "Rp 1000", "RM 5", "1.00元人民币", "元1", "CNH 5",
    "100 USDT", "1.00\u{3000}元", "1 . 00 元", "元：1.00", "元 1.00", "人民币元：1.00", "金额（元）：1.00", "金额（元）：壹佰",
    "이백만원", "100천원", "one hundred CNY", "3点5元", "金壱万円也", "金100円也", "R.M.B. 1.00", "C.N.Y 1.00", "R M B 1.00", "U.S.D.5",
];

/// What passes for other letters.
#[rustfmt::skip]
const LOOKALIKES: &[(&str, Fault)] = &[
    ("中国エ商银行", Fault::LooksHan), ("海ロ银行", Fault::LooksHan), ("第ー医院", Fault::LooksHan),
    ("第—医院", Fault::LooksHan), ("第―医院", Fault::LooksHan), ("第－医院", Fault::LooksHan),
    ("第＝医院", Fault::LooksHan), ("＋堰银行", Fault::LooksHan), ("第ニ医院", Fault::LooksHan),
    ("ハ一医院", Fault::LooksHan), ("ハー医院", Fault::LooksHan), ("東京電カ", Fault::LooksHan),
    ("タ阳红", Fault::LooksHan), ("ト蜂集团", Fault::LooksHan), ("ヒ首", Fault::LooksHan),
    ("ル童医院", Fault::LooksHan), ("ケ人银行", Fault::LooksHan), ("オ华", Fault::LooksHan),
    ("チ百度", Fault::LooksHan), ("エCBC", Fault::LooksHan), ("人ロ银行", Fault::LooksHan),
    ("中国ェ商", Fault::LooksHan), ("ミ菱", Fault::LooksHan), ("ホ材行", Fault::LooksHan),
    ("丅CL", Fault::LooksLatin), ("CI丅IC", Fault::LooksLatin), ("CIT丫", Fault::LooksLatin),
    ("丫oung", Fault::LooksLatin), ("B〇C", Fault::LooksLatin), ("丨CBC", Fault::LooksLatin),
    ("丁CL", Fault::LooksLatin), ("S口NY", Fault::LooksLatin), ("Сосо", Fault::LooksLatin),
    ("Bаnk", Fault::Scripts),
];

/// Those of a list that are not as they should be: all of them at once, for whoever edits a list.
fn wrong<T: PartialEq>(names: &[T], right: impl Fn(&T) -> bool) -> Vec<&T> {
    names.iter().filter(|name| !right(name)).collect()
}

#[test]
fn honest_names_are_allowed() {
    assert_eq!(wrong(ALLOWED, |name| check_name(name) == Ok(())), [""; 0].iter().collect::<Vec<_>>());
    assert!(ALLOWED.len() >= 90);
}

#[test]
fn names_that_are_an_amount_are_refused() {
    let refused = |name: &&str| amount::reads_like_one(name) && check_name(name).is_err();
    assert_eq!(wrong(AMOUNTS, refused), [""; 0].iter().collect::<Vec<_>>());
    assert!(AMOUNTS.len() >= 90);
}

#[test]
fn names_that_pass_for_another_are_refused() {
    let none: Vec<&(&str, Fault)> = Vec::new();
    assert_eq!(wrong(LOOKALIKES, |(name, fault)| check_name(name) == Err(*fault)), none);
}
