//! A morning at the desk: the daemon in one terminal, and in another the utilities and a program that knows nothing of
//! all this. Everything is a process of its own, found through what `softshield env` prints.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use conformance::oracle::{RsaPublic, digest, hex};
use nfkm::{Environment, Session};
use support::{Desk, Run, command, compile};

const PROVIDER: &str = "nShield Enhanced RSA and AES Cryptographic Provider";
const CALG_SHA_256: u32 = 0x800c;

#[test]
fn new_world_enquiry_and_nfkminfo_say_what_scripts_look_for() {
    let desk = Desk::start(&["--modules", "2"]);
    let before = desk.shell("nfkminfo").report();
    assert!(
        line(&before, " state       ").contains("!Initialised !Usable"),
        "{before}"
    );

    let report = desk
        .shell("new-world --initialize --module 1,2 --acs-quorum 1/1 --card \"$CARDS/card\"")
        .report();
    let hknso = report
        .split_once("security world generated on module #1; hknso = ")
        .map(|(_, rest)| &rest[..40])
        .unwrap_or_else(|| panic!("{report}"));
    assert!(
        report.contains(&format!(
            "security world loaded on module #2; hknso = {hknso}"
        )),
        "{report}"
    );

    // As the health checks of the field take it apart.
    let good = desk.shell(
        "nfkminfo | grep -A 3 '^World$' | grep -q '^ state       0x[0-9a-f]* Initialised Usable '
         nfkminfo | grep -A 3 '^Module #1$' | grep -q '^ state      0x2 Usable$'
         nfkminfo | grep -A 3 '^Module #2$' | grep -q '^ state      0x2 Usable$'
         nfkminfo | grep -q '^ mode        none$'
         nfkminfo | tail -n 1 | grep -q '^No Pre-Loaded Objects$'
         test \"$(nfkminfo | grep -c '^ error         OK$')\" -gt 0
         test \"$(enquiry | grep -c '^ mode                 operational$')\" -eq 3
         test \"$(enquiry | grep -c '^ hardware status      OK$')\" -eq 2
         enquiry | grep -q '^Server:$'
         enquiry -m 1 | grep -q '^Module #1:$'
         enquiry -m 2 | grep -Eq '^ serial number        [0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}$'",
    );
    good.report();
    let info = desk.shell("nfkminfo").report();
    assert_eq!(line(&info, " hknso       "), hknso);
    assert!(info.contains("\n\nModule #1\n"), "{info}");
    let enquiry = desk.shell("enquiry").report();
    assert!(enquiry.starts_with("Server:\n"), "{enquiry}");
    assert!(enquiry.contains("\n\nModule #1:\n"), "{enquiry}");
    assert!(enquiry.to_lowercase().contains("emulator"), "{enquiry}");

    let list = desk.shell("nfkminfo -k").report();
    assert_eq!(list, "\nKey list - 0 keys\n");
}

#[test]
fn a_container_and_its_key_outlive_kill_9() {
    let mut desk = Desk::with_world(&["--modules", "2"], "1,2");
    let program = Program::new(&desk);
    let first = program.signed(&desk);
    assert_eq!(first.words, ["container created", "key generated"]);
    // One entry is the container, the other its key.
    let list = desk.shell("nfkminfo -k mscapi").report();
    assert!(
        list.starts_with("\nKey list - 2 keys\n AppName mscapi               Ident "),
        "{list}"
    );
    let before = desk.shell("nfkminfo").report();

    desk.kill();
    let complaint = desk.shell("enquiry").complaint(1);
    assert!(
        complaint.contains("enquiry: ") && complaint.contains("ServerNotRunning"),
        "{complaint}"
    );
    desk.start_again();

    assert_eq!(desk.shell("nfkminfo").report(), before);
    assert_eq!(desk.shell("nfkminfo -k mscapi").report(), list);
    let second = program.signed(&desk);
    assert_eq!(second.words, ["container opened", "key found"]);
    // PKCS#1 v1.5 signatures of one key over one message are equal.
    assert_eq!(second.signature, first.signature);
}

#[test]
fn a_key_signs_on_a_module_that_joined_later() {
    let desk = Desk::start(&["--modules", "2"]);
    // Without a word about cards, they are files that the utility keeps itself.
    desk.shell("new-world").report();
    let info = desk.shell("nfkminfo").report();
    assert_eq!(module_state(&info, 1), "0x2 Usable");
    assert!(!module_state(&info, 2).ends_with(" Usable"), "{info}");
    let program = Program::new(&desk);
    let first = program.signed(&desk);

    let report = desk.shell("new-world -l -m 2").report();
    assert!(
        report.contains(&format!(
            "security world loaded on module #2; hknso = {}",
            line(&info, " hknso       ")
        )),
        "{report}"
    );
    // Module 1 forgets everything, so that module 2 is alone with the key.
    desk.shell("new-world -e -m 1").report();
    let info = desk.shell("nfkminfo").report();
    assert!(!module_state(&info, 1).ends_with(" Usable"), "{info}");
    assert_eq!(module_state(&info, 2), "0x2 Usable");

    let second = program.signed(&desk);
    assert_eq!(second.words, ["container opened", "key found"]);
    assert_eq!(second.signature, first.signature);
}

#[test]
fn another_world_refuses_the_container_and_the_key_by_name() {
    let desk = Desk::with_world(&[], "1");
    let program = Program::new(&desk);
    let own = program.signed(&desk);
    let stranger = Desk::with_world(&[], "1");
    let names = copy_entries(&desk, &stranger);
    let [container, key] = &names[..] else {
        panic!("{names:?}");
    };
    assert!(container.starts_with("key_mscapi_container-"), "{names:?}");

    let hknso = |desk: &Desk| line(&desk.shell("nfkminfo").report(), " hknso       ").to_owned();
    let worlds = [hknso(&desk), hknso(&stranger)];
    let named = |text: &str, file: &str| {
        let file = stranger.kmlocal().join(file);
        for part in [file.to_str().expect("UTF-8"), &worlds[0], &worlds[1]] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    };
    // Through CryptoAPI: the code, and in the provider's log the cause.
    let complaint = program.run(&stranger).complaint(1);
    assert!(
        complaint.contains("CryptAcquireContext failed with 0x8009001a"),
        "{complaint}"
    );
    named(&complaint, container);
    // To the utilities, container and key.
    for file in [container, key] {
        let ident = file.trim_start_matches("key_mscapi_");
        let complaint = stranger
            .shell(&format!("nfkminfo -k mscapi {ident}"))
            .complaint(1);
        named(&complaint, file);
    }
    // To a program over the layer below.
    let session = Session::open(&environment(&stranger)).expect("a hardserver and a world");
    let ident = key.trim_start_matches("key_mscapi_");
    let error = session
        .load_key("mscapi", ident)
        .expect_err("it is another world's");
    named(&error.to_string(), key);
    // Where they belong they work as before.
    assert_eq!(program.signed(&desk).signature, own.signature);
}

#[test]
fn a_key_with_a_forged_world_is_refused_by_the_module() {
    let desk = Desk::with_world(&[], "1");
    let program = Program::new(&desk);
    program.signed(&desk);
    let stranger = Desk::with_world(&[], "1");
    // Whose world a file is from is written in its header for everybody to see and to change. What a key is from is not.
    let hknso = hex(line(&stranger.shell("nfkminfo").report(), " hknso       "));
    for name in copy_entries(&desk, &stranger) {
        let path = stranger.kmlocal().join(name);
        let mut bytes = std::fs::read(&path).expect("it was copied");
        bytes[16..36].copy_from_slice(&hknso);
        let end = bytes.len() - 4;
        let checksum = crc32fast::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        std::fs::write(&path, bytes).expect("it can be written");
    }
    let complaint = program.run(&stranger).complaint(1);
    assert!(
        complaint.contains("CryptGetUserKey failed with "),
        "{complaint}"
    );
    assert!(complaint.contains("LoadBlob: UnknownKM"), "{complaint}");
}

#[test]
fn key_management_data_behind_a_symbolic_link_is_refused() {
    let desk = Desk::with_world(&[], "1");
    let program = Program::new(&desk);
    program.signed(&desk);
    let link = desk.home().join("elsewhere");
    std::os::unix::fs::symlink(desk.home().join("kmdata"), &link).expect("a writable folder");
    let refused = |complaint: &str| {
        assert!(
            complaint.contains(link.to_str().expect("UTF-8"))
                && complaint.contains("NFAST_KMDATA")
                && complaint.contains("symbolic link"),
            "{complaint}"
        );
    };
    for utility in [
        "nfkminfo",
        "nfkminfo -k",
        "new-world -l --card \"$CARDS/card\"",
    ] {
        let script = format!("export NFAST_KMDATA=\"$NFAST_HOME/elsewhere\"\n{utility}");
        refused(&desk.shell(&script).complaint(1));
    }
    let mut sign = program.command(&desk, "export NFAST_KMDATA=\"$NFAST_HOME/elsewhere\"\n");
    refused(&Run::of(&mut sign).complaint(1));
    let mut serve = command("softshield");
    serve
        .arg("serve")
        .arg("--home")
        .arg(desk.home().join("new"))
        .arg("--kmdata")
        .arg(&link);
    refused(&Run::of(&mut serve).complaint(1));
}

/// `sign.c`, compiled.
struct Program {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// What it printed, when all went well.
#[derive(Debug)]
struct Signed {
    /// What became of the container and the key.
    words: Vec<String>,
    signature: Vec<u8>,
}

impl Program {
    fn new(_: &Desk) -> Program {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = compile("csp/cryptoapi/tests/c/sign.c", folder.path());
        Program {
            path,
            _folder: folder,
        }
    }

    /// Signs with the container `demo`.
    fn run(&self, desk: &Desk) -> Run {
        Run::of(&mut self.command(desk, ""))
    }

    /// The command of [`Program::run`] after some more shell script. The provider logs errors to the standard error stream.
    fn command(&self, desk: &Desk, script: &str) -> Command {
        let script = format!("{script}exec \"$SIGN\" '{PROVIDER}' demo 'a message'");
        let mut command = desk.shell_command(&script);
        command.env("SIGN", &self.path).env("NFLOG_FILE", "&2");
        command
    }

    /// Signs, and verifies what was printed with the oracle.
    #[track_caller]
    fn signed(&self, desk: &Desk) -> Signed {
        let report = self.run(desk).report();
        let expected = digest(CALG_SHA_256, b"a message").expect("it is known");
        assert_eq!(hex(line(&report, "digest ")), expected);
        let signature = hex(line(&report, "signature "));
        RsaPublic::from_blob(&hex(line(&report, "public ")))
            .and_then(|key| key.verify(CALG_SHA_256, &expected, &signature))
            .unwrap_or_else(|error| panic!("{error:#}\n{report}"));
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(lines[5..], ["signature verified", "change refused"]);
        Signed {
            words: lines[..2].iter().copied().map(str::to_owned).collect(),
            signature,
        }
    }
}

/// The rest of the first line that begins like this.
#[track_caller]
fn line<'a>(text: &'a str, beginning: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(beginning))
        .unwrap_or_else(|| panic!("no line begins with {beginning:?} in:\n{text}"))
}

/// The state of a module in the report of nfkminfo.
fn module_state(info: &str, module: u32) -> String {
    let header = format!("\nModule #{module}\n");
    let (_, block) = info
        .split_once(&header)
        .unwrap_or_else(|| panic!("no module {module} in:\n{info}"));
    line(block, " state      ").to_owned()
}

/// Copies the files of containers and keys. Their names, the container first.
fn copy_entries(from: &Desk, to: &Desk) -> Vec<String> {
    let mut names = Vec::new();
    for entry in Path::new(&from.kmlocal()).read_dir().expect("it is there") {
        let entry = entry.expect("it can be read");
        let name = entry.file_name().into_string().expect("UTF-8");
        if name.starts_with("key_") {
            std::fs::copy(entry.path(), to.kmlocal().join(&name)).expect("it can be written");
            names.push(name);
        }
    }
    names.sort_by_key(|name| !name.contains("container-"));
    names
}

/// What a client in this process is told of a desk.
fn environment(desk: &Desk) -> Environment {
    Environment {
        server: Some(desk.socket().display().to_string()),
        kmdata: Some(desk.home().join("kmdata")),
        ..Environment::default()
    }
}
