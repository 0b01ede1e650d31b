//! The transport against a real sshd, and against servers that mean no good.

mod command;
mod hostile;
mod jumps;
mod keys;
mod known;
mod openssh;
mod process;
mod silence;
mod ways;

use std::time::{Duration, Instant};

use hoist::transport::ssh::{HostKeys, Patience, SshConnection, SshTarget};
use hoist::transport::{Connection, Exit, Failure, Output, Process};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(180);

fn soon() -> Instant {
    Instant::now() + LONG
}

fn connect(target: &SshTarget, known: &HostKeys) -> Result<SshConnection, Failure> {
    SshConnection::connect(target, known, Patience::to_connect(LONG))
}

/// Why there is no connection.
fn refused(target: &SshTarget, known: &HostKeys) -> Failure {
    connect(target, known).err().expect("no connection")
}

/// All that a process prints, and how it ends.
fn drain(process: &mut dyn Process) -> (Vec<u8>, Vec<u8>, Exit) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match process.read(soon()).expect("it answers") {
            Output::Stdout(bytes) => stdout.extend(bytes),
            Output::Stderr(bytes) => stderr.extend(bytes),
            Output::Exit(exit) => return (stdout, stderr, exit),
        }
    }
}

fn run(connection: &mut dyn Connection, command: &str) -> (String, String, Exit) {
    let (stdout, stderr, exit) = drain(&mut *connection.exec(command).expect("it starts"));
    (String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"), exit)
}
