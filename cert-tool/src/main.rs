//! The program `cert-tool`; see the library.

fn main() -> std::process::ExitCode {
    terminal::signal::outlive_file_limit();
    cert_tool::commands::main()
}
