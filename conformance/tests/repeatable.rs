//! One seed, one run: every byte that a daemon says follows from it, whatever the order in which clients come and their
//! commands meet. Without a seed every run is another.

mod support;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use conformance::wire::{read_frame, write_frame};
use ncore::bignum::BignumOrder;
use ncore::message::{Command, Reply, Request};
use ncore::profile::WireProfile;
use ncore::types::*;
use support::{Desk, compile};

const SEED: &[&str] = &["--modules", "2", "--seed", "5eed"];
const OTHER_SEED: &[&str] = &["--modules", "2", "--seed", "5eee"];
const NO_SEED: &[&str] = &["--modules", "2"];

#[test]
fn a_seed_repeats_every_reply_of_a_script_and_nothing_else_does() {
    let first = alone(SEED);
    let second = alone(SEED);
    for (first, second) in first.iter().zip(&second) {
        assert!(
            first.bytes == second.bytes,
            "{}:\n{:02x?}\n{:02x?}",
            first.cmd,
            first.bytes,
            second.bytes
        );
    }
    assert_eq!(first.len(), second.len());
    let others = [alone(OTHER_SEED), alone(NO_SEED), alone(NO_SEED)];
    let mut runs = vec![&first];
    for other in &others {
        for run in &runs {
            differ(run, other, Random::OfDaemon);
        }
        runs.push(other);
    }
}

#[test]
fn a_seed_repeats_the_replies_to_each_of_8_clients_in_any_order() {
    let in_turn = Bench::prepare(SEED).eight_in_turn();
    assert_eq!(in_turn.len(), 8);
    for _ in 0..2 {
        let at_once = Bench::prepare(SEED).eight_at_once();
        assert!(at_once.keys().eq(in_turn.keys()), "the ClientIDs");
        for (client, expected) in &in_turn {
            for (found, expected) in at_once[client].iter().zip(expected) {
                assert!(
                    found.bytes == expected.bytes,
                    "client {client:02x?}, {}:\n{:02x?}\n{:02x?}",
                    found.cmd,
                    found.bytes,
                    expected.bytes
                );
            }
            assert_eq!(at_once[client].len(), expected.len());
        }
    }
    // What is repeated is not one thing said to all: each client has random bytes of its own.
    let clients: Vec<_> = in_turn.values().collect();
    for (place, one) in clients.iter().enumerate() {
        for other in &clients[..place] {
            differ(one, other, Random::OfClient);
        }
    }
    for other in Bench::prepare(NO_SEED).eight_at_once().values() {
        for run in in_turn.values() {
            differ(run, other, Random::OfDaemon);
        }
    }
}

#[test]
fn a_seed_repeats_a_world_and_the_keys_made_in_it() {
    let made = |arguments: &[&str]| {
        let desk = Desk::with_world(arguments, "1,2");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = compile("csp/cryptoapi/tests/c/sign.c", folder.path());
        let sign = "exec \"$SIGN\" 'nShield Enhanced RSA and AES Cryptographic Provider' demo";
        let mut command = desk.shell_command(sign);
        let signed = support::Run::of(command.env("SIGN", program)).report();
        let world = desk
            .shell("nfkminfo | grep -v createtime; enquiry -m 1 | grep 'serial number'")
            .report();
        [signed, world, desk.shell("nfkminfo -k").report()]
    };
    let first = made(SEED);
    assert_eq!(made(SEED), first);
    for other in [made(OTHER_SEED), made(NO_SEED)] {
        for (first, other) in first.iter().zip(&other) {
            assert_ne!(first, other);
        }
    }
}

/// What a client was told in reply to one command.
#[derive(Clone, Debug)]
struct Told {
    cmd: Cmd,
    /// The whole message.
    bytes: Vec<u8>,
    random: Random,
}

/// Whether there is something random in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Random {
    No,
    /// Something that all clients of a daemon see alike: a serial number, a module key.
    OfDaemon,
    /// Something made for one client.
    OfClient,
}

type Transcript = Vec<Told>;

/// Every reply with something as random as this in it must be unlike its counterpart.
#[track_caller]
fn differ(one: &[Told], other: &[Told], random: Random) {
    let random = one
        .iter()
        .zip(other)
        .filter(|(one, _)| one.random >= random);
    let mut count = 0;
    for (one, other) in random {
        assert_eq!(one.cmd, other.cmd);
        assert!(one.bytes != other.bytes, "{}: {:02x?}", one.cmd, one.bytes);
        count += 1;
    }
    assert!(count > 20, "only {count} replies are random");
}

/// One client runs everything, and one more the administrator's part before.
fn alone(arguments: &[&str]) -> Transcript {
    let mut bench = Bench::prepare(arguments);
    let mut player = Player::connect(&bench.desk.socket(), None);
    script(&mut player);
    bench.preparation.append(&mut player.told);
    bench.preparation
}

/// A daemon with both modules in operation.
struct Bench {
    desk: Desk,
    preparation: Transcript,
}

impl Bench {
    fn prepare(arguments: &[&str]) -> Bench {
        let desk = Desk::start(arguments);
        let mut player = Player::connect(&desk.privileged_socket(), None);
        for module in [1, 2] {
            administer(&mut player, module);
        }
        Bench {
            preparation: player.told,
            desk,
        }
    }

    /// Eight clients, one after the other.
    fn eight_in_turn(self) -> BTreeMap<[u8; 20], Transcript> {
        (0..8)
            .map(|_| {
                let mut player = Player::connect(&self.desk.socket(), None);
                script(&mut player);
                (player.client, player.told)
            })
            .collect()
    }

    /// Eight clients on a thread each, which come and act when they like.
    fn eight_at_once(self) -> BTreeMap<[u8; 20], Transcript> {
        let socket = self.desk.socket();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut player = Player::connect(&socket, Some(Idler::new()));
                        script(&mut player);
                        (player.client, player.told)
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("it has run to its end"))
                .collect()
        })
    }
}

/// Initialises a module, fills a card, and puts the module in operation.
fn administer(player: &mut Player, module: u32) {
    let clear = |mode| ClearUnitExArgs {
        module,
        mode,
        ..ClearUnitExArgs::default()
    };
    player.fixed(clear(ModuleMode::Initialisation));
    player.fixed(InitialiseUnitArgs { module });
    let kml = player.random(GetKMLArgs { module }).idka;
    player.random(ExportArgs { key: kml });
    let officer = player.random(rsa(module, 512));
    let hknso = player
        .random(GetKeyInfoArgs {
            key: officer.keypub,
        })
        .hash;
    let token = player.random(token(module));
    let place = PhysToken {
        module,
        slot: 1,
        ..PhysToken::default()
    };
    let ic = player
        .fixed(InsertSoftTokenArgs {
            token: place.clone(),
            ..InsertSoftTokenArgs::default()
        })
        .ic;
    let place = PhysToken { ic, ..place };
    player.fixed(FormatTokenArgs {
        token: place.clone(),
        ..FormatTokenArgs::default()
    });
    player.fixed(WriteShareArgs {
        token: place.clone(),
        idkt: token.idkt,
        i: 1,
        ..WriteShareArgs::default()
    });
    player.random(RemoveSoftTokenArgs {
        token: place,
        ..RemoveSoftTokenArgs::default()
    });
    player.fixed(SetNSOPermsArgs {
        module,
        hknso,
        publicperms: NSOPerms { ops: 0x7_ffff },
        ..SetNSOPermsArgs::default()
    });
    player.fixed(clear(ModuleMode::Operational));
    player.particular(GetKMListArgs { module, flags: 0 });
}

/// Commands of all kinds whose replies hold keys, nonces, initial vectors, blobs, tickets and identifiers.
fn script(player: &mut Player) {
    player.random(GenerateRandomArgs { lenbytes: 40 });
    player.particular(enquiry(1));
    player.random(GeneratePrimeArgs { lenbits: 256 });

    // The hardserver chooses the module here.
    let key = player.random(rsa(0, 512));
    player.fixed(GetWhichModuleArgs { key: key.keypriv });
    player.random(GetKeyInfoArgs { key: key.keypriv });
    player.random(ExportArgs { key: key.keypriv });
    let signed = player.random(SignArgs {
        key: key.keypriv,
        mech: Mech::RSApPKCS1,
        plain: bytes(b"message"),
        ..SignArgs::default()
    });
    player.fixed(VerifyArgs {
        key: key.keypub,
        mech: Mech::RSApPKCS1,
        plain: bytes(b"message"),
        sig: signed.sig,
        ..VerifyArgs::default()
    });
    // The padding is random.
    let cipher = player.random(encrypt(key.keypub, Mech::RSApPKCS1)).cipher;
    player.fixed(DecryptArgs {
        key: key.keypriv,
        mech: Mech::RSApPKCS1,
        cipher,
        reply_type: PlainTextType::Bytes,
        ..DecryptArgs::default()
    });

    let dsa = player.random(GenerateKeyPairArgs {
        params: KeyGenParams {
            type_: KeyType::DSAPrivate,
            params: KeyTypeGenParams::DSAPrivate(KeyTypeDSAPrivateGenParams {
                lenbits: 512,
                ..KeyTypeDSAPrivateGenParams::default()
            }),
        },
        ..rsa(1, 0)
    });
    let sign = SignArgs {
        key: dsa.keypriv,
        mech: Mech::DSA,
        plain: bytes(b"message"),
        ..SignArgs::default()
    };
    let first = player.random(sign.clone()).sig;
    let second = player.random(sign).sig;
    assert_ne!(first, second, "another nonce for the same message");

    let hkm = player
        .particular(GetKMListArgs {
            module: 2,
            flags: 0,
        })
        .hkms[0];
    let aes = player
        .random(GenerateKeyArgs {
            flags: 0,
            module: 2,
            params: KeyGenParams {
                type_: KeyType::Rijndael,
                params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 }),
            },
            acl: anything(),
            appdata: None,
        })
        .key;
    player.random(encrypt(aes, Mech::RijndaelmCBCi128pPKCS5));
    player.random(ExportArgs { key: aes });
    let blob = player
        .random(MakeBlobArgs {
            format: BlobFormat::Module,
            idka: aes,
            blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
            ..MakeBlobArgs::default()
        })
        .blob;
    player.random(LoadBlobArgs {
        module: 2,
        blob,
        ..LoadBlobArgs::default()
    });
    let token = player.random(token(2));
    player.random(GetLogicalTokenInfoArgs { idkt: token.idkt });
    let ticket = player
        .random(GetTicketArgs {
            obj: aes,
            dest: TicketDestination::Any,
            ..GetTicketArgs::default()
        })
        .ticket;
    player.random(RedeemTicketArgs {
        module: 2,
        ticket,
        ..RedeemTicketArgs::default()
    });
    player.random(GetChallengeArgs { module: 2 });
    let channel = player.random(ChannelOpenArgs {
        module: 2,
        type_: ChannelType::Simple,
        mode: ChannelMode::Encrypt,
        mech: Mech::RijndaelmCBCi128pPKCS5,
        key: Some(aes),
        ..ChannelOpenArgs::default()
    });
    player.random(ChannelUpdateArgs {
        flags: 0,
        idch: channel.idch,
        input: vec![7; 64],
    });

    let copies = [1, 2].map(|module| player.random(import(module)).key);
    let merged = player
        .random(MergeKeyIDsArgs {
            keys: copies.to_vec(),
        })
        .newkey;
    for _ in 0..4 {
        player.random(encrypt(merged, Mech::RijndaelmCBCi128pPKCS5));
    }
    player.refused(GetKeyInfoArgs { key: 0 }, Status::UnknownID);
    player.refused(GetChallengeArgs { module: 3 }, Status::InvalidModule);
    player.fixed(DestroyArgs { key: merged });

    // All on their way at once; the engines finish them in any order.
    player.together(
        (0..4)
            .flat_map(|_| {
                let sign = SignArgs {
                    key: dsa.keypriv,
                    mech: Mech::DSA,
                    plain: bytes(b"message"),
                    ..SignArgs::default()
                };
                [
                    Args::from(GenerateRandomArgs { lenbytes: 16 }),
                    rsa(0, 512).into(),
                    sign.into(),
                    encrypt(copies[1], Mech::RijndaelmCBCi128pPKCS5).into(),
                ]
            })
            .collect(),
    );
}

/// One client on one connection that writes down every reply.
struct Player {
    stream: UnixStream,
    client: [u8; 20],
    told: Transcript,
    idler: Option<Idler>,
    tag: u32,
}

impl Player {
    fn connect(socket: &Path, idler: Option<Idler>) -> Player {
        if let Some(idler) = &idler {
            idler.idle();
        }
        let stream = UnixStream::connect(socket).expect("it listens");
        // Longer than anything takes on a busy machine: reached only when no reply comes.
        let patience = Some(Duration::from_secs(120));
        stream.set_read_timeout(patience).expect("it is a time");
        let mut player = Player {
            stream,
            client: [0; 20],
            told: Vec::new(),
            idler,
            tag: 0,
        };
        player.client = player.random(NewClientArgs::default()).client;
        player
    }

    /// Sends a command that succeeds; there is something in the reply that was made for this client.
    #[track_caller]
    fn random<R: Request>(&mut self, args: R) -> R::Reply {
        self.ask(args, Random::OfClient)
    }

    /// Sends a command that succeeds; there is something in the reply that is this daemon's own.
    #[track_caller]
    fn particular<R: Request>(&mut self, args: R) -> R::Reply {
        self.ask(args, Random::OfDaemon)
    }

    /// Sends a command that succeeds; nothing random is in the reply.
    #[track_caller]
    fn fixed<R: Request>(&mut self, args: R) -> R::Reply {
        self.ask(args, Random::No)
    }

    /// Sends a command that is refused.
    #[track_caller]
    fn refused<R: Request>(&mut self, args: R, status: Status) {
        self.send(args.into());
        let reply = self.receive(Random::No);
        assert_eq!(reply.status, status, "{}", R::CMD);
    }

    /// Sends commands that succeed, and then reads their replies, which are written down in the order of the commands.
    fn together(&mut self, all: Vec<Args>) {
        let count = all.len();
        for args in all {
            self.send(args);
        }
        let at = self.told.len();
        let mut tags = Vec::new();
        for _ in 0..count {
            let reply = self.receive(Random::OfClient);
            assert_eq!(reply.status, Status::OK, "{}", reply.cmd);
            tags.push(reply.tag);
        }
        let mut told: Vec<_> = tags.into_iter().zip(self.told.drain(at..)).collect();
        told.sort_by_key(|(tag, _)| *tag);
        self.told.extend(told.into_iter().map(|(_, told)| told));
    }

    #[track_caller]
    fn ask<R: Request>(&mut self, args: R, random: Random) -> R::Reply {
        self.send(args.into());
        let reply = self.receive(random);
        assert_eq!(reply.status, Status::OK, "{}", R::CMD);
        assert_eq!(reply.tag, self.tag, "{}", R::CMD);
        R::reply(reply.body).expect("the reply is the command's own")
    }

    fn send(&mut self, args: Args) {
        if let Some(idler) = &self.idler {
            idler.idle();
        }
        self.tag += 1;
        let mut message = Vec::new();
        Command::new(self.tag, args)
            .encode(&mut message, &WireProfile::DEFAULT)
            .expect("the script's commands can be written");
        write_frame(&mut self.stream, &message).expect("the daemon reads");
    }

    fn receive(&mut self, random: Random) -> Reply {
        let bytes = read_frame(&mut self.stream)
            .expect("a reply in time")
            .expect("the connection lives");
        let reply = Reply::decode(&bytes, BignumOrder::default(), &WireProfile::DEFAULT)
            .expect("a good reply");
        self.told.push(Told {
            cmd: reply.cmd,
            bytes,
            random,
        });
        reply
    }
}

/// Pauses of no length in particular, so that no two runs meet in the same order.
struct Idler(RandomState);

impl Idler {
    fn new() -> Idler {
        Idler(RandomState::new())
    }

    fn idle(&self) {
        let mut hasher = self.0.build_hasher();
        let now = std::time::Instant::now();
        hasher.write(format!("{now:?}").as_bytes());
        std::thread::sleep(Duration::from_micros(hasher.finish() % 3_000));
    }
}

fn enquiry(module: u32) -> NewEnquiryArgs {
    NewEnquiryArgs {
        module,
        version: EnqVer::Six.0,
        ..NewEnquiryArgs::default()
    }
}

fn token(module: u32) -> GenerateLogicalTokenArgs {
    GenerateLogicalTokenArgs {
        module,
        // The null module key.
        hkm: [0; 20],
        params: TokenParams {
            flags: TokenParams::ALLOW_SOFT_SLOTS,
            sharesneeded: 1,
            sharestotal: 2,
            timelimit: 0,
        },
    }
}

fn rsa(module: u32, lenbits: u32) -> GenerateKeyPairArgs {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    GenerateKeyPairArgs {
        module,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        aclpriv: anything(),
        aclpub: anything(),
        ..GenerateKeyPairArgs::default()
    }
}

fn import(module: u32) -> ImportArgs {
    ImportArgs {
        module,
        data: KeyData {
            type_: KeyType::Rijndael,
            data: KeyTypeData::Random(KeyTypeRandomData { k: vec![7; 32] }),
        },
        acl: anything(),
        appdata: [0; 64],
    }
}

fn encrypt(key: u32, mech: Mech) -> EncryptArgs {
    EncryptArgs {
        key,
        mech,
        plain: bytes(b"plain text"),
        ..EncryptArgs::default()
    }
}

fn bytes(data: &[u8]) -> PlainText {
    PlainText {
        type_: PlainTextType::Bytes,
        data: PlainTextTypeData::Bytes(PlainTextTypeBytesData {
            data: data.to_vec(),
        }),
    }
}

/// A list that permits everything about one key.
fn anything() -> ACL {
    let operations = ActOpPermissionsDetails {
        perms: ActOpPermissionsDetails::KNOWN_PERMS,
    };
    let blobs = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY
            | ActMakeBlobDetails::ALLOW_NON_KM0
            | ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN,
        ..ActMakeBlobDetails::default()
    };
    ACL {
        groups: vec![PermissionGroup {
            actions: vec![
                Action {
                    type_: Act::OpPermissions,
                    details: ActDetails::OpPermissions(operations),
                },
                Action {
                    type_: Act::MakeBlob,
                    details: ActDetails::MakeBlob(blobs),
                },
            ],
            ..PermissionGroup::default()
        }],
    }
}
