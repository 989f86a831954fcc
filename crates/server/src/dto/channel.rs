//! Channels and their kinds.

use fanfare::{
    ChannelPatch as EnginePatch, ChannelView, LaneSettings as EngineLane, NewChannel, Preview,
    TestResult as EngineTest, core,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::words::HealthState;
use crate::{
    extract::{Members, given},
    problem::Problem,
};

/// A kind of channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelKind {
    /// Its name in documents.
    #[schema(example = "webhook", value_type = String)]
    kind: &'static str,
    /// Its name for people.
    #[schema(value_type = String)]
    name: &'static str,
    /// What it is for.
    #[schema(value_type = String)]
    description: &'static str,
    /// The JSON Schema of a channel's `config`; its descriptions are the help texts of a form.
    #[schema(value_type = Object)]
    config_schema: Value,
    /// Whether it can write to one address instead of its configured recipients.
    accepts_recipient: bool,
    /// How its channels' deliveries leave where a channel does not say otherwise.
    delivery: LaneSettings,
}

/// A configured destination. Secrets in `config` are shown as a placeholder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Channel {
    /// Its identity.
    id: Uuid,
    /// Its name.
    name: String,
    /// Its kind.
    kind: String,
    /// Its configuration, with defaults filled in.
    #[schema(value_type = Object)]
    config: Value,
    /// Whether it may send. What is meant for a disabled channel is held.
    enabled: bool,
    /// How its deliveries leave.
    delivery: LaneSettings,
    /// Whether deliveries get through.
    health: Health,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// How a channel's deliveries leave. What is null has the kind's default.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LaneSettings {
    /// How many deliveries may be under way at once: 1 to 256.
    #[schema(minimum = 1, maximum = 256)]
    concurrency: Option<u16>,
    /// How many deliveries a second on average.
    rate: Option<f64>,
    /// How many deliveries may leave at once before the rate counts.
    burst: Option<u32>,
    /// Whether a storm of one event type is told in one digest.
    digest: Option<bool>,
}

/// Whether deliveries get through a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// In one word.
    state: HealthState,
    /// Since when.
    since: Option<Timestamp>,
    /// What the last failure said.
    last_error: Option<String>,
}

/// A channel to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelInput {
    /// Its name.
    #[schema(example = "On-call hook")]
    name: String,
    /// Its kind, as `GET /api/v1/channel-kinds` lists them.
    #[schema(example = "webhook")]
    kind: String,
    /// Its configuration, as the kind's `config_schema` describes it.
    #[schema(value_type = Object)]
    config: Members,
    /// Whether it may send; true where absent.
    enabled: Option<bool>,
    /// How its deliveries leave.
    delivery: Option<LaneSettings>,
}

/// Changes to a channel (RFC 7396): what is absent stays, and null resets to the default. A secret stays when
/// it is absent or its placeholder is sent back; it is dropped when the host that it goes to changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelChange {
    /// A new name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// Changes to the configuration, member by member.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    config: Option<Option<Members>>,
    /// Whether it may send.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    enabled: Option<Option<bool>>,
    /// Changes to how its deliveries leave, member by member.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LaneSettings>)]
    delivery: Option<Option<LaneSettings>>,
    /// A channel's kind cannot change. Sending the present one is allowed.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    kind: Option<Option<String>>,
}

/// Whether a channel that is in use is deleted all the same.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// Takes the channel out of all settings and jobs that use it.
    #[serde(default)]
    pub(crate) force: bool,
}

/// What a preview is made of.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// The event type whose sample is told.
    #[param(example = "system_error")]
    pub(crate) event_type: String,
}

/// What a channel would send.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelPreview {
    /// The channel's kind.
    kind: String,
    /// The event type whose sample it tells.
    event_type: String,
    /// The media type of the payload, where the channel says one.
    content_type: Option<String>,
    /// What would go out.
    payload: String,
}

impl From<Preview> for ChannelPreview {
    fn from(Preview { kind, event_type, content_type, payload }: Preview) -> Self {
        Self { kind, event_type, content_type, payload }
    }
}

/// How the test of a channel went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelTest {
    /// Whether the service took it.
    ok: bool,
    /// The status and its standard phrase, then the service's own words; or what went wrong.
    detail: String,
    /// How long it took, in milliseconds.
    latency_ms: u64,
    /// The network to allow, where the destination's address was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_network: Option<String>,
}

/// How the test of an event type went at one target.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TargetTest {
    /// The channel; null for a user who cannot be told because there is no e-mail channel.
    channel_id: Option<Uuid>,
    /// Its name; empty where there is none.
    channel_name: String,
    /// `channel`, or `user:ADDRESS`; `user` for a user without an address.
    target: String,
    /// Whether the service took it.
    ok: bool,
    /// The status and its standard phrase, then the service's own words; or what went wrong.
    detail: String,
    /// How long it took, in milliseconds.
    latency_ms: u64,
    /// The network to allow, where the destination's address was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_network: Option<String>,
}

impl From<&core::Kind> for ChannelKind {
    fn from(kind: &core::Kind) -> Self {
        Self {
            kind: kind.kind,
            name: kind.name,
            description: kind.description,
            config_schema: kind.config_schema(),
            accepts_recipient: kind.accepts_recipient,
            delivery: kind.lane.into(),
        }
    }
}

impl From<ChannelView> for Channel {
    fn from(view: ChannelView) -> Self {
        let ChannelView { id, name, kind, config, enabled, delivery, health, created_at, updated_at } = view;
        let health = Health { state: health.state.into(), since: health.since, last_error: health.last_error };
        Self { id: id.0, name, kind, config, enabled, delivery: delivery.into(), health, created_at, updated_at }
    }
}

impl Channel {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl From<core::LaneDefaults> for LaneSettings {
    fn from(lane: core::LaneDefaults) -> Self {
        let core::LaneDefaults { concurrency, rate, burst, digest } = lane;
        // A burst means nothing without a rate.
        let burst = rate.is_some().then_some(burst);
        Self { concurrency: Some(concurrency), rate, burst, digest: Some(digest) }
    }
}

impl From<EngineLane> for LaneSettings {
    fn from(lane: EngineLane) -> Self {
        let EngineLane { concurrency, rate, burst, digest } = lane;
        Self { concurrency, rate, burst, digest }
    }
}

impl From<LaneSettings> for EngineLane {
    fn from(lane: LaneSettings) -> Self {
        let LaneSettings { concurrency, rate, burst, digest } = lane;
        Self { concurrency, rate, burst, digest }
    }
}

impl From<ChannelInput> for NewChannel {
    fn from(input: ChannelInput) -> Self {
        let ChannelInput { name, kind, config, enabled, delivery } = input;
        let delivery = delivery.unwrap_or_default().into();
        Self { name, kind, config: Value::Object(config.0), enabled: enabled.unwrap_or(true), delivery }
    }
}

impl ChannelChange {
    /// What this change, whose document is `body`, means for a channel of this kind.
    pub(crate) fn of(self, body: &Value, kind: &str) -> Result<EnginePatch, Problem> {
        let required = |name: &str| Problem::fault(format!("/{name}"), format!("{name} has no default to reset to"));
        if self.kind.is_some_and(|given| given.as_deref() != Some(kind)) {
            let detail = format!("this channel is of the kind {kind}, which cannot change: make another channel");
            return Err(Problem::fault("/kind", detail));
        }
        let defaults = || json!({"concurrency": null, "rate": null, "burst": null, "digest": null});
        Ok(EnginePatch {
            name: self.name.map(|name| name.ok_or_else(|| required("name"))).transpose()?,
            config: self
                .config
                .map(|config| config.ok_or_else(|| required("config")))
                .transpose()?
                .map(|members| Value::Object(members.0)),
            enabled: self.enabled.map(|enabled| enabled.unwrap_or(true)),
            // As it was sent, since only there a null differs from what is absent.
            delivery: self.delivery.and_then(|delivery| match delivery {
                Some(_) => body.get("delivery").cloned(),
                None => Some(defaults()),
            }),
        })
    }
}

impl From<EngineTest> for ChannelTest {
    fn from(result: EngineTest) -> Self {
        let TargetTest { ok, detail, latency_ms, blocked_network, .. } = result.into();
        Self { ok, detail, latency_ms, blocked_network }
    }
}

impl From<EngineTest> for TargetTest {
    fn from(result: EngineTest) -> Self {
        let EngineTest { channel_id, channel_name, target, ok, detail, latency_ms, blocked_network } = result;
        let blocked_network = blocked_network.map(|network| network.to_string());
        Self { channel_id: channel_id.map(|id| id.0), channel_name, target, ok, detail, latency_ms, blocked_network }
    }
}
