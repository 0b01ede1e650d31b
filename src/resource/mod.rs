//! The kinds of things that a host can have, and the table of them. Planning is pure: a resource asks through a
//! [`Probe`], reads a [`Reply`], and answers with a [`Change`]; it never sees a connection.

mod access;
mod blocks;
mod change;
mod content;
mod crontab;
mod covered;
mod edit;
mod folders;
mod keys;
pub mod git_url;
mod lines;
mod list;
mod load;
mod mode;
mod name;
pub(crate) mod path;
mod pattern;
mod place;
mod probe;
mod purge;
pub mod question;
mod recurse;
mod reply;
mod run;
mod schedule;
mod state;
mod target;
mod tree;
mod user_table;
mod write;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use access::Access;
pub use change::{Action, Change, Diff};
pub use load::{Entry, Written, kinds, load};
pub use mode::Mode;
pub use probe::{Guard, Probe};
pub use reply::{Reply, Unreadable};
pub use state::{Apt, FileKind, Group, Outcome, Owner, Package, PathState, Stat, Subject, Unit, User};
pub use write::{Origin, Write};

use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::Script;

/// How far a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It touches what it names.
    Own,
    /// It may touch anything: what follows is probed again.
    Wide,
}

/// One kind of thing that a host can have: a file, a package, a service. Its doc comment, and those of its
/// arguments, are its reference page.
pub trait Kind: Sized + Send + Sync + 'static {
    /// The YAML key.
    const NAME: &'static str;
    /// Other keys it goes by, for people who come from Ansible.
    const ALIASES: &'static [&'static str] = &[];
    /// How far its changes go.
    const REACH: Reach = Reach::Own;
    /// The parameter that a plain text stands for (`command: make build`).
    const SHORTHAND: Option<&'static str> = None;
    /// What the user writes. Unknown keys are refused (`#[serde(deny_unknown_fields)]`).
    type Args: DeserializeOwned + JsonSchema;

    /// Settles what the user wrote: defaults, files to read, contradictions.
    ///
    /// # Errors
    /// Every mistake, at its place.
    fn new(args: Self::Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics>;

    /// What it is about, for people: `/etc/motd`, `nginx`.
    fn subject(&self) -> String;

    /// As a handler: what brings old files into effect again, given the host as it was with them. `None`: nothing can.
    fn undo(&self, reply: &Reply) -> Option<Script> {
        let change = self.plan(reply).ok()??;
        Some(change.script).filter(|script| script.blob().is_none())
    }

    /// The command with which it first checks the files that it is about to bring into effect, so that they can be put back; one
    /// that hangs is given up.
    fn validator(&self) -> Option<Script> {
        None
    }

    /// Asks what it must know of the host.
    fn probe(&self, probe: &mut Probe);

    /// What there is to do, `None` when all is as wanted. Pure.
    ///
    /// # Errors
    /// The host's answer is missing, or nothing sensible can be done with what it has.
    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable>;
}

/// What the engine sees of a [`Kind`].
pub trait Resource: Send + Sync {
    /// The YAML key.
    fn kind(&self) -> &'static str;
    /// How far its changes go.
    fn reach(&self) -> Reach;
    /// See [`Kind::subject`].
    fn subject(&self) -> String;
    /// See [`Kind::undo`].
    fn undo(&self, _: &Reply) -> Option<Script> {
        None
    }
    /// See [`Kind::validator`].
    fn validator(&self) -> Option<Script> {
        None
    }
    /// See [`Kind::probe`].
    fn probe(&self, probe: &mut Probe);
    /// See [`Kind::plan`].
    ///
    /// # Errors
    /// As there.
    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable>;
}

impl<K: Kind> Resource for K {
    fn kind(&self) -> &'static str {
        K::NAME
    }

    fn reach(&self) -> Reach {
        K::REACH
    }

    fn subject(&self) -> String {
        Kind::subject(self)
    }

    fn undo(&self, reply: &Reply) -> Option<Script> {
        Kind::undo(self, reply)
    }

    fn validator(&self) -> Option<Script> {
        Kind::validator(self)
    }

    fn probe(&self, probe: &mut Probe) {
        Kind::probe(self, probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        Kind::plan(self, reply)
    }
}

/// Declares the files of the kinds and the table of them: adding a kind is one new file and one line here.
macro_rules! kinds {
    ($($module:ident::$kind:ident),* $(,)?) => {
        $(pub mod $module;)*
        /// Every kind, sorted by name.
        pub static KINDS: &[Entry] = &[$(Entry::of::<$module::$kind>()),*];
    };
}

kinds! {
    authorized_key::AuthorizedKey,
    blockinfile::BlockInFile,
    command::Command,
    copy::Copy,
    cron::Cron,
    file::File,
    git::Git,
    group::Group,
    lineinfile::LineInFile,
    package::Package,
    service::Service,
    shell::Shell,
    template::Template,
    user::User,
}
