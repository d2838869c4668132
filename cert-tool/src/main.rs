//! The program `cert-tool`; see the library.

fn main() -> std::process::ExitCode {
    cert_tool::commands::main()
}
