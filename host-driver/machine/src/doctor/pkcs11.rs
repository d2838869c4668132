//! PKCS#11: whether programs that ask p11-kit find a library for the token.

use std::path::{Path, PathBuf};

use super::{Examined, Finding, Fix};
use crate::system::System;

const PKCS11: &str = "pkcs11";
const LIBRARY: &str = "libushield_pkcs11.so";
const OPENSC: &str = "opensc-pkcs11.so";
/// Where p11-kit looks (pkcs11.conf(5)); the first is the administrator's.
const FOLDERS: [&str; 2] = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];
/// Where libraries are; a relative `module:` means a `pkcs11` folder of these.
const LIBRARIES: [&str; 5] =
    ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let system = examined.system;
    let modules = modules(system);
    let of = |name: &str| {
        modules.iter().find(|module| module.library.file_name().is_some_and(|file| file == name))
    };
    let mut findings = Vec::new();
    for module in modules.iter().filter(|module| module.is_for_tokens() && module.find(system).is_none()) {
        let (file, library) = (module.file.display(), module.library.display());
        let message = format!("{file} names the library {library}, which is not there");
        findings.push(
            Finding::error(PKCS11, "pkcs11_library_missing", message)
                .mended_by(format!("install the library, or: sudo rm {file}")),
        );
    }
    if !findings.is_empty() {
        return findings;
    }
    findings.push(match (of(LIBRARY), installed(system), of(OPENSC)) {
        (Some(module), ..) => {
            Finding::good(PKCS11, format!("{} registers {}", module.file.display(), module.library.display()))
        }
        (None, Some(library), _) => {
            let module = Path::new(FOLDERS[0]).join("ushield.module");
            let message = format!("{} is installed, and no p11-kit module file names it", library.display());
            let line = format!(
                "sudo mkdir -p {} && echo 'module: {}' | sudo tee {}",
                FOLDERS[0],
                library.display(),
                module.display()
            );
            Finding::warning(PKCS11, "pkcs11_not_registered", message)
                .mended_by(line)
                .fixed_by(Fix::Register(module, library))
        }
        (None, None, Some(module)) => {
            Finding::good(PKCS11, format!("{} registers OpenSC's library", module.file.display()))
        }
        (None, None, None) => Finding::warning(
            PKCS11,
            "pkcs11_none",
            "no PKCS#11 library for the token is registered with p11-kit",
        )
        .mended_by("sudo apt install opensc-pkcs11   (Fedora and Arch: opensc)"),
    });
    findings
}

/// A p11-kit module file.
struct Module {
    file: PathBuf,
    library: PathBuf,
}

impl Module {
    fn is_for_tokens(&self) -> bool {
        self.library.file_name().is_some_and(|name| name == LIBRARY || name == OPENSC)
    }

    /// Where its library is.
    fn find(&self, system: &System) -> Option<PathBuf> {
        if self.library.is_absolute() {
            return system.has(&self.library).then(|| self.library.clone());
        }
        let mut places =
            LIBRARIES.map(|folder| Path::new(folder).join("pkcs11").join(&self.library)).into_iter();
        places.find(|place| system.has(place))
    }
}

/// The module files; one of the administrator's hides one of the same name.
fn modules(system: &System) -> Vec<Module> {
    let mut found: Vec<Module> = Vec::new();
    for folder in FOLDERS {
        for name in system.names(folder).into_iter().filter(|name| name.ends_with(".module")) {
            let file = Path::new(folder).join(&name);
            let text = system.text(&file).unwrap_or_default();
            let hidden = found.iter().any(|module| module.file.file_name() == file.file_name());
            let library = text.lines().find_map(|line| line.trim().strip_prefix("module:"));
            if let Some(library) = library.filter(|_| !hidden) {
                found.push(Module { library: library.trim().into(), file });
            }
        }
    }
    found
}

/// Our library, where it is installed.
fn installed(system: &System) -> Option<PathBuf> {
    let places = LIBRARIES.map(Path::new).into_iter();
    let mut places = places.flat_map(|folder| {
        [folder.join(LIBRARY), folder.join("pkcs11").join(LIBRARY), folder.join("ushield").join(LIBRARY)]
    });
    places.find(|place| system.has(place))
}
