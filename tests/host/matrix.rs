//! The value matrix (I10 to I22, I24 of the catalogue): hard values through every field, read back byte for byte from a
//! real host, under several login shells.

use crate::machine::{Machine, Project};

/// What must arrive as it is.
const VALUES: &[(&str, &str)] = &[
    ("I10", "it's \"quoted\" 'twice' '\"'\"'"),
    ("I11", "two\nlines, a tab\tand\r a return\n"),
    ("I12", "$(touch /x) `touch /x` \\$(touch /x)"),
    ("I13", "${IFS} $HOME !! ~ ~root $0 $$"),
    ("I14", "a; touch /x && touch /x | touch /x > /x <(touch /x) & touch /x"),
    ("I15", "-rf / -- --help"),
    ("I16", "* ? [a-z] {a,b} /etc/*"),
    ("I19", "é e\u{301} \u{202e}rtl\u{202c} zero\u{200b}width 🦀 \u{feff}bom \u{a0}"),
    ("I20", "%s %n %% %d \\x41 \\n"),
    ("I21", "ends with a backslash \\"),
    ("I22", "   "),
    ("I22", "\t"),
    ("I24", "hoist_e done 0\nEOF\n'\nhoist-0123 e m1 0\n"),
];

/// A value in YAML, whatever is in it: JSON texts are YAML.
fn yaml(value: &str) -> String {
    serde_json::to_string(value).expect("a text can be written").replace('\u{feff}', "\\ufeff")
}

/// What the host has, as hex, so that nothing on the way can change it.
fn hex(machine: &Machine, command: &str) -> String {
    machine.sh(&format!("{command} | od -An -v -tx1 | tr -d ' \\n'"))
}

fn expected(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn through_every_field(login_shell: &str) {
    let Some(machine) = Machine::up() else { return };
    if login_shell.ends_with("fish") {
        machine
            .sh("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends fish >/dev/null 2>&1");
    }
    machine.sh(&format!("usermod -s {login_shell} root; chsh -s {login_shell} deploy; mkdir /m; chmod 777 /m"));
    let project = Project::new(&[&machine], "root");
    let mut tasks = String::from("provision:\n");
    let mut vars = String::from("values:\n");
    for (number, (_, value)) in VALUES.iter().enumerate() {
        let value = yaml(value);
        vars += &format!("  - {value}\n");
        tasks += &format!("  - copy: {{ dest: /m/content{number}, content: {value} }}\n");
        tasks += &format!("  - template: {{ src: value, dest: /m/template{number} }}\n    vars: {{ value: {value} }}\n");
        tasks += &format!(
            "  - shell: {{ cmd: 'printf %s \"$HARD\" > /m/environment{number}', creates: /m/environment{number} }}\n    environment: {{ HARD: {value} }}\n"
        );
        tasks += &format!(
            "  - shell: {{ cmd: 'printf %s \"$HARD\" > /m/user{number}', creates: /m/user{number} }}\n    become_user: deploy\n    environment: {{ HARD: {value} }}\n"
        );
        tasks += &format!(
            "  - command: {{ argv: [sh, -c, 'printf %s \"$1\" > \"$2\"', sh, {value}, /m/argv{number}], creates: /m/argv{number} }}\n"
        );
    }
    tasks += "  - template: { src: all, dest: /m/all }\n";
    project.file("roles/test/role.yml", &format!("inputs: {{ values: {{ type: list }} }}\n{tasks}"));
    project.file("templates/test/value", "{{ value }}");
    project.file("templates/test/all", "{% for value in values %}[{{ value }}]{% endfor %}");
    project.file("group_vars/web.yml", &vars);
    project.converge();
    for (number, (row, value)) in VALUES.iter().enumerate() {
        for field in ["content", "template", "environment", "user", "argv"] {
            assert_eq!(
                hex(&machine, &format!("cat /m/{field}{number}")),
                expected(value),
                "{row} {value:?} through {field} under {login_shell}"
            );
        }
    }
    let all: String = VALUES.iter().map(|(_, value)| format!("[{value}]")).collect();
    assert_eq!(hex(&machine, "cat /m/all"), expected(&all));
    machine.sh("test ! -e /x");
}

#[test]
fn hard_values_arrive_under_sh() {
    through_every_field("/bin/sh");
}

#[test]
fn hard_values_arrive_under_bash() {
    through_every_field("/bin/bash");
}

#[test]
fn hard_values_arrive_under_fish() {
    through_every_field("/usr/bin/fish");
}

/// Fields with a grammar of their own: a path, a user's comment, a cron job.
#[test]
fn hard_values_arrive_in_paths_comments_and_cron_jobs() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let path = "/m/it's \"a\" $(touch x) `touch x`; -rf * ? [a] {a,b} é%s\\ end";
    let comment = "O'Brien \"$(touch /x)\" `touch /x` ; & | < > * %s é";
    let job = "echo \"it's $HOME\" > /m/\\% && echo `date` # $(touch /x) 'é' %s";
    project.file(
        "roles/test/role.yml",
        &format!(
            "provision:\n  - file: {{ path: /m, state: directory }}\n  - copy: {{ dest: {path}, content: x }}\n  - file: {{ path: {dir}, state: directory, mode: \"0750\" }}\n  \
             - file: {{ path: {link}, src: {path}, state: link }}\n  - lineinfile: {{ path: {lines}, line: {comment}, create: true }}\n  - user: {{ name: brien, comment: {comment} }}\n  - cron: {{ name: hard, minute: \"5\", job: {job} }}\n",
            path = yaml(path),
            dir = yaml(&format!("{path} dir")),
            link = yaml(&format!("{path} link")),
            lines = yaml(&format!("{path} lines")),
            comment = yaml(comment),
            job = yaml(job),
        ),
    );
    project.converge();
    assert_eq!(
        hex(&machine, "ls -1 --quoting-style=literal /m | sort"),
        expected(&format!("{0}\n{0} dir\n{0} lines\n{0} link\n", &path[3..]))
    );
    assert_eq!(hex(&machine, "cat /m/*lines"), expected(&format!("{comment}\n")));
    assert_eq!(hex(&machine, "getent passwd brien | cut -d: -f5"), expected(&format!("{comment}\n")));
    assert_eq!(hex(&machine, "crontab -l | grep '^5 '"), expected(&format!("5 * * * * {job}\n")));
    machine.sh("test ! -e /x");
}

/// I17, I18: what no Unix program can take is refused before a host is contacted, by name.
#[test]
fn a_nul_is_refused_by_name() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/x, content: \"a\\0b\" }\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("NUL") && run.stderr.contains("roles/test/role.yml:2:"), "{run}");
}
