//! A file mode as Ansible users write it: `"0644"`, `"u=rw,g=r,o="`, `"g+x"`.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A file mode, absolute or relative to what a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode(Spec);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Spec {
    Octal(u32),
    Symbolic(Vec<Clause>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    who: Vec<char>,
    operator: char,
    what: Vec<char>,
}

impl Mode {
    /// An absolute mode, such as 0o644.
    pub fn octal(bits: u32) -> Self {
        Self(Spec::Octal(bits & 0o7777))
    }

    /// Reads a mode.
    ///
    /// # Errors
    /// In words, for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            // `mode: 644` without a leading zero is what Ansible reads as decimal 644; here it is what was meant.
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777 && text.len() <= 5);
            return bits
                .map(Self::octal)
                .ok_or_else(|| format!("`{text}` is no file mode: expected up to four octal digits, such as \"0644\""));
        }
        let clause = |part: &str| {
            let at = part.find(['=', '+', '-'])?;
            let who: Vec<char> = part[..at].chars().collect();
            let (operator, what) = (part[at..].chars().next()?, part[at + 1..].chars().collect::<Vec<_>>());
            let good = who.iter().all(|c| "ugoa".contains(*c)) && what.iter().all(|c| "rwxXst".contains(*c));
            good.then(|| Clause { who: if who.is_empty() { vec!['a'] } else { who }, operator, what })
        };
        let clauses: Option<Vec<Clause>> = text.split(',').map(clause).collect();
        clauses
            .map(|clauses| Self(Spec::Symbolic(clauses)))
            .ok_or_else(|| format!("`{text}` is no file mode: expected \"0644\" or \"u=rw,g=r,o=r\""))
    }

    /// The bits it gives a file that has `now`.
    pub fn apply(&self, now: u32, directory: bool) -> u32 {
        let clauses = match &self.0 {
            Spec::Octal(bits) => return *bits,
            Spec::Symbolic(clauses) => clauses,
        };
        clauses.iter().fold(now, |mode, clause| clause.apply(mode, directory))
    }
}

impl Clause {
    fn apply(&self, mode: u32, directory: bool) -> u32 {
        let all = self.who.contains(&'a');
        let mut bits = 0;
        let mut mask = 0;
        for (who, shift, special) in [('u', 6, 0o4000), ('g', 3, 0o2000), ('o', 0, 0)] {
            if !all && !self.who.contains(&who) {
                continue;
            }
            mask |= 0o7 << shift | special;
            for what in &self.what {
                bits |= match what {
                    'r' => 0o4 << shift,
                    'w' => 0o2 << shift,
                    'x' => 0o1 << shift,
                    'X' if directory || mode & 0o111 != 0 => 0o1 << shift,
                    's' => special,
                    _ => 0,
                };
            }
        }
        if self.what.contains(&'t') {
            bits |= 0o1000;
        }
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !mask | bits,
        }
    }
}

/// Four octal digits, as `ls` users know them.
pub fn octal(bits: u32) -> String {
    format!("{bits:04o}")
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    fn bits(text: &str, now: u32, directory: bool) -> u32 {
        Mode::parse(text).expect("a mode").apply(now, directory)
    }

    #[test]
    fn modes_mean_what_chmod_makes_of_them() {
        assert_eq!(bits("0644", 0o777, false), 0o644);
        assert_eq!(bits("644", 0, false), 0o644);
        assert_eq!(bits("u=rw,g=r,o=", 0o4777, false), 0o640);
        assert_eq!(bits("u=rwX,g=rX,o=rX", 0o600, true), 0o755);
        assert_eq!(bits("u=rwX,g=rX", 0o600, false), 0o640);
        assert_eq!(bits("+x", 0o644, false), 0o755);
        assert_eq!(bits("g-w,o-rwx", 0o666, false), 0o640);
        assert_eq!(bits("u+s,+t", 0o755, false), 0o5755);
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "0999", "rw", "u=q", "77777", "preserve"] {
            assert!(Mode::parse(text).is_err(), "{text}");
        }
    }
}
