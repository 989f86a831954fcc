//! Who hears of an event, and why; and who does not, and why not.

use serde::{Deserialize, Serialize};

use crate::{
    Assignment, ChannelId, EventType, NotificationSettings, NotifyUser, Recipients, RunCondition, bare_address,
    catalog::Layer, is_same_mailbox,
};

/// What routing needs to know of a channel.
#[derive(Clone, Debug)]
pub struct ChannelInfo {
    /// Its identity.
    pub id: ChannelId,
    /// Its name, copied into what is recorded.
    pub name: String,
    /// Its kind, copied into what is recorded.
    pub kind: String,
    /// Whether it may send. What is meant for a disabled channel is held.
    pub enabled: bool,
    /// The addresses it writes to, for kinds that can write to one address alone; otherwise `None`.
    pub recipients: Option<Vec<String>>,
}

/// Where routing looks up channels.
pub trait Channels {
    /// The channel of this id, or `None` where it is gone.
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo>;
}

/// Everything that decides who hears of an event.
#[derive(Debug)]
pub struct Facts<'a, C> {
    /// The event's type.
    pub event_type: &'a EventType,
    /// The system layer's settings.
    pub settings: &'a NotificationSettings,
    /// The channels that exist.
    pub channels: &'a C,
    /// The assignments of the event's job; empty for an event of the system layer.
    pub assignments: &'a [Assignment],
    /// The address of the user whom the event is about, as given.
    pub user_address: Option<&'a str>,
}

/// The result of routing. Every target and every skip has exactly one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Who is told, in the order of the channels; the user last.
    pub targets: Vec<Target>,
    /// Who is not, and why.
    pub skips: Vec<Skip>,
}

/// A channel as configured, or one user's address through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The channel that tells.
    pub channel_id: ChannelId,
    /// Its name at that moment.
    pub channel_name: String,
    /// Its kind.
    pub kind: String,
    /// Who of its recipients is meant.
    pub recipients: Recipients,
    /// Why.
    pub reason: TargetReason,
    /// Whether the channel is disabled, so that the delivery waits until it is enabled.
    pub held: bool,
}

impl Target {
    /// The target in words: `channel`, or `user:ADDRESS`.
    pub fn label(&self) -> String {
        match &self.recipients {
            Recipients::Only(address) => format!("user:{address}"),
            Recipients::Configured | Recipients::Except(_) => "channel".into(),
        }
    }

    /// Who is told, as it is remembered while a condition lasts: a channel whoever of its recipients is left out, a
    /// user through whichever channel.
    pub fn key(&self) -> String {
        match &self.recipients {
            Recipients::Only(address) => format!("user:{}", address.to_lowercase()),
            Recipients::Configured | Recipients::Except(_) => format!("channel:{}", self.channel_id),
        }
    }
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetReason {
    /// The channel is a global one.
    Global,
    /// The event type has channels of its own, and this is one.
    Override,
    /// The job has an assignment whose condition is met.
    Assignment,
    /// The event is about this user.
    NotifyUser,
    /// Only the user was to be told, and cannot be.
    UserFallback,
}

impl TargetReason {
    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Override => "override",
            Self::Assignment => "assignment",
            Self::NotifyUser => "notify_user",
            Self::UserFallback => "user_fallback",
        }
    }
}

/// Somebody who is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Why not.
    pub reason: SkipReason,
    /// The channel that is left out; absent where the reason concerns the event as a whole, or the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// The same in a sentence.
    pub detail: String,
}

/// Why somebody is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The event type is off.
    EventDisabled,
    /// There are no channels to tell.
    NoChannels,
    /// The event type has a list of its own, and it is empty.
    Muted,
    /// The run does not meet the assignment's condition.
    ConditionNotMet,
    /// Only the user is told.
    UserOnly,
    /// The user cannot be written to.
    UserUnreachable,
    /// The user is told directly and so left out of the channel's recipients.
    RecipientMerged,
    /// The condition lasts, and the next reminder is not due.
    RepeatNotDue,
    /// Nobody there was told of the condition that is over.
    NotTold,
}

/// Decides who hears of an event. Pure and total: the same facts give the same plan.
pub fn plan<C: Channels>(facts: &Facts<'_, C>) -> Plan {
    match facts.event_type.layer {
        Layer::Job => plan_job(facts),
        Layer::System => plan_system(facts),
    }
}

fn plan_job<C: Channels>(facts: &Facts<'_, C>) -> Plan {
    let mut plan = Plan::default();
    let mut seen: Vec<ChannelId> = Vec::new();
    for assignment in facts.assignments {
        let Some(channel) = facts.channels.get(assignment.channel_id) else { continue };
        if seen.contains(&channel.id) {
            continue;
        }
        seen.push(channel.id);
        let event_type = facts.event_type.id.as_str();
        let all = facts.assignments.iter().filter(|other| other.channel_id == channel.id);
        if all.clone().any(|assignment| assignment.condition.is_met_by(event_type)) {
            plan.targets.push(target(channel, Recipients::Configured, TargetReason::Assignment));
        } else {
            let conditions = all.map(|assignment| words(assignment.condition)).collect::<Vec<_>>().join(" and ");
            let detail = format!("{} hears of this job's runs {conditions} only", channel.name);
            plan.skips.push(Skip { reason: SkipReason::ConditionNotMet, channel_id: Some(channel.id), detail });
        }
    }
    if seen.is_empty() {
        plan.skips.push(no_channels("the job has no notifications"));
    }
    plan
}

fn words(condition: RunCondition) -> &'static str {
    match condition {
        RunCondition::Always => "always",
        RunCondition::OnSuccess => "on success",
        RunCondition::OnFailure => "on failure",
    }
}

fn plan_system<C: Channels>(facts: &Facts<'_, C>) -> Plan {
    let event_type = facts.event_type;
    let own = facts.settings.of(event_type);
    if !facts.settings.is_enabled(event_type) {
        let detail = format!("{} is switched off", event_type.name);
        return nobody(Skip { reason: SkipReason::EventDisabled, channel_id: None, detail });
    }
    let is_own = own.is_some_and(|settings| settings.channels.is_some());
    let channels = existing(facts.settings.channels_of(event_type), facts.channels);
    if channels.is_empty() {
        return nobody(if is_own {
            let detail = format!("{} has a channel list of its own, and it is empty", event_type.name);
            Skip { reason: SkipReason::Muted, channel_id: None, detail }
        } else {
            no_channels("no global channels are selected")
        });
    }
    let reason = if is_own { TargetReason::Override } else { TargetReason::Global };
    let mode = match (own, &event_type.notify_user) {
        (Some(settings), Some(_)) => settings.notify_user,
        _ => NotifyUser::None,
    };
    let all = |reason| Plan {
        targets: channels.iter().map(|channel| target(channel, Recipients::Configured, reason)).collect(),
        skips: Vec::new(),
    };
    match (mode, user_way(facts.user_address, &channels)) {
        (NotifyUser::None, _) => all(reason),
        (NotifyUser::Only, Err(_)) => all(TargetReason::UserFallback),
        (NotifyUser::Also, Err(detail)) => {
            let mut plan = all(reason);
            plan.skips.push(Skip { reason: SkipReason::UserUnreachable, channel_id: None, detail: detail.into() });
            plan
        }
        (NotifyUser::Only, Ok((mail, address))) => Plan {
            targets: vec![target(mail, Recipients::Only(address.into()), TargetReason::NotifyUser)],
            skips: channels
                .iter()
                .map(|channel| Skip {
                    reason: SkipReason::UserOnly,
                    channel_id: Some(channel.id),
                    detail: format!("only the user is told, not {}", channel.name),
                })
                .collect(),
        },
        (NotifyUser::Also, Ok((mail, address))) => plan_also(&channels, reason, mail, address),
    }
}

/// The channels and the user; the user's address is left out wherever a channel would write to it anyway.
fn plan_also(channels: &[&ChannelInfo], reason: TargetReason, mail: &ChannelInfo, address: &str) -> Plan {
    let mut plan = Plan::default();
    for channel in channels {
        let recipients = channel.recipients.as_deref().unwrap_or_default();
        let others = recipients.iter().filter(|recipient| !is_same_mailbox(recipient, address)).count();
        if others == recipients.len() {
            plan.targets.push(target(channel, Recipients::Configured, reason));
            continue;
        }
        let detail = if others == 0 {
            format!("the user is told directly and is {}'s only recipient", channel.name)
        } else {
            plan.targets.push(target(channel, Recipients::Except(address.into()), reason));
            format!("the user is told directly and left out of {}'s recipients", channel.name)
        };
        plan.skips.push(Skip { reason: SkipReason::RecipientMerged, channel_id: Some(channel.id), detail });
    }
    plan.targets.push(target(mail, Recipients::Only(address.into()), TargetReason::NotifyUser));
    plan
}

/// The channels of a list that exist, each once, in the list's order.
fn existing<'a>(list: &[ChannelId], channels: &'a impl Channels) -> Vec<&'a ChannelInfo> {
    let mut found: Vec<&ChannelInfo> = Vec::with_capacity(list.len());
    for channel in list.iter().filter_map(|&id| channels.get(id)) {
        if found.iter().all(|other| other.id != channel.id) {
            found.push(channel);
        }
    }
    found
}

/// How the user can be told: the first enabled e-mail channel and the bare address; or why not.
fn user_way<'a>(
    address: Option<&'a str>,
    channels: &[&'a ChannelInfo],
) -> Result<(&'a ChannelInfo, &'a str), &'static str> {
    let address = address.filter(|address| !address.trim().is_empty()).ok_or("the user has no e-mail address")?;
    let address = bare_address(address).ok_or("the user's e-mail address is not a valid one")?;
    let mail = channels.iter().find(|channel| channel.enabled && channel.recipients.is_some());
    mail.map(|mail| (*mail, address)).ok_or("no enabled e-mail channel is among the channels")
}

fn target(channel: &ChannelInfo, recipients: Recipients, reason: TargetReason) -> Target {
    Target {
        channel_id: channel.id,
        channel_name: channel.name.clone(),
        kind: channel.kind.clone(),
        recipients,
        reason,
        held: !channel.enabled,
    }
}

fn no_channels(detail: &str) -> Skip {
    Skip { reason: SkipReason::NoChannels, channel_id: None, detail: detail.into() }
}

fn nobody(skip: Skip) -> Plan {
    Plan { targets: Vec::new(), skips: vec![skip] }
}
