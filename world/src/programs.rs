//! The programs of the world: they stand beside this one. Where cargo runs this program, cargo builds them first.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use terminal::Failure;

/// What is started, each by the package of its name.
const NAMES: [&str; 2] = ["ushield", "bank"];

/// The folder of the programs.
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The folder that this program stands in.
    pub(crate) fn find() -> Result<Self, Failure> {
        let this = env::current_exe();
        let this = this.map_err(|error| Failure::new("the programs were not found").because(error))?;
        Ok(Self(this.parent().unwrap_or(Path::new(".")).to_owned()))
    }

    /// Builds the programs, where cargo runs this one (the variable CARGO; The Cargo Book, "Environment Variables").
    pub(crate) fn build(&self) -> Result<(), Failure> {
        let (Some(cargo), Some(manifest)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) else {
            return Ok(());
        };
        let mut build = Command::new(cargo);
        build.arg("build").arg("--manifest-path").arg(Path::new(&manifest).join("Cargo.toml"));
        for name in NAMES {
            build.args(["-p", name]);
        }
        if self.0.file_name().is_some_and(|profile| profile != "debug") {
            // Folders have the names of profiles, but for that of `dev`.
            build.arg("--profile").arg(self.0.file_name().unwrap_or_default());
        }
        let failed = || Failure::new("the programs were not built");
        let built = build.status().map_err(|error| failed().because(error))?;
        if built.success() {
            Ok(())
        } else {
            Err(failed().because("cargo says why, above").next("mend that, and start the world again"))
        }
    }

    /// A program.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Failure::new(format!("there is no program {name}"))
            .because(format!("it is not in {}", self.0.display()))
            .next("build all programs: cargo build --release -p ushield -p bank -p world"))
    }
}
