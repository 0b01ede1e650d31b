//! What hosts have: the answers to typed questions. Plain data, so that a case file can write it down.

use serde::Deserialize;

/// What a question is about, or what a change touches. Decides what must be asked again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A path and everything below it.
    Path(String),
    /// Everything below a path, but not the path itself.
    Below(String),
    /// A path and everything below it, as a question that only the host can answer (`find`): a change to any part of it
    /// means asking again.
    Tree(String),
    /// What is directly in a folder, but for these names, as a question that only the host can answer.
    Others(String, Vec<String>),
    /// An installed package.
    Package(String),
    /// A systemd unit.
    Unit(String),
    /// A user, a group and who is in it.
    Account,
    /// Anything at all: a question whose answer may depend on every part of the host.
    Anything,
}

impl Subject {
    /// Whether a change to `self` may change the answer to a question about `asked`.
    pub fn reaches(&self, asked: &Subject) -> bool {
        match (self, asked) {
            (Self::Anything, _) | (_, Self::Anything) => true,
            (Self::Path(changed), Self::Path(asked)) => within(asked, changed),
            (Self::Below(folder), Self::Path(asked)) if folder == asked => false,
            (Self::Below(folder), asked) => Self::Path(folder.clone()).reaches(asked),
            (Self::Path(changed), Self::Tree(asked)) => within(asked, changed) || within(changed, asked),
            (Self::Path(changed), Self::Others(folder, names)) => {
                match changed.strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/')) {
                    Some(below) => !names.iter().any(|name| within(below, name)),
                    None => within(folder, changed),
                }
            }
            (Self::Path(changed), Self::Unit(_)) => UNIT_FOLDERS.iter().any(|folder| within(changed, folder)),
            (Self::Path(changed), Self::Account) => ["/etc/passwd", "/etc/group", "/etc/shadow"].contains(&changed.as_str()),
            (a, b) => a == b,
        }
    }
}

/// Where unit files live; systemd reads init scripts as units too.
const UNIT_FOLDERS: [&str; 4] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/etc/init.d"];

/// Whether `path` is `folder` or below it.
pub(super) fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A user or group as a file has it: by number, and by name where one exists. Case files write `app` or `app/1000`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Owner {
    /// The number; unknown for one that does not exist yet.
    pub id: Option<u32>,
    /// The name, or `UNKNOWN`.
    pub name: String,
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        match text.split_once('/') {
            Some((name, id)) => Self { id: id.parse().ok(), name: name.to_string() },
            None => Self { id: (text == "root").then_some(0), name: text },
        }
    }
}

impl Owner {
    /// One known by what the user wrote, a name or a number.
    pub fn named(written: &str) -> Self {
        Self { id: written.parse().ok(), name: written.to_string() }
    }

    /// Whether this is what the user wrote, by name or by number.
    pub fn is(&self, written: &str) -> bool {
        self.name == written || self.id.is_some_and(|id| id.to_string() == written)
    }
}

/// What is at a path, the path itself (a link is a link).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stat {
    /// What sort of thing.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: 0o7777.
    #[serde(deserialize_with = "octal")]
    pub mode: u32,
    /// Its user.
    pub owner: Owner,
    /// Its group.
    pub group: Owner,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
}

fn octal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    u32::from_str_radix(&text, 8).map_err(serde::de::Error::custom)
}

/// The sorts of things a path can name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl FileKind {
    /// From the mode that `stat` prints; `None` for 0.
    pub fn of(bits: u32) -> Option<Self> {
        match bits & 0o170_000 {
            0 => None,
            0o100_000 => Some(Self::File),
            0o040_000 => Some(Self::Directory),
            0o120_000 => Some(Self::Link),
            0o010_000 => Some(Self::Fifo),
            0o140_000 => Some(Self::Socket),
            _ => Some(Self::Device),
        }
    }

    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
            Self::Device => "device",
        }
    }
}

/// All that is known of a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct PathState {
    /// `None`: nothing is there.
    pub stat: Option<Stat>,
    /// Where a link points, as written in it.
    #[serde(default)]
    pub target: Option<String>,
    /// SHA-256 of a regular file's content (followed through links), when it was asked and could be read.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The content, when it was asked and sent.
    #[serde(default, deserialize_with = "bytes")]
    pub content: Option<Vec<u8>>,
}

impl PathState {
    /// An ordinary folder of root.
    pub fn folder() -> Self {
        let root = || Owner::named("0");
        Self { stat: Some(Stat { kind: FileKind::Directory, mode: 0o755, owner: root(), group: root(), size: 0 }), ..Self::default() }
    }

    /// What sort of thing is there, as the shell function `hoist_was` reads it.
    pub fn shape(&self) -> String {
        match self.stat.as_ref().map(|stat| &stat.kind) {
            None => "absent".to_string(),
            Some(FileKind::Link) => self.target.as_ref().map_or_else(|| "other".to_string(), |target| format!("link:{target}")),
            Some(kind @ (FileKind::File | FileKind::Directory)) => kind.name().to_string(),
            Some(_) => "other".to_string(),
        }
    }

    /// The same, with the content of a file told apart by its SHA-256.
    pub fn fingerprint(&self) -> String {
        let file = self.stat.as_ref().is_some_and(|stat| stat.kind == FileKind::File);
        self.sha256.clone().filter(|_| file).unwrap_or_else(|| self.shape())
    }
}

fn bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(String::into_bytes))
}

/// A package as dpkg and apt know it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Package {
    /// The installed version; `None`: not installed.
    pub installed: Option<String>,
    /// The version apt would install; asked only where it matters.
    pub candidate: Option<String>,
    /// Whether apt's lists know the name; asked with the candidate.
    pub listed: bool,
    /// An installed package that provides this name, which is not installed itself (`mail-transport-agent`).
    pub provider: Option<String>,
    /// Whether dpkg was told to hold it at its version.
    pub held: bool,
    /// dpkg's word for a state that is neither "installed" nor "not-installed": `config-files`, `half-configured`, ...
    pub status: String,
}

/// apt and dpkg themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Apt {
    /// Seconds since the package lists were fetched; `None`: there are none.
    pub age: Option<u64>,
    /// Whether the package sources changed after the lists were fetched.
    pub stale: bool,
    /// Whether dpkg was interrupted and waits for `dpkg --configure -a`.
    pub interrupted: bool,
}

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`, `bad-setting`, `error`.
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active: String,
    /// `running`, `exited`, `dead`, ...
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked`, `generated`, ...
    pub file: String,
    /// Whether the unit file changed on disk since systemd read it.
    pub stale: bool,
    /// Its own name, which is another one than the name asked when that is an alias.
    pub id: String,
    /// `simple`, `notify`, `oneshot`, ...; empty for what is no service.
    pub kind: String,
    /// Whether it counts as active after its processes ended (`RemainAfterExit`).
    pub remains: bool,
    /// Whether it can be told to read its configuration again.
    pub reloads: bool,
    /// Whether another unit (a target, a socket, a timer) pulls it in.
    pub wanted: bool,
}

/// A line of passwd, with the groups beside the primary one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Number.
    pub uid: u32,
    /// Number of the primary group.
    pub gid: u32,
    /// Name of the primary group.
    pub group: String,
    /// The comment field (GECOS).
    #[serde(default)]
    pub comment: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Supplementary groups, sorted.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The password hash of /etc/shadow (`!` and `*` mean none), when hoist may read it.
    #[serde(default)]
    pub password: Option<String>,
}

/// A line of the group file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Group {
    /// Number.
    pub gid: u32,
    /// Members by name.
    #[serde(default)]
    pub members: Vec<String>,
}

/// How a read-only script of a task's own went.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Outcome {
    /// Exit status.
    pub status: i32,
    /// Standard output, as text.
    pub stdout: String,
    /// Standard error, as text.
    pub stderr: String,
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn a_change_reaches_what_is_below_it() {
        let path = |text: &str| Subject::Path(text.into());
        assert!(path("/home/app").reaches(&path("/home/app/.bashrc")));
        assert!(path("/").reaches(&path("/etc/motd")));
        assert!(!path("/home/app").reaches(&path("/home/apple")));
        assert!(!path("/home/app/x").reaches(&path("/home/app")));
        assert!(path("/etc/systemd/system/a.service").reaches(&Subject::Unit("a.service".into())));
        assert!(!path("/etc/motd").reaches(&Subject::Unit("a.service".into())));
        assert!(path("/etc/motd").reaches(&Subject::Anything));
        let below = Subject::Below("/srv/app".into());
        assert!(below.reaches(&path("/srv/app/x")) && !below.reaches(&path("/srv/app")));
        let tree = Subject::Tree("/srv/app".into());
        let others = Subject::Others("/srv/app".into(), vec!["kept".into()]);
        assert!(path("/srv/app/x").reaches(&others) && path("/srv").reaches(&others) && path("/srv/app").reaches(&others));
        for spared in ["/srv/app/kept", "/srv/app/kept/x", "/srv/apple"] {
            assert!(!path(spared).reaches(&others), "{spared}");
        }
        assert!(path("/srv/app/x").reaches(&tree) && path("/srv").reaches(&tree) && !path("/srv/apple").reaches(&tree));
    }
}
