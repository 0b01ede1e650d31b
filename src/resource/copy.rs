//! `copy`: a file with a given content.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Change, Kind, Mode, Probe, Reply, Unreadable, Write, Written};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;
use crate::shell::sha256;

/// Puts a file on the host: from the project (`src`) or written in place (`content`).
///
/// ```yaml
/// - name: the maintenance page is there
///   copy: { dest: /var/www/maintenance.html, content: "<h1>Back soon</h1>\n", mode: "0644" }
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Where the file goes, an absolute path.
    #[serde(alias = "path")]
    dest: String,
    /// A file of the project, looked up in the role's `files/` and the environment's `assets/`.
    src: Option<String>,
    /// The content itself.
    content: Option<String>,
    /// Permissions, such as `"0644"`. Left as they are when not given; a new file gets `"0644"`.
    mode: Option<Mode>,
    /// User that owns it, by name or number.
    owner: Option<String>,
    /// Group that owns it, by name or number.
    group: Option<String>,
    /// `false`: only create it, leave an existing file alone.
    #[serde(default = "yes")]
    force: bool,
    /// A command that must accept the new file before it goes live; `%s` is its path.
    validate: Option<String>,
}

fn yes() -> bool {
    true
}

/// A file with a given content.
pub struct Copy {
    path: String,
    bytes: Vec<u8>,
    sha256: String,
    access: Access,
    creator: Option<String>,
    secret: bool,
    force: bool,
    validate: Option<String>,
}

impl Kind for Copy {
    const NAME: &'static str = "copy";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let bytes = match (&args.src, args.content) {
            (Some(src), None) => scope.file(src, written.span("src"))?,
            (None, Some(content)) => content.into_bytes(),
            (Some(_), Some(_)) => return Err(written.error("content", "`src` and `content` exclude each other").into()),
            (None, None) => return Err(Diagnostic::error("`copy` needs `src` or `content`").at(written.key_span).into()),
        };
        Ok(Self {
            path: super::path::absolute(&args.dest, written.span("dest"))?,
            sha256: sha256(&bytes),
            bytes,
            access: Access { mode: args.mode, owner: args.owner, group: args.group },
            creator: scope.run_as().map(str::to_string),
            secret: written.secret("content"),
            force: args.force,
            validate: args.validate,
        })
    }

    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        probe.content_unless(&self.path, &self.sha256);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let now = reply.path(&self.path)?;
        if !self.force && now.stat.is_some() {
            return Ok(self.access.plan(&self.path, now));
        }
        let write = Write {
            path: &self.path,
            bytes: &self.bytes,
            access: &self.access,
            creator: self.creator.as_deref(),
            secret: self.secret,
            validate: self.validate.as_deref(),
        };
        write.plan(now)
    }
}
