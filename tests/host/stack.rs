//! The whole stack: one small file of variables makes a server with TLS, two programs and a database.

use serde_json::Value as Json;

use crate::machine::{Machine, Project};
use crate::{pebble, run};

/// All that a user writes, beside the names of the ACME server's tests.
const VARIABLES: &str = r#"
app_user: shop
common_extra_packages: [nodejs, python3]
nginx_sites:
  shop:
    server_name: shop.test
    tls: true
    locations:
      /: { proxy_pass: "http://127.0.0.1:8001" }
      /api/: { proxy_pass: "http://127.0.0.1:8002" }
certbot_certificates:
  shop: [shop.test]
supervisor_programs:
  page: { command: /usr/bin/python3 -m http.server 8001 --bind 127.0.0.1, directory: /srv/shop, user: "{{ app_user }}" }
  api: { command: /usr/bin/node /srv/api.js, user: "{{ app_user }}", environment: { DATABASE: "postgres:///shop" } }
postgresql_users:
  shop: { password: "correct horse" }
postgresql_databases:
  shop: { owner: shop }
"#;

const API: &str =
    "require('http').createServer((_, answer) => answer.end('api on ' + process.env.DATABASE + '\\n')).listen(8002, '127.0.0.1')";

fn whole_stack(suite: &str) {
    let Some(machine) = Machine::up_with(&["--suite", suite]) else { return };
    machine.sh("echo 'LogLevel VERBOSE' > /etc/ssh/sshd_config.d/verbose.conf; systemctl restart ssh");
    let project = Project::new(&[&machine], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [common, nginx, certbot, supervisor, postgresql]\n");
    project.file("group_vars/web.yml", &format!("{VARIABLES}{}", pebble::VARIABLES));
    project.file("environments/test/assets/acme-ca.pem", &pebble::start(&machine));
    machine.sh(&format!("mkdir /srv/shop; echo page >/srv/shop/index.html; cat >/srv/api.js <<'END'\n{API}\nEND"));

    // U02: nothing is there yet, and the plan names what will be done. Nobody can ask about the unit of a package that
    // is not there; it comes enabled and started.
    let later = project.does_as_planned();
    assert!(later.iter().all(|name| name.contains("runs") || name.contains("starts with") || name.contains("in time")), "{later:?}");

    let before = run::execs(&machine);
    let second = project.provision();
    assert!(second.stdout.contains("0 changes"), "{second}");
    assert_eq!(run::execs(&machine) - before, 1);

    let get = |path: &str| {
        machine.sh(&format!("curl -sS --cacert /etc/pebble/root.pem --resolve shop.test:443:127.0.0.1 https://shop.test{path}"))
    };
    assert_eq!((get("/"), get("/api/")), ("page\n".to_string(), "api on postgres:///shop\n".to_string()));
    assert_eq!(machine.sh("supervisorctl status | awk '{ print $1, $2 }'"), "api RUNNING\npage RUNNING\n");
    assert_eq!(machine.sh("su shop -c 'psql -At postgres:///shop -c \"select current_user\"'"), "shop\n");

    let certs = project.hoist(&["certs", "env=test", "--json"]);
    let certificate: Json = serde_json::from_str(&certs.stdout).unwrap_or_else(|error| panic!("{error}: {certs}"));
    assert_eq!(
        (&certificate["certificate"], &certificate["names"], &certificate["from"]),
        (&"shop".into(), &vec!["shop.test"].into(), &"certbot".into())
    );
    assert!(certificate["issuer"].as_str().is_some_and(|issuer| issuer.contains("Pebble")), "{certs}");
}

// U02
#[test]
fn twenty_lines_make_a_server_on_bookworm() {
    whole_stack("bookworm");
}

// U02
#[test]
fn twenty_lines_make_a_server_on_trixie() {
    whole_stack("trixie");
}

#[test]
fn certificates_of_all_sorts_are_listed_and_those_that_end_soon_are_told() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [nginx]\n");
    let none = project.hoist(&["certs", "env=test", "--min-days", "30"]);
    assert_eq!((none.status, none.stdout.as_str()), (0, ""), "there is not even openssl: {none}");
    assert!(none.stderr.contains("no certificates"), "{none}");
    let sites = "nginx_sites:\n  new: { server_name: new.test, tls: true, root: /srv }\n  \
                 own: { server_name: own.test, tls: true, root: /srv, certificate: /srv/own.pem, certificate_key: /srv/key.pem }\n";
    project.file("group_vars/web.yml", &sites.replace("  own", "  #"));
    project.provision();
    machine.sh(
        "cd /srv; openssl req -x509 -newkey rsa:2048 -nodes -days 20 -subj '/O=A \"b\", c/CN=own.test' -addext subjectAltName=DNS:own.test,DNS:b.test,IP:10.0.0.1 -keyout key.pem -out own.pem 2>/dev/null",
    );
    project.file("group_vars/web.yml", sites);
    project.provision();
    let certs = |words: &[&str]| project.hoist(&[&["certs", "env=test"], words].concat());
    let all = certs(&[]);
    assert_eq!(all.status, 0, "{all}");
    let rows: Vec<String> = all.stdout.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        rows,
        [
            "CERTIFICATE DAYS NAMES ISSUER FROM",
            "/srv/own.pem 19 own.test b.test 10.0.0.1 A \"b\", c, own.test self-signed",
            "new 3649 new new placeholder"
        ]
    );
    assert_eq!(certs(&["--min-days", "10"]).status, 2, "the placeholder");
    machine.sh("rm -r /etc/nginx/certificates/* /etc/nginx/sites-enabled/new.conf");
    assert_eq!((certs(&["--min-days", "10"]).status, certs(&["--min-days", "20"]).status), (0, 2));
    machine.sh("echo nothing >/srv/own.pem");
    let broken = certs(&["--min-days", "1"]);
    assert!(broken.status == 2 && broken.stdout.contains("this is no certificate"), "{broken}");
}
