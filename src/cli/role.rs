//! `hoist role`: which roles there are; a built-in one copied out to be changed.

use std::path::{Path, PathBuf};

use super::load::Project;
use super::{ExitCode, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::project::Library;
use crate::report;

/// Roles
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the roles of the project and the built-in ones
    List,
    /// Show the inputs of a role
    Show {
        /// Its name
        role: String,
    },
    /// Copy a built-in role and its templates into the project, to be changed there
    Eject {
        /// Its name
        role: String,
        /// Replace files that are there already
        #[arg(long)]
        force: bool,
    },
}

pub fn run(args: &Args) -> Outcome {
    let project = Project::load(&mut Diagnostics::new())?;
    let library = Library::new(project.layout.root(), None);
    match &args.command {
        Command::List => {
            let mut problems = Diagnostics::new();
            let rows = library.roles().into_iter().map(|(name, own)| {
                let role = problems.take(library.role(&name, &typed(&name)));
                let description = role.map(|role| role.description).unwrap_or_default();
                vec![name, if own { "project" } else { "built in" }.to_string(), description]
            });
            let rows = rows.collect();
            report::table(&["ROLE", "FROM", "WHAT FOR"], rows);
            report::diagnostics(&problems);
        }
        Command::Show { role } => {
            let role = library.role(role, &typed(role))?;
            report::line(&format!("{}: {}", role.name, role.description));
            let rows = role.inputs.iter().map(|input| {
                let default = input
                    .default
                    .as_ref()
                    .map_or_else(|| "(must be set)".to_string(), |node| serde_json::to_string(&node.to_json()).unwrap_or_default());
                vec![format!("  {}", input.name), input.shape.name(), default, unlinked(input.help.as_deref().unwrap_or_default())]
            });
            report::table(&["  INPUT", "TYPE", "DEFAULT", "WHAT FOR"], rows.collect());
        }
        Command::Eject { role, force } => eject(&project, &library, role, *force)?,
    }
    Ok(ExitCode::Done)
}

/// Without the links that are there for the pages made of it: `[certbot](certbot.md)` is `certbot`.
fn unlinked(text: &str) -> String {
    let mut parts = text.split("](");
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match (plain.rfind('['), part.split_once(')')) {
            (Some(at), Some((_, rest))) => {
                plain.remove(at);
                plain += rest;
            }
            _ => plain += &format!("]({part}"),
        }
    }
    plain
}

fn typed(name: &str) -> Span {
    let source = Source::new(crate::project::variables::COMMAND_LINE, name);
    Span::new(&source, 0, name.len())
}

fn eject(project: &Project, library: &Library, role: &str, force: bool) -> Result<(), Diagnostics> {
    let files = Library::built_in(role);
    if files.is_empty() {
        let known: Vec<String> =
            library.roles().into_iter().filter(|(name, _)| !Library::built_in(name).is_empty()).map(|(name, _)| name).collect();
        return Err(Diagnostic::error(format!("there is no built-in role `{role}`"))
            .suggest(role, known.iter().map(String::as_str))
            .into());
    }
    match force {
        true => replace_files(project.layout.root(), &files),
        false => write_files(project.layout.root(), &files, "nothing was written; with --force it is replaced"),
    }
}

/// Writes files into a project, all or (when some are there already) none; `help` says what to do then.
pub fn write_files(root: &Path, files: &[(PathBuf, &[u8])], help: &str) -> Result<(), Diagnostics> {
    let mut problems = Diagnostics::new();
    for (path, _) in files.iter().filter(|(path, _)| root.join(path).exists()) {
        problems.push(Diagnostic::error(format!("{} is there already", path.display())).help(help));
    }
    problems.or(())?;
    replace_files(root, files)
}

fn replace_files(root: &Path, files: &[(PathBuf, &[u8])]) -> Result<(), Diagnostics> {
    for (path, bytes) in files {
        let failed = |error: std::io::Error| Diagnostic::error(format!("{} cannot be written: {error}", path.display()));
        let target = root.join(path);
        let folder = target.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode).map_err(failed)?;
        file.persist(&target).map_err(|error| failed(error.error))?;
        report::line(&format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::unlinked;

    #[test]
    fn links_are_for_pages() {
        assert_eq!(unlinked("as [certbot](certbot.md) puts [them](x.md) there"), "as certbot puts them there");
        assert_eq!(unlinked("a list `[a](b`, or [x]"), "a list `[a](b`, or [x]");
    }
}
