//! Compiling C with the machine's compiler against our headers and library.
#![allow(dead_code)] // Each test program uses its part.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The folder of the C sources.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// The folder of the headers.
pub(crate) fn headers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../include")
}

/// The folder that holds the `libcryptoapi.so` of this build: where the test executable is.
pub(crate) fn libraries() -> PathBuf {
    let executable = std::env::current_exe().expect("a running test has an executable");
    let folder = executable
        .parent()
        .expect("a file is in a folder")
        .to_path_buf();
    assert!(
        folder.join("libcryptoapi.so").exists(),
        "no library in {}",
        folder.display()
    );
    folder
}

/// Runs the C compiler with all warnings as errors; its talk on failure.
pub(crate) fn compile(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(headers())
        .args(arguments)
        .output()
        .expect("the C compiler starts");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Compiles the recording provider as a shared library into `folder`, with extra arguments.
pub(crate) fn provider(folder: &Path, name: &str, extra: &[&str]) -> PathBuf {
    let image = folder.join(name);
    let source = sources().join("provider.c");
    let mut arguments = vec!["-shared", "-fPIC", "-o", text(&image), text(&source)];
    arguments.extend(extra);
    compile(&arguments).expect("the provider compiles");
    image
}

/// Compiles a program against the library.
pub(crate) fn program(folder: &Path, source: &str) -> PathBuf {
    let program = folder.join(source.trim_end_matches(".c"));
    let source = sources().join(source);
    let libraries = libraries();
    compile(&[
        "-o",
        text(&program),
        text(&source),
        "-L",
        text(&libraries),
        "-lcryptoapi",
    ])
    .expect("the program compiles without a warning");
    program
}

/// Runs a program with the library and `image` as the built-in providers' image.
pub(crate) fn run(program: &Path, image: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .env("LD_LIBRARY_PATH", libraries())
        .env("SOFTSHIELD_CSP", image)
        .output()
        .expect("the program starts")
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
