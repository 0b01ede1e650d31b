//! Tells others what a deploy does: incoming webhooks of Slack, Discord and Mattermost, and a plain JSON POST. One that
//! fails or hangs costs a few seconds and a warning, never the deploy. Its address is a secret, so it is shown nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::transport::http;

/// How long an address may take, in all.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let one = |form: &String, address: &String| -> Result<(), String> {
        let failed = |error: reqwest::Error| {
            let why = if error.is_timeout() { "no answer in time".to_string() } else { http::causes(error) };
            format!("`app_notify`: {form} was not told: {why}")
        };
        let client = http::client(PATIENCE, 0).map_err(failed)?;
        let response = client
            .post(address.as_str())
            .header("content-type", "application/json")
            .body(body(form, message).to_string())
            .send()
            .map_err(failed)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("`app_notify`: {form} was not told: it answers {status}")),
        }
    };
    std::thread::scope(|scope| {
        let sent: Vec<_> = to
            .iter()
            .filter_map(|(form, address)| Some((form, address.as_ref()?)))
            .map(|(form, address)| scope.spawn(move || one(form, address)))
            .collect();
        sent.into_iter().filter_map(|thread| thread.join().ok()?.err()).collect()
    })
}
