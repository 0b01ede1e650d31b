//! What `ssh -G` prints of a host: a line for each setting, its name in lower case. Only those that hoist follows are read.

use std::path::{Path, PathBuf};

use crate::transport::{Cause, Failure};

/// The keys that `ssh` tries when nobody names any; nothing is said by them.
const DEFAULT_KEYS: [&str; 7] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"];

/// The known_hosts files that `ssh` reads when nobody names any.
const DEFAULT_KNOWN_HOSTS: [&str; 4] =
    ["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// What a configuration says of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub hostname: Option<String>,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// None: the usual ones.
    pub identity_files: Option<Vec<PathBuf>>,
    pub identities_only: bool,
    /// Not said, none, or a socket.
    pub agent: Option<Option<PathBuf>>,
    pub host_key_alias: Option<String>,
    /// The first is met first.
    pub proxy_jump: Vec<Hop>,
    pub proxy_command: Option<String>,
    /// None: the usual ones.
    pub known_hosts: Option<Vec<PathBuf>>,
}

/// A jump host as it is written: `[user@]host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

impl Settings {
    /// Reads what `ssh -G` prints for `host`.
    ///
    /// # Errors
    /// A jump host or a port that is none.
    pub fn parse(text: &str, host: &str, home: Option<&Path>) -> Result<Self, Failure> {
        let mut said = Self::default();
        let mut identities = Vec::new();
        let mut known: Vec<String> = Vec::new();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let value = value.trim();
            let none = value.eq_ignore_ascii_case("none");
            // The first one counts, as for `ssh`; `ssh -G` itself prints each once.
            match name {
                "hostname" => set(&mut said.hostname, value.replace("%h", host)),
                "user" => set(&mut said.user, value.to_owned()),
                "port" => set(&mut said.port, value.parse().map_err(|_| mistake(format!("`{value}` is no port")))?),
                "identityfile" if !none => identities.push(value.to_owned()),
                "identitiesonly" => said.identities_only |= matches!(value, "yes" | "true"),
                "identityagent" => set(&mut said.agent, agent(value, home)),
                "hostkeyalias" if !none => set(&mut said.host_key_alias, value.to_owned()),
                "proxyjump" if !none && said.proxy_jump.is_empty() && said.proxy_command.is_none() => {
                    said.proxy_jump = hops(value)?;
                }
                "proxycommand" if !none && said.proxy_jump.is_empty() => set(&mut said.proxy_command, value.to_owned()),
                "userknownhostsfile" | "globalknownhostsfile" => known.extend(value.split_whitespace().map(str::to_owned)),
                _ => {}
            }
        }
        let usual_keys = identities.iter().all(|file| file.strip_prefix("~/.ssh/").is_some_and(|name| DEFAULT_KEYS.contains(&name)));
        if !usual_keys {
            let (host, user) = (said.hostname.as_deref().unwrap_or(host), said.user.as_deref().unwrap_or_default());
            said.identity_files = Some(identities.iter().map(|file| path(file, host, user, home)).collect());
        }
        let at_home = |name: &str| path(name, "", "", home);
        let known: Vec<PathBuf> = known.iter().filter(|name| *name != "none").map(|name| at_home(name)).collect();
        let usual = DEFAULT_KNOWN_HOSTS.map(at_home);
        if !known.iter().all(|file| usual.contains(file)) {
            said.known_hosts = Some(known);
        }
        Ok(said)
    }
}

fn set<T>(setting: &mut Option<T>, value: T) {
    setting.get_or_insert(value);
}

fn mistake(what: String) -> Failure {
    Failure::new(Cause::Configuration, what).remedy("it comes from `~/.ssh/config`, or from `ansible_ssh_common_args`")
}

/// `none`, `SSH_AUTH_SOCK`, `$VARIABLE`, or a path.
fn agent(value: &str, home: Option<&Path>) -> Option<PathBuf> {
    let variable = if value == "SSH_AUTH_SOCK" { Some(value) } else { value.strip_prefix('$') };
    match variable {
        _ if value.eq_ignore_ascii_case("none") => None,
        Some(name) => std::env::var_os(name.trim_matches(['{', '}'])).filter(|path| !path.is_empty()).map(PathBuf::from),
        None => Some(path(value, "", "", home)),
    }
}

/// A path with its `~` and tokens filled in.
fn path(text: &str, host: &str, user: &str, home: Option<&Path>) -> PathBuf {
    let home = home.unwrap_or(Path::new("/"));
    let text = text.replace("%h", host).replace("%r", user).replace("%d", &home.to_string_lossy()).replace("%u", &super::own_user());
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(text.replace("%%", "%")),
    }
}

/// `[user@]host[:port]` or `ssh://[user@]host[:port]`, with commas between.
fn hops(text: &str) -> Result<Vec<Hop>, Failure> {
    text.split(',')
        .map(|hop| Hop::parse(hop.trim()).ok_or_else(|| mistake(format!("`{hop}` is no jump host: `[user@]host[:port]`"))))
        .collect()
}

impl Hop {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").map_or(text, |rest| rest.trim_end_matches('/'));
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            // More than one colon is an address without a port.
            None => match rest.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (rest, None),
            },
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
            None => None,
        };
        let good = |name: &str| {
            !name.is_empty() && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._:%-".contains(c))
        };
        (good(host) && user.as_deref().is_none_or(good)).then(|| Self { user, host: host.to_owned(), port })
    }
}
