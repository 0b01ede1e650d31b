//! A way through a jump host: a channel of its session, which ends in a TCP connection from there.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use ssh2::Channel;

use super::line::{Line, broken};
use super::network::Network;
use super::wire::Broken;

/// The longest packet of libssh2; what is shorter goes into an empty socket whole.
const PACKET: usize = 32 << 10;

/// A connection from a jump host onwards.
pub struct Tunnel {
    // Let go of before the line, which keeps the last hold on it.
    channel: Channel,
    line: Arc<Line>,
    /// The jump host, for messages.
    hop: String,
}

impl Tunnel {
    /// From the host at the end of `line`, named `hop`, to `host` as it is seen from there.
    pub fn open(line: Arc<Line>, hop: &str, host: &str, port: u16, deadline: Instant) -> Result<Self, Broken> {
        Ok(Self { channel: line.channel_to(host, port, deadline)?, line, hop: hop.to_owned() })
    }

    fn failed(&self, why: Broken) -> io::Error {
        let why = match why {
            Broken::Late => return ErrorKind::TimedOut.into(),
            Broken::Gone(how) | Broken::Garbage(how) => how,
            Broken::Ssh(error) => error.message().to_lowercase(),
        };
        io::Error::other(format!("the line to the jump host `{}` is lost: {why}", self.hop))
    }
}

impl Read for Tunnel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.channel.read(buffer) {
                Ok(0) if !self.channel.eof() => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failed(broken(error))),
                Ok(count) => return Ok(count),
            }
            if !self.line.pump().map_err(|error| self.failed(error))? {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }
}

impl Write for Tunnel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // libssh2 sends nothing else while a packet is half out, so none is ever left half out.
        self.line.send();
        if !self.line.is_clear() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = self.channel.write(&bytes[..bytes.len().min(PACKET)]);
        self.line.send();
        match written {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(self.failed(broken(error))),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Network for Tunnel {
    fn wait(&mut self, _: bool, _: bool, deadline: Instant) -> io::Result<bool> {
        match self.line.shuttle(deadline) {
            Ok(()) => Ok(true),
            Err(Broken::Late) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn hang_up(&mut self) {
        let _ = self.channel.close();
        self.line.send();
    }
}
