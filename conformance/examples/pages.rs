//! Writes the generated pages of `docs/`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in conformance::pages::all() {
        std::fs::write(project.join(page.path), page.text)?;
        println!("wrote {}", page.path);
    }
    Ok(())
}
