//! Tells others what a deploy does: incoming webhooks of Slack, Discord and Mattermost, and a plain JSON POST. One that
//! fails or hangs costs a few seconds and a warning, never the deploy. Its address is a secret, so it is shown nowhere.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::transport::http;

/// How long an address may take, in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said of one that takes longer.
const LATE: &str = "no answer in time";

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Work begins.
    Start,
    /// The new release is live and good.
    Success,
    /// It is not, and what was live still is.
    Failure,
    /// An older release is live again, because somebody wanted it.
    Rollback,
}

impl Moment {
    /// As programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Rollback => "rollback",
        }
    }
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// What happens.
    pub moment: Moment,
    /// In a line, for people.
    pub text: String,
    /// Details, for programs.
    pub fields: Json,
}

/// What is sent to an address of this form.
fn body(form: &str, message: &Message) -> Json {
    match form {
        "discord" => json!({ "content": message.text, "allowed_mentions": { "parse": [] } }),
        "slack" | "mattermost" => json!({ "text": message.text }),
        _ => {
            let mut fields = message.fields.clone();
            fields["event"] = json!(message.moment.word());
            fields["text"] = json!(message.text);
            fields
        }
    }
}

/// Sends a message to all addresses, at once; what did not work, in words without the address.
pub fn send(to: &BTreeMap<String, Option<String>>, message: &Message) -> Vec<String> {
    let begun: Vec<_> = to
        .iter()
        .filter_map(|(form, address)| Some((form, address.clone()?)))
        .map(|(form, address)| {
            let body = body(form, message).to_string();
            (form, aside(move || post(&address, body)))
        })
        .collect();
    let end = Instant::now() + PATIENCE;
    let told = |(form, answer): (&String, Receiver<Result<(), String>>)| {
        let why = match answer.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(sent) => sent.err()?,
            Err(RecvTimeoutError::Timeout) => LATE.to_string(),
            Err(RecvTimeoutError::Disconnected) => "hoist itself broke down while it asked".to_string(),
        };
        Some(format!("`app_notify`: {form} was not told: {why}"))
    };
    begun.into_iter().filter_map(told).collect()
}

/// Does work in a thread that nobody has to wait for: the client waits for the system's resolver, however long that takes.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    // Whoever does not wait any more does not want the answer.
    std::thread::spawn(move || drop(sender.send(work())));
    receiver
}

/// Sends a body to an address.
fn post(address: &str, body: String) -> Result<(), String> {
    let failed = |error: reqwest::Error| if error.is_timeout() { LATE.to_string() } else { http::causes(error) };
    let client = http::client(PATIENCE, 0).map_err(failed)?;
    let response = client.post(address).header("content-type", "application/json").body(body).send().map_err(failed)?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("it answers {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_does_not_end_is_not_waited_for() {
        let (go, never) = channel::<()>();
        let answer = aside(move || never.recv());
        assert_eq!(answer.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        drop(go);
        assert!(answer.recv().expect("an answer").is_err());
    }
}
