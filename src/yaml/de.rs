//! [`Node`] to a typed value. Errors carry the place of the very value that is wrong.
//!
//! Kinder than plain serde where YAML and Ansible users are: a `bool` takes yes/no/on/off, a text takes a number as
//! it was spelled, a number takes a text that a template made of one.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Entry, Node, Value};
use crate::diagnostic::{Diagnostic, Span};

/// Reads `node` as a `T`.
///
/// # Errors
/// The first value that does not fit, at its place, with what was expected.
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, Diagnostic> {
    T::deserialize(NodeDeserializer(node)).map_err(|error| {
        let mut diagnostic = Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(&node.span));
        if let Some((written, known)) = error.unknown {
            diagnostic = diagnostic.suggest(&written, known.iter().copied());
        }
        diagnostic
    })
}

/// A failure on its way up; the innermost value that knows its place adds it.
#[derive(Debug)]
struct Error {
    message: String,
    span: Option<Span>,
    unknown: Option<(String, &'static [&'static str])>,
}

impl Error {
    fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None, unknown: None }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("expected {}, found {}", wanted(&expected.to_string()), named(found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("unknown value `{variant}`");
        Self { message, span: None, unknown: Some((variant.to_string(), expected)) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { message: format!("unknown key `{field}`"), span: None, unknown: Some((field.to_string(), expected)) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is missing"))
    }
}

/// What was found, in the words of YAML.
fn named(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Unit | de::Unexpected::Option => "nothing (null)".to_string(),
        de::Unexpected::Str(text) => format!("the text `{text}`"),
        de::Unexpected::Bool(flag) => format!("the bool `{flag}`"),
        de::Unexpected::Signed(number) => number.to_string(),
        de::Unexpected::Unsigned(number) => number.to_string(),
        de::Unexpected::Float(number) => number.to_string(),
        de::Unexpected::Seq => "a list".to_string(),
        de::Unexpected::Map => "a mapping".to_string(),
        other => other.to_string(),
    }
}

/// What was expected, without the names that types have in this program.
fn wanted(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number, 0 or more",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("enum ") => "a word",
        _ if expected.starts_with("struct ") => "a mapping",
        "a sequence" => "a list",
        _ => expected,
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a>(&'a Node);

impl NodeDeserializer<'_> {
    fn spelled(&self) -> Option<&str> {
        match &self.0.value {
            Value::String(text) => Some(text),
            Value::Number(_, spelling) => Some(spelling),
            _ => None,
        }
    }
}

macro_rules! number_or_its_text {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.spelled().and_then(|text| text.trim().parse::<$type>().ok()) {
                Some(number) => visitor.$visit(number).map_err(|error: Error| error.at(&self.0.span)),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number, _) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => visitor.visit_str(&number.to_string()),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(entries) => visitor.visit_map(Pairs { entries: entries.iter(), current: None }),
        }
        .map_err(|error| error.at(&self.0.span))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.as_str().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "true") => visitor.visit_bool(true),
            Some("no" | "off" | "false") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Number(_, spelling) => visitor.visit_str(spelling),
            Value::Bool(flag) => visitor.visit_str(if *flag { "true" } else { "false" }),
            _ => self.deserialize_any(visitor),
        }
        .map_err(|error: Error| error.at(&self.0.span))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    number_or_its_text! {
        deserialize_i8 visit_i64 i64;
        deserialize_i16 visit_i64 i64;
        deserialize_i32 visit_i64 i64;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u64 u64;
        deserialize_u16 visit_u64 u64;
        deserialize_u32 visit_u64 u64;
        deserialize_u64 visit_u64 u64;
        deserialize_f32 visit_f64 f64;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match self.spelled() {
            Some(text) => visitor.visit_enum(Variant(text)).map_err(|error| error.at(&self.0.span)),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant without content, by its name.
struct Variant<'a>(&'a str);

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        Err(de::Error::custom("expected a name"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("expected a name"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("expected a name"))
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.next().map(|node| seed.deserialize(NodeDeserializer(node)).map_err(|error| error.at(&node.span))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Pairs<'a> {
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.current = self.entries.next();
        self.current
            .map(|entry| {
                let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
                seed.deserialize(key).map_err(|error| error.at(&entry.key_span))
            })
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let entry = self.current.expect("serde asks for a value only after its key");
        seed.deserialize(NodeDeserializer(&entry.node))
            .map_err(|error| Error { message: format!("`{}`: {}", entry.key, error.message), ..error }.at(&entry.node.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Args {
        path: String,
        mode: Option<String>,
        #[serde(default)]
        force: bool,
        state: Option<State>,
        size: Option<u32>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Present,
        Absent,
    }

    fn read(text: &str) -> Result<Args, Diagnostic> {
        from_node(&crate::yaml::parse(&Source::new("t.yml", text)).expect("valid YAML"))
    }

    #[test]
    fn values_are_read_kindly() {
        let args = read("path: 1.10\nforce: yes\nstate: absent\nsize: '12'\nmode: '0644'\n").expect("valid");
        assert_eq!(args, Args { path: "1.10".into(), mode: Some("0644".into()), force: true, state: Some(State::Absent), size: Some(12) });
    }

    #[test]
    fn mistakes_point_at_the_value() {
        let at = |text| {
            let d = read(text).expect_err("an error is expected");
            format!("{} {} {}", d.labels[0].0, d.summary, d.help.join("; "))
        };
        assert_eq!(at("path: a\nforce: maybe\n"), "t.yml:2:8 `force`: expected a boolean, found the text `maybe` ");
        assert_eq!(at("path: a\nstate: absnt\n"), "t.yml:2:8 `state`: unknown value `absnt` did you mean `absent`?");
        assert_eq!(at("path: a\nmdoe: x\n"), "t.yml:2:1 unknown key `mdoe` did you mean `mode`?");
        assert_eq!(at("mode: a\n"), "t.yml:1:1 `path` is missing ");
        assert_eq!(at("path: a\nstate: [b]\n"), "t.yml:2:8 `state`: expected a word, found a list ");
        assert_eq!(at("path: a\nsize: -1\n"), "t.yml:2:7 `size`: expected a whole number from 0 to 4294967295, found -1 ");
        assert_eq!(at("path: a\nsize: 1.5\n"), "t.yml:2:7 `size`: expected a whole number from 0 to 4294967295, found 1.5 ");
        assert_eq!(at("path: [a]\n"), "t.yml:1:7 `path`: expected a string, found a list ");
    }
}
