//! What an Ansible user may write in a task that hoist does not have, and what stands for it.

/// Keywords of a task.
pub const KEYWORDS: &[(&[&str], &str)] = &[
    (&["register"], "conditions ask for facts and variables; a command says itself when it is needed: `creates`, `unless`, `only_if`"),
    (
        &["changed_when"],
        "a command that only looks says so: `command: { cmd: ..., probe: true }`; one that acts says when it is needed: `creates`, `unless`, `only_if`",
    ),
    (&["failed_when"], "write the condition into the command: `shell: { cmd: \"... || true\" }`"),
    (&["ignore_errors", "ignore_unreachable"], "say what may be missing: `only_if: ...` on a command"),
    (
        &["until", "retries", "delay"],
        "let a command wait: `shell: { cmd: \"until CHECK; do sleep 2; done\", unless: CHECK }`, with `timeout: 60` on the task; other kinds go on without",
    ),
    (&["async", "poll"], "say how long it may take: `timeout: 600`"),
    (
        &["listen"],
        "a handler is notified by its `name`: give it that of `listen`; where several listen, `notify` of the task lists their names",
    ),
    (&["no_log"], "secrets are masked by themselves"),
    (
        &["delegate_to", "delegate_facts"],
        "give the other host a play of its own, this machine too (`ansible_connection=local` in the inventory)",
    ),
    (&["local_action"], "give this machine a play of its own (`ansible_connection=local`)"),
    (
        &["connection", "remote_user", "become_method", "become_flags", "sudo_user"],
        "how a host is reached stands in its inventory: `ansible_connection`, `ansible_user`, `ansible_become_method`",
    ),
    (&["with_dict"], "loop over pairs: `loop: \"{{ mapping | pairs }}\"`, item[0] is the key and item[1] the value"),
    (
        &[
            "with_list",
            "with_nested",
            "with_subelements",
            "with_together",
            "with_sequence",
            "with_fileglob",
            "with_first_found",
            "with_lines",
        ],
        "`loop` takes a list, or the name of a variable that is one; `copy` takes a folder as it is",
    ),
    (&["loop_control"], "the item of a loop is called `item`; a `label` is not needed"),
    (
        &["block"],
        "write its tasks in its place, with its keywords on each of them; or make them a role: `{ role: NAME, when: ... }` in hoist.yml",
    ),
    (
        &["rescue"],
        "a handler with `validate` puts files back that it refuses, and a run that failed goes on in the next one; inside a command: `shell: { cmd: \"A || B\", ... }`",
    ),
    (
        &["include_tasks", "import_tasks", "include"],
        "write its tasks in its place, with its `when` on each of them; or make them a role: `{ role: NAME, when: ... }` in hoist.yml",
    ),
    (&["include_role", "import_role"], "hoist.yml lists the roles of a play, in their order"),
    (&["include_vars", "vars_files"], "variables stand in group_vars and host_vars, which are read by themselves"),
    (&["any_errors_fatal", "serial", "order"], "it stands at the play in hoist.yml"),
    (&["vars_prompt"], "give it on the command line: `name=value`"),
    (&["throttle"], "`serial` of the play in hoist.yml, or `--forks`"),
    (&["debugger", "module_defaults", "collections"], "leave it out"),
    (&["gather_facts"], "facts are known by themselves: `facts.NAME`"),
    (&["check_mode", "diff"], "a plan never changes anything; a command that only looks says `probe: true`"),
    (&["sudo"], "say `become: true`"),
];

/// Keywords of a play.
pub const OF_PLAYS: &[(&[&str], &str)] = &[
    (&["tasks", "pre_tasks", "post_tasks"], "tasks stand in a role, under the verb that runs them: `provision:` in roles/NAME/role.yml"),
    (&["handlers"], "handlers stand in the role whose tasks notify them: `handlers:` in roles/NAME/role.yml"),
    (&["import_playbook"], "hoist.yml lists all plays, in their order"),
    (&["strategy"], "hosts do not wait for each other; `serial` takes some at a time"),
    (&["force_handlers"], "handlers that were notified run in any case, be it in the next run"),
    (&["max_fail_percentage"], "`max_failures`, as in `max_failures: 30%`"),
];

/// Modules, by the last part of their name.
pub const MODULES: &[(&[&str], &str)] = &[
    (
        &["apt_repository", "deb822_repository", "apt_key"],
        "a repository is a file: `copy` it to /etc/apt/sources.list.d/NAME.sources, and its key to /etc/apt/keyrings",
    ),
    (&["dnf", "yum", "pacman", "apk"], "`package`, on hosts with apt"),
    (
        &["get_url", "unarchive", "pip", "npm", "make", "script", "raw", "expect"],
        "write it as a command that says when it is needed: `shell: { cmd: ..., creates: ... }`",
    ),
    (
        &["uri", "wait_for", "wait_for_connection", "pause"],
        "let a command wait: `shell: { cmd: \"until CHECK; do sleep 2; done\", unless: CHECK }`, with `timeout: 60` on the task",
    ),
    (&["set_fact"], "set it in group_vars or host_vars, or in `vars` of the task; a value may use other variables"),
    (&["debug"], "`hoist explain NAME env=ENV` shows what a variable is, and why"),
    (&["assert", "fail"], "inputs of a role have a `type` and `choices`; a template refuses with `{{ throw(message=\"...\") }}`"),
    (
        &["stat", "slurp", "find", "command_facts", "package_facts", "service_facts"],
        "a command says itself when it is needed: `creates`, `unless`, `only_if`",
    ),
    (&["setup"], "facts are known by themselves: `facts.NAME`"),
    (&["meta"], "handlers run at the end of their play, also after a run that failed"),
    (&["replace", "ini_file", "assemble"], "`lineinfile` for one line, `template` for the whole file"),
    (&["synchronize"], "`copy: { src: FOLDER, dest: ... }` takes a folder"),
    (&["sysctl"], "`copy` a file to /etc/sysctl.d, and notify a handler that runs `sysctl --system`"),
    (&["hostname", "timezone"], "the role `common` has `common_hostname` and `common_timezone`"),
    (&["ufw", "firewalld", "iptables", "nftables"], "the role `common` has `common_firewall`"),
    (&["postgresql_db", "postgresql_user", "postgresql_privs", "postgresql_ext"], "the role `postgresql` has databases and users"),
    (&["supervisorctl"], "the role `supervisor` has `supervisor_programs`"),
    (&["htpasswd"], "the role `nginx` has `basic_auth` for a site"),
    (&["acme_certificate"], "the role `certbot` has `certbot_certificates`"),
];

/// What stands for a keyword of a task.
pub fn keyword(name: &str) -> Option<&'static str> {
    find(KEYWORDS, name)
}

/// What stands for a keyword of a play.
pub fn of_play(name: &str) -> Option<&'static str> {
    find(OF_PLAYS, name).or_else(|| keyword(name))
}

/// What stands for a module, with or without its collection in front. `kinds` are those of hoist.
pub fn module(name: &str, kinds: &[&str]) -> Option<String> {
    let short = name.rsplit('.').next().unwrap_or(name);
    match find(MODULES, short).or_else(|| keyword(short)) {
        _ if short != name && kinds.contains(&short) => Some(format!("write `{short}`: a kind has no collection in front")),
        advice => advice.map(str::to_string),
    }
}

fn find(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| *advice)
}
