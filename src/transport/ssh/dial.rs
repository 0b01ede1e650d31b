//! From a host name to an open TCP connection.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::transport::{Cause, Failure};

/// Opens a connection to the first address of `host` that answers before `deadline`.
///
/// # Errors
/// [`Cause::Name`], [`Cause::Refused`] or [`Cause::Timeout`], with what each address said.
pub fn dial(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, Failure> {
    first_open(&resolve(host, port, deadline)?, deadline)
}

fn first_open(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let mut said = Vec::new();
    let mut kinds = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        // A dead address must leave time for those behind it.
        let left = deadline.saturating_duration_since(Instant::now()) / (addresses.len() - number) as u32;
        match open(address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                said.push(format!("{address}: {}", plain(&error)));
                kinds.push(error.kind());
            }
        }
    }
    let cause = if kinds.contains(&io::ErrorKind::TimedOut) { Cause::Timeout } else { Cause::Refused };
    let failure = Failure::new(cause, said.join(", "));
    Err(match kinds.contains(&io::ErrorKind::ConnectionRefused) {
        true => failure.remedy("check that sshd runs there and listens on that port (`ansible_port` sets another)"),
        false => failure.remedy("check that the host is up, that its address is right, and that no firewall is in between"),
    })
}

fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // The system's resolver knows no deadline, so it gets a thread that may be left behind.
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    thread::spawn(move || sender.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect)));
    let said = match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses;
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            "it has no address".to_owned()
        }
        Ok(Err(error)) => plain(&error),
        Err(_) => "no name server answered in time".to_owned(),
    };
    Err(Failure::new(Cause::Name, format!("`{host}`: {said}"))
        .remedy("check the name in the inventory, or give its address: `ansible_host=ADDRESS`"))
}

fn open(address: &SocketAddr, left: Duration) -> io::Result<TcpStream> {
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let stream = TcpStream::connect_timeout(address, left)?;
    // Without it every small packet waits for the answer to the one before: 49 ms per exec instead of 3.
    stream.set_nodelay(true)?;
    // A line that was cut is noticed after about a minute, and an idle one is kept open by routers.
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, Duration::from_secs(20))?;
    sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(&stream, 4)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// What an I/O error says, in lower case and without its number.
pub fn plain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "no answer".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    text[..1].to_lowercase() + &text[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_name_that_does_not_exist_is_named() {
        let failure = dial("no-such-host.invalid", 22, soon()).expect_err("it does not exist");
        assert_eq!(failure.cause, Cause::Name);
        assert!(failure.message.starts_with("`no-such-host.invalid`: "), "{failure}");
    }

    #[test]
    fn a_closed_port_is_refused() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let failure = dial("127.0.0.1", port, soon()).expect_err("nothing listens");
        assert_eq!(failure.cause, Cause::Refused);
        assert_eq!(failure.message, format!("127.0.0.1:{port}: connection refused"));
    }

    // N03
    #[test]
    fn a_dead_address_leaves_time_for_the_next() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let alive = listener.local_addr().expect("it has one");
        // Addresses for documentation: no route, or packets into the dark.
        let dead = ["[2001:db8::1]:22", "192.0.2.1:22"].map(|address| address.parse().expect("an address"));
        let stream = first_open(&[dead[0], dead[1], alive], Instant::now() + Duration::from_secs(2)).expect("the last one answers");
        assert!(stream.nodelay().expect("it can be asked"));
        let failure = first_open(&dead, Instant::now() + Duration::from_millis(300)).expect_err("both are dead");
        assert!(failure.message.contains("[2001:db8::1]:22: ") && failure.message.contains(", 192.0.2.1:22: "), "{failure}");
        // Without a way out of this machine, both are refused at once.
        assert_eq!(failure.cause == Cause::Timeout, failure.message.contains("no answer"), "{failure}");
    }
}
