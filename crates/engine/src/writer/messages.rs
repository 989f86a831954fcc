//! What the writer is asked.

use std::time::Duration;

use fanfare_core::ChannelId;
use fanfare_store::{AttemptRow, ChannelRow, JobRow, LaneRow, NewEvent, Record, StoreError, Watch};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    AcceptError, Accepted, Idempotency, conditions::Draft, lane::Storm, node::News, send::Done, whole::Changes,
};

pub(super) type Answer<T> = oneshot::Sender<T>;

/// What the sender of an event is told.
pub(super) type Verdict = Result<Accepted, AcceptError>;

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Write {
    /// Store an event and hand out its deliveries.
    Accept(Box<Acceptance>),
    /// Store how an attempt ended.
    Record(Done),
    /// Take what is due for a channel out of the database.
    Claim(ChannelId),
    /// Make digests of what waits for a channel.
    Freeze(ChannelId, Vec<Storm>),
    /// Keep what a lane must know after the next start.
    Remember(LaneRow),
    /// A test of a channel has got through.
    Proved(ChannelId),
    /// Store an event whose deliveries were made already.
    Tested(Box<NewEvent>, Vec<AttemptRow>, Answer<Result<(), StoreError>>),
    /// Change the configuration, and write down in the same transaction that it was changed.
    Change(Change, Option<Record>, Answer<Result<(), StoreError>>),
    /// End what time ends, a slice of it; answers whether there may be more.
    End(Answer<Result<bool, StoreError>>),
    /// Try deliveries of a channel again at once; answers how many could be.
    Retry(Vec<Uuid>, ChannelId, Answer<Result<u64, StoreError>>),
    /// Change what is expected of a job, unless it is no longer the first of these; answers whether it was.
    Watch(Uuid, Watch, Watch, Answer<Result<bool, StoreError>>),
    /// Something happened at another node.
    News(News),
    /// The clock was set.
    Leap,
    /// Say whether something can be written.
    Ready(Answer<Result<(), StoreError>>),
    /// Finish what is under way, for as long as this at the most, and end.
    Stop(Duration, Answer<()>),
}

/// An event that is ready to be written, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) draft: Draft,
    pub(crate) key: Option<Idempotency>,
    pub(crate) answer: Answer<Verdict>,
}

/// A change of the configuration that has been checked.
#[derive(Debug)]
pub(crate) enum Change {
    PutChannel(ChannelRow),
    DeleteChannel {
        id: ChannelId,
        settings: Option<serde_json::Value>,
        jobs: Vec<JobRow>,
    },
    PutJob(JobRow),
    /// A run of a job began at this time, in milliseconds since 1970.
    StartRun(Uuid, i64),
    DeleteJob(Uuid),
    PutSettings(serde_json::Value),
    PutOutbound(serde_json::Value),
    Import(Changes),
}

/// Whether it may change deliveries without saying which.
pub(super) fn changes_many(write: &Write) -> bool {
    match write {
        Write::Tested(..) | Write::Retry(..) => true,
        Write::Change(change, ..) => {
            matches!(change, Change::PutChannel(..) | Change::DeleteChannel { .. } | Change::Import(..))
        }
        _ => false,
    }
}
