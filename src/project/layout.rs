//! The folders of a checkout, and the only place of this room that reads files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};

/// The file that marks the root of a project.
pub const PROJECT_FILE: &str = "hoist.yml";

/// A project on disk. All paths it takes and gives are relative to the root, as messages show them.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The project that `folder` is in: the nearest folder upwards that has a `hoist.yml`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(folder: &Path) -> Result<Self, Diagnostic> {
        let folder = folder.canonicalize().map_err(|error| unreadable(folder, &error.to_string()))?;
        let root = folder.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file());
        root.map(|root| Self { root: root.to_path_buf() }).ok_or_else(|| {
            Diagnostic::error(format!("there is no `{PROJECT_FILE}` in `{}` or above it", folder.display()))
                .help("go to the folder of a project, or make one with `hoist init`")
        })
    }

    /// The folder of `hoist.yml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` is on disk.
    pub fn on_disk(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// A file or folder of an environment.
    pub fn of(&self, environment: &str, name: &str) -> PathBuf {
        Path::new("environments").join(environment).join(name)
    }

    /// The names of the environments, sorted.
    ///
    /// # Errors
    /// `environments` cannot be read.
    pub fn environments(&self) -> Result<Vec<String>, Diagnostic> {
        let items = self.list(Path::new("environments"))?;
        Ok(items.into_iter().filter(|name| !name.starts_with('.') && self.is_folder(&self.of(name, ""))).collect())
    }

    /// Checks that there is an environment of that name.
    ///
    /// # Errors
    /// There is none; the closest name is suggested.
    pub fn expect_environment(&self, name: &str) -> Result<(), Diagnostic> {
        let known = self.environments()?;
        if known.iter().any(|known| known == name) {
            return Ok(());
        }
        let error = Diagnostic::error(format!("there is no environment `{}`", name.escape_debug()));
        Err(match known.is_empty() {
            true => error.help("make one with `hoist env new NAME`"),
            false => error.suggest(name, known.iter().map(String::as_str)),
        })
    }

    /// The inventory of an environment: `hosts`, or `hosts.yml`.
    ///
    /// # Errors
    /// None of them is there, or both are, or it cannot be read.
    pub fn inventory(&self, environment: &str) -> Result<Arc<Source>, Diagnostic> {
        let (ini, yaml) = (self.of(environment, "hosts"), self.of(environment, "hosts.yml"));
        match (self.read(&ini)?, self.read(&yaml)?) {
            (Some(source), None) | (None, Some(source)) => Ok(source),
            (Some(_), Some(_)) => Err(Diagnostic::error(format!("both `{}` and `{}` exist", ini.display(), yaml.display()))
                .help("an environment has one inventory: keep one of them")),
            (None, None) => Err(Diagnostic::error(format!("the environment `{environment}` has no inventory")).help(format!(
                "list its hosts in `{}` (INI) or `{}` (YAML)",
                ini.display(),
                yaml.display()
            ))),
        }
    }

    /// The text of a file, none when it is not there.
    ///
    /// # Errors
    /// It cannot be read, is no file, or is not UTF-8.
    pub fn read(&self, path: &Path) -> Result<Option<Arc<Source>>, Diagnostic> {
        let disk = self.on_disk(path);
        let failed = |error: std::io::Error| unreadable(path, &error.to_string());
        match disk.metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(metadata) if metadata.is_dir() => return Err(unreadable(path, "it is a folder")),
            Ok(_) => return Err(unreadable(path, "it is no regular file")),
            Err(error) if error.kind() == ErrorKind::NotFound && disk.is_symlink() => {
                return Err(unreadable(path, "it is a symbolic link to nothing"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        Source::decode(path, std::fs::read(disk).map_err(failed)?).map(Some)
    }

    /// The names in a folder, sorted; none when it is not there.
    ///
    /// # Errors
    /// It cannot be read, or a name in it is not UTF-8.
    pub fn list(&self, folder: &Path) -> Result<Vec<String>, Diagnostic> {
        let failed = |error: std::io::Error| unreadable(folder, &error.to_string());
        let items = match std::fs::read_dir(self.on_disk(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            items => items.map_err(failed)?,
        };
        let mut names = Vec::new();
        for item in items {
            let name = item.map_err(failed)?.file_name();
            names.push(name.into_string().map_err(|name| unreadable(&folder.join(name), "its name is not UTF-8"))?);
        }
        names.sort();
        Ok(names)
    }

    /// Whether `path` is a folder.
    pub fn is_folder(&self, path: &Path) -> bool {
        self.on_disk(path).is_dir()
    }
}

fn unreadable(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error(format!("`{}` cannot be read: {why}", path.to_string_lossy().escape_debug())).unread()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn project(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("it has a parent")).expect("made");
            fs::write(path, content).expect("written");
        }
        let layout = Layout { root: folder.path().to_path_buf() };
        (folder, layout)
    }

    #[test]
    fn the_root_is_found_from_below() {
        let (folder, _) = project(&[("p/hoist.yml", b""), ("p/roles/a/role.yml", b"")]);
        let found = Layout::find(&folder.path().join("p/roles/a")).expect("found");
        assert_eq!(found.root(), folder.path().canonicalize().expect("it is there").join("p"));
        let error = Layout::find(folder.path()).expect_err("there is none above");
        assert!(error.summary.starts_with("there is no `hoist.yml` in"), "{}", error.summary);
    }

    #[test]
    fn environments_are_the_folders() {
        let (_folder, layout) =
            project(&[("environments/prod/hosts", b""), ("environments/a/hosts.yml", b""), ("environments/README", b"")]);
        assert_eq!(layout.environments().expect("readable"), ["a", "prod"]);
        assert!(layout.expect_environment("prod").is_ok());
        let error = layout.expect_environment("prd").expect_err("unknown");
        assert_eq!((error.summary.as_str(), error.help[0].as_str()), ("there is no environment `prd`", "did you mean `prod`?"));
        assert!(layout.expect_environment("../environments/prod").is_err());
        let (_folder, empty) = project(&[]);
        assert_eq!(empty.expect_environment("prod").expect_err("none").help, ["make one with `hoist env new NAME`"]);
    }

    #[test]
    fn an_environment_has_one_inventory() {
        let (_folder, layout) = project(&[("environments/a/hosts", b"x"), ("environments/a/hosts.yml", b""), ("environments/b/x", b"")]);
        let error = layout.inventory("a").err().expect("both");
        assert_eq!(error.summary, "both `environments/a/hosts` and `environments/a/hosts.yml` exist");
        assert_eq!(layout.inventory("b").err().expect("none").summary, "the environment `b` has no inventory");
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let (folder, layout) = project(&[("bytes", b"ok\n\xff"), ("folder/x", b"")]);
        symlink("loop", folder.path().join("loop")).expect("linked");
        symlink("nowhere", folder.path().join("dangling")).expect("linked");
        symlink("/dev/zero", folder.path().join("device")).expect("linked");
        let message = |path| layout.read(Path::new(path)).err().expect("refused").summary;
        assert_eq!(message("bytes"), "`bytes` cannot be read: this is not UTF-8");
        assert_eq!(message("folder"), "`folder` cannot be read: it is a folder");
        assert!(message("loop").contains("symbolic links"), "{}", message("loop"));
        assert_eq!(message("dangling"), "`dangling` cannot be read: it is a symbolic link to nothing");
        assert_eq!(message("device"), "`device` cannot be read: it is no regular file");
        assert!(layout.read(Path::new("missing")).expect("readable").is_none());
        assert!(layout.list(Path::new("loop")).is_err());
        assert!(layout.list(Path::new("bytes")).is_err());
    }
}
