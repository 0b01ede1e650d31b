//! The certbot role against pebble, an ACME server for tests, on the same host.

use crate::machine::{Machine, Project, root, text};
use crate::pebble;

const SITES: &str = r#"
nginx_sites:
  shop: { server_name: shop.test, redirect_names: [www.shop.test, new.shop.test], tls: true, root: /srv/shop }
"#;

struct Shop {
    machine: Machine,
    project: Project,
}

impl Shop {
    fn up(suite: &str) -> Option<Self> {
        let machine = Machine::up_with(&["--suite", suite])?;
        let project = Project::new(&[&machine], "deploy");
        project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [nginx, certbot]\n");
        project.file("environments/test/assets/acme-ca.pem", &pebble::start(&machine));
        machine.sh("mkdir -p /srv/shop; echo page >/srv/shop/index.html");
        Some(Self { machine, project })
    }

    fn domains(&self, domains: &str) {
        self.project.file("group_vars/web.yml", &format!("{SITES}{}certbot_certificates: {{ shop: [{domains}] }}\n", pebble::VARIABLES));
    }

    /// The page, from a client that trusts pebble and nobody else.
    fn page(&self, name: &str) -> String {
        let resolve = format!("--resolve {name}:443:127.0.0.1");
        self.machine
            .sh(&format!("cat /etc/pebble/root.pem >/tmp/roots; curl -sSL --cacert /tmp/roots {resolve} https://{name}/ 2>&1 || true"))
    }

    /// A run that fails, with these words.
    fn fails(&self, words: &str) {
        let run = self.project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        assert!(format!("{}{}", run.stdout, run.stderr).contains(words), "{words:?} in {run}");
    }

    /// The serial number that a client sees.
    fn serial(&self) -> String {
        self.machine.sh("echo | openssl s_client -connect 127.0.0.1:443 -servername shop.test 2>/dev/null | openssl x509 -noout -serial")
    }
}

#[test]
fn a_certificate_is_fetched_on_trixie_and_goes_when_no_site_has_it() {
    let Some(shop) = Shop::up("trixie") else { return };
    shop.domains("shop.test");
    shop.project.converge();
    assert_eq!(shop.page("shop.test"), "page\n");
    let gone = format!("{SITES}{}certbot_certificates: {{ shop: ~ }}\n", pebble::VARIABLES);
    shop.project.file("group_vars/web.yml", &gone);
    shop.fails("nginx still uses the certificate shop");
    shop.project.file("group_vars/web.yml", &gone.replace("  shop: { server_name", "  shop: ~\n  other: { server_name"));
    shop.project.converge();
    assert_eq!(
        shop.machine.sh("ls /etc/letsencrypt/live /etc/nginx/certificates"),
        "/etc/letsencrypt/live:\nREADME\n\n/etc/nginx/certificates:\nother\n"
    );
}

// X01
#[test]
fn certificates_are_fetched_extended_renewed_and_kept_when_the_server_fails() {
    let Some(shop) = Shop::up("bookworm") else { return };
    shop.domains("shop.test, www.shop.test");
    let plan = shop.project.hoist(&["plan", "env=test"]);
    assert_eq!(plan.status, 0, "nothing is installed yet: {plan}");
    shop.project.converge();
    assert_eq!(shop.page("shop.test"), "page\n");
    let first = shop.serial();

    // One more domain, while somebody asks for the page all the time.
    shop.machine.sh(
        "systemd-run -q --unit=visitor sh -c 'while :; do curl -ksS --max-time 5 --resolve shop.test:443:127.0.0.1 https://shop.test/ >>/tmp/good 2>>/tmp/bad; sleep 0.02; done'",
    );
    shop.domains("new.shop.test, shop.test, www.shop.test");
    shop.project.converge();
    shop.machine.sh("systemctl stop visitor");
    assert_eq!(shop.machine.sh("sort -u /tmp/good; cat /tmp/bad; test $(wc -l </tmp/good) -gt 20 && echo many"), "page\nmany\n");
    let second = shop.serial();
    assert_ne!(first, second);
    let names = "openssl x509 -noout -ext subjectAltName -in /etc/letsencrypt/live/shop/cert.pem | tail -1 | tr -d ' '";
    assert_eq!(shop.machine.sh(names), "DNS:new.shop.test,DNS:shop.test,DNS:www.shop.test\n");
    // The same domains in another order are the same certificate.
    shop.domains("www.shop.test, shop.test, new.shop.test");
    assert!(shop.project.provision().stdout.contains("0 changes"));

    // Renewal, as the timer starts it, is seen by clients.
    shop.machine.sh("sed -i '1i renew_before_expiry = 4000 days' /etc/letsencrypt/renewal/shop.conf; systemctl start certbot.service");
    let third = shop.serial();
    assert_ne!(second, third, "{}", shop.machine.sh("journalctl -u certbot --no-pager | tail -20"));
    assert_eq!(shop.machine.sh("systemctl is-active certbot.timer; systemctl is-enabled certbot.timer"), "active\nenabled\n");

    // The server refuses, then it is down: certbot's own words are shown, and the old certificate stays.
    shop.machine.sh(r#"curl -sS -d '{"host":"evil.shop.test."}' http://127.0.0.1:8055/set-servfail"#);
    shop.domains("shop.test, evil.shop.test");
    shop.fails("evil.shop.test");
    shop.machine.sh("systemctl stop pebble");
    shop.domains("shop.test");
    shop.fails("Connection refused");
    assert_eq!((shop.serial(), shop.page("shop.test")), (third.clone(), "page\n".to_string()), "the old certificate stays");
    shop.fails("Connection refused");
    shop.fails("Connection refused");
    shop.fails("four times within the hour");
    assert_eq!(shop.serial(), third);
}

#[test]
fn certbot_comes_from_a_venv_and_goes_back_to_debian() {
    let Some(shop) = Shop::up("bookworm") else { return };
    // The host gets the wheels from this machine, which may know a way to PyPI.
    let wheels = root(&shop.machine).join("srv/wheels");
    let version = "5.8.0";
    let pip = "python3 -m venv /tmp/pip-$$ && /tmp/pip-$$/bin/pip";
    let words = format!(
        "{pip} download -q --python-version 3.11 --only-binary=:all: -d {} certbot=={version} 2>&1; status=$?; rm -rf /tmp/pip-$$; exit $status",
        wheels.display()
    );
    let fetched = std::process::Command::new("sh").args(["-c", &words]).output().expect("a shell runs");
    if !fetched.status.success() {
        println!("skipped: PyPI is not reached: {}", text(&fetched.stdout).trim());
        return;
    }
    let from = |from: &str| {
        let from = format!(
            "certbot_from: {from}\ncertbot_version: {version}\ncertbot_pip_environment: {{ PIP_NO_INDEX: '1', PIP_FIND_LINKS: /srv/wheels }}\n"
        );
        let rest = format!("{SITES}{}certbot_certificates: {{ shop: [shop.test] }}\n", pebble::VARIABLES);
        shop.project.file("group_vars/web.yml", &format!("{from}{rest}"));
    };
    from("venv");
    shop.project.does_as_planned();
    shop.project.converge();
    assert_eq!(shop.page("shop.test"), "page\n");
    assert_eq!(
        shop.machine.sh("certbot --version; systemctl is-active certbot.timer; dpkg -l certbot 2>/dev/null | grep -c ^ii || true"),
        format!("certbot {version}\nactive\n0\n")
    );
    let first = shop.serial();
    shop.machine.sh("sed -i '1i renew_before_expiry = 4000 days' /etc/letsencrypt/renewal/shop.conf; systemctl start certbot.service");
    let second = shop.serial();
    assert_ne!(first, second, "{}", shop.machine.sh("journalctl -u certbot --no-pager | tail -20"));
    // Back, with the certificate that is there.
    from("debian");
    shop.project.converge();
    assert_eq!(shop.serial(), second);
    assert_eq!(
        shop.machine.sh("command -v certbot; systemctl is-active certbot.timer; systemctl is-enabled certbot.timer; ls /opt"),
        "/usr/bin/certbot\nactive\nenabled\n"
    );
}
