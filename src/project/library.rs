//! Where roles, templates and files come from: the project's own first, then those built into the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use super::role::Role;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::secret::Secret;

static ROLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/roles");
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The files of a folder, by their path in it.
pub type Files = Vec<Asset>;

/// A file of the project.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asset {
    /// Its path in the folder that is meant.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it was decrypted: then it is shown nowhere.
    pub secret: bool,
}

/// The content of encrypted assets, by their path without `.age`.
pub type OpenedAssets = BTreeMap<PathBuf, Arc<Secret<Vec<u8>>>>;

/// Roles, templates and files of a project and one of its environments.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
    environment: Option<String>,
    /// Encrypted assets, opened: by their path in the project without `.age`.
    opened: OpenedAssets,
}

impl Library {
    /// For the project in `root`; with an environment, its assets are found too.
    pub fn new(root: impl Into<PathBuf>, environment: Option<&str>) -> Self {
        Self { root: root.into(), environment: environment.map(str::to_string), opened: BTreeMap::new() }
    }

    /// The same with encrypted assets, opened: `environments/prod/assets/key.pem` for `key.pem.age`.
    pub fn with_opened(self, opened: OpenedAssets) -> Self {
        Self { opened, ..self }
    }

    /// The names of all roles, sorted, each with whether the project itself has it.
    pub fn roles(&self) -> Vec<(String, bool)> {
        let own: BTreeSet<String> = std::fs::read_dir(self.root.join("roles"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join("role.yml").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let built_in = ROLES.dirs().map(|dir| dir.path().to_string_lossy().into_owned());
        own.iter().cloned().chain(built_in).collect::<BTreeSet<_>>().into_iter().map(|name| (name.clone(), own.contains(&name))).collect()
    }

    /// The role of that name; `span` is blamed when there is none.
    ///
    /// # Errors
    /// It is missing, or its role.yml has mistakes.
    pub fn role(&self, name: &str, span: &Span) -> Result<Role, Diagnostics> {
        let relative = PathBuf::from("roles").join(name).join("role.yml");
        let Some(source) = self.source(&relative, || ROLES.get_file(Path::new(name).join("role.yml")))? else {
            let known: Vec<String> = self.roles().into_iter().map(|(name, _)| name).collect();
            let error = Diagnostic::error(format!("there is no role `{name}`"))
                .label(span, format!("neither {} nor a built-in role", relative.display()));
            // As Ansible has them.
            let theirs = relative.with_file_name("tasks").join("main.yml");
            return Err(match self.root.join(&theirs).exists() {
                true => error.help(format!(
                    "the tasks of {} go under `provision:` in {}, those of handlers under `handlers:`, defaults under `inputs:`",
                    theirs.display(),
                    relative.display()
                )),
                false => error.suggest(name, known.iter().map(String::as_str)),
            }
            .unread()
            .into());
        };
        Role::read(name, &source).map_err(Diagnostics::unread)
    }

    /// A template of a role.
    ///
    /// # Errors
    /// It is missing (`span` is blamed), or is no text.
    pub fn template(&self, role: &str, name: &str, span: &Span) -> Result<Arc<Source>, Diagnostic> {
        contained(name, span)?;
        let folder = PathBuf::from("templates").join(role);
        if let Some(source) = self.source(&folder.join(name), || TEMPLATES.get_file(Path::new(role).join(name)))? {
            return Ok(source);
        }
        let known = self.templates(role);
        Err(Diagnostic::error(format!("there is no template `{name}`"))
            .label(span, format!("looked for {}", folder.join(name).display()))
            .suggest(name, known.iter().map(String::as_str)))
    }

    /// The names of the templates of a role.
    pub fn templates(&self, role: &str) -> BTreeSet<String> {
        let built_in = TEMPLATES.get_dir(role).into_iter().flat_map(Dir::files);
        let built_in = built_in.filter_map(|file| Some(file.path().file_name()?.to_string_lossy().into_owned()));
        names_in(&self.root.join("templates").join(role)).into_iter().chain(built_in).collect()
    }

    /// A file of the environment's `assets/` or the role's `files/`, and whether it is a secret: `NAME.age`, decrypted.
    ///
    /// # Errors
    /// It is missing, or cannot be read.
    pub fn file(&self, role: &str, name: &str, span: &Span) -> Result<Asset, Diagnostic> {
        let asset = |bytes: Vec<u8>, secret| Asset { path: name.to_string(), bytes, secret };
        contained(name, span)?;
        let assets = self.environment.as_ref().map(|environment| PathBuf::from("environments").join(environment).join("assets"));
        let folders: Vec<PathBuf> = assets.into_iter().chain([PathBuf::from("roles").join(role).join("files")]).collect();
        for folder in &folders {
            if let Some(opened) = self.opened.get(&folder.join(name)) {
                return Ok(asset(opened.expose().clone(), true));
            }
            match std::fs::read(self.root.join(folder).join(name)) {
                Ok(bytes) => return Ok(asset(bytes, false)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Diagnostic::error(format!("{} cannot be read: {error}", folder.join(name).display())).at(span)),
            }
        }
        if let Some(file) =
            ROLES.get_file(Path::new(role).join("files").join(name)).filter(|_| !self.root.join("roles").join(role).is_dir())
        {
            return Ok(asset(file.contents().to_vec(), false));
        }
        let looked: Vec<String> = folders.iter().map(|folder| folder.join(name).display().to_string()).collect();
        let known: Vec<String> = folders.iter().flat_map(|folder| names_in(&self.root.join(folder))).collect();
        Err(Diagnostic::error(format!("there is no file `{name}`"))
            .label(span, format!("looked for {}", looked.join(" and ")))
            .suggest(name, known.iter().map(String::as_str)))
    }

    /// All files below the folder `name` of the environment's `assets/` or the role's `files/`, by their path in it, sorted;
    /// `None` when `name` is no folder.
    ///
    /// # Errors
    /// One of them cannot be read, or is a link to a folder.
    pub fn tree(&self, role: &str, name: &str, span: &Span) -> Result<Option<Files>, Diagnostic> {
        contained(name, span)?;
        let assets = self.environment.as_ref().map(|environment| PathBuf::from("environments").join(environment).join("assets"));
        let own = PathBuf::from("roles").join(role);
        for folder in assets.into_iter().chain([own.join("files")]).map(|folder| folder.join(name)) {
            if self.root.join(&folder).is_dir() {
                let mut files = Vec::new();
                self.walk(&folder, "", span, &mut files)?;
                files.sort();
                return Ok(Some(files));
            }
        }
        let built_in = ROLES.get_dir(Path::new(role).join("files").join(name)).filter(|_| !self.root.join(own).is_dir());
        Ok(built_in.map(|top| {
            let mut files = Vec::new();
            let mut left = vec![top];
            while let Some(dir) = left.pop() {
                left.extend(dir.dirs());
                let inside = |path: &Path| path.strip_prefix(top.path()).unwrap_or(path).to_string_lossy().into_owned();
                files.extend(dir.files().map(|file| Asset { path: inside(file.path()), bytes: file.contents().to_vec(), secret: false }));
            }
            files.sort();
            files
        }))
    }

    fn walk(&self, folder: &Path, inside: &str, span: &Span, files: &mut Files) -> Result<(), Diagnostic> {
        let unreadable =
            |path: &Path, error: &dyn std::fmt::Display| Diagnostic::error(format!("{} cannot be read: {error}", path.display())).at(span);
        for entry in std::fs::read_dir(self.root.join(folder)).map_err(|error| unreadable(folder, &error))? {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let Some(name) = name.to_str() else { return Err(unreadable(&path, &"its name is not UTF-8")) };
            let inside = if inside.is_empty() { name.to_string() } else { format!("{inside}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.walk(&path, &inside, span, files)?;
            } else if entry.path().is_dir() {
                return Err(unreadable(&path, &"a link to a folder could lead anywhere"));
            } else if let Some(opened) = self.opened.get(&path.with_extension("")).filter(|_| inside.ends_with(".age")) {
                let path = inside.trim_end_matches(".age").to_string();
                files.push(Asset { path, bytes: opened.expose().clone(), secret: true });
            } else {
                let bytes = std::fs::read(entry.path()).map_err(|error| unreadable(&path, &error))?;
                files.push(Asset { path: inside, bytes, secret: false });
            }
        }
        Ok(())
    }

    /// The files of a built-in role and its templates, by their path in a project, to be copied out.
    pub fn built_in(name: &str) -> Vec<(PathBuf, &'static [u8])> {
        let mut files = Vec::new();
        for (folder, dir) in [("roles", ROLES.get_dir(name)), ("templates", TEMPLATES.get_dir(name))] {
            let mut left: Vec<&Dir<'static>> = dir.into_iter().collect();
            while let Some(dir) = left.pop() {
                left.extend(dir.dirs());
                files.extend(dir.files().map(|file| (Path::new(folder).join(file.path()), file.contents())));
            }
        }
        files.sort();
        files
    }

    fn source(
        &self,
        relative: &Path,
        built_in: impl FnOnce() -> Option<&'static include_dir::File<'static>>,
    ) -> Result<Option<Arc<Source>>, Diagnostic> {
        let bytes = match std::fs::read(self.root.join(relative)) {
            Ok(bytes) => Some(bytes),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                built_in().map(|file| file.contents().to_vec())
            }
            Err(error) => return Err(Diagnostic::error(format!("{} cannot be read: {error}", relative.display()))),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        if bytes.contains(&0) {
            let error = Diagnostic::error(format!("`{}` is no text: it holds a NUL", relative.display())).unread();
            return Err(error.at(&Span::whole(&Source::new(relative, ""))).help("binary files are copied with `copy: { src: ... }`"));
        }
        Source::decode(relative, bytes).map(Some)
    }
}

fn contained(name: &str, span: &Span) -> Result<(), Diagnostic> {
    let inside = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if inside && !name.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{name}` is not a file name inside the project"))
        .at(span)
        .help("write it relative to the role's folder, without `..`"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
