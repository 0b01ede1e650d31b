//! `hoist env`: the environments of a project, and a new one.

use std::path::PathBuf;

use super::load::Project;
use super::role::write_files;
use super::{ExitCode, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::project::{Inventory, names};
use crate::report;

/// Environments
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the environments of the project
    List,
    /// Make an environment
    New {
        /// Its name
        name: String,
        /// Address of its first host
        #[arg(long, value_name = "ADDRESS", default_value = "203.0.113.10")]
        host: String,
        /// User that logs in there
        #[arg(long, value_name = "USER", default_value = "root")]
        user: String,
    },
}

pub fn run(args: &Args) -> Outcome {
    let project = Project::load(&mut Diagnostics::new())?;
    match &args.command {
        Command::List => {
            let rows = project.layout.environments()?.into_iter().map(|name| {
                let inventory = project.layout.inventory(&name).map(|source| Inventory::read(&source, &mut Diagnostics::new()));
                let hosts = inventory.map_or_else(|_| "-".to_string(), |inventory| inventory.hosts().len().to_string());
                let protected = project.config.environments.get(&name).is_some_and(|environment| environment.protected);
                vec![name, hosts, if protected { "protected" } else { "" }.to_string()]
            });
            report::table(&["ENVIRONMENT", "HOSTS", ""], rows.collect());
        }
        Command::New { name, host, user } => {
            let files = files(name, host, user)?;
            let files: Vec<(PathBuf, &[u8])> = files.iter().map(|(path, text)| (path.clone(), text.as_bytes())).collect();
            write_files(project.layout.root(), &files, "nothing was written")?;
        }
    }
    Ok(ExitCode::Done)
}

/// The files of a new environment.
pub fn files(name: &str, host: &str, user: &str) -> Result<Vec<(PathBuf, String)>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let typed = |before: &str, word: &str| {
        let source = Source::new(crate::project::variables::COMMAND_LINE, format!("{before} {word}"));
        Span::new(&source, before.len() + 1, source.text().len())
    };
    let good = !name.is_empty() && name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !good || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        problems.push(
            Diagnostic::error(format!("`{}` is no name for an environment", name.escape_debug()))
                .at(&typed("hoist env new", name))
                .help("it starts with a letter (a-z, A-Z) or a digit, and goes on with these, `-`, `_` and `.`; 64 characters at most"),
        );
    }
    problems.take(names::address(host, &typed("--host", host)));
    problems.take(names::plain(user, "user", &typed("--user", user)));
    problems.or(())?;
    let folder = PathBuf::from("environments").join(name);
    let fill = |text: &str| text.replace("ENVIRONMENT", name).replace("ADDRESS", host).replace("USER", user);
    Ok(vec![
        (folder.join("hosts"), fill(include_str!("init/hosts"))),
        (folder.join("group_vars/web.yml"), fill(include_str!("init/web.yml"))),
    ])
}
