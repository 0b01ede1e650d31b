//! SSH over libssh2: dial, shake hands, check the host key, log in; then processes, one channel each.
//! `line` is how it never hangs; `host_keys` and `login` are what people meet when it fails.

mod command;
mod dial;
mod greeting;
mod host_keys;
mod key_file;
mod line;
mod login;
mod network;
mod process;
mod pulse;
mod target;
mod tunnel;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use libssh2_sys::LIBSSH2_ERROR_KEX_FAILURE;
use ssh2::ErrorCode;

pub use host_keys::{HostKeyPolicy, HostKeys};
pub use login::Keys;
pub use target::{KnownAs, SshTarget, Way};

use self::command::ProxyCommand;
use self::line::Line;
use self::network::Network;
use self::process::SshProcess;
use self::tunnel::Tunnel;
use self::wire::Broken;
use super::{Cause, Connection, Failure, Process, PublicKey};

/// Long enough for a slow host, short enough to wait for a dead one.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a line may be silent, though the host is asked whether it is there.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, of the host and of each jump host before it; and for a process to start.
    pub connect: Duration,
    /// For a word of a host that is connected. Half of it passes before the host is asked.
    pub silence: Duration,
}

impl Patience {
    /// The usual, with this much for a connection.
    pub fn to_connect(connect: Duration) -> Self {
        Self { connect, silence: SILENCE }
    }
}

/// A host that we are logged in to. Not to be shared between threads.
pub struct SshConnection {
    line: Arc<Line>,
    user: String,
    patience: Patience,
    execs: usize,
}

impl SshConnection {
    /// Goes the way to the host: dials, checks the host key and logs in, at each jump host and then at the host.
    ///
    /// # Errors
    /// A [`Failure`] of every cause but [`Cause::Sudo`] and [`Cause::LoginShell`]; one of a jump host says which.
    pub fn connect(target: &SshTarget, host_keys: &HostKeys, patience: Patience) -> Result<Self, Failure> {
        let network = network(target, host_keys, patience).map_err(|astray| astray.1)?;
        log_in(network, target, host_keys, patience)
    }
}

impl Connection for SshConnection {
    fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure> {
        self.execs += 1;
        Ok(Box::new(SshProcess::start(&self.line, command, self.patience.connect)?))
    }

    fn execs(&self) -> usize {
        self.execs
    }

    fn user(&self) -> &str {
        &self.user
    }
}

/// A host key that a host shows to a stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whose it is: the host that was meant, or the first jump host on the way that nobody knows.
    pub known_as: KnownAs,
    /// Whether it is a jump host's, so that nobody got as far as the host.
    pub is_hop: bool,
    /// Its best kind.
    pub key: PublicKey,
}

/// The key that a host shows; nobody logs in there. The jump hosts before it are logged in to, so a key of theirs that
/// is unknown is shown instead.
///
/// # Errors
/// As [`SshConnection::connect`], but the host's own key is not checked.
pub fn fetch_host_key(target: &SshTarget, host_keys: &HostKeys, patience: Patience) -> Result<Shown, Failure> {
    let network = match network(target, host_keys, patience) {
        Ok(network) => network,
        Err(astray) => match *astray {
            (Some(shown), _) => return Ok(shown),
            (None, failure) => return Err(failure),
        },
    };
    let line = shake_hands(network, &host_keys::any_method(), patience)?;
    Ok(Shown { known_as: target.known_as(), is_hop: false, key: shown_key(&line)? })
}

/// What goes wrong on the way to a host; with the key of a jump host that nobody knows, if that is it.
type Astray = Box<(Option<Shown>, Failure)>;

/// The way to a host, up to its SSH server.
fn network(target: &SshTarget, host_keys: &HostKeys, patience: Patience) -> Result<Box<dyn Network>, Astray> {
    let SshTarget { host, port, user, .. } = target;
    let deadline = Instant::now() + patience.connect;
    let hop = match &target.way {
        Way::Direct => return Ok(Box::new(dial::dial(host, *port, deadline).map_err(|failure| Box::new((None, failure)))?)),
        Way::Command(command) => {
            let command = ProxyCommand::start(command, host, *port, user).map_err(|failure| Box::new((None, failure)))?;
            return Ok(Box::new(command));
        }
        Way::Through(hop) => hop,
    };
    let at_hop = |failure: Failure| Failure { message: format!("jump host `{}`: {}", hop.host, failure.message), ..failure };
    let network = network(hop, host_keys, patience).map_err(|astray| match hop.way {
        // The jump host before this one is named already.
        Way::Through(_) => astray,
        _ => Box::new((astray.0, at_hop(astray.1))),
    })?;
    let connection = match connect_hop(network, hop, host_keys, patience) {
        Ok(connection) => connection,
        Err(astray) => return Err(Box::new((astray.0, at_hop(astray.1)))),
    };
    let deadline = Instant::now() + patience.connect;
    match Tunnel::open(connection.line, &hop.host, host, *port, deadline) {
        Ok(tunnel) => Ok(Box::new(tunnel)),
        Err(broken) => Err(Box::new((None, no_tunnel(broken, hop, target)))),
    }
}

fn connect_hop(network: Box<dyn Network>, hop: &SshTarget, host_keys: &HostKeys, patience: Patience) -> Result<SshConnection, Astray> {
    let line = shake_hands(network, &host_keys.methods(&hop.known_as()), patience).map_err(|failure| Box::new((None, failure)))?;
    let key = shown_key(&line).map_err(|failure| Box::new((None, failure)))?;
    log_in_on(line, &key, hop, host_keys, patience).map_err(|failure| {
        let unknown = failure.cause == Cause::HostKey && host_keys.is_unknown(&hop.known_as(), &key);
        Box::new((unknown.then(|| Shown { known_as: hop.known_as(), is_hop: true, key: key.clone() }), failure))
    })
}

fn log_in(network: Box<dyn Network>, target: &SshTarget, host_keys: &HostKeys, patience: Patience) -> Result<SshConnection, Failure> {
    let line = shake_hands(network, &host_keys.methods(&target.known_as()), patience)?;
    let key = shown_key(&line)?;
    log_in_on(line, &key, target, host_keys, patience)
}

fn log_in_on(
    line: Arc<Line>,
    key: &PublicKey,
    target: &SshTarget,
    host_keys: &HostKeys,
    patience: Patience,
) -> Result<SshConnection, Failure> {
    host_keys.check(&target.known_as(), key)?;
    let deadline = Instant::now() + patience.connect;
    login::login(&line, &target.user, &target.keys, deadline).map_err(|error| match error {
        login::Error::Refused(failure) => failure,
        login::Error::Broken(broken) => unreachable(broken, "login"),
    })?;
    line.trust();
    Ok(SshConnection { line, user: target.user.clone(), patience, execs: 0 })
}

fn shake_hands(network: Box<dyn Network>, host_key_methods: &str, patience: Patience) -> Result<Arc<Line>, Failure> {
    let deadline = Instant::now() + patience.connect;
    Line::open(network, host_key_methods, patience.silence, deadline).map_err(|broken| unreachable(broken, "handshake"))
}

fn shown_key(line: &Line) -> Result<PublicKey, Failure> {
    let shown = line.session().host_key().and_then(|(blob, _)| PublicKey::from_blob(blob));
    shown.ok_or_else(|| Failure::new(Cause::Protocol, "the host showed no host key"))
}

/// A jump host is there, and does not get us further.
fn no_tunnel(broken: Broken, hop: &SshTarget, target: &SshTarget) -> Failure {
    let (hop, to) = (&hop.host, format!("{}:{}", target.host, target.port));
    match broken {
        Broken::Late => Failure::new(Cause::Timeout, format!("jump host `{hop}`: no answer from {to} in time"))
            .remedy("check that the host is up, and that the jump host reaches it"),
        Broken::Gone(how) | Broken::Garbage(how) => {
            Failure::new(Cause::Lost, format!("jump host `{hop}`: the line was lost on the way to {to}: {how}"))
        }
        Broken::Ssh(error) => {
            // "Channel open failure (connect failed)"
            let message = error.message().to_lowercase();
            let why = message.split_once('(').map_or(message.as_str(), |(_, why)| why.trim_end_matches(')'));
            let failure = Failure::new(Cause::Refused, format!("jump host `{hop}`: it does not reach {to}: {why}"));
            match why.contains("prohibited") {
                true => failure.remedy("its sshd allows no forwarding: check AllowTcpForwarding and PermitOpen in its sshd_config"),
                false => failure.remedy("check that the host is up, and that the jump host reaches it"),
            }
        }
    }
}

/// The line broke before we were in.
fn unreachable(broken: Broken, during: &str) -> Failure {
    match broken {
        Broken::Late => Failure::new(Cause::Timeout, format!("connected, but no answer to the {during}"))
            .remedy("check the load of the host, and that sshd is what listens on that port"),
        // What a ProxyCommand said before it ended.
        Broken::Gone(how) if how.starts_with("the ProxyCommand") => Failure::new(Cause::Refused, how)
            .remedy("run it by hand with the host and port filled in; it must connect its standard input and output to the host"),
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
