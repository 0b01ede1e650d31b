//! `group`: a group of users.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Change, Kind, Probe, Reply, Subject, Unreadable, Written, name};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::Script;

/// A group of users is there, or is not.
///
/// ```yaml
/// - name: the group of the application is there
///   group: { name: app, gid: 990, system: true }
/// ```
///
/// Who is in it is said by the `user` kind. When the number of a group changes, files keep the old one, as with groupmod.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Its name.
    name: String,
    /// Its number. The next free one when not given; an existing group keeps its own.
    gid: Option<u32>,
    /// Whether a new group gets a number for system groups.
    #[serde(default)]
    system: bool,
    /// `present` or `absent`.
    #[serde(default)]
    state: State,
}

#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

/// A group of users.
pub struct Group {
    args: Args,
}

impl Kind for Group {
    const NAME: &'static str = "group";
    const SHORTHAND: Option<&'static str> = Some("name");
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, _: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        problems.take(name::account(&args.name, "a group", written.span("name")));
        if args.name == "root" && args.state == State::Absent {
            problems.push(written.error("name", "the group `root` cannot go"));
        }
        problems.or(Self { args })
    }

    fn subject(&self) -> String {
        self.args.name.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        probe.group(&self.args.name);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let name = self.args.name.as_str();
        let now = reply.group(name)?;
        let gid = self.args.gid.map(|gid| gid.to_string());
        let mut script = Script::new();
        let change = match (self.args.state, now, &gid) {
            (State::Absent, None, _) => return Ok(None),
            (State::Absent, Some(now), _) => {
                script.line("groupdel -- {}", &[name]);
                Change::new(Action::Delete, script).attribute("gid", now.gid.to_string(), "")
            }
            (State::Present, None, _) => {
                let system = self.args.system.then_some("--system");
                script.words("groupadd", system.into_iter().chain(gid.iter().flat_map(|gid| ["-g", gid])).chain(["--", name]));
                let change = Change::new(Action::Create, script);
                if let Some(gid) = gid { change.attribute("gid", "", gid) } else { change }
            }
            (State::Present, Some(now), Some(gid)) if now.gid.to_string() != *gid => {
                script.line("groupmod -g {} -- {}", &[gid, name]);
                Change::new(Action::Update, script).attribute("gid", now.gid.to_string(), gid)
            }
            (State::Present, Some(_), _) => return Ok(None),
        };
        Ok(Some(change.moves(Subject::Account)))
    }
}
