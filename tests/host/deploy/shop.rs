//! The shop: an application in Python and Node, with a database, on hosts that have nginx in front of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::machine::{Machine, Project, Run, testhost, text};

/// What all roles of the hosts would install; with it in their root no test waits for that.
const PACKAGES: &str = "nginx,openssl,logrotate,openssh-client,tar,gzip,postgresql-15,nodejs,python3,python3-venv,fcgiwrap";

/// The application, as it lies in tests/host/shop.
const FILES: &[(&str, &str)] = &[
    ("server.py", include_str!("../shop/server.py")),
    ("worker.sh", include_str!("../shop/worker.sh")),
    ("worker.js", include_str!("../shop/worker.js")),
    ("build.js", include_str!("../shop/build.js")),
    ("migrate", include_str!("../shop/migrate")),
    ("migrations/1-items.sql", include_str!("../shop/migrations/1-items.sql")),
];

const SETTINGS: &str = r#"
app_name: shop
app_env: { GREETING: "{{ greeting }}" }
greeting: hello
app_shared: [media/]
app_build: [node build.js]
app_processes:
  web: { command: "python3 server.py $PORT", port: 8000, health: { path: /health, timeout: 60 }, drain: 5, stop_timeout: 5 }
  worker: { command: sh worker.sh, startsecs: 1, stop_timeout: 5 }
app_check: { url: "http://127.0.0.1/", timeout: 60 }
nginx_sites:
  shop: { server_name: _, default_server: true, locations: { /: { proxy_pass: "http://shop-web" } } }
"#;

/// For releases that are meant to be sick: their health is waited for no longer than this.
pub const SICK: &str = "app_processes:
  web: { command: python3 server.py $PORT, port: 8000, health: { path: /health, timeout: 8 }, drain: 5, stop_timeout: 5 }
  worker: { command: sh worker.sh, startsecs: 1, stop_timeout: 5 }
";

/// With a database on the first host, in which the other hosts work, too.
const DATABASE: &str = r#"
app_env: { GREETING: "{{ greeting }}", DATABASE_URL: "postgresql://shop:pass%20word@ADDRESS/shop" }
app_migrate: sh migrate
app_migrations: migrations
postgresql_listen_addresses: ["*"]
postgresql_dump_time: null
postgresql_users: { shop: { password: "pass word" } }
postgresql_databases: { shop: { owner: shop } }
postgresql_hba: [{ database: shop, user: shop, address: 10.78.0.0/24 }]
"#;

/// Hosts with the shop. The project's folder is its repository, too.
pub struct Shop {
    pub machines: Vec<Machine>,
    pub project: Project,
}

/// A host from the same root, for whatever else a test needs.
pub fn host() -> Option<Machine> {
    Machine::up_with(&["--packages", PACKAGES])
}

impl Shop {
    /// On so many provisioned hosts, with a first commit, `one`, that is not deployed yet.
    pub fn up(count: usize) -> Option<Self> {
        Self::with(count, "")
    }

    /// The same with a database.
    pub fn with_database(count: usize) -> Option<Self> {
        Self::with(count, DATABASE)
    }

    fn with(count: usize, database: &str) -> Option<Self> {
        let machines: Vec<Machine> = (0..count).map(|_| host()).collect::<Option<_>>()?;
        let project = Project::new(&machines.iter().collect::<Vec<_>>(), "deploy");
        let plays = if database.is_empty() { "" } else { "  - hosts: db\n    roles: [postgresql]\n" };
        project.file("hoist.yml", &format!("plays:\n{plays}  - hosts: web\n    roles: [nginx, app]\n"));
        project.file("group_vars/all.yml", &merged(SETTINGS, &database.replace("ADDRESS", &machines[0].ip)));
        if !database.is_empty() {
            let path = project.folder.path().join("environments/test/hosts");
            let hosts = std::fs::read_to_string(path).expect("an inventory");
            project.file("environments/test/hosts", &format!("{hosts}[db]\n{}\n", machines[0].name));
        }
        let shop = Self { machines, project };
        shop.git(&["init", "-q", "-b", "main", "."]);
        shop.project.file(".gitignore", "/environments\n/group_vars\n/hoist.yml\n/roles\n/.gitignore\n/identity\n");
        FILES.iter().for_each(|(path, text)| shop.project.file(path, text));
        shop.commit("one");
        shop.project.provision();
        Some(shop)
    }

    /// Settings over those that all tests have.
    pub fn settings(&self, text: &str) {
        self.project.file("group_vars/web.yml", text);
    }

    /// Runs git in the repository; its standard output.
    pub fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@shop.test", "-c", "protocol.file.allow=always"])
            .args(words)
            .current_dir(self.project.folder.path())
            .env(
                "GIT_SSH_COMMAND",
                format!(
                    "ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
                    crate::machine::key().display()
                ),
            )
            .stdin(Stdio::null())
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {words:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_string()
    }

    /// Commits all there is, as this version; the commit.
    pub fn commit(&self, version: &str) -> String {
        self.project.file("VERSION", &format!("{version}\n"));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", &format!("version {version}")]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs hoist.
    pub fn hoist(&self, words: &[&str]) -> Run {
        self.project.hoist(words)
    }

    /// Deploys what was committed last, in whatever way it comes out.
    pub fn try_deploy(&self, words: &[&str]) -> Run {
        self.hoist(&[&["deploy", "env=test", "--yes", "--from-local"], words].concat())
    }

    /// Commits this version and deploys it, which must work.
    pub fn deploy(&self, version: &str) -> Run {
        self.commit(version);
        let run = self.try_deploy(&[]);
        assert_eq!(run.status, 0, "{run}");
        assert_eq!(self.answers("/"), self.each(version), "{run}");
        run
    }

    /// The same text, once for each host.
    pub fn each(&self, text: &str) -> Vec<String> {
        vec![text.to_string(); self.machines.len()]
    }

    /// Runs a shell script on each host, which must succeed.
    pub fn sh(&self, script: &str) {
        self.machines.iter().for_each(|machine| drop(machine.sh(script)));
    }

    /// What each host answers through its nginx.
    pub fn answers(&self, path: &str) -> Vec<String> {
        let answer = |machine: &Machine| match get(&machine.ip, path) {
            Ok((200, text)) => text.trim().to_string(),
            other => format!("{other:?}"),
        };
        self.machines.iter().map(answer).collect()
    }

    /// What runs on each host: a web process and a worker, both of the release that `current` leads to.
    pub fn is_tidy(&self) {
        for machine in &self.machines {
            let units = machine.sh(
                "live=$(basename $(readlink /srv/shop/current)); systemctl list-units --plain --no-legend --all 'shop.*' | while read -r unit _ state rest; do
                systemctl show -p Environment \"$unit\" | grep -q \"RELEASE=$live\\b\" && own=own || own=other
                echo ${unit%%@*} $state $own | sed 's/blue/colour/; s/green/colour/'; done | sort",
            );
            assert_eq!(units, "shop.web.colour active own\nshop.worker active own\n");
        }
    }

    /// The release that `current` leads to, on each host, with the version of its code; it must be complete.
    pub fn current(&self) -> Vec<String> {
        let script = "cd /srv/shop/current/ && test -e REVISION && test -e .env && test -e built.json && cat VERSION";
        self.machines.iter().map(|machine| machine.sh(script).trim().to_string()).collect()
    }

    /// Adds a host to the project, which is not provisioned yet.
    pub fn add(&mut self) {
        let machine = host().expect("another host");
        let path = self.project.folder.path().join("environments/test");
        let hosts = std::fs::read_to_string(path.join("hosts")).expect("an inventory");
        let first =
            hosts.lines().nth(1).expect("a host").replace(&self.machines[0].name, &machine.name).replace(&self.machines[0].ip, &machine.ip);
        self.project.file("environments/test/hosts", &hosts.replacen("[web]\n", &format!("[web]\n{first}\n"), 1));
        let known = std::fs::read_to_string(path.join("known_hosts")).expect("host keys");
        let more = testhost(&["known-hosts", &machine.name]).expect("host keys");
        self.project.file("environments/test/known_hosts", &format!("{known}{more}"));
        self.machines.push(machine);
    }
}

/// Settings, of which those in `more` win.
fn merged(settings: &str, more: &str) -> String {
    let key = |line: &str| line.split_once(':').filter(|_| !line.starts_with([' ', '#'])).map(|(key, _)| key.to_string());
    let given: Vec<String> = more.lines().filter_map(key).collect();
    let kept: Vec<&str> = settings.lines().filter(|line| key(line).is_none_or(|key| !given.contains(&key))).collect();
    format!("{}\n{more}", kept.join("\n"))
}

/// One request on a connection of its own.
///
/// # Errors
/// In words: there was no whole answer.
pub fn get(ip: &str, path: &str) -> Result<(u16, String), String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let mut stream = TcpStream::connect((ip, 80)).map_err(failed("connect"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(failed("socket"))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: shop.test\r\n\r\n").as_bytes()).map_err(failed("write"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed("read"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no whole answer: {answer:?}"))?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no status: {head:?}"))?;
    Ok((status, body.to_string()))
}
