//! Adds a host key to a known_hosts file: one line more, every other byte as it was.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use tempfile::NamedTempFile;

use super::{KnownHosts, Verdict, names};
use crate::transport::{Cause, Failure, PublicKey};

/// Many hosts may be met at once, and each rewrites the whole file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Writes into `file` that `key` belongs to `host` on `port`, unless it says so already. The file appears whole or
/// not at all, and is created if need be.
///
/// # Errors
/// [`Cause::HostKey`] when the file has another key for the host by now, or cannot be written.
pub fn record(file: &Path, host: &str, port: u16, key: &PublicKey) -> Result<(), Failure> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let failed = |error: io::Error| {
        Failure::new(Cause::HostKey, format!("the host key cannot be recorded: `{}`: {error}", super::shown(file)))
            .remedy("make the file writable, or add this line to it:")
            .remedy(line(host, port, key))
    };
    let old = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    let mut known = KnownHosts::default();
    known.add(file, &old);
    match known.verdict(host, port, key) {
        Verdict::Known => Ok(()),
        Verdict::Unknown { .. } => append(file, old, &line(host, port, key)).map_err(failed),
        Verdict::Changed { place, .. } | Verdict::Revoked(place) => {
            Err(Failure::new(Cause::HostKey, format!("the host key {key} cannot be recorded: {place} says otherwise")))
        }
    }
}

fn line(host: &str, port: u16, key: &PublicKey) -> String {
    format!("{} {} {}", names::listed(host, port), key.kind(), key.base64())
}

fn append(file: &Path, mut text: Vec<u8>, line: &str) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mode = match fs::metadata(&file) {
        Ok(metadata) if metadata.permissions().readonly() => return Err(io::Error::other("it is read-only")),
        Ok(metadata) => metadata.permissions().mode(),
        Err(_) => 0o644,
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');

    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(&text)?;
    new.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW";

    fn key(last: u8) -> PublicKey {
        let mut blob = PublicKey::of_host("ssh-ed25519", &OLD[12..]).expect("it is whole").blob().to_owned();
        *blob.last_mut().expect("it has bytes") = last;
        PublicKey::from_blob(&blob).expect("it is whole still")
    }

    fn text(file: &Path) -> String {
        fs::read_to_string(file).expect("it can be read")
    }

    #[test]
    fn a_missing_file_is_made_with_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        record(&file, "Web1", 2222, &key(1)).expect("recorded");
        assert_eq!(text(&file), format!("[web1]:2222 ssh-ed25519 {}\n", key(1).base64()));
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o644);
    }

    // N06
    #[test]
    fn lines_that_were_there_stay_and_a_missing_final_newline_is_added() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        let before = format!("# ours\r\n\ngarbage \u{e9}\nweb2 {OLD} comment");
        fs::write(&file, &before).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        record(&file, "web1", 22, &key(1)).expect("recorded");
        record(&file, "web1", 22, &key(1)).expect("known by now");
        assert_eq!(text(&file), format!("{before}\nweb1 ssh-ed25519 {}\n", key(1).base64()));
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_host_that_has_another_key_by_now_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        record(&file, "web1", 22, &key(1)).expect("recorded");
        let before = text(&file);
        let failure = record(&file, "web1", 22, &key(2)).expect_err("refused");
        assert!(failure.message.contains("line 1 of"), "{failure}");
        assert_eq!(text(&file), before);
    }

    // N07
    #[test]
    fn a_read_only_file_is_left_alone_and_the_line_is_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        fs::write(&file, "").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("set");
        let failure = record(&file, "web1", 22, &key(1)).expect_err("refused");
        assert!(failure.message.ends_with("it is read-only"), "{failure}");
        assert_eq!(failure.remedy[1], line("web1", 22, &key(1)));
        assert_eq!(text(&file), "");
    }

    #[test]
    fn hosts_met_at_once_are_all_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        std::thread::scope(|scope| {
            for number in 0..20 {
                let file = &file;
                scope.spawn(move || record(file, &format!("web{number}"), 22, &key(number)).expect("recorded"));
            }
        });
        assert_eq!(text(&file).lines().count(), 20);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("known_hosts"), folder.path().join("link"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        record(&link, "web1", 22, &key(1)).expect("recorded");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(text(&file).lines().count(), 1);
    }
}
