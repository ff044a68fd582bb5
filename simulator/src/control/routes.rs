//! The paths of the control channel.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::{Extension, Json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{self, Token};
use super::api;
use super::describe::{Description, complete};
use super::failure::{failure, in_words};
use super::panel::{Panel, Refusal};
use crate::faults::{Plan, Report};
use crate::module::SnapshotError;

type Answer<T> = Result<Json<T>, (StatusCode, Json<api::Failure>)>;

/// Every path, behind the check of who asks.
pub(super) fn router(panel: Arc<Panel>, token: Token) -> axum::Router {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(describe))
        .routes(routes!(status))
        .routes(routes!(module))
        .routes(routes!(clear))
        .routes(routes!(fail))
        .routes(routes!(retry))
        .routes(routes!(power_cycle))
        .routes(routes!(add))
        .routes(routes!(unplug))
        .routes(routes!(plug_in))
        .routes(routes!(switch))
        .routes(routes!(snapshot, restore))
        .routes(routes!(faults, play_faults, clear_faults))
        .routes(routes!(clock, set_clock))
        .routes(routes!(cards, create_card))
        .routes(routes!(insert_card, remove_card))
        .split_for_parts();
    complete(&mut description);
    router
        .fallback(|| std::future::ready(failure(StatusCode::NOT_FOUND, "there is no such path")))
        .layer(Extension(Arc::new(description)))
        .layer(map_response(in_words))
        .layer(from_fn_with_state(token, access::check))
        .with_state(panel)
}

/// Cards and state are in files, so that everything is done where waiting is allowed.
async fn on<T: Send + 'static>(
    panel: Arc<Panel>,
    act: impl FnOnce(&Panel) -> Result<T, Refusal> + Send + 'static,
) -> Answer<T> {
    match tokio::task::spawn_blocking(move || act(&panel)).await {
        Ok(Ok(done)) => Ok(Json(done)),
        Ok(Err(refusal)) => Err(failure(code(&refusal), &refusal.to_string())),
        Err(_) => Err(failure(StatusCode::INTERNAL_SERVER_ERROR, "it panicked")),
    }
}

fn code(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoModule(_) | Refusal::NoReader { .. } | Refusal::NoCard(_) => {
            StatusCode::NOT_FOUND
        }
        Refusal::BadName(_)
        | Refusal::Plan(_)
        | Refusal::Clock(_)
        | Refusal::Snapshot(
            SnapshotError::Foreign
            | SnapshotError::Record(_)
            | SnapshotError::State(_)
            | SnapshotError::Empty,
        ) => StatusCode::BAD_REQUEST,
        Refusal::CardExists(_)
        | Refusal::CardInUse { .. }
        | Refusal::SlotFull { .. }
        | Refusal::SlotEmpty { .. }
        | Refusal::SameUnit { .. }
        | Refusal::NotAdded(_)
        | Refusal::Imported { .. }
        | Refusal::Failed(_)
        | Refusal::Unplugged(_)
        | Refusal::NotFailed(_)
        | Refusal::PluggedIn(_)
        | Refusal::Module { .. } => StatusCode::CONFLICT,
        Refusal::Folder { .. }
        | Refusal::ClockNotSaved(_)
        | Refusal::Snapshot(SnapshotError::Store(_)) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = serde_json::Value)))]
async fn describe(Extension(description): Extension<Arc<Document>>) -> Json<Document> {
    Json(Document::clone(&description))
}

/// Everything at a glance.
#[utoipa::path(get, path = "/status", responses((status = 200, body = api::Status)))]
async fn status(State(panel): State<Arc<Panel>>) -> Answer<api::Status> {
    on(panel, |panel| Ok(panel.status())).await
}

/// One module.
#[utoipa::path(get, path = "/modules/{module}", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module)))]
async fn module(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| panel.module(number)).await
}

/// Resets a module, as ClearUnit does.
#[utoipa::path(post, path = "/modules/{module}/clear", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn clear(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.clear(number)?;
        panel.module(number)
    })
    .await
}

/// Lets a module fail.
#[utoipa::path(post, path = "/modules/{module}/fail", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn fail(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.fail(number)?;
        panel.module(number)
    })
    .await
}

/// Brings a failed module back.
#[utoipa::path(post, path = "/modules/{module}/retry", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn retry(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.retry(number)?;
        panel.module(number)
    })
    .await
}

/// Switches a module off and on.
#[utoipa::path(post, path = "/modules/{module}/power-cycle", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn power_cycle(
    State(panel): State<Arc<Panel>>,
    Path(number): Path<u32>,
) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.power_cycle(number)?;
        panel.module(number)
    })
    .await
}

/// Plugs in one more module, new from the factory unless the state folder knows it.
#[utoipa::path(post, path = "/modules",
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn add(State(panel): State<Arc<Panel>>) -> Answer<api::Module> {
    on(panel, Panel::add).await
}

/// Unplugs a module: what is in work there ends in HardwareFailed.
#[utoipa::path(post, path = "/modules/{module}/unplug", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn unplug(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.unplug(number)?;
        panel.module(number)
    })
    .await
}

/// Plugs an unplugged module in again.
#[utoipa::path(post, path = "/modules/{module}/plug-in", params(("module" = u32, Path)),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn plug_in(State(panel): State<Arc<Panel>>, Path(number): Path<u32>) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.plug_in(number)?;
        panel.module(number)
    })
    .await
}

/// The unit as it is: everything that survives a power cut.
#[utoipa::path(get, path = "/modules/{module}/snapshot", params(("module" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 409, body = api::Failure)))]
async fn snapshot(
    State(panel): State<Arc<Panel>>,
    Path(number): Path<u32>,
) -> Result<Vec<u8>, (StatusCode, Json<api::Failure>)> {
    let Json(bytes) = on(panel, move |panel| panel.snapshot(number)).await?;
    Ok(bytes)
}

/// Makes the unit what a snapshot says, and switches it off and on.
#[utoipa::path(put, path = "/modules/{module}/snapshot", params(("module" = u32, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn restore(
    State(panel): State<Arc<Panel>>,
    Path(number): Path<u32>,
    bytes: Bytes,
) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.restore(number, &bytes)?;
        panel.module(number)
    })
    .await
}

/// Moves the mode switch; the next reset enters the mode.
#[utoipa::path(put, path = "/modules/{module}/switch", params(("module" = u32, Path)),
    request_body = api::NewPosition,
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn switch(
    State(panel): State<Arc<Panel>>,
    Path(number): Path<u32>,
    Json(new): Json<api::NewPosition>,
) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.set_switch(number, new)?;
        panel.module(number)
    })
    .await
}

/// How the fault plan goes.
#[utoipa::path(get, path = "/faults", responses((status = 200, body = Report)))]
async fn faults(State(panel): State<Arc<Panel>>) -> Answer<Report> {
    on(panel, |panel| Ok(panel.faults())).await
}

/// Begins to play a fault plan; the one before it ends.
#[utoipa::path(put, path = "/faults", request_body = Plan,
    responses((status = 200, body = Report)))]
async fn play_faults(State(panel): State<Arc<Panel>>, Json(plan): Json<Plan>) -> Answer<Report> {
    on(panel, move |panel| panel.play(plan)).await
}

/// Ends the fault plan; how it went.
#[utoipa::path(delete, path = "/faults", responses((status = 200, body = Report)))]
async fn clear_faults(State(panel): State<Arc<Panel>>) -> Answer<Report> {
    on(panel, |panel| Ok(panel.clear_faults())).await
}

/// The clock.
#[utoipa::path(get, path = "/clock", responses((status = 200, body = api::Clock)))]
async fn clock(State(panel): State<Arc<Panel>>) -> Answer<api::Clock> {
    on(panel, |panel| Ok(panel.clock())).await
}

/// Puts the clock ahead of the machine's, or behind it.
#[utoipa::path(put, path = "/clock", request_body = api::Clock,
    responses((status = 200, body = api::Clock)))]
async fn set_clock(
    State(panel): State<Arc<Panel>>,
    Json(clock): Json<api::Clock>,
) -> Answer<api::Clock> {
    on(panel, move |panel| panel.set_clock(clock.ahead)).await
}

/// The cards of the folder.
#[utoipa::path(get, path = "/cards", responses((status = 200, body = Vec<api::Card>)))]
async fn cards(State(panel): State<Arc<Panel>>) -> Answer<Vec<api::Card>> {
    on(panel, Panel::cards).await
}

/// Makes a blank card.
#[utoipa::path(post, path = "/cards", request_body = api::CardName,
    responses((status = 200, body = Vec<api::Card>), (status = 409, body = api::Failure)))]
async fn create_card(
    State(panel): State<Arc<Panel>>,
    Json(card): Json<api::CardName>,
) -> Answer<Vec<api::Card>> {
    on(panel, move |panel| {
        panel.create(&card.name)?;
        panel.cards()
    })
    .await
}

/// Puts a card of the folder into a reader.
#[utoipa::path(put, path = "/modules/{module}/slots/{slot}/card",
    params(("module" = u32, Path), ("slot" = u32, Path)), request_body = api::CardName,
    responses((status = 200, body = api::Module), (status = 409, body = api::Failure)))]
async fn insert_card(
    State(panel): State<Arc<Panel>>,
    Path((module, slot)): Path<(u32, u32)>,
    Json(card): Json<api::CardName>,
) -> Answer<api::Module> {
    on(panel, move |panel| {
        panel.insert(api::Place { module, slot }, &card.name)?;
        panel.module(module)
    })
    .await
}

/// Takes the card out of a reader.
#[utoipa::path(delete, path = "/modules/{module}/slots/{slot}/card",
    params(("module" = u32, Path), ("slot" = u32, Path)),
    responses((status = 200, body = Option<String>), (status = 409, body = api::Failure)))]
async fn remove_card(
    State(panel): State<Arc<Panel>>,
    Path((module, slot)): Path<(u32, u32)>,
) -> Answer<Option<String>> {
    on(panel, move |panel| {
        panel.remove(api::Place { module, slot })
    })
    .await
}
