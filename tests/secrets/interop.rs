//! The `age` command opens our files, and we open its.

use crate::site::{Site, has, said};

#[test]
fn age_and_hoist_open_each_others_files() {
    if !has("age") {
        return;
    }
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let opened = said(site.command("age").arg("-d").arg("-i").arg(site.identity()).arg(site.path("environments/prod/secrets.age"))).good();
    assert_eq!(opened.stdout, "# hoist: secrets of prod\npassword: \"hunter2000\"\n");

    // Written by hand, with armour and without; it says nothing of its environment, and is taken.
    for armour in [&["-a"][..], &[]] {
        site.file("plain.yml", "token: abc12345\n");
        let mut command = site.command("age");
        command.args(armour).arg("-R").arg(site.path("environments/prod/recipients.txt"));
        said(command.arg("-o").arg(site.path("environments/prod/secrets.age")).arg(site.path("plain.yml"))).good();
        assert_eq!(site.reveal("token"), "abc12345");
    }
    // Changed by us, opened by age again.
    site.set("more", "x\n");
    let opened = said(site.command("age").arg("-d").arg("-i").arg(site.identity()).arg(site.path("environments/prod/secrets.age"))).good();
    assert_eq!(opened.stdout, "token: abc12345\nmore: \"x\"\n");

    // A key that age made, and one that is locked with a passphrase is named as such.
    let key = site.root().join("age.key");
    let made = said(site.command("age-keygen").arg("-o").arg(&key)).good();
    let public = made.stderr.rsplit(' ').next().expect("a key").trim().to_string();
    site.run(&["secrets", "recipients", "add", "env=prod", &public, "--name", "eve", "--yes"]).good();
    let nobody = site.root().join("nobody");
    site.run_as(&nobody, &["secrets", "show", "env=prod", "--identity", &key.display().to_string()]).good();
    let binary = site.root().join("binary");
    std::fs::write(&binary, [0u8, 159, 255, 10]).expect("writable");
    site.run(&["secrets", "encrypt", "binary", "env=prod", "--keep"]).good();
    let opened = site.command("age").arg("-d").arg("-i").arg(&key).arg(site.root().join("binary.age")).output().expect("age runs");
    assert_eq!(opened.stdout, [0u8, 159, 255, 10]);
}
