//! A small web server beside the test: archives come from it, webhooks go to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// What it answers.
pub enum Answer {
    /// A status and a body.
    Bytes(u16, Vec<u8>),
    /// Nothing, for long.
    Hang,
}

/// A request: its first line and its body.
pub struct Request {
    pub line: String,
    pub body: String,
}

/// Serves until the test ends; its address, without a `/` at the end.
pub fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || one(stream, &*answer));
        }
    });
    format!("http://{address}")
}

fn one(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines: Vec<String> = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_string());
    }
    let first = lines.first()?.clone();
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    match answer(&Request { line: first, body: String::from_utf8_lossy(&body).into_owned() }) {
        Answer::Bytes(status, bytes) => {
            let head = format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            stream.write_all(&[head.as_bytes(), &bytes].concat()).ok()
        }
        Answer::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            None
        }
    }
}
