//! An SSH session that never waits by itself. libssh2 sees one end of a socket pair; the bytes between its other
//! end and the network are moved here, a bounded piece at a time. So every call of libssh2 comes back, deadlines
//! hold whatever the other side sends, a flood before login is cut off, and what came before a broken line is
//! still read. `wire` moves the bytes, `pulse` hears whether anybody is there.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use libssh2_sys::LIBSSH2_ERROR_EAGAIN;
use ssh2::{Channel, ErrorCode, MethodType, Session};

use super::network::Network;
use super::pulse::{Due, Pulse};
use super::wire::{Broken, Wire};

/// Newer and hybrid exchanges first; none with SHA-1.
const EXCHANGES: &str = "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,\
    ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,\
    diffie-hellman-group18-sha512,diffie-hellman-group14-sha256";

/// Ciphers that authenticate what they encrypt, and no others: libssh2's code for the others has had holes. AES
/// first, for Terrapin needs chacha20 or a MAC of its own.
const CIPHERS: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com";

/// A session with one host. All of it is meant for one thread.
pub struct Line {
    // ssh2 frees a channel without taking the session's lock (rust-lang/ssh2-rs issue 322). Every channel is kept
    // here until the session goes as well, so that none is freed beside a call.
    channels: Mutex<Vec<Channel>>,
    session: Session,
    wire: Mutex<Wire>,
}

impl Line {
    /// Shakes hands over `network`, asking for a host key of the first of `host_key_methods` that the host has. Once we
    /// are logged in, the line is lost after `silence`.
    pub fn open(network: Box<dyn Network>, host_key_methods: &str, silence: Duration, deadline: Instant) -> Result<Arc<Self>, Broken> {
        let mut session = Session::new()?;
        session.set_blocking(false);
        for (kind, methods) in [
            (MethodType::Kex, EXCHANGES),
            (MethodType::HostKey, host_key_methods),
            (MethodType::CryptCs, CIPHERS),
            (MethodType::CryptSc, CIPHERS),
        ] {
            session.method_pref(kind, methods)?;
        }
        let (wire, inner) = Wire::new(network, silence)?;
        session.set_tcp_stream(inner);
        // Any time that is not none: `pulse` says when.
        session.set_keepalive(true, 2);
        let line = Self { channels: Mutex::default(), session, wire: Mutex::new(wire) };
        let mut session = line.session.clone();
        line.drive(deadline, |_| ready(session.handshake()))?;
        Ok(Arc::new(line))
    }

    /// The session, for questions that need no answer from the host.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Repeats `step`, which gives `None` while it waits for the host.
    pub fn drive<T>(&self, deadline: Instant, mut step: impl FnMut(&Session) -> Result<Option<T>, Broken>) -> Result<T, Broken> {
        let mut late = false;
        loop {
            if let Some(value) = step(&self.session)? {
                self.wire().send();
                return Ok(value);
            }
            // What came just in time has been looked at; a host that only keeps talking gains nothing by it.
            if late {
                return Err(Broken::Late);
            }
            late = Instant::now() >= deadline;
            self.shuttle(deadline)?;
        }
    }

    /// Waits until libssh2 has something new to read, or room to write.
    pub fn shuttle(&self, deadline: Instant) -> Result<(), Broken> {
        self.listening(deadline, Wire::shuttle)
    }

    /// Sends all that libssh2 has written.
    pub fn flush(&self, deadline: Instant) -> Result<(), Broken> {
        self.listening(deadline, Wire::flush)
    }

    /// Does what may wait until `deadline`, and meanwhile makes sure that somebody is there.
    fn listening(&self, deadline: Instant, work: impl Fn(&mut Wire, Instant) -> Result<(), Broken>) -> Result<(), Broken> {
        loop {
            let mut wire = self.wire();
            let due = wire.pulse().map(|pulse| (pulse.due(Instant::now()), pulse.silence()));
            let look_up = match due {
                Some((Due::Dead, silence)) => {
                    return Err(Broken::Gone(format!("nothing was heard from the host for {} seconds", silence.as_secs())));
                }
                Some((Due::Ask, _)) => {
                    // What waits to be sent asks as well, and a question in between would tear it apart.
                    let clear = wire.is_clear();
                    wire.pulse().into_iter().for_each(Pulse::asked);
                    if clear {
                        self.session.keepalive_send()?;
                        wire.send();
                    }
                    continue;
                }
                Some((Due::Wait(until), _)) => deadline.min(until),
                None => deadline,
            };
            match work(&mut wire, look_up) {
                Err(Broken::Late) if look_up < deadline => {}
                other => return other,
            }
        }
    }

    /// Moves what can be moved without waiting: whether libssh2 got something to read.
    pub fn pump(&self) -> Result<bool, Broken> {
        let mut wire = self.wire();
        wire.send();
        wire.receive()
    }

    /// Whether all that libssh2 has written is on its way.
    pub fn is_clear(&self) -> bool {
        self.wire().is_clear()
    }

    /// Sends what goes without waiting.
    pub fn send(&self) {
        self.wire().send();
    }

    /// Lifts the limit on what the host may send before it is known and has let us in.
    pub fn trust(&self) {
        self.wire().trust();
    }

    /// Opens a channel for a process; it lives as long as the line.
    pub fn channel(&self, deadline: Instant) -> Result<Channel, Broken> {
        self.keep(self.drive(deadline, |session| ready(session.channel_session()))?)
    }

    /// Opens a channel to an address as the host sees it; it lives as long as the line.
    pub fn channel_to(&self, host: &str, port: u16, deadline: Instant) -> Result<Channel, Broken> {
        self.keep(self.drive(deadline, |session| ready(session.channel_direct_tcpip(host, port, None)))?)
    }

    fn keep(&self, channel: Channel) -> Result<Channel, Broken> {
        self.channels.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(channel.clone());
        Ok(channel)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// `None` when libssh2 only wants to be asked again.
pub fn ready<T>(result: Result<T, ssh2::Error>) -> Result<Option<T>, Broken> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == ErrorCode::Session(LIBSSH2_ERROR_EAGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What ssh2 wraps into an I/O error.
pub fn broken(error: io::Error) -> Broken {
    error.downcast::<ssh2::Error>().map_or_else(Broken::from, Broken::from)
}

impl Drop for Line {
    fn drop(&mut self) {
        // A word of farewell if it can go at once. Behind it libssh2 finds its socket closed, and so frees the
        // channels without waiting for the host.
        let _ = self.session.disconnect(None, "done", None);
        self.wire().hang_up();
    }
}
