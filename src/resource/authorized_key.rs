//! `authorized_key`: who may log in as a user with an SSH key.

use schemars::JsonSchema;
use serde::Deserialize;

use super::keys::{Key, Wish, check_options, edited};
use super::state::within;
use super::{
    Access, Action, Change, Diff, FileKind, Guard, Kind, Mode, Origin, Owner, PathState, Probe, Reply, Stat, Subject, Unreadable, User,
    Write, Written, folders, name, path,
};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::{Script, sha256};

/// Sees to it that public keys may be used to log in as a user, or may not.
///
/// ```yaml
/// - name: the team may log in as deploy
///   authorized_key:
///     user: deploy
///     exclusive: true
///     key: |
///       ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVyKBLiHQ3qJ2s3cqvzAxDXHgqLk3yQnTg6xYgGqf6Z anna@laptop
///       ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8sZ4bX1F6GmJ0nS4z8R5B6nFq0m3O1sTqvQ0P9dXYZ bert@desk
/// - name: the backup server may fetch dumps, and nothing else
///   authorized_key: { user: backup, key: "{{ backup_key }}", key_options: 'command="/usr/local/bin/dump",restrict' }
/// - name: carla has left
///   authorized_key: { user: deploy, key: "{{ carla_key }}", state: absent }
/// ```
///
/// The keys go into `~/.ssh/authorized_keys` of the user, which gets mode 0600, in a folder with mode 0700. Both are made
/// when missing, and written as that user, so that no link in a home folder leads root elsewhere. Nothing is done when the
/// keys are there with these options, and the modes are right.
///
/// A key is found by the key itself, whatever its comment. It is changed where it stands. Keys are checked to be whole.
///
/// Differs from Ansible: the comment in the list stays when `key` has none. `exclusive` keeps remarks (`#`) in the list. Modes are
/// set right even when no key changes. `manage_dir` is off when `path` is given. Keys are not fetched from the web.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The user whose login it is. It must be there.
    user: String,
    /// The public key, or several, a line each. Lines with `#` are skipped.
    key: String,
    /// `absent`: the keys are removed.
    state: Option<State>,
    /// `true`: all other keys are removed. All keys must stand in this one task then; with an empty `key` nobody keeps one.
    exclusive: Option<bool>,
    /// Options for all the keys, as sshd reads them: `from="10.0.0.0/8",no-pty`.
    key_options: Option<String>,
    /// Another file than `~/.ssh/authorized_keys`, an absolute path. It will belong to the user.
    path: Option<String>,
    /// `false`: the folder of the file is left as it is, and must be there. Off when `path` is given.
    manage_dir: Option<bool>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The keys may be used.
    Present,
    /// They may not.
    Absent,
}

/// Keys with which one may log in as a user.
pub struct AuthorizedKey {
    user: String,
    keys: Vec<Key>,
    wish: Wish,
    path: Option<String>,
    manage_dir: bool,
    secret: bool,
}

/// What is there: the folder and the list in it.
struct Seen {
    folder: PathState,
    list: PathState,
}

impl Kind for AuthorizedKey {
    const NAME: &'static str = "authorized_key";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, _: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        problems.take(name::account(&args.user, "a user", written.span("user")));
        let path = args.path.as_ref().and_then(|path| problems.take(path::absolute(path, written.span("path"))));
        if let Some(Err(reason)) = args.key_options.as_deref().map(check_options) {
            problems.push(written.error("key_options", format!("`key_options` cannot be read: {reason}")));
        }
        let wanted = args.key.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut keys = Vec::new();
        for (number, line) in wanted.enumerate() {
            match Key::read(line) {
                Ok(key) => keys.push(match &args.key_options {
                    Some(options) => key.with_options(options.trim()),
                    None => key,
                }),
                Err(reason) => problems.push(written.error("key", format!("key {}: {reason}", number + 1))),
            }
        }
        let (absent, exclusive) = (args.state == Some(State::Absent), args.exclusive == Some(true));
        let nobody = exclusive && args.key.trim().is_empty();
        if keys.is_empty() && !nobody && !problems.has_errors() {
            problems.push(written.error("key", "there is no key in `key`"));
        }
        if absent && exclusive {
            problems.push(written.error("exclusive", "`exclusive` keeps these keys alone, and `state: absent` removes them"));
        }
        let wish = match (absent, exclusive) {
            (true, _) => Wish::Absent,
            (_, true) => Wish::Exclusive,
            _ => Wish::Present,
        };
        let manage_dir = args.manage_dir.unwrap_or(path.is_none());
        problems.or(Self { user: args.user, keys, wish, path, manage_dir, secret: written.any_secret() })
    }

    fn subject(&self) -> String {
        self.path.clone().unwrap_or_else(|| self.user.clone())
    }

    fn probe(&self, probe: &mut Probe) {
        probe.user(&self.user);
        match &self.path {
            Some(path) => {
                path::ask_folder(probe, path);
                probe.content(path);
            }
            None => probe.guard(&question(&self.user)),
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let name = &self.user;
        let user = reply.user(name)?.ok_or_else(|| {
            let nobody = Unreadable::new(format!("there is no user `{name}`"));
            let nobody = nobody.help(format!("make the user before, with `user: {{ name: {name} }}`"));
            if self.wish == Wish::Absent || self.keys.is_empty() { nobody } else { nobody.would(self.first()) }
        })?;
        match &self.path {
            Some(path) => {
                let folder = match path::parent(path).filter(|parent| *parent != "/") {
                    Some(parent) => reply.path(parent)?.clone(),
                    None => PathState { stat: Some(Access::default().created(FileKind::Directory, 0o755, None)), ..PathState::default() },
                };
                // Root has read it, and would have followed a link to anywhere.
                let mut list = reply.path(path)?.clone();
                if list.target.is_some() {
                    list.content = None;
                }
                self.change(path, user, &Seen { folder, list })
            }
            None => {
                let path = path::join(&home(user)?, ".ssh/authorized_keys");
                self.change(&path, user, &self.seen(&path, user, reply)?)
            }
        }
    }
}

impl AuthorizedKey {
    /// The list of a user that an earlier step makes.
    fn first(&self) -> Change {
        let path = self.path.clone().unwrap_or_else(|| format!("~{}/.ssh/authorized_keys", self.user));
        let after = Some(edited("", &self.keys, self.wish).into_bytes());
        let mut change = Change::new(Action::Create, Script::new());
        change.diff.push(Diff::Content { path, before: None, after, secret: self.secret, shown: None });
        change
    }

    fn change(&self, path: &str, user: &User, seen: &Seen) -> Result<Option<Change>, Unreadable> {
        let kind = seen.list.stat.as_ref().map(|stat| &stat.kind);
        let list = match (kind, &seen.list.content) {
            (None, _) => "",
            (Some(FileKind::File | FileKind::Link), Some(content)) => {
                std::str::from_utf8(content).map_err(|_| Unreadable::new(format!("`{path}` is not text (UTF-8)")))?
            }
            (Some(FileKind::File), None) => return Err(Unreadable::new(format!("the content of `{path}` could not be read"))),
            (Some(kind), _) => return Err(Unreadable::new(format!("`{path}` is a {}, a file is expected", kind.name()))),
        };
        let wanted = edited(list, &self.keys, self.wish);
        // A link that leads to the right list is left alone; so is a list without the keys that are to go, and none where none is wanted.
        if wanted == list && (self.wish == Wish::Absent || kind == Some(&FileKind::Link) || kind.is_none()) {
            return Ok(None);
        }
        // In a home folder the user itself works, and what it makes is its own.
        let at_home = home(user).is_ok_and(|home| within(path, &home));
        let access = |mode| Access {
            mode: Some(Mode::octal(mode)),
            owner: Some(self.user.clone()).filter(|_| !at_home),
            group: Some(user.gid.to_string()).filter(|_| !at_home),
        };
        let creator = at_home.then_some(self.user.as_str());
        let folder = path::parent(path).unwrap_or("/");
        let mut parts: Vec<Change> = Vec::new();
        match &seen.folder.stat {
            None if self.manage_dir => {
                let made = folders::create(&[folder.to_string()], &access(0o700), creator);
                parts.push(Change { diff: vec![Diff::Note(format!("new folder: {folder}"))], ..made });
            }
            None => {
                return Err(Unreadable::new(format!("the folder `{folder}` does not exist"))
                    .help(format!("make it before, with `file: {{ path: {folder}, state: directory }}`")));
            }
            Some(stat) if at_home && !stat.owner.is(&self.user) && !stat.owner.is(&user.uid.to_string()) => {
                return Err(Unreadable::new(format!("`{folder}` belongs to `{}`, so sshd will not trust it", stat.owner.name))
                    .help(format!("give it back before, with `file: {{ path: {folder}, owner: {}, recurse: true }}`", self.user)));
            }
            Some(stat) if self.manage_dir && stat.kind == FileKind::Directory => {
                if let Some(mut change) = access(0o700).plan(folder, &seen.folder) {
                    change.diff.insert(0, Diff::Note(folder.to_string()));
                    parts.push(change);
                }
            }
            Some(_) => {}
        }
        // The user can only give itself what it writes anew.
        let own = seen.list.stat.as_ref().is_none_or(|stat| stat.owner.is(&self.user) || stat.owner.is(&user.uid.to_string()));
        let access = match at_home && !own {
            true if wanted == list => Access::default(),
            true => Access { owner: Some(self.user.clone()), group: Some(user.gid.to_string()), ..access(0o600) },
            false => access(0o600),
        };
        let content = Origin::Sent(wanted.as_bytes());
        let write = Write { path, content, access: &access, creator, secret: self.secret, shown: None, validate: None };
        if let Some(mut change) = write.plan(&seen.list)? {
            if wanted == list {
                change.diff.insert(0, Diff::Note(path.to_string()));
            }
            parts.push(change);
        }
        let scripts: Vec<Script> = parts.iter().map(|part| part.script.clone()).collect();
        let action = parts.last().map_or(Action::Update, |part| part.action);
        let mut change = Change::new(action, Script::joined(&scripts));
        change.run_as = at_home.then(|| self.user.clone());
        for part in parts {
            change.diff.extend(part.diff);
            change.after.extend(part.after);
        }
        Ok((!change.script.is_empty()).then_some(change))
    }

    /// The list at home, as the user itself reads it, or as an earlier step of the same plan leaves it.
    fn seen(&self, path: &str, user: &User, reply: &Reply) -> Result<Seen, Unreadable> {
        let folder = path::parent(path).unwrap_or("/");
        let mut seen = answer(reply, &self.user, user)?;
        // A link was read by root, who follows it to anywhere.
        let told = |state: &&PathState| state.stat.is_none() || state.content.is_some() && state.target.is_none();
        if let Some(list) = reply.path(path).ok().filter(told) {
            seen.list = list.clone();
        }
        if let Ok(state) = reply.path(folder) {
            seen.folder = state.clone();
        }
        Ok(seen)
    }
}

/// The home folder of a user. It comes from the host, so it is looked at before it is used as a path.
fn home(user: &User) -> Result<String, Unreadable> {
    let plain = user.home.starts_with('/') && !user.home.contains(char::is_control) && !user.home.split('/').any(|part| part == "..");
    let home = user.home.trim_end_matches('/');
    if plain && !home.is_empty() {
        Ok(home.to_string())
    } else {
        Err(Unreadable::new(format!("`{}` is no home folder", user.home.escape_debug())))
    }
}

/// Asks the user itself for kind, mode and owner of `~/.ssh` and of the list, and for the list. Root would follow a link that
/// the user put there.
fn question(user: &str) -> Guard {
    const LOOK: &str = r#"cd "$HOME" 2>/dev/null || { printf 'the home folder %s is not there\n' "$HOME" >&2; exit 1; }
stat -c '%f %u %U' .ssh 2>/dev/null || echo 0 0 0
if [ -d .ssh ] && [ ! -x .ssh ]; then echo '.ssh is closed to the user' >&2; exit 1; fi
stat -c '%f %u %U' .ssh/authorized_keys 2>/dev/null || echo 0 0 0
if [ -f .ssh/authorized_keys ]; then cat .ssh/authorized_keys; fi"#;
    let mut script = Script::new();
    script.line(LOOK, &[]);
    let reads = vec![Subject::Path(format!("~{user}/.ssh/authorized_keys")), Subject::Account];
    Guard { user: Some(user.to_string()), ..Guard::new(script).reads(reads) }
}

fn answer(reply: &Reply, name: &str, user: &User) -> Result<Seen, Unreadable> {
    let outcome = reply.guard(&question(name), &format!("the look at the keys of `{name}`"))?;
    let refused = |said: &str| Err(Unreadable::new(format!("the keys of `{name}` cannot be read: {said}")));
    if outcome.status != 0 {
        return refused(outcome.stderr.lines().next_back().unwrap_or_default());
    }
    if outcome.stdout.contains(char::REPLACEMENT_CHARACTER) {
        return refused("they are not text (UTF-8)");
    }
    let mut lines = outcome.stdout.splitn(3, '\n');
    let mut state = || {
        let mut fields = lines.next()?.split(' ');
        let bits = u32::from_str_radix(fields.next()?, 16).ok()?;
        let owner = Owner { id: fields.next()?.parse().ok(), name: fields.next()?.to_string() };
        let stat = |kind| Stat { kind, mode: bits & 0o7777, group: Owner::named(&user.gid.to_string()), owner, size: 0 };
        Some(PathState { stat: FileKind::of(bits).map(stat), ..PathState::default() })
    };
    let (Some(folder), Some(mut list)) = (state(), state()) else { return refused("the answer makes no sense") };
    if list.stat.as_ref().is_some_and(|stat| matches!(stat.kind, FileKind::File | FileKind::Link)) {
        let content = lines.next().unwrap_or_default().as_bytes().to_vec();
        list.sha256 = Some(sha256(&content));
        list.content = Some(content);
    }
    Ok(Seen { folder, list })
}
