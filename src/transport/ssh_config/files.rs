//! Whether the user's ssh configuration says anything that matters here. Most have none, or what their distribution
//! put there, and then `ssh` need not be asked.

use std::fs;
use std::path::{Path, PathBuf};

/// The words that change how a host is reached, in lower case; `include` may bring any of them in.
const WORDS: [&str; 14] = [
    "canonicaldomains",
    "canonicalizehostname",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "include",
    "port",
    "proxycommand",
    "proxyjump",
    "user",
    "userknownhostsfile",
];

/// What Debian and its like include; the files there are read, too.
const USUAL_INCLUDE: &str = "/etc/ssh/ssh_config.d/*.conf";

/// The files that `ssh` reads by itself.
pub fn usual() -> Vec<PathBuf> {
    let own = std::env::home_dir().map(|home| home.join(".ssh/config"));
    let folder = fs::read_dir("/etc/ssh/ssh_config.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let folder = folder.filter(|path| path.extension().is_some_and(|extension| extension == "conf"));
    own.into_iter().chain([PathBuf::from("/etc/ssh/ssh_config")]).chain(folder).collect()
}

/// Whether any of `files` does. One that is not there says nothing; of one that cannot be read, `ssh` shall tell.
pub fn say_anything(files: &[PathBuf]) -> bool {
    files.iter().any(|file| says_anything(file))
}

fn says_anything(file: &Path) -> bool {
    match fs::read(file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).lines().any(matters),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Whether a line has one of the words.
fn matters(line: &str) -> bool {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let word = word.trim_matches('"').to_lowercase();
    WORDS.contains(&word.as_str()) && !(word == "include" && rest.trim() == USUAL_INCLUDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_distributions_put_there_says_nothing() {
        let debian =
            "# The default\n\nInclude /etc/ssh/ssh_config.d/*.conf\n\nHost *\n#   Port 22\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n";
        assert!(!debian.lines().any(matters));
    }

    #[test]
    fn words_that_matter_are_seen_however_they_are_written() {
        for line in [
            "HostName x",
            "  hostname=x",
            "\tUSER\tdeploy",
            "\"Port\" 22",
            "Include ~/more",
            "ProxyJump = b",
            "Include a /etc/ssh/ssh_config.d/*.conf",
        ] {
            assert!(matters(line), "{line}");
        }
        for line in ["# HostName x", "UserX y", "", "Host web1", "PortForward"] {
            assert!(!matters(line), "{line}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (none, some) = (folder.path().join("none"), folder.path().join("some"));
        fs::write(&some, "Host a\n  Port 2222\n").expect("written");
        assert!(!say_anything(std::slice::from_ref(&none)));
        assert!(say_anything(&[none, some]));
    }
}
