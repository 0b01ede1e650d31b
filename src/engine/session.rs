//! A conversation with one shell on the host, over one exec: we send scripts, it answers in frames.
//!
//! The login shell may be any, so the command line is constant: a loader that reads a length and that many bytes, and
//! evaluates them, again and again. A script that did not arrive whole is not run. Raw content can follow a script on
//! the same way in, for the loader takes exactly what belongs to it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::privilege::Privilege;
use super::questions;
use super::stream::{Heard, Stream};
use crate::shell::{Answers, Nonce, PRELUDE, QUESTIONS, Script};
use crate::transport::{Cause, Connection, Exit, Failure, Output, Process};

/// No quote but the outer one, no `!`, no backslash, no newline: every login shell reads it the same. Its first words
/// say that no more password is asked for.
const LOADER: &str = "/bin/sh -c 'echo hoist-ready; LC_ALL=C; export LC_ALL; while read -r n; do s=$(head -c \"$n\"); [ \"${#s}\" = \"$n\" ] || exit 66; eval \"$s\"; done'";

/// How long the first answer may take: a slow login shell, a slow PAM module.
const HELLO: Duration = Duration::from_secs(30);

/// How often a wait looks up: for an interruption, for a prompt.
const TICK: Duration = Duration::from_millis(200);

/// A shell on a host that takes scripts.
pub struct Session {
    process: Box<dyn Process>,
    /// Who logged in.
    user: String,
    nonce: Nonce,
    stdout: Stream,
    stderr: Stream,
    messages: usize,
    patience: Duration,
    /// A watchdog on the host is to know while the shell has something to do.
    watched: bool,
}

/// Looks up while a script runs.
pub type Tick<'a> = &'a mut dyn FnMut() -> Result<(), Failure>;

impl Session {
    /// Starts the shell with this privilege, sets it up, and asks the first `script`: all of it goes out at once, for
    /// every wait for an answer costs a round trip. `script` may need the nonce of the session. Each of its questions, and
    /// of those to come, may take as long as `patience` says.
    ///
    /// # Errors
    /// The login shell runs no commands, root is refused, the host is silent, or the line is gone.
    pub fn open(
        connection: &mut dyn Connection,
        privilege: &Privilege,
        patience: Duration,
        script: &dyn Fn(&Nonce) -> String,
    ) -> Result<(Self, Answers), Failure> {
        let process = connection.exec(&privilege.command(LOADER))?;
        let nonce = Nonce::random();
        let (stdout, stderr) = (Stream::new(&nonce), Stream::new(&nonce));
        let mut session =
            Self { process, user: connection.user().to_string(), nonce, stdout, stderr, messages: 0, patience, watched: false };
        let mut hello = Script::new();
        hello.line("hoist_nonce={}", &[session.nonce.as_str()]);
        hello.line("unset CDPATH ENV BASH_ENV IFS GREP_OPTIONS POSIXLY_CORRECT LC_ALL; LANG=C.UTF-8; export LANG", &[]);
        hello.line("umask 022; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH; cd \"$HOME\" 2>/dev/null || cd /", &[]);
        hello.line("hoist_user=$(id -un); hoist_state=${XDG_STATE_HOME:-$HOME/.local/state}/hoist", &[]);
        hello.line("if [ \"$hoist_user\" = root ]; then hoist_state=/var/lib/hoist; fi", &[]);
        hello.line("hoist_stage=$hoist_state/stage; hoist_pending=$hoist_state/pending", &[]);
        let first = questions::bounded(&script(&session.nonce), patience);
        let text = format!("{}{}{}{first}", hello.text(), *PRELUDE, *QUESTIONS);
        if privilege.asks() {
            session.answer_prompt(privilege)?;
        }
        session.send(&text)?;
        let hello = Some(Instant::now() + HELLO);
        match session.listen(hello, Some(questions::silence(patience)), &mut |_| {}, &mut || Ok(())) {
            Ok(answers) => Ok((session, answers)),
            Err(failure) if failure.cause == Cause::Lost => Err(session.refused(failure, privilege)),
            Err(failure) => Err(failure),
        }
    }

    /// Gives the password when it is asked for, once: a second question means that it is wrong. It never goes out
    /// unasked, for then the shell would read it; and nothing else goes out before, for then it would be the password.
    fn answer_prompt(&mut self, privilege: &Privilege) -> Result<(), Failure> {
        let mut given = false;
        let deadline = Instant::now() + HELLO;
        loop {
            match self.process.read(deadline)? {
                Output::Stdout(bytes) => {
                    self.stdout.noise.extend(bytes);
                    if self.stdout.noise.windows(11).any(|window| window == b"hoist-ready") {
                        self.stdout.noise.clear();
                        self.stderr.noise.clear();
                        return Ok(());
                    }
                }
                Output::Stderr(bytes) => {
                    self.stderr.noise.extend(bytes);
                    if privilege.prompts(&self.stderr.noise) {
                        if given {
                            return Err(privilege.wrong_password());
                        }
                        given = true;
                        self.stderr.noise.clear();
                        let answer = privilege.answer();
                        self.write(answer.as_bytes())?;
                    }
                }
                Output::Exit(exit) => {
                    let failure = self.ended(&exit);
                    let wrong = given && !privilege.forbids(&self.last_words().unwrap_or_default());
                    return Err(if wrong { privilege.wrong_password() } else { self.refused(failure, privilege) });
                }
            }
        }
    }

    /// Asks questions, which may take no longer than the session's patience. What took too long is late
    /// ([`Answer::late`]) and spoils nothing else.
    ///
    /// # Errors
    /// The host is silent, or the line is gone.
    pub fn question(&mut self, script: &str) -> Result<Answers, Failure> {
        self.send(&questions::bounded(script, self.patience))?;
        self.listen(None, Some(questions::silence(self.patience)), &mut |_| {}, &mut || Ok(()))
    }

    /// The same, where all answers are needed.
    ///
    /// # Errors
    /// A question took too long, the host is silent, or the line is gone.
    pub fn look(&mut self, script: &str) -> Result<Answers, Failure> {
        questions::in_time(self.question(script)?, self.patience, |_| false)
    }

    /// Whether a watchdog on the host is to know, from here on, while the shell has something to do (`busy`, switch.rs).
    pub fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// How long questions may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Runs a script in the shell itself and collects the answers of its frames. Blocks until it is through.
    ///
    /// # Errors
    /// The line is gone.
    pub fn ask(&mut self, script: &str) -> Result<Answers, Failure> {
        self.follow(script, &mut |_| {}, &mut || Ok(()))
    }

    /// The same, and tells what is heard as it comes. `tick` is called several times a second; its error ends the wait.
    ///
    /// # Errors
    /// The line is gone, or `tick` says so.
    pub fn follow(&mut self, script: &str, heard: &mut dyn FnMut(Heard<'_>), tick: Tick<'_>) -> Result<Answers, Failure> {
        self.send(script)?;
        self.listen(None, None, heard, tick)
    }

    /// Puts content into a file of the staging folder, without waiting for an answer: it comes with the next script,
    /// in the frame `id`. A full disk must not leave content on the line, where it would be taken for scripts.
    ///
    /// # Errors
    /// The line is gone.
    pub fn stage(&mut self, id: &str, sha256: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut script = Script::new();
        if self.watched {
            // Until the next script is through.
            script.line("echo $$ >\"$hoist_stage/busy\"", &[]);
        }
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
        let (before, behind) = match self.watched {
            true => ("echo $$ >\"$hoist_stage/busy\"\n", "rm -f \"$hoist_stage/busy\"\n"),
            false => ("", ""),
        };
        let text = format!("{before}{script}\n{behind}hoist_b m{0}; hoist_e m{0} 0", self.messages);
        #[cfg(debug_assertions)]
        let text = super::fault::armed(&text);
        self.message(&text)
    }

    fn message(&mut self, text: &str) -> Result<(), Failure> {
        // The shell's own LC_ALL must be C while it counts bytes; `$(...)` would drop newlines at the end.
        let text = format!("unset LC_ALL; {}\nLC_ALL=C; :", text);
        self.write(format!("{}\n{text}", text.len()).as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        #[cfg(debug_assertions)]
        super::fault::point();
        self.process.write(bytes, Instant::now() + Duration::from_secs(600))
    }

    /// Listens until the last message was answered. Something must be heard until `hello`; and from then on a frame must begin
    /// or end again and again, before `silence` is over.
    fn listen(
        &mut self,
        hello: Option<Instant>,
        silence: Option<Duration>,
        heard: &mut dyn FnMut(Heard<'_>),
        tick: Tick<'_>,
    ) -> Result<Answers, Failure> {
        let last_frame = Cell::new(Instant::now());
        let heard: &mut dyn FnMut(Heard<'_>) = &mut |what: Heard<'_>| {
            if matches!(what, Heard::Begin(_) | Heard::End(..)) {
                last_frame.set(Instant::now());
            }
            heard(what);
        };
        let last = format!("m{}", self.messages);
        let mut answers: Answers = BTreeMap::new();
        let (mut out, mut err) = (false, false);
        while !(out && err) {
            let look_up = Instant::now() + TICK;
            let deadline = hello.filter(|_| answers.is_empty());
            match self.process.read(deadline.map_or(look_up, |deadline| deadline.min(look_up))) {
                Ok(Output::Stdout(bytes)) => out |= self.stdout.take(&bytes, &last, |answer| &mut answer.stdout, &mut answers, heard),
                Ok(Output::Stderr(bytes)) => err |= self.stderr.take(&bytes, &last, |answer| &mut answer.stderr, &mut answers, &mut |_| {}),
                Ok(Output::Exit(exit)) => return Err(self.ended(&exit)),
                Err(failure) if failure.cause == Cause::Timeout && deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                    if let Some(id) = self.stdout.at_rest() {
                        heard(Heard::Pause(id));
                    }
                }
                Err(failure) => return Err(failure),
            }
            if deadline.is_none() && silence.is_some_and(|silence| last_frame.get().elapsed() > silence) {
                return Err(questions::silent(self.stdout.current.as_deref(), self.patience));
            }
            tick()?;
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

    /// The shell ended before it said anything: no way to root, or a login shell that runs no commands.
    fn refused(&self, failure: Failure, privilege: &Privilege) -> Failure {
        let words = self.last_words().unwrap_or_default();
        if let Some(failure) = privilege.refused(&words, &self.user) {
            return failure;
        }
        let failure = Failure { cause: Cause::LoginShell, ..failure };
        failure
            .remedy("hoist needs a login shell that runs commands, such as /bin/sh or /bin/bash:")
            .remedy(format!("  chsh -s /bin/bash {}", self.user))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::transport::LocalConnection;

    /// Counts how often somebody waits for an answer before going on: a round trip each on a real line.
    struct Counting<T>(T, Arc<AtomicUsize>);

    impl Connection for Counting<LocalConnection> {
        fn exec(&mut self, command: &str) -> Result<Box<dyn Process>, Failure> {
            Ok(Box::new(Counting(self.0.exec(command)?, self.1.clone())))
        }

        fn execs(&self) -> usize {
            self.0.execs()
        }

        fn user(&self) -> &str {
            self.0.user()
        }
    }

    impl Process for Counting<Box<dyn Process>> {
        fn write(&mut self, input: &[u8], deadline: Instant) -> Result<(), Failure> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.write(input, deadline)
        }

        fn close_input(&mut self) -> Result<(), Failure> {
            self.0.close_input()
        }

        fn read(&mut self, deadline: Instant) -> Result<Output, Failure> {
            self.0.read(deadline)
        }
    }

    #[test]
    fn a_session_and_its_first_answers_cost_one_exchange() {
        let sent = Arc::new(AtomicUsize::new(0));
        let mut connection = Counting(LocalConnection::new(), sent.clone());
        let (mut session, answers) = Session::open(&mut connection, &Privilege::login(), Duration::from_secs(60), &|_| {
            "hoist_b a; echo first; hoist_e a 3".to_string()
        })
        .expect("a shell");
        assert_eq!((answers["a"].text().as_str(), answers["a"].status), ("first\n", 3));
        assert_eq!(sent.load(Ordering::SeqCst), 1);
        let answers = session.ask("hoist_b b; echo second; hoist_e b 0").expect("it goes on");
        assert_eq!((answers["b"].text().as_str(), answers.len()), ("second\n", 1));
        assert_eq!(sent.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_question_that_takes_too_long_spoils_only_its_own_answer() {
        let mut connection = LocalConnection::new();
        let patience = Duration::from_secs(1);
        let opened = Session::open(&mut connection, &Privilege::login(), patience, &|_| "hoist_b a; sleep 300; hoist_e a $?".to_string());
        let (mut session, answers) = opened.expect("a shell");
        assert!(answers["a"].late());
        let text = "hoist_b b; (exit 7); hoist_e b $?\nhoist_b c\n(echo waits >&2; sleep 301; echo never) </dev/null\nhoist_e c $?\n\
                    hoist_b d; hoist_x=$(sleep 302 | cat; echo never); hoist_e d $?\nhoist_b e; echo well; hoist_e e $?";
        let answers = session.question(text).expect("it goes on");
        assert_eq!(["b", "c", "d", "e"].map(|id| answers[id].late()), [false, true, true, false]);
        assert_eq!((answers["b"].status, answers["c"].text().as_str(), answers["e"].text().as_str()), (7, "", "well\n"));
        // What runs beside a question and began before it is not one.
        session.ask("sleep 600 & hoist_other=$!; sleep 0.02").expect("it goes on");
        let text = "hoist_b f; sleep 303; hoist_e f $?; hoist_b g; kill -0 $hoist_other; hoist_e g $?; kill $hoist_other";
        let answers = session.question(text).expect("it goes on");
        assert_eq!((answers["f"].late(), answers["g"].status), (true, 0));
        let failure = session.look("hoist_b packages; sleep 304; hoist_e packages $?").expect_err("it is needed");
        assert_eq!(failure.to_string(), "silent: asked for its packages, it took longer than 1 s (`probe_timeout`), so that was ended");
    }

    #[test]
    fn nothing_is_left_of_what_looks_after_questions() {
        let mut connection = LocalConnection::new();
        let patience = Duration::from_secs(100_000 + u64::from(std::process::id()));
        let (mut session, _) = Session::open(&mut connection, &Privilege::login(), patience, &|_| String::new()).expect("a shell");
        for _ in 0..500 {
            session.question("hoist_b a; : $(true); hoist_e a 0").expect("it goes on");
        }
        let sleeps = format!("sleep\0{}\0", patience.as_secs());
        let left = || {
            let processes = std::fs::read_dir("/proc").expect("there is one").flatten();
            processes.filter(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(|line| line == sleeps.as_bytes())).count()
        };
        // They are told to end, and then they do.
        let until = Instant::now() + Duration::from_secs(20);
        while left() > 0 && Instant::now() < until {
            session.ask("sleep 0.1").expect("it goes on");
        }
        assert_eq!(left(), 0);
    }
}
