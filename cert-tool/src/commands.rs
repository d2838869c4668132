//! The program, one file for each subcommand; thin over the library.

/// x
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
