//! Who may use the control channel: whoever can read its token, from no browser page of another origin.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::failure::failure;

/// The secret that a client shows.
#[derive(Clone)]
pub(super) struct Token(pub(super) Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

/// Lets a request through that names this machine, comes from no foreign page and has the token.
///
/// A page of another origin always names it (Origin) when it sends anything but a plain question, and its questions
/// cannot carry a token. A name of another host means that somebody else's name was made to lead here.
pub(super) async fn check(State(token): State<Token>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !names_this_machine(headers) {
        return failure(StatusCode::FORBIDDEN, "the Host is not this machine").into_response();
    }
    if !own_origin(headers) {
        return failure(StatusCode::FORBIDDEN, "a page of another origin").into_response();
    }
    if !shows(headers, &token) {
        let refusal = "the token of the control channel is needed: Authorization: Bearer TOKEN";
        return failure(StatusCode::UNAUTHORIZED, refusal).into_response();
    }
    next.run(request).await
}

fn text<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, &HOST) else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    matches!(name, Some("localhost" | "127.0.0.1" | "::1"))
}

fn own_origin(headers: &HeaderMap) -> bool {
    if !headers.contains_key(ORIGIN) {
        return true;
    }
    match (text(headers, &ORIGIN), text(headers, &HOST)) {
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

fn shows(headers: &HeaderMap, token: &Token) -> bool {
    let shown = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    shown.is_some_and(|shown| shown.as_bytes().ct_eq(token.0.as_bytes()).into())
}
