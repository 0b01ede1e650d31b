//! Masks the texts of one task: all of its secret values are known there, so short ones are masked, too.

use super::mask::Mask;
use super::value::MASK;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Knows the secret values of one task.
pub struct Cover {
    values: Vec<String>,
    mask: Mask,
}

impl Cover {
    /// For these values; empty ones are nobody's secret.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        let mut mask = Mask::from_length(1);
        values.iter().for_each(|value| mask.add(value));
        Self { values, mask: mask.ready() }
    }

    /// The text without them.
    pub fn text(&self, text: &str) -> String {
        if self.values.iter().any(|value| value == text) { MASK.to_string() } else { self.mask.hide(text).into_owned() }
    }

    /// The problems without them.
    pub fn diagnostics(&self, problems: &Diagnostics) -> Diagnostics {
        let mut covered = Diagnostics::new();
        for problem in problems.iter() {
            let labels = problem.labels.iter().map(|(span, text)| (span.clone(), self.text(text))).collect();
            let help = problem.help.iter().map(|help| self.text(help)).collect();
            covered.push(Diagnostic { summary: self.text(&problem.summary), labels, help, ..problem.clone() });
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // V01
    #[test]
    fn short_values_are_masked_too() {
        let cover = Cover::new(["x".to_string(), "ab".to_string(), String::new()]);
        assert_eq!(cover.text("`x` is no ab, extra"), "`(secret)` is no (secret), extra");
        assert_eq!(cover.text("x"), MASK);
        assert_eq!(cover.text("nothing"), "nothing");
    }
}
