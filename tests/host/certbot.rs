//! The certbot role against pebble, an ACME server for tests, on the same host.

use crate::machine::{Machine, Project, root, text};
use crate::pebble;

const SITES: &str = r#"
nginx_sites:
  shop: { server_name: shop.test, redirect_names: [www.shop.test, new.shop.test], tls: true, root: /srv/shop }
"#;

/// In place of `snap`, for no snap can be mounted on a test host: certbot's library comes from Debian, the units are those
/// that snapd makes. `snapd` itself is Debian's.
const SNAP: &str = r#"#!/bin/sh
set -eu
units=/etc/systemd/system
case "$*" in
  "wait system seed.loaded") exec /usr/bin/snap "$@" ;;
  "install --classic certbot")
    apt-get install -qq -y --no-install-recommends python3-certbot >/dev/null
    mkdir -p /snap/bin
    printf '#!/usr/bin/python3\nimport sys\nfrom certbot.main import main\nsys.exit(main())\n' >/snap/bin/certbot
    chmod 755 /snap/bin/certbot
    printf '[Unit]\nDescription=Service for snap application certbot.renew\n[Service]\nType=oneshot\nExecStart=/snap/bin/certbot -q renew --no-random-sleep-on-renew\n' >$units/snap.certbot.renew.service
    printf '[Unit]\nDescription=Timer renew for snap application certbot.renew\n[Timer]\nUnit=snap.certbot.renew.service\nOnCalendar=*-*-* 04:38\nOnCalendar=*-*-* 17:23\n[Install]\nWantedBy=timers.target\n' >$units/snap.certbot.renew.timer
    systemctl daemon-reload
    systemctl enable -q --now snap.certbot.renew.timer ;;
  "remove certbot")
    systemctl disable -q --now snap.certbot.renew.timer
    rm -r /snap/bin/certbot $units/snap.certbot.renew.service $units/snap.certbot.renew.timer
    systemctl daemon-reload ;;
  *) echo "the stand-in for snap does not know: $*" >&2; exit 64 ;;
esac
"#;

/// What [`Shop::has`] of certbot, by where it comes from.
const DEBIAN_ALONE: &str = "/usr/bin/certbot\npackage installed\ncertbot.timer\n/etc/systemd/system/certbot.service.d/ca.conf\n";
const VENV_ALONE: &str = "/opt/certbot/bin/certbot\n/opt/certbot\ncertbot.timer\n/etc/systemd/system/certbot.service.d/ca.conf\n";
const SNAP_ALONE: &str =
    "/snap/bin/certbot\n/snap/bin/certbot\nsnap.certbot.renew.timer\n/etc/systemd/system/snap.certbot.renew.service.d/ca.conf\n";

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

    /// Renews in the way that the timer does; a client sees it.
    fn renews(&self, unit: &str) {
        let before = self.serial();
        self.machine.sh(&format!(
            "sed -i '/^renew_before_expiry/d; 1i renew_before_expiry = 4000 days' /etc/letsencrypt/renewal/shop.conf; systemctl start {unit}"
        ));
        // nginx answers with the old one until its new workers are up.
        let renewed = (0..50).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            self.serial() != before
        });
        assert!(renewed, "{}", self.machine.sh(&format!("journalctl -u {unit} --no-pager | tail -20")));
    }

    fn stands_in_for_snap(&self) {
        std::fs::write(root(&self.machine).join("usr/local/bin/snap"), SNAP).expect("writable");
        self.machine.sh("chmod 755 /usr/local/bin/snap");
    }

    /// What there is of certbot: its command, the timers that run, and who trusts the CA of pebble.
    fn has(&self) -> String {
        self.machine.sh("readlink -f $(command -v certbot); ls -d /opt/certbot /snap/bin/certbot 2>/dev/null
             dpkg-query -W -f 'package ${db:Status-Status}\\n' certbot 2>/dev/null | grep -x 'package installed'
             systemctl list-units --plain --no-legend --state=active '*certbot*.timer' | cut -d ' ' -f 1
             ls -d /etc/systemd/system/*certbot*.d/*")
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
    // Renewal would put its proofs where nginx does not look any more; and nothing renews what has expired here.
    let first = shop.serial();
    let moved = format!("{SITES}{}certbot_certificates: {{ shop: [shop.test] }}\nacme_webroot: /var/www/proofs\n", pebble::VARIABLES);
    shop.project.file("group_vars/web.yml", &moved);
    shop.project.converge();
    let second = shop.serial();
    assert_ne!(first, second);
    shop.renews("certbot.service");
    shop.machine.sh(
        "cd /etc/letsencrypt/live/shop; openssl req -x509 -key privkey.pem -subj /CN=shop.test -addext subjectAltName=DNS:shop.test \\
         -not_before 20200101000000Z -not_after 20200102000000Z >/tmp/old.pem; cat /tmp/old.pem >cert.pem; cat /tmp/old.pem >fullchain.pem",
    );
    shop.project.converge();
    shop.machine.sh("openssl x509 -noout -checkend 0 -in /etc/letsencrypt/live/shop/cert.pem");
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

    // One more domain, while somebody asks for the page all the time. Not by HTTP/2: nginx takes leave of such connections at once when
    // it is reloaded, and curl takes that for an error where others ask once more (curl#1618).
    shop.machine.sh(
        "systemd-run -q --unit=visitor sh -c 'while :; do curl -ksS --http1.1 --max-time 30 --resolve shop.test:443:127.0.0.1 https://shop.test/ >>/tmp/good 2>>/tmp/bad; sleep 0.02; done'",
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

    shop.renews("certbot.service");
    let third = shop.serial();
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
fn certbot_comes_from_a_venv_goes_back_to_debian_and_on_to_the_snap_of_a_stand_in() {
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
    assert_eq!(shop.machine.sh("certbot --version; systemctl is-active certbot.timer"), format!("certbot {version}\nactive\n"));
    assert_eq!(shop.has(), VENV_ALONE);
    shop.renews("certbot.service");
    let second = shop.serial();
    // Back, with the certificate that is there.
    from("debian");
    shop.project.converge();
    assert_eq!(shop.serial(), second);
    assert_eq!(shop.machine.sh("systemctl is-active certbot.timer; systemctl is-enabled certbot.timer; ls /opt"), "active\nenabled\n");
    assert_eq!(shop.has(), DEBIAN_ALONE);
    // With the snap of a stand-in, and all the ways between them. Debian's stays beside a venv, which goes before it.
    shop.stands_in_for_snap();
    let both = VENV_ALONE.replacen("/opt/certbot\n", "/opt/certbot\npackage installed\n", 1);
    for (other, has) in [("venv", both.as_str()), ("snap", SNAP_ALONE), ("venv", VENV_ALONE)] {
        from(other);
        shop.project.does_as_planned();
        shop.project.converge();
        assert_eq!(shop.has(), has);
    }
    assert_eq!(shop.serial(), second);
}

#[test]
fn certbot_comes_from_a_snap_of_a_stand_in_and_goes_back_to_debian() {
    let Some(shop) = Shop::up("bookworm") else { return };
    shop.stands_in_for_snap();
    let from = |from: &str| {
        let rest = format!("{SITES}{}certbot_certificates: {{ shop: [shop.test] }}\n", pebble::VARIABLES);
        shop.project.file("group_vars/web.yml", &format!("certbot_from: {from}\n{rest}"));
    };
    from("snap");
    shop.project.does_as_planned();
    shop.project.converge();
    assert_eq!(shop.page("shop.test"), "page\n");
    assert_eq!(shop.has(), SNAP_ALONE);
    shop.renews("snap.certbot.renew.service");
    let serial = shop.serial();
    from("debian");
    shop.project.does_as_planned();
    shop.project.converge();
    assert_eq!(shop.has(), DEBIAN_ALONE);
    from("snap");
    shop.project.converge();
    assert_eq!(shop.has(), SNAP_ALONE);
    assert_eq!(shop.serial(), serial, "the certificate is the same all the time");
}
