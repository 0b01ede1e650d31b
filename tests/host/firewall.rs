//! The rules of role common on a kernel that has nftables, which the kernel of test hosts may lack: tests/kernel.

use std::path::Path;
use std::process::Command;

use hoist::diagnostic::Source;
use hoist::yaml::{Node, parse};

use crate::machine::text;

/// Listens on two ports, and asks both; lo is let in by the rules, so that is taken out before.
const RUN: &str = r#"
ask() { if echo | nc -w 5 127.0.0.1 "$1" >/dev/null 2>&1; then echo "$1 is open"; else echo "$1 is closed"; fi; }
for port in 80 81; do (while :; do echo hi | nc -l -p "$port" >/dev/null; done) & done
nft add table inet other
nft -c -f /test/rules && echo checked
sed -i '/iif lo accept/d' /test/rules
for port in 0050 0051; do until grep -q ":$port .* 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null; do sleep 0.1; done; done
ask 81
nft -f /test/rules && echo loaded
ask 80
ask 81
nft -f /test/rules && echo loaded again
nft list ruleset
"#;

#[test]
fn the_firewall_does_what_its_rules_say_on_an_emulated_kernel() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/roles/common/the_firewall_opens_ports_to_all_and_to_some.yml");
    let case = std::fs::read_to_string(case).expect("the case is there");
    let case = parse(&Source::new("case.yml", case)).expect("YAML");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("rules"), case.get("text").and_then(Node::as_str).expect("rules")).expect("writable");
    std::fs::write(folder.path().join("run"), RUN).expect("writable");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel");
    let output = Command::new(script).arg(folder.path()).output().expect("bash runs");
    if output.status.code() == Some(77) {
        println!("skipped: {}", text(&output.stderr).trim());
        return;
    }
    let expected = r#"checked
81 is open
loaded
80 is open
81 is closed
loaded again
table inet other {
}
table inet hoist {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		meta l4proto { 1, 58 } accept
		udp dport 546 ip6 saddr fe80::/10 accept
		tcp dport { 22, 2222 } accept
		tcp dport 80 accept
		tcp dport 6000-6100 accept
		ip saddr 192.0.2.0/24 tcp dport 5432 accept
		ip6 saddr 2001:db8::/32 tcp dport 5432 accept
		udp dport 53 accept
	}
}
"#;
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
}
