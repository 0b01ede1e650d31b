//! Processes over SSH: bytes each way, how they end, and lines that break.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hoist::transport::ssh::{HostKeyPolicy, HostKeys, SshTarget};
use hoist::transport::{Cause, Connection, Exit, Output};

use super::ways::{Over, on_all_ways};
use super::{connect, drain, run, soon};
use crate::relay::Relay;
use crate::sshd::Sshd;

#[test]
fn output_errors_and_status_come_apart() {
    on_all_ways("", |_, connection, over| {
        // The system's ssh does not say by which signal.
        let by = |signal: &str| if over == Over::OpenSsh { Exit::Status(255) } else { Exit::Signal(signal.into()) };
        assert_eq!(run(connection, "echo out; echo err >&2; exit 7"), ("out\n".into(), "err\n".into(), Exit::Status(7)));
        assert_eq!(run(connection, "kill -TERM $$").2, by("TERM"));
        assert_eq!(run(connection, "kill -KILL $$").2, by("KILL"));
        assert_eq!(run(connection, "no-such-command 2> /dev/null").2, Exit::Status(127));
        assert_eq!(run(connection, "exit 255").2, Exit::Status(255));
        assert_eq!(connection.execs(), 5);
    });
}

/// With new keys for the cipher every megabyte, as a server may ask for.
#[test]
fn ten_megabytes_go_each_way_at_once() {
    for settings in ["", "RekeyLimit 1M"] {
        on_all_ways(settings, |_, connection, _| {
            let input: Vec<u8> = (0..10_000_000u32).map(|n| (n % 251) as u8).collect();
            let mut process = connection.exec("cat; yes | head -c 10000000 >&2").expect("it starts");
            process.write(&input, soon()).expect("written");
            process.close_input().expect("closed");
            let (stdout, stderr, exit) = drain(&mut *process);
            assert!(stdout == input, "{} bytes", stdout.len());
            // The server of the test says in there what it logs while it starts the shell.
            let text = String::from_utf8_lossy(&stderr);
            let (all, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| *line == "y");
            println!("{others:?}");
            assert!(others.len() < 5 && all.len() + others.len() >= 5_000_000 && all.len() <= 5_000_000, "{} and {others:?}", all.len());
            assert_eq!(exit, Exit::Status(0));
        });
    }
}

#[test]
fn neither_output_hides_the_other() {
    on_all_ways("", |_, connection, _| {
        for (command, wanted) in [
            ("yes >&2 & echo seen; wait", Output::Stdout(b"seen\n".to_vec())),
            ("yes & echo seen >&2; wait", Output::Stderr(b"seen\n".to_vec())),
        ] {
            let mut process = connection.exec(command).expect("it starts");
            let seen = (0..10_000).any(|_| process.read(soon()).expect("it answers") == wanted);
            assert!(seen, "{command}");
        }
        assert_eq!(run(connection, "echo again").0, "again\n");
    });
}

#[test]
fn a_deadline_holds_and_the_process_can_be_read_on() {
    on_all_ways("", |_, connection, _| {
        let mut process = connection.exec("read line; echo got $line").expect("it starts");
        assert_eq!(process.read(Instant::now() + Duration::from_millis(50)).expect_err("silent").cause, Cause::Timeout);
        process.write(b"it\n", soon()).expect("written");
        assert_eq!(drain(&mut *process).0, b"got it\n");
    });
}

#[test]
fn processes_run_beside_each_other() {
    on_all_ways("", |_, connection, _| {
        let mut first = connection.exec("read line; echo first $line").expect("it starts");
        assert_eq!(run(connection, "echo second").0, "second\n");
        first.write(b"then\n", soon()).expect("written");
        assert_eq!(drain(&mut *first).0, b"first then\n");
    });
}

#[test]
fn input_that_nobody_reads_is_no_failure() {
    on_all_ways("", |_, connection, _| {
        let mut process = connection.exec("exit 5").expect("it starts");
        process.write(&vec![b'x'; 5_000_000], soon()).expect("dropped");
        process.close_input().expect("nothing to close");
        assert_eq!(drain(&mut *process).2, Exit::Status(5));
    });
}

// N15
#[test]
fn one_session_at_a_time_is_enough() {
    let Some(sshd) = Sshd::start_with(&["ed25519"], "MaxSessions 1") else { return };
    let mut connection = connect(&sshd.good_target(), &sshd.known()).expect("connected");
    for _ in 0..5 {
        assert_eq!(run(&mut connection, "true").2, Exit::Status(0));
    }
    let _first = connection.exec("cat").expect("it starts");
    let failure = connection.exec("true").err().expect("one too many");
    assert_eq!(failure.cause, Cause::Refused);
    assert!(failure.remedy[0].contains("MaxSessions"), "{failure:?}");
}

#[test]
fn letting_go_of_a_process_closes_its_input_and_does_not_wait() {
    on_all_ways("", |sshd, connection, over| {
        let (proof, ready) = (sshd.path(&format!("proof-{over:?}")), sshd.path(&format!("ready-{over:?}")));
        let command = format!("touch {}; cat > /dev/null; echo done > {}; sleep 60", ready.display(), proof.display());
        let process = connection.exec(&command).expect("it starts");
        wait_for(&ready);
        drop(process);
        wait_for(&proof);
        assert_eq!(run(connection, "echo still here").0, "still here\n");
    });
}

fn wait_for(path: &std::path::Path) {
    let until = soon();
    while !path.exists() {
        assert!(Instant::now() < until, "{} does not appear", path.display());
        thread::sleep(Duration::from_millis(5));
    }
}

// N11
#[test]
fn what_came_before_a_broken_line_is_read_and_then_it_is_lost() {
    on_all_ways("", |_, connection, over| {
        // The process on the host kills the server's half of its own connection.
        let mut process = connection.exec("yes | head -c 1000000; kill -KILL $PPID; sleep 5").expect("it starts");
        let mut bytes = 0;
        let failure = loop {
            match process.read(soon()) {
                Ok(Output::Stdout(more)) => bytes += more.len(),
                Ok(Output::Stderr(_)) if over == Over::OpenSsh => {}
                Ok(other) => panic!("{other:?}"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.cause, Cause::Lost, "{failure}");
        assert!(bytes > 0);
        if over != Over::OpenSsh {
            assert_eq!(process.read(soon()).expect_err("still").cause, Cause::Lost);
            assert_eq!(process.write(b"x", soon()).and_then(|()| process.read(soon())).expect_err("still").cause, Cause::Lost);
        }
        let again = connection.exec("true").and_then(|mut process| {
            loop {
                if let Output::Exit(exit) = process.read(soon())? {
                    return Ok(exit);
                }
            }
        });
        assert_eq!(again.expect_err("gone").cause, Cause::Lost);
    });
}

/// A relay in front of a server, and how to reach the server through it.
fn relayed(sshd: &Sshd) -> (Relay, SshTarget, HostKeys) {
    let relay = Relay::to(sshd.port);
    let target = SshTarget { port: relay.port, ..sshd.good_target() };
    let known = sshd.known_hosts(&format!("[127.0.0.1]:{} {}", relay.port, sshd.host_key("ed25519")), HostKeyPolicy::Strict);
    (relay, target, known)
}

/// Everything up to the cut is handed out, down to the last byte that crossed the wire.
#[test]
fn a_line_that_is_cut_is_lost() {
    let Some(sshd) = Sshd::start() else { return };
    let (relay, target, known) = relayed(&sshd);
    let mut connection = connect(&target, &known).expect("connected");
    let mut process = connection.exec("echo before; cat").expect("it starts");
    assert_eq!(process.read(soon()).expect("it answers"), Output::Stdout(b"before\n".to_vec()));
    relay.cut();
    assert_eq!(process.read(soon()).expect_err("cut").cause, Cause::Lost);
    drop(process);
    drop(connection);
}

/// A real server, whose packets cross a relay that lets go of them a few bytes at a time.
#[test]
fn packets_may_come_in_crumbs() {
    let Some(sshd) = Sshd::start() else { return };
    let relay = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = relay.local_addr().expect("it has one").port();
    let server = sshd.port;
    thread::spawn(move || {
        let (mut client, _) = relay.accept().expect("we come");
        let mut host = TcpStream::connect(("127.0.0.1", server)).expect("it listens");
        let (mut from_client, mut to_host) = (client.try_clone().expect("cloned"), host.try_clone().expect("cloned"));
        thread::spawn(move || std::io::copy(&mut from_client, &mut to_host));
        let mut crumb = [0; 7];
        while let Ok(count @ 1..) = host.read(&mut crumb) {
            if client.write_all(&crumb[..count]).is_err() {
                break;
            }
        }
    });
    let mut target = sshd.good_target();
    target.port = port;
    let known = sshd.known_hosts(&format!("[127.0.0.1]:{port} {}", sshd.host_key("ed25519")), HostKeyPolicy::Strict);
    let mut connection = connect(&target, &known).expect("connected");
    fs::write(sshd.path("data"), vec![b'x'; 30_000]).expect("written");
    assert_eq!(run(&mut connection, &format!("cat {}", sshd.path("data").display())).0.len(), 30_000);
}

/// Text that sshd and the shell put in front is no trouble for the transport. H02
#[test]
fn banners_and_rc_files_do_not_stop_it() {
    let Some(sshd) = Sshd::start_with(&["ed25519"], "Banner /etc/services\nPrintMotd yes") else { return };
    let mut connection = connect(&sshd.good_target(), &sshd.known()).expect("connected");
    assert_eq!(run(&mut connection, "echo hello").0, "hello\n");
}
