//! `hoist init`: a working project in an empty folder.

use std::path::{Path, PathBuf};

use super::role::write_files;
use super::{ExitCode, Outcome, env};
use crate::diagnostic::Diagnostic;
use crate::report;

/// Make a project in this folder: hoist.yml, an environment, and where things go
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The first environment
    #[arg(short = 'e', long = "env", value_name = "NAME", default_value = "prod")]
    env: String,
    /// Address of its first host
    #[arg(long, value_name = "ADDRESS", default_value = "203.0.113.10")]
    host: String,
    /// User that logs in there
    #[arg(long, value_name = "USER", default_value = "root")]
    user: String,
}

const FILES: [(&str, &str); 3] = [
    ("hoist.yml", include_str!("init/hoist.yml")),
    (".gitignore", include_str!("init/gitignore")),
    ("group_vars/all.yml", include_str!("init/all.yml")),
];

pub fn run(args: &Args) -> Outcome {
    if args.folder.join("hoist.yml").exists() {
        return Err(Diagnostic::error(format!("there is a project in {} already", args.folder.display()))
            .help("`hoist env new NAME` adds an environment")
            .into());
    }
    let texts: Vec<(PathBuf, String)> =
        FILES.iter().map(|(path, text)| (PathBuf::from(path), text.replace("ENVIRONMENT", &args.env))).collect();
    let environment = env::files(&args.env, &args.host, &args.user)?;
    let files: Vec<(PathBuf, &[u8])> = texts.iter().chain(&environment).map(|(path, text)| (path.clone(), text.as_bytes())).collect();
    std::fs::create_dir_all(&args.folder)
        .map_err(|error| Diagnostic::error(format!("{} cannot be made: {error}", args.folder.display())))?;
    write_files(&args.folder, &files, "nothing was written")?;
    super::secrets::git::install(&args.folder, false)?;
    let place = if args.folder == Path::new(".") { String::new() } else { format!("cd {} && ", args.folder.display()) };
    report::line("");
    report::line("next:");
    let steps = [
        ("hoist check".to_string(), "is all of it right? contacts nothing"),
        (format!("hoist hosts trust env={}", args.env), "see and record the host's key"),
        (format!("hoist plan env={}", args.env), "what would change"),
        (format!("hoist provision env={}", args.env), "change it"),
    ];
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    for (command, why) in steps {
        report::line(&format!("  {place}{command:width$}  # {why}"));
    }
    Ok(ExitCode::Done)
}
