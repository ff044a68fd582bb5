//! Writes the generated files of `ncore` from its tables: `cargo run -p ncore-codegen`.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let ncore_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match write_all(&ncore_dir) {
        Ok(count) => {
            println!("ncore-codegen: {count} files written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ncore-codegen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(ncore_dir: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let files = ncore_codegen::generate(ncore_dir)?;
    for file in &files {
        let path = ncore_dir.join(file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &file.text)?;
    }
    Ok(files.len())
}
