//! Hostile peers: thousands of random and mutated frames at both sockets. Each frame is answered or its connection ends,
//! the daemon lives, a client beside them signs on undisturbed, and memory does not grow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use conformance::daemon::{Daemon, Settings};
use conformance::oracle::hashes::Hash;
use conformance::oracle::wire_rsa::WireRsa;
use conformance::sys;
use conformance::wire::{raw, read_frame, write_frame};
use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::message::{Command, Header};
use ncore::profile::WireProfile;
use ncore::types::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

/// Frames of each kind at each socket.
const FRAMES: usize = 10_000;

/// Frames on one connection.
const BATCH: usize = 100;

/// What the daemon may grow by over all frames when it has met as many before, which gave its allocator what it keeps:
/// less than 20 bytes a frame.
const GROWTH: u64 = 1024 * 1024;

/// How long anything may take before it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon with one module in initialisation, where everything is permitted.
struct Rig {
    daemon: Daemon,
    settings: Settings,
    _folder: TempDir,
}

impl Rig {
    fn new() -> Rig {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings {
            folder: folder.path().to_owned(),
            modules: 1,
            seed: None,
        };
        let executable = PathBuf::from(env!("CARGO_BIN_EXE_conformance"));
        let daemon = Daemon::start(&executable, settings.clone()).expect("a daemon");
        let rig = Rig {
            daemon,
            settings,
            _folder: folder,
        };
        let privileged = connect(&rig.settings.privileged());
        let mode = ModuleMode::Initialisation;
        let clear = ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode,
        };
        privileged.transact(clear).expect("a reset");
        privileged
            .transact(InitialiseUnitArgs { module: 1 })
            .expect("a new module");
        rig
    }

    /// Resident memory of the daemon in bytes.
    fn memory(&self) -> u64 {
        let kib = sys::resident_kib(self.daemon.process()).expect("the daemon lives");
        u64::try_from(kib).expect("a size") * 1024
    }

    /// A value of the statistics.
    fn statistic(&self, path: &[u32], id: StatID) -> u32 {
        let path_tags = path.to_vec();
        let args = StatGetValuesArgs {
            flags: 0,
            path_tags,
        };
        let reply = connect(&self.settings.ordinary())
            .transact(args)
            .expect("statistics");
        let place = reply
            .statinfos
            .iter()
            .position(|info| info.id == id)
            .expect("it is counted");
        reply.values[place]
    }

    fn objects(&self) -> u32 {
        let path = [StatNodeTag::PerModule.0, 1, StatNodeTag::ModuleObjStats.0];
        self.statistic(&path, StatID::ObjectCount)
    }
}

fn connect(endpoint: &Endpoint) -> Connection {
    let options = ConnectOptions {
        reply_timeout: Some(PATIENCE),
        ..ConnectOptions::default()
    };
    let connection = Connection::connect(endpoint, options).expect("a daemon that listens");
    connection
        .transact(NewClientArgs::default())
        .expect("a client");
    connection
}

#[test]
fn random_and_mutated_frames_at_both_sockets_disturb_nobody() {
    let rig = Rig::new();
    let (done, signed) = (AtomicBool::new(false), AtomicU32::new(0));
    let sockets = [rig.settings.ordinary(), rig.settings.privileged()];
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| sign_on(&rig.settings.ordinary(), &done, &signed));
        // Also when something fails here: the scope waits for the neighbour.
        let end = Ends(&done);
        let mut source = Source::new(0x686f_7374_696c_6531);
        let mut attack_all = || {
            for socket in &sockets {
                for kind in [Kind::Random, Kind::Mutated, Kind::Unframed] {
                    let so_far = signed.load(Ordering::SeqCst);
                    attack(socket, &mut source, kind, FRAMES);
                    let until = Instant::now() + PATIENCE;
                    while signed.load(Ordering::SeqCst) < so_far + 3 {
                        assert!(!neighbour.is_finished(), "the neighbour has stopped");
                        assert!(
                            Instant::now() < until,
                            "{kind:?}: the neighbour does not get through"
                        );
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        };
        attack_all();
        let (before, objects) = (rig.memory(), rig.objects());
        attack_all();
        // What broken clients made goes with their connections, a moment after they end.
        let until = Instant::now() + PATIENCE;
        while rig.objects() > objects {
            assert!(
                Instant::now() < until,
                "{} objects are left, {objects} were there",
                rig.objects()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let grown = rig.memory().saturating_sub(before);
        println!(
            "{} KiB grown, {} signatures beside",
            grown / 1024,
            signed.load(Ordering::SeqCst)
        );
        assert!(grown < GROWTH, "the daemon grew by {grown} bytes");
        drop(end);
        neighbour
            .join()
            .expect("the neighbour's signatures are good");
    });
}

/// Sets its flag when it goes.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Signs until told to stop, and verifies every signature elsewhere.
fn sign_on(endpoint: &Endpoint, done: &AtomicBool, signed: &AtomicU32) {
    let connection = connect(endpoint);
    let pair = connection.transact(rsa_args()).expect("a pair");
    let exported = connection
        .transact(ExportArgs { key: pair.keypub })
        .expect("its public half");
    let public = WireRsa::new(&exported.data).expect("an RSA key");
    for round in 0_u32.. {
        if done.load(Ordering::SeqCst) {
            return;
        }
        let message = round.to_le_bytes();
        let args = SignArgs {
            key: pair.keypriv,
            mech: Mech::RSAhSHA256pPKCS1,
            plain: bytes(&message),
            ..SignArgs::default()
        };
        let sig = connection.transact(args).expect("a signature").sig;
        let MechCipher::RSApPKCS1(body) = &sig.data else {
            panic!("no RSA signature: {sig:?}")
        };
        let digest = Hash::Sha256.digest(&message);
        public
            .verify(Some(Hash::Sha256), &digest, &body.m)
            .expect("it verifies");
        signed.fetch_add(1, Ordering::SeqCst);
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Random messages in good frames.
    Random,
    /// Good commands with some bytes changed, cut or added, in good frames.
    Mutated,
    /// Random bytes, length words included.
    Unframed,
}

/// Sends so many messages, and holds the daemon to its answers: one for every message that has a header, by its tag.
fn attack(endpoint: &Endpoint, source: &mut Source, kind: Kind, count: usize) {
    for batch in 0..count.div_ceil(BATCH) {
        let size = BATCH.min(count - batch * BATCH);
        let mut stream = raw(endpoint).expect("the daemon listens");
        let limited = stream.set_timeouts(Some(PATIENCE));
        limited.expect("it is a time");
        if kind == Kind::Unframed {
            for _ in 0..size {
                // It may have closed already, as it must at a length that no message has.
                let _ = std::io::Write::write_all(&mut stream, &source.random());
            }
            let _ = stream.finish();
            while let Ok(Some(_)) = read_frame(&mut stream) {}
            continue;
        }
        // A client, so that commands that make objects make them.
        let hello = message(Command::new(u32::MAX, NewClientArgs::default()));
        write_frame(&mut stream, &hello).expect("it reads");
        let mut expected: BTreeMap<u32, usize> = BTreeMap::from([(u32::MAX, 1)]);
        let messages: Vec<Vec<u8>> = (0..size).map(|_| source.next(kind)).collect();
        for message in &messages {
            *expected.entry(tag(message)).or_default() += 1;
        }
        let writer = stream.try_clone().expect("a second handle");
        // Replies are read while more is written: the daemon reads nothing from who does not read.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = writer;
                for message in &messages {
                    write_frame(&mut writer, message).expect("it reads");
                }
                writer.finish().expect("it is open");
            });
            while let Some(reply) = read_frame(&mut stream).unwrap_or_else(|error| {
                let is_owed = |message: &&Vec<u8>| expected[&tag(message)] > 0;
                let owed: Vec<_> = messages.iter().filter(is_owed).collect();
                match owed.is_empty() {
                    true => panic!(
                        "{kind:?}: {error}: all is answered, and the connection does not end"
                    ),
                    false => panic!("{kind:?}: {error}: no reply in time to one of {owed:02x?}"),
                }
            }) {
                let header = Header::peek(&reply).expect("a header");
                let left = expected.get_mut(&header.tag).filter(|left| **left > 0);
                *left.unwrap_or_else(|| panic!("{kind:?}: a reply to nothing: {header:?}")) -= 1;
            }
        });
        let unanswered = expected.values().sum::<usize>();
        assert_eq!(
            unanswered, 0,
            "{kind:?}: messages without an answer: {messages:02x?}"
        );
    }
}

/// Where messages come from. The same number makes the same ones, but for identifiers that only the daemon knows.
struct Source {
    rng: ChaCha20Rng,
    templates: Vec<Vec<u8>>,
}

impl Source {
    fn new(seed: u64) -> Source {
        Source {
            rng: ChaCha20Rng::seed_from_u64(seed),
            templates: templates(),
        }
    }

    fn next(&mut self, kind: Kind) -> Vec<u8> {
        loop {
            let message = if kind == Kind::Random {
                self.headed()
            } else {
                self.mutated()
            };
            if message.len() >= 16 && !is_a_command_to_wait_for(&message) {
                return message;
            }
        }
    }

    fn random(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.below(300)];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Random bytes; half of them begin as a command does.
    fn headed(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 16 + self.below(400)];
        self.rng.fill_bytes(&mut bytes);
        if self.below(2) == 0 {
            let cmd = Cmd::ALL[self.below(Cmd::ALL.len())];
            bytes[4..8].copy_from_slice(&cmd.0.to_le_bytes());
            bytes[8..16].fill(0);
        }
        bytes
    }

    fn mutated(&mut self) -> Vec<u8> {
        let at = self.below(self.templates.len());
        let mut bytes = self.templates[at].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(16.max(at)),
                1 => {
                    let extra = self.random();
                    bytes.extend(extra);
                }
                // A word that is a large number, or a small one.
                2 => set_word(&mut bytes, at, u32::MAX),
                3 => set_word(&mut bytes, at, 0x4000_0000),
                4 => {
                    let small = self.below(20) as u32;
                    set_word(&mut bytes, at, small);
                }
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
        bytes
    }

    fn below(&mut self, limit: usize) -> usize {
        self.rng.next_u32() as usize % limit
    }
}

fn set_word(bytes: &mut [u8], at: usize, value: u32) {
    let at = at / 4 * 4;
    if let Some(word) = bytes.get_mut(at..at + 4) {
        word.copy_from_slice(&value.to_le_bytes());
    }
}

/// Whether it came out as a good command that changes the module's mode, as a privileged client may, or that takes long
/// by its nature: making large keys. The one would rightly disturb the neighbour, the other only the patience of a test.
fn is_a_command_to_wait_for(message: &[u8]) -> bool {
    const TO_WAIT_FOR: [Cmd; 10] = [
        Cmd::ClearUnit,
        Cmd::ClearUnitEx,
        Cmd::InitialiseUnit,
        Cmd::InitialiseUnitEx,
        Cmd::Maintenance,
        Cmd::Fail,
        Cmd::RetryFailedModule,
        Cmd::GenerateKey,
        Cmd::GenerateKeyPair,
        Cmd::GeneratePrime,
    ];
    match Command::decode(message, &WireProfile::DEFAULT) {
        Ok(command) => TO_WAIT_FOR.contains(&command.cmd()),
        Err(_) => false,
    }
}

fn tag(message: &[u8]) -> u32 {
    Header::peek(message).expect("16 bytes").tag
}

fn message(command: Command) -> Vec<u8> {
    let mut message = Vec::new();
    command
        .encode(&mut message, &WireProfile::DEFAULT)
        .expect("a good command");
    message
}

fn bytes(data: &[u8]) -> PlainText {
    PlainText {
        type_: PlainTextType::Bytes,
        data: PlainTextTypeData::Bytes(PlainTextTypeBytesData {
            data: data.to_vec(),
        }),
    }
}

fn anything() -> ACL {
    let perms = ActOpPermissionsDetails::KNOWN_PERMS;
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails { perms });
    let actions = vec![Action {
        type_: Act::OpPermissions,
        details,
    }];
    ACL {
        groups: vec![PermissionGroup {
            actions,
            ..PermissionGroup::default()
        }],
    }
}

fn rsa_args() -> GenerateKeyPairArgs {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    GenerateKeyPairArgs {
        module: 1,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        aclpriv: anything(),
        aclpub: anything(),
        ..GenerateKeyPairArgs::default()
    }
}

/// Good commands of every family, most of which succeed as they are.
fn templates() -> Vec<Vec<u8>> {
    let aes = KeyData {
        type_: KeyType::Rijndael,
        data: KeyTypeData::Random(KeyTypeRandomData { k: vec![7; 32] }),
    };
    let rsa = KeyData {
        type_: KeyType::RSAPublic,
        data: KeyTypeData::RSAPublic(KeyTypeRSAPublicData {
            e: Bignum::from(65_537),
            n: Bignum::from_be(&[0xc5; 65]),
        }),
    };
    let number = || Bignum::from_be(&[0x5b; 40]);
    let delegation = CertTypeSingleCertCertBody {
        pubkeydata: rsa.clone(),
        signature: CipherText {
            mech: Mech::RSAhSHA1pPKCS1,
            data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher { m: number() }),
            iv: MechIV::Empty,
        },
        certsignmsg: vec![3; 40],
    };
    let certificate = Certificate {
        keyhash: [5; 20],
        type_: CertType::SingleCert,
        body: CertTypeCertBody::SingleCert(delegation),
    };
    let params = TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS,
        sharesneeded: 2,
        sharestotal: 3,
        timelimit: 9,
    };
    let token = PhysToken {
        module: 1,
        slot: 1,
        ic: 1,
    };
    let channel = ChannelOpenArgs {
        module: 1,
        mode: ChannelMode::Sign,
        mech: Mech::SHA256Hash,
        ..ChannelOpenArgs::default()
    };
    let certified = Command {
        certs: Some(CertificateList {
            certs: vec![certificate],
        }),
        ..Command::new(
            1,
            HashArgs {
                flags: 0,
                mech: Mech::SHA1Hash,
                plain: bytes(b"data"),
            },
        )
    };
    let args: Vec<Args> = vec![
        NewClientArgs::default().into(),
        ExistingClientArgs {
            flags: 0,
            client: [1; 20],
        }
        .into(),
        CreateClientArgs::default().into(),
        NewEnquiryArgs {
            flags: 0,
            version: 6,
            module: 1,
        }
        .into(),
        NoOpArgs { module: 1 }.into(),
        StatEnumTreeArgs {
            flags: 0,
            path_tags: vec![3, 1, 7],
        }
        .into(),
        StatGetValuesArgs {
            flags: 0,
            path_tags: vec![3, 1, 7],
        }
        .into(),
        GetKMListArgs {
            module: 1,
            flags: 0,
        }
        .into(),
        GetSlotListArgs { module: 1 }.into(),
        GetSlotInfoArgs { module: 1, slot: 1 }.into(),
        PollSlotListArgs {
            module: 1,
            flags: 0,
        }
        .into(),
        GenerateRandomArgs { lenbytes: 40 }.into(),
        ModExpArgs {
            a: number(),
            p: number(),
            n: number(),
        }
        .into(),
        HashArgs {
            flags: 0,
            mech: Mech::SHA512Hash,
            plain: bytes(&[1; 50]),
        }
        .into(),
        ImportArgs {
            module: 1,
            data: aes,
            acl: anything(),
            appdata: [2; 64],
        }
        .into(),
        ImportArgs {
            module: 1,
            data: rsa,
            acl: anything(),
            appdata: [2; 64],
        }
        .into(),
        ExportArgs { key: 1 }.into(),
        DuplicateArgs { key: 1 }.into(),
        DestroyArgs { key: 1 }.into(),
        GetKeyInfoExArgs { flags: 0, key: 1 }.into(),
        SetACLArgs {
            flags: 0,
            key: 1,
            newacl: anything(),
        }
        .into(),
        SignArgs {
            key: 1,
            mech: Mech::Any,
            plain: bytes(b"data"),
            ..SignArgs::default()
        }
        .into(),
        DecryptArgs {
            key: 1,
            ..DecryptArgs::default()
        }
        .into(),
        channel.into(),
        ChannelUpdateArgs {
            flags: 1,
            idch: 1,
            input: vec![1; 30],
        }
        .into(),
        MakeBlobArgs {
            format: BlobFormat::Module,
            idka: 1,
            blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm: [1; 20] }),
            ..MakeBlobArgs::default()
        }
        .into(),
        LoadBlobArgs {
            module: 1,
            blob: vec![9; 200],
            ..LoadBlobArgs::default()
        }
        .into(),
        GenerateLogicalTokenArgs {
            module: 1,
            hkm: [0; 20],
            params: params.clone(),
        }
        .into(),
        LoadLogicalTokenArgs {
            module: 1,
            hkt: [1; 20],
            hkm: [0; 20],
            params,
        }
        .into(),
        InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data: vec![],
        }
        .into(),
        RemoveSoftTokenArgs {
            flags: 0,
            token: token.clone(),
        }
        .into(),
        FormatTokenArgs {
            flags: 0,
            token,
            auth_key: None,
        }
        .into(),
        GetTicketArgs {
            obj: 1,
            ..GetTicketArgs::default()
        }
        .into(),
        RedeemTicketArgs {
            flags: 0,
            module: 1,
            ticket: vec![1; 24],
        }
        .into(),
        MergeKeyIDsArgs {
            keys: vec![1, 2, 3],
        }
        .into(),
        UpdateMergedKeyArgs {
            mkey: 1,
            addkeys: vec![2],
            delkeys: vec![3],
            ..UpdateMergedKeyArgs::default()
        }
        .into(),
        GetChallengeArgs { module: 1 }.into(),
    ];
    let commands = (1..).zip(args).map(|(tag, args)| Command::new(tag, args));
    commands.chain([certified]).map(message).collect()
}
