//! Several people: recipients come and go, files are encrypted anew, and stay readable throughout.

use std::process::Stdio;

use hoist::secret::{Identities, age_file};

use crate::site::{Site, has, said};

#[test]
fn somebody_is_added_and_taken_out() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    site.file("environments/prod/assets/key.pem", "PEM\n");
    site.run(&["secrets", "encrypt", "environments/prod/assets/key.pem"]).good();
    let (bob, public) = site.person("bob");
    let run = site.run(&["secrets", "recipients", "add", "env=prod", &public, "--name", "bob"]);
    assert!(run.status == 1 && run.stderr.contains("nobody is there to answer"), "{run}");
    assert_eq!(site.run_as(&bob, &["secrets", "show", "env=prod"]).status, 1);
    site.run(&["secrets", "recipients", "add", "env=prod", &public, "--name", "bob", "--yes"]).good();
    assert!(site.run(&["secrets", "recipients", "list", "env=prod"]).good().stdout.contains("bob"));
    let shown = site.run_as(&bob, &["secrets", "show", "env=prod", "--reveal", "password"]).good();
    assert_eq!(shown.stdout, "hunter2000\n");
    assert_eq!(site.run_as(&bob, &["secrets", "decrypt", "environments/prod/assets/key.pem.age"]).good().stdout, "PEM\n");

    let run = site.run(&["secrets", "recipients", "remove", "env=prod", "bob", "--yes"]).good();
    for part in ["goes: bob", "  password", "  environments/prod/assets/key.pem.age", "change these where they are used"] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    assert_eq!(site.run_as(&bob, &["secrets", "show", "env=prod"]).status, 1);
    assert!(!String::from_utf8_lossy(&site.read("environments/prod/recipients.txt")).contains("bob"));
    let run = site.run(&["secrets", "recipients", "remove", "env=prod", "tester", "--yes"]);
    assert!(run.status == 1 && run.stderr.contains("nobody would be left"), "{run}");
}

#[test]
fn ssh_keys_open_secrets_and_a_passphrase_is_asked_once() {
    if !has("ssh-keygen") || !has("python3") {
        return;
    }
    let site = Site::new();
    site.set("password", "hunter2000\n");
    site.file("environments/prod/assets/a", "A\n");
    site.run(&["secrets", "encrypt", "environments/prod/assets/a"]).good();
    for (kind, extra) in [("ed25519", None), ("rsa", Some("3072"))] {
        for passphrase in ["", "open sesame"] {
            let home = site.root().parent().expect("a folder").join(format!("{kind}{}", passphrase.len()));
            std::fs::create_dir_all(home.join(".ssh")).expect("writable");
            let key = home.join(format!(".ssh/id_{kind}"));
            let mut words = vec!["-q", "-t", kind, "-N", passphrase, "-C", "dave@laptop", "-f"];
            let path = key.display().to_string();
            words.push(&path);
            words.extend(extra.into_iter().flat_map(|bits| ["-b", bits]));
            said(site.command("ssh-keygen").args(words)).good();
            site.run(&["secrets", "recipients", "add", "env=prod", &format!("{path}.pub"), "--yes"]).good();
            if passphrase.is_empty() {
                site.run_as(&home, &["secrets", "show", "env=prod"]).good();
                continue;
            }
            let run = site.run_as(&home, &["secrets", "show", "env=prod"]);
            assert!(run.status == 1 && run.stderr.contains("locked with a passphrase"), "{run}");
            // On a terminal it is asked for, once for all files.
            let script = format!(
                "import os, pty, time\npid, fd = pty.fork()\nif pid == 0:\n    os.execv('{}', ['hoist', 'secrets', 'rekey', 'env=prod'])\nseen = b''\nasked = 0\nwhile True:\n    try:\n        part = os.read(fd, 4096)\n    except OSError:\n        break\n    if not part:\n        break\n    seen += part\n    if seen.count(b'Passphrase of') > asked:\n        asked += 1\n        time.sleep(0.5)\n        os.write(fd, b'{passphrase}\\n')\n_, status = os.waitpid(pid, 0)\nprint(asked, os.waitstatus_to_exitcode(status))\nprint(seen.decode())\n",
                env!("CARGO_BIN_EXE_hoist")
            );
            let run = said(site.command("python3").args(["-c", &script]).env("HOME", &home)).good();
            assert!(run.stdout.starts_with("1 0\n"), "{run}");
            assert!(!run.stdout.contains(passphrase), "it is not echoed: {run}");
        }
    }
}

// V06
#[test]
fn a_rekey_that_is_killed_leaves_every_file_readable() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let files: Vec<String> = (0..30).map(|n| format!("environments/prod/assets/f{n}.age")).collect();
    for (n, file) in files.iter().enumerate() {
        let plain = file.trim_end_matches(".age");
        site.file(plain, &format!("content {n}\n"));
        site.run(&["secrets", "encrypt", plain]).good();
    }
    let (_, public) = site.person("bob");
    let text = String::from_utf8(site.read("environments/prod/recipients.txt")).expect("text");
    site.file("environments/prod/recipients.txt", &format!("{text}# bob\n{public}\n"));
    let key = std::fs::read_to_string(site.identity()).expect("readable");
    let identities = Identities::of_texts(&[key.lines().nth(1).expect("the key").to_string()], &[]);
    let mut between = 0;
    for wait in (0..40).map(|n| n * 2) {
        let mut child = site.hoist().args(["secrets", "rekey", "env=prod"]).stdout(Stdio::null()).spawn().expect("hoist runs");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        let recipients: Vec<usize> = files
            .iter()
            .enumerate()
            .map(|(n, file)| {
                let bytes = site.read(file);
                let plaintext = age_file::decrypt(&bytes, &identities).unwrap_or_else(|error| panic!("{file}: {error:?}"));
                assert_eq!(plaintext.expose(), format!("content {n}\n").as_bytes());
                age_file::stanzas(&bytes).len()
            })
            .collect();
        between += usize::from(recipients.contains(&1) && recipients.contains(&2));
        if recipients.iter().all(|count| *count == 2) {
            // All are done: from the start again, to be killed elsewhere.
            site.file("environments/prod/recipients.txt", &text);
            site.run(&["secrets", "rekey", "env=prod"]).good();
            site.file("environments/prod/recipients.txt", &format!("{text}# bob\n{public}\n"));
        }
    }
    println!("{between} of 40 were killed between two files");
    site.file("environments/prod/recipients.txt", &text);
    site.run(&["secrets", "rekey", "env=prod"]).good();
    site.file("environments/prod/recipients.txt", &format!("{text}# bob\n{public}\n"));
    for words in [&["secrets", "show", "env=prod"][..], &["check", "env=prod"]] {
        let run = site.run(words).good();
        assert!(run.stderr.contains("is not for exactly those in recipients.txt"), "{run}");
    }
    site.run(&["secrets", "rekey", "env=prod"]).good();
    assert!(!site.run(&["check", "env=prod"]).good().stderr.contains("is not for exactly"));
}

// V12
#[test]
fn a_generated_secret_is_made_once() {
    let site = Site::new();
    site.set("other", "x\n");
    let start = || {
        site.hoist()
            .args(["secrets", "generate", "token", "env=prod"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("hoist runs")
    };
    let children: Vec<_> = (0..6).map(|_| start()).collect();
    let good = children.into_iter().map(|mut child| child.wait().expect("it ends").success()).filter(|good| *good).count();
    assert!(good >= 1);
    let value = site.reveal("token");
    assert_eq!(value.len(), 32);
    site.run(&["secrets", "generate", "token", "env=prod"]).good();
    assert_eq!(site.reveal("token"), value, "running it again changes nothing");
    site.run(&["secrets", "generate", "token", "env=prod", "--replace", "--hex", "--length", "64"]).good();
    let new = site.reveal("token");
    assert!(new.len() == 64 && new.chars().all(|c| c.is_ascii_hexdigit()) && new != value);
    site.run(&["secrets", "generate", "url", "env=prod", "--urlsafe"]).good();
    assert!(site.reveal("url").chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    assert_eq!(site.reveal("other"), "x");
}

#[test]
fn keys_come_from_github_and_are_shown_first() {
    use std::io::{Read as _, Write as _};
    if !has("ssh-keygen") {
        return;
    }
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let key = site.root().join("id");
    said(site.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key)).good();
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("made").trim().to_string();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let body = format!("{public}\necdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=\n");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let there = request[..length].starts_with(b"GET /octocat.keys ");
            let (status, body) = if there { ("200 OK", body.as_str()) } else { ("404 Not Found", "") };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    site.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [web]\nsettings: {{ github_url: 'http://127.0.0.1:{port}' }}\n"));
    let run = site.run(&["secrets", "recipients", "add", "env=prod", "github:octocat"]);
    assert!(run.status == 1 && run.stdout.contains(&public) && run.stderr.contains("a key is left out"), "{run}");
    site.run(&["secrets", "recipients", "add", "env=prod", "github:octocat", "--yes"]).good();
    assert!(String::from_utf8_lossy(&site.read("environments/prod/recipients.txt")).contains(&format!("{public} github:octocat")));
    let run = site.run(&["secrets", "recipients", "add", "env=prod", "github:nobody", "--yes"]);
    assert!(run.status == 1 && run.stderr.contains("there is no such user"), "{run}");
    let run = site.run(&["secrets", "recipients", "add", "env=prod", "github:../x", "--yes"]);
    assert!(run.status == 1 && run.stderr.contains("no name of a GitHub user"), "{run}");
    site.file("hoist.yml", "plays: []\nsettings: { github_url: 'http://example.com' }\n");
    let run = site.run(&["secrets", "recipients", "add", "env=prod", "github:octocat", "--yes"]);
    assert!(run.status == 1 && run.stderr.contains("must start with https://"), "{run}");
}

// V08
#[test]
fn a_thousand_recipients_are_no_trouble() {
    let site = Site::new();
    let lines: String = (0..1000).map(|_| hoist::secret::identity::generate().1 + "\n").collect();
    let own = site.run(&["secrets", "recipients", "list", "env=prod"]);
    assert_eq!(own.status, 1, "there are none yet: {own}");
    site.set("password", "hunter2000\n");
    let text = String::from_utf8(site.read("environments/prod/recipients.txt")).expect("text");
    site.file("environments/prod/recipients.txt", &format!("{lines}{text}"));
    site.run(&["secrets", "rekey", "env=prod"]).good();
    assert_eq!(age_file::stanzas(&site.secrets()).len(), 1001);
    assert_eq!(site.reveal("password"), "hunter2000");
}

#[test]
fn environments_are_compared_by_name() {
    let site = Site::new();
    site.set("both", "same-value\n");
    site.set("only_prod", "x\n");
    site.run_with(&["secrets", "set", "both", "env=dev"], b"same-value\n").good();
    site.run_with(&["secrets", "set", "only_dev", "env=dev"], b"y\n").good();
    let run = site.run(&["secrets", "diff", "env=prod", "--with", "dev"]).good();
    assert_eq!(run.stdout, "only in prod: only_prod\nonly in dev: only_dev\nthe same in both: both\n");
}
