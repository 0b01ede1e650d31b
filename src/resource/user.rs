//! `user`: an account on the host.

mod password;

use schemars::JsonSchema;
use serde::Deserialize;

use super::list::List;
use super::{Action, Change, Diff, Kind, Probe, Reply, Subject, Unreadable, User as Now, Written, name, path};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::Script;
use password::Password;

/// An account is there with these properties, or is not.
///
/// ```yaml
/// - name: the application has a user
///   user: { name: app, home: /srv/app, shell: /bin/bash, groups: [www-data], append: true }
/// - name: the admins can log in
///   user: { name: "{{ item.name }}", groups: [sudo], append: true, password: "{{ item.password_hash }}" }
///   loop: "{{ admins }}"
/// ```
///
/// What is not given stays as it is. The plan shows each property with its old and new value; a password never.
///
/// Other than in Ansible, a user whose name is also a group's gets that as its primary group when `group` is not given
/// (Ansible's is `users` then), and the missing home folder of an existing account is only made when `home` is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Its name.
    name: String,
    /// `present` or `absent`.
    #[serde(default)]
    state: State,
    /// Its number. The next free one when not given.
    uid: Option<u32>,
    /// Its primary group, by name or number. A new user gets one of its own name when not given.
    group: Option<String>,
    /// The groups it is in beside the primary one. It leaves all others, unless `append` is set.
    groups: Option<List>,
    /// Whether it stays in groups that are not listed in `groups`.
    #[serde(default)]
    append: bool,
    /// Its full name, or what it is for.
    comment: Option<String>,
    /// Its home folder.
    home: Option<String>,
    /// Whether the home folder is made, with what is in `/etc/skel`.
    #[serde(alias = "createhome")]
    create_home: Option<bool>,
    /// Whether the content of the home folder goes along when `home` changes.
    #[serde(default)]
    move_home: bool,
    /// Its login shell, which must be there.
    shell: Option<String>,
    /// Whether a new user gets a number for system users.
    #[serde(default)]
    system: bool,
    /// The hash of its password, as `mkpasswd --method=yescrypt` or `openssl passwd -6` print it; `!` for none. Keep it in the secrets.
    password: Option<String>,
    /// `always` sets the password whenever it differs, `on_create` only for a new user.
    #[serde(default)]
    update_password: UpdatePassword,
    /// Whether logging in by password is locked.
    password_lock: Option<bool>,
    /// With `state: absent`: whether home folder and mail go too.
    #[serde(default)]
    remove: bool,
    /// With `state: absent`: whether it goes even while it is logged in.
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum UpdatePassword {
    #[default]
    Always,
    OnCreate,
}

/// An account.
pub struct User {
    args: Args,
    password: Password,
}

/// Home folders that are none, on purpose.
const NO_HOME: [&str; 3] = ["/nonexistent", "/dev/null", "/"];

impl Kind for User {
    const NAME: &'static str = "user";
    type Args = Args;

    fn new(mut args: Args, written: &Written<'_>, _: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        problems.take(name::account(&args.name, "a user", written.span("name")));
        if args.name == "root" && args.state == State::Absent {
            problems.push(written.error("name", "the user `root` cannot go"));
        }
        if let Some(group) = args.group.as_ref().filter(|group| group.parse::<u32>().is_err()) {
            problems.take(name::account(group, "a group", written.span("group")));
        }
        for (at, group) in (0..).zip(args.groups.iter().flat_map(|groups| &groups.0)) {
            problems.take(name::account(group, "a group", written.item(&["groups"], at)));
        }
        for (argument, path) in [("home", &mut args.home), ("shell", &mut args.shell)] {
            let Some(text) = path else { continue };
            match path::absolute(text, written.span(argument)) {
                Ok(settled) => *text = settled,
                Err(error) => problems.push(error),
            }
        }
        for (argument, text) in [("comment", &args.comment), ("home", &args.home), ("shell", &args.shell)] {
            if text.as_ref().is_some_and(|text| text.contains(|c: char| c == ':' || c.is_control())) {
                problems.push(written.error(argument, format!("`{argument}` can hold neither `:` nor a line break")));
            }
        }
        let hash = args.password.take();
        let password = Password { hash, lock: args.password_lock, always: args.update_password == UpdatePassword::Always };
        problems.take(password.check(written.span("password")));
        problems.or(Self { args, password })
    }

    fn subject(&self) -> String {
        self.args.name.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        probe.user(&self.args.name);
        if self.args.state == State::Absent {
            return;
        }
        probe.group(&self.args.name);
        self.groups().for_each(|group| probe.group(group));
        self.args.shell.iter().chain(&self.args.home).for_each(|path| probe.stat(path));
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let now = reply.user(&self.args.name)?;
        if self.args.state == State::Absent {
            return Ok(now.map(|now| self.delete(now)));
        }
        for group in self.groups() {
            if reply.group(group)?.is_none() {
                return Err(Unreadable::new(format!("there is no group `{group}`")).help("make it with a `group` task before this one"));
            }
        }
        if let Some(shell) = self.args.shell.as_ref().filter(|shell| now.is_none_or(|now| now.shell != **shell))
            && reply.path(shell)?.stat.is_none()
        {
            return Err(Unreadable::new(format!("the shell `{shell}` is not on the host")).help("install its package before this"));
        }
        match now {
            None => self.create(reply).map(Some),
            Some(now) => self.update(now, reply),
        }
    }
}

impl User {
    /// All groups that are named.
    fn groups(&self) -> impl Iterator<Item = &String> {
        self.args.group.iter().chain(self.args.groups.iter().flat_map(|groups| &groups.0))
    }

    fn create(&self, reply: &Reply) -> Result<Change, Unreadable> {
        let args = &self.args;
        let own = reply.group(&args.name)?.map(|_| &args.name);
        let group = args.group.as_ref().or(own);
        let groups = args.groups.as_ref().map(|groups| groups.0.join(",")).filter(|groups| !groups.is_empty());
        let properties = [
            ("uid", "-u", args.uid.map(|uid| uid.to_string())),
            ("group", "-g", group.cloned()),
            ("groups", "-G", groups),
            ("comment", "-c", args.comment.clone()),
            ("home", "-d", args.home.clone()),
            ("shell", "-s", args.shell.clone()),
        ];
        let mut change = Change::new(Action::Create, Script::new());
        let mut words = vec![if args.create_home == Some(false) { "-M" } else { "-m" }];
        words.extend(args.system.then_some("--system"));
        for (name, option, value) in &properties {
            if let Some(value) = value {
                words.extend([option, value.as_str()]);
                change = change.attribute(name, "", value);
            }
        }
        words.extend(["--", &args.name]);
        change.script.words("useradd", words);
        let home = args.home.clone().unwrap_or_else(|| format!("/home/{}", args.name));
        Ok(self.password.create(change, &args.name).moves(Subject::Account).moves(Subject::Path(home)))
    }

    fn update(&self, now: &Now, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let args = &self.args;
        let mut change = Change::new(Action::Update, Script::new());
        let mut words: Vec<&str> = Vec::new();
        let mut differs = |name, option, before: &str, after: String, words: &mut Vec<&str>| {
            words.push(option);
            change.diff.push(Diff::Attribute { name, before: before.to_string(), after });
        };
        let uid = args.uid.map(|uid| uid.to_string());
        if let Some(uid) = uid.as_deref().filter(|uid| *uid != now.uid.to_string()) {
            differs("uid", "-u", &now.uid.to_string(), uid.to_string(), &mut words);
            words.push(uid);
        }
        if let Some(group) = &args.group
            && reply.group(group)?.is_some_and(|group| group.gid != now.gid)
        {
            differs("group", "-g", &now.group, group.clone(), &mut words);
            words.push(group);
        }
        let groups = self.groups_wanted(now);
        let listed = groups.join(",");
        if groups != now.groups {
            differs("groups", "-G", &now.groups.join(", "), groups.join(", "), &mut words);
            words.push(&listed);
        }
        for (name, option, wanted, before) in [
            ("comment", "-c", &args.comment, &now.comment),
            ("home", "-d", &args.home, &now.home),
            ("shell", "-s", &args.shell, &now.shell),
        ] {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != before) {
                differs(name, option, before, wanted.clone(), &mut words);
                words.push(wanted);
                words.extend((name == "home" && args.move_home).then_some("-m"));
            }
        }
        if !words.is_empty() {
            change.script.words("usermod", words.into_iter().chain(["--", args.name.as_str()]));
        }
        let home = args.home.as_ref().unwrap_or(&now.home);
        if self.home_is_missing(home, now, reply)? {
            change.script.line("mkhomedir_helper {}", &[&args.name]);
            change = change.note(format!("{home} is made"));
        }
        let change = self.password.update(change, &args.name, now.password.as_deref())?;
        if change.diff.is_empty() {
            return Ok(None);
        }
        let change = change.moves(Subject::Account).moves(Subject::Path(home.clone()));
        Ok(Some(if now.home == *home { change } else { change.moves(Subject::Path(now.home.clone())) }))
    }

    /// The groups beside the primary one that it is to be in, sorted.
    fn groups_wanted(&self, now: &Now) -> Vec<String> {
        let Some(groups) = &self.args.groups else { return now.groups.clone() };
        let kept = if self.args.append { now.groups.as_slice() } else { &[] };
        let mut all: Vec<String> = groups.0.iter().chain(kept).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether a home folder must be made for an account that is there.
    fn home_is_missing(&self, home: &str, now: &Now, reply: &Reply) -> Result<bool, Unreadable> {
        let moved = self.args.move_home && now.home != home;
        if self.args.home.is_none() || self.args.create_home == Some(false) || NO_HOME.contains(&home) || moved {
            return Ok(false);
        }
        Ok(reply.path(home)?.stat.is_none())
    }

    fn delete(&self, now: &Now) -> Change {
        let mut script = Script::new();
        let options = [(self.args.force, "-f"), (self.args.remove, "-r")];
        let options = options.into_iter().filter_map(|(wanted, option)| wanted.then_some(option));
        script.words("userdel", options.chain(["--", self.args.name.as_str()]));
        let change = Change::new(Action::Delete, script).attribute("uid", now.uid.to_string(), "").moves(Subject::Account);
        if self.args.remove { change.attribute("home", &now.home, "").moves(Subject::Path(now.home.clone())) } else { change }
    }
}
