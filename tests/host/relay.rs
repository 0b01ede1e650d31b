//! A line that a test holds in its hand: a relay in front of a server, which falls silent and is cut on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it has one").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("we come");
                let server = TcpStream::connect(("127.0.0.1", server)).expect("it listens");
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

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.state.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
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
