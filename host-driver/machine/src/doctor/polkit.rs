//! polkit: where pcscd asks it, only those whom it allows reach a card.

use super::{Examined, Finding};
use crate::pcscd;

const POLKIT: &str = "polkit";
/// The two things that pcscd asks about (pcsc-lite, doc/org.debian.pcsc-lite.policy).
const ACTIONS: [&str; 2] = ["org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card"];

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let system = examined.system;
    // On a machine without pcscd another check says so.
    let Some(features) = pcscd::features(system) else { return Vec::new() };
    if !features.iter().any(|word| word == "polkit") {
        return vec![Finding::good(POLKIT, "this pcscd lets every user in: it was built without polkit")];
    }
    let process = std::process::id().to_string();
    for action in ACTIONS {
        match system.run("pkcheck", &["--action-id", action, "--process", &process]) {
            Ok(ran) if ran.is_good() => {}
            // pkcheck(1): 1 not authorized, 2 a question would be asked, 3 it was dismissed.
            Ok(ran) if matches!(ran.code, Some(1..=3)) => {
                let rule = "polkit.addRule(function(action, subject) { if (action.id.indexOf(\"org.debian.pcsc-lite.\") == 0 \
                            && subject.isInGroup(\"plugdev\")) return polkit.Result.YES; });";
                return vec![
                    Finding::error(
                        POLKIT,
                        "polkit_denies",
                        format!("polkit does not allow this user {action}"),
                    )
                    .mended_by(format!(
                        "sudo tee /etc/polkit-1/rules.d/50-ushield.rules <<< '{rule}'   (and join that group)"
                    )),
                ];
            }
            other => {
                let why = other.map_or_else(|error| format!("pkcheck: {error}"), |ran| ran.complaint());
                let message =
                    format!("pcscd asks polkit, which does not answer, and so lets nobody in ({why})");
                return vec![
                    Finding::error(POLKIT, "polkit_absent", message)
                        .mended_by("sudo apt install polkitd && sudo systemctl start polkit"),
                ];
            }
        }
    }
    vec![Finding::good(POLKIT, "polkit allows this user the smart cards")]
}
