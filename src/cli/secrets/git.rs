//! git and secrets: readable diffs, merges by name, and no plain secrets in a commit.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::store::{self, Store};
use super::{leaks, rekey};
use crate::cli::load::Project;
use crate::cli::{ExitCode, Stop};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::{Document, MASK, age_file, merge as merge_documents, outline};

/// Teach git to show and merge secrets by their names, and to refuse plain ones in a commit
///
/// Sets a diff and a merge driver in .git/config, a pre-commit hook, and names the files in .gitattributes.
#[derive(clap::Args)]
#[group(skip)]
pub struct Setup {
    /// Let `git diff` show the values themselves on this machine
    #[arg(long)]
    reveal: bool,
}

/// What `git diff` shows of an encrypted file
#[derive(clap::Args)]
#[group(skip)]
pub struct Show {
    file: PathBuf,
    #[arg(long)]
    reveal: bool,
}

/// Merges three versions of a secrets file into the second one
#[derive(clap::Args)]
#[group(skip)]
pub struct Merge {
    base: PathBuf,
    ours: PathBuf,
    theirs: PathBuf,
    /// Its name in the project
    path: PathBuf,
}

/// Refuses a commit that has plain secrets in it
#[derive(clap::Args)]
#[group(skip)]
pub struct Check {}

const ATTRIBUTES: &str = "environments/*/secrets.age diff=hoist-secrets merge=hoist-secrets\nenvironments/**/*.age diff=hoist-secrets\n";
const HOOK: &str = "secrets git-check";

pub fn setup(args: &Setup) -> Result<(), Stop> {
    let project = Project::load(&mut Diagnostics::new())?;
    if !install(project.layout.root(), args.reveal)? {
        return Err(Diagnostic::error("this project is in no git repository").help("make one: `git init`").into());
    }
    Ok(())
}

/// Sets git up for the project in `root`; false when it is in no repository.
pub fn install(root: &Path, reveal: bool) -> Result<bool, Diagnostics> {
    if git(root, &["rev-parse", "--git-dir"]).is_none() {
        return Ok(false);
    }
    let hoist = program();
    let shown = if reveal { " --reveal" } else { "" };
    for (key, value) in [
        ("diff.hoist-secrets.textconv", format!("{hoist} secrets git-show{shown}")),
        // What a cache would keep is on the disk in the clear, or stale.
        ("diff.hoist-secrets.cachetextconv", "false".to_string()),
        ("merge.hoist-secrets.name", "secrets of hoist, by their names".to_string()),
        ("merge.hoist-secrets.driver", format!("{hoist} secrets git-merge %O %A %B %P")),
    ] {
        git(root, &["config", "--local", key, &value]).ok_or_else(|| Diagnostic::error(format!("git cannot set {key}")))?;
    }
    let failed = |path: &Path, error: &std::io::Error| Diagnostic::error(format!("{} cannot be written: {error}", path.display()));
    let attributes = root.join(".gitattributes");
    let text = std::fs::read_to_string(&attributes).unwrap_or_default();
    let missing: String =
        ATTRIBUTES.lines().filter(|line| !text.lines().any(|there| there == *line)).map(|line| format!("{line}\n")).collect();
    if !missing.is_empty() {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        std::fs::write(&attributes, format!("{text}{gap}{missing}")).map_err(|error| failed(&attributes, &error))?;
        report::line("wrote .gitattributes");
    }
    hook(root, &hoist)?;
    report::line("git shows and merges secrets by their names now; everyone runs `hoist secrets git-setup` once in their checkout");
    Ok(true)
}

fn hook(root: &Path, hoist: &str) -> Result<(), Diagnostics> {
    let folder = git(root, &["rev-parse", "--git-path", "hooks"]).unwrap_or_else(|| ".git/hooks".into());
    let path = root.join(folder).join("pre-commit");
    let line = format!("{hoist} {HOOK}");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(HOOK) => return Ok(()),
        Ok(_) => {
            report::note(&format!("there is a pre-commit hook already; add this line to {}: {line} || exit 1", path.display()));
            return Ok(());
        }
        Err(_) => {}
    }
    let failed = |error: std::io::Error| Diagnostic::error(format!("{} cannot be written: {error}", path.display()));
    std::fs::create_dir_all(path.parent().unwrap_or(root)).map_err(failed)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).map_err(failed)?;
    file.write_all(format!("#!/bin/sh\nexec {line}\n").as_bytes()).map_err(failed)?;
    file.set_permissions(PermissionsExt::from_mode(0o755)).map_err(failed)?;
    report::line(&format!("wrote {}", path.strip_prefix(root).unwrap_or(&path).display()));
    Ok(())
}

/// How git calls this program: by its name when that finds it, so that an update moves along.
fn program() -> String {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_else(|_| "hoist".into());
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("hoist")).find(|path| path.exists()).and_then(|path| path.canonicalize().ok())
            == Some(own.clone())
    });
    let own = own.to_string_lossy();
    if on_path { "hoist".to_string() } else { crate::shell::quote(&own).unwrap_or_else(|| "hoist".to_string()) }
}

/// What git says, when it succeeds.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(root).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

pub fn show(args: &Show) -> Result<(), Stop> {
    let bytes = std::fs::read(&args.file).map_err(|error| Diagnostic::error(format!("{} cannot be read: {error}", args.file.display())))?;
    if bytes.is_empty() {
        return Ok(());
    }
    let identities = store::identities(&[])?;
    let Ok(plaintext) = age_file::decrypt(&bytes, &identities) else {
        // Never a reason for git to stop: the diff says that something changed.
        report::line(&format!("(encrypted for others, {})", crate::shell::sha256(&bytes)));
        return Ok(());
    };
    let salt = salt();
    let mark = |path: &str, value: &[u8]| format!("{} {})", MASK.trim_end_matches(')'), fingerprint(&salt, path, value));
    let what = args.file.display().to_string();
    let text = plaintext.into_text();
    let Some(text) = text else {
        report::line("(secret, binary)");
        return Ok(());
    };
    if args.reveal {
        report::reveal(text.expose().as_bytes());
        return Ok(());
    }
    let document = Document::of(text.expose().clone());
    match document.parse(&what) {
        Ok(node) if !node.entries().is_empty() => {
            report::line(outline(&node, &|path, node| mark(path, node.to_json().to_string().as_bytes())).trim_end());
        }
        _ => report::line(&mark("", text.expose().as_bytes())),
    }
    Ok(())
}

/// A mark that changes when the value does. It is made with a key of this checkout that is in no commit, so that nobody
/// who sees the mark can try values; equal values under other names have other marks.
fn fingerprint(salt: &[u8], path: &str, value: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(salt).expect("any length is a key");
    mac.update(path.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    mac.finalize().into_bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of this checkout's marks; a new one when there is none.
fn salt() -> Vec<u8> {
    let fresh = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has a random source");
        bytes.to_vec()
    };
    let Some(path) = git(Path::new("."), &["rev-parse", "--git-path", "hoist-salt"]) else { return fresh() };
    if let Ok(salt) = std::fs::read(&path) {
        return salt;
    }
    let new = fresh();
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made.and_then(|mut file| file.write_all(&new)) {
        Ok(()) => new,
        // Another one was faster.
        Err(_) => std::fs::read(&path).unwrap_or(new),
    }
}

pub fn merge(args: &Merge) -> Result<(), Stop> {
    let what = args.path.display().to_string();
    let project = Project::load(&mut Diagnostics::new())?;
    let name = rekey::environment_of(project.layout.root(), &args.path);
    let name = name.ok_or_else(|| Diagnostic::error(format!("{what} is in no environment")))?;
    let store = Store::new(&project.layout, &name)?;
    let identities = project.identities()?;
    let read = |path: &Path, side: &str| -> Result<Document, Diagnostics> {
        let what = format!("{what} ({side})");
        let bytes = std::fs::read(path).map_err(|error| Diagnostic::error(format!("{what} cannot be read: {error}")))?;
        if bytes.is_empty() {
            // Both sides made the file: there is no common ancestor.
            return Ok(Document::new(&name));
        }
        let plaintext = store::decrypt(&bytes, identities, &what, || store.recipients())?;
        Ok(Document::read(plaintext, &what)?)
    };
    let [base, ours, theirs] = [read(&args.base, "base")?, read(&args.ours, "ours")?, read(&args.theirs, "theirs")?];
    let merged = merge_documents(&base, &ours, &theirs, [&what; 3])?;
    let recipients = store.recipients()?;
    let before = std::fs::read(&args.ours).ok();
    let text = age_file::encrypt(merged.document.text().as_bytes(), &recipients).map_err(Diagnostic::error)?;
    store::write(&args.ours, &what, before.as_deref(), text.as_bytes())?;
    if merged.conflicts.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = merged.conflicts.iter().map(|key| format!("`{key}`")).collect();
    report::note(&format!(
        "CONFLICT in {what}: both sides changed {}; settle it with `hoist secrets edit env={name}`, then `git add`",
        names.join(", ")
    ));
    Err(Stop::Said(ExitCode::BadInput))
}

pub fn check(_: &Check) -> Result<(), Stop> {
    let root = git(Path::new("."), &["rev-parse", "--show-toplevel"]).ok_or_else(|| Diagnostic::error("this is no git repository"))?;
    let root = PathBuf::from(root);
    let staged = Command::new("git").current_dir(&root).args(["diff", "--cached", "--name-only", "-z", "--diff-filter=ACMR"]).output();
    let staged = staged.map_err(|error| Diagnostic::error(format!("git cannot be started: {error}")))?;
    let mut problems = Diagnostics::new();
    for name in staged.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let blob = Command::new("git").current_dir(&root).args(["cat-file", "blob", &format!(":{name}")]).output();
        let Ok(blob) = blob else { continue };
        if let Some(why) = leaks::why_not(&name, &blob.stdout) {
            problems.push(Diagnostic::error(format!("{name}: {why}")).help(format!("take it out of the commit: git rm --cached {name}")));
        }
    }
    Ok(problems.or(())?)
}
