//! The command line: what was typed, which command that is, and its exit code. One file per command; the doc comment
//! of its arguments is its help.

mod ask;
mod certs;
mod check;
mod consent;
mod deploy;
mod env;
mod explain;
mod history;
mod hosts;
mod init;
mod inventory;
mod load;
mod look;
mod maintenance;
mod memory;
mod ping;
mod plan;
mod programs;
mod provision;
mod releases;
mod role;
mod rollback;
mod run;
mod said;
mod secrets;
mod selection;
mod signals;
mod usage;
mod vagrant;

use clap::Parser;

use crate::diagnostic::Diagnostics;
use crate::report;

pub use programs::leave_this_folder_out_of_path;

/// Provision and deploy web applications on your own servers, over SSH, with an honest preview.
///
/// `env=NAME` picks the environment; other `name=value` words set variables.
#[derive(Parser)]
#[command(name = "hoist", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Init(init::Args),
    Env(env::Args),
    Check(check::Args),
    Inventory(inventory::Args),
    Explain(explain::Args),
    Ping(ping::Args),
    Plan(plan::Args),
    Provision(provision::Args),
    Deploy(deploy::Args),
    Rollback(rollback::Args),
    Releases(releases::Args),
    Maintenance(maintenance::Args),
    Run(run::Args),
    Hosts(hosts::Args),
    History(history::Args),
    Certs(certs::Args),
    Role(role::Args),
    Vagrant(vagrant::Args),
    Secrets(secrets::Args),
}

/// How a command ends. The numbers are promised in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Bad input; nothing was contacted.
    BadInput = 1,
    /// There is something to do (only when asked, with `plan --exit-code` or `certs --min-days`).
    Changes = 2,
    /// Some host failed, was not reached, or is in an unknown state.
    HostFailed = 3,
    /// Another run holds the lock.
    Locked = 4,
    /// Interrupted.
    Interrupted = 130,
}

/// What ends a command before its time.
enum Stop {
    /// The user's input has mistakes.
    BadInput(Diagnostics),
    /// It has been said why.
    Said(ExitCode),
}

impl<T: Into<Diagnostics>> From<T> for Stop {
    fn from(problems: T) -> Self {
        Self::BadInput(problems.into())
    }
}

type Outcome = Result<ExitCode, Stop>;

/// The whole command line as clap knows it; the reference page and completions are made of it.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command in `arguments` (the program's name first) and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> i32 {
    report::catch_panics();
    report::settle_colours();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own code for a misuse is 2, which means something else here.
            let code = if error.use_stderr() { ExitCode::BadInput } else { ExitCode::Done };
            let _ = error.print();
            return code as i32;
        }
    };
    let outcome = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Env(args) => env::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Inventory(args) => inventory::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Ping(args) => ping::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Provision(args) => provision::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Releases(args) => releases::run(&args),
        Command::Maintenance(args) => maintenance::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Hosts(args) => hosts::run(&args),
        Command::History(args) => history::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Role(args) => role::run(&args),
        Command::Vagrant(args) => vagrant::run(args),
        Command::Secrets(args) => secrets::run(&args),
    };
    let code = match outcome {
        Ok(code) => code,
        Err(Stop::Said(code)) => code,
        Err(Stop::BadInput(problems)) => {
            report::diagnostics(&problems);
            ExitCode::BadInput
        }
    };
    if report::failed() && code == ExitCode::Done {
        report::note("error: the result could not be written whole");
        return ExitCode::HostFailed as i32;
    }
    code as i32
}
