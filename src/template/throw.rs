//! `throw(message=..., at=[...])`: a template refuses a value, and says which one, so that its place is pointed at.

use serde_json::Value as Json;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use crate::diagnostic::Span;

/// Where the value is written that a path of names leads to: a variable, a key or index in it, and so on.
pub type Places<'a> = dyn Fn(&[String]) -> Option<Span> + 'a;

/// Around the path, in front of the message: the engine hands on nothing but a text.
const MARK: char = '\u{1}';

pub(super) fn register(tera: &mut Tera) {
    tera.register_function("throw", |kwargs: Kwargs, _: &State| -> TeraResult<bool> {
        let message = kwargs.must_get::<&str>("message")?;
        let Some(at) = kwargs.get::<Value>("at")? else { return Err(Error::message(message)) };
        let path = serde_json::to_string(&at).map_err(|error| Error::message(error.to_string()))?;
        Err(Error::message(format!("{MARK}{path}{MARK}{message}")))
    });
}

/// The path and the message of what was thrown; no path when none was given.
pub(super) fn read(message: &str) -> (Vec<String>, &str) {
    let Some((path, message)) = message.strip_prefix(MARK).and_then(|rest| rest.split_once(MARK)) else { return (Vec::new(), message) };
    let name = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_string);
    let path = match serde_json::from_str(path) {
        Ok(Json::Array(items)) => items.iter().map(name).collect(),
        Ok(one) => vec![name(&one)],
        Err(_) => Vec::new(),
    };
    (path, message)
}
