//! A file whose whole content is given: what `copy` and `template` share.

use super::target::Target;
use super::{Change, FileKind, Origin, Probe, Reply, Unreadable};
use crate::shell::sha256;

/// A file with a given content.
#[derive(Debug)]
pub struct Content {
    target: Target,
    bytes: Vec<u8>,
    sha256: String,
    force: bool,
}

impl Content {
    /// `bytes` at `target`; without `force` only when nothing is there.
    pub fn new(target: Target, bytes: Vec<u8>, force: bool) -> Self {
        Self { sha256: sha256(&bytes), target, bytes, force }
    }

    /// Where it goes.
    pub fn path(&self) -> &str {
        &self.target.path
    }

    /// Asks for the file and its folder.
    pub fn probe(&self, probe: &mut Probe) {
        self.target.probe(probe);
        probe.content_unless(&self.target.path, &self.sha256);
    }

    /// What there is to do.
    ///
    /// # Errors
    /// Something else than a file is there, or the folder is missing.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.target.now(reply)?;
        self.put(reply)
    }

    /// [`Content::plan`] into a folder that is there or comes with the same change.
    ///
    /// # Errors
    /// Something else than a file is there.
    pub fn put(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let now = reply.path(self.path())?;
        match now.stat.as_ref().map(|stat| &stat.kind) {
            Some(FileKind::File) if !self.force => Ok(self.target.access.plan(self.path(), now)),
            Some(FileKind::Link) if !self.force => Ok(None),
            _ => self.target.write(now, Origin::Sent(&self.bytes)),
        }
    }
}
