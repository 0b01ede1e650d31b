//! Finds what is to be deployed: a commit of the repository, an archive, a commit of the repository that lies here.

use std::convert::Infallible;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::deploy::app::App;
use crate::deploy::plan::Archive;
use crate::deploy::version::{self, Live, Version};
use crate::diagnostic::Diagnostic;
use crate::engine::Crew;
use crate::report;
use crate::resource::git_url::GitRef;
use crate::shell::{Answer, sha256};
use crate::transport::http;

/// The largest archive, in bytes: it is held in memory while it is sent.
const MOST: u64 = 1 << 30;

/// How long an archive may take to come.
const PATIENCE: Duration = Duration::from_secs(600);

/// A version, and what is sent to the hosts if they do not fetch it themselves.
pub type Found = (Version, Option<Archive>);

/// The commit of `app_repo` that `git_version` names, as `host` sees it; and what it brings since what is live.
pub fn repository(crew: &mut Crew<'_>, host: &str, app: &App, lives: &[Live]) -> Result<Found, Diagnostic> {
    let (url, wanted) = (app.repository()?, app.wanted()?);
    let failed = |failure: crate::transport::Failure| Diagnostic::error(format!("{host}: {failure}"));
    let resolved = match &wanted {
        GitRef::Commit(commit) => {
            let answer = crew.ask_as(host, &app.user, &version::having(app, &url, commit)).map_err(failed)?;
            version::exists(&url, commit, &answer)?;
            wanted.resolve("").map_err(Diagnostic::error)?
        }
        _ => {
            let answer = crew.ask_as(host, &app.user, &version::listing(app, &url, &wanted)).map_err(failed)?;
            version::resolve(&url, &wanted, &answer)?
        }
    };
    let reference = resolved.found.clone().unwrap_or_else(|| app.version.clone());
    let version = Version { commit: resolved.commit.clone(), reference, ..Version::default() };
    let version = version.compared(lives, &mut |live| {
        if !is_commit(live) {
            return Ok(Err(ARCHIVE.to_string()));
        }
        let answer = crew.ask_as(host, &app.user, &version::comparing(app, &url, live, &resolved)).map_err(failed)?;
        Ok::<_, Diagnostic>(version::changes(&answer))
    })?;
    Ok((version, None))
}

/// What is said of two versions of which one is no commit.
const ARCHIVE: &str = "archives are not compared";

fn is_commit(text: &str) -> bool {
    GitRef::parse(text).is_ok_and(|found| matches!(found, GitRef::Commit(_))) && text.len() == 40
}

/// What is wanted of a repository on this machine.
pub struct Here {
    name: String,
    commit: String,
    top: String,
}

/// Finds it in the repository that `folder` is in.
pub fn here(folder: &Path, app: &App) -> Result<Here, Diagnostic> {
    let git = |words: &[&str]| git(folder, words).map(|output| String::from_utf8_lossy(&output).trim_end().to_string());
    let name = match app.wanted()? {
        GitRef::Head => "HEAD".to_string(),
        GitRef::Commit(name) | GitRef::Short(name) | GitRef::Full(name) => name,
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let commit = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]).map_err(|_| {
        Diagnostic::error(format!("`{name}` is no commit of {top}")).help("is it spelled as `git branch -a` and `git tag` spell it?")
    })?;
    Ok(Here { name, commit, top })
}

/// A commit of the repository that `folder` is in.
pub fn local(folder: &Path, app: &App, lives: &[Live]) -> Result<Found, Diagnostic> {
    let Here { name, commit, top } = here(folder, app)?;
    // The whole of it, from whichever of its folders.
    let bytes = git(Path::new(&top), &["archive", "--format=tar.gz", &commit])?;
    let changed = String::from_utf8_lossy(&git(folder, &["status", "--porcelain"])?).lines().count();
    let reference = if name == "HEAD" { String::new() } else { name };
    let left_out = match changed {
        0 => String::new(),
        changed => format!(", without what is not committed there ({})", report::count(changed, "file")),
    };
    let archive = Archive { bytes: bytes.into(), strip: false, from: format!("{top}{left_out}") };
    let submodules = git(Path::new(&top), &["cat-file", "-e", &format!("{commit}:.gitmodules")]).is_ok();
    let version = Version { commit: commit.clone(), reference, submodules, ..Version::default() };
    let version = version.compared(lives, &mut |live| {
        if !is_commit(live) {
            return Ok(Err(ARCHIVE.to_string()));
        }
        if git(Path::new(&top), &["cat-file", "-e", &format!("{live}^{{commit}}")]).is_err() {
            return Ok(Err(format!("`{top}` does not have that commit; `git fetch` may bring it")));
        }
        let script = version::between(live, &commit, &app.migrations);
        let output = Command::new("/bin/sh").args(["-c", script.text()]).current_dir(&top).stdin(Stdio::null()).output();
        let output = output.map_err(|error| Diagnostic::error(format!("/bin/sh cannot run here: {error}")))?;
        let status = output.status.code().unwrap_or(1);
        Ok::<_, Diagnostic>(version::changes(&Answer { status, stdout: output.stdout, stderr: output.stderr }))
    })?;
    Ok((version, Some(archive)))
}

fn git(folder: &Path, words: &[&str]) -> Result<Vec<u8>, Diagnostic> {
    let help = "`--from-local` takes a commit of the repository that you are in, `--from-local=FOLDER` of another one";
    let output = Command::new("git").arg("-C").arg(folder).args(words).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Diagnostic::error(format!("git cannot run here: {error}")).help(help))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Diagnostic::error(format!("git {}: {}", words[0], String::from_utf8_lossy(&output.stderr).trim())).help(help))
}

/// An archive, from a file or an address; with a SHA-256 it must have.
pub fn archive(place: &str, sum: Option<&str>) -> Result<Found, Diagnostic> {
    if place.starts_with("http://") && sum.is_none() {
        return Err(Diagnostic::error("an archive from `http://` can be altered on the way")
            .help("use `https://`, or say what it must be: `--sha256 SUM`")
            .help("nothing was contacted"));
    }
    let bytes = if place.contains("://") { fetch(place)? } else { read(Path::new(place))? };
    let found = sha256(&bytes);
    if let Some(sum) = sum.filter(|sum| !sum.eq_ignore_ascii_case(&found)) {
        return Err(Diagnostic::error(format!("the archive has the SHA-256 {found}, and not {sum}")).help("nothing was contacted"));
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Diagnostic::error("the archive is no .tar.gz").help("make one: tar -czf app.tar.gz ."));
    }
    let name = place.rsplit('/').next().unwrap_or(place).split(['?', '#']).next().unwrap_or_default().to_string();
    let version = Version { commit: found, reference: name, ..Version::default() };
    Ok((version, Some(Archive { strip: one_folder(&bytes), bytes: bytes.into(), from: String::new() })))
}

/// The place of an archive as it may be shown: what is behind the `?` of an address, and who asks, may be secret.
pub fn shown(place: &str) -> String {
    let Some((scheme, rest)) = place.split_once("://") else { return place.to_string() };
    let (path, query) = match rest.split_once(['?', '#']) {
        Some((path, _)) => (path, "?..."),
        None => (rest, ""),
    };
    let (authority, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let (who, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| ("...@", host));
    format!("{scheme}://{who}{host}{path}{query}")
}

/// An archive beside what is live: only the same one is known to be no other version.
pub fn same(version: &Version, lives: &[Live]) -> Version {
    let compared: Result<Version, Infallible> = version.clone().compared(lives, &mut |_| Ok(Err(ARCHIVE.to_string())));
    compared.unwrap_or_else(|never| match never {})
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let failed = |error: std::io::Error| Diagnostic::error(format!("`{}` cannot be read: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    limited(file).map_err(failed)
}

fn fetch(address: &str) -> Result<Vec<u8>, Diagnostic> {
    let failed = |why: String| Diagnostic::error(format!("the archive cannot be fetched: {why}"));
    let client = http::client(PATIENCE, 5).map_err(|error| failed(http::causes(error)))?;
    let response = client.get(address).send().map_err(|error| failed(http::causes(error)))?;
    if !response.status().is_success() {
        return Err(failed(format!("the server answers {}", response.status())));
    }
    limited(response).map_err(|error| failed(error.to_string()))
}

fn limited(source: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST { Err(std::io::Error::other("it is larger than 1 GiB")) } else { Ok(bytes) }
}

/// Whether everything in an archive is in one folder, as archives of forges are: then that folder is left out.
fn one_folder(bytes: &[u8]) -> bool {
    let listing = Command::new("tar").args(["-tzf", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut tar) = listing else { return false };
    let (Some(mut stdin), Some(mut stdout)) = (tar.stdin.take(), tar.stdout.take()) else { return false };
    let mut names = String::new();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut stdin, bytes));
        let _ = stdout.read_to_string(&mut names);
    });
    let _ = tar.wait();
    let top = |name: &str| name.trim_start_matches("./").split('/').next().unwrap_or_default().to_string();
    let mut tops = names.lines().filter(|name| !matches!(*name, "./" | "." | "pax_global_header")).map(top);
    let Some(first) = tops.next() else { return false };
    !first.is_empty() && tops.all(|top| top == first) && names.lines().any(|name| name.trim_start_matches("./").contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_archive_is_shown_without_what_may_be_secret() {
        assert_eq!(shown("https://ann:pass@ci.example.org/a/shop.tar.gz?token=x&b=1#y"), "https://...@ci.example.org/a/shop.tar.gz?...");
        assert_eq!(shown("https://ci.example.org/shop@2.tar.gz"), "https://ci.example.org/shop@2.tar.gz");
        assert_eq!(shown("../what?.tar.gz"), "../what?.tar.gz");
    }
}
