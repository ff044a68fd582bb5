//! The C headers, as a compiler sees them.

mod support;

use support::{compile, sources, text};

fn check(extra: &[&str]) {
    let source = sources().join("header.c");
    let mut arguments = vec!["-fsyntax-only", text(&source)];
    arguments.extend(extra);
    compile(&arguments).expect("the headers keep their promises");
}

#[test]
fn layouts_and_numbers_are_windows() {
    check(&[]);
}

#[test]
fn names_map_to_the_wide_forms_under_unicode() {
    check(&["-DUNICODE"]);
}

#[test]
fn wide_literals_fit_with_short_wchar() {
    check(&["-DUNICODE", "-fshort-wchar"]);
}

#[test]
fn both_headers_compile_as_cplusplus() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("program.cpp");
    std::fs::write(
        &source,
        "#include <windows.h>\n#include <wincrypt.h>\n\
         BOOL f(HCRYPTPROV *p) { return CryptAcquireContextW(p, u\"c\", NULL, PROV_RSA_AES, 0); }\n",
    )
    .expect("the folder is writable");
    let compiled = std::process::Command::new("c++")
        .args([
            "-std=c++17",
            "-Wall",
            "-Wextra",
            "-pedantic",
            "-Werror",
            "-fsyntax-only",
            "-I",
        ])
        .arg(support::headers())
        .arg(&source)
        .output();
    // The tests ask for a C compiler and no more. `.ci/run` installs both.
    if compiled
        .as_ref()
        .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    {
        eprintln!("not tried: there is no C++ compiler");
        return;
    }
    let output = compiled.expect("the C++ compiler starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
