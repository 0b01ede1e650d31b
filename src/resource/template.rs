//! `template`: a file rendered from a template of the role.

use schemars::JsonSchema;
use serde::Deserialize;

use super::content::Content;
use super::copy::inside;
use super::target::{Settings, Target};
use super::{Change, Kind, Mode, Probe, Reply, Unreadable, Written};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;

/// Renders a template of the role and puts the result on the host.
///
/// ```yaml
/// - name: the site is configured
///   template:
///     src: site.conf
///     dest: /etc/nginx/sites-available/shop.conf
///     mode: "0644"
///   notify: reload nginx
/// - name: deploy may restart its own service
///   template: { src: sudoers, dest: /etc/sudoers.d/deploy, mode: "0440", validate: visudo -cf %s }
/// ```
///
/// `src` is looked up in `templates/<role>/` of the project, then among the built-in templates. Nothing is done when the file
/// has the rendered content, owner and mode. When a secret goes into it, its diff is not shown, and a new file is readable
/// for its owner only.
///
/// Differs from Ansible: templates are written for Tera, which is close to Jinja2. `dest` names the file itself, or ends with
/// `/` for a file of the same name in that folder. A link at `dest` is replaced by the file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The template, by its name in `templates/<role>/`.
    src: String,
    /// Where the file goes, an absolute path. With `/` at the end: the folder it goes into.
    #[serde(alias = "path")]
    dest: String,
    /// Permissions, such as `"0644"`. Left as they are when not given; a new file gets `"0644"` (a secret one `"0600"`).
    mode: Option<Mode>,
    /// User that owns it, by name or number.
    owner: Option<String>,
    /// Group that owns it, by name or number.
    group: Option<String>,
    /// `false`: only create it, leave the content of an existing file alone.
    force: Option<bool>,
    /// `true`: keep the old file beside the new one, with the time in its name.
    backup: Option<bool>,
    /// A command that must accept the new file before it goes live; `%s` is its path.
    validate: Option<String>,
}

/// A file rendered from a template.
pub struct Template(Content);

impl Kind for Template {
    const NAME: &'static str = "template";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let Args { src, dest, mode, owner, group, validate, .. } = args;
        let settings = Settings { mode, owner, group, validate, backup: args.backup.unwrap_or(false) };
        let rendered = problems.take(scope.template(&src, written.span("src")));
        let dest = problems.take(inside(&dest, Some(&src), written)).unwrap_or_default();
        let target = problems.take(Target::new(&dest, "dest", settings, written, scope));
        match (rendered, target) {
            (Some(rendered), Some(target)) => {
                let target = target.with_shown(rendered.shown);
                Ok(Self(Content::new(target, rendered.text.into_bytes(), args.force.unwrap_or(true))))
            }
            _ => Err(problems),
        }
    }

    fn subject(&self) -> String {
        self.0.path().to_string()
    }

    fn probe(&self, probe: &mut Probe) {
        self.0.probe(probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.0.plan(reply)
    }
}
