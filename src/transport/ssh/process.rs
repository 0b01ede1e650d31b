//! A process on a host: one channel of its session.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libssh2_sys::{LIBSSH2_ERROR_CHANNEL_FAILURE, LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED};
use ssh2::{Channel, EXTENDED_DATA_STDERR as STDERR, ErrorCode};

use super::line::{Line, broken, ready};
use super::wire::Broken;
use crate::transport::{Cause, Exit, Failure, Output, Process};

const STDOUT: i32 = 0;

/// A running process, or one whose last words are still to be read.
pub struct SshProcess {
    // Let go of before the line, which keeps the last hold on it.
    channel: Channel,
    line: Arc<Line>,
    /// How long a host may take to let us say that no more input comes.
    patience: Duration,
    kept: VecDeque<Output>,
    next_stream: i32,
    buffer: Vec<u8>,
    input_open: bool,
    over: bool,
}

impl SshProcess {
    /// Starts `command` on a new channel of `line`.
    pub fn start(line: &Arc<Line>, command: &str, patience: Duration) -> Result<Self, Failure> {
        let deadline = Instant::now() + patience;
        // sshd may learn of the end of the last session together with our wish for the next, and count both
        // (MaxSessions 1); a moment later it has put the last one away.
        let channel = line.channel(deadline).or_else(|broken| if denied(&broken) { line.channel(deadline) } else { Err(broken) });
        let mut channel = channel.map_err(|broken| not_started(broken, "opens no session for us"))?;
        line.drive(deadline, |_| ready(channel.exec(command))).map_err(|broken| not_started(broken, "runs no commands for us"))?;
        Ok(Self {
            channel,
            line: line.clone(),
            patience,
            kept: VecDeque::new(),
            next_stream: STDOUT,
            buffer: vec![0; 64 << 10],
            input_open: true,
            over: false,
        })
    }

    /// The next output that is there already.
    fn take(&mut self) -> Result<Option<Output>, Broken> {
        if self.over {
            return Ok(None);
        }
        for _ in 0..2 {
            // They take turns, so that a flood on one does not hide the other.
            let stream = self.next_stream;
            self.next_stream = if stream == STDOUT { STDERR } else { STDOUT };
            match self.channel.stream(stream).read(&mut self.buffer) {
                Ok(0) => {}
                Ok(count) => {
                    let bytes = self.buffer[..count].to_vec();
                    return Ok(Some(if stream == STDOUT { Output::Stdout(bytes) } else { Output::Stderr(bytes) }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(broken(error)),
            }
        }
        // The end of output comes before the exit status, the close behind both.
        if !self.channel.eof() || ready(self.channel.wait_close())?.is_none() {
            return Ok(None);
        }
        self.over = true;
        let exit = match self.channel.exit_signal()?.exit_signal {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Status(self.channel.exit_status()?),
        };
        // Gives the host its session back, for it counts them (MaxSessions).
        let _ = self.channel.close();
        Ok(Some(Output::Exit(exit)))
    }

    /// Puts what was printed aside, so that the process is not held up by it while it has input to read.
    fn keep(&mut self) -> Result<(), Broken> {
        while let Some(output) = self.take()? {
            self.kept.push_back(output);
        }
        Ok(())
    }
}

impl Process for SshProcess {
    fn write(&mut self, input: &[u8], deadline: Instant) -> Result<(), Failure> {
        let line = self.line.clone();
        let mut rest = input;
        while !rest.is_empty() {
            let sent = line.drive(deadline, |_| match self.channel.write(rest) {
                Ok(count) if count > 0 => Ok(Some(count)),
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(broken(error)),
                _ => {
                    self.keep()?;
                    // Nobody is left to read it; how the process ended is for `read` to tell.
                    Ok(self.over.then_some(rest.len()))
                }
            });
            rest = &rest[sent.map_err(lost)?..];
        }
        line.flush(deadline).map_err(lost)
    }

    fn close_input(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.input_open) || self.over {
            return Ok(());
        }
        let line = self.line.clone();
        let deadline = Instant::now() + self.patience;
        // One loop until it is through: libssh2 knows a half-sent message by its place on the stack.
        line.drive(deadline, |_| {
            let sent = ready(self.channel.send_eof())?;
            if sent.is_none() {
                self.keep()?;
            }
            Ok(sent)
        })
        .and_then(|()| line.flush(deadline))
        .map_err(lost)
    }

    fn read(&mut self, deadline: Instant) -> Result<Output, Failure> {
        if let Some(output) = self.kept.pop_front() {
            return Ok(output);
        }
        let line = self.line.clone();
        line.drive(deadline, |_| self.take()).map_err(lost)
    }
}

impl Drop for SshProcess {
    fn drop(&mut self) {
        let _ = self.channel.close();
        self.line.send();
    }
}

fn lost(broken: Broken) -> Failure {
    match broken {
        Broken::Late => Failure::new(Cause::Timeout, "no answer in time"),
        Broken::Gone(how) => Failure::new(Cause::Lost, how),
        Broken::Garbage(what) => Failure::new(Cause::Protocol, what),
        Broken::Ssh(error) => Failure::new(Cause::Lost, format!("the session broke: {}", error.message())),
    }
}

fn denied(broken: &Broken) -> bool {
    let codes = [LIBSSH2_ERROR_CHANNEL_FAILURE, LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED].map(ErrorCode::Session);
    matches!(broken, Broken::Ssh(error) if codes.contains(&error.code()))
}

fn not_started(broken: Broken, what: &str) -> Failure {
    if !denied(&broken) {
        return lost(broken);
    }
    Failure::new(Cause::Refused, format!("logged in, but the host {what}"))
        .remedy("check MaxSessions and ForceCommand in its sshd_config, and the login shell of the user")
}
