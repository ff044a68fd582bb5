//! What the description of the control channel says of all paths alike: the token, and the failures that come from the frame
//! around what is done. Each path itself says what it may refuse.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Content, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "softshield control channel",
        description = "What hands and eyes do at a unit. Every request carries the token: Authorization: Bearer TOKEN."
    ),
    modifiers(&Token),
    security(("token" = []))
)]
pub(super) struct Description;

/// The scheme by which the token is shown.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::default);
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", scheme);
    }
}

/// Adds to each operation the failures that any of its kind may end in.
pub(super) fn complete(document: &mut Document) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            add_failures(path, operation);
        }
    }
}

fn add_failures(path: &str, operation: &mut Operation) {
    let content = match &operation.request_body {
        Some(RefOr::T(body)) => Some(&body.content),
        _ => None,
    };
    let mut failures = vec![
        ("401", "the token is not shown"),
        (
            "403",
            "the Host is not this machine, or a page of another origin asks",
        ),
        ("500", "the files of the emulator cannot be used"),
    ];
    if path.contains('{') {
        failures.push(("404", "there is no such module, slot or card"));
    }
    if path.contains('{') || content.is_some() {
        failures.push(("400", "the request makes no sense"));
    }
    if content.is_some() {
        failures.push(("413", "the body is too long"));
    }
    if content.is_some_and(|content| content.contains_key("application/json")) {
        failures.push(("415", "the body is not declared as JSON"));
        failures.push(("422", "the body is not what is expected here"));
    }
    for (code, words) in failures {
        let failure = Content::new(Some(Ref::from_schema_name("Failure")));
        let response = ResponseBuilder::new()
            .description(words)
            .content("application/json", failure);
        let responses = &mut operation.responses.responses;
        let entry = responses.entry(code.to_owned());
        entry.or_insert_with(|| response.build().into());
    }
}
