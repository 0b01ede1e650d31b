//! What hosts answer to a ping: a line each, and below it what to do where it failed.

use serde_json::Value as Json;

use super::failure;
use super::style::{ERROR, GREEN};
use super::table::{Cell, Table};
use super::words::time;
use crate::engine::Pong;

/// The table, and the troubles.
pub fn text(answers: &[Pong]) -> (String, String) {
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
    (table.text(), troubles)
}
