//! `blockinfile`: lines of a file, between two markers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::blocks::Block;
use super::edit::{Edit, Missing};
use super::place::Place;
use super::target::{Settings, Target};
use super::{Change, Kind, Mode, Probe, Reply, Unreadable, Written};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;

/// The marker lines when none are named, and those that Ansible writes then.
const MARKERS: [&str; 2] = ["# {mark} HOIST MANAGED BLOCK", "# {mark} ANSIBLE MANAGED BLOCK"];

/// Sees to it that a block of lines is in a file, between two marker lines by which it is found again.
///
/// ```yaml
/// - name: the hosts of the private network have names
///   blockinfile:
///     path: /etc/hosts
///     marker: "# {mark} private network"
///     block: |
///       10.0.0.5 db1
///       10.0.0.6 cache1
/// - name: deploy logs in with keys only
///   blockinfile:
///     path: /etc/ssh/sshd_config
///     validate: sshd -t -f %s
///     block: |
///       Match User deploy
///         PasswordAuthentication no
///   notify: reload ssh
/// ```
///
/// Nothing is done when the block is there with these lines. Is there none, it is put where `insertafter` or `insertbefore`
/// says, else at the end. An empty `block` is removed, as with `state: absent`.
///
/// A block that Ansible wrote with its own markers is found when `marker` is not given, and keeps them. Two blocks in one file
/// need different markers.
///
/// Differs from Ansible: when only one of the two marker lines is there, or they stand the wrong way round, nothing is done
/// and that is an error (Ansible may take all lines between two blocks for one). Marker lines are found in files with Windows
/// line ends, too. Regular expressions are searched in one line at a time (`(?m)` does not change that); see `lineinfile`
/// for what they can do. The folder of a file that is created must be there. A link is not followed, but an error.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file, an absolute path.
    #[serde(alias = "dest", alias = "destfile", alias = "name")]
    path: String,
    /// The lines.
    #[serde(alias = "content")]
    block: Option<String>,
    /// The marker lines; `{mark}` is replaced by `BEGIN` and `END`. `"# {mark} HOIST MANAGED BLOCK"` when not given.
    marker: Option<String>,
    /// What `{mark}` is in the first marker line, instead of `BEGIN`.
    marker_begin: Option<String>,
    /// What `{mark}` is in the second marker line, instead of `END`.
    marker_end: Option<String>,
    /// `absent`: the block is removed.
    state: Option<State>,
    /// A new block goes behind the last line that this regular expression finds; `EOF`: to the end.
    insertafter: Option<String>,
    /// A new block goes before the last line that this regular expression finds; `BOF`: to the beginning.
    insertbefore: Option<String>,
    /// `true`: a blank line stands before the block, unless it begins the file.
    prepend_newline: Option<bool>,
    /// `true`: a blank line stands behind the block, unless it ends the file.
    append_newline: Option<bool>,
    /// `true`: a missing file is made.
    create: Option<bool>,
    /// Permissions of the file. Left as they are when not given.
    mode: Option<Mode>,
    /// User that owns the file.
    owner: Option<String>,
    /// Group that owns the file.
    group: Option<String>,
    /// `true`: keep the old file beside the new one, with the time in its name.
    backup: Option<bool>,
    /// A command that must accept the new file before it goes live; `%s` is its path.
    validate: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The block is there.
    Present,
    /// It is not.
    Absent,
}

/// A block of lines of a file.
pub struct BlockInFile {
    edit: Edit,
    block: Block,
}

impl Kind for BlockInFile {
    const NAME: &'static str = "blockinfile";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let absent = args.state == Some(State::Absent);
        let mut text = args.block.clone().filter(|_| !absent).unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let place = Place::new(args.insertafter.as_deref(), args.insertbefore.as_deref(), written);
        let place = problems.take(place).unwrap_or(Place::End);
        let block = Block {
            text,
            markers: markers(&args, written, &mut problems),
            place,
            blank_before: args.prepend_newline.unwrap_or(false),
            blank_behind: args.append_newline.unwrap_or(false),
        };
        let missing = match (block.text.is_empty(), args.create) {
            (true, _) => Missing::Leave,
            (false, Some(true)) => Missing::Create,
            (false, _) => Missing::Refuse,
        };
        let Args { path, mode, owner, group, validate, .. } = args;
        let settings = Settings { mode, owner, group, validate, backup: args.backup.unwrap_or(false) };
        match problems.take(Target::new(&path, "path", settings, written, scope)) {
            Some(target) if !problems.has_errors() => Ok(Self { edit: Edit { target, missing }, block }),
            _ => Err(problems),
        }
    }

    fn subject(&self) -> String {
        self.edit.target.path.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        self.edit.probe(probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.edit.plan(reply, |text| self.block.edit(text))
    }
}

fn markers(args: &Args, written: &Written<'_>, problems: &mut Diagnostics) -> Vec<(String, String)> {
    let begin = args.marker_begin.as_deref().unwrap_or("BEGIN");
    let end = args.marker_end.as_deref().unwrap_or("END");
    let marked = |marker: &str| (marker.replace("{mark}", begin), marker.replace("{mark}", end));
    let all: Vec<(String, String)> = match &args.marker {
        Some(marker) => vec![marked(marker.strip_suffix('\n').unwrap_or(marker))],
        None => MARKERS.into_iter().map(marked).collect(),
    };
    if all[0].0 == all[0].1 {
        let at = if args.marker.is_some() { "marker" } else { "marker_end" };
        problems.push(written.error(at, "both marker lines are the same").help("write `{mark}` where BEGIN and END go"));
    } else if all.iter().any(|(begin, end)| begin.contains('\n') || end.contains('\n')) {
        problems.push(written.error("marker", "a marker is one line"));
    }
    all
}
