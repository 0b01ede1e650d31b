//! The ways to one server: by itself, through two jump hosts, through a command, with the system's ssh. What holds for
//! a process holds over all of them.

use std::fs;

use hoist::transport::ssh::{HostKeyPolicy, HostKeys, Patience, SshTarget, Way};
use hoist::transport::{Connection, OpenSshConnection, Wanted};

use super::{LONG, connect};
use crate::sshd::{Sshd, named};

/// A way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Direct,
    Jumps,
    Command,
    OpenSsh,
}

/// bash alone connects its input and output to a port. It ends when the server does.
pub const BASH: &str = "bash -c 'exec 3<>/dev/tcp/%h/%p 4<&0; cat <&4 >&3 & cat <&3; kill $!'";

/// A server with two jump hosts before it.
pub struct Servers {
    pub server: Sshd,
    pub first: Sshd,
    pub second: Sshd,
}

impl Servers {
    /// All three, the last with these settings.
    pub fn start(settings: &str) -> Option<Self> {
        Some(Self { server: Sshd::start_with(&["ed25519"], settings)?, first: Sshd::start()?, second: Sshd::start()? })
    }

    /// The keys of all three.
    pub fn known(&self) -> HostKeys {
        self.known_but(None)
    }

    /// The keys of all but one, by its port.
    pub fn known_but(&self, port: Option<u16>) -> HostKeys {
        let all = [&self.server, &self.first, &self.second];
        let line = |sshd: &Sshd| format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519"));
        let text: String = all.into_iter().filter(|sshd| Some(sshd.port) != port).map(line).collect();
        self.server.known_hosts(&text, HostKeyPolicy::Strict)
    }

    /// The server behind both jump hosts.
    pub fn behind(&self) -> SshTarget {
        let second = SshTarget { way: Way::Through(Box::new(self.first.good_target())), ..self.second.good_target() };
        SshTarget { way: Way::Through(Box::new(second)), ..self.server.good_target() }
    }

    /// Connects on one of the ways.
    pub fn connect(&self, over: Over) -> Box<dyn Connection> {
        let direct = self.server.good_target();
        let target = match over {
            Over::Direct => direct,
            Over::Jumps => self.behind(),
            Over::Command => SshTarget { way: Way::Command(BASH.to_owned()), ..direct },
            Over::OpenSsh => return Box::new(system(&self.server, &self.known()).unwrap_or_else(|failure| panic!("{failure:?}"))),
        };
        Box::new(connect(&target, &self.known()).unwrap_or_else(|failure| panic!("{over:?}: {failure:?}")))
    }
}

/// Connects with the system's ssh.
pub fn system(sshd: &Sshd, known: &HostKeys) -> Result<OpenSshConnection, hoist::transport::Failure> {
    OpenSshConnection::connect(&wanted(sshd), &sshd.good_target(), false, known, Patience::to_connect(LONG))
}

/// The server as an inventory would name it.
pub fn wanted(sshd: &Sshd) -> Wanted {
    let key = named(&sshd.path("id")).named.pop();
    // Not the configuration of whoever runs the tests.
    fs::write(sshd.path("ssh_config"), "").expect("written");
    let file = Some(sshd.path("ssh_config"));
    Wanted { host: "127.0.0.1".to_owned(), port: Some(sshd.port), user: Some(sshd.user.clone()), key, file, ..Wanted::default() }
}

/// Runs a test on every way to a server with these settings.
pub fn on_all_ways(settings: &str, test: impl Fn(&Sshd, &mut dyn Connection, Over)) {
    let Some(servers) = Servers::start(settings) else { return };
    for over in [Over::Direct, Over::Jumps, Over::Command, Over::OpenSsh] {
        println!("{over:?}");
        test(&servers.server, &mut *servers.connect(over), over);
    }
}
