//! Why there is no vhci_hcd, and what to do about it.

use terminal::Failure;

use crate::system::System;

/// Why the kernel has no virtual host controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The kernel has it as a module, and the module is not loaded.
    NotLoaded,
    /// The kernel that runs has no modules on this disk.
    NoModules {
        /// The kernel's release.
        kernel: String,
    },
    /// The kernel's modules are there, and vhci-hcd is not among them.
    NotBuilt {
        /// The kernel's release.
        kernel: String,
        /// The distribution's package that has the module.
        package: Option<&'static str>,
    },
}

impl Missing {
    /// Looks for the reason.
    pub fn of(system: &System) -> Self {
        let kernel = system.kernel().unwrap_or_default();
        let Some(folder) = ["/lib/modules", "/usr/lib/modules"]
            .map(|folder| format!("{folder}/{kernel}"))
            .into_iter()
            .find(|folder| system.has(format!("{folder}/modules.dep")))
        else {
            return Self::NoModules { kernel };
        };
        let listed = |list: &str| {
            let text = system.text(format!("{folder}/{list}")).unwrap_or_default();
            text.lines().any(|line| line.split(':').next().is_some_and(|path| path.contains("/vhci-hcd.ko")))
        };
        if listed("modules.dep") || listed("modules.builtin") {
            Self::NotLoaded
        } else {
            let package = package(&system.text("/etc/os-release").unwrap_or_default());
            Self::NotBuilt { kernel, package }
        }
    }

    /// What is missing.
    pub fn what(&self) -> String {
        match self {
            Self::NotLoaded => "the kernel's module vhci_hcd is not loaded".into(),
            Self::NoModules { kernel } => format!("the kernel {kernel} has no modules here"),
            Self::NotBuilt { kernel, .. } => format!("the kernel {kernel} has no module vhci_hcd"),
        }
    }

    /// Why it is missing.
    pub fn why(&self) -> String {
        match self {
            Self::NotLoaded => "it is installed, and nothing has asked for it".into(),
            Self::NoModules { kernel } => format!(
                "there is no /lib/modules/{kernel}/modules.dep: the kernel was updated since the machine started, or this is a \
                 container, or the kernel takes no modules"
            ),
            Self::NotBuilt { .. } => {
                "this kernel was built, or packaged, without USB/IP, as many kernels for clouds are".into()
            }
        }
    }

    /// What to do.
    pub fn next(&self) -> String {
        let without = "programs of this project need no kernel for it: USHIELD_USBIP=HOST:PORT";
        match self {
            Self::NotLoaded => "sudo modprobe vhci-hcd".into(),
            Self::NoModules { .. } => format!(
                "start the machine again into the updated kernel; in a container, attach on the machine that it runs on;\n\
                 {without}"
            ),
            Self::NotBuilt { package: Some(package), .. } => {
                format!("install {package} and start the machine again;\n{without}")
            }
            Self::NotBuilt { package: None, .. } => {
                format!("start a kernel with CONFIG_USBIP_VHCI_HCD;\n{without}")
            }
        }
    }

    /// The failure of a command that needs the controller.
    pub fn failure(&self) -> Failure {
        Failure::new(self.what()).because(self.why()).next(self.next())
    }
}

/// The distribution's package that has the module.
fn package(release: &str) -> Option<&'static str> {
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"'))
    };
    let like = format!("{} {}", value("ID").unwrap_or_default(), value("ID_LIKE").unwrap_or_default());
    like.split_whitespace().find_map(|name| match name {
        "ubuntu" => Some("linux-modules-extra-$(uname -r)"),
        "debian" => Some("linux-image-amd64 (not a -cloud- kernel)"),
        "fedora" | "rhel" => Some("kernel-modules-extra"),
        _ => None,
    })
}
