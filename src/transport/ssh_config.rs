//! What the user's own ssh configuration says of a host, as `ssh -G` tells it: the program itself reads its files, so
//! that `Match`, `Include`, patterns and tokens mean what they mean to `ssh`. The inventory wins over it, it wins over
//! what is usual.

mod files;
mod settings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use self::settings::{Hop, Settings};
use super::local::own_user;
use super::{Cause, Failure, Keys, SshTarget, Way};

/// More jump hosts one behind the other are a circle.
const MOST_HOPS: usize = 8;

/// What the inventory says of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Its name or address, as `ssh` would be given it.
    pub host: String,
    /// The port, if it is said.
    pub port: Option<u16>,
    /// The user, if it is said.
    pub user: Option<String>,
    /// The key file, if it is said; no other is tried then.
    pub key: Option<PathBuf>,
    /// The configuration to read instead of the user's own (`-F`).
    pub file: Option<PathBuf>,
    /// Options that win over the configuration (`-o`), their names in lower case.
    pub options: Vec<(String, String)>,
}

type Answer = Result<Arc<Settings>, Failure>;

/// Asks `ssh`, at most once for each host in a run. Hosts do not wait for each other's answers.
#[derive(Debug)]
pub struct SshConfig {
    program: PathBuf,
    /// Whether the user's files say anything at all; if not, `ssh` is not asked, which saves its 5 ms.
    speaks: bool,
    answers: Mutex<HashMap<Wanted, Arc<OnceLock<Answer>>>>,
}

impl SshConfig {
    /// The configuration of the user who runs this.
    pub fn of_user() -> Self {
        Self { program: PathBuf::from("ssh"), speaks: files::say_anything(&files::usual()), answers: Mutex::default() }
    }

    /// Where `wanted` is, and how to get there.
    ///
    /// # Errors
    /// [`Cause::Configuration`] with what `ssh` says of its configuration.
    pub fn target(&self, wanted: &Wanted) -> Result<SshTarget, Failure> {
        self.resolve(wanted, None, 0)
    }

    /// The same for a host that is reached through `through`, if that is set: then its own way does not matter.
    fn resolve(&self, wanted: &Wanted, through: Option<SshTarget>, depth: usize) -> Result<SshTarget, Failure> {
        if depth > MOST_HOPS {
            let what = format!("more than {MOST_HOPS} jump hosts, one behind the other; the last is `{}`", wanted.host);
            return Err(Failure::new(Cause::Configuration, what).remedy("is there a circle in ProxyJump? see `~/.ssh/config`"));
        }
        let said = self.settings(wanted)?;
        let host = said.hostname.clone().unwrap_or_else(|| wanted.host.clone());
        let port = wanted.port.or(said.port).unwrap_or(22);
        let user = wanted.user.clone().or_else(|| said.user.clone()).unwrap_or_else(own_user);
        let way = match (through, &said.proxy_command) {
            (Some(hop), _) => Way::Through(Box::new(hop)),
            (None, Some(command)) => Way::Command(command.clone()),
            (None, None) => self.jumps(wanted, &said.proxy_jump, depth)?,
        };
        let keys = keys(wanted, &said);
        Ok(SshTarget {
            alias: said.host_key_alias.clone(),
            known_hosts: said.known_hosts.clone(),
            way,
            ..SshTarget::new(host, port, user, keys)
        })
    }

    fn jumps(&self, wanted: &Wanted, hops: &[Hop], depth: usize) -> Result<Way, Failure> {
        let mut before = None;
        for hop in hops {
            // Of the options on the command line `ssh` hands none on to its jump hosts, either.
            let hop =
                Wanted { host: hop.host.clone(), port: hop.port, user: hop.user.clone(), file: wanted.file.clone(), ..Wanted::default() };
            let mut target = self.resolve(&hop, before.take(), depth + 1)?;
            // A key that the inventory names may open the jump host as well, behind its own.
            target.keys.usual.extend(wanted.key.clone());
            before = Some(target);
        }
        Ok(before.map_or(Way::Direct, |hop| Way::Through(Box::new(hop))))
    }

    fn settings(&self, wanted: &Wanted) -> Answer {
        // Which key is named does not matter to `ssh -G`.
        let question = Wanted { key: None, ..wanted.clone() };
        let cell = self.answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).entry(question).or_default().clone();
        cell.get_or_init(|| self.ask(wanted).map(Arc::new)).clone()
    }

    fn ask(&self, wanted: &Wanted) -> Result<Settings, Failure> {
        let home = std::env::home_dir();
        let plain = || {
            let lines: String = wanted.options.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
            Settings::parse(&lines, &wanted.host, home.as_deref())
        };
        if !self.speaks && wanted.file.is_none() {
            return plain();
        }
        let output = match command(&self.program, wanted).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && wanted.file.is_none() => return plain(),
            Err(error) => {
                let what = format!("`{}` cannot be asked for the configuration: {error}", self.program.display());
                return Err(Failure::new(Cause::Configuration, what).remedy("install OpenSSH's client, or take `-F` out of the inventory"));
            }
        };
        if output.status.success() {
            return Settings::parse(&String::from_utf8_lossy(&output.stdout), &wanted.host, home.as_deref());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Pseudo-terminal")).collect();
        Err(Failure::new(Cause::Configuration, format!("ssh does not accept its configuration: {}", said.join(" / ")))
            .remedy("this shows the same:")
            .remedy(format!("ssh -G {}", wanted.host)))
    }
}

fn command(program: &Path, wanted: &Wanted) -> Command {
    let mut command = Command::new(program);
    // -T: no word about a terminal.
    command.arg("-T").arg("-G").stdin(Stdio::null());
    if let Some(file) = &wanted.file {
        command.arg("-F").arg(file);
    }
    for (key, value) in &wanted.options {
        command.arg("-o").arg(format!("{key}={value}"));
    }
    if let Some(port) = wanted.port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = &wanted.user {
        command.arg("-l").arg(user);
    }
    command.arg("--").arg(&wanted.host);
    command
}

/// The keys to try: the one of the inventory; else those of the configuration; else the usual ones.
fn keys(wanted: &Wanted, said: &Settings) -> Keys {
    let own = Keys::of_user();
    let agent = match &said.agent {
        Some(agent) => agent.clone(),
        None => own.agent,
    };
    match (&wanted.key, said.identities_only) {
        (Some(key), _) => Keys { named: vec![key.clone()], agent, usual: Vec::new() },
        (None, true) => Keys { named: said.identity_files.clone().unwrap_or(own.usual), agent, usual: Vec::new() },
        (None, false) => Keys { named: Vec::new(), agent, usual: said.identity_files.clone().unwrap_or(own.usual) },
    }
}

#[cfg(test)]
mod tests;
