//! Addresses and revisions of git repositories. Both end up as arguments of git, which reads options and helper programs
//! out of unlucky ones, so they are checked against a list of what is allowed (G01 to G04).

use std::fmt;

use crate::diagnostic::Diagnostic;

/// Where a repository is: `https://`, `ssh://`, `user@host:path`, or an absolute path on the host itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl {
    text: String,
    transport: GitTransport,
}

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitTransport {
    /// HTTPS.
    Https,
    /// SSH.
    Ssh,
    /// The host's own disk.
    File,
}

/// Which revision: the remote's `HEAD`, a full commit id, a branch or tag by its short name, or a full `refs/...` name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// What the remote has checked out: its main branch.
    Head,
    /// 40 (or 64) hexadecimal digits, lower case.
    Commit(String),
    /// A branch or a tag.
    Short(String),
    /// `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/head`.
    Full(String),
}

/// The commit that a [`GitRef`] stands for on a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its full id.
    pub commit: String,
    /// The ref it was found by (`refs/heads/main`, or `HEAD`); `None` for a commit id.
    pub found: Option<String>,
}

impl GitUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Another scheme, a password in it, a character that is none of an address. Without a place: the caller knows it.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let refused = |why: &str| Diagnostic::error(format!("`{}` is no address of a repository: {why}", shown(text)));
        let url = |transport| Ok(Self { text: text.to_string(), transport });
        if text.is_empty() || text.len() > 2000 || text.starts_with('-') || !text.chars().all(allowed) || bad_escape(text) {
            return Err(refused("it has characters that do not belong there"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let transport = match scheme {
                "https" => GitTransport::Https,
                "ssh" => GitTransport::Ssh,
                "http" | "git" => {
                    return Err(refused(&format!("`{scheme}://` can be altered on the way")).help("use `https://` or `ssh://`"));
                }
                "file" => return Err(refused("`file://` is not needed").help("write the path itself")),
                _ => return Err(refused(&format!("`{scheme}://` is not allowed")).help("use `https://` or `ssh://`")),
            };
            let (authority, path) = rest.split_once('/').ok_or_else(|| refused("it has no path"))?;
            let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
            if user.is_some() && transport == GitTransport::Https || user.is_some_and(|user| user.contains(':')) {
                return Err(Diagnostic::error("credentials in the address of a repository end up in process lists and in `.git/config`")
                    .help("use a deploy key: `ssh://` or `user@host:path`, with `key_file`"));
            }
            let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((address, port)) => {
                    (address.parse::<std::net::Ipv6Addr>().is_ok(), port.strip_prefix(':').or_else(|| port.is_empty().then_some("22")))
                }
                None => match host.split_once(':') {
                    Some((host, port)) => (is_host(host), Some(port)),
                    None => (is_host(host), Some("22")),
                },
            };
            let good = host && port.is_some_and(|port| port.parse::<u16>().is_ok()) && user.is_none_or(is_user) && is_path(path);
            return if good { url(transport) } else { Err(refused("its host or path is not well formed")) };
        }
        if text.starts_with('/') {
            return if is_path(text) { url(GitTransport::File) } else { Err(refused("its path is not well formed")) };
        }
        match text.split_once(':') {
            Some((place, path)) if !path.starts_with(':') => {
                let (user, host) = place.split_once('@').map_or((None, place), |(user, host)| (Some(user), host));
                let good = is_host(host) && user.is_none_or(is_user) && is_path(path);
                if good { url(GitTransport::Ssh) } else { Err(refused("its host or path is not well formed")) }
            }
            Some(_) => Err(refused("helper programs are not allowed").help("use `https://` or `ssh://`")),
            None => {
                Err(refused("it names no host")
                    .help("such as https://github.com/org/app.git, git@github.com:org/app.git or /srv/git/app.git"))
            }
        }
    }

    /// As git takes it. Never starts with `-`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is reached.
    pub fn transport(&self) -> GitTransport {
        self.transport
    }

    /// What `GIT_ALLOW_PROTOCOL` may hold for it and its submodules.
    pub fn protocols(&self) -> &'static str {
        if self.transport == GitTransport::File { "https:ssh:file" } else { "https:ssh" }
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl GitRef {
    /// Reads a revision.
    ///
    /// # Errors
    /// What git would not take as the name of a branch or tag, and expressions such as `main~1` or `HEAD@{1}`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if text == "HEAD" {
            return Ok(Self::Head);
        }
        if [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        let good = !text.is_empty()
            && text.len() <= 255
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/+@=,#-".contains(c))
            && text != "@"
            && !text.starts_with(['-', '/'])
            && !["..", "//", "@{", "/-"].iter().any(|part| text.contains(part))
            && text.split('/').all(|part| !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock"))
            && !text.ends_with('/');
        match (good, text.starts_with("refs/")) {
            (true, true) => Ok(Self::Full(text.to_string())),
            (true, false) => Ok(Self::Short(text.to_string())),
            _ => Err(Diagnostic::error(format!("`{}` is no branch, tag or commit", shown(text)))
                .help("a name such as `main` or `v1.4.0`, or a commit with all its 40 digits")),
        }
    }

    /// What to ask `git ls-remote --symref` for; nothing for a commit, which says itself what it is.
    pub fn patterns(&self) -> Vec<String> {
        match self {
            Self::Head => vec!["HEAD".to_string()],
            Self::Commit(_) => Vec::new(),
            Self::Short(name) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}"), format!("refs/tags/{name}^{{}}")],
            Self::Full(name) => vec![name.clone(), format!("{name}^{{}}")],
        }
    }

    /// Finds the commit in what `git ls-remote --symref` printed.
    ///
    /// # Errors
    /// In words: there is none, or a branch and a tag have that name.
    pub fn resolve(&self, listing: &str) -> Result<Resolved, String> {
        let lines: Vec<(&str, &str)> = listing.lines().filter_map(|line| line.split_once('\t')).collect();
        let commit = |name: &str| {
            let peeled = format!("{name}^{{}}");
            let of = |wanted: &str| lines.iter().find(|(id, found)| *found == wanted && !id.starts_with("ref:")).map(|(id, _)| *id);
            of(&peeled).or_else(|| of(name)).map(str::to_string)
        };
        let found = |name: &str| commit(name).map(|commit| Resolved { commit, found: Some(name.to_string()) });
        match self {
            Self::Commit(id) => Ok(Resolved { commit: id.clone(), found: None }),
            Self::Full(name) => found(name).ok_or_else(|| format!("there is no `{name}`")),
            Self::Head => {
                let branch = lines.iter().find_map(|(id, name)| id.strip_prefix("ref: ").filter(|_| *name == "HEAD"));
                let head = found("HEAD").ok_or("it has no HEAD; is it empty?")?;
                Ok(Resolved { found: branch.map(str::to_string).or(head.found), commit: head.commit })
            }
            Self::Short(name) => match (found(&format!("refs/heads/{name}")), found(&format!("refs/tags/{name}"))) {
                (Some(_), Some(_)) => Err(format!("`{name}` is a branch and a tag; write `refs/heads/{name}` or `refs/tags/{name}`")),
                (None, None) if name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    Err(format!("there is no branch or tag `{name}`; a commit is written with all its 40 digits"))
                }
                (branch, tag) => branch.or(tag).ok_or_else(|| format!("there is no branch or tag `{name}`")),
            },
        }
    }
}

/// What is shown of a text that may hold a password or control characters.
fn shown(text: &str) -> String {
    let text: String = text.chars().take(100).collect();
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(end)) if start < end => format!("{}://...{}", &text[..start], &text[end..]),
        _ => text,
    }
    .escape_debug()
    .to_string()
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._~/+@%=,:[]-".contains(c)
}

/// `%0a` and the like: git hands the decoded text to helper programs.
fn bad_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| {
        let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte < 0x20 || byte == 0x7f)
    })
}

fn is_host(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
}

fn is_user(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_path(text: &str) -> bool {
    !text.trim_matches('/').is_empty() && !text.starts_with('-') && !text.contains(['[', ']']) && !text.contains("::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // G01, G02, G04
    #[test]
    fn addresses_that_git_would_misread_are_refused() {
        for bad in [
            "",
            "--upload-pack=touch /x",
            "-c core.sshCommand=x",
            "ext::sh -c id",
            "ext::sh",
            "file:///etc",
            "fd::3",
            "ssh://-oProxyCommand=x/y",
            "ssh://-Ffile@h/x",
            "ssh://h/-x\n",
            "host:-path",
            "-host:path",
            "-user@host:path",
            "https://u:p@h/x",
            "https://token@h/x",
            "ssh://u:p@h/x",
            "https://h",
            "https:///x",
            "http://h/x",
            "git://h/x",
            "https://h/x%0ay",
            "https://h/x%0",
            "https://h/x\r\ny",
            "https://h/a b",
            "h:$(id)",
            "https://h:99999/x",
            "https://h/`id`",
            "ssh://[::1/x",
            "relative/path",
            "app.git",
            "https://a@b@c/x",
            "h::path",
            "ssh://h:-1/x",
        ] {
            assert!(GitUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_in_use_are_taken() {
        for (good, transport) in [
            ("https://github.com/org/app.git", GitTransport::Https),
            ("https://dev.azure.com/org/My%20Project/_git/repo", GitTransport::Https),
            ("https://git.example.org:8443/~me/x", GitTransport::Https),
            ("ssh://git@example.org:2222/org/app.git", GitTransport::Ssh),
            ("ssh://git@[2001:db8::1]:22/app.git", GitTransport::Ssh),
            ("git@github.com:org/app.git", GitTransport::Ssh),
            ("example.org:/srv/git/app.git", GitTransport::Ssh),
            ("/srv/git/app.git", GitTransport::File),
        ] {
            assert_eq!(GitUrl::parse(good).map(|url| url.transport()), Ok(transport), "{good}");
        }
    }

    #[test]
    fn a_refused_address_is_shown_without_its_password() {
        let error = GitUrl::parse("https://me:s3cret@exa mple.org/x").expect_err("a space");
        assert!(!error.summary.contains("s3cret"), "{}", error.summary);
    }

    // G03
    #[test]
    fn revisions_are_names_and_nothing_else() {
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "refs/../x",
            "HEAD@{1}",
            "HEAD~1",
            "v1^{}",
            "a b",
            "a\n",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "a./b",
            "a:b",
            "x/-y",
            "*",
            "@",
            &"a".repeat(4096),
        ] {
            assert!(GitRef::parse(bad).is_err(), "{bad}");
        }
        let commit = "ABCDEF0123456789abcdef0123456789abcdef01";
        assert_eq!(GitRef::parse(commit), Ok(GitRef::Commit(commit.to_ascii_lowercase())));
        assert_eq!(GitRef::parse("HEAD"), Ok(GitRef::Head));
        assert_eq!(GitRef::parse("feature/#12_x"), Ok(GitRef::Short("feature/#12_x".into())));
        assert_eq!(GitRef::parse("refs/pull/7/head"), Ok(GitRef::Full("refs/pull/7/head".into())));
    }

    #[test]
    fn a_revision_is_found_in_the_listing() {
        let listing = "ref: refs/heads/main\tHEAD\n1\tHEAD\n1\trefs/heads/main\n2\trefs/tags/v1\n3\trefs/tags/v1^{}\n4\trefs/heads/both\n5\trefs/tags/both\n9\trefs/remotes/x/refs/heads/y\n";
        let resolve =
            |text| GitRef::parse(text).expect("valid").resolve(listing).map(|found| (found.commit, found.found.unwrap_or_default()));
        let ok = |commit: &str, name: &str| Ok((commit.to_string(), name.to_string()));
        assert_eq!(resolve("HEAD"), ok("1", "refs/heads/main"));
        assert_eq!(resolve("main"), ok("1", "refs/heads/main"));
        assert_eq!(resolve("v1"), ok("3", "refs/tags/v1"));
        assert_eq!(resolve("refs/tags/both"), ok("5", "refs/tags/both"));
        assert!(resolve("both").is_err_and(|error| error.contains("a branch and a tag")));
        assert!(resolve("y").is_err() && resolve("abcdef1").is_err_and(|error| error.contains("40 digits")));
        assert!(GitRef::Head.resolve("").is_err());
    }

    // Z09
    proptest! {
        #[test]
        fn what_is_accepted_is_harmless(text in "(\\PC|[-:@/%\\[\\]\n\r]|https://|ssh://|ext::|git@h:){0,30}") {
            if let Ok(url) = GitUrl::parse(&text) {
                prop_assert!(url.as_str().chars().all(allowed) && !url.as_str().starts_with('-') && !url.as_str().contains("://-"));
                prop_assert!(!url.as_str().contains("::") || url.as_str().contains("://["), "a helper program: {}", url);
            }
            if let Ok(GitRef::Short(name) | GitRef::Full(name)) = GitRef::parse(&text) {
                prop_assert!(!name.starts_with('-') && !name.contains("..") && !name.contains(['^', '~', ':', ' ']));
            }
        }
    }
}
