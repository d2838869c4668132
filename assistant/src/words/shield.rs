//! The states of the assistant and of the shield.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    ("ready", ["U盾已就绪。", "可以继续。"], ["The shield is ready.", "Go on."]),
    (
        "busy",
        ["网银助手正在处理另一个操作。", "请先完成或取消该操作，然后重试。"],
        [
            "The assistant is at work on another operation.",
            "Finish or cancel that operation, then try again.",
        ],
    ),
    (
        "no_prompt",
        [
            "网银助手无法弹出密码输入窗口。",
            "请安装 pinentry（Debian：sudo apt install pinentry-gnome3），然后重新启动网银助手。",
        ],
        [
            "The assistant has no window in which to ask for the PIN.",
            "Install pinentry (Debian: sudo apt install pinentry-gnome3), then start the assistant again.",
        ],
    ),
    (
        "no_token",
        ["未检测到U盾。", "请插入U盾；若已插入，请换一个USB接口，不要使用延长线。"],
        [
            "No shield was found.",
            "Plug your shield in. If it is plugged in, use another USB port, without an extension cable.",
        ],
    ),
    (
        "token_held",
        ["U盾正被其他程序占用。", "请关闭使用U盾的其他程序，然后重试。"],
        ["Another program holds the shield.", "Close other programs that use the shield, then try again."],
    ),
    (
        "token_unread",
        ["无法读取U盾。", "请拔出U盾后重新插入；若仍不行，请运行 ushield doctor。"],
        [
            "The shield could not be read.",
            "Unplug the shield and plug it in again. If that does not help, run ushield doctor.",
        ],
    ),
    (
        "several_tokens",
        ["检测到多个U盾。", "请只保留本行U盾，拔出其他U盾。"],
        ["Several shields are plugged in.", "Leave in only the shield that this bank gave to you."],
    ),
    (
        "other_token",
        ["插入的不是您在本行登记的U盾。", "请插入登记的U盾。"],
        [
            "This is not the shield that is registered with this bank.",
            "Plug in the shield that is registered in your name.",
        ],
    ),
    (
        "other_brand",
        ["插入的不是本行的U盾。", "请插入本行发放的U盾。"],
        ["This is not a shield of this bank.", "Plug in the shield that this bank gave to you."],
    ),
    (
        "driver_missing",
        ["已检测到U盾，但未安装该品牌的驱动程序。", "请运行 ushield assistant setup 安装驱动程序。"],
        [
            "A shield is plugged in, and its brand's driver is not installed.",
            "Install the driver with ushield assistant setup.",
        ],
    ),
    (
        "token_fault",
        ["U盾自检失败。", "请拔出后重新插入；若仍失败，请到柜台更换U盾。"],
        [
            "The shield failed its self-test.",
            "Unplug it and plug it in again. If it fails again, have it replaced at the counter.",
        ],
    ),
    (
        "pin_locked",
        ["U盾密码已锁定。", "请携带U盾、身份证件和注册卡到柜台重置密码。"],
        [
            "The PIN of the shield is locked.",
            "Take the shield, your identity document and your card to the counter, which resets the PIN.",
        ],
    ),
    (
        "factory_pin",
        ["U盾仍在使用初始密码。", "请先修改U盾密码。"],
        ["The shield still has its factory PIN.", "Change the PIN first."],
    ),
    (
        "puk_known",
        ["U盾的解锁码是众所周知的初始值。", "请运行 ushield pin change --puk 修改解锁码。"],
        ["The shield has the PUK that everybody knows.", "Change the PUK with ushield pin change --puk."],
    ),
    (
        "no_id",
        ["U盾中没有个人证书。", "请在银行网页下载个人证书。"],
        ["There is no personal ID on the shield.", "Download your personal ID on the bank's page."],
    ),
    (
        "expired",
        ["U盾中的个人证书已过期。", "请在银行网页更新证书；若已过更新期限，请到柜台办理。"],
        [
            "The personal ID on the shield has expired.",
            "Renew the ID on the bank's page; after the time for renewal, go to the counter.",
        ],
    ),
];
