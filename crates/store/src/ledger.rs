//! Reading the ledger: events and deliveries, newest first.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, Condition, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use crate::{
    AttemptRow, DeliveryRow, DeliveryState, EventRow, Store, StoreError,
    counters::ACCEPTED,
    ends::first_id_of,
    entity::{attempt, counter, delivery, event},
    tables::clean,
};

/// A stretch of a list: what came before `before`, at most `limit` of it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The id where the page before ended; `None` for the first page.
    pub before: Option<Uuid>,
    /// How many rows at the most.
    pub limit: u64,
}

/// Which deliveries a list shows; every criterion that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Where they stand.
    pub state: Option<DeliveryState>,
    /// Through which channel.
    pub channel_id: Option<Uuid>,
    /// Of which event type.
    pub event_type: Option<String>,
    /// Of which job's runs.
    pub job_id: Option<Uuid>,
    /// Of which event.
    pub event_id: Option<Uuid>,
    /// Tests only, or all but tests.
    pub test: Option<bool>,
    /// Those that say this.
    pub text: Option<TextSearch>,
    /// This one and later ones.
    pub since: Option<Uuid>,
    /// Told in which digest.
    pub digest_id: Option<Uuid>,
}

/// What became of the deliveries that were accepted in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourCount {
    /// How many hours have passed since 1970.
    pub hour: i64,
    /// Delivered.
    pub delivered: i64,
    /// Pending or held.
    pub waiting: i64,
    /// Dead.
    pub failed: i64,
}

/// A text that deliveries are searched for: in their title, their channel's name, and their last failure. Upper and
/// lower case are the same, at least for the letters of ASCII.
#[derive(Clone, Debug)]
pub struct TextSearch {
    /// The text.
    pub text: String,
    /// Whether what concerns users is searched, too: their addresses, and what deliveries to them say. Whoever sees
    /// addresses masked could find them out otherwise, letter by letter.
    pub in_addresses: bool,
}

impl TextSearch {
    fn condition(&self, backend: DbBackend) -> Condition {
        let text = clean(self.text.clone()).replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let says = |column| says(column, &text, backend);
        let said = Condition::any().add(says(delivery::Column::Title)).add(says(delivery::Column::LastDetail));
        let said = match self.in_addresses {
            true => said.add(says(delivery::Column::Target)),
            false => Condition::all().add(delivery::Column::Target.eq("channel")).add(said),
        };
        Condition::any().add(says(delivery::Column::ChannelName)).add(said)
    }
}

/// Whether a column says a text, which is written with `!` before what a pattern means otherwise.
fn says(column: delivery::Column, text: &str, backend: DbBackend) -> Expr {
    use sea_orm::sea_query::{ExprTrait, Func, LikeExpr};
    let pattern = |text: &str| LikeExpr::new(format!("%{text}%")).escape('!');
    let column = Expr::col((delivery::Entity, column));
    // To SQLite's LIKE, upper and lower case are the same.
    match backend {
        DbBackend::Postgres => Func::lower(column).like(pattern(&text.to_lowercase())),
        _ => column.like(pattern(text)),
    }
}

impl Store {
    /// Events, newest first; of one job's runs where one is named.
    pub async fn events(&self, job_id: Option<Uuid>, page: Page) -> Result<Vec<EventRow>, StoreError> {
        let mut query = event::Entity::find().order_by_desc(event::Column::Id).limit(page.limit);
        if let Some(job_id) = job_id {
            query = query.filter(event::Column::JobId.eq(job_id));
        }
        if let Some(before) = page.before {
            query = query.filter(event::Column::Id.lt(before));
        }
        Ok(query.all(&self.reader).await?)
    }

    /// One event.
    pub async fn event(&self, id: Uuid) -> Result<Option<EventRow>, StoreError> {
        Ok(event::Entity::find_by_id(id).one(&self.reader).await?)
    }

    /// Deliveries, newest first.
    pub async fn deliveries(&self, filter: &DeliveryFilter, page: Page) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut query = delivery::Entity::find().order_by_desc(delivery::Column::Id).limit(page.limit);
        if let Some(before) = page.before {
            query = query.filter(delivery::Column::Id.lt(before));
        }
        if let Some(state) = filter.state {
            // Written out, because a partial index serves no bound value.
            query = query.filter(Expr::cust(format!("state = {}", state.number())));
        }
        if let Some(channel_id) = filter.channel_id {
            query = query.filter(delivery::Column::ChannelId.eq(channel_id));
        }
        if let Some(event_type) = &filter.event_type {
            query = query.filter(delivery::Column::EventType.eq(event_type.as_str()));
        }
        if let Some(job_id) = filter.job_id {
            query = query.filter(delivery::Column::JobId.eq(job_id));
        }
        if let Some(event_id) = filter.event_id {
            query = query.filter(delivery::Column::EventId.eq(event_id));
        }
        if let Some(test) = filter.test {
            query = query.filter(delivery::Column::Test.eq(test));
        }
        if let Some(since) = filter.since {
            query = query.filter(delivery::Column::Id.gte(since));
        }
        if let Some(text) = &filter.text {
            query = query.filter(text.condition(self.backend()));
        }
        if let Some(digest_id) = filter.digest_id {
            query = query.filter(delivery::Column::DigestId.eq(digest_id));
            query = query.filter(delivery::Column::DigestCount.is_not_null());
        }
        Ok(query.all(&self.reader).await?)
    }

    /// The delivery that lies this far behind the beginning of a stretch, if the ledger goes back so far: where a search
    /// ends that is not to look through all of it.
    pub async fn delivery_behind(&self, page: Page, far: u64) -> Result<Option<Uuid>, StoreError> {
        let ids = delivery::Entity::find().select_only().column(delivery::Column::Id);
        let mut query = ids.order_by_desc(delivery::Column::Id).offset(far.saturating_sub(1)).limit(1);
        if let Some(before) = page.before {
            query = query.filter(delivery::Column::Id.lt(before));
        }
        Ok(query.into_tuple().one(&self.reader).await?)
    }

    /// How many deliveries of each channel are pending, and how many are held; channels without any are left out.
    pub async fn backlogs(&self) -> Result<Vec<(Uuid, DeliveryState, i64)>, StoreError> {
        let counted = |state: DeliveryState| {
            let query = delivery::Entity::find().select_only().column(delivery::Column::ChannelId);
            let query = query.column_as(Expr::cust("COUNT(*)"), "deliveries");
            // Written out, because a partial index serves no bound value.
            query.filter(Expr::cust(format!("state = {}", state.number())))
        };
        // By owner as well, as the index of what is due begins with it; otherwise the whole ledger would be read.
        let pending = counted(DeliveryState::Pending).group_by(delivery::Column::Owner);
        let pending = pending.group_by(delivery::Column::ChannelId);
        let pending: Vec<(Uuid, i64)> = pending.into_tuple().all(&self.reader).await?;
        let held = counted(DeliveryState::Held).group_by(delivery::Column::ChannelId);
        let held: Vec<(Uuid, i64)> = held.into_tuple().all(&self.reader).await?;
        let pending = pending.into_iter().map(|(channel, count)| ((channel, DeliveryState::Pending), count));
        let held = held.into_iter().map(|(channel, count)| ((channel, DeliveryState::Held), count));
        let mut backlogs = HashMap::<_, i64>::new();
        for (place, count) in pending.chain(held) {
            *backlogs.entry(place).or_default() += count;
        }
        Ok(backlogs.into_iter().map(|((channel, state), count)| (channel, state, count)).collect())
    }

    /// How many deliveries were accepted in each hour since then, and where they stand now: delivered, pending or held,
    /// dead. Tests do not count. An hour is named by how many of them have passed since 1970.
    pub async fn hours(&self, since: i64) -> Result<Vec<HourCount>, StoreError> {
        let stands = |states: &str| Expr::cust(format!("SUM(CASE WHEN state IN ({states}) THEN 1 ELSE 0 END)"));
        let [delivered, pending, held, dead] =
            [DeliveryState::Delivered, DeliveryState::Pending, DeliveryState::Held, DeliveryState::Dead]
                .map(DeliveryState::number);
        let query = delivery::Entity::find()
            .select_only()
            .column_as(Expr::cust("created_at / 3600000"), "hour")
            .column_as(stands(&delivered.to_string()), "delivered")
            .column_as(stands(&format!("{pending}, {held}")), "waiting")
            .column_as(stands(&dead.to_string()), "failed")
            // Ids begin with their time, so the primary key finds the stretch.
            .filter(delivery::Column::Id.gte(first_id_of(since)))
            .filter(delivery::Column::Test.eq(false))
            .group_by(Expr::cust("created_at / 3600000"));
        let hours: Vec<(i64, i64, i64, i64)> = query.into_tuple().all(&self.reader).await?;
        let hour = |(hour, delivered, waiting, failed)| HourCount { hour, delivered, waiting, failed };
        Ok(hours.into_iter().map(hour).collect())
    }

    /// All deliveries of these events, oldest first.
    pub async fn deliveries_of(&self, events: Vec<Uuid>) -> Result<Vec<DeliveryRow>, StoreError> {
        let query = delivery::Entity::find().filter(delivery::Column::EventId.is_in(events));
        Ok(query.order_by_asc(delivery::Column::Id).all(&self.reader).await?)
    }

    /// One delivery.
    pub async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryRow>, StoreError> {
        Ok(delivery::Entity::find_by_id(id).one(&self.reader).await?)
    }

    /// The failed attempts of a delivery, oldest first.
    pub async fn failed_attempts(&self, delivery_id: Uuid) -> Result<Vec<AttemptRow>, StoreError> {
        let query = attempt::Entity::find().filter(attempt::Column::DeliveryId.eq(delivery_id));
        Ok(query.order_by_asc(attempt::Column::Id).all(&self.reader).await?)
    }

    /// These deliveries, oldest first.
    pub async fn deliveries_by_id(&self, ids: Vec<Uuid>) -> Result<Vec<DeliveryRow>, StoreError> {
        let query = delivery::Entity::find().filter(delivery::Column::Id.is_in(ids));
        Ok(query.order_by_asc(delivery::Column::Id).all(&self.reader).await?)
    }

    /// How many deliveries were accepted, and how many stand in each state. Tests do not count.
    /// At every moment the states add up to what was accepted.
    pub async fn counters(&self) -> Result<(i64, BTreeMap<&'static str, i64>), StoreError> {
        let rows = counter::Entity::find().all(&self.reader).await?;
        let sum = |state: i16| rows.iter().filter(|row| row.state == state).map(|row| row.value).sum();
        let states = DeliveryState::ALL.into_iter().map(|state| (state.as_str(), sum(state.number())));
        Ok((sum(ACCEPTED), states.collect()))
    }
}
