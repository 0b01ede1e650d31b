//! A host with the shop's repository, for `git@` with a key, and for HTTPS with a CA of its own.

use super::shop::{Shop, host};
use crate::machine::{Machine, key};

const SCRIPT: &str = r#"cd /etc/nginx
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=test-ca -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=forge.test -keyout key.pem -out request.pem 2>/dev/null
echo subjectAltName=DNS:forge.test >extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out cert.pem 2>/dev/null
cat >sites-enabled/default <<'END'
server {
  listen 443 ssl;
  ssl_certificate /etc/nginx/cert.pem;
  ssl_certificate_key /etc/nginx/key.pem;
  location ~ ^/(shop\.git/.*)$ {
    include fastcgi_params;
    fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
    fastcgi_param GIT_PROJECT_ROOT /srv/git;
    fastcgi_param GIT_HTTP_EXPORT_ALL 1;
    fastcgi_param PATH_INFO /$1;
    fastcgi_pass unix:/run/fcgiwrap.socket;
  }
}
END
git config --system safe.directory '*'
systemctl restart fcgiwrap.socket nginx
"#;

/// Boots it; the test's own key opens the repository, and so does this public one. The shop's commits go there when
/// `origin` is pushed to.
pub fn up(shop: &Shop, public: &str) -> Machine {
    let forge = host().expect("a host for the repository");
    let own = std::fs::read_to_string(key().with_extension("pub")).expect("a key");
    forge.sh(&format!(
        "useradd -m -s /usr/bin/git-shell git; install -d -o git -m 700 ~git/.ssh; printf '%s\\n' '{}' '{}' >~git/.ssh/authorized_keys
        install -d -o git /srv/git; su -s /bin/sh git -c 'git init -q --bare -b main /srv/git/shop.git'",
        public.trim(),
        own.trim()
    ));
    forge.sh(SCRIPT);
    shop.git(&["remote", "add", "origin", &format!("git@{}:/srv/git/shop.git", forge.ip)]);
    shop.git(&["push", "-q", "origin", "main"]);
    forge
}

/// Lets the shop's hosts trust it, as forge.test.
pub fn trust(shop: &Shop, forge: &Machine) {
    let ca = forge.sh("cat /etc/nginx/ca.pem");
    for machine in &shop.machines {
        machine.sh(&format!(
            "echo '{} forge.test' >>/etc/hosts; cat >/usr/local/share/ca-certificates/test.crt <<'END'\n{ca}END\nupdate-ca-certificates 2>/dev/null",
            forge.ip
        ));
    }
}
