//! nginx with all that a site can ask for, on a real host.

use crate::machine::{Machine, Project};

fn project(machine: &Machine, roles: &str) -> Project {
    let project = Project::new(&[machine], "deploy");
    project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [{roles}]\n"));
    project
}

const SITES: &str = r#"
nginx_sites:
  shop:
    server_name: shop.test
    redirect_names: [www.shop.test]
    tls: true
    headers: { X-Said: 'a "b" \c' }
    redirects: { /old: /new }
    locations:
      /: { root: /srv/shop }
      /hidden/: { root: /srv/shop, auth_basic: staff, auth_basic_user_file: /etc/nginx/htpasswd/staff, add_header: X-More yes }
  staff:
    server_name: staff.test
    root: /srv/shop
    basic_auth: { users: { ada: "{{ ada_hash }}" } }
  slow: { server_name: slow.test, root: /srv/shop, rate_limit: 1r/m }
  closed: { server_name: closed.test, root: /srv/shop, maintenance: true }
"#;

#[test]
fn sites_have_tls_redirects_users_limits_and_a_maintenance_page() {
    for suite in ["bookworm", "trixie"] {
        let Some(machine) = Machine::up_with(&["--suite", suite]) else { return };
        let project = project(&machine, "nginx");
        machine.sh("mkdir -p /srv/shop/hidden; echo page > /srv/shop/index.html; echo hidden > /srv/shop/hidden/index.html");
        // Its own group takes a while to find, so one host will do.
        let bits = if suite == "trixie" { 2048 } else { 0 };
        let hash = machine.sh("openssl passwd -6 'pass word'");
        project.file(
            "group_vars/web.yml",
            &format!("{SITES}ada_hash: '{}'\nnginx_exclusive: true\nnginx_dhparam_bits: {bits}\n", hash.trim()),
        );
        project.converge();
        let get = |words: &str, url: &str| {
            let names = ["shop", "www.shop", "staff", "slow", "closed"]
                .map(|name| format!("--resolve {name}.test:80:127.0.0.1 --resolve {name}.test:443:127.0.0.1"));
            machine.sh(&format!("curl -ksS {} -w '%{{http_code}} %{{http_version}} %{{redirect_url}}' {words} {url}", names.join(" ")))
        };
        assert_eq!(get("", "https://shop.test/"), "page\n200 2 ");
        assert!(get("-o /dev/null", "http://www.shop.test/a?b=c").ends_with("301 1.1 https://www.shop.test/a?b=c"));
        assert!(get("-o /dev/null", "https://www.shop.test/a?b=c").ends_with("301 2 https://shop.test/a?b=c"));
        assert!(get("-o /dev/null", "https://shop.test/old").ends_with("301 2 https://shop.test/new"));
        let headers = get("-o /dev/null -D -", "https://shop.test/");
        assert!(headers.contains("strict-transport-security: max-age=63072000"), "{headers}");
        assert!(headers.contains("x-said: a \"b\" \\c\r\n"), "{headers}");
        let headers = get("-u 'ada:pass word' -D -", "https://shop.test/hidden/");
        assert!(
            headers.contains("hidden\n200") && headers.contains("x-said") && headers.contains("x-more"),
            "a location keeps them: {headers}"
        );
        assert!(get("-o /dev/null", "http://staff.test/").starts_with("401"));
        assert!(get("-o /dev/null -u ada:wrong", "http://staff.test/").starts_with("401"));
        assert_eq!(get("-u 'ada:pass word'", "http://staff.test/"), "page\n200 1.1 ");
        assert_eq!(machine.sh("stat -c '%a %U %G' /etc/nginx/htpasswd/staff"), "640 root www-data\n");
        assert!(get("", "http://slow.test/").contains("200") && get("", "http://slow.test/").contains("429"));
        let closed = get("", "http://closed.test/any/where");
        assert!(closed.contains("<h1>Back soon</h1>") && closed.contains("503"), "{closed}");
        machine.sh("echo | openssl s_client -connect 127.0.0.1:443 -tls1_1 2>&1 | grep -q 'Cipher is (NONE)'");
        machine.sh("echo | openssl s_client -connect 127.0.0.1:443 -tls1_2 2>&1 | grep -q 'Cipher is ECDHE-'");
        if bits > 0 {
            machine.sh("openssl dhparam -in /etc/nginx/dhparam-2048.pem -check -noout && nginx -T 2>/dev/null | grep 'ssl_dhparam /etc/nginx/dhparam-2048.pem;'");
        }
        machine.sh("logrotate -f /etc/logrotate.d/nginx && ls /var/log/nginx/access.log.1");

        // A site that nobody declared goes, and those that are declared stay.
        machine.sh("ln -s /etc/nginx/sites-available/staff.conf '/etc/nginx/sites-enabled/a stray one'");
        project.converge();
        assert_eq!(machine.sh("ls /etc/nginx/sites-enabled | tr '\\n' ' '"), "closed.conf shop.conf slow.conf staff.conf ");
    }
}

// S01
#[test]
fn a_refused_configuration_puts_sites_back_that_were_not_declared() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "nginx");
    let site = |zone: &str, more: &str| {
        project.file(
            "group_vars/web.yml",
            &format!(
                "nginx_exclusive: true\nnginx_http_extra: \"limit_req_zone $binary_remote_addr zone={zone}:1m rate=9r/s;\"\n\
                 nginx_sites:\n  shop: {{ server_name: shop.test, root: /srv, extra: \"limit_req zone={zone};\"{more} }}\n"
            ),
        );
    };
    site("old", ", basic_auth: { users: { ada: $6$x } }");
    project.converge();
    machine.sh("cd /etc/nginx/sites-enabled; printf 'server { listen 81; }' >../stray; ln -s ../stray 'a stray one'; mkdir -p /srv/x; cp ../stray plain");
    let stray =
        "cd /etc/nginx/sites-enabled; readlink 'a stray one'; cat plain; ls -1; stat -c %U:%G:%a ../htpasswd/shop; cat ../htpasswd/shop";
    let before = machine.sh(stray);
    site("old", ", client_max_body_size: much");
    let plan = project.hoist(&["plan", "env=test"]);
    assert!(plan.stdout.contains("removes a stray one, a link to ../stray") && plan.stdout.contains("removes plain, a file"), "{plan}");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("put back: /etc/nginx/sites-enabled/a stray one"), "{run}");
    assert_eq!(machine.sh(stray), before);
    // A zone gets another name here and in the site that uses it, which the old site would refuse.
    site("new", "");
    project.converge();
    assert_eq!(machine.sh("ls -1 /etc/nginx/sites-enabled; cat /etc/nginx/stray"), "shop.conf\nserver { listen 81; }");
}

#[test]
fn a_configuration_that_nginx_does_not_take_fails_the_run_until_it_does() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "nginx");
    let listen = |port: u16| project.file("group_vars/web.yml", &format!("nginx_sites: {{ shop: {{ root: /srv, listen: {port} }} }}\n"));
    listen(80);
    project.converge();
    machine.sh("systemd-run -q --unit squat nc -lk 8088 || systemd-run -q --unit squat python3 -m http.server 8088");
    machine.wait_until("ss -ltn | grep -q :8088");
    listen(8088);
    for _ in 0..2 {
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.status, 3, "{run}");
        assert!(
            said.contains("[emerg]") && said.contains("0.0.0.0:8088 failed") && said.contains("does not take its configuration"),
            "{run}"
        );
    }
    // Either is put right: the files, or the host.
    listen(8089);
    project.converge();
    machine.sh("ss -ltnp | grep :8089 | grep nginx");
    listen(8088);
    assert_eq!(project.hoist(&["provision", "env=test", "--yes"]).status, 3);
    machine.sh("systemctl stop squat");
    project.converge();
    machine.sh("ss -ltnp | grep :8088 | grep nginx");
}

#[test]
fn a_maintenance_message_stays_until_it_is_off_whatever_is_provisioned() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "nginx");
    project.file(
        "group_vars/web.yml",
        "nginx_sites: { shop: { root: /srv, default_server: true, locations: { /: { return: 200 shop } } } }\n",
    );
    project.converge();
    let page = || machine.sh("curl -s http://127.0.0.1/any; cat /var/www/maintenance/message.html 2>/dev/null || echo none");
    let maintenance = |words: &[&str]| {
        let run = project.hoist(&[&["maintenance"], words, &["env=test", "--yes"]].concat());
        assert_eq!(run.status, 0, "{run}");
    };
    maintenance(&["on", "--message", "gone <b>fishing</b>, à bientôt"]);
    let said = "<!doctype html><meta charset=utf-8><title>Maintenance</title><p>gone <b>fishing</b>, à bientôt</p>\n".repeat(2);
    assert_eq!(page(), said);
    let run = project.provision();
    assert!(run.status == 0 && run.stdout.contains("0 changes"), "it is no drift: {run}");
    assert_eq!(page(), said);
    // Without a message it is the usual page again.
    maintenance(&["on"]);
    assert_eq!(page(), "<!doctype html><meta charset=utf-8><title>Maintenance</title><h1>Back soon</h1>\nnone\n");
    maintenance(&["on", "--message", "later"]);
    maintenance(&["off"]);
    assert_eq!(page(), "shopnone\n");
}
