//! `hoist secrets`: one file per command.

mod diff;
mod draft;
mod edit;
mod file;
mod generate;
pub mod git;
mod github;
mod import;
mod keygen;
mod leaks;
mod recipients;
pub mod rekey;
mod room;
mod set;
mod show;
pub mod store;

use std::path::PathBuf;

use super::load::Project;
use super::{ExitCode, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Secrets of an environment, encrypted with age for everyone in its recipients.txt
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Edit(edit::Args),
    Show(show::Args),
    Set(set::Args),
    Unset(set::Unset),
    Generate(generate::Args),
    Import(import::Args),
    Diff(diff::Args),
    Recipients(recipients::Args),
    Rekey(rekey::Args),
    Keygen(keygen::Args),
    Encrypt(file::Encrypt),
    Decrypt(file::Decrypt),
    GitSetup(git::Setup),
    #[command(hide = true)]
    GitShow(git::Show),
    #[command(hide = true)]
    GitMerge(git::Merge),
    #[command(hide = true)]
    GitCheck(git::Check),
}

/// Which environment, and with which key.
#[derive(clap::Args, Debug, Default)]
#[group(skip)]
pub struct Where {
    /// The environment (the same as `env=NAME`)
    #[arg(short = 'e', long = "env", value_name = "NAME")]
    env: Option<String>,

    /// Open secrets with the private key in this file (`-`: from standard input)
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

impl Where {
    /// Takes `env=NAME` out of `words`, and loads the project.
    fn project(&self, words: &[String]) -> Result<(Project, Option<String>, Vec<String>), Diagnostics> {
        let (named, others): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| word.starts_with("env="));
        let mut names: Vec<String> = self.env.iter().cloned().chain(named.iter().map(|word| word["env=".len()..].to_string())).collect();
        names.dedup();
        if names.len() > 1 {
            return Err(Diagnostic::error(format!("two environments are named: {}", names.join(" and "))).into());
        }
        let mut problems = Diagnostics::new();
        let project = Project::load(&mut problems)?.with_identity(&self.identity);
        Ok((project, names.pop(), others))
    }

    /// The same for a command that works on one environment.
    fn environment(&self, words: &[String]) -> Result<(Project, String, Vec<String>), Diagnostics> {
        let (project, name, others) = self.project(words)?;
        let name = name.ok_or_else(|| Diagnostic::error("which environment?").help("name it: `env=NAME`"))?;
        Ok((project, name, others))
    }
}

/// Refuses words that mean nothing here.
fn no_more(others: &[String]) -> Result<(), Diagnostic> {
    match others.first() {
        None => Ok(()),
        Some(word) => Err(Diagnostic::error(format!("what is `{word}` to say?")).help("expected `env=NAME`")),
    }
}

pub fn run(args: &Args) -> Outcome {
    room::sweep();
    match &args.command {
        Command::Edit(args) => edit::run(args),
        Command::Show(args) => show::run(args),
        Command::Set(args) => set::run(args),
        Command::Unset(args) => set::unset(args),
        Command::Generate(args) => generate::run(args),
        Command::Import(args) => import::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Recipients(args) => recipients::run(args),
        Command::Rekey(args) => rekey::run(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Encrypt(args) => file::encrypt(args),
        Command::Decrypt(args) => file::decrypt(args),
        Command::GitSetup(args) => git::setup(args),
        Command::GitShow(args) => git::show(args),
        Command::GitMerge(args) => git::merge(args),
        Command::GitCheck(args) => git::check(args),
    }?;
    Ok(ExitCode::Done)
}
