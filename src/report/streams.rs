//! The streams of the process: stdout for the result, stderr for everything else. Colours are taken out where there is
//! no terminal for them; a reader that goes away ends the writing, quietly.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Options;
use crate::secret;

static OPTIONS: OnceLock<Options> = OnceLock::new();
static STDOUT: Stream = Stream::new();
static STDERR: Stream = Stream::new();

/// Says once, before anything is printed, for whom this process prints. Without it: for people.
pub fn begin(options: &Options) {
    // A second call can only say the same: a process runs one command.
    let _ = OPTIONS.set(*options);
}

/// Takes colours out for a terminal without a name (`TERM=`), as for one that is `dumb`; the library would give it some. Whoever
/// asks for colours in so many words gets them.
pub fn settle_colours() {
    let asks = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let nameless = std::env::var_os("TERM").is_some_and(|term| term.is_empty());
    if nameless && !asks("CLICOLOR") && !asks("CLICOLOR_FORCE") {
        anstream::ColorChoice::Never.write_global();
    }
}

/// Makes the words of a panic go the way of all words: they may hold a value.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| stderr(&format!("error: this is a mistake in hoist, please report it: {panic}\n"))));
}

/// Whether programs read stdout.
pub fn is_json() -> bool {
    OPTIONS.get().is_some_and(|options| options.json)
}

/// Whether stdout could not take the whole result (a full disk), so that the run is no success. A reader that went away
/// (`| head`) has had enough; that is no failure.
pub fn failed() -> bool {
    STDOUT.failed.load(Ordering::Relaxed)
}

/// Writes to stdout, as it stands but for known secrets.
pub fn stdout(text: &str) {
    STDOUT.write(&mut anstream::stdout().lock(), secret::hide(text).as_bytes());
}

/// Writes to stderr, as it stands but for known secrets.
pub fn stderr(text: &str) {
    STDERR.write(&mut anstream::stderr().lock(), secret::hide(text).as_bytes());
}

/// Writes to stdout what somebody asked to see, secret or not.
pub fn reveal(bytes: &[u8]) {
    STDOUT.write(&mut io::stdout().lock(), bytes);
}

/// Whether stderr is a terminal that can move its cursor.
pub fn is_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !dumb && io::stderr().is_terminal()
}

/// Columns and rows of the terminal at stderr, a usual size where there is none.
pub fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok();
    let or = |number: Option<u16>, usual| number.filter(|number| *number > 0).map_or(usual, usize::from);
    (or(size.map(|size| size.ws_col), 100), or(size.map(|size| size.ws_row), 24))
}

/// Columns of the terminal at stdout; nothing where it is none.
pub fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok().filter(|_| io::stdout().is_terminal())?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// What became of a stream.
struct Stream {
    closed: AtomicBool,
    failed: AtomicBool,
}

impl Stream {
    const fn new() -> Self {
        Self { closed: AtomicBool::new(false), failed: AtomicBool::new(false) }
    }

    fn write(&self, sink: &mut dyn Write, bytes: &[u8]) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = sink.write_all(bytes).and_then(|()| sink.flush()) {
            self.closed.store(true, Ordering::Relaxed);
            self.failed.store(error.kind() != ErrorKind::BrokenPipe, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with one kind of error, and counts how often it was asked.
    struct Failing(ErrorKind, usize);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // O05
    #[test]
    fn a_reader_that_goes_away_ends_the_writing_and_is_no_failure() {
        let (stream, mut sink) = (Stream::new(), Failing(ErrorKind::BrokenPipe, 0));
        stream.write(&mut sink, b"one");
        stream.write(&mut sink, b"two");
        assert_eq!((sink.1, stream.failed.load(Ordering::Relaxed)), (1, false));
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let (stream, mut sink) = (Stream::new(), Failing(ErrorKind::StorageFull, 0));
        stream.write(&mut sink, b"one");
        assert_eq!((sink.1, stream.failed.load(Ordering::Relaxed)), (1, true));
    }
}
