//! Answers in frames: each begins and ends with a line that carries a random nonce, on stdout and on stderr alike,
//! so that banners, rc files and anything a host prints are noise and cannot pass for an answer.
//!
//! On the wire: `\n<nonce> b <id>\n` payload `\n<nonce> e <id> <status>\n`.

use std::fmt;

/// A random word of one run.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one, from the system's random source.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has a random source");
        Self(format!("hoist-{:032x}", u128::from_ne_bytes(bytes)))
    }

    /// A fixed one, for tests.
    pub fn fixed(word: &str) -> Self {
        Self(word.to_string())
    }

    /// As text: letters, digits and `-`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

/// What one stream said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A frame starts.
    Begin(String),
    /// Payload of the frame that was begun last, in pieces as they come.
    Data(Vec<u8>),
    /// It ends, with the status of what ran in it.
    End(String, i32),
    /// Bytes outside any frame.
    Noise(Vec<u8>),
}

/// Takes a stream apart, in whatever pieces it comes.
#[derive(Debug)]
pub struct Frames {
    marker: Vec<u8>,
    pending: Vec<u8>,
    open: bool,
}

impl Frames {
    /// For the frames of this nonce.
    pub fn new(nonce: &Nonce) -> Self {
        Self { marker: format!("\n{} ", nonce.as_str()).into_bytes(), pending: Vec::new(), open: false }
    }

    /// Takes the next bytes of the stream and hands out what is complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.pending.extend_from_slice(bytes);
        let mut frames = Vec::new();
        loop {
            let Some(at) = find(&self.pending, &self.marker) else {
                let keep = self.undecided();
                let ready = self.pending.len() - keep;
                self.hand_out(ready, &mut frames);
                return frames;
            };
            let line_start = at + self.marker.len();
            let Some(length) = self.pending[line_start..].iter().position(|&byte| byte == b'\n') else {
                if self.pending.len() - line_start > 200 {
                    // A marker line is short; this is somebody else's text.
                    self.hand_out(line_start, &mut frames);
                    continue;
                }
                self.hand_out(at, &mut frames);
                return frames;
            };
            let line = String::from_utf8_lossy(&self.pending[line_start..line_start + length]).into_owned();
            self.hand_out(at, &mut frames);
            self.pending.drain(..self.marker.len() + length + 1);
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("b"), Some(id), None) => {
                    self.open = true;
                    frames.push(Frame::Begin(id.to_string()));
                }
                (Some("e"), Some(id), Some(status)) => {
                    self.open = false;
                    frames.push(Frame::End(id.to_string(), status.parse().unwrap_or(-1)));
                }
                _ => frames.push(Frame::Noise(line.into_bytes())),
            }
        }
    }

    /// Whether a line of payload came to its end and nothing followed: its newline is held back, for a marker begins with one.
    pub fn at_line_end(&self) -> bool {
        self.open && self.pending == b"\n"
    }

    /// Bytes at the end of what is pending that may become a marker.
    fn undecided(&self) -> usize {
        let longest = self.marker.len().min(self.pending.len());
        (1..=longest).rev().find(|&n| self.pending.ends_with(&self.marker[..n])).unwrap_or(0)
    }

    fn hand_out(&mut self, length: usize, frames: &mut Vec<Frame>) {
        if length > 0 {
            let bytes = self.pending.drain(..length).collect();
            frames.push(if self.open { Frame::Data(bytes) } else { Frame::Noise(bytes) });
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(frames: Vec<Frame>) -> Vec<Frame> {
        frames.into_iter().fold(Vec::new(), |mut all, frame| {
            match (all.last_mut(), frame) {
                (Some(Frame::Data(a)), Frame::Data(b)) | (Some(Frame::Noise(a)), Frame::Noise(b)) => a.extend(b),
                (_, frame) => all.push(frame),
            }
            all
        })
    }

    // Z05
    proptest! {
        #[test]
        fn any_payload_survives_any_split(payload in proptest::collection::vec(any::<u8>(), 0..60), cuts in proptest::collection::vec(0usize..200, 0..8)) {
            let nonce = Nonce::fixed("N");
            let mut stream = b"motd\n".to_vec();
            stream.extend(b"\nN b 7\n");
            stream.extend(&payload);
            stream.extend(b"\nN e 7 3\nbye");
            let mut frames = Frames::new(&nonce);
            let mut all = Vec::new();
            let mut at = 0;
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            for cut in cuts.into_iter().chain([stream.len()]) {
                all.extend(frames.feed(&stream[at..cut]));
                at = cut;
            }
            let mut expected = vec![Frame::Noise(b"motd\n".to_vec()), Frame::Begin("7".into())];
            if !payload.is_empty() {
                expected.push(Frame::Data(payload));
            }
            expected.extend([Frame::End("7".into(), 3), Frame::Noise(b"bye".to_vec())]);
            prop_assert_eq!(merged(all), expected);
        }
    }

    #[test]
    fn a_foreign_marker_is_noise() {
        let mut frames = Frames::new(&Nonce::fixed("mine"));
        assert_eq!(merged(frames.feed(b"\nother b 1\nhello\n")), [Frame::Noise(b"\nother b 1\nhello".to_vec())]);
    }
}
