//! The test `matching`: whether a regular expression finds itself in a value. Tera left it out with its second version.

use regex::Regex;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

pub(super) fn register(tera: &mut Tera) {
    tera.register_test("matching", |value: &Value, kwargs: Kwargs, _: &State| -> TeraResult<bool> {
        let pattern = kwargs.must_get::<&str>("pat")?;
        let pattern = Regex::new(pattern).map_err(|_| Error::message(format!("`{pattern}` is no regular expression")))?;
        Ok(pattern.is_match(&value.to_string()))
    });
}
