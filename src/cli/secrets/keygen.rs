//! `hoist secrets keygen`: a private key of one's own.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use crate::cli::Stop;
use crate::diagnostic::Diagnostic;
use crate::report;
use crate::secret::identity;

/// Make a private key for secrets, readable by you alone, and print its public side
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Where to
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let usual = || std::env::home_dir().map(|home| home.join(".config/hoist/identity.txt"));
    let path = args
        .output
        .clone()
        .or_else(usual)
        .ok_or_else(|| Diagnostic::error("you have no home folder").help("name a file: --output FILE"))?;
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Diagnostic::error(format!("{} is there already", path.display()))
            .help("a key that is lost cannot be made again, so none is ever overwritten"),
        _ => Diagnostic::error(format!("{} cannot be written: {error}", path.display())),
    };
    let (secret, public) = identity::generate();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(format!("# public key: {public}\n").as_bytes()).map_err(failed)?;
    file.write_all(secret.expose().as_bytes()).map_err(failed)?;
    file.write_all(b"\n").and_then(|()| file.sync_all()).map_err(failed)?;
    report::note(&format!("wrote {}: keep a copy in a safe place, for nothing opens secrets without it", path.display()));
    report::note("give this to somebody who can read the secrets, to add you (`hoist secrets recipients add`):");
    report::line(&public);
    Ok(())
}
