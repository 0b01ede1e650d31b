//! Servers that are not there, do not answer, or mean no good: bounded time, bounded memory, a plain word. N20

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hoist::transport::ssh::{HostKeyPolicy, HostKeys, Keys, Patience, Shown, SshConnection, SshTarget, fetch_host_key};
use hoist::transport::{Cause, Failure};

use super::{LONG, soon};
use crate::sshd::free_port;

fn nobody_known() -> HostKeys {
    HostKeys::read("prod", "/nonexistent/known_hosts".as_ref(), &[], HostKeyPolicy::Strict)
}

fn fetch(host: &str, port: u16, timeout: Duration) -> Result<Shown, Failure> {
    fetch_host_key(&SshTarget::new(host, port, "nobody", Keys::default()), &nobody_known(), Patience::to_connect(timeout))
}

/// The failure to connect to a server that treats every connection with `manners`.
fn failure_with(timeout: Duration, manners: impl Fn(TcpStream) + Send + 'static) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    thread::spawn(move || {
        for client in listener.incoming() {
            manners(client.expect("we come"));
        }
    });
    let began = Instant::now();
    let failure = fetch("127.0.0.1", port, timeout).expect_err("there is no SSH");
    assert!(began.elapsed() < timeout + LONG, "the deadline was not kept");
    failure
}

/// Writes `bytes` over and over until nobody listens.
fn flood(mut client: TcpStream, bytes: &[u8]) {
    while client.write_all(bytes).is_ok() {}
}

#[test]
fn nothing_listens() {
    let target = SshTarget::new("127.0.0.1", free_port(), "nobody", Keys::default());
    let failure = SshConnection::connect(&target, &nobody_known(), Patience::to_connect(LONG)).err().expect("nothing there");
    assert_eq!((failure.cause, failure.message), (Cause::Refused, format!("127.0.0.1:{}: connection refused", target.port)));
}

#[test]
fn a_server_that_never_answers() {
    let failure = failure_with(Duration::from_millis(300), |client| {
        let _ = (&client).read(&mut [0; 1 << 10]);
        thread::sleep(LONG);
    });
    assert_eq!((failure.cause, failure.message.as_str()), (Cause::Timeout, "connected, but no answer to the handshake"));
}

#[test]
fn a_server_that_answers_a_byte_at_a_time() {
    let failure = failure_with(Duration::from_millis(500), |mut client| {
        for byte in b"SSH-2.0-slow".iter().cycle() {
            if client.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(failure.cause, Cause::Timeout);
}

#[test]
fn a_server_that_hangs_up() {
    let failure = failure_with(LONG, drop);
    assert_eq!(failure.cause, Cause::Refused);
    assert!(failure.message.starts_with("connected, but cut off during the handshake: "), "{failure}");
    let failure = failure_with(LONG, |mut client| client.write_all(b"SSH-2.0-x\r\n").expect("written"));
    assert_eq!(failure.cause, Cause::Refused);
}

#[test]
fn a_web_server() {
    let failure = failure_with(LONG, |mut client| {
        let _ = client.read(&mut [0; 1 << 10]);
        let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_eq!(
        (failure.cause, failure.message.as_str()),
        (Cause::Protocol, "no SSH server is listening there: it says `HTTP/1.1 400 Bad Request`")
    );
}

#[test]
fn garbage_instead_of_a_key_exchange() {
    for garbage in [b"\xff\xff\xff\xff garbage garbage".as_slice(), &[0; 64], b"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let failure = failure_with(LONG, move |mut client| {
            let _ = client.write_all(b"SSH-2.0-x\r\n");
            flood(client, garbage);
        });
        assert_eq!(failure.cause, Cause::Protocol, "{failure}");
    }
}

#[test]
fn an_endless_banner_line_or_flood() {
    for text in [b"welcome\r\n".repeat(1000), vec![b'x'; 1 << 16], vec![0; 1 << 16], b"\n".repeat(1 << 16)] {
        let failure = failure_with(LONG, move |client| flood(client, &text));
        assert_eq!(failure.cause, Cause::Protocol, "{failure}");
        assert!(failure.message.contains("it says `"), "{failure}");
    }
    let failure = failure_with(LONG, |mut client| {
        let _ = client.write_all(b"SSH-2.0-");
        flood(client, &[b'x'; 1 << 16]);
    });
    assert_eq!(failure.cause, Cause::Protocol, "{failure}");
}

/// Packets that are well formed, so that libssh2 keeps every one of them.
#[test]
fn an_endless_row_of_packets() {
    for kind in [2, 80, 100] {
        let mut packet = vec![0; 4 + 32_764];
        packet[..4].copy_from_slice(&32_764u32.to_be_bytes());
        packet[4] = 4;
        packet[5] = kind;
        let failure = failure_with(LONG, move |mut client| {
            let _ = client.write_all(b"SSH-2.0-x\r\n");
            flood(client, &packet);
        });
        assert_eq!(failure.cause, Cause::Protocol, "{failure}");
        assert!(failure.message.contains("did not come to the point"), "{failure}");
    }
}

#[test]
fn a_name_that_does_not_resolve() {
    let failure = fetch("no-such-host.invalid", 22, LONG).expect_err("it does not exist");
    assert_eq!(failure.cause, Cause::Name);
    assert!(soon() > Instant::now());
}
