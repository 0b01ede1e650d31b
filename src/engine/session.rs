//! A conversation with one shell on the host, over one exec: we send scripts, it answers in frames.
//!
//! The login shell may be any, so the command line is constant: a loader that reads a length and that many bytes, and
//! evaluates them, again and again. A script that did not arrive whole is not run. Raw content can follow a script on
//! the same way in, for the loader takes exactly what belongs to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::shell::{Answer, Answers, Frame, Frames, Nonce, PRELUDE, Script};
use crate::transport::{Cause, Connection, Exit, Failure, Output, Process};

/// No quote but the outer one, no `!`, no backslash, no newline: every login shell reads it the same.
const LOADER: &str =
    "/bin/sh -c 'LC_ALL=C; export LC_ALL; while read -r n; do s=$(head -c \"$n\"); [ \"${#s}\" = \"$n\" ] || exit 66; eval \"$s\"; done'";

/// The most that is kept of what one frame prints; the rest is dropped and said to be.
const KEPT: usize = 16 << 20;

/// How long the first answer may take: a slow login shell, a slow PAM module.
const HELLO: Duration = Duration::from_secs(30);

/// A shell on a host that takes scripts.
pub struct Session {
    process: Box<dyn Process>,
    nonce: Nonce,
    stdout: Stream,
    stderr: Stream,
    messages: usize,
}

/// What is heard while a script runs.
#[derive(Debug)]
pub enum Heard<'a> {
    /// The frame of this id begins.
    Begin(&'a str),
    /// A frame prints.
    Data(&'a str, &'a [u8]),
    /// It ends with this status.
    End(&'a str, i32),
}

struct Stream {
    frames: Frames,
    current: Option<String>,
    noise: Vec<u8>,
}

impl Session {
    /// Starts the shell, as root through sudo if asked, and sets it up.
    ///
    /// # Errors
    /// The login shell runs no commands, sudo refuses, or the line is gone.
    pub fn open(connection: &mut dyn Connection, sudo: bool) -> Result<Self, Failure> {
        let process = connection.exec(&format!("exec {}{LOADER}", if sudo { "sudo -n -- " } else { "" }))?;
        let nonce = Nonce::random();
        let stream = || Stream { frames: Frames::new(&nonce), current: None, noise: Vec::new() };
        let (stdout, stderr) = (stream(), stream());
        let mut session = Self { process, nonce, stdout, stderr, messages: 0 };
        let mut hello = Script::new();
        hello.line("hoist_nonce={}", &[session.nonce.as_str()]);
        hello.line("unset CDPATH ENV BASH_ENV IFS GREP_OPTIONS POSIXLY_CORRECT LC_ALL; LANG=C.UTF-8; export LANG", &[]);
        hello.line("umask 022; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH; cd \"$HOME\" 2>/dev/null || cd /", &[]);
        hello.line("hoist_user=$(id -un)", &[]);
        let text = format!("{}{PRELUDE}", hello.text());
        session.send(&text)?;
        match session.listen(Some(Instant::now() + HELLO), &mut |_| {}) {
            Ok(_) => Ok(session),
            Err(failure) if failure.cause == Cause::Lost => Err(session.refused(failure, sudo)),
            Err(failure) => Err(failure),
        }
    }

    /// Runs a script in the shell itself and collects the answers of its frames. Blocks until it is through.
    ///
    /// # Errors
    /// The line is gone.
    pub fn ask(&mut self, script: &str, heard: &mut dyn FnMut(Heard<'_>)) -> Result<Answers, Failure> {
        self.send(script)?;
        self.listen(None, heard)
    }

    /// Puts content into a file of the staging folder, without waiting for an answer: it comes with the next script,
    /// in the frame `id`. A full disk must not leave content on the line, where it would be taken for scripts.
    ///
    /// # Errors
    /// The line is gone.
    pub fn stage(&mut self, id: &str, sha256: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut script = Script::new();
        script.line("hoist_b {}; hoist_file=$hoist_stage/{}", &[id, sha256]);
        script.line(
            "head -c {} | { cat >\"$hoist_file\" || { rm -f \"$hoist_file\"; cat >/dev/null; false; }; }",
            &[&bytes.len().to_string()],
        );
        script.line("hoist_e {} $?", &[id]);
        self.message(script.text())?;
        self.write(bytes)
    }

    /// The word that marks this session's frames.
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    fn send(&mut self, script: &str) -> Result<(), Failure> {
        self.messages += 1;
        self.message(&format!("{script}\nhoist_b m{0}; hoist_e m{0} 0", self.messages))
    }

    fn message(&mut self, text: &str) -> Result<(), Failure> {
        // The shell's own LC_ALL must be C while it counts bytes; `$(...)` would drop newlines at the end.
        let text = format!("unset LC_ALL; {}\nLC_ALL=C; :", text);
        self.write(format!("{}\n{text}", text.len()).as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.process.write(bytes, Instant::now() + Duration::from_secs(600))
    }

    fn listen(&mut self, deadline: Option<Instant>, heard: &mut dyn FnMut(Heard<'_>)) -> Result<Answers, Failure> {
        let last = format!("m{}", self.messages);
        let mut answers: Answers = BTreeMap::new();
        let (mut out, mut err) = (false, false);
        while !(out && err) {
            let far = Instant::now() + Duration::from_secs(24 * 3600);
            match self.process.read(deadline.unwrap_or(far))? {
                Output::Stdout(bytes) => out |= self.stdout.take(&bytes, &last, |answer| &mut answer.stdout, &mut answers, heard),
                Output::Stderr(bytes) => err |= self.stderr.take(&bytes, &last, |answer| &mut answer.stderr, &mut answers, &mut |_| {}),
                Output::Exit(exit) => return Err(self.ended(&exit)),
            }
        }
        answers.remove(&last);
        Ok(answers)
    }

    fn ended(&self, exit: &Exit) -> Failure {
        let how = match exit {
            Exit::Status(status) => format!("ended with status {status}"),
            Exit::Signal(signal) => format!("was ended by signal {signal}"),
        };
        let failure = Failure::new(Cause::Lost, format!("the shell on the host {how}"));
        match self.last_words() {
            Some(words) => failure.remedy(format!("its last words: {words}")),
            None => failure,
        }
    }

    fn last_words(&self) -> Option<String> {
        let noise = [&self.stderr.noise[..], &self.stdout.noise[..]].concat();
        let text = String::from_utf8_lossy(&noise).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        (!lines.is_empty()).then(|| lines[lines.len().saturating_sub(3)..].join(" / "))
    }

    /// The shell ended before it said anything: sudo, or a login shell that runs no commands.
    fn refused(&self, failure: Failure, sudo: bool) -> Failure {
        let words = self.last_words().unwrap_or_default();
        let said = |word: &str| words.contains(word);
        if sudo && (said("sudo:") || said("sudo: command not found") || said("sudo: not found")) {
            let failure = if said("a password is required") || said("terminal is required") {
                Failure::new(Cause::Sudo, "sudo wants a password, and hoist asks for none yet")
                    .remedy("allow it without one, in /etc/sudoers.d/NAME (with visudo):")
                    .remedy("  USER ALL=(ALL) NOPASSWD: ALL")
            } else if said("not found") {
                Failure::new(Cause::Sudo, "there is no sudo on the host")
                    .remedy("log in as root, or install sudo:")
                    .remedy("  apt-get install sudo")
            } else if said("not in the sudoers") || said("not allowed") || said("may not run") {
                Failure::new(Cause::Sudo, "the user may not become root with sudo").remedy("add it to the group sudo, or log in as root")
            } else {
                Failure::new(Cause::Sudo, "sudo refused")
            };
            return failure.remedy(format!("sudo said: {words}"));
        }
        let failure = Failure { cause: Cause::LoginShell, ..failure };
        failure.remedy("hoist needs a login shell that runs commands, such as /bin/sh or /bin/bash:").remedy("  chsh -s /bin/bash USER")
    }
}

impl Stream {
    /// Takes bytes of the stream; true when the frame `last` ended.
    fn take(
        &mut self,
        bytes: &[u8],
        last: &str,
        part: impl Fn(&mut Answer) -> &mut Vec<u8>,
        answers: &mut Answers,
        heard: &mut dyn FnMut(Heard<'_>),
    ) -> bool {
        let mut through = false;
        for frame in self.frames.feed(bytes) {
            match frame {
                Frame::Begin(id) => {
                    answers.entry(id.clone()).or_default();
                    heard(Heard::Begin(&id));
                    self.current = Some(id);
                }
                Frame::Data(bytes) => {
                    let id = self.current.as_deref().unwrap_or_default();
                    heard(Heard::Data(id, &bytes));
                    let kept = part(answers.entry(id.to_string()).or_default());
                    let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
                    kept.extend_from_slice(&bytes[..room]);
                }
                Frame::End(id, status) => {
                    answers.entry(id.clone()).or_default().status = status;
                    through |= id == last;
                    heard(Heard::End(&id, status));
                    self.current = None;
                }
                Frame::Noise(bytes) => {
                    self.noise.extend(bytes);
                    let spare = self.noise.len().saturating_sub(4096);
                    self.noise.drain(..spare);
                }
            }
        }
        through
    }
}
