//! A real sshd of our own on 127.0.0.1, with keys made for one test, and the keys and agents that log in to it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hoist::transport::ssh::{HostKeyPolicy, HostKeys, Keys, SshTarget};
use tempfile::TempDir;

/// A server that dies with the test.
pub struct Sshd {
    pub folder: TempDir,
    pub port: u16,
    pub user: String,
    server: Child,
}

impl Sshd {
    /// A server with an ed25519 host key that lets the key `id` in; `None`, with a word about it, where there is no sshd.
    pub fn start() -> Option<Self> {
        Self::start_with(&["ed25519"], "")
    }

    /// The same with these kinds of host keys, and `settings` for its sshd_config.
    pub fn start_with(host_keys: &[&str], settings: &str) -> Option<Self> {
        let Some(program) = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"].into_iter().find(|path| Path::new(path).exists())
        else {
            println!("skipped: there is no sshd on this machine");
            return None;
        };
        // Where Debian's sshd wants to lock itself up; made at boot, but not in a container.
        let _ = fs::create_dir_all("/run/sshd");
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut config = format!(
            "ListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\nLogLevel VERBOSE\nAuthorizedKeysFile {}\n",
            at("authorized_keys")
        );
        config += settings;
        for kind in host_keys {
            make_key(&folder.path().join(format!("host_{kind}")), kind, "");
            config += &format!("\nHostKey {}\n", at(&format!("host_{kind}")));
        }
        make_key(&folder.path().join("id"), "ed25519", "");
        fs::copy(at("id.pub"), at("authorized_keys")).expect("copied");
        let user = String::from_utf8(Command::new("id").arg("-un").output().expect("it runs").stdout).expect("text").trim().to_owned();

        // Somebody may take a free port before sshd does; then another is tried.
        for _ in 0..5 {
            let port = free_port();
            fs::write(at("sshd_config"), format!("{config}\nPort {port}\n")).expect("written");
            let log = fs::File::create(at("log")).expect("created");
            let mut server = Command::new(program)
                .args(["-D", "-e", "-f", &at("sshd_config")])
                .stdin(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("it runs");
            let until = Instant::now() + Duration::from_secs(20);
            while Instant::now() < until && server.try_wait().expect("it is ours").is_none() {
                if fs::read_to_string(at("log")).expect("read").contains("Server listening") {
                    return Some(Self { folder, port, user, server });
                }
                thread::sleep(Duration::from_millis(5));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("sshd does not start: {}", fs::read_to_string(at("log")).expect("read"));
    }

    /// A file in the server's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("read")
    }

    /// Waits until the log has `text`, for sshd writes it when it gets to it.
    pub fn logged(&self, text: &str) -> bool {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(text) {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Ends all of its sessions at once; it listens on.
    pub fn kill_sessions(&self) {
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &self.server.id().to_string()]).output().expect("ps runs");
        for pid in String::from_utf8_lossy(&children.stdout).split_whitespace() {
            // The one that carries the bytes may be a child of it.
            let _ = Command::new("sh").args(["-c", &format!("kill -KILL $(ps -o pid= --ppid {pid}) {pid}")]).status();
        }
    }

    /// `kind base64` of the host key of that kind.
    pub fn host_key(&self, kind: &str) -> String {
        public_half(&self.path(&format!("host_{kind}")))
    }

    /// Writes the environment's known_hosts; `HOST` stands for the server, `[127.0.0.1]:port`.
    pub fn known_hosts(&self, text: &str, policy: HostKeyPolicy) -> HostKeys {
        fs::write(self.path("known_hosts"), text.replace("HOST", &format!("[127.0.0.1]:{}", self.port))).expect("written");
        HostKeys::read("prod", &self.path("known_hosts"), &[], policy)
    }

    /// A known_hosts with the server's ed25519 key.
    pub fn known(&self) -> HostKeys {
        self.known_hosts(&format!("HOST {}\n", self.host_key("ed25519")), HostKeyPolicy::Strict)
    }

    /// The server, with these keys.
    pub fn target(&self, keys: Keys) -> SshTarget {
        SshTarget::new("127.0.0.1", self.port, &self.user, keys)
    }

    /// The server, with the key file that it lets in.
    pub fn good_target(&self) -> SshTarget {
        self.target(named(&self.path("id")))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// One key file, as the inventory names it.
pub fn named(file: &Path) -> Keys {
    Keys { named: vec![file.to_owned()], ..Keys::default() }
}

/// Makes a key pair at `path`.
pub fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let mut keygen = Command::new("ssh-keygen");
    let made =
        keygen.args(["-q", "-t", kind, "-N", passphrase, "-C", "made for a test", "-f"]).arg(path).output().expect("ssh-keygen runs");
    assert!(made.status.success(), "{made:?}");
}

/// `kind base64` of the key at `path`.
pub fn public_half(path: &Path) -> String {
    let text = fs::read_to_string(path.with_extension("pub")).expect("read");
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// An ssh-agent of our own.
pub struct SshAgent {
    pub socket: PathBuf,
    agent: Child,
    _folder: TempDir,
}

impl SshAgent {
    /// An agent that holds the keys at `paths`, all without a passphrase.
    pub fn with(paths: &[PathBuf]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("agent");
        let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().expect("ssh-agent runs");
        let until = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let agent = Self { socket, agent, _folder: folder };
        for path in paths {
            let added = Command::new("ssh-add").arg("-q").arg(path).env("SSH_AUTH_SOCK", &agent.socket).output().expect("ssh-add runs");
            assert!(added.status.success(), "{added:?}");
        }
        agent
    }

    /// The keys it holds, and no others.
    pub fn keys(&self) -> Keys {
        Keys { agent: Some(self.socket.clone()), ..Keys::default() }
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}
