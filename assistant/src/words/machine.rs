//! What the doctor finds wrong with a machine (docs/doctor.md).

use super::Row;

/// What the doctor mends.
const FIX: [&str; 2] = ["请运行 sudo ushield doctor --fix。", "Run sudo ushield doctor --fix."];
/// What a person mends, with the doctor's advice.
const LOOK: [&str; 2] = ["请运行 ushield doctor 查看修复方法。", "See with ushield doctor what mends it."];

const fn row(code: &'static str, zh: &'static str, en: &'static str, next: [&'static str; 2]) -> Row {
    (code, [zh, next[0]], [en, next[1]])
}

pub(super) const ROWS: &[Row] = &[
    row("vhci_not_loaded", "内核模块 vhci_hcd 未加载。", "The kernel module vhci_hcd is not loaded.", FIX),
    row("kernel_no_modules", "当前内核没有模块。", "The kernel that runs has no modules here.", LOOK),
    row("kernel_no_vhci", "当前内核不含 vhci_hcd。", "This kernel was packaged without vhci_hcd.", LOOK),
    row("vhci_port_error", "虚拟USB接口出错。", "A virtual USB port is in error.", FIX),
    row(
        "token_absent",
        "本机USB上没有U盾。",
        "No shield is on this machine's USB.",
        ["请插入U盾。", "Plug your shield in."],
    ),
    row(
        "token_not_authorized",
        "内核被设置为不使用此U盾。",
        "The kernel was told not to use the shield.",
        LOOK,
    ),
    row(
        "token_not_whole",
        "U盾没有显示为智能卡读卡器。",
        "The shield shows the kernel no smart card reader.",
        ["请拔出后重新插入。", "Unplug it and plug it in."],
    ),
    row(
        "ccid_missing",
        "未安装智能卡读卡器驱动（libccid）。",
        "The driver of smart card readers (libccid) is not installed.",
        LOOK,
    ),
    row("ccid_damaged", "智能卡读卡器驱动的配置损坏。", "The driver of smart card readers is damaged.", LOOK),
    row("brand_unknown", "没有驱动程序支持此品牌的U盾。", "No driver serves this brand of shield.", FIX),
    row(
        "driver_outdated",
        "此品牌的驱动程序已过时。",
        "The brand's driver is older than the driver it stands on.",
        FIX,
    ),
    row("driver_damaged", "此品牌的驱动程序损坏。", "The brand's driver is damaged.", FIX),
    row(
        "polkit_denies",
        "系统策略（polkit）不允许您使用智能卡服务。",
        "The system's policy (polkit) does not let you use smart cards.",
        LOOK,
    ),
    row(
        "polkit_absent",
        "系统策略服务（polkit）没有应答。",
        "The system's policy service (polkit) does not answer.",
        LOOK,
    ),
    row(
        "pcscd_missing",
        "未安装智能卡服务（pcscd）。",
        "The smart card service (pcscd) is not installed.",
        LOOK,
    ),
    row("pcscd_stopped", "智能卡服务（pcscd）未运行。", "The smart card service (pcscd) does not run.", FIX),
    row("pcscd_stale", "智能卡服务（pcscd）异常退出。", "The smart card service (pcscd) was killed.", FIX),
    row(
        "pcscd_deaf",
        "智能卡服务（pcscd）没有应答。",
        "The smart card service (pcscd) does not answer.",
        FIX,
    ),
    row(
        "pcscd_closed",
        "您无权使用智能卡服务（pcscd）。",
        "You may not use the smart card service (pcscd).",
        LOOK,
    ),
    row(
        "token_not_taken",
        "智能卡服务没有打开U盾。",
        "The smart card service has not opened the shield.",
        FIX,
    ),
    row("pkcs11_not_registered", "PKCS#11 库未登记。", "The PKCS#11 library is not registered.", FIX),
    row(
        "pkcs11_library_missing",
        "登记的 PKCS#11 库不存在。",
        "A PKCS#11 library that is registered is not there.",
        LOOK,
    ),
    row("pkcs11_none", "没有登记 PKCS#11 库。", "No PKCS#11 library is registered.", LOOK),
    row("clock_behind", "本机时间太早。", "The clock of this computer is behind.", LOOK),
    row("clock_disagrees", "系统时间与硬件时间不一致。", "The clocks of this computer disagree.", LOOK),
    row(
        "pin_blocked",
        "U盾密码已锁定。",
        "The PIN of the shield is locked.",
        ["请到柜台重置密码。", "Have the PIN reset at the counter."],
    ),
    row(
        "pin_factory",
        "U盾仍在使用初始密码。",
        "The shield still has its factory PIN.",
        ["请先修改密码。", "Change the PIN first."],
    ),
    row(
        "certificate_absent",
        "U盾中没有个人证书。",
        "There is no personal ID on the shield.",
        ["请下载个人证书。", "Download your personal ID."],
    ),
    row(
        "certificate_ends_soon",
        "个人证书即将过期。",
        "The personal ID ends soon.",
        ["请更新证书。", "Renew the ID."],
    ),
    row(
        "certificate_expired",
        "个人证书已过期。",
        "The personal ID has expired.",
        ["请更新证书。", "Renew the ID."],
    ),
    row(
        "certificate_not_yet_valid",
        "个人证书尚未生效。",
        "The personal ID is not valid yet.",
        ["请检查本机时间。", "Check the clock of this computer."],
    ),
    row(
        "certificate_damaged",
        "个人证书无法读取。",
        "The personal ID cannot be read.",
        ["请重新下载证书。", "Download the ID again."],
    ),
];
