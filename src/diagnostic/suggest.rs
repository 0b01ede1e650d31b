//! "Did you mean": the closest of the known names.

/// The known name that is closest to what was written, if one is close enough to be meant.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written_low = written.to_lowercase();
    known
        .into_iter()
        .filter(|name| *name != written)
        .map(|name| (score(&written_low, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// How many slips lie between two names: a letter that is missing, one too many, a wrong one, or two swapped.
pub fn slips(written: &str, name: &str) -> usize {
    strsim::damerau_levenshtein(written, name)
}

fn score(written: &str, name: &str) -> f64 {
    // One slip in a short word (`prd`, `wbe`) weighs more than in a long one, yet is what people type.
    let slips = strsim::damerau_levenshtein(written, name);
    let length = written.chars().count().max(name.chars().count()).max(1);
    let near: f64 = if slips == 1 && length >= 3 { 0.9 } else { 0.0 };
    let prefix = if written.len() >= 3 && (name.starts_with(written) || written.starts_with(name) && name.len() >= 3) { 0.82 } else { 0.0 };
    near.max(prefix).max(1.0 - slips as f64 / length as f64).max(strsim::jaro(written, name) - 0.05)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn slips_are_understood_and_strangers_are_not() {
        assert_eq!(closest("onwer", ["owner", "group", "mode"]), Some("owner"));
        assert_eq!(closest("prd", ["prod", "staging"]), Some("prod"));
        assert_eq!(closest("domain", ["domain_name", "port"]), Some("domain_name"));
        assert_eq!(closest("zebra", ["owner", "group", "mode"]), None);
    }
}
