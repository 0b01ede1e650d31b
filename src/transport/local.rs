//! This very machine as a host: processes through `/bin/sh -c`, with the same manners as over SSH.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Cause, Connection, Exit, Failure, Output, Process};

/// How long output is still read when the process is over, but something it left behind holds its pipes.
const GRACE: Duration = Duration::from_millis(200);

/// Processes on this machine.
#[derive(Debug)]
pub struct LocalConnection {
    user: String,
    execs: usize,
}

impl Default for LocalConnection {
    fn default() -> Self {
        Self { user: own_user(), execs: 0 }
    }
}

/// The user who runs this.
pub fn own_user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned())
}

impl LocalConnection {
    /// There is nothing to connect to.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Connection for LocalConnection {
    fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure> {
        self.execs += 1;
        let process = LocalProcess::start(Command::new("/bin/sh").args(["-c", command]));
        Ok(Box::new(process.map_err(|error| Failure::new(Cause::LoginShell, format!("`/bin/sh` cannot be started: {error}")))?))
    }

    fn execs(&self) -> usize {
        self.execs
    }

    fn user(&self) -> &str {
        &self.user
    }
}

/// A child of ours.
pub(super) struct LocalProcess {
    pid: u32,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Readable (at its end) once the child is over, and then `status` has how.
    over: PipeReader,
    status: Receiver<io::Result<ExitStatus>>,
    exited: bool,
    kept: VecDeque<Output>,
}

impl LocalProcess {
    /// Starts `command`, in a process group of its own.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for hoist to act on; a process on another host would not hear it either.
            .process_group(0)
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        for fd in
            [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)].into_iter().flatten()
        {
            ioctl_fionbio(fd, true)?;
        }
        let pid = child.id();
        let (over, status) = watch(child)?;
        Ok(Self { pid, stdin, stdout, stderr, over, status, exited: false, kept: VecDeque::new() })
    }

    /// Ends it and its children, if it is not over.
    pub fn end(&mut self) {
        let gone = self.exited || self.wait(false, Instant::now()).is_err();
        if let (false, Some(group)) = (gone || self.exited, i32::try_from(self.pid).ok().and_then(Pid::from_raw)) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Reads what is there now, both outputs in turn. Gives whether anything was.
    fn collect(&mut self) -> io::Result<bool> {
        let before = self.kept.len();
        read_some(&mut self.stdout, Output::Stdout, &mut self.kept)?;
        read_some(&mut self.stderr, Output::Stderr, &mut self.kept)?;
        Ok(self.kept.len() > before)
    }

    /// Waits until an output, the end, or (with `writing`) the input is ready: `false` when nothing is by `deadline`.
    fn wait(&mut self, writing: bool, deadline: Instant) -> io::Result<bool> {
        let mut fds = Vec::new();
        if !self.exited {
            fds.push(PollFd::new(&self.over, PollFlags::IN));
        }
        fds.extend(self.stdout.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(self.stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(self.stdin.iter().filter(|_| writing).map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        let ready = loop {
            let timeout = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
            match poll(&mut fds, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other? > 0,
            }
        };
        let over = !self.exited && !fds[0].revents().is_empty();
        drop(fds);
        if over {
            self.last_words()?;
        }
        Ok(ready)
    }

    /// The child is over: keeps what it printed, and how it ended. Done in one go, so that the grace is ours and
    /// not spent while the caller is busy with other things.
    fn last_words(&mut self) -> io::Result<()> {
        self.exited = true;
        let enough = Instant::now() + GRACE;
        while (self.stdout.is_some() || self.stderr.is_some()) && Instant::now() < enough {
            if !self.collect()? {
                self.wait(false, enough)?;
            }
        }
        let status = self.status.recv().map_err(io::Error::other)??;
        self.kept.push_back(Output::Exit(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal_name(signal.unwrap_or_default())),
        }));
        Ok(())
    }
}

/// Waits for `child` on a thread, for nothing else tells its end on every system.
fn watch(mut child: Child) -> io::Result<(PipeReader, Receiver<io::Result<ExitStatus>>)> {
    let (over, bell) = io::pipe()?;
    let (sender, status) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens when the process was let go of; it is reaped all the same.
        let _ = sender.send(child.wait());
        drop(bell);
    });
    Ok((over, status))
}

/// One piece from `pipe`, which is closed at its end.
fn read_some<P: Read>(pipe: &mut Option<P>, wrap: fn(Vec<u8>) -> Output, kept: &mut VecDeque<Output>) -> io::Result<()> {
    let Some(source) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 64 << 10];
    match source.read(&mut buffer) {
        Ok(0) => *pipe = None,
        Ok(count) => {
            buffer.truncate(count);
            kept.push_back(wrap(buffer));
        }
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Process for LocalProcess {
    fn write(&mut self, input: &[u8], deadline: Instant) -> Result<(), Failure> {
        let mut rest = input;
        while let (Some(stdin), false) = (&mut self.stdin, rest.is_empty()) {
            match stdin.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody is left to read it; how the process ended is for `read` to tell.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.stdin = None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.collect().map_err(lost)? && !self.wait(true, deadline).map_err(lost)? {
                        return Err(late());
                    }
                    if self.exited {
                        self.stdin = None;
                    }
                }
                Err(error) => return Err(lost(error)),
            }
        }
        Ok(())
    }

    fn close_input(&mut self) -> Result<(), Failure> {
        self.stdin = None;
        Ok(())
    }

    fn read(&mut self, deadline: Instant) -> Result<Output, Failure> {
        loop {
            if let Some(output) = self.kept.pop_front() {
                return Ok(output);
            }
            if !self.collect().map_err(lost)? && !self.wait(false, deadline).map_err(lost)? {
                return Err(late());
            }
        }
    }
}

fn late() -> Failure {
    Failure::new(Cause::Timeout, "no answer in time")
}

fn lost(error: io::Error) -> Failure {
    Failure::new(Cause::Lost, error.to_string())
}

/// As SSH names signals: those that it has a name for.
fn signal_name(signal: i32) -> String {
    let named = [
        (Signal::ABORT, "ABRT"),
        (Signal::ALARM, "ALRM"),
        (Signal::FPE, "FPE"),
        (Signal::HUP, "HUP"),
        (Signal::ILL, "ILL"),
        (Signal::INT, "INT"),
        (Signal::KILL, "KILL"),
        (Signal::PIPE, "PIPE"),
        (Signal::QUIT, "QUIT"),
        (Signal::SEGV, "SEGV"),
        (Signal::TERM, "TERM"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
    ];
    named.iter().find(|(known, _)| known.as_raw() == signal).map_or_else(|| signal.to_string(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn start(command: &str) -> Box<dyn Process> {
        LocalConnection::new().exec(command).expect("it starts")
    }

    /// Everything it prints, and its exit.
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

    #[test]
    fn output_errors_and_status_come_apart() {
        let mut process = start("echo out; echo err >&2; exit 7");
        assert_eq!(drain(&mut *process), (b"out\n".to_vec(), b"err\n".to_vec(), Exit::Status(7)));
    }

    #[test]
    fn ten_megabytes_go_each_way_without_a_reader() {
        let mut process = start("cat; yes | head -c 3000000 >&2");
        let input: Vec<u8> = (0..10_000_000u32).map(|n| (n % 251) as u8).collect();
        process.write(&input, soon()).expect("written");
        process.close_input().expect("closed");
        let (stdout, stderr, exit) = drain(&mut *process);
        assert!(stdout == input);
        assert_eq!((stderr.len(), exit), (3_000_000, Exit::Status(0)));
    }

    #[test]
    fn a_signal_is_named() {
        assert_eq!(drain(&mut *start("kill -KILL $$")).2, Exit::Signal("KILL".into()));
    }

    #[test]
    fn a_deadline_holds_and_the_process_can_be_read_on() {
        let mut process = start("read line; echo got $line");
        assert_eq!(process.read(Instant::now() + Duration::from_millis(50)).expect_err("silent").cause, Cause::Timeout);
        process.write(b"it\n", soon()).expect("written");
        assert_eq!(drain(&mut *process).0, b"got it\n");
    }

    #[test]
    fn what_is_left_behind_with_open_pipes_does_not_hold_us_up() {
        let mut process = start("sleep 1000 & echo $!");
        let (stdout, _, exit) = drain(&mut *process);
        assert_eq!(exit, Exit::Status(0));
        let left_behind = String::from_utf8(stdout).expect("a number");
        drain(&mut *start(&format!("kill {left_behind}")));
    }

    #[test]
    fn a_child_that_closed_its_outputs_is_waited_for() {
        assert_eq!(drain(&mut *start("exec >&- 2>&-; sleep 0.1; exit 3")).2, Exit::Status(3));
    }

    #[test]
    fn input_that_nobody_reads_is_no_failure() {
        let mut process = start("exit 5");
        process.write(&vec![b'x'; 5_000_000], soon()).expect("dropped");
        assert_eq!(drain(&mut *process).2, Exit::Status(5));
    }

    #[test]
    fn letting_go_of_a_process_closes_its_input() {
        let folder = tempfile::tempdir().expect("a folder");
        let proof = folder.path().join("proof");
        drop(start(&format!("cat; echo done > {}", proof.display())));
        let until = soon();
        while !proof.exists() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(proof.exists());
    }
}
