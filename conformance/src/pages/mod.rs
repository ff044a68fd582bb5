//! The pages of `docs/` that are made from the tables of the code: the support matrix, and the trace from sources to
//! cases.
//!
//! `cargo run -p conformance --example pages` writes them; a test compares what is committed.

mod refusals;
mod support;
mod trace;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its place in the project.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// Every page, made from the tables as they are.
pub fn all() -> [Page; 2] {
    let cases = crate::cases::all();
    let page = |path, text: String| Page {
        path,
        text: format!("{GENERATED}\n{text}"),
    };
    [
        page("docs/support.md", support::render(&cases)),
        page("docs/trace.md", trace::render(&cases)),
    ]
}

const GENERATED: &str =
    "<!-- Written by `cargo run -p conformance --example pages` from the tables of the code. -->";

/// The head of a Markdown table.
fn head(columns: &[&str]) -> String {
    format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        " --- |".repeat(columns.len())
    )
}

/// A row of a Markdown table.
fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// `text` as code.
fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

/// Each of `items` as code, with commas between.
fn codes<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(code).collect::<Vec<_>>().join(", ")
}
