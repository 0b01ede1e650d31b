//! Nothing that hoist says shows a secret: every kind of value, every command, every way to fail. V01, V03.

use crate::site::{Run, Site, said};

/// What is secret, and must be found nowhere. Short ones are masked where their type says so.
const PASSWORD: &str = "c4n'ary \"p\\ass/w%rd";
const KEY: &str = "-----BEGIN KEY-----\nAAAAcanaryline1\nBBBBcanaryline2\n-----END KEY-----\n";
const NUMBER: &str = "73519";

fn forms() -> Vec<String> {
    use base64::Engine as _;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let json = serde_json::to_string(PASSWORD).expect("JSON");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    [PASSWORD.to_string(), json.trim_matches('"').to_string(), hoist::secret::url_encoded(PASSWORD), base64(PASSWORD), hex(PASSWORD)]
        .into_iter()
        .chain(["AAAAcanaryline1", "BBBBcanaryline2", NUMBER, "C4N'ARY"].map(str::to_string))
        .collect()
}

fn leaked(run: &Run) -> Option<String> {
    let all = run.all();
    forms().into_iter().find(|form| all.contains(form.as_str()))
}

fn clean(run: &Run) {
    assert_eq!(leaked(run), None, "{run}");
}

fn site() -> Site {
    let site = Site::new();
    site.set("password", &format!("{PASSWORD}\n"));
    site.set("tls_key", KEY);
    let editor = site.script("editor", &format!("printf 'pin: 7\\nempty: \"\"\\nnumber: {NUMBER}\\nword: pass\\nflag: true\\nnested: {{ user: mail, token: nested-canary }}\\n' >> \"$1\"\n"));
    site.edit(&editor.display().to_string()).good();
    site.file(
        "group_vars/all.yml",
        "database_url: \"postgres://app:{{ password | urlencode }}@db/app\"\nloud: \"{{ password | upper }}\"\nencoded: \"{{ password | b64encode }}\"\n",
    );
    site
}

const ENV: &str = "WORKERS=4\nURL={{ database_url }}\nPASSWORD={{ password }}\nLOUD={{ loud }}\nB64={{ encoded }}\nJSON={{ password | to_json }}\n\
    HASH={{ password | hash }}\nPIN={{ pin }}\nEMPTY={{ empty }}\nNUMBER={{ number }}\nWORD={{ word }}\nFLAG={{ flag }}\nTOKEN={{ nested.token }}\nUSER={{ nested.user }}\n\
    {% if 'x' in password %}HAS_X=1{% endif %}\nDEBUG=0\n";

#[test]
fn a_plan_shows_the_other_lines_of_a_file() {
    let site = site();
    let target = site.root().join("env");
    std::fs::write(&target, "WORKERS=2\nPASSWORD=old-canary-of-the-host\nDEBUG=0\nFORGOTTEN=old-canary-two\n").expect("writable");
    site.file("templates/web/env", ENV);
    let tls = site.root().join("tls.pem");
    site.file(
        "roles/web/role.yml",
        &format!(
            "provision:\n  - template: {{ src: env, dest: '{}' }}\n  - copy: {{ dest: '{}', content: \"{{{{ tls_key }}}}\", mode: '0644' }}\n",
            target.display(),
            tls.display()
        ),
    );
    for words in [&["plan", "env=prod"][..], &["plan", "env=prod", "--diff=full"], &["plan", "env=prod", "--json"]] {
        let run = site.run(words).good();
        clean(&run);
        assert!(!run.all().contains("old-canary"), "{run}");
        assert!(!run.all().contains("nested-canary") && !run.all().contains("PIN=7"), "{run}");
        assert!(run.stdout.contains("WORKERS=4"), "{run}");
        assert!(run.stdout.contains("open to every user of the host"), "the mode asks for more: {run}");
    }
    let run = site.run(&["plan", "env=prod"]).good();
    for line in [
        "+WORKERS=4",
        "+PASSWORD=(secret, changed)",
        "+URL=postgres://app:(secret, changed)@db/app",
        "+PIN=(secret, changed)",
        "+FLAG=(secret, changed)",
        " DEBUG=0",
        "-WORKERS=(not shown)",
    ] {
        assert!(run.stdout.lines().any(|shown| shown.trim_start() == line.trim_start()), "{line}: {run}");
    }
    // A change of the mode alone says nothing of the content.
    std::fs::write(&tls, KEY).expect("writable");
    clean(&site.run(&["plan", "env=prod"]).good());
}

#[test]
fn every_kind_and_every_mistake_is_masked() {
    let site = site();
    let folder = site.root().join("host");
    std::fs::create_dir(&folder).expect("writable");
    let at = folder.display();
    let tasks = [
        format!("lineinfile: {{ path: {at}/f, line: \"key={{{{ password }}}}\", create: true }}"),
        format!("lineinfile: {{ path: {at}/missing, line: \"key={{{{ password }}}}\" }}"),
        format!("blockinfile: {{ path: {at}/g, block: \"{{{{ tls_key }}}}\", create: true }}"),
        "command: { cmd: \"echo {{ password | quote }}\", always: true }".to_string(),
        "command: { cmd: \"echo {{ loud | quote }}\", unless: \"test {{ pin }} = 7\" }".to_string(),
        "shell: { cmd: \"echo {{ database_url | quote }}\", always: true }".to_string(),
        "command: { cmd: \"false {{ number }}\", probe: true }".to_string(),
        format!("copy: {{ dest: \"{at}/{{{{ number }}}}\", content: x }}"),
        format!("file: {{ path: \"{at}/{{{{ nested.token }}}}\", state: directory }}"),
        // Mistakes.
        format!("copy: {{ dest: {at}/m, content: x, mode: \"{{{{ password }}}}\" }}"),
        "copy: { dest: \"{{ password }}\", content: x }".to_string(),
        format!("copy: {{ dest: {at}/o, content: x, owner: \"{{{{ password }}}}\" }}"),
        format!("copy: {{ dest: {at}/o, content: x, \"force\": \"{{{{ loud }}}}\" }}"),
        "package: { name: \"{{ password }}\" }".to_string(),
        "user: { name: app, password: \"{{ password }}\" }".to_string(),
        "service: { name: \"{{ password }}\" }".to_string(),
        format!("template: {{ src: \"{{{{ password }}}}\", dest: {at}/t }}"),
        format!("copy: {{ dest: {at}/i, content: \"{{{{ password | int }}}}\" }}"),
        format!("copy: {{ dest: {at}/i, content: \"{{{{ password | b64decode }}}}\" }}"),
        format!("copy: {{ dest: {at}/i, content: \"{{{{ password.x }}}}\" }}"),
        format!("copy: {{ dest: {at}/w, content: x }}\n    when: password"),
        format!("copy: {{ dest: {at}/w, content: \"{{{{ item }}}}\" }}\n    loop: \"{{{{ password }}}}\""),
        format!("copy: {{ dest: \"{at}/{{{{ item }}}}\", content: \"{{{{ item }}}}\" }}\n    loop: [\"{{{{ number }}}}\"]"),
        format!("copy: {{ dest: {at}/b, content: x }}\n    become_user: \"{{{{ password }}}}\""),
    ];
    for (number, task) in tasks.iter().enumerate() {
        site.file(
            "roles/web/role.yml",
            &format!("provision:\n  - name: \"task {number} {{{{ password }}}} {{{{ loud }}}} {{{{ pin }}}}\"\n    {task}\n"),
        );
        for words in [&["plan", "env=prod", "--diff=full"][..], &["plan", "env=prod", "--json"], &["check", "env=prod"]] {
            let run = site.run(words);
            clean(&run);
            assert!(!run.all().contains("nested-canary"), "{run}");
            assert!(!run.all().contains(&format!("task {number} (secret) (secret) 7")), "{run}");
        }
    }
    for words in [
        &["explain", "password", "env=prod"][..],
        &["explain", "database_url", "env=prod"],
        &["explain", "loud", "env=prod"],
        &["explain", "nested", "env=prod"],
        &["inventory", "env=prod", "--list"],
        &["secrets", "show", "env=prod"],
        &["secrets", "show", "env=prod", "password", "pin"],
    ] {
        let run = site.run(words).good();
        clean(&run);
        assert!(!run.all().contains("nested-canary"), "{run}");
    }
}

#[test]
fn a_planted_leak_is_caught() {
    // The negative control: the check above sees what `--reveal` shows, and what a plain variable shows.
    let site = site();
    let run = site.run(&["secrets", "show", "env=prod", "--reveal"]).good();
    assert!(leaked(&run).is_some(), "{run}");
    site.file(
        "roles/web/role.yml",
        &format!("provision:\n  - copy: {{ dest: {}/x, content: \"AAAAcanaryline1\\n\" }}\n", site.root().display()),
    );
    std::fs::remove_file(site.path("environments/prod/secrets.age")).expect("there");
    let run = site.run(&["plan", "env=prod"]).good();
    assert!(leaked(&run).is_some(), "{run}");
}

#[test]
fn a_secret_that_is_known_is_hidden_in_plain_texts_too() {
    // Nothing marks this text: the last fence catches it.
    let site = site();
    site.file(
        "roles/web/role.yml",
        &format!("provision:\n  - copy: {{ dest: {}/x, content: \"AAAAcanaryline1\\nother\\n\" }}\n", site.root().display()),
    );
    let run = site.run(&["plan", "env=prod"]).good();
    clean(&run);
    assert!(run.stdout.contains("+(secret)") && run.stdout.contains("+other"), "{run}");
}

#[test]
fn a_panic_shows_no_secret() {
    if std::env::var_os("HOIST_TEST_PANIC").is_some() {
        hoist::report::catch_panics();
        hoist::secret::learn("canary-in-a-panic");
        panic!("unexpected: canary-in-a-panic and plain-control");
    }
    let mut command = std::process::Command::new(std::env::current_exe().expect("a test"));
    let run = said(command.args(["leaks::a_panic_shows_no_secret", "--exact", "--nocapture"]).env("HOIST_TEST_PANIC", "1"));
    assert!(run.status != 0 && run.stderr.contains("unexpected: (secret) and plain-control"), "{run}");
    assert!(!run.all().contains("canary-in-a-panic"), "{run}");
}

#[test]
fn braces_in_a_secret_are_no_template() {
    let site = Site::new();
    site.set("password", "a{{ 7*7 }}{% raw\n");
    site.file(
        "roles/web/role.yml",
        &format!("provision:\n  - copy: {{ dest: {}/x, content: \"{{{{ password }}}}\" }}\n", site.root().display()),
    );
    let run = site.run(&["plan", "env=prod"]).good();
    assert!(!run.all().contains("49") && !run.all().contains("7*7"), "{run}");
}

#[test]
fn an_encrypted_asset_is_used_and_not_shown() {
    let site = Site::new();
    site.file("environments/prod/assets/key.pem", KEY);
    site.run(&["secrets", "encrypt", "environments/prod/assets/key.pem"]).good();
    assert!(!site.path("environments/prod/assets/key.pem").exists());
    site.file("roles/web/role.yml", &format!("provision:\n  - copy: {{ dest: {0}/x, src: key.pem }}\n", site.root().display()));
    let run = site.run(&["plan", "env=prod", "--diff=full"]).good();
    clean(&run);
    assert!(run.stdout.contains("(secret)"), "{run}");
    std::fs::write(site.root().join("x"), KEY).expect("writable");
    let run = site.run(&["plan", "env=prod", "--exit-code"]);
    assert!(run.status == 0, "its content is what was encrypted: {run}");
    let stranger = site.root().join("stranger");
    let run = site.run_as(&stranger, &["plan", "env=prod"]);
    assert!(run.status == 1 && run.stderr.contains("key.pem.age cannot be opened"), "{run}");
}
