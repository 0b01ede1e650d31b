//! How the hosts of a run are reached.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Project, Site};
use crate::engine::Target;
use crate::project::{Connection, ConnectionKind};
use crate::transport::{
    self, Failure, HostKeyPolicy, HostKeys, LocalConnection, OpenSshConnection, Patience, SshConfig, SshConnection, SshTarget, Wanted,
    known_hosts,
};

/// How hosts are reached in a run.
pub struct Lines {
    settings: BTreeMap<String, Connection>,
    /// What is known of their keys.
    pub host_keys: HostKeys,
    config: SshConfig,
    /// How long is waited.
    pub patience: Patience,
}

impl Site {
    /// How the hosts are reached.
    pub fn lines(&self, project: &Project, accept_new: bool) -> Lines {
        let policy = if accept_new { HostKeyPolicy::AcceptNew } else { HostKeyPolicy::Strict };
        let name = &self.environment.name;
        Lines {
            settings: self.hosts.iter().map(|host| (host.name.clone(), host.connection.clone())).collect(),
            host_keys: HostKeys::read(name, &project.known_hosts(name), &known_hosts::usual_files(), policy),
            config: SshConfig::of_user(),
            patience: Patience::to_connect(Duration::from_secs(project.config.settings.connect_timeout.into())),
        }
    }
}

impl Lines {
    /// Connects to a host.
    ///
    /// # Errors
    /// As [`SshConnection::connect`].
    pub fn connect(&self, target: &Target<'_>) -> Result<Box<dyn transport::Connection>, Failure> {
        let settings = &self.settings[&target.name];
        let wanted = wanted(settings);
        match settings.kind {
            ConnectionKind::Local => Ok(Box::new(LocalConnection::new())),
            // libssh2 can forward no agent.
            ConnectionKind::Ssh if !settings.forward_agent => {
                Ok(Box::new(SshConnection::connect(&self.config.target(&wanted)?, &self.host_keys, self.patience)?))
            }
            ConnectionKind::Ssh | ConnectionKind::OpenSsh => {
                let target = self.config.target(&wanted)?;
                Ok(Box::new(OpenSshConnection::connect(&wanted, &target, settings.forward_agent, &self.host_keys, self.patience)?))
            }
        }
    }

    /// Where a host is, and how to get there; none for this machine.
    ///
    /// # Errors
    /// As [`SshConfig::target`].
    pub fn way(&self, settings: &Connection) -> Result<SshTarget, Failure> {
        self.config.target(&wanted(settings))
    }
}

/// What the inventory says of how to reach a host.
fn wanted(settings: &Connection) -> Wanted {
    Wanted {
        host: settings.address.clone(),
        port: settings.port,
        user: settings.user.clone(),
        key: settings.key.clone(),
        file: settings.ssh.file.clone(),
        options: settings.ssh.options.clone(),
    }
}
