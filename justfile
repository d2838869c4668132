# Shortcuts; each line works without just, too. `just` lists them.

[private]
default:
    @just --list --unsorted

# the whole story over loopback USB/IP
demo *arguments:
    cargo run --release -- demo {{arguments}}

# all tests
test *arguments:
    cargo test {{arguments}}

# format, lints, floors: what to run before a commit
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test -p ushield-tests --test floors

# the firmware needs no std
probe:
    cargo check --manifest-path firmware/probe/Cargo.toml

# the firmware on a microcontroller: rustup target add thumbv7em-none-eabihf
chip:
    cargo build --manifest-path firmware/probe/Cargo.toml --target thumbv7em-none-eabihf

# licences, bans and sources of the dependencies: cargo install cargo-deny --locked
deny:
    cargo deny check licenses bans sources

# each fuzz target for some seconds
fuzz seconds="20" *targets:
    fuzz/run {{seconds}} {{targets}}

# one table of measurements
bench *arguments:
    benches/run {{arguments}}

# a tarball of the programs for machines without a toolchain: docs/install.md
dist *arguments:
    packaging/tarball {{arguments}}

# everything that a change must pass
ci:
    .ci/run
