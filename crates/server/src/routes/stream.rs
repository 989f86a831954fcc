//! Deliveries as they change, for those who watch.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use fanfare::{Changed, Engine, Watcher, core::DeliveryId};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::AppState,
    auth::{Allowed, Caller, ToRead},
    dto::delivery::DeliveryItem,
    extract::NoQuery,
    mask::Shown,
    problem::{BadQuery, Denied, Problem, Unavailable},
    reply,
};

/// How long changes are gathered, so that a busy server tells of each delivery a few times a second at the most.
const GATHER: Duration = Duration::from_millis(200);

/// So many deliveries are told one by one; of more it is only told that they are many.
const MOST: usize = 200;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(watch))
}

/// Watch deliveries change, at whatever node.
///
/// Server-sent events. `delivery`: a delivery as the list has it, as it stands now; its id is the event's id. `many`:
/// so many have changed that it is better to read the list again.
#[utoipa::path(
    get, path = "/api/v1/deliveries/stream", tag = "deliveries", security(("token" = ["read"])),
    operation_id = "watch_deliveries",
    responses((status = 200, body = String, content_type = "text/event-stream"), Denied, BadQuery, Unavailable)
)]
async fn watch(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let watcher = app.engine.watch().ok_or_else(|| Problem::unavailable(&"Fanfare is stopping"))?;
    let sse = Sse::new(feed(app, caller, watcher)).keep_alive(KeepAlive::default());
    let mut response = sse.into_response();
    reply::mark(&mut response);
    Ok(response)
}

fn feed(app: AppState, caller: Arc<Caller>, watcher: Watcher) -> impl Stream<Item = Result<Event, Infallible>> {
    // Said at once, so that whoever watches knows from when on.
    let began = stream::once(async { Ok(Event::default().comment("watching")) });
    let changes = stream::unfold((app, caller, watcher), |(app, caller, mut watcher)| async move {
        let events = gathered(&app.engine, &caller, &mut watcher).await?;
        // Whose session or token has ended meanwhile is told nothing more.
        let may_go_on = app.accounts.still_knows(&caller).await;
        may_go_on.then(|| (stream::iter(events.into_iter().map(Ok)), (app, caller, watcher)))
    });
    began.chain(changes.flatten())
}

/// What has changed within the next moment; `None` at the end.
async fn gathered(engine: &Engine, caller: &Caller, watcher: &mut Watcher) -> Option<Vec<Event>> {
    let mut ids = BTreeSet::new();
    let mut many = false;
    let mut next = watcher.next().await;
    let until = Instant::now() + GATHER;
    next.as_ref()?;
    while let Some(changed) = next {
        match changed {
            Changed::These(these) => ids.extend(these),
            Changed::Many => many = true,
        }
        many |= ids.len() > MOST;
        next = timeout_at(until, watcher.next()).await.unwrap_or_default();
    }
    let told = if many { None } else { told(engine, caller, ids.into_iter().map(DeliveryId).collect()).await };
    Some(told.unwrap_or_else(|| vec![Event::default().event("many").data("{}")]))
}

async fn told(engine: &Engine, caller: &Caller, ids: Vec<DeliveryId>) -> Option<Vec<Event>> {
    let deliveries = engine.deliveries_by_id(ids).await.ok()?;
    let event = |delivery| {
        let item = DeliveryItem::from(delivery);
        Event::default().event("delivery").id(item.id().to_string()).json_data(Shown::to(caller, item)).ok()
    };
    deliveries.into_iter().map(event).collect()
}
