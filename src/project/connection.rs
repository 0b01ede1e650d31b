//! How to reach a host and who to be there: the `ansible_*` variables that hoist knows, with their types.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::inventory::Host;
use super::names;
use super::ssh_options::SshOptions;
use super::variables::Variables;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};
use crate::yaml::{Node, Value, from_node};

/// How to reach one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// What connects.
    pub kind: ConnectionKind,
    /// `ansible_host`, else the name of the host.
    pub address: String,
    /// `ansible_port`, 1 to 65535. None: what the user's ssh configuration says, else 22.
    pub port: Option<u16>,
    /// `ansible_user`. None: what the user's ssh configuration says.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`, with `~` and paths relative to the project resolved.
    pub key: Option<PathBuf>,
    /// `ansible_ssh_args`, `ansible_ssh_common_args` and `ansible_ssh_extra_args`.
    pub ssh: SshOptions,
    /// `ansible_ssh_forward_agent`: whether the host may use the agent of the user.
    pub forward_agent: bool,
    /// `ansible_become`: whether tasks use sudo, where neither play nor task says so.
    pub use_sudo: Option<bool>,
    /// `ansible_become_user`: whom sudo makes them, where neither play nor task says so.
    pub sudo_user: Option<String>,
    /// `ansible_become_method`: `sudo`, `su` or `doas`.
    pub become_method: String,
    /// `ansible_become_password`, best kept in the secrets.
    pub become_password: Option<String>,
}

/// What connects to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// SSH.
    Ssh,
    /// The system's `ssh`.
    OpenSsh,
    /// This very machine.
    Local,
}

/// The settings that are read.
const KNOWN: [&str; 12] = [
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_ssh_private_key_file",
    "ansible_connection",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_password",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_forward_agent",
];

/// Settings that hold options of `ssh`, in the order in which it gets them.
const OPTIONS: [&str; 3] = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];

/// The ways to become root.
const METHODS: [&str; 3] = ["sudo", "su", "doas"];

/// Settings that mean nothing here, as hoist needs no Python and no files of its own on the host.
const IGNORED: [&str; 7] = [
    "ansible_pipelining",
    "ansible_python_interpreter",
    "ansible_remote_tmp",
    "ansible_shell_executable",
    "ansible_shell_type",
    "ansible_ssh_pipelining",
    "ansible_ssh_transfer_method",
];

/// Other names of settings; without a word they would lead to another host or user.
const RENAMED: [(&str, &str); 7] = [
    ("ansible_become_pass", "ansible_become_password"),
    ("ansible_private_key_file", "ansible_ssh_private_key_file"),
    ("ansible_ssh_host", "ansible_host"),
    ("ansible_ssh_port", "ansible_port"),
    ("ansible_ssh_user", "ansible_user"),
    ("ansible_sudo", "ansible_become"),
    ("ansible_sudo_user", "ansible_become_user"),
];

const SSH_CONFIG: &str = "put its options into `~/.ssh/config`, which hoist follows";
const KEYS: &str = "use a key: `ansible_ssh_private_key_file`, or an ssh agent";
const NOPASSWD: &str = "let the user use sudo without a password (NOPASSWD), or connect as root";
const KNOWN_HOSTS: &str = "host keys are always checked; `hoist hosts trust` records them";

/// Settings that hoist does not follow, and what to do instead.
const UNSUPPORTED: [(&str, &str); 11] = [
    ("ansible_become_exe", "hoist runs `sudo`"),
    ("ansible_become_flags", "hoist runs `sudo -n`"),
    ("ansible_host_key_checking", KNOWN_HOSTS),
    ("ansible_password", KEYS),
    ("ansible_scp_extra_args", SSH_CONFIG),
    ("ansible_sftp_extra_args", SSH_CONFIG),
    ("ansible_ssh_executable", "hoist connects itself, or with the `ssh` of `$PATH`: `ansible_connection: openssh`"),
    ("ansible_ssh_host_key_checking", KNOWN_HOSTS),
    ("ansible_ssh_pass", KEYS),
    ("ansible_ssh_password", KEYS),
    ("ansible_sudo_pass", NOPASSWD),
];

/// Gives the value of a variable with its templates resolved; none when it is not set.
pub type Resolve<'a> = &'a dyn Fn(&str) -> Result<Option<Node>, Diagnostics>;

impl Connection {
    /// The user that logs in: `ansible_user`, else the one who runs hoist.
    pub fn login_user(&self) -> String {
        let own = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_string());
        self.user.clone().filter(|_| self.kind != ConnectionKind::Local).unwrap_or_else(own)
    }

    /// Reads the settings of `host`. `root` is the folder of the project, `home` that of the user.
    ///
    /// Problems go to `problems`; none is returned when one of them is an error.
    pub fn read(
        host: &Host,
        variables: &Variables,
        resolve: Resolve<'_>,
        root: &Path,
        home: Option<&Path>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let mut found = Diagnostics::new();
        check_names(variables, &mut found);
        let mut settings = Settings { resolve, problems: &mut found };
        let method = settings.get::<String>("ansible_become_method");
        if let Some((method, span)) = method.as_ref().filter(|(method, _)| !METHODS.contains(&method.as_str())) {
            settings.problems.push(
                Diagnostic::error(format!("`{}` is no way to become root that hoist knows", method.escape_debug()))
                    .at(span)
                    .suggest(method, METHODS),
            );
        }
        let kind = settings.kind();
        let ssh = settings.ssh(root, home, kind == ConnectionKind::Ssh);
        let forward_agent = settings.get("ansible_ssh_forward_agent").map(|(flag, _)| flag);
        let connection = Self {
            kind,
            forward_agent: forward_agent.or(ssh.forward_agent).unwrap_or(false),
            ssh,
            address: settings.name("ansible_host", names::address).unwrap_or_else(|| host.name.clone()),
            port: settings.port(),
            user: settings.name("ansible_user", |user, span| names::plain(user, "user", span)),
            key: settings.key(root, home),
            use_sudo: settings.get("ansible_become").map(|(flag, _)| flag),
            sudo_user: settings.name("ansible_become_user", |user, span| names::plain(user, "user", span)),
            become_method: method.map_or_else(|| "sudo".to_string(), |(method, _)| method),
            become_password: settings.get("ansible_become_password").map(|(password, _)| password),
        };
        let failed = found.has_errors();
        problems.extend(found);
        (!failed).then_some(connection)
    }
}

struct Settings<'a> {
    resolve: Resolve<'a>,
    problems: &'a mut Diagnostics,
}

impl Settings<'_> {
    /// The value and its place; nothing when it is not set, null, empty or wrong.
    fn get<T: DeserializeOwned>(&mut self, name: &str) -> Option<(T, Span)> {
        let node = self.problems.take((self.resolve)(name))??;
        if node.value == Value::Null || node.as_str() == Some("") {
            return None;
        }
        let value = from_node(&node).map_err(|error| Diagnostic { summary: format!("`{name}`: {}", error.summary), ..error });
        self.problems.take(value).map(|value| (value, node.span))
    }

    fn name(&mut self, name: &str, check: fn(&str, &Span) -> Result<(), Diagnostic>) -> Option<String> {
        let (text, span) = self.get::<String>(name)?;
        self.problems.take(check(&text, &span)).map(|()| text)
    }

    fn port(&mut self) -> Option<u16> {
        let (port, span) = self.get::<i64>("ansible_port")?;
        let checked = u16::try_from(port).ok().filter(|port| *port > 0);
        if checked.is_none() {
            self.problems.push(Diagnostic::error(format!("`{port}` is no port")).at(&span).help("a port is a number from 1 to 65535"));
        }
        checked
    }

    fn kind(&mut self) -> ConnectionKind {
        match self.get::<String>("ansible_connection") {
            Some((kind, _)) if kind == "local" => ConnectionKind::Local,
            Some((kind, _)) if kind == "openssh" => ConnectionKind::OpenSsh,
            Some((kind, span)) if kind != "ssh" => {
                let error = Diagnostic::error(format!("unknown connection `{}`", kind.escape_debug())).at(&span);
                self.problems.push(error.suggest(&kind, ["ssh", "openssh", "local"]));
                ConnectionKind::Ssh
            }
            _ => ConnectionKind::Ssh,
        }
    }

    fn ssh(&mut self, root: &Path, home: Option<&Path>, strict: bool) -> SshOptions {
        let mut options = SshOptions::default();
        for name in OPTIONS {
            if let Some((text, span)) = self.get::<String>(name) {
                options.add((name, &span), &text, root, home, strict, self.problems);
            }
        }
        options
    }

    fn key(&mut self, root: &Path, home: Option<&Path>) -> Option<PathBuf> {
        let (text, span) = self.get::<String>("ansible_ssh_private_key_file")?;
        match (text.strip_prefix('~'), home) {
            _ if text.contains('\0') => {
                self.problems.push(Diagnostic::error("a path cannot have the character NUL").at(&span));
                None
            }
            (None, _) => Some(root.join(text)),
            (Some(tail), Some(home)) if tail.is_empty() || tail.starts_with('/') => Some(home.join(tail.trim_start_matches('/'))),
            (Some(_), home) => {
                let why = if home.is_some() { "only your own `~` is known" } else { "`$HOME` is not set" };
                self.problems.push(Diagnostic::error(format!("`{}`: {why}", text.escape_debug())).at(&span).help("write the whole path"));
                None
            }
        }
    }
}

/// Names that look like settings, and are none that hoist follows.
fn check_names(variables: &Variables, problems: &mut Diagnostics) {
    for (name, chain) in variables.iter().filter(|(name, _)| name.starts_with("ansible_")) {
        // A password in a plain file is shown nowhere either, such as in the line that a warning points at.
        if name.contains("pass") {
            let plain = chain.iter().filter_map(|definition| definition.node.as_str()).filter(|text| !text.contains("{{"));
            plain.for_each(crate::secret::learn);
        }
        if KNOWN.contains(&name) || IGNORED.contains(&name) || name == "ansible_become_method" || name.ends_with("_interpreter") {
            continue;
        }
        let find = |table: &[(&'static str, &'static str)]| table.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let problem = if let Some(new) = find(&RENAMED) {
            Diagnostic::error(format!("`{name}` is called `{new}` here")).help(format!("write `{new}`"))
        } else if let Some(remedy) = find(&UNSUPPORTED) {
            Diagnostic::warning(format!("`{name}` is not supported")).help(remedy)
        } else {
            let warning = Diagnostic::warning(format!("`{name}` is no setting that hoist knows"));
            match suggest::closest(name, KNOWN.into_iter().chain(UNSUPPORTED.iter().map(|(known, _)| *known))) {
                Some(close) => warning.help(format!("did you mean `{close}`?")),
                None => warning.help("choose a name without `ansible_` for a variable of your own"),
            }
        };
        problems.push(chain.iter().take(1).fold(problem, |problem, definition| problem.at(&definition.key_span)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::project::variables::words;

    fn read(given: &[&str]) -> (Option<Connection>, Vec<String>) {
        let mut problems = Diagnostics::new();
        let words = words(&given.iter().map(|word| (*word).to_string()).collect::<Vec<_>>(), &mut problems);
        let variables = Variables::default().with_defaults(words);
        let host = Host { name: "web1".into(), span: Span::whole(&Source::new("hosts", "")), vars: Vec::new() };
        let resolve = |name: &str| Ok(variables.get(name).map(|definition| definition.node.clone()));
        let connection = Connection::read(&host, &variables, &resolve, Path::new("/p"), Some(Path::new("/home/u")), &mut problems);
        let line = |problem: &Diagnostic| {
            format!("{:?} {} {} ({})", problem.severity, problem.labels[0].0.line_column().1, problem.summary, problem.help.join("; "))
        };
        (connection, problems.iter().map(line).collect())
    }

    #[test]
    fn settings_have_their_types() {
        let (connection, problems) = read(&[
            "ansible_host=fe80::1%eth0",
            "ansible_port=2222",
            "ansible_user=deploy",
            "ansible_ssh_private_key_file=keys/id",
            "ansible_connection=ssh",
            "ansible_become=yes",
            "ansible_become_user=app",
            "ansible_become_method=sudo",
            "ansible_python_interpreter=auto",
            "ansible_ssh_common_args=-J gate",
            "ansible_ssh_forward_agent=true",
        ]);
        assert_eq!(problems, Vec::<String>::new());
        let expected = Connection {
            kind: ConnectionKind::Ssh,
            address: "fe80::1%eth0".into(),
            port: Some(2222),
            user: Some("deploy".into()),
            key: Some("/p/keys/id".into()),
            ssh: SshOptions { options: vec![("proxyjump".into(), "gate".into())], ..SshOptions::default() },
            forward_agent: true,
            use_sudo: Some(true),
            sudo_user: Some("app".into()),
            become_method: "sudo".into(),
            become_password: None,
        };
        assert_eq!(connection, Some(expected));
        let (connection, problems) =
            read(&["ansible_connection=local", "ansible_user=", "ansible_port=~", "ansible_ssh_private_key_file=~/.ssh/k"]);
        assert_eq!(problems, Vec::<String>::new());
        let connection = connection.expect("valid");
        assert_eq!(
            (connection.kind, connection.address.as_str(), connection.user, connection.port),
            (ConnectionKind::Local, "web1", None, None)
        );
        assert_eq!(connection.key, Some("/home/u/.ssh/k".into()));
    }

    // I06
    #[test]
    fn settings_that_cannot_be_are_refused() {
        let (connection, problems) = read(&[
            "ansible_host=-oProxyCommand=x",
            "ansible_port=65536",
            "ansible_user=a;b",
            "ansible_become=maybe",
            "ansible_become_user=$(id)",
            "ansible_connection=lcoal",
            "ansible_ssh_private_key_file=~other/k",
            "ansible_become_method=pbrun",
        ]);
        assert_eq!(connection, None);
        let names = "(a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most)";
        let expected = [
            "Error 199 `pbrun` is no way to become root that hoist knows (expected one of: sudo, su, doas)".to_string(),
            "Error 133 unknown connection `lcoal` (did you mean `local`?)".to_string(),
            format!("Error 14 `-oProxyCommand=x` cannot be the address of a host {names}"),
            "Error 44 `65536` is no port (a port is a number from 1 to 65535)".to_string(),
            format!("Error 63 `a;b` cannot be the name of a user {names}"),
            "Error 168 `~other/k`: only your own `~` is known (write the whole path)".to_string(),
            "Error 82 `ansible_become`: expected a boolean, found the text `maybe` ()".to_string(),
            format!("Error 108 `$(id)` cannot be the name of a user {names}"),
        ];
        assert_eq!(problems, expected);
        assert!(
            read(&["ansible_port=ssh"]).1[0].contains("`ansible_port`: expected a whole number"),
            "{:?}",
            read(&["ansible_port=ssh"]).1
        );
        assert!(read(&["ansible_host=[a]"]).1[0].contains("found a list"));
    }

    #[test]
    fn names_that_do_nothing_are_not_silent() {
        let (connection, problems) = read(&[
            "ansible_sftp_extra_args=-o",
            "ansible_pasword=x",
            "ansible_usr=x",
            "ansible_whatever_else=1",
            "ansible_perl_interpreter=x",
        ]);
        assert!(connection.is_some());
        let expected = [
            "Warning 28 `ansible_pasword` is no setting that hoist knows (did you mean `ansible_password`?)",
            "Warning 1 `ansible_sftp_extra_args` is not supported (put its options into `~/.ssh/config`, which hoist follows)",
            "Warning 46 `ansible_usr` is no setting that hoist knows (did you mean `ansible_user`?)",
            "Warning 60 `ansible_whatever_else` is no setting that hoist knows (choose a name without `ansible_` for a variable of your own)",
        ];
        assert_eq!(problems, expected);
        let (connection, problems) = read(&["ansible_ssh_host=10.0.0.1"]);
        assert_eq!(
            (connection, problems[0].as_str()),
            (None, "Error 1 `ansible_ssh_host` is called `ansible_host` here (write `ansible_host`)")
        );
    }
}
