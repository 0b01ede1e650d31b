//! What `cron` makes of a table of jobs. Pure: text in, text out.
//!
//! A job is two lines: one that names it, and the one that cron reads. Ansible writes the same with a name line of its own,
//! so that a job that came from there is found again, and not run twice.

/// What name lines begin with: ours, and Ansible's.
const MARKS: [&str; 2] = ["#hoist: ", "#Ansible: "];

/// The table with the job `name` as `line`; `None`: without it.
pub fn with_job(table: &str, name: &str, line: Option<&str>) -> String {
    let names_it = |text: &str| MARKS.iter().any(|mark| text.strip_prefix(mark) == Some(name));
    let names_any = |text: &str| MARKS.iter().any(|mark| text.starts_with(mark));
    let lines = lines(table);
    let mut out: Vec<&str> = Vec::new();
    let mut placed = false;
    let mut rest = lines.iter().copied().peekable();
    while let Some(text) = rest.next() {
        if !names_it(text) {
            out.push(text);
            continue;
        }
        // A name line that lost its job is followed by that of another one.
        rest.next_if(|next| !names_any(next));
        if let Some(line) = line.filter(|_| !placed) {
            out.extend([text, line]);
            placed = true;
        }
    }
    let own = format!("{}{name}", MARKS[0]);
    if let Some(line) = line.filter(|_| !placed) {
        // The very job may be there without a name: written by hand.
        let unnamed = |at: &usize| out[*at] == line && !at.checked_sub(1).is_some_and(|before| names_any(out[before]));
        match (0..out.len()).find(unnamed) {
            Some(at) => out.insert(at, &own),
            None => out.extend([own.as_str(), line]),
        }
    }
    joined(&out)
}

/// The table with the variable `name` set to `value` wherever it is set, else at the top; `None`: nowhere.
pub fn with_variable(table: &str, name: &str, value: Option<&str>) -> String {
    let sets_it = |text: &str| text.split_once('=').is_some_and(|(left, _)| left.trim() == name);
    let own = value.map(|value| format!("{name}=\"{value}\""));
    let mut out = lines(table);
    match &own {
        None => out.retain(|text| !sets_it(text)),
        Some(own) if out.iter().any(|text| sets_it(text)) => out.iter_mut().filter(|text| sets_it(text)).for_each(|text| *text = own),
        Some(own) => out.insert(0, own),
    }
    joined(&out)
}

fn lines(table: &str) -> Vec<&str> {
    let mut all: Vec<&str> = table.split('\n').collect();
    if all.last() == Some(&"") {
        all.pop();
    }
    all
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_put_behind_the_others() {
        assert_eq!(with_job("", "b", Some("* * * * * b")), "#hoist: b\n* * * * * b\n");
        assert_eq!(with_job("# mine\n0 0 * * * a", "b", Some("* * * * * b")), "# mine\n0 0 * * * a\n#hoist: b\n* * * * * b\n");
    }

    #[test]
    fn a_job_is_replaced_where_it_stands() {
        assert_eq!(with_job("#hoist: b\n0 0 * * * b\n# end\n", "b", Some("1 1 * * * b")), "#hoist: b\n1 1 * * * b\n# end\n");
    }

    #[test]
    fn a_job_from_ansible_keeps_its_name_line() {
        let table = "#Ansible: b\n0 0 * * * b\n";
        assert_eq!(with_job(table, "b", Some("0 0 * * * b")), table);
        assert_eq!(with_job(table, "b", None), "");
    }

    #[test]
    fn a_job_stands_there_once() {
        let table = "#Ansible: b\n0 0 * * * b\n#hoist: b\n1 1 * * * b\n";
        assert_eq!(with_job(table, "b", Some("2 2 * * * b")), "#Ansible: b\n2 2 * * * b\n");
    }

    #[test]
    fn a_name_line_without_its_job_takes_no_other() {
        let table = "#hoist: b\n#hoist: c\n0 0 * * * c\n";
        assert_eq!(with_job(table, "b", Some("1 1 * * * b")), "#hoist: b\n1 1 * * * b\n#hoist: c\n0 0 * * * c\n");
        assert_eq!(with_job(table, "b", None), "#hoist: c\n0 0 * * * c\n");
    }

    #[test]
    fn a_job_written_by_hand_gets_its_name() {
        assert_eq!(with_job("0 0 * * * b\n", "b", Some("0 0 * * * b")), "#hoist: b\n0 0 * * * b\n");
        let named = "#hoist: other\n0 0 * * * b\n";
        assert_eq!(with_job(named, "b", Some("0 0 * * * b")), "#hoist: other\n0 0 * * * b\n#hoist: b\n0 0 * * * b\n");
    }

    #[test]
    fn a_variable_is_set_at_the_top_or_where_it_stands() {
        assert_eq!(with_variable("* * * * * a\n", "PATH", Some("/bin")), "PATH=\"/bin\"\n* * * * * a\n");
        assert_eq!(with_variable("# x\nPATH = /usr/bin\nPATHS=1\n", "PATH", Some("/bin")), "# x\nPATH=\"/bin\"\nPATHS=1\n");
        assert_eq!(with_variable("A=1\nB=2\n", "A", None), "B=2\n");
    }
}
