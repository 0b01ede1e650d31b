//! The filters that hoist adds to Tera's own. Each is named as Ansible names it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

/// The filters that are hoist's own, with what they do; the reference page is made of it.
pub const FILTERS: &[(&str, &str)] = &[
    ("b64decode", "the text behind base64"),
    ("b64encode", "base64 of a text"),
    ("basename", "the last part of a path"),
    ("dirname", "a path without its last part"),
    ("quote", "one word for a shell, whatever is in it"),
    ("to_json", "JSON on one line"),
    ("to_nice_json", "JSON over several lines"),
];

pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("b64decode", |text: &str, _: Kwargs, _: &State| -> TeraResult<String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|error| Error::message(format!("not base64: {error}")))?;
        String::from_utf8(bytes).map_err(|_| Error::message("what is behind the base64 is not text"))
    });
    tera.register_filter("b64encode", |text: &str, _: Kwargs, _: &State| STANDARD.encode(text));
    tera.register_filter("basename", |path: &str, _: Kwargs, _: &State| {
        path.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_string()
    });
    tera.register_filter("dirname", |path: &str, _: Kwargs, _: &State| match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/".to_string(),
        Some((parent, _)) => parent.to_string(),
        None => String::new(),
    });
    tera.register_filter("quote", |text: Value, _: Kwargs, _: &State| -> TeraResult<String> {
        crate::shell::quote(&text.to_string()).ok_or_else(|| Error::message("a shell word cannot hold a NUL"))
    });
    tera.register_filter("to_json", |value: Value, _: Kwargs, _: &State| json(&value, false));
    tera.register_filter("to_nice_json", |value: Value, _: Kwargs, _: &State| json(&value, true));
}

fn json(value: &Value, pretty: bool) -> TeraResult<String> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| Error::message(format!("cannot be written as JSON: {error}")))
}
