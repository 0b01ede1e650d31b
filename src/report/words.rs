//! Numbers, times, sizes and lists of hosts as people write them.

use std::time::Duration;

use super::terminal::escape;

/// `1 host`, `3 hosts`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `0.4 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub fn time(elapsed: Duration) -> String {
    let tenths = (elapsed.as_millis() + 50) / 100;
    match tenths {
        0..600 => format!("{}.{} s", tenths / 10, tenths % 10),
        600..36_000 => format!("{} min {:02} s", tenths / 600, tenths % 600 / 10),
        _ => format!("{} h {:02} min", tenths / 36_000, tenths % 36_000 / 600),
    }
}

/// `512 B`, `12 kB`, `1.4 MB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..999_500 => format!("{} kB", (bytes + 500) / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// `web1`, `web1, web2, web3`, `web1, web2 and 17 more`, `all 20 hosts`.
pub fn hosts(names: &[&str], all: usize) -> String {
    match names {
        _ if names.len() == all && all > 3 => format!("all {all} hosts"),
        [first, second, rest @ ..] if rest.len() > 1 => format!("{first}, {second} and {} more", rest.len()),
        _ => names.join(", "),
    }
}

/// What a step is about, `file /etc/motd`, where its name does not say that. Escaped.
pub fn about(name: &str, kind: &str, subject: &str) -> Option<String> {
    let what = format!("{kind} {subject}");
    (name != what).then(|| escape(what))
}

/// The name of a handler, from the key by which the engine and the journal on the host know it: `role/name`.
pub fn handler(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, name)| name)
}

/// Every line of `text` moved to the right.
pub fn indent(text: &str, by: usize) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("{:by$}{line}\n", "") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        let times = [0, 449, 59_949, 59_950, 125_000, 3_599_990, 3_725_000].map(|ms| time(Duration::from_millis(ms)));
        assert_eq!(times, ["0.0 s", "0.4 s", "59.9 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "1 h 02 min"]);
        assert_eq!([0, 999, 1_000, 12_345, 999_499, 1_449_000].map(size), ["0 B", "999 B", "1 kB", "12 kB", "999 kB", "1.4 MB"]);
    }

    #[test]
    fn long_lists_of_hosts_are_cut() {
        let names: Vec<String> = (1..=20).map(|number| format!("web{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(hosts(&names[..1], 1), "web1");
        assert_eq!(hosts(&names[..3], 3), "web1, web2, web3");
        assert_eq!(hosts(&names[..19], 20), "web1, web2 and 17 more");
        assert_eq!(hosts(&names, 20), "all 20 hosts");
    }
}
