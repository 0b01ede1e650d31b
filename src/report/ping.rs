//! What hosts answer to a ping: a line each, and below it what to do where it failed.

use serde_json::Value as Json;

use super::failure;
use super::style::{ERROR, GREEN};
use super::table::{Cell, Table};
use super::words::time;
use crate::engine::Pong;

/// The table, and the troubles.
pub fn text(answers: &[Pong], columns: Option<usize>) -> (String, String) {
    let mut table = Table::new([Cell::new("HOST"), Cell::new("RESULT"), Cell::new("SYSTEM"), Cell::new("USER"), Cell::right("TIME")]);
    let mut troubles = String::new();
    for answer in answers {
        let (result, system, user) = match &answer.outcome {
            Ok(facts) => {
                let fact = |name: &str| facts.values.get(name).and_then(Json::as_str).unwrap_or_default();
                let system = format!("{} {}", fact("distribution"), fact("distribution_version"));
                (Cell::new("ok").style(GREEN), Cell::new(system.trim()), Cell::new(&facts.user))
            }
            Err(failure) => {
                troubles += &format!("\n{}", failure::of_host(&answer.host, failure));
                (Cell::new(failure.cause.name()).style(ERROR), Cell::new(""), Cell::new(""))
            }
        };
        table.row([Cell::new(&answer.host), result, system, user, Cell::right(time(answer.elapsed))]);
    }
    (table.text(columns), troubles)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::sample_facts;
    use crate::report::sample::plain;
    use crate::transport::{Cause, Failure};

    #[test]
    fn each_host_has_a_line_and_troubles_follow_with_their_remedy() {
        let refused = Failure::new(Cause::Refused, "10.0.0.7:22 refuses connections").remedy("is sshd running?");
        let pong = |host: &str, outcome| Pong { host: host.to_string(), outcome, elapsed: Duration::from_millis(87) };
        let (table, troubles) = text(&[pong("web1", Ok(sample_facts())), pong("db", Err(refused))], None);
        assert_eq!(
            plain(&table),
            "HOST  RESULT   SYSTEM     USER   TIME\nweb1  ok       Debian 12  root  0.1 s\ndb    refused                   0.1 s\n"
        );
        assert_eq!(plain(&troubles), "\ndb: refused: 10.0.0.7:22 refuses connections\n    is sshd running?\n");
    }
}
