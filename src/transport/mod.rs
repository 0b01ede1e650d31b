//! How hoist reaches a host: over SSH, or this very machine. One [`Connection`] per host and run, and on it
//! usually one [`Process`], which the engine talks with (`engine::session`).
//!
//! Nothing here knows what is said over the line.

mod failure;
pub mod http;
pub mod known_hosts;
pub mod local;
mod openssh;
mod public_key;
pub mod ssh;
mod ssh_config;

use std::time::Instant;

pub use failure::{Cause, Failure};
pub use local::LocalConnection;
pub use openssh::OpenSshConnection;
pub use public_key::PublicKey;
pub use ssh::{HostKeyPolicy, HostKeys, Keys, KnownAs, Patience, SshConnection, SshTarget, Way};
pub use ssh_config::{SshConfig, Wanted};

/// A way to start processes on one host.
pub trait Connection: Send {
    /// Starts `command` through the login shell of the host: one remote exec. `command` is built from constant
    /// words only, for the shell that reads it may be any (sh, fish, csh).
    ///
    /// # Errors
    /// The host refuses, or the line is gone.
    fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure>;

    /// How many processes were started so far (law 3 is tested with it).
    fn execs(&self) -> usize;

    /// The user that processes on the host belong to.
    fn user(&self) -> &str;
}

/// A running process on a host: bytes in, bytes out. Dropping it closes its input and lets go of it.
pub trait Process: Send {
    /// Sends `input` whole. What the process prints meanwhile is kept for [`Process::read`].
    ///
    /// # Errors
    /// [`Cause::Lost`] when the line is gone, [`Cause::Timeout`] when nothing moves until `deadline`.
    fn write(&mut self, input: &[u8], deadline: Instant) -> Result<(), Failure>;

    /// Says that no more input will come.
    ///
    /// # Errors
    /// [`Cause::Lost`] when the line is gone.
    fn close_input(&mut self) -> Result<(), Failure>;

    /// Waits for the next output. After [`Output::Exit`] there is none.
    ///
    /// # Errors
    /// [`Cause::Lost`] when the line is gone, [`Cause::Timeout`] when nothing came until `deadline`.
    fn read(&mut self, deadline: Instant) -> Result<Output, Failure>;
}

/// What comes from a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Some bytes of standard output, never none.
    Stdout(Vec<u8>),
    /// Some bytes of standard error, never none.
    Stderr(Vec<u8>),
    /// It is over, and everything it printed has been handed out.
    Exit(Exit),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal (`KILL`, `TERM`), as the host names it.
    Signal(String),
}
