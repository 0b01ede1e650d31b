//! Moves bytes between the network and libssh2, and watches over them: see `line`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::dial::plain;
use super::greeting::{Greeting, VERSION};
use super::network::Network;
use super::pulse::Pulse;

/// How many bytes are moved at once.
const PIECE: usize = 64 << 10;

/// A stranger may send this much until we are logged in; a whole handshake takes less than a tenth of it.
const STRANGERS_BYTES: usize = 1 << 20;

/// Why a session cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// Nothing moved until the deadline.
    Late,
    /// The network connection is over: how it ended.
    Gone(String),
    /// The other side does not speak SSH: what it did instead.
    Garbage(String),
    /// What libssh2 says.
    Ssh(ssh2::Error),
}

impl From<ssh2::Error> for Broken {
    fn from(error: ssh2::Error) -> Self {
        Self::Ssh(error)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Gone(plain(&error))
    }
}

/// The network on one side, libssh2 on the other.
pub struct Wire {
    net: Box<dyn Network>,
    inner: UnixStream,
    pulse: Pulse,
    incoming: Piece,
    outgoing: Piece,
    greeting: Option<Greeting>,
    stranger: Option<usize>,
    ended: Option<String>,
}

/// Bytes on their way: `bytes[sent..filled]`.
struct Piece {
    bytes: Box<[u8]>,
    sent: usize,
    filled: usize,
}

impl Piece {
    fn new() -> Self {
        Self { bytes: vec![0; PIECE].into(), sent: 0, filled: 0 }
    }

    fn is_empty(&self) -> bool {
        self.sent == self.filled
    }

    /// Takes the next bytes from `source`: how many, or `None` when there are none yet.
    fn fill(&mut self, source: &mut (impl Read + ?Sized)) -> io::Result<Option<usize>> {
        (self.sent, self.filled) = (0, 0);
        let count = at_once(|| source.read(&mut self.bytes))?;
        self.filled = count.unwrap_or(0);
        Ok(count)
    }

    /// Gives as many bytes to `sink` as it takes now.
    fn drain(&mut self, sink: &mut (impl Write + ?Sized)) -> io::Result<()> {
        while !self.is_empty() {
            match at_once(|| sink.write(&self.bytes[self.sent..self.filled]))? {
                Some(count) => self.sent += count,
                None => break,
            }
        }
        Ok(())
    }

    /// Leaves only the last `count` bytes.
    fn keep_last(&mut self, count: usize) {
        self.sent = self.filled - count;
    }
}

/// `None` when it would have to wait.
fn at_once(mut io: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match io() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            other => return other.map(Some),
        }
    }
}

impl Wire {
    /// A wire to `net`, and the end of it that is libssh2's.
    pub fn new(net: Box<dyn Network>, silence: Duration) -> io::Result<(Self, UnixStream)> {
        let (inner, theirs) = UnixStream::pair()?;
        inner.set_nonblocking(true)?;
        let wire = Self {
            net,
            inner,
            pulse: Pulse::new(silence),
            incoming: Piece::new(),
            outgoing: Piece::new(),
            greeting: Some(Greeting::default()),
            stranger: Some(0),
            ended: None,
        };
        Ok((wire, theirs))
    }

    /// Counts no longer what comes in.
    pub fn trust(&mut self) {
        self.stranger = None;
    }

    /// When it must be asked whether anybody is there, for nothing is heard; none before we are logged in.
    pub fn pulse(&mut self) -> Option<&mut Pulse> {
        self.stranger.is_none().then_some(&mut self.pulse)
    }

    /// Whether all that libssh2 has written is on its way.
    pub fn is_clear(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Moves bytes until libssh2 has something new to read, or room to write; waits for the network if need be.
    pub fn shuttle(&mut self, deadline: Instant) -> Result<(), Broken> {
        let mut made_room = self.send();
        loop {
            if self.receive()? || made_room {
                return Ok(());
            }
            if let Some(how) = &self.ended {
                let how = self.net.last_words().unwrap_or_else(|| how.clone());
                return Err(match &self.greeting {
                    Some(greeting) => greeting.cut_short(&how),
                    None => Broken::Gone(how),
                });
            }
            self.wait(deadline)?;
            if !self.outgoing.is_empty() {
                made_room = self.send() || self.outgoing.is_empty();
            }
        }
    }

    /// Sends until nothing is left to send.
    pub fn flush(&mut self, deadline: Instant) -> Result<(), Broken> {
        loop {
            self.send();
            if self.outgoing.is_empty() || self.ended.is_some() {
                return Ok(());
            }
            self.receive()?;
            self.wait(deadline)?;
        }
    }

    /// From libssh2 to the network, as much as goes at once: whether libssh2 got room to write.
    pub fn send(&mut self) -> bool {
        let mut made_room = false;
        loop {
            if self.outgoing.drain(&mut *self.net).is_err() {
                // How it ended is for the reading side to say, which may hold unread bytes still.
                self.outgoing.keep_last(0);
            }
            self.pulse.sent(self.outgoing.is_empty());
            if !self.outgoing.is_empty() || !matches!(self.outgoing.fill(&mut self.inner), Ok(Some(1..))) {
                return made_room;
            }
            made_room = true;
        }
    }

    /// From the network to libssh2, what is there now: whether it got something to read.
    pub fn receive(&mut self) -> Result<bool, Broken> {
        if self.incoming.is_empty() && self.ended.is_none() {
            match self.incoming.fill(&mut *self.net) {
                Ok(None) => {}
                Ok(Some(0)) => self.ended = Some("the host closed the connection".to_owned()),
                Ok(Some(count)) => {
                    self.pulse.heard();
                    self.heard(count)?;
                }
                Err(error) => self.ended = Some(plain(&error)),
            }
        }
        let before = self.incoming.sent;
        self.incoming.drain(&mut self.inner)?;
        Ok(self.incoming.sent > before)
    }

    /// Looks at what came in before it is passed on.
    fn heard(&mut self, count: usize) -> Result<(), Broken> {
        if let Some(total) = &mut self.stranger {
            *total += count;
            if *total > STRANGERS_BYTES {
                return Err(Broken::Garbage(format!("it sent {total} bytes and did not come to the point")));
            }
        }
        if let Some(greeting) = &mut self.greeting {
            match greeting.listen(&self.incoming.bytes[..count])? {
                None => self.incoming.keep_last(0),
                Some(behind) => {
                    self.greeting = None;
                    self.inner.write_all(VERSION)?;
                    self.incoming.keep_last(behind);
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, deadline: Instant) -> Result<(), Broken> {
        match self.net.wait(self.incoming.is_empty(), !self.outgoing.is_empty(), deadline) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Broken::Late),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what goes at once, and ends both sides.
    pub fn hang_up(&mut self) {
        self.send();
        self.net.hang_up();
        let _ = self.inner.shutdown(Shutdown::Both);
    }
}
