//! One of the two streams of a session: its frames become answers, and what stands between them is noise.

use crate::shell::{Answer, Answers, Frame, Frames, Nonce};

/// The most that is kept of an answer; the rest is dropped.
const KEPT: usize = 16 << 20;

/// The least that is kept of the end of what a step prints: its last lines are shown when it fails.
const KEPT_OF_STEP: usize = 1 << 20;

/// What is heard while a script runs.
#[derive(Debug)]
pub enum Heard<'a> {
    /// The frame of this id begins.
    Begin(&'a str),
    /// A frame prints.
    Data(&'a str, &'a [u8]),
    /// What it printed last is a whole line, and nothing followed for a moment.
    Pause(&'a str),
    /// It ends with this status.
    End(&'a str, i32),
}

/// What comes on a stream.
pub(super) struct Stream {
    frames: Frames,
    /// The id of the frame that is open.
    pub(super) current: Option<String>,
    /// The end of what stood between the frames.
    pub(super) noise: Vec<u8>,
}

impl Stream {
    pub(super) fn new(nonce: &Nonce) -> Self {
        Self { frames: Frames::new(nonce), current: None, noise: Vec::new() }
    }

    /// The id of the frame that is open and has printed nothing but whole lines.
    pub(super) fn at_rest(&self) -> Option<&str> {
        self.current.as_deref().filter(|_| self.frames.at_line_end())
    }

    /// Takes bytes of the stream; true when the frame `last` ended.
    pub(super) fn take(
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
                    let step = id.strip_prefix('s').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
                    let room = if step { bytes.len() } else { KEPT.saturating_sub(kept.len()).min(bytes.len()) };
                    kept.extend_from_slice(&bytes[..room]);
                    if step && kept.len() > 2 * KEPT_OF_STEP {
                        kept.drain(..kept.len() - KEPT_OF_STEP);
                    }
                }
                Frame::End(id, status) => {
                    answers.entry(id.clone()).or_default().status = status;
                    #[cfg(debug_assertions)]
                    super::fault::point();
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
