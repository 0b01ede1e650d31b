//! What carries an SSH session: a TCP connection, a tunnel through another host, a command.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes both ways. Reading and writing never wait: they fail with [`io::ErrorKind::WouldBlock`].
pub trait Network: Read + Write + Send {
    /// Waits until there may be something to read (with `reading`), or room to write (with `writing`); false when
    /// there is not until `deadline`.
    fn wait(&mut self, reading: bool, writing: bool, deadline: Instant) -> io::Result<bool>;

    /// Ends it, both ways.
    fn hang_up(&mut self);

    /// What is known about its end, when the other side is no longer there.
    fn last_words(&mut self) -> Option<String> {
        None
    }
}

impl Network for TcpStream {
    fn wait(&mut self, reading: bool, writing: bool, deadline: Instant) -> io::Result<bool> {
        wait(&*self, reading, writing, deadline)
    }

    fn hang_up(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

/// [`Network::wait`] for what the system can wait for.
pub fn wait(fd: impl AsFd, reading: bool, writing: bool, deadline: Instant) -> io::Result<bool> {
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, reading);
    events.set(PollFlags::OUT, writing);
    loop {
        let timeout = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&fd, events)], timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}
