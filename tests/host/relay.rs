//! A line that a test holds in its hand: a relay in front of a server, which falls silent and is cut on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes on what comes, for every connection to its port.
pub struct Relay {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    silent: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// To a port of 127.0.0.1.
    pub fn to(server: u16) -> Self {
        Self::before(("127.0.0.1".to_string(), server))
    }

    /// To an address.
    pub fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it has one").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("we come");
                let server = TcpStream::connect((server.0.as_str(), server.1)).expect("it listens");
                let clone = |stream: &TcpStream| stream.try_clone().expect("cloned");
                shared.streams.lock().expect("no panic").extend([clone(&client), clone(&server)]);
                let (mut from, mut to) = (clone(&client), clone(&server));
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let shared = shared.clone();
                thread::spawn(move || answers(server, client, &shared));
            }
        });
        Self { port, state }
    }

    /// From here on the server is not heard: the line is up and silent.
    pub fn silence(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// Ends all connections on this side; the server hears nothing of it.
    pub fn vanish(&self) {
        for client in self.state.streams.lock().expect("no panic").iter().step_by(2) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.state.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what comes until `limit` bytes have gone to the server; then cuts the line, and lets nobody through before the
/// test has looked.
pub struct Scissors {
    pub port: u16,
    cut: Receiver<()>,
    open: Arc<AtomicBool>,
}

impl Scissors {
    /// To an address.
    pub fn before(server: (String, u16), limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it has one").port();
        let (tell, cut) = channel();
        let (open, left) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(limit)));
        let shared = open.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.expect("we come");
                while !shared.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(10));
                }
                let mut server = TcpStream::connect((server.0.as_str(), server.1)).expect("it listens");
                let (mut from, mut to) = (server.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
                thread::spawn(move || std::io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Both)));
                let (tell, open, left) = (tell.clone(), shared.clone(), left.clone());
                thread::spawn(move || {
                    let mut piece = vec![0; 16 << 10];
                    while let Ok(count @ 1..) = client.read(&mut piece) {
                        if server.write_all(&piece[..count]).is_err() {
                            break;
                        }
                        let before = left.load(Ordering::SeqCst);
                        left.store(before.saturating_sub(count), Ordering::SeqCst);
                        if before > 0 && before <= count {
                            open.store(false, Ordering::SeqCst);
                            let _ = tell.send(());
                            break;
                        }
                    }
                    for stream in [&client, &server] {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                });
            }
        });
        Self { port, cut, open }
    }

    /// Waits for the cut, looks, and lets the next connection through.
    pub fn look(&self, look: impl FnOnce()) {
        self.cut.recv_timeout(Duration::from_secs(300)).expect("so much goes to the server");
        look();
        self.open.store(true, Ordering::SeqCst);
    }
}

fn answers(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if state.silent.load(Ordering::SeqCst) {
            // Not even an end: the other side would hear that.
            loop {
                thread::park();
            }
        }
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
