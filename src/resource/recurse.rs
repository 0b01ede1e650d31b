//! Owner, group and mode of everything below a folder. The host says which there are, and how many of each; what differs
//! is decided here.

use std::collections::BTreeMap;

use super::access::exact;
use super::mode::octal;
use super::{Access, Diff, Guard, Owner, Probe, Reply, Subject, Unreadable};
use crate::shell::Script;

/// The question, for the folder at `path`: kind, mode, owner and group of all below it, the same ones counted.
fn question(path: &str) -> Guard {
    let mut script = Script::new();
    // A `+` marks a file with other names, which may be anywhere.
    script.line("find -P {} -mindepth 1 \\( ! -type d -links +1 -printf '%y+ ' -o -printf '%y ' \\) -printf '%m %u %U %g %G\\n' | LC_ALL=C sort | uniq -c", &[path]);
    Guard::new(script).reads(vec![Subject::Tree(path.to_string()), Subject::Account])
}

/// Some of what is below a folder.
struct Below {
    count: usize,
    kind: char,
    /// It is a file with other names.
    linked: bool,
    mode: u32,
    owner: Owner,
    group: Owner,
}

/// Asks.
pub fn probe(probe: &mut Probe, path: &str) {
    probe.guard(&question(path));
}

/// What to do about everything below the folder at `path`: how it is shown, and the script. `None`: nothing.
///
/// # Errors
/// The host cannot look into it.
pub fn plan(reply: &Reply, path: &str, access: &Access) -> Result<Option<(Vec<Diff>, Script)>, Unreadable> {
    let outcome = reply.guard(&question(path), &format!("the walk through `{path}`"))?;
    // What goes away while it is counted is no trouble.
    if let Some(line) = outcome.stderr.lines().find(|line| !line.is_empty() && !line.ends_with("No such file or directory")) {
        return Err(Unreadable::new(format!("what is in `{path}` cannot be listed: {line}")));
    }
    // Another name of a file that is somebody else's: whoever may write here made it, and must not get the file by it.
    let theirs = |some: &Below| some.linked && access.owner.as_ref().map_or(some.owner.is("0"), |owner| !some.owner.is(owner));
    let below: Vec<Below> = outcome.stdout.lines().filter_map(read).filter(|some| !theirs(some)).collect();
    let (own, user) = access.owner.as_ref().map_or(("!", "0"), |owner| ("-true", owner));
    let (mut diff, mut script) = (Vec::new(), Script::new());
    let mut shown = |count: usize, name: &str, change: String| {
        diff.push(Diff::Note(format!("{count} below it: {name} {change}")));
    };

    for ((folder, from, to), count) in modes(&below, access) {
        shown(count, "mode", format!("{} -> {}", octal(from), octal(to)));
        let (from, to) = (octal(from), exact(to, folder));
        // -execdir works in the folder of each file, so that no folder on the way can be swapped for a link.
        if folder {
            script.line("find -P {} -mindepth 1 -type d -perm {} -execdir chmod {} -- {} +", &[path, &from, &to, "{}"]);
        } else {
            script.line(
                "find -P {} -mindepth 1 ! -type d ! -type l -perm {} \\( -links 1 -o {} -user {} \\) -execdir chmod {} -- {} +",
                &[path, &from, own, user, &to, "{}"],
            );
        }
    }
    let count = |differs: &dyn Fn(&Below) -> bool| below.iter().filter(|some| differs(some)).map(|some| some.count).sum();
    if let Some(owner) = &access.owner {
        let others: usize = count(&|some| !some.owner.is(owner));
        if others > 0 {
            shown(others, "owner", format!("-> {owner}"));
            script.line(
                "find -P {} -mindepth 1 ! -user {} \\( -type d -o -links 1 \\) -execdir chown -h -- {} {} +",
                &[path, owner, owner, "{}"],
            );
        }
    }
    if let Some(group) = &access.group {
        let others: usize = count(&|some| !some.group.is(group));
        if others > 0 {
            shown(others, "group", format!("-> {group}"));
            script.line(
                "find -P {} -mindepth 1 ! -group {} \\( -type d -o -links 1 -o {} -user {} \\) -execdir chgrp -h -- {} {} +",
                &[path, group, own, user, group, "{}"],
            );
        }
    }
    Ok((!script.is_empty()).then_some((diff, script)))
}

/// Which modes change into which, for folders and for the rest, and how often.
fn modes(below: &[Below], access: &Access) -> BTreeMap<(bool, u32, u32), usize> {
    let mut all = BTreeMap::new();
    let Some(mode) = &access.mode else { return all };
    for some in below.iter().filter(|some| some.kind != 'l') {
        let folder = some.kind == 'd';
        let to = mode.apply(some.mode, folder);
        if to != some.mode {
            *all.entry((folder, some.mode, to)).or_default() += some.count;
        }
    }
    all
}

/// A line: `     12 f 644 app 1000 app 1000`.
fn read(line: &str) -> Option<Below> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [count, kind, mode, user, uid, group, gid] = fields[..] else { return None };
    let owner = |name: &str, id: &str| Owner { id: id.parse().ok(), name: name.to_string() };
    Some(Below {
        count: count.parse().ok()?,
        kind: kind.chars().next()?,
        linked: kind.ends_with('+'),
        mode: u32::from_str_radix(mode, 8).ok()?,
        owner: owner(user, uid),
        group: owner(group, gid),
    })
}
