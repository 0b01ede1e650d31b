//! A line that a test holds in its hand: a relay in front of a server, which stops, goes on and is cut on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Passes on what comes, for every connection to its port.
pub struct Relay {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// How many more pieces the server may say; `None` is no limit.
    answers: Mutex<Option<usize>>,
    changed: Condvar,
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

    /// From here on the server is heard this many times more, and then no more: the line is up and silent.
    pub fn silence_after(&self, answers: usize) {
        *self.state.answers.lock().expect("no panic") = Some(answers);
    }

    /// All is heard again, and what was held back.
    pub fn heal(&self) {
        *self.state.answers.lock().expect("no panic") = None;
        self.state.changed.notify_all();
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
        let mut left = state.answers.lock().expect("no panic");
        while *left == Some(0) {
            left = state.changed.wait(left).expect("no panic");
        }
        *left = left.map(|left| left - 1);
        drop(left);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
