//! The generated pages of `docs/` are those that the tables make.

use std::path::Path;

#[test]
fn the_generated_pages_are_up_to_date() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in conformance::pages::all() {
        let committed = std::fs::read_to_string(project.join(page.path))
            .unwrap_or_else(|error| panic!("{}: {error}", page.path));
        assert!(
            committed == page.text,
            "{} is out of date: cargo run -p conformance --example pages",
            page.path
        );
    }
}
