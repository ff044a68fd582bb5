//! A C program written for `wincrypt.h`, unchanged and unaware, over the real provider and a hardserver.
//!
//! The chain is the whole one: the program, `libcryptoapi.so`, `libncsp.so` beside it, the socket, a module in another
//! process.

mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

use conformance::oracle::{RsaPublic, digest, hex};
use conformance::target::{Choice, Prepared};
use support::{compile, libraries};

const CALG_SHA_256: u32 = 0x800c;

#[test]
fn signs_with_a_key_in_a_module_and_finds_it_again_after_the_hardserver_was_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = compile("csp/cryptoapi/tests/c/sign.c", folder.path());

    let executable = PathBuf::from(env!("CARGO_BIN_EXE_conformance"));
    let prepared = Prepared::new(Choice::Own {
        modules: 1,
        seed: None,
    })
    .expect("a folder");
    let environment = prepared.environment();
    let target = prepared
        .open_with(&executable)
        .expect("a hardserver and a world");
    let run = |container: &str| -> Output {
        Command::new(&program)
            .args([
                "nCipher Enhanced RSA and AES Cryptographic Provider",
                container,
                "a message",
            ])
            .env("LD_LIBRARY_PATH", libraries())
            .env_remove("SOFTSHIELD_CSP")
            .env(
                "NFAST_SERVER",
                environment.server.as_deref().expect("it is set"),
            )
            .env(
                "NFAST_KMDATA",
                environment.kmdata.as_deref().expect("it is set"),
            )
            .output()
            .expect("the program starts")
    };

    let first = lines(&run("demo"));
    assert_eq!(first[..2], ["container created", "key generated"]);
    check(&first);
    target
        .daemon()
        .expect("it is ours")
        .kill_and_restart()
        .expect("it starts again");
    let second = lines(&run("demo"));
    assert_eq!(second[..2], ["container opened", "key found"]);
    // PKCS#1 v1.5 signatures of one key over one message are equal.
    assert_eq!(second[2..], first[2..]);
    let third = lines(&run("another"));
    assert_eq!(third[..2], ["container created", "key generated"]);
    assert_ne!(third[2], first[2], "another container has another key");
    check(&third);
}

/// Verifies what the program printed with the oracle.
fn check(lines: &[String]) {
    let value = |name: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(name));
        hex(line.unwrap_or_else(|| panic!("no {name} in {lines:?}")))
    };
    let public = RsaPublic::from_blob(&value("public ")).expect("a good blob");
    assert_eq!(public.length, 256);
    let expected = digest(CALG_SHA_256, b"a message").expect("known");
    assert_eq!(value("digest "), expected);
    public
        .verify(CALG_SHA_256, &expected, &value("signature "))
        .expect("the signature verifies");
    assert_eq!(lines[5..], ["signature verified", "change refused"]);
}

fn lines(output: &Output) -> Vec<String> {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}
