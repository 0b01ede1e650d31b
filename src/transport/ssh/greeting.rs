//! The lines before SSH begins. A server may say anything until a line that starts with `SSH-`; libssh2 would
//! listen for ever.

use super::wire::Broken;

/// OpenSSH gives up after as much.
const MOST: usize = 64 << 10;

/// What was said so far.
#[derive(Default)]
pub struct Greeting {
    total: usize,
    first: Vec<u8>,
    line: Vec<u8>,
}

impl Greeting {
    /// Listens to `bytes`, and gives back those from `SSH-` on: none as long as it has not come.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Broken> {
        self.total += bytes.len();
        for (at, byte) in bytes.iter().enumerate() {
            if self.first.len() < 60 {
                self.first.push(*byte);
            }
            if *byte == b'\n' {
                self.line.clear();
                continue;
            }
            // Enough of a line to know what it is; its rest is not kept.
            if self.line.len() < 4 {
                self.line.push(*byte);
            }
            if self.line == b"SSH-" {
                let mut rest = self.line.clone();
                rest.extend_from_slice(&bytes[at + 1..]);
                return Ok(rest);
            }
        }
        if self.total > MOST { Err(Broken::Garbage(self.said())) } else { Ok(Vec::new()) }
    }

    /// What it means that the connection ended before SSH began.
    pub fn cut_short(&self, how: &str) -> Broken {
        if self.total == 0 { Broken::Gone(how.to_owned()) } else { Broken::Garbage(self.said()) }
    }

    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.first).replace(char::is_control, " ");
        format!("it says `{}`", text.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_before_the_version_are_dropped() {
        let mut greeting = Greeting::default();
        assert_eq!(greeting.take(b"welcome to SSH-land\r\nSS").expect("fine"), b"");
        assert_eq!(greeting.take(b"H-2.0-x\r\nmore").expect("fine"), b"SSH-2.0-x\r\nmore");
    }

    #[test]
    fn a_web_server_is_quoted() {
        let mut greeting = Greeting::default();
        greeting.take(b"HTTP/1.1 400 \x1b[31mBad Request\r\nConnection: close\r\n").expect("fine so far");
        let Broken::Garbage(said) = greeting.cut_short("closed") else { panic!("it said something") };
        assert_eq!(said, "it says `HTTP/1.1 400  [31mBad Request  Connection: close`");
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let mut greeting = Greeting::default();
        let err = (0..100).find_map(|_| greeting.take(&[b'x'; 4096]).err()).expect("it ends");
        assert!(matches!(err, Broken::Garbage(_)));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_version_comes_through(before in "([a-z]{0,9}\n){0,3}", cuts in proptest::collection::vec(1usize..5, 0..20)) {
            let text = format!("{before}SSH-2.0-x\r\nbinary");
            let mut rest = text.as_bytes();
            let mut greeting = Greeting::default();
            let mut passed = Vec::new();
            for cut in cuts.into_iter().chain([text.len()]) {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                if passed.is_empty() {
                    passed = greeting.take(piece).expect("it is short");
                } else {
                    passed.extend_from_slice(piece);
                }
                rest = behind;
            }
            prop_assert_eq!(passed, b"SSH-2.0-x\r\nbinary");
        }
    }
}
