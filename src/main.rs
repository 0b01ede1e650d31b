//! Parse, run, exit code.

#![forbid(unsafe_code)]

fn main() {
    std::process::exit(hoist::cli::run(std::env::args_os()));
}
