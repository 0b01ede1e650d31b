//! Where a connection goes to: the host, the user, the keys, and the way there.

use std::path::PathBuf;

use super::Keys;

/// Where to, as whom, with which keys, and through what.
#[derive(Debug, Clone)]
pub struct SshTarget {
    /// The name or address to dial.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// What to log in with.
    pub keys: Keys,
    /// The name that known_hosts lists it under (`HostKeyAlias`); none: its host and port.
    pub alias: Option<String>,
    /// The known_hosts files that are read for it behind the environment's own; none: the usual ones.
    pub known_hosts: Option<Vec<PathBuf>>,
    /// How it is reached.
    pub way: Way,
}

/// How a host is reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// By a TCP connection from here.
    Direct,
    /// Through another host (`ProxyJump`).
    Through(Box<SshTarget>),
    /// Through a command (`ProxyCommand`).
    Command(String),
}

/// Under which name known_hosts files list a host, and which files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAs {
    /// The host, or its alias.
    pub host: String,
    /// The port; 22, which is not written down, for an alias.
    pub port: u16,
    /// The files behind the environment's own; none: the usual ones.
    pub files: Option<Vec<PathBuf>>,
}

impl SshTarget {
    /// A host that is reached directly, with nothing out of the ordinary.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>, keys: Keys) -> Self {
        let (host, user) = (host.into(), user.into());
        Self { host, port, user, keys, alias: None, known_hosts: None, way: Way::Direct }
    }

    /// How known_hosts files list it.
    pub fn known_as(&self) -> KnownAs {
        let files = self.known_hosts.clone();
        match &self.alias {
            Some(alias) => KnownAs { host: alias.clone(), port: 22, files },
            None => KnownAs { host: self.host.clone(), port: self.port, files },
        }
    }
}
