//! A C program written for `wincrypt.h`, compiled and run against the library.

mod support;

#[test]
fn signs_and_verifies_through_an_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let image = support::provider(folder.path(), "libprovider.so", &[]);
    let program = support::program(folder.path(), "sign.c");
    let provider = "nCipher Enhanced RSA and AES Cryptographic Provider";
    let output = support::run(&program, &image, &[provider, "demo", "abc"]);
    // The provider's hash is the sum of the bytes: 0x61 + 0x62 + 0x63 = 0x126.
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "container opened\nkey found\npublic 626c6f62\ndigest 26\nsignature 2626262626262626\n\
         signature verified\nchange refused\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success());
}

#[test]
fn reports_a_missing_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = support::program(folder.path(), "sign.c");
    let provider = "nShield Enhanced RSA and AES Cryptographic Provider";
    let output = support::run(
        &program,
        &folder.path().join("absent.so"),
        &[provider, "demo"],
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "CryptAcquireContext failed with 0x8009001e\n"
    );
    assert_eq!(output.status.code(), Some(1));
}
