//! Logs a user in with the keys there are: the one named for the host, else those of the agent, else the usual files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use libssh2_sys::LIBSSH2_ERROR_AUTHENTICATION_FAILED as NOT_ACCEPTED;
use ssh2::ErrorCode;

use super::key_file::{KeyFile, Unusable};
use super::line::{Line, ready};
use super::wire::Broken;
use crate::transport::{Cause, Failure, PublicKey};

/// What to log in with.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Private key files named for the host (`ansible_ssh_private_key_file`). When there are any, no other key is tried.
    pub named: Vec<PathBuf>,
    /// The socket of the ssh-agent.
    pub agent: Option<PathBuf>,
    /// Private key files to try after those of the agent, as far as they exist.
    pub usual: Vec<PathBuf>,
}

impl Keys {
    /// The agent and the usual key files of the user who runs this.
    pub fn of_user() -> Self {
        let usual = std::env::home_dir()
            .map(|home| ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| home.join(".ssh").join(name)))
            .into_iter()
            .flatten()
            .collect();
        let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { named: Vec::new(), agent, usual }
    }
}

/// Tries the keys in turn, each once, until one is accepted.
///
/// # Errors
/// [`Cause::Authentication`] with every key and what became of it; the line's own ends.
pub fn login(line: &Line, user: &str, keys: &Keys, deadline: Instant) -> Result<(), Error> {
    let mut login = Login { line, user, deadline, agent: Agent::open(line, keys.agent.as_deref()), tried: Vec::new(), remedy: Vec::new() };
    if login.any(keys)? { Ok(()) } else { Err(Error::Refused(login.refused())) }
}

/// Why nobody is logged in.
pub enum Error {
    /// The host is there, and accepts none of our keys.
    Refused(Failure),
    /// The line did not last.
    Broken(Broken),
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

struct Login<'a> {
    line: &'a Line,
    user: &'a str,
    deadline: Instant,
    agent: Agent,
    tried: Vec<Tried>,
    remedy: Vec<String>,
}

/// A key, and what became of it.
struct Tried {
    key: String,
    public: Option<PublicKey>,
    outcome: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(public) = &self.public {
            write!(f, " ({})", public.fingerprint())?;
        }
        write!(f, ": {}", self.outcome)
    }
}

impl Login<'_> {
    fn any(&mut self, keys: &Keys) -> Result<bool, Error> {
        if !keys.named.is_empty() {
            return self.any_file(&keys.named, true);
        }
        // Those that the user has files for come first: hosts end a login after too many keys.
        let files: Vec<_> = keys.usual.iter().filter_map(|path| KeyFile::read(path).ok()?.public).collect();
        let mut identities: Vec<usize> = (0..self.agent.identities.len()).collect();
        identities.sort_by_key(|at| !files.iter().any(|public| public.blob() == self.agent.identities[*at].blob()));
        for identity in identities {
            if self.by_agent(identity, None)? {
                return Ok(true);
            }
        }
        self.any_file(&keys.usual, false)
    }

    fn any_file(&mut self, paths: &[PathBuf], named: bool) -> Result<bool, Error> {
        for path in paths {
            let known = KeyFile::read(path);
            if !named && known.as_ref().err() == Some(&Unusable::Missing) {
                continue;
            }
            if self.by_file(path, known)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn by_file(&mut self, path: &Path, file: Result<KeyFile, Unusable>) -> Result<bool, Error> {
        let name = format!("`{}`", path.display());
        let KeyFile { private, public } = match file {
            Ok(file) => file,
            Err(why) => {
                let outcome = match why {
                    Unusable::Missing => "no such file".to_owned(),
                    Unusable::TooOpen => {
                        self.remedy.push("others may read that key file; keep it to yourself:".to_owned());
                        self.remedy.push(format!("chmod 600 {}", path.display()));
                        "not used, for others may read it".to_owned()
                    }
                    Unusable::Other(why) => why,
                };
                self.tried.push(Tried { key: name, public: None, outcome });
                return Ok(false);
            }
        };
        if public.is_some() && self.tried.iter().any(|tried| tried.public == public) {
            return Ok(false);
        }
        match (private, self.agent.position(public.as_ref())) {
            (Some(private), _) => {
                let answer =
                    self.line.drive(self.deadline, |session| ready(session.userauth_pubkey_memory(self.user, None, &private, None)));
                self.answered(name, public, answer)
            }
            (None, Some(identity)) => self.by_agent(identity, Some(name)),
            (None, None) => {
                self.remedy.push("give that key to the agent:".to_owned());
                self.remedy.push(format!("ssh-add {}", path.display()));
                self.tried.push(Tried { key: name, public, outcome: "encrypted or only its public half, and not in the agent".to_owned() });
                Ok(false)
            }
        }
    }

    fn by_agent(&mut self, identity: usize, name: Option<String>) -> Result<bool, Error> {
        let (Some(agent), identity) = (&self.agent.agent, &self.agent.identities[identity]) else { return Ok(false) };
        let name = name.unwrap_or_else(|| format!("agent key `{}`", identity.comment()));
        let public = PublicKey::from_blob(identity.blob());
        let answer = self.line.drive(self.deadline, |_| ready(agent.userauth(self.user, identity)));
        self.answered(name, public, answer)
    }

    /// Whether it let us in; if not, notes what was said.
    fn answered(&mut self, key: String, public: Option<PublicKey>, answer: Result<(), Broken>) -> Result<bool, Error> {
        let error = match answer {
            Ok(()) => return Ok(true),
            Err(Broken::Ssh(error)) => error,
            Err(broken) => return Err(broken.into()),
        };
        // libssh2 has no code of its own for a host that says goodbye instead of an answer.
        let hung_up = error.message().starts_with("Waiting for");
        let outcome = match error.code() {
            ErrorCode::Session(NOT_ACCEPTED) => "not accepted".to_owned(),
            _ if hung_up => "the host hung up".to_owned(),
            _ => error.message().to_lowercase(),
        };
        self.tried.push(Tried { key, public, outcome });
        if hung_up {
            self.remedy.push(
                "the host ends a login after too many keys (MaxAuthTries); name the right one: `ansible_ssh_private_key_file`".into(),
            );
            return Err(Error::Refused(self.refused()));
        }
        Ok(false)
    }

    fn refused(&mut self) -> Failure {
        let mut said: Vec<String> = self.tried.iter().map(Tried::to_string).collect();
        if let Some(why) = &self.agent.missing {
            said.push(why.clone());
        }
        if said.is_empty() {
            said.push("there is none in the agent or in `~/.ssh`".to_owned());
        }
        // Asked only now: it costs a round trip, and counts as an attempt.
        let methods = self.line.drive(self.deadline, |session| ready(session.auth_methods(self.user).map(str::to_owned)));
        if let Ok(methods) = methods {
            said.push(format!("the host takes {}", methods.replace(',', ", ")));
        }
        let failure = Failure::new(Cause::Authentication, format!("no key lets `{}` in: {}", self.user, said.join("; ")));
        let mut failure = self.remedy.drain(..).fold(failure, Failure::remedy);
        if self.tried.iter().any(|tried| tried.public.as_ref().is_some_and(|public| public.kind().starts_with("sk-"))) {
            failure = failure.remedy("a key on a FIDO token is best used by the system's ssh: `ansible_connection: openssh`");
        }
        failure.remedy(format!(
            "let a key in by adding its public half to `~{}/.ssh/authorized_keys` on the host, or name another: `ansible_ssh_private_key_file`",
            self.user
        ))
    }
}

/// The ssh-agent and what it holds.
struct Agent {
    agent: Option<ssh2::Agent>,
    identities: Vec<ssh2::PublicKey>,
    /// Why there is none.
    missing: Option<String>,
}

impl Agent {
    fn open(line: &Line, socket: Option<&Path>) -> Self {
        let none = |why: String| Self { agent: None, identities: Vec::new(), missing: Some(why) };
        let Some(socket) = socket else { return none("no agent (`SSH_AUTH_SOCK` is not set)".to_owned()) };
        let open = || {
            let mut agent = line.session().agent()?;
            agent.set_identity_path(socket)?;
            agent.connect()?;
            agent.list_identities()?;
            let identities = agent.identities()?;
            Ok::<_, ssh2::Error>(Self { agent: Some(agent), identities, missing: None })
        };
        open().unwrap_or_else(|_| none(format!("no agent answers at `{}`", socket.display())))
    }

    fn position(&self, public: Option<&PublicKey>) -> Option<usize> {
        let public = public?;
        self.identities.iter().position(|identity| identity.blob() == public.blob())
    }
}
