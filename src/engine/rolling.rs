//! How a play goes through its hosts: all at once, or in batches, and how many may fail.

/// The keywords `serial`, `max_failures` and `any_errors_fatal` of a play.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rolling {
    /// Sizes of the batches; the last one is used again until no host is left. None: all hosts at once.
    pub serial: Vec<Size>,
    /// How many hosts may fail before the rest is left alone. `None`: a host that fails stops alone, but when all of a
    /// batch failed, the next one is not begun.
    pub max_failures: Option<Size>,
    /// The first failure stops all.
    pub any_errors_fatal: bool,
}

/// A number of hosts, or a share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many.
    Count(usize),
    /// So many of a hundred.
    Percent(usize),
}

impl Size {
    /// Reads `3` or `30%`.
    pub fn parse(text: &str) -> Option<Self> {
        let percent = text.strip_suffix('%');
        let number: usize = percent.unwrap_or(text).trim().parse().ok()?;
        match percent {
            Some(_) if number > 100 => None,
            Some(_) => Some(Self::Percent(number)),
            None => Some(Self::Count(number)),
        }
    }

    fn of(self, all: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => all * percent / 100,
        }
    }
}

impl Rolling {
    /// The sizes of the batches of a play with so many hosts; each at least one.
    pub fn sizes(&self, hosts: usize) -> Vec<usize> {
        let Some(last) = self.serial.last() else { return vec![hosts] };
        let mut sizes = Vec::new();
        let mut left = hosts;
        let mut wanted = self.serial.iter().chain(std::iter::repeat(last));
        while left > 0 {
            let size = wanted.next().map_or(left, |size| size.of(hosts)).clamp(1, left);
            sizes.push(size);
            left -= size;
        }
        sizes
    }

    /// How many of so many hosts may fail before all of them are stopped; `None`: a host that fails stops alone.
    pub fn allowed(&self, hosts: usize) -> Option<usize> {
        if self.any_errors_fatal { Some(0) } else { self.max_failures.map(|allowed| allowed.of(hosts)) }
    }

    /// Whether the rest is left alone when so many hosts failed, of which so many in this play.
    pub fn stops(&self, failed: usize, here: usize, hosts: usize) -> bool {
        match self.allowed(hosts) {
            Some(allowed) => failed > allowed,
            // Rolling means not to break everything: a batch with a failure is the last one.
            None => !self.serial.is_empty() && here > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling(serial: &[&str], max_failures: Option<&str>) -> Rolling {
        let size = |text: &&str| Size::parse(text).expect("a size");
        Rolling { serial: serial.iter().map(size).collect(), max_failures: max_failures.map(|text| size(&text)), any_errors_fatal: false }
    }

    #[test]
    fn batches_cover_all_hosts() {
        assert_eq!(rolling(&[], None).sizes(5), [5]);
        assert_eq!(rolling(&["2"], None).sizes(5), [2, 2, 1]);
        assert_eq!(rolling(&["1", "50%"], None).sizes(7), [1, 3, 3]);
        assert_eq!(rolling(&["10%"], None).sizes(3), [1, 1, 1]);
        assert_eq!(rolling(&["0"], None).sizes(2), [1, 1]);
        assert_eq!(Size::parse("101%"), None);
        assert_eq!(Size::parse("-1"), None);
    }

    #[test]
    fn failures_are_counted_against_what_is_allowed() {
        assert!(!rolling(&[], None).stops(3, 3, 5), "without serial, a host that fails stops alone");
        assert!(rolling(&["1"], None).stops(1, 1, 5));
        assert!(!rolling(&["1"], Some("1")).stops(1, 1, 5));
        assert!(rolling(&["1"], Some("1")).stops(2, 1, 5));
        assert!(rolling(&[], Some("20%")).stops(2, 2, 5));
        assert!(Rolling { any_errors_fatal: true, ..Rolling::default() }.stops(1, 0, 5));
    }
}
