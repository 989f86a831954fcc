//! From a stored document to a channel: one typed configuration per kind, and the list of kinds.

use std::{collections::BTreeMap, fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Channel, Fault, LaneDefaults, escape_pointer};

/// The configuration of one kind of channel.
///
/// The struct is the parser, the form (its doc comments are the help texts), the defaults and, through
/// [`crate::Secret`] and [`crate::SecretUrl`], the redaction. One example on it, `#[schemars(example = sample())]`, is
/// what previews are made with: the least that works, with nothing real in it.
pub trait ChannelConfig: Serialize + DeserializeOwned + JsonSchema {
    /// The kind's name in documents, such as `webhook`.
    const KIND: &'static str;
    /// The kind's name for people.
    const NAME: &'static str;
    /// One sentence on what it is for.
    const DESCRIPTION: &'static str;
    /// Whether it can write to one address instead of its configured recipients.
    const ACCEPTS_RECIPIENT: bool = false;
    /// How deliveries leave where a channel does not say otherwise: what the service documents that it takes.
    const LANE: LaneDefaults = LaneDefaults::ONE_BY_ONE;
    /// What it builds.
    type Channel: Channel;

    /// Checks what the types alone cannot and builds the channel. Pointers are relative to the configuration.
    fn build(self) -> Result<Self::Channel, Vec<Fault>>;

    /// Where secrets are sent: scheme, host and port. When it changes, stored secrets do not follow.
    fn destination(&self) -> String;

    /// The bare addresses that the channel writes to, for kinds that accept a recipient.
    fn recipients(&self) -> Vec<String> {
        Vec::new()
    }
}

/// From a configuration to its channel.
type Build = fn(&Value) -> Result<Arc<dyn Channel>, Vec<Fault>>;

/// One kind of channel: what its configuration type can do, as a row of function pointers.
#[derive(Clone)]
pub struct Kind {
    /// The name in documents, such as `webhook`.
    pub kind: &'static str,
    /// The name for people.
    pub name: &'static str,
    /// One sentence on what it is for.
    pub description: &'static str,
    /// Whether it can write to one address instead of its configured recipients.
    pub accepts_recipient: bool,
    /// How deliveries leave where a channel does not say otherwise.
    pub lane: LaneDefaults,
    schema: fn() -> Value,
    build: Build,
    redact: fn(&Value) -> Result<Value, Vec<Fault>>,
    destination: fn(&Value) -> Result<String, Vec<Fault>>,
    recipients: fn(&Value) -> Result<Vec<String>, Vec<Fault>>,
}

impl Kind {
    /// The kind that `C` configures.
    pub fn of<C: ChannelConfig>() -> Self {
        Self {
            kind: C::KIND,
            name: C::NAME,
            description: C::DESCRIPTION,
            accepts_recipient: C::ACCEPTS_RECIPIENT,
            lane: C::LANE,
            schema: || schemars::schema_for!(C).to_value(),
            build: |config| Ok(Arc::new(parse::<C>(config)?.build()?)),
            redact: |config| {
                let config = parse::<C>(config)?;
                serde_json::to_value(&config).map_err(|e| vec![Fault::new("", e.to_string())])
            },
            destination: |config| Ok(parse::<C>(config)?.destination()),
            recipients: |config| Ok(parse::<C>(config)?.recipients()),
        }
    }

    /// The JSON Schema of the configuration, from which forms are made.
    pub fn config_schema(&self) -> Value {
        (self.schema)()
    }

    /// A harmless configuration that can be built, for previews: the first of the `examples` of the schema.
    pub fn sample(&self) -> Option<Value> {
        self.config_schema().pointer("/examples/0").cloned()
    }

    /// The channel of this configuration.
    pub fn build(&self, config: &Value) -> Result<Arc<dyn Channel>, Vec<Fault>> {
        (self.build)(config)
    }

    /// The configuration as it may be shown: defaults filled in, secrets replaced.
    pub fn redact(&self, config: &Value) -> Result<Value, Vec<Fault>> {
        (self.redact)(config)
    }

    /// The bare addresses that a channel of this configuration writes to.
    pub fn recipients(&self, config: &Value) -> Result<Vec<String>, Vec<Fault>> {
        (self.recipients)(config)
    }

    /// `stored` changed by `patch` (RFC 7396), where a placeholder in the patch keeps the stored secret, and
    /// stored secrets are dropped when they would be sent somewhere else. Where nothing is stored that could be read
    /// (null), the patch has to say everything.
    pub fn change(&self, stored: &Value, patch: &Value) -> Result<Value, Vec<Fault>> {
        if stored.is_null() {
            return Ok(patch.clone());
        }
        let shown = self.redact(stored)?;
        let mut patch = patch.clone();
        keep_secrets(&mut patch, &shown, stored);
        let mut changed = stored.clone();
        merge_patch(&mut changed, &patch);
        if (self.destination)(stored)? != (self.destination)(&changed)? {
            let mut secrets = Vec::new();
            secret_places(&shown, stored, String::new(), &mut secrets);
            for place in secrets.iter().filter(|place| patch.pointer(place).is_none()) {
                remove(&mut changed, place);
            }
        }
        Ok(changed)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

fn parse<C: ChannelConfig>(config: &Value) -> Result<C, Vec<Fault>> {
    serde_path_to_error::deserialize(config).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path().iter() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                serde_path_to_error::Segment::Map { key } => pointer.push_str(&format!("/{}", escape_pointer(key))),
                _ => {}
            }
        }
        vec![Fault::new(pointer, error.inner().to_string())]
    })
}

/// The kinds of channel that exist, filled in one visible list by whoever assembles the parts.
#[derive(Clone, Debug, Default)]
pub struct Registry(BTreeMap<&'static str, Kind>);

impl Registry {
    /// The same list with one more kind; a later one of the same name replaces the earlier.
    #[must_use]
    pub fn with(mut self, kind: Kind) -> Self {
        self.0.insert(kind.kind, kind);
        self
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.0.values()
    }

    /// The kind of this name.
    pub fn get(&self, kind: &str) -> Result<&Kind, BuildError> {
        self.0.get(kind).ok_or_else(|| BuildError::UnknownKind {
            kind: kind.into(),
            known: self.0.keys().copied().collect::<Vec<_>>().join(", "),
        })
    }
}

/// Why there is no channel of this kind and configuration.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// No adapter of this name.
    #[error("there is no kind of channel called {kind:?}: choose one of {known}")]
    UnknownKind {
        /// The name that was given.
        kind: String,
        /// The names that exist.
        known: String,
    },
}

/// Applies a JSON merge patch (RFC 7396): members of the patch replace those of the target, `null` removes.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.shift_remove(name);
            }
            value => merge_patch(members.entry(name.clone()).or_insert(Value::Null), value),
        }
    }
}

/// Takes out of `patch` every value that merely repeats how a stored secret is shown, so that merging keeps
/// the secret.
pub fn keep_secrets(patch: &mut Value, shown: &Value, stored: &Value) {
    let (Value::Object(patch), Value::Object(shown), Value::Object(stored)) = (patch, shown, stored) else { return };
    patch.retain(|name, value| match (shown.get(name), stored.get(name)) {
        (Some(shown), Some(stored)) if value.is_object() => {
            keep_secrets(value, shown, stored);
            true
        }
        (Some(shown), Some(stored)) => shown == stored || value != shown,
        _ => true,
    });
}

/// Where `shown` hides something that `stored` holds. A member that `stored` lacks is a default.
fn secret_places(shown: &Value, stored: &Value, place: String, found: &mut Vec<String>) {
    match (shown, stored) {
        (Value::Object(shown), Value::Object(stored)) => {
            for (name, value) in stored {
                if let Some(shown) = shown.get(name) {
                    secret_places(shown, value, format!("{place}/{}", escape_pointer(name)), found);
                }
            }
        }
        (shown, stored) if shown != stored => found.push(place),
        _ => {}
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = document.pointer_mut(parent) {
        members.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, AttemptInfo, Notification, Receipt, Secret, SecretUrl, SendError};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Config {
        url: SecretUrl,
        #[serde(default)]
        token: Option<Secret>,
        #[serde(default)]
        headers: BTreeMap<String, Secret>,
        #[serde(default)]
        note: String,
    }

    #[derive(Debug)]
    struct Nothing;

    #[async_trait::async_trait]
    impl Channel for Nothing {
        async fn send(&self, _: &Notification, _: &Attempt<'_>) -> Result<Receipt, SendError> {
            Err(SendError::rejected("nothing"))
        }
        fn payload(&self, _: &Notification, _: &AttemptInfo<'_>) -> Result<String, SendError> {
            Ok(String::new())
        }
    }

    impl ChannelConfig for Config {
        const KIND: &'static str = "nothing";
        const NAME: &'static str = "Nothing";
        const DESCRIPTION: &'static str = "Goes nowhere.";
        type Channel = Nothing;
        fn build(self) -> Result<Nothing, Vec<Fault>> {
            Ok(Nothing)
        }
        fn destination(&self) -> String {
            self.url.origin()
        }
    }

    fn stored() -> Value {
        json!({"url": "https://a.example/key", "token": "t0", "headers": {"X-Key": "k0"}, "note": "n"})
    }

    fn change(patch: Value) -> Value {
        Kind::of::<Config>().change(&stored(), &patch).unwrap()
    }

    #[test]
    fn what_is_shown_holds_no_secret_and_can_be_sent_back() {
        let shown = Kind::of::<Config>().redact(&stored()).unwrap();
        let mask = crate::PLACEHOLDER;
        assert_eq!(
            shown,
            json!({"url": "https://a.example/…", "token": mask, "headers": {"X-Key": mask}, "note": "n"})
        );
        assert_eq!(change(shown), stored());
    }

    #[test]
    fn a_patch_merges() {
        let changed = change(json!({"headers": {"X-Other": "o", "X-Key": crate::PLACEHOLDER}, "note": null}));
        assert_eq!(
            changed,
            json!({"url": "https://a.example/key", "token": "t0", "headers": {"X-Key": "k0", "X-Other": "o"}})
        );
    }

    #[test]
    fn secrets_do_not_follow_to_another_host() {
        assert_eq!(
            change(json!({"url": "https://evil.example/", "headers": {"X-Key": "new"}})),
            json!({"url": "https://evil.example/", "headers": {"X-Key": "new"}, "note": "n"})
        );
        assert_eq!(change(json!({"url": "https://a.example/other"}))["token"], "t0");
    }

    #[test]
    fn faults_name_the_place() {
        let faults =
            Kind::of::<Config>().build(&json!({"url": "https://a.example/", "headers": {"a/b": 3}})).unwrap_err();
        assert_eq!(faults[0].pointer, "/headers/a~1b");
    }
}
