//! The ends of operations, and the refusals of calls.

use super::Row;

pub(super) const FAILED: Row = (
    "failed",
    ["操作失败。", "请重试；若仍失败，请运行 ushield doctor。"],
    ["The operation failed.", "Try again. If it fails again, run ushield doctor."],
);

pub(super) const ROWS: &[Row] = &[
    FAILED,
    (
        "pin-wrong",
        ["U盾密码错误。", "请重新输入；最后一次错误后密码将被锁定。"],
        ["The PIN was wrong.", "Try again with the right PIN. After the last wrong try the PIN locks."],
    ),
    (
        "pin-blocked",
        ["U盾密码已锁定。", "请携带U盾、身份证件和注册卡到柜台重置密码。"],
        [
            "The PIN of the shield is locked.",
            "Take the shield, your identity document and your card to the counter, which resets the PIN.",
        ],
    ),
    (
        "factory-pin",
        ["U盾仍在使用初始密码或初始解锁码。", "请先修改密码。"],
        [
            "The shield still has its factory PIN, or the PUK that everybody knows.",
            "Change the PIN or the PUK first.",
        ],
    ),
    (
        "pin_form",
        ["输入的不可能是U盾密码，未消耗输入次数。", "请用半角字母和数字输入，并注意长度。"],
        [
            "What was entered cannot be a PIN of this shield. No try was spent.",
            "Enter letters and digits of ASCII (no full-width ones), and mind the length.",
        ],
    ),
    (
        "pins_differ",
        ["两次输入的新密码不一致，密码未修改。", "请重新修改密码。"],
        ["The two new PINs differ. The PIN was not changed.", "Change the PIN again."],
    ),
    (
        "pin_weak",
        ["新密码过于简单或长度不符，密码未修改。", "请换一个密码，不要使用重复或连续的数字。"],
        [
            "The new PIN is too easy or has a wrong length. The PIN was not changed.",
            "Choose another PIN, without repeated or ascending digits.",
        ],
    ),
    (
        "cancelled",
        ["您在U盾上按了取消，未签名。", "如需继续，请重试并按U盾上的确认键。"],
        [
            "Cancel was pressed on the shield, and nothing was signed.",
            "To go on, try again and press OK on the shield.",
        ],
    ),
    (
        "timed-out",
        ["未在规定时间内按U盾上的按键，未签名。", "请重试，并在屏幕显示后按确认键。"],
        [
            "Nobody pressed a button on the shield in time, and nothing was signed.",
            "Try again, and press OK once the screen shows the request.",
        ],
    ),
    (
        "cannot-show",
        ["U盾屏幕无法如实显示这些内容，未签名。", "请联系银行。"],
        [
            "The screen of the shield cannot show this text honestly, and nothing was signed.",
            "Tell the bank.",
        ],
    ),
    (
        "token-gone",
        ["与U盾的连接中断。", "请重新插入U盾，然后重试；已有的证书不受影响。"],
        [
            "The shield was unplugged, or its line broke.",
            "Plug the shield in and try again. What was on the shield before is untouched.",
        ],
    ),
    (
        "token-busy",
        ["U盾正被其他程序占用。", "请关闭使用U盾的其他程序，然后重试。"],
        ["Another program holds the shield.", "Close other programs that use the shield, then try again."],
    ),
    (
        "token-fault",
        ["U盾出现故障。", "请拔出后重新插入；若仍失败，请到柜台更换U盾。"],
        [
            "The shield reports a fault.",
            "Unplug it and plug it in again. If it fails again, have it replaced at the counter.",
        ],
    ),
    (
        "token-refused",
        ["U盾拒绝了该操作。", "请拔出U盾后重新插入，然后重试。"],
        ["The shield refused.", "Unplug it, plug it in and try again."],
    ),
    (
        "other-brand",
        ["插入的不是本行的U盾。", "请插入本行发放的U盾。"],
        ["This is not a shield of this bank.", "Plug in the shield that this bank gave to you."],
    ),
    (
        "other-holder",
        ["U盾中是他人的证书。", "请插入您自己的U盾。"],
        ["The shield carries the ID of somebody else.", "Plug in your own shield."],
    ),
    (
        "not-enrolled",
        ["U盾中没有个人证书。", "请先下载个人证书。"],
        ["There is no personal ID on the shield.", "Download your personal ID first."],
    ),
    (
        "has_id",
        ["U盾中的证书状态正常，不能重复下载。", "证书快到期时请使用证书更新。"],
        [
            "The shield has a good personal ID already, and it was left as it is.",
            "When the ID is about to expire, renew it.",
        ],
    ),
    (
        "wrong-key",
        ["证书与U盾中的密钥不符，未写入。", "请用同一授权码重新下载。"],
        [
            "The certificate is not for the key that waits on this shield, and was not installed.",
            "Download again with the same authorisation code.",
        ],
    ),
    (
        "not-attested",
        ["无法证明密钥由U盾生成。", "请到柜台更换U盾。"],
        ["Nothing shows that the key was made on a shield.", "Have the shield replaced at the counter."],
    ),
    (
        "issuer-refused",
        ["银行拒绝签发证书。", "请联系银行。"],
        ["The bank refused to issue the certificate.", "Ask the bank."],
    ),
    (
        "not-the-same",
        ["写入U盾的证书与读出的不一致。", "请停止使用此U盾，并到柜台办理。"],
        [
            "The shield holds another certificate than the one that was sent.",
            "Do not use this shield, and take it to the counter.",
        ],
    ),
    (
        "invalid",
        ["请求的内容不符合规定。", "请联系银行。"],
        ["What was asked for breaks a rule.", "Tell the bank."],
    ),
    (
        "order_malformed",
        ["订单格式错误，未签名。", "请联系银行。"],
        ["The order is malformed, and nothing was signed.", "Tell the bank."],
    ),
    (
        "order_expired",
        ["订单已过期，未签名。", "请重新提交付款；若本机时间有误，请先校正。"],
        [
            "The order has expired, and nothing was signed.",
            "Make the payment again. If the clock of this computer is wrong, set it first.",
        ],
    ),
    (
        "prompt_cancelled",
        ["您取消了密码输入。", "如需继续，请重试。"],
        ["The PIN was not entered.", "To go on, try again."],
    ),
    (
        "prompt_timed_out",
        ["未在规定时间内输入密码。", "请重试。"],
        ["The PIN was not entered in time.", "Try again."],
    ),
    (
        "prompt_failed",
        ["无法显示密码输入窗口。", "请安装 pinentry，然后重新启动网银助手。"],
        ["The window for the PIN could not be shown.", "Install pinentry, then start the assistant again."],
    ),
    (
        "too_many_prompts",
        ["一分钟内请求输入密码的次数过多。", "请稍等一分钟后重试。"],
        ["This page has asked for the PIN too often within a minute.", "Wait a minute, then try again."],
    ),
    (
        "given_up",
        ["操作已取消，银行未收到任何签名或证书请求。", "如需继续，请重试。"],
        ["The operation was given up, and the bank got nothing of it.", "To go on, try again."],
    ),
    (
        "not_mendable",
        ["没有可以自动修复的此类问题。", "请运行 ushield doctor 查看问题。"],
        ["There is no such fault that the assistant may mend.", "See what is wrong with ushield doctor."],
    ),
    (
        "not_mended",
        ["修复未成功。", "请运行 sudo ushield doctor --fix。"],
        ["The fault was not mended.", "Run sudo ushield doctor --fix."],
    ),
    (
        "malformed",
        ["网页发来的请求格式错误。", "请联系银行。"],
        ["The page sent a call that is malformed.", "Tell the bank."],
    ),
    (
        "too_large",
        ["网页发来的请求过大。", "请联系银行。"],
        ["The page sent a call that is too large.", "Tell the bank."],
    ),
    (
        "too_slow",
        ["网页的请求未及时到达。", "请重试。"],
        ["The page's call did not arrive in time.", "Try again."],
    ),
    (
        "unknown_call",
        ["网银助手没有此功能。", "请升级网银助手。"],
        ["The assistant knows no such call.", "Install a newer assistant."],
    ),
    (
        "unknown_operation",
        ["没有此操作，或该操作已结束。", "请重新开始。"],
        ["There is no such operation, or it is over.", "Begin again."],
    ),
    (
        "version",
        ["网页与网银助手的版本不符。", "请安装本页提供的网银助手。"],
        [
            "The page and the assistant are of different versions.",
            "Install the assistant that the bank's page offers.",
        ],
    ),
];
