//! The postgresql role: databases, users, settings that are refused or taken back, dumps that can be restored.

use crate::machine::{Machine, Project, Run};

struct Database {
    machine: Machine,
    project: Project,
}

const VARIABLES: &str = r#"
postgresql_databases:
  shop: { owner: shop, extensions: [hstore] }
postgresql_users:
  reports: { login: false }
  shop: { password: "{{ shop_password }}", member_of: [reports] }
postgresql_dump_keep: 2
"#;

impl Database {
    fn up(suite: &str) -> Option<Self> {
        let machine = Machine::up_with(&["--suite", suite])?;
        let project = Project::new(&[&machine], "deploy");
        project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [postgresql]\n");
        Some(Self { machine, project })
    }

    fn given(&self, password: &str, more: &str) {
        let hba = "postgresql_hba: [{ database: shop, user: [shop, guest], address: 10.78.0.0/24 }]\n";
        let hba = if more.contains("postgresql_hba") { "" } else { hba };
        let settings =
            if more.contains("postgresql_settings") { "" } else { "postgresql_settings: { max_connections: 42, log_statement: all }\n" };
        self.project.file("group_vars/web.yml", &format!("{VARIABLES}shop_password: {password}\n{settings}{hba}{more}"));
    }

    fn converges(&self, password: &str, more: &str) -> Run {
        self.given(password, more);
        self.project.converge()
    }

    /// A run that fails, with these words.
    fn fails(&self, password: &str, more: &str, words: &str) {
        self.given(password, more);
        let run = self.project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        assert!(format!("{}{}", run.stdout, run.stderr).contains(words), "{words:?} in {run}");
    }

    /// What the superuser is told.
    fn ask(&self, database: &str, sql: &str) -> String {
        self.machine.sh(&format!("su postgres -c \"psql -XqAt -d {database}\" <<'END'\n{sql}\nEND\n"))
    }

    /// Whether the user gets in over the network with this password.
    fn lets_in(&self, password: &str) -> bool {
        let words =
            format!("PGPASSWORD='{password}' psql -XqAt 'host=127.0.0.1 user=shop dbname=shop' -c 'select current_user' 2>&1 || true");
        self.machine.sh(&words) == "shop\n"
    }

    fn dumps(&self) -> String {
        self.machine.sh("cd /var/backups/postgresql/shop && ls")
    }
}

#[test]
fn databases_and_users_are_made_and_a_changed_password_is_applied_without_being_told() {
    for suite in ["bookworm", "trixie"] {
        let Some(database) = Database::up(suite) else { return };
        let first = database.converges("'pass wörd ﬁ'", "");
        assert!(database.lets_in("pass wörd ﬁ") && !database.lets_in("another"), "{first}");
        assert_eq!(
            database.ask("shop", "show max_connections; select extname from pg_extension where extname = 'hstore';"),
            "42\nhstore\n"
        );
        let members = "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = 'shop'::regrole";
        assert_eq!(database.ask("shop", members), "reports\n");
        // The role may do what its owner needs, in a database with the encoding that all expect.
        database
            .machine
            .sh("PGPASSWORD='pass wörd ﬁ' psql -Xq 'host=127.0.0.1 user=shop dbname=shop' -c 'create table things (name text)'");
        assert_eq!(database.ask("shop", "select pg_encoding_to_char(encoding) from pg_database where datname = 'shop'"), "UTF8\n");

        let changed = database.converges("second-password", "");
        assert!(changed.stdout.contains("the user shop is up to date"), "{changed}");
        assert!(database.lets_in("second-password") && !database.lets_in("pass wörd ﬁ"));
        let log = database.machine.sh("cat /var/log/postgresql/*.log /var/lib/hoist/*.log");
        for secret in ["second-password", "pass wörd", "SCRAM-SHA-256$"] {
            assert!(!log.contains(secret), "{secret} in the log of the server: it keeps all statements");
        }

        // Somebody else's change is put right; a user that owns something stays, and one that owns nothing goes.
        database.ask("postgres", "alter role shop superuser connection limit 1; revoke reports from shop; create role guest;");
        database.converges("second-password", "");
        assert_eq!(
            database.ask("postgres", &format!("select rolsuper, rolconnlimit from pg_roles where rolname = 'shop'; {members}")),
            "f|-1\nreports\n"
        );
        let without = VARIABLES.replace("  shop: { password: \"{{ shop_password }}\", member_of: [reports] }", "  shop: ~\n  guest: ~");
        database.project.file("group_vars/web.yml", &without);
        let run = database.project.hoist(&["provision", "env=test", "--yes"]);
        assert!(run.status == 3 && run.stdout.contains("owner of database shop") | run.stderr.contains("owner of database shop"), "{run}");
        database.project.file("group_vars/web.yml", &without.replace("  shop: ~\n", ""));
        database.project.converge();
        assert_eq!(database.ask("postgres", "select count(*) from pg_roles where rolname = 'guest'"), "0\n");
    }
}

#[test]
fn settings_that_postgresql_does_not_take_leave_it_running_with_the_old_ones() {
    let Some(database) = Database::up("bookworm") else { return };
    database.converges("x1", "");
    let files = "cat /etc/postgresql/15/main/conf.d/hoist.conf /etc/postgresql/15/main/pg_hba.conf | sha256sum";
    let before = database.machine.sh(files);
    database.fails("x1", "postgresql_settings: { max_conections: 7 }\n", "unrecognized configuration parameter \"max_conections\"");
    database.fails("x1", "postgresql_hba: [{ address: 10.0.0.0/8, method: scrum }]\n", "invalid authentication method \"scrum\"");
    assert_eq!(database.machine.sh(files), before);
    // This is well written, and no machine has so much memory.
    database.fails("x1", "postgresql_settings: { shared_buffers: 7TB }\n", "it runs with the ones before");
    assert!(database.lets_in("x1"), "it was not taken down");
    assert_eq!(database.machine.sh(files), before);
    // Debian's next release has another version, which must not start with nothing in it.
    database.fails("x1", "postgresql_version: \"17\"\n", "the databases are in PostgreSQL 15");
    database.machine.sh("test ! -e /etc/postgresql/17");
    // Another port: while it waits for the restart, the server is found at the old one.
    database.converges("x2", "postgresql_port: 5433\npostgresql_settings: { max_connections: 43 }\n");
    assert_eq!(database.ask("'port=5433 dbname=shop'", "show max_connections"), "43\n");
}

#[test]
fn dumps_can_be_restored_and_a_failed_one_keeps_those_before_it() {
    let Some(database) = Database::up("bookworm") else { return };
    database.converges("x1", "");
    database.ask("shop", "create table things (name text); insert into things values ('one'), ('two');");
    database.machine.sh("cd /var/backups/postgresql; install -d -o postgres shop; cd shop; touch shop-20200101T000000Z.dump shop-20200102T000000Z.dump shop-20300101T000000Z.dump.part; chown postgres *");
    database.machine.sh("systemctl start postgresql-dump");
    let two = database.dumps();
    assert!(two.starts_with("shop-20200102T000000Z.dump\nshop-2") && two.lines().count() == 2, "the newest two: {two}");
    let new = two.lines().last().expect("two").to_string();
    assert_eq!(
        database.machine.sh(&format!("stat -c '%a %U' /var/backups/postgresql /var/backups/postgresql/shop/{new}")),
        "700 postgres\n600 postgres\n"
    );
    assert!(database.machine.sh("cat /var/backups/postgresql/globals/*.sql").contains("CREATE ROLE shop"));

    // A table that cannot be read any more.
    let file = database
        .ask("shop", "checkpoint; select setting || '/' || pg_relation_filepath('things') from pg_settings where name = 'data_directory'");
    database
        .machine
        .sh(&format!("mv {} /tmp/file; systemctl restart postgresql@15-main; ! systemctl start postgresql-dump 2>/dev/null", file.trim()));
    assert_eq!(database.dumps(), two, "the old ones stay, and nothing half is beside them");
    assert!(database.machine.sh("journalctl -u postgresql-dump --no-pager").contains("not dumped: shop"));
    assert!(database.machine.sh("ls /var/backups/postgresql/postgres").contains(".dump\n"), "the other databases are dumped");
    database.machine.sh(&format!("mv /tmp/file {}", file.trim()));

    // A database goes when that is said, and not without a last dump. From that it comes back.
    let kept = VARIABLES.replace("shop: { owner: shop, extensions: [hstore] }", "shop: ~");
    database.project.file("group_vars/web.yml", &format!("{kept}shop_password: x1\n"));
    database.project.converge();
    assert_eq!(database.ask("shop", "select count(*) from things"), "2\n", "null leaves it alone");
    let gone = VARIABLES.replace("{ owner: shop, extensions: [hstore] }", "{ state: absent }");
    database.project.file("group_vars/web.yml", &format!("{gone}shop_password: x1\n"));
    database.project.converge();
    assert_eq!(database.ask("postgres", "select count(*) from pg_database where datname = 'shop'"), "0\n");
    let last = database.dumps().lines().last().expect("dumps").to_string();
    assert_ne!(last, new);
    database.converges("x1", "");
    database.machine.sh(&format!("su postgres -c 'pg_restore --clean --if-exists -d shop /var/backups/postgresql/shop/{last}'"));
    assert_eq!(database.ask("shop", "select string_agg(name, ' ') from things"), "one two\n");
    // No dumps of their own accord any more.
    database.converges("x1", "postgresql_dump_time: ~\n");
    assert_eq!(database.machine.sh("systemctl is-active postgresql-dump.timer || true"), "inactive\n");
}
