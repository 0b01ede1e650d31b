//! `hoist vagrant`: the machines of vagrant/Vagrantfile, and how they are reached.
//!
//! Vagrant says that itself (`vagrant ssh-config`), so nobody writes an address: it goes into the environment's host_vars, and
//! the machine's host keys, which Vagrant reads over its own connection, into its known_hosts.

use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use super::load::Project;
use super::provision;
use super::{ExitCode, Outcome, Stop};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::project::Inventory;
use crate::report;
use crate::transport::PublicKey;

/// The environment of these machines where none is named.
const ENVIRONMENT: &str = "test";

/// The machines of vagrant/Vagrantfile: boot them, provision them, look into them, delete them
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Boot machines, and write down how they are reached
    Up {
        #[command(flatten)]
        machines: Machines,
    },
    /// What `hoist provision` does, for the machines that run
    Provision(Box<provision::Args>),
    /// Log in to a machine
    Ssh {
        /// The machine; the first of the Vagrantfile when not given
        machine: Option<String>,
    },
    /// Delete machines, and what was written down of them
    Destroy {
        #[command(flatten)]
        machines: Machines,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
#[group(skip)]
struct Machines {
    /// The environment that they belong to
    #[arg(short = 'e', long, value_name = "NAME", default_value = ENVIRONMENT)]
    env: String,
    /// The machines; all that start by themselves when none is given
    #[arg(value_name = "MACHINE")]
    names: Vec<String>,
}

pub fn run(args: Args) -> Outcome {
    let project = Project::load(&mut Diagnostics::new())?;
    if !project.layout.on_disk("vagrant/Vagrantfile").is_file() {
        return Err(Diagnostic::error("there is no `vagrant/Vagrantfile` in this project")
            .help("take the one of hoist's own repository to start from")
            .into());
    }
    match args.command {
        Command::Up { machines } => {
            let vagrant = Vagrant::of(&project, &machines.env)?;
            vagrant.hand_over(&["up"], &machines.names)?;
            for name in vagrant.write_down()? {
                report::line(&format!("{name} is up; next: hoist vagrant provision"));
            }
            Ok(ExitCode::Done)
        }
        Command::Provision(mut args) => {
            let environment = args.words.optional()?.0.unwrap_or_else(|| ENVIRONMENT.to_string());
            let running = Vagrant::of(&project, &environment)?.write_down()?;
            if running.is_empty() {
                return Err(Diagnostic::error("no machine of vagrant/Vagrantfile runs").help("boot one: hoist vagrant up").into());
            }
            args.words.env = Some(environment);
            args.hosts.limit.get_or_insert_with(|| running.join(","));
            provision::run(&args)
        }
        Command::Ssh { machine } => {
            let names: Vec<String> = machine.into_iter().collect();
            Vagrant { project: &project, environment: ENVIRONMENT }.hand_over(&["ssh"], &names)?;
            Ok(ExitCode::Done)
        }
        Command::Destroy { machines, yes } => {
            let vagrant = Vagrant::of(&project, &machines.env)?;
            vagrant.hand_over(if yes { &["destroy", "--force"] } else { &["destroy"] }, &machines.names)?;
            vagrant.forget()?;
            Ok(ExitCode::Done)
        }
    }
}

/// Vagrant's machines as hosts of an environment.
struct Vagrant<'a> {
    project: &'a Project,
    environment: &'a str,
}

/// How a machine is reached, as `vagrant ssh-config` says it.
#[derive(Debug, PartialEq)]
struct Access {
    address: String,
    port: u16,
    user: String,
    key_file: String,
}

impl<'a> Vagrant<'a> {
    fn of(project: &'a Project, environment: &'a str) -> Result<Self, Diagnostics> {
        project.layout.expect_environment(environment)?;
        if project.config.environments.get(environment).is_some_and(|environment| environment.protected) {
            return Err(Diagnostic::error(format!(
                "the environment `{environment}` is protected, so its hosts are no machines of Vagrant"
            ))
            .into());
        }
        Ok(Self { project, environment })
    }

    fn process(&self, words: &[&str]) -> Process {
        let mut process = Process::new("vagrant");
        process.args(words).current_dir(self.project.layout.on_disk("vagrant"));
        process
    }

    /// Runs vagrant at the terminal, where it says itself what is wrong.
    fn hand_over(&self, words: &[&str], names: &[String]) -> Result<(), Stop> {
        let status = self.process(words).args(names).status().map_err(missing)?;
        if status.success() { Ok(()) } else { Err(Stop::Said(ExitCode::HostFailed)) }
    }

    /// What vagrant prints; what it says of errors goes to the terminal.
    fn ask(&self, words: &[&str]) -> Result<String, Diagnostic> {
        let output = self.process(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(missing)?;
        if !output.status.success() {
            return Err(Diagnostic::error(format!("`vagrant {}` failed", words.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The machines of the Vagrantfile, and whether they run.
    fn machines(&self) -> Result<Vec<(String, bool)>, Diagnostic> {
        Ok(states(&self.ask(&["status", "--machine-readable"])?))
    }

    /// Writes down how the machines that run are reached; their names.
    fn write_down(&self) -> Result<Vec<String>, Diagnostics> {
        let inventory = self.project.layout.inventory(self.environment)?;
        let hosts = Inventory::read(&inventory, &mut Diagnostics::new());
        let mut running = Vec::new();
        for (name, _) in self.machines()?.into_iter().filter(|(_, runs)| *runs) {
            if !hosts.hosts().iter().any(|host| host.name == name) {
                let error = Diagnostic::error(format!("the machine `{name}` of vagrant/Vagrantfile is no host of the environment"));
                return Err(error.at(&Span::whole(&inventory)).help(format!("add a line to its inventory: `{name}`")).into());
            }
            let config = self.ask(&["ssh-config", &name])?;
            let access =
                access(&config).ok_or_else(|| Diagnostic::error(format!("`vagrant ssh-config {name}` does not say how it is reached")))?;
            let keys = host_keys(&self.ask(&["ssh", &name, "-c", "cat /etc/ssh/ssh_host_*_key.pub"])?);
            if keys.is_empty() {
                return Err(Diagnostic::error(format!("the machine `{name}` shows no host key")).into());
            }
            self.write(&self.host_vars(&name), &access.host_vars())?;
            let known = self.known_hosts_without(&access.listed())?;
            let lines: String = keys.iter().map(|key| format!("{} {} {}\n", access.listed(), key.kind(), key.base64())).collect();
            self.write(&self.known_hosts(), &(known + &lines))?;
            running.push(name);
        }
        Ok(running)
    }

    /// Takes away what was written down of machines that are gone.
    fn forget(&self) -> Result<(), Diagnostic> {
        for (name, _) in self.machines()?.into_iter().filter(|(_, runs)| !runs) {
            let path = self.host_vars(&name);
            let Some(source) = self.project.layout.read(&path)?.filter(|source| source.text().starts_with(HEAD)) else { continue };
            let listed = source.text().lines().find_map(|line| line.strip_prefix(LISTED)).unwrap_or_default();
            self.write(&self.known_hosts(), &self.known_hosts_without(listed)?)?;
            std::fs::remove_file(self.project.layout.on_disk(&path)).map_err(|error| unwritable(&path, &error))?;
        }
        Ok(())
    }

    fn host_vars(&self, name: &str) -> PathBuf {
        self.project.layout.of(self.environment, &format!("host_vars/{name}.yml"))
    }

    fn known_hosts(&self) -> PathBuf {
        self.project.layout.of(self.environment, "known_hosts")
    }

    /// The lines of known_hosts but for those of one address: a machine that is made anew has new keys.
    fn known_hosts_without(&self, listed: &str) -> Result<String, Diagnostic> {
        let source = self.project.layout.read(&self.known_hosts())?;
        let lines = source.iter().flat_map(|source| source.text().lines());
        Ok(lines.filter(|line| line.split(' ').next() != Some(listed)).map(|line| format!("{line}\n")).collect())
    }

    fn write(&self, path: &std::path::Path, text: &str) -> Result<(), Diagnostic> {
        let disk = self.project.layout.on_disk(path);
        let write = || {
            let folder = disk.parent().unwrap_or(self.project.layout.root());
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&disk).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| unwritable(path, &error))
    }
}

const HEAD: &str = "# Written by `hoist vagrant`, from what `vagrant ssh-config` says.\n";
const LISTED: &str = "# Its keys in known_hosts: ";

impl Access {
    /// As known_hosts names it.
    fn listed(&self) -> String {
        if self.port == 22 { self.address.clone() } else { format!("[{}]:{}", self.address, self.port) }
    }

    fn host_vars(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            "{HEAD}{LISTED}{}\nansible_host: {}\nansible_port: {}\nansible_user: {}\nansible_ssh_private_key_file: {}\n",
            self.listed(),
            text(&self.address),
            self.port,
            text(&self.user),
            text(&self.key_file),
        )
    }
}

fn missing(error: std::io::Error) -> Diagnostic {
    let error = Diagnostic::error(format!("`vagrant` cannot be started: {error}"));
    error.help("install it: apt-get install vagrant vagrant-libvirt, or https://www.vagrantup.com; docs/vagrant.md says more")
}

fn unwritable(path: &std::path::Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
}

/// The machines in `vagrant status --machine-readable` (lines `time,machine,state,VALUE`), and whether they run.
fn states(text: &str) -> Vec<(String, bool)> {
    let fields = text.lines().map(|line| line.trim_end().split(',').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.get(2) == Some(&"state"))
        .filter_map(|fields| Some((fields[1].to_string(), *fields.get(3)? == "running")))
        .collect()
}

/// What `vagrant ssh-config MACHINE` says, a word and its value a line; values may stand in quotes.
fn access(text: &str) -> Option<Access> {
    let value = |word: &str| {
        let found = text.lines().filter_map(|line| line.trim().split_once(' ')).find(|(key, _)| key.eq_ignore_ascii_case(word));
        found.map(|(_, value)| value.trim().trim_matches('"').to_string())
    };
    Some(Access { address: value("HostName")?, port: value("Port")?.parse().ok()?, user: value("User")?, key_file: value("IdentityFile")? })
}

/// The lines that are host keys; a login may print other things around them.
fn host_keys(text: &str) -> Vec<PublicKey> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter_map(|words| PublicKey::of_host(words.first()?, words.get(1)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_of_machines_are_read() {
        let text = "1,bookworm,metadata,provider,libvirt\n1,bookworm,state,running\n1,bookworm,state-human-short,running\n1,trixie,state,not_created\n1,,ui,info,x\n";
        assert_eq!(states(text), [("bookworm".to_string(), true), ("trixie".to_string(), false)]);
    }

    #[test]
    fn the_way_to_a_machine_is_read() {
        let text = "Host bookworm\n  HostName 127.0.0.1\n  User vagrant\n  Port 2222\n  StrictHostKeyChecking no\n  IdentityFile \"/home/a b/private_key\"\n  IdentitiesOnly yes\n";
        let access = access(text).expect("it is whole");
        assert_eq!(
            (access.listed().as_str(), access.user.as_str(), access.key_file.as_str()),
            ("[127.0.0.1]:2222", "vagrant", "/home/a b/private_key")
        );
        assert_eq!(super::access("Host bookworm\n  HostName 127.0.0.1\n"), None);
    }

    #[test]
    fn host_keys_are_found_among_other_words() {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW";
        let keys = host_keys(&format!("Welcome\r\nssh-ed25519 {key} root@bookworm\r\nssh-rsa AAAA\r\n"));
        assert_eq!(keys.iter().map(PublicKey::base64).collect::<Vec<_>>(), [key]);
    }
}
