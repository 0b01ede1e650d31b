//! pebble, an ACME server for tests, on a test host.

use crate::machine::Machine;

/// With a name server that knows all names, and a CA for its own certificate. It fetches proofs from port 80. By itself it
/// refuses one nonce in twenty, and the certbot of bookworm, under its Python, falls over that now and then.
const SCRIPT: &str = r#"
set -e
apt-get update -qq
apt-get install -qq -y --no-install-recommends pebble openssl >/dev/null 2>&1
mkdir -p /etc/pebble && cd /etc/pebble
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test-ca -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out request.pem 2>/dev/null
printf 'subjectAltName=DNS:localhost\n' >extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out cert.pem 2>/dev/null
cat >config.json <<END
{ "pebble": { "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/etc/pebble/cert.pem", "privateKey": "/etc/pebble/key.pem", "httpPort": 80, "tlsPort": 443,
  "externalAccountBindingRequired": true, "externalAccountMACKeys": { "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" } } }
END
systemd-run -q --unit=names pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:8053 -http01 '' -https01 '' -tlsalpn01 ''
systemd-run -q --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 pebble -config /etc/pebble/config.json -dnsserver 127.0.0.1:8053
for i in $(seq 100); do curl -sf --cacert ca.pem https://localhost:15000/roots/0 -o root.pem && break; sleep 0.2; done
cat ca.pem
"#;

/// What the certbot role needs to know of it; the CA is in the assets as acme-ca.pem.
pub const VARIABLES: &str = "certbot_directory_url: https://localhost:14000/dir
certbot_ca_file: acme-ca.pem
certbot_eab_kid: kid-1
certbot_eab_hmac_key: zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
";

/// Starts it; the CA that its own certificate is of. The one that its certificates are of is at /etc/pebble/root.pem.
pub fn start(machine: &Machine) -> String {
    machine.sh(SCRIPT)
}
