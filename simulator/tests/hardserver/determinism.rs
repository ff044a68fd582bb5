//! One seed, one run: the bytes of every reply, whatever the order in which clients come and threads run.

use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::message::Command;
use ncore::types::*;
use simulator::Server;

use crate::raw::{Raw, message};
use crate::rig::{Rig, encrypt, generate_rsa, import_aes, sign};

fn rig(seed: Option<&[u8]>) -> Rig {
    Rig::ready_with(|options| {
        options.modules = 2;
        options.seed = seed.map(<[u8]>::to_vec);
    })
}

/// A step of a script: the command, given the replies so far.
type Step = fn(&[ReplyBody]) -> Args;

fn key(body: &ReplyBody) -> u32 {
    match body {
        ReplyBody::GenerateKeyPair(reply) => reply.keypriv,
        ReplyBody::Import(reply) => reply.key,
        ReplyBody::MergeKeyIDs(reply) => reply.newkey,
        other => panic!("{other:?}"),
    }
}

const SCRIPT: [Step; 9] = [
    |_| GenerateRandomArgs { lenbytes: 40 }.into(),
    |_| generate_rsa(0, 512).into(),
    |_| generate_rsa(2, 512).into(),
    |replies| sign(key(&replies[1])).into(),
    |_| import_aes(1, 7).into(),
    |_| import_aes(2, 7).into(),
    |replies| {
        MergeKeyIDsArgs {
            keys: vec![key(&replies[4]), key(&replies[5])],
        }
        .into()
    },
    |replies| encrypt(key(&replies[6])).into(),
    |_| GenerateRandomArgs { lenbytes: 4 }.into(),
];

/// One client that has run a part of the script: the bytes of its replies.
struct Player {
    raw: Raw,
    transcript: Vec<Vec<u8>>,
    replies: Vec<ReplyBody>,
}

impl Player {
    fn new(rig: &Rig) -> Player {
        let mut raw = rig.raw();
        raw.send(&message(&Command::new(99, NewClientArgs::default())));
        let transcript = vec![raw.receive()];
        Player {
            raw,
            transcript,
            replies: Vec::new(),
        }
    }

    fn step(&mut self) {
        let at = self.replies.len();
        self.raw.send(&message(&Command::new(
            at as u32,
            SCRIPT[at](&self.replies),
        )));
        let bytes = self.raw.receive();
        let decoded =
            ncore::message::Reply::decode(&bytes, Default::default(), &Default::default()).unwrap();
        assert_eq!(decoded.status, Status::OK, "step {at}");
        self.replies.push(decoded.body);
        self.transcript.push(bytes);
    }
}

/// Eight clients, made in order, that take their steps in this order.
fn play(seed: Option<&[u8]>, mut order: impl FnMut(usize) -> usize) -> Vec<Vec<Vec<u8>>> {
    let rig = rig(seed);
    let mut players: Vec<Player> = (0..8).map(|_| Player::new(&rig)).collect();
    for turn in 0..8 * SCRIPT.len() {
        let mut next = order(turn) % 8;
        while players[next].replies.len() == SCRIPT.len() {
            next = (next + 1) % 8;
        }
        players[next].step();
    }
    players
        .into_iter()
        .map(|player| player.transcript)
        .collect()
}

#[test]
fn a_seed_repeats_every_reply_whatever_the_order_of_the_clients() {
    let in_turn = play(Some(b"seed"), |turn| turn);
    // A fixed shuffle: steps of a generator modulo 2^31.
    let mut state = 12345_u32;
    let shuffled = play(Some(b"seed"), |_| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        (state >> 16) as usize
    });
    assert!(in_turn == shuffled);
    let unlike: std::collections::HashSet<_> =
        in_turn.iter().map(|transcript| &transcript[1]).collect();
    assert_eq!(unlike.len(), 8, "clients do not share their random bytes");
}

#[test]
fn threads_do_not_change_what_a_client_sees() {
    let run = || {
        let rig = rig(Some(b"seed"));
        let mut players: Vec<Player> = (0..8).map(|_| Player::new(&rig)).collect();
        std::thread::scope(|scope| {
            for player in &mut players {
                scope.spawn(move || (0..SCRIPT.len()).for_each(|_| player.step()));
            }
        });
        players
            .into_iter()
            .map(|player| player.transcript)
            .collect::<Vec<_>>()
    };
    assert!(run() == run());
}

/// What the first client of each of two runs on one state is told.
fn two_runs(seed: &[u8]) -> [(Vec<u8>, NewClientReply); 2] {
    let rig = rig(Some(seed));
    let Rig {
        server,
        options,
        _folder,
    } = rig;
    let first_client = || {
        let endpoint = Endpoint::Unix(options.socket.clone());
        let connection = Connection::connect(&endpoint, ConnectOptions::default()).unwrap();
        let client = connection.transact(NewClientArgs::default()).unwrap();
        let random = connection.transact(GenerateRandomArgs { lenbytes: 40 });
        (random.unwrap().data, client)
    };
    let first = first_client();
    server.shutdown();
    let _server = Server::start(&options).unwrap();
    [first, first_client()]
}

/// The modules keep their keys from run to run: drawn again, a nonce would give one of them away.
#[test]
fn a_seeded_run_draws_nothing_that_an_earlier_run_on_its_state_has_drawn() {
    let [first, second] = two_runs(b"seed");
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
    assert_eq!(two_runs(b"seed"), [first, second]);
}

#[test]
fn other_seeds_and_none_give_other_replies() {
    let first = |seed| {
        let rig = rig(seed);
        let mut player = Player::new(&rig);
        (0..4).for_each(|_| player.step());
        (
            player.transcript,
            rig.server.endpoints().serial_numbers.clone(),
        )
    };
    let runs = [
        first(Some(&b"seed"[..])),
        first(Some(&b"sead"[..])),
        first(None),
        first(None),
    ];
    for one in 0..runs.len() {
        for other in 0..one {
            assert_ne!(runs[one].0[0], runs[other].0[0], "ClientIDs");
            assert_ne!(runs[one].0[1], runs[other].0[1], "random bytes");
            assert_ne!(runs[one].0[4], runs[other].0[4], "signatures");
            assert_ne!(runs[one].1, runs[other].1, "serial numbers");
        }
    }
}
