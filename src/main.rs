//! Parse, run, exit code.

#![forbid(unsafe_code)]

fn main() {
    hoist::cli::leave_this_folder_out_of_path();
    std::process::exit(hoist::cli::run(std::env::args_os()));
}
