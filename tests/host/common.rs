//! The role common: user and keys, name, clock, sshd, firewall, swap.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::machine::{Machine, Project};

fn project(machine: &Machine) -> Project {
    let project = Project::new(&[machine], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [common]\n");
    project
}

/// Whether something answers there, or at least says that nothing does.
fn open(machine: &Machine, port: u16) -> bool {
    let address = (machine.ip.as_str(), port).to_socket_addrs().expect("an address").next().expect("an address");
    match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    }
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVyKBLiHQ3qJ2s3cqvzAxDXHgqLk3yQnTg6xYgGqf6Z anna@laptop";

// U02
#[test]
fn a_host_gets_its_user_its_name_its_time_and_stricter_logins() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine);
    let variables = |more: &str| {
        let text = format!(
            "app_user: shop\napp_groups: [www-data]\napp_keys: [\"{KEY}\"]\ncommon_packages: [ca-certificates, curl]\n\
             common_hostname: web9\ncommon_timezone: Europe/Paris\ncommon_reboot_time: \"04:30\"\ncommon_sshd_hardening: true\n{more}"
        );
        project.file("group_vars/web.yml", &text);
    };
    variables("");
    let later = project.does_as_planned();
    assert!(later.is_empty(), "nothing is there yet, and all is planned: {later:?}");
    project.converge();
    assert_eq!(machine.sh("id -Gn shop; stat -c '%U %a' /home/shop/.ssh/authorized_keys"), "shop www-data\nshop 600\n");
    assert_eq!(machine.sh("cat /home/shop/.ssh/authorized_keys"), format!("{KEY}\n"));
    assert_eq!(machine.sh("hostname; cat /etc/hostname; getent hosts web9"), "web9\nweb9\n127.0.1.1       web9\n");
    assert_eq!(machine.sh("date -d '2025-07-01 12:00 UTC' +%H:%M"), "14:00\n");
    assert_eq!(
        machine.sh("sshd -T | grep -E '^(passwordauthentication|permitrootlogin) '"),
        "permitrootlogin without-password\npasswordauthentication no\n"
    );
    let apt = machine.sh("apt-config dump | grep -E 'Periodic::(Unatt|Update)|Automatic-Reboot-Time'");
    assert!(apt.contains("Unattended-Upgrade \"1\"") && apt.contains("\"04:30\""), "{apt}");

    variables("common_sshd_extra: NoSuchWord yes\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    machine.sh("sshd -t");

    variables("");
    let run = project.hoist(&["provision", "env=test", "--yes", "common_timezone=Europe/Nowhere"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(format!("{}{}", run.stdout, run.stderr).contains("there is no time zone Europe/Nowhere"), "{run}");
}

#[test]
fn the_firewall_opens_what_is_wanted_and_closes_it_again() {
    let Some(machine) = Machine::up() else { return };
    if !machine
        .exec(&["sh", "-c", "apt-get update -qq && apt-get install -y -qq nftables >/dev/null 2>&1 && nft list ruleset"])
        .status
        .success()
    {
        println!("skipped: the kernel has no nftables for hosts");
        return;
    }
    let project = project(&machine);
    let ports = |list: &str| {
        let text =
            format!("common_unattended_upgrades: false\ncommon_packages: []\ncommon_firewall: true\ncommon_firewall_open: [{list}]\n");
        project.file("group_vars/web.yml", &text);
    };
    assert!(open(&machine, 80) && open(&machine, 81), "no firewall");
    machine.sh("nft add table inet other");
    ports(
        "80, { port: 82, from: [192.0.2.0/24, \"2001:db8::/32\"] }, { port: 83, from: [10.78.0.0/24] }, { port: 6000-6100, protocol: udp }",
    );
    project.converge();
    assert_eq!([22, 80, 81, 82, 83].map(|port| open(&machine, port)), [true, true, false, false, true]);
    ports("81");
    project.converge();
    assert_eq!([22, 80, 81].map(|port| open(&machine, port)), [true, false, true]);
    machine.sh("nft list table inet other; systemctl is-enabled nftables");
    ports("81, nonsense");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert_eq!([22, 80, 81].map(|port| open(&machine, port)), [true, false, true], "the old rules stay");
}

/// A container cannot swap: `swapon` and `swapoff` only note it down in what stands for /proc/swaps.
#[test]
fn with_a_stand_in_for_swapon_a_swap_file_comes_grows_and_goes() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("cd /usr/local/sbin; : >/run/swaps; mount --bind /run/swaps /proc/swaps\n\
         printf '#!/bin/sh\\n[ \"$(stat -c %%a $1)\" = 600 ] && echo $1 file >/run/swaps\\n' >swapon\n\
         printf '#!/bin/sh\\n: >/run/swaps\\n' >swapoff\nchmod +x swapon swapoff");
    let project = project(&machine);
    let size = |size: &str| {
        let text = format!("common_unattended_upgrades: false\ncommon_packages: []\ncommon_swap_mb: {size}\n");
        project.file("group_vars/web.yml", &text);
        project.converge();
    };
    for megabytes in [8, 12] {
        size(&megabytes.to_string());
        assert_eq!(machine.sh("stat -c %s /swapfile; cat /proc/swaps"), format!("{}\n/swapfile file\n", megabytes * 1_048_576));
        assert_eq!(machine.sh("grep -c swapfile /etc/fstab"), "1\n");
    }
    size("~");
    machine.sh("test -e /swapfile");
    size("0");
    assert_eq!(machine.sh("cat /proc/swaps; grep swapfile /etc/fstab; ls / | grep swapfile || true"), "");
}
