//! Whether anybody is still there on a line on which nothing is heard: after half of the time that is allowed the host
//! is asked, and when the other half has passed without a byte, the line is lost.

use std::time::{Duration, Instant};

/// The shortest silence that can be allowed: libssh2 asks every two seconds at most.
const LEAST: Duration = Duration::from_secs(4);

/// When something was heard last.
pub struct Pulse {
    half: Duration,
    heard: Instant,
    asked: Option<Instant>,
    /// Bytes wait that the network does not take; when it takes more, somebody has taken those before.
    stuck: bool,
}

/// What is to be done about a silence.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing until then.
    Wait(Instant),
    /// Ask whether anybody is there.
    Ask,
    /// Nobody is.
    Dead,
}

impl Pulse {
    /// For a line that may be silent for so long.
    pub fn new(silence: Duration) -> Self {
        Self { half: silence.max(LEAST) / 2, heard: Instant::now(), asked: None, stuck: false }
    }

    /// Something was heard.
    pub fn heard(&mut self) {
        (self.heard, self.asked) = (Instant::now(), None);
    }

    /// Something was written; `all` of it, or the network takes no more.
    pub fn sent(&mut self, all: bool) {
        if self.stuck && all {
            self.heard();
        }
        self.stuck = !all;
    }

    /// What is to be done `now`.
    pub fn due(&self, now: Instant) -> Due {
        match self.asked {
            Some(asked) if now >= asked + self.half => Due::Dead,
            Some(asked) => Due::Wait(asked + self.half),
            None if now >= self.heard + self.half => Due::Ask,
            None => Due::Wait(self.heard + self.half),
        }
    }

    /// The host was asked, or will be as soon as the network takes something.
    pub fn asked(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// How long nothing was heard.
    pub fn silence(&self) -> Duration {
        self.heard.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_line_is_asked_and_then_dead() {
        let mut pulse = Pulse::new(Duration::from_secs(30));
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(matches!(pulse.due(after(14)), Due::Wait(_)));
        assert_eq!(pulse.due(after(16)), Due::Ask);
        pulse.asked();
        assert!(matches!(pulse.due(after(14)), Due::Wait(_)));
        assert_eq!(pulse.due(after(16)), Due::Dead);
        pulse.heard();
        assert_eq!(pulse.due(after(16)), Due::Ask);
    }

    #[test]
    fn a_slow_line_that_takes_bytes_is_alive() {
        let mut pulse = Pulse::new(Duration::from_secs(30));
        pulse.sent(false);
        pulse.asked();
        pulse.sent(false);
        assert_eq!(pulse.due(Instant::now() + Duration::from_secs(16)), Due::Dead);
        pulse.sent(true);
        assert_eq!(pulse.due(Instant::now() + Duration::from_secs(16)), Due::Ask);
    }
}
