//! A way through a command (ProxyCommand): it gets one end of a socket pair as its input and output.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::network::{Network, wait};
use crate::transport::{Cause, Failure};

/// How long a command that closed its output, or was asked to end, may take to end.
const GRACE: Duration = Duration::from_millis(500);

/// The most of its words that are shown.
const WORDS: u64 = 2 << 10;

/// A running command whose other end is the host.
pub struct ProxyCommand {
    socket: UnixStream,
    child: Child,
    /// What it says on standard error: in a file without a name, so that it never waits for a reader.
    words: File,
    /// As the user wrote it, for messages.
    command: String,
}

impl ProxyCommand {
    /// Starts `command`, in which `%h`, `%p` and `%r` stand for where to go.
    pub fn start(command: &str, host: &str, port: u16, user: &str) -> Result<Self, Failure> {
        let text = expand(command, host, port, user)?;
        Self::spawn(command, &text)
            .map_err(|error| Failure::new(Cause::Configuration, format!("the ProxyCommand `{command}` does not start: {error}")))
    }

    fn spawn(command: &str, text: &str) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let words = tempfile::tempfile()?;
        let child = Command::new("/bin/sh")
            .args(["-c", &format!("exec {text}")])
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::from(words.try_clone()?))
            // Ctrl-C is for hoist to act on.
            .process_group(0)
            .spawn()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, child, words, command: command.to_owned() })
    }

    /// How the command ended, if it does so in time.
    fn end_in_time(&mut self) -> Option<ExitStatus> {
        let enough = Instant::now() + GRACE;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < enough => thread::sleep(Duration::from_millis(5)),
                other => return other.ok().flatten(),
            }
        }
    }
}

/// Fills the holes of a ProxyCommand.
fn expand(command: &str, host: &str, port: u16, user: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (c, c == '%') {
            (c, false) => text.push(c),
            _ => match rest.next() {
                Some('h') => text.push_str(host),
                Some('p') => text.push_str(&port.to_string()),
                Some('r') => text.push_str(user),
                Some('%') => text.push('%'),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    let what = format!("the ProxyCommand `{command}` has `%{other}`, which hoist does not know");
                    let failure = Failure::new(Cause::Configuration, what);
                    return Err(failure.remedy("write `%h`, `%p`, `%r` or `%%`, or use `ansible_connection: openssh`"));
                }
            },
        }
    }
    Ok(text)
}

impl Read for ProxyCommand {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for ProxyCommand {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Network for ProxyCommand {
    fn wait(&mut self, reading: bool, writing: bool, deadline: Instant) -> io::Result<bool> {
        wait(&self.socket, reading, writing, deadline)
    }

    fn hang_up(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn last_words(&mut self) -> Option<String> {
        let how = match self.end_in_time() {
            Some(status) => match status.code() {
                Some(code) => format!("ended with status {code}"),
                None => "was ended by a signal".to_owned(),
            },
            None => "closed the line".to_owned(),
        };
        let mut said = Vec::new();
        let length = self.words.metadata().map_or(0, |metadata| metadata.len());
        let _ = self.words.seek(SeekFrom::Start(length.saturating_sub(WORDS)));
        let _ = (&self.words).take(WORDS).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let words = lines[lines.len().saturating_sub(3)..].join(" / ");
        let colon = if words.is_empty() { "" } else { ": " };
        Some(format!("the ProxyCommand `{}` {how}{colon}{words}", self.command))
    }
}

impl Drop for ProxyCommand {
    fn drop(&mut self) {
        // As `ssh` does: the end of its input is not enough for some. What `nohup` started does not hear of a HUP.
        let group = Pid::from_raw(self.child.id() as i32);
        for signal in [Signal::HUP, Signal::KILL] {
            if let (Ok(None), Some(group)) = (self.child.try_wait(), group) {
                let _ = kill_process_group(group, signal);
                self.end_in_time();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled() {
        let expand = |command| expand(command, "10.0.0.1", 2222, "deploy");
        assert_eq!(expand("nc %h %p # %r 100%%").expect("known"), "nc 10.0.0.1 2222 # deploy 100%");
        assert!(expand("nc %n").expect_err("unknown").message.contains("has `%n`"));
        assert!(expand("nc %").is_err());
    }

    #[test]
    fn its_last_words_are_heard() {
        let mut command = ProxyCommand::start("sh -c 'echo no route to %h >&2; exit 7'", "web1", 22, "me").expect("it starts");
        let text = command.last_words().expect("it said something");
        assert_eq!(text, "the ProxyCommand `sh -c 'echo no route to %h >&2; exit 7'` ended with status 7: no route to web1");
    }
}
