//! `fanfare channels|jobs create|update|delete`

use serde_json::{Map, Value, json};

use super::{
    Session,
    answers::{Channel, Kind},
    channels, jobs,
    pairs::Pairs,
};
use crate::{
    args::{ChannelCreate, ChannelDelete, ChannelUpdate, JobCreate, JobUpdate, Lane, OrDefault, Tells},
    failure::Failure,
    output::clean,
};

pub(super) async fn create_channel(args: ChannelCreate, session: &Session) -> Result<(), Failure> {
    let pairs = Pairs::parse_list(&args.members)?.with_files()?;
    let config = pairs.config(&schema(&args.kind, session).await?)?;
    let mut body = json!({ "name": args.name, "kind": args.kind, "config": config, "enabled": !args.disabled });
    put(&mut body, "delivery", lane(args.lane));
    let answer = session.client.post(&["channels"], Some(&body)).await?;
    session.show(&answer, channels::one)
}

pub(super) async fn update_channel(args: ChannelUpdate, session: &Session) -> Result<(), Failure> {
    let pairs = Pairs::parse_list(&args.members)?.with_files()?;
    let id = session.channel(&args.channel).await?;
    let mut body = json!({});
    if !args.members.is_empty() {
        let present: Channel = session.client.get(&["channels", &id], &[]).await?.read()?;
        body["config"] = pairs.config(&schema(&present.kind, session).await?)?.into();
    }
    put(&mut body, "delivery", lane(args.lane));
    put(&mut body, "name", args.name.map(Value::from));
    change_channel(&id, &body, session).await
}

pub(super) async fn enable(name: &str, enabled: bool, session: &Session) -> Result<(), Failure> {
    let id = session.channel(name).await?;
    change_channel(&id, &json!({ "enabled": enabled }), session).await
}

pub(super) async fn delete_channel(args: ChannelDelete, session: &Session) -> Result<(), Failure> {
    let id = session.channel(&args.channel).await?;
    session.client.delete(&["channels", &id], &[("force", args.force.then(|| "true".to_owned()))]).await?;
    session.done(&format!("The channel {} is deleted.", clean(&args.channel)))
}

pub(super) async fn create_job(args: JobCreate, session: &Session) -> Result<(), Failure> {
    let mut body = json!({ "name": args.name });
    put(&mut body, "notifications", notifications(args.tells, session).await?);
    put(&mut body, "expect_every_s", args.expected.every.map(|time| json!(time.0)));
    put(&mut body, "grace_s", args.expected.grace.map(|time| json!(time.0)));
    let answer = session.client.post(&["jobs"], Some(&body)).await?;
    jobs::show_answer(&answer, session).await
}

pub(super) async fn update_job(args: JobUpdate, session: &Session) -> Result<(), Failure> {
    let id = session.job(&args.job).await?;
    let mut body = json!({});
    put(&mut body, "name", args.name.map(Value::from));
    let told = notifications(args.tells, session).await?;
    put(&mut body, "notifications", if args.nobody { Some(json!([])) } else { told });
    put(&mut body, "expect_every_s", args.expected.every.map(|time| json!(time.0)));
    put(&mut body, "grace_s", args.expected.grace.map(|time| json!(time.0)));
    let answer = session.client.patch(&["jobs", &id], something(&body, "job")?).await?;
    jobs::show_answer(&answer, session).await
}

pub(super) async fn delete_job(name: &str, session: &Session) -> Result<(), Failure> {
    let id = session.job(name).await?;
    session.client.delete(&["jobs", &id], &[]).await?;
    session.done(&format!("The job {} is deleted.", clean(name)))
}

async fn change_channel(id: &str, body: &Value, session: &Session) -> Result<(), Failure> {
    let answer = session.client.patch(&["channels", id], something(body, "channel")?).await?;
    session.show(&answer, channels::one)
}

/// Refuses a change that changes nothing: something was forgotten.
fn something<'a>(body: &'a Value, what: &str) -> Result<&'a Value, Failure> {
    match body.as_object().is_some_and(Map::is_empty) {
        true => Err(Failure::WrongUse(format!("nothing is to change in the {what}: see --help"))),
        false => Ok(body),
    }
}

/// How the kind's configuration is declared. An unknown kind is left to the server, which names all that there are.
async fn schema(kind: &str, session: &Session) -> Result<Value, Failure> {
    let kinds: Vec<Kind> = session.client.get(&["channel-kinds"], &[]).await?.read()?;
    Ok(kinds.into_iter().find(|known| known.kind == kind).map(|known| known.config_schema).unwrap_or_default())
}

/// Who hears of a job's runs; nothing where that was not said.
async fn notifications(tells: Tells, session: &Session) -> Result<Option<Value>, Failure> {
    let mut list = Vec::new();
    let conditions = [("always", tells.always), ("on_success", tells.on_success), ("on_failure", tells.on_failure)];
    for (condition, names) in conditions {
        for name in names {
            list.push(json!({ "channel_id": session.channel(&name).await?, "condition": condition }));
        }
    }
    Ok((!list.is_empty()).then(|| list.into()))
}

/// How deliveries leave; nothing where that was not said.
fn lane(lane: Lane) -> Option<Value> {
    fn member<T: Into<Value>>(value: Option<OrDefault<T>>) -> Option<Value> {
        value.map(|value| match value {
            OrDefault::Value(value) => value.into(),
            OrDefault::Default => Value::Null,
        })
    }
    let Lane { concurrency, rate, burst, digest } = lane;
    let members = [
        ("concurrency", member(concurrency)),
        ("rate", member(rate)),
        ("burst", member(burst)),
        ("digest", member(digest)),
    ];
    let given: Map<_, _> = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    (!given.is_empty()).then(|| given.into())
}

fn put(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_sent() {
        assert_eq!(lane(Lane::default()), None);
        let some = Lane { rate: Some(OrDefault::Value(0.5)), digest: Some(OrDefault::Default), ..Lane::default() };
        assert_eq!(lane(some), Some(json!({ "rate": 0.5, "digest": null })));
        assert_eq!(something(&json!({}), "job").unwrap_err().code(), 2);
    }
}
