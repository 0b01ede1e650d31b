//! One text or a list of them, as Ansible takes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A list of texts, which may be written as one text with commas: `[sudo, adm]`, `sudo` or `sudo,adm`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(pub Vec<String>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = List;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<List, E> {
                Ok(List(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_string).collect()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<List, E> {
                Ok(List(vec![number.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element::<String>()? {
                    all.push(item);
                }
                Ok(List(all))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

impl JsonSchema for List {
    fn schema_name() -> Cow<'static, str> {
        "List".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

#[cfg(test)]
mod tests {
    use super::List;
    use crate::diagnostic::Source;

    fn read(text: &str) -> Result<List, String> {
        let node = crate::yaml::parse(&Source::new("t.yml", text)).expect("valid YAML");
        crate::yaml::from_node(&node).map_err(|error| error.summary)
    }

    #[test]
    fn a_list_is_written_in_several_ways() {
        let list = |items: &[&str]| Ok(List(items.iter().map(|item| (*item).to_string()).collect()));
        assert_eq!(read("[a, 1.10]"), list(&["a", "1.10"]));
        assert_eq!(read("a"), list(&["a"]));
        assert_eq!(read("a, b,"), list(&["a", "b"]));
        assert_eq!(read("1000"), list(&["1000"]));
        assert_eq!(read("[]"), list(&[]));
        assert_eq!(read("{a: b}"), Err("expected a text or a list of texts, found a mapping".into()));
    }
}
