//! Every route, in one table, and what holds for all of them.
//!
//! In: a request. Out: what its handler answers, with the headers that keep a page from loading or being
//! loaded by anything else. It refuses unknown paths and methods, in JSON below `/api/`.

use super::reply::Refusal;
use super::{Shared, anchors, assets, attendees, campaign_edits, campaigns, history, metrics, settle};
use super::{stream, till, venue, vouchers, why};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// Largest body taken: a request holds a few names and numbers.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// A page may load what this program serves, and nothing else; nobody may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // The address of an attendee's page names the attendee.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Path and handlers of every route.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/", get(assets::staff_page)),
        ("/history", get(assets::history_page)),
        ("/me", get(assets::attendee_page)),
        ("/till", get(assets::till_page)),
        ("/assets/{version}/{*path}", get(assets::file)),
        ("/api/openapi.json", get(assets::description)),
        ("/api/v1/venue", get(venue::plan_json)),
        ("/api/v1/state", get(venue::state_json)),
        ("/api/v1/live", get(stream::live)),
        ("/api/v1/heat", get(history::heat)),
        ("/api/v1/queues/{queue}/history", get(history::queue)),
        ("/api/v1/people/history", get(history::people)),
        ("/api/v1/movements", get(history::movements)),
        ("/api/v1/why", get(why::figure)),
        ("/api/v1/attendees", post(attendees::join)),
        ("/api/v1/attendees/{attendee}", axum::routing::delete(attendees::forget)),
        ("/api/v1/attendees/{attendee}/offers", get(attendees::offers)),
        ("/api/v1/attendees/{attendee}/live", get(stream::personal)),
        ("/api/v1/attendees/{attendee}/vouchers/{voucher}/qr.svg", get(vouchers::picture)),
        ("/api/v1/vouchers/redeem", post(till::redeem)),
        ("/api/v1/vouchers/hold", post(till::hold)),
        ("/api/v1/vouchers/rollback", post(settle::take_back)),
        ("/api/v1/vouchers/spent", post(settle::merge)),
        ("/api/v1/vouchers/keys", get(vouchers::keys)),
        ("/api/v1/vouchers/{voucher}/revoke", post(settle::revoke)),
        ("/api/v1/time", get(vouchers::time)),
        ("/api/v1/campaigns", get(campaigns::list).post(campaign_edits::add)),
        ("/api/v1/campaigns.toml", whole_file(get(campaign_edits::export).put(campaign_edits::import))),
        (
            "/api/v1/campaigns/{campaign}",
            get(campaign_edits::one).put(campaign_edits::put).delete(campaign_edits::remove),
        ),
        ("/api/v1/campaigns/{campaign}/versions", get(campaign_edits::history)),
        ("/api/v1/anchors", post(anchors::add)),
        ("/metrics", get(metrics::text)),
        ("/healthz", get(metrics::health)),
    ]
}

/// Takes larger bodies than other routes.
fn whole_file(handlers: MethodRouter<Arc<Shared>>) -> MethodRouter<Arc<Shared>> {
    handlers.layer(DefaultBodyLimit::max(campaign_edits::FILE_BYTES_MAX))
}

/// The router over the table.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let routes = table().into_iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers));
    routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(with_headers))
        .with_state(shared)
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    // Figures of a moment ago are worth nothing; pages and their parts say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn unknown_path(uri: Uri) -> Response {
    let path = uri.path();
    let refusal =
        Refusal::new(StatusCode::NOT_FOUND, format!("nothing at {path}"), "routes are described at /api/openapi.json");
    let is_api = path.starts_with("/api/");
    if is_api { refusal.into_response() } else { (StatusCode::NOT_FOUND, refusal.error).into_response() }
}

async fn unknown_method(method: Method, uri: Uri) -> Refusal {
    let error = format!("{} does not take {method}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error, "methods are described at /api/openapi.json")
}
