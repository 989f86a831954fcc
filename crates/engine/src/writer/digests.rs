//! Digests: what lanes want to be told as one is frozen in the database, before anything of it is sent.

use std::sync::Arc;

use fanfare_core::{ChannelId, EventTypeId, Notification, Recipients, digest};
use fanfare_store::{DigestRow, Freeze, Member, StoreError};
use jiff::Timestamp;
use tracing::Span;

use super::Writer;
use crate::{
    birth::{document, recipients_text},
    configure::time,
    lane::{Frozen, Storm, ToLane},
    send::Leased,
};

impl Writer {
    /// Freezes digests and hands them to their lane. Says whether there are any.
    pub(super) async fn freeze(&self, channel: ChannelId, storms: Vec<Storm>) -> bool {
        // A lane that has ended would leave them lying.
        let Some(lane) = self.lanes.get(&channel) else { return false };
        let mut frozen = Frozen { digests: Vec::with_capacity(storms.len()), is_all: true };
        for storm in storms {
            match self.freeze_one(channel, storm).await {
                Ok(Some((digest, members))) => {
                    let members = members.into_iter().map(|member| member.id).collect();
                    frozen.digests.push((digest, members));
                }
                Ok(None) => frozen.is_all = false,
                Err(error) => {
                    tracing::error!(%error, %channel, "what waits could not be made a digest; it is tried again");
                    frozen.is_all = false;
                }
            }
        }
        let is_any = !frozen.digests.is_empty();
        let _ = lane.tell.send(ToLane::Frozen(frozen));
        is_any
    }

    async fn freeze_one(&self, channel: ChannelId, storm: Storm) -> Result<Option<(Leased, Vec<Member>)>, StoreError> {
        let Storm { event_type, recipients, members, is_own } = storm;
        let known = self.catalog.get(event_type.as_str());
        let name = known.map_or(event_type.as_str(), |known| known.name.as_str());
        let freeze = Freeze {
            channel_id: channel.0,
            event_type: event_type.as_str().to_owned(),
            recipients: recipients_text(&recipients),
            members,
            is_own,
            more_than: self.outside.lanes.digest.more_than,
        };
        let now = self.outside.clock.now().as_millisecond();
        let frozen = self.store.freeze(&freeze, now, |members| words(name, members)).await?;
        frozen.map(|(row, members)| Ok((leased(row)?, members))).transpose()
    }
}

/// What stands for a member that cannot be read. It counts, and the others do not wait behind it.
const UNREADABLE: &str = "A notification that cannot be read";

/// What a digest of these says.
fn words(name: &str, members: &[Member]) -> Result<String, StoreError> {
    let read: Vec<_> = members.iter().map(|m| serde_json::from_str::<Notification>(&m.notification).ok()).collect();
    let nothing = || StoreError::Corrupt { what: "digest", detail: "none of its members can be read".into() };
    let like = read.iter().flatten().next().ok_or_else(nothing)?.clone();
    let stand_in = |member: &Member| {
        tracing::error!(delivery = %member.id, "a member of a digest cannot be read");
        Notification { message: UNREADABLE.into(), time: time(member.created_at), ..like.clone() }
    };
    let said = members.iter().zip(read).map(|(member, said)| said.unwrap_or_else(|| stand_in(member)));
    digest(name, &said.collect::<Vec<_>>()).as_ref().map(document).ok_or_else(nothing)
}

/// A digest as lanes have it.
pub(super) fn leased(row: DigestRow) -> Result<Leased, StoreError> {
    Ok(Leased {
        owner: row.owner.unwrap_or(0),
        id: row.id.into(),
        event_id: row.event_id.into(),
        event_type: EventTypeId::from(row.event_type),
        // Its members may be of several.
        job: None,
        notification: Arc::new(serde_json::from_str(&row.notification).map_err(corrupt)?),
        recipients: match &row.recipients {
            Some(text) => serde_json::from_str(text).map_err(corrupt)?,
            None => Recipients::Configured,
        },
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        expires_at: Timestamp::from_millisecond(row.expires_at).unwrap_or(Timestamp::MAX),
        is_own: row.is_own,
        span: Span::none(),
        since: time(row.since),
        members: Some(u32::try_from(row.members).unwrap_or(0)),
    })
}

fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt { what: "digest", detail: error.to_string() }
}
