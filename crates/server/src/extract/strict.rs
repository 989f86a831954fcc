//! Parts of documents that serde alone would take too lightly.

use std::{fmt, marker::PhantomData};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};
use serde_json::{Map, Value, map::Entry};

/// Any JSON, but for objects that have a member twice: which one counts would be a guess.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Strict(pub(crate) Value);

/// An object whose members can be anything, each once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Members(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> de::Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            match members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(place) => {
                    return Err(de::Error::custom(format_args!("the member {:?} stands here twice", place.key())));
                }
            }
        }
        Ok(Members(members))
    }
}

struct AnyVisitor;

impl<'de> de::Visitor<'de> for AnyVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Strict(Value::Array(items)))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Strict, A::Error> {
        MembersVisitor.visit_map(map).map(|Members(members)| Strict(Value::Object(members)))
    }
}

/// Tells a member that is null from one that is not there.
pub(crate) fn given<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A time as RFC 3339 writes it. The parser alone would also take shorter and longer forms, and years that no
/// answer could show.
pub(crate) fn rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let wrong = || de::Error::custom("this must be a time such as 2026-03-29T01:30:00Z (RFC 3339)");
    let has = |at: usize, among: &[u8]| text.as_bytes().get(at).is_some_and(|byte| among.contains(byte));
    let shaped = text.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && has(4, b"-")
        && has(7, b"-")
        && has(10, b"Tt ")
        && has(13, b":")
        && has(16, b":")
        && !text.contains('[');
    shaped.then(|| text.parse().ok()).flatten().map(Some).ok_or_else(wrong)
}

/// A list of at most `N` entries. It stops at the first one too many, so that a body full of commas costs no
/// more memory than it is long.
pub(crate) fn at_most<'de, const N: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Visitor<const N: usize, T>(PhantomData<T>);

    impl<'de, const N: usize, T: Deserialize<'de>> de::Visitor<'de> for Visitor<N, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of 1 to {N} entries")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                if items.len() == N {
                    return Err(de::Error::custom(format_args!("there can be at most {N} at once: split them up")));
                }
                items.push(item);
            }
            if items.is_empty() {
                return Err(de::Error::custom("there must be at least one"));
            }
            Ok(items)
        }
    }

    deserializer.deserialize_seq(Visitor::<N, T>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_str, json};

    #[test]
    fn everything_comes_through_as_it_is() {
        let text = r#"{"b":[1,-2,3.5,"x",null,true,18446744073709551615],"a":{"c":{}}}"#;
        assert_eq!(from_str::<Strict>(text).unwrap().0, from_str::<Value>(text).unwrap());
        assert_eq!(from_str::<Members>(text).unwrap().0.keys().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#] {
            let error = from_str::<Members>(text).unwrap_err();
            assert!(error.is_data() && error.to_string().contains(r#""a" stands here twice"#), "{error}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        #[derive(Deserialize)]
        struct At {
            #[serde(default, deserialize_with = "rfc3339")]
            at: Option<Timestamp>,
        }
        let parse = |text: &str| serde_json::from_value::<At>(json!({"at": text})).map(|at| at.at);
        assert!(parse("2026-03-29T01:30:00Z").unwrap().is_some());
        assert_eq!(parse("2026-03-29T03:30:00.5+02:00").unwrap(), parse("2026-03-29T01:30:00.5Z").unwrap());
        for text in
            ["", "yesterday", "2026-03-29", "20260329T013000Z", "-002026-03-29T01:30:00Z", "2026-03-29T01:30:00"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("2026-03-29T03:30:00+02:00[Europe/Paris]").is_err());
        assert_eq!(from_str::<At>(r#"{"at": null}"#).unwrap().at, None);
        assert_eq!(from_str::<At>("{}").unwrap().at, None);
    }
}
