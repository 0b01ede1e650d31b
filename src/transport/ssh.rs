//! SSH over libssh2: dial, shake hands, check the host key, log in; then processes, one channel each.
//! `line` is how it never hangs; `host_keys` and `login` are what people meet when it fails.

mod dial;
mod greeting;
mod host_keys;
mod key_file;
mod line;
mod login;
mod process;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use libssh2_sys::LIBSSH2_ERROR_KEX_FAILURE;
use ssh2::ErrorCode;

pub use host_keys::{HostKeyPolicy, HostKeys};
pub use login::Keys;

use self::line::Line;
use self::process::SshProcess;
use self::wire::Broken;
use super::{Cause, Connection, Failure, Process, PublicKey};

/// Long enough for a slow host, short enough to wait for a dead one.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to, as whom, and with which keys.
#[derive(Debug, Clone)]
pub struct SshTarget {
    /// The name or address to dial; known_hosts lists it under the same.
    pub host: String,
    /// The port, 22 unless the inventory says otherwise.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// What to log in with.
    pub keys: Keys,
}

/// A host that we are logged in to. Not to be shared between threads.
pub struct SshConnection {
    line: Arc<Line>,
    timeout: Duration,
    execs: usize,
}

impl SshConnection {
    /// Dials, checks the host key and logs in, all within `timeout`; a process must start within as much.
    ///
    /// # Errors
    /// A [`Failure`] of every cause but [`Cause::Sudo`] and [`Cause::LoginShell`].
    pub fn connect(target: &SshTarget, host_keys: &HostKeys, timeout: Duration) -> Result<Self, Failure> {
        let SshTarget { host, port, user, keys } = target;
        let deadline = Instant::now() + timeout;
        let line = shake_hands(host, *port, &host_keys.methods(host, *port), deadline)?;
        host_keys.check(host, *port, &shown_key(&line)?)?;
        login::login(&line, user, keys, deadline).map_err(|error| match error {
            login::Error::Refused(failure) => failure,
            login::Error::Broken(broken) => unreachable(broken, "login"),
        })?;
        line.trust();
        Ok(Self { line, timeout, execs: 0 })
    }
}

impl Connection for SshConnection {
    fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure> {
        self.execs += 1;
        Ok(Box::new(SshProcess::start(&self.line, command, self.timeout)?))
    }

    fn execs(&self) -> usize {
        self.execs
    }
}

/// The key that a host shows to a stranger, its best kind; nobody logs in.
///
/// # Errors
/// As [`SshConnection::connect`], but nothing is checked.
pub fn fetch_host_key(host: &str, port: u16, timeout: Duration) -> Result<PublicKey, Failure> {
    let line = shake_hands(host, port, &host_keys::any_method(), Instant::now() + timeout)?;
    shown_key(&line)
}

fn shake_hands(host: &str, port: u16, host_key_methods: &str, deadline: Instant) -> Result<Arc<Line>, Failure> {
    let stream = dial::dial(host, port, deadline)?;
    Line::open(stream, host_key_methods, deadline).map_err(|broken| unreachable(broken, "handshake"))
}

fn shown_key(line: &Line) -> Result<PublicKey, Failure> {
    let shown = line.session().host_key().and_then(|(blob, _)| PublicKey::from_blob(blob));
    shown.ok_or_else(|| Failure::new(Cause::Protocol, "the host showed no host key"))
}

/// The line broke before we were in.
fn unreachable(broken: Broken, during: &str) -> Failure {
    match broken {
        Broken::Late => Failure::new(Cause::Timeout, format!("connected, but no answer to the {during}"))
            .remedy("check the load of the host, and that sshd is what listens on that port"),
        Broken::Gone(how) => Failure::new(Cause::Refused, format!("connected, but cut off during the {during}: {how}"))
            .remedy("sshd does so to too many newcomers (MaxStartups, PerSourcePenalties, fail2ban); its log on the host has the reason"),
        Broken::Garbage(what) => {
            Failure::new(Cause::Protocol, format!("no SSH server is listening there: {what}")).remedy("check the port: `ansible_port`")
        }
        Broken::Ssh(error) if error.code() == ErrorCode::Session(LIBSSH2_ERROR_KEX_FAILURE) => {
            Failure::new(Cause::Protocol, format!("no agreement in the {during}: {}", error.message().to_lowercase()))
                .remedy("the host may know only algorithms that are no longer safe: update its sshd")
        }
        Broken::Ssh(error) => Failure::new(Cause::Protocol, format!("the {during} failed: {}", error.message().to_lowercase())),
    }
}
