//! What the wizard says, in both languages.

use assistant::words::{Said, Words};
use clap::ValueEnum;
use terminal::desktop;

/// The wizard's language.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// As the user's locale says.
    pub(super) fn of_user() -> Self {
        if desktop::speaks_chinese() { Self::Zh } else { Self::En }
    }
}

/// The wizard's texts.
#[derive(Clone, Copy)]
pub(super) struct Text(pub(super) Language);

/// A text of both languages, each with its name.
macro_rules! texts {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        impl Text {
            $(pub(super) fn $name(self) -> &'static str {
                self.of($zh, $en)
            })*
        }
    };
}

texts! {
    begins: "网银助手安装向导，共四步。未经您同意，不会改动任何内容。",
        "This wizard sets up the Online Banking Assistant in four steps. Nothing is changed before you have said yes.";
    left: "仍有问题未修复，请见上面的步骤。", "Something is left to be mended: see the steps above.";
    which_bank: "请输入银行网页的地址（如 https://bank.example）：", "Your bank's address, such as https://bank.example:";
    no_address: "这不是银行网页的地址。请从浏览器的地址栏复制；直接按回车键退出。",
        "That is no address of a bank's page. Copy the address from your browser; Enter alone ends the wizard.";
    all_good: "一切正常。", "All is good.";
    mend: "修复方法", "mend";
    mend_it: "现在修复吗？（是/否）", "Mend it now? (yes/no)";
    mended: "已修复。", "Mended.";
    as_root: "需要管理员权限：请运行 sudo ushield assistant setup --fix，然后重新运行本向导。将执行的命令",
        "This wants root: run sudo ushield assistant setup --fix, then run the wizard again. What it will run";
    found: "已找到", "Found";
    banks: "允许的银行", "Banks that are answered";
    write_and_start: "写入这些文件，并立即启动网银助手吗？（是/否）", "Write these, and start the assistant now? (yes/no)";
    write: "写入这些文件吗？（是/否）", "Write these? (yes/no)";
    by_hand: "未写入。需要时请在终端运行", "Nothing was written. To run the assistant in a terminal";
    runs: "网银助手已启动，以后登录时会自动启动。", "The assistant runs, and starts at each login.";
    ended: "网银助手启动后立即退出了。请运行 systemctl --user status ushield-assistant 查看原因；以后登录时会再次启动。",
        "The assistant ended as soon as it had begun. systemctl --user status ushield-assistant says why; each login starts the assistant again.";
    next_login: "下次登录时自动启动。要现在启动，请在终端运行",
        "The assistant starts at the next login. To run the assistant now, in a terminal that stays open";
    go_to: "请回到银行网页继续", "Go on at your bank's page";
    removed: "已删除", "Removed";
    nothing_removed: "没有可删除的内容。", "There was nothing to remove.";
    no_terminal: "（没有终端可以回答；如同意，请加 --yes）", "(There is no terminal to answer at; --yes says yes.)";
}

impl Text {
    fn of(self, zh: &'static str, en: &'static str) -> &'static str {
        if self.0 == Language::Zh { zh } else { en }
    }

    pub(super) fn said(self, words: Words) -> Said {
        if self.0 == Language::Zh { words.zh } else { words.en }
    }

    // The name of a step, and what the step does.

    pub(super) fn system(self) -> [&'static str; 2] {
        [
            self.of("系统升级", "System Upgrade"),
            self.of(
                "检查内核、智能卡服务（pcscd）、系统策略和时钟。",
                "Looks at the kernel, the smart card service (pcscd), the system's policy and the clock.",
            ),
        ]
    }

    pub(super) fn driver(self) -> [&'static str; 2] {
        [
            self.of("安装驱动程序", "Driver Installation"),
            self.of(
                "检查已插入的U盾及其品牌的驱动程序；尚未插入时，可稍后重新运行本向导。",
                "Looks at the shield that is plugged in and at its brand's driver. Without a shield, run the wizard again later.",
            ),
        ]
    }

    pub(super) fn window(self) -> [&'static str; 2] {
        [
            self.of("密码输入窗口", "Window for the PIN"),
            self.of(
                "检查用于输入U盾密码的程序（pinentry）。",
                "Looks for the program that asks for the PIN (pinentry).",
            ),
        ]
    }

    pub(super) fn login(self) -> [&'static str; 2] {
        [
            self.of("登录时启动", "Start at login"),
            self.of(
                "写入您自己的两个文件和一个链接；ushield assistant setup --remove 可撤销。",
                "Writes two files and a link of your own; ushield assistant setup --remove takes that back.",
            ),
        ]
    }
}
