//! The system's `ssh`, for what libssh2 cannot do: FIDO keys, certificates, GSSAPI, agent forwarding. One of them holds
//! the connection (ControlMaster); each process is another one beside it, which uses that connection or fails.
//!
//! They get a configuration of their own, which includes the user's: what is in front wins, also at jump hosts, for
//! `ssh` hands the file on to those that it starts for them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::local::LocalProcess;
use super::{Cause, Connection, Exit, Failure, HostKeyPolicy, HostKeys, Output, Patience, Process, SshTarget, Wanted, Way, known_hosts};

/// What cannot be turned on by the user's configuration. A key that is unknown would be asked about otherwise.
const ALWAYS: &str = "BatchMode yes
ClearAllForwardings yes
ControlMaster no
ControlPath none
ForwardAgent no
ForwardX11 no
HashKnownHosts no
LogLevel ERROR
PermitLocalCommand no
RemoteCommand none
RequestTTY no
Tunnel no
UpdateHostKeys no
";

/// What the master runs here once it is through: it says so, and leaves somebody behind who ends the master when its
/// input closes, for a hoist that is killed cannot.
const WATCH: &str = "LocalCommand=exec /bin/sh -c 'exec 3<&0; \
    { cat <&3; ssh -F \"$HOIST_FOLDER/config\" -S \"$HOIST_FOLDER/s\" -O exit -- hoist; } >/dev/null 2>&1 & echo up'";

/// A host that an `ssh` of ours is logged in to.
pub struct OpenSshConnection {
    master: LocalProcess,
    /// Its socket and configuration; nobody else may enter.
    folder: TempDir,
    host: String,
    user: String,
    forward_agent: bool,
    execs: usize,
}

impl OpenSshConnection {
    /// Connects to `wanted`, which `target` has the user and the way of.
    ///
    /// # Errors
    /// What `ssh` says, with its cause as far as it can be told.
    pub fn connect(
        wanted: &Wanted,
        target: &SshTarget,
        forward_agent: bool,
        host_keys: &HostKeys,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::new(Cause::Configuration, "there is no `ssh` on this machine").remedy("install OpenSSH's client")
            }
            _ => Failure::new(Cause::Configuration, format!("`ssh` does not start: {error}")),
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let text = configuration(wanted, target, host_keys, patience);
        fs::write(folder.path().join("config"), text).map_err(failed)?;
        let mut command = Command::new("ssh");
        command.args(arguments(wanted, forward_agent)).arg("-F").arg(folder.path().join("config"));
        command.arg("-MN").arg("-S").arg(folder.path().join("s"));
        command.env("HOIST_FOLDER", folder.path()).args(["-o", "PermitLocalCommand=yes", "-o", WATCH, "--", &wanted.host]);
        let mut master = LocalProcess::start(&mut command).map_err(failed)?;
        let deadline = Instant::now() + patience.connect * (hops(target).len() as u32 + 1);
        let mut words = Vec::new();
        loop {
            match master.read(deadline) {
                Ok(Output::Stdout(_)) => break,
                Ok(Output::Stderr(bytes)) => words.extend(bytes),
                Ok(Output::Exit(_)) => return Err(refused(&String::from_utf8_lossy(&words), target, host_keys)),
                Err(failure) => {
                    master.end();
                    return Err(Failure { message: format!("`ssh` is not through: {}", failure.message), ..failure });
                }
            }
        }
        Ok(Self { master, folder, host: wanted.host.clone(), user: target.user.clone(), forward_agent, execs: 0 })
    }
}

impl Connection for OpenSshConnection {
    fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure> {
        self.execs += 1;
        let socket = self.folder.path().join("s");
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.folder.path().join("config")).arg("-S").arg(&socket);
        if self.forward_agent {
            ssh.arg("-A");
        }
        // Without its master it would connect by itself: that must lead nowhere.
        ssh.args(["-o", "ProxyCommand=false", "--", &self.host, command]);
        let process = LocalProcess::start(&mut ssh);
        let process = process.map_err(|error| Failure::new(Cause::Lost, format!("`ssh` does not start: {error}")))?;
        Ok(Box::new(OpenSshProcess { process, socket }))
    }

    fn execs(&self) -> usize {
        self.execs
    }

    fn user(&self) -> &str {
        &self.user
    }
}

impl Drop for OpenSshConnection {
    fn drop(&mut self) {
        self.master.end();
    }
}

/// A process of the host, and the `ssh` that stands for it here.
struct OpenSshProcess {
    process: LocalProcess,
    socket: PathBuf,
}

impl Process for OpenSshProcess {
    fn write(&mut self, input: &[u8], deadline: Instant) -> Result<(), Failure> {
        self.process.write(input, deadline)
    }

    fn close_input(&mut self) -> Result<(), Failure> {
        self.process.close_input()
    }

    fn read(&mut self, deadline: Instant) -> Result<Output, Failure> {
        match self.process.read(deadline)? {
            // It is also what `ssh` says when the line is gone, and its master with it.
            Output::Exit(Exit::Status(255)) if UnixStream::connect(&self.socket).is_err() => {
                Err(Failure::new(Cause::Lost, "`ssh` has lost the connection"))
            }
            output => Ok(output),
        }
    }
}

/// What goes onto the command line: the inventory's words.
fn arguments(wanted: &Wanted, forward_agent: bool) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if forward_agent {
        arguments.push("-A".into());
    }
    if let Some(port) = wanted.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &wanted.user {
        arguments.extend(["-l".into(), user.into()]);
    }
    if let Some(key) = &wanted.key {
        arguments.extend(["-o".into(), "IdentitiesOnly=yes".into(), "-i".into(), key.into()]);
    }
    // What hoist says itself must not be said by others, for the first word counts.
    let ours = |key: &str| ALWAYS.lines().any(|line| line.to_lowercase().starts_with(&format!("{key} "))) || key == "stricthostkeychecking";
    for (key, value) in wanted.options.iter().filter(|(key, _)| !ours(key) && key != "userknownhostsfile" && !key.starts_with("control")) {
        arguments.extend(["-o".into(), format!("{key}={value}").into()]);
    }
    arguments
}

fn configuration(wanted: &Wanted, target: &SshTarget, host_keys: &HostKeys, patience: Patience) -> String {
    let mut text = ALWAYS.to_owned();
    let checking = if host_keys.policy() == HostKeyPolicy::AcceptNew { "accept-new" } else { "yes" };
    let mut files = vec![host_keys.file().to_owned()];
    files.extend(known_hosts::usual_files());
    for target in std::iter::once(target).chain(hops(target)) {
        files.extend(target.known_hosts.iter().flatten().cloned());
    }
    let files: Vec<String> = files.iter().map(|file| quoted(file)).collect();
    let alive = (patience.silence / 2).max(Duration::from_secs(1)).as_secs();
    let _ = writeln!(text, "StrictHostKeyChecking {checking}\nUserKnownHostsFile {}", files.join(" "));
    let _ = writeln!(text, "ConnectTimeout {}\nServerAliveInterval {alive}\nServerAliveCountMax 1", patience.connect.as_secs().max(1));
    match &wanted.file {
        Some(file) => drop(writeln!(text, "Include {}", quoted(file))),
        None => text += "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n",
    }
    text
}

/// A path as `ssh_config` takes it.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// The jump hosts on the way, the last first.
fn hops(target: &SshTarget) -> Vec<&SshTarget> {
    std::iter::successors(Some(target), |target| match &target.way {
        Way::Through(hop) => Some(hop),
        _ => None,
    })
    .skip(1)
    .collect()
}

/// What `ssh` means by its last words.
fn refused(words: &str, target: &SshTarget, host_keys: &HostKeys) -> Failure {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@')).collect();
    let said = lines[lines.len().saturating_sub(3)..].join(" / ");
    let has = |text: &str| words.contains(text);
    let cause = if has("Host key verification failed") || has("host key is known for") {
        Cause::HostKey
    } else if has("Permission denied") || has("Too many authentication failures") {
        Cause::Authentication
    } else if has("Could not resolve hostname") {
        Cause::Name
    } else if has("timed out") {
        Cause::Timeout
    } else if has("Bad configuration") || has("terminating,") || has("Bad owner or permissions") {
        Cause::Configuration
    } else {
        Cause::Refused
    };
    let failure = Failure::new(cause, format!("`ssh` says: {}", if said.is_empty() { "nothing" } else { &said }));
    match cause {
        Cause::HostKey if has("HAS CHANGED") => {
            failure.remedy("the host key has changed: somebody may be in between, or the host was installed anew")
        }
        Cause::HostKey => failure.remedy("compare the fingerprint and record the key with").remedy(host_keys.trust_command()),
        Cause::Authentication => {
            failure.remedy("this shows which keys are tried:").remedy(format!("ssh -v {}@{}", target.user, target.host))
        }
        _ => failure,
    }
}
