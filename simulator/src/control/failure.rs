//! How the control channel says that something was not done: a code, and words in JSON.

use axum::Json;
use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::api;

/// Bytes that are read of what the server has to say about a request that it does not understand.
const MOST_WORDS: usize = 4096;

/// An answer that something was not done.
pub(super) fn failure(code: StatusCode, words: &str) -> (StatusCode, Json<api::Failure>) {
    let error = words.to_owned();
    (code, Json(api::Failure { error }))
}

/// Puts what the server itself says of a request, in plain text or by its code alone, into the form of every failure.
pub(super) async fn in_words(response: Response) -> Response {
    let code = response.status();
    let json = response.headers().get(CONTENT_TYPE);
    let is_json = json.is_some_and(|kind| kind == "application/json");
    if is_json || !(code.is_client_error() || code.is_server_error()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let said = to_bytes(body, MOST_WORDS).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let words = match said.trim() {
        "" if code == StatusCode::METHOD_NOT_ALLOWED => "the path does not take this method",
        "" => code.canonical_reason().unwrap_or("refused"),
        said => said,
    };
    let (told, body) = failure(code, words).into_response().into_parts();
    // What else the server says stays, as the methods that are allowed.
    head.headers.remove(CONTENT_LENGTH);
    head.headers.extend(told.headers);
    Response::from_parts(head, body)
}
