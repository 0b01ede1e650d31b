//! The lines before SSH begins. A server may say anything until a line that starts with `SSH-`; libssh2 would
//! listen for ever.

use super::wire::Broken;

/// How the line starts that ends the greeting.
pub const VERSION: &[u8] = b"SSH-";

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
    /// Listens to `bytes`: once a line starts with [`VERSION`], gives how many of them are behind that.
    pub fn listen(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
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
            if self.line.len() < VERSION.len() {
                self.line.push(*byte);
                if self.line == VERSION {
                    return Ok(Some(bytes.len() - at - 1));
                }
            }
        }
        if self.total > MOST { Err(Broken::Garbage(self.said())) } else { Ok(None) }
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
        assert_eq!(greeting.listen(b"welcome to SSH-land\r\nSS").expect("fine"), None);
        assert_eq!(greeting.listen(b"H-2.0-x\r\nmore").expect("fine"), Some(b"2.0-x\r\nmore".len()));
    }

    #[test]
    fn a_web_server_is_quoted() {
        let mut greeting = Greeting::default();
        greeting.listen(b"HTTP/1.1 400 \x1b[31mBad Request\r\nConnection: close\r\n").expect("fine so far");
        let Broken::Garbage(said) = greeting.cut_short("closed") else { panic!("it said something") };
        assert_eq!(said, "it says `HTTP/1.1 400  [31mBad Request  Connection: close`");
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let mut greeting = Greeting::default();
        let err = (0..100).find_map(|_| greeting.listen(&[b'x'; 4096]).err()).expect("it ends");
        assert!(matches!(err, Broken::Garbage(_)));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_version_is_heard(before in "([a-zSH-]{0,9}\n){0,3}", cuts in proptest::collection::vec(1usize..5, 0..20)) {
            prop_assume!(!before.lines().any(|line| line.starts_with("SSH-")));
            let text = format!("{before}SSH-2.0-x\r\n");
            let mut rest = text.as_bytes();
            let mut greeting = Greeting::default();
            for cut in cuts.into_iter().chain([text.len()]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                if let Some(behind) = greeting.listen(piece).expect("it is short") {
                    prop_assert_eq!(behind + rest.len(), "2.0-x\r\n".len());
                    return Ok(());
                }
            }
            prop_assert!(false, "it was never heard");
        }
    }
}
