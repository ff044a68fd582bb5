//! The connection's own code over loom's locks and a socket in memory, in the orders that its threads can take with a few
//! preemptions. A wake-up that is lost leaves a thread asleep for ever, which loom reports.

#[allow(dead_code)] // The connection above uses more of it.
#[path = "../../incoming.rs"]
mod incoming;
#[allow(dead_code)]
#[path = "../../shared.rs"]
mod shared;
#[path = "../../slots.rs"]
mod slots;
mod stream;
mod sync;
mod sys;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use loom::thread::{self, JoinHandle};

use self::shared::Shared;
use self::stream::Peer;
use super::super::{BadReply, ClientError, ConnectOptions, Endpoint, Loss, error};
use crate::message::Command;
use crate::types::{ReplyBody, ServerNoOpArgs};

/// How often a thread is interrupted where it could have gone on; what goes wrong mostly needs one or two.
const PREEMPTIONS: usize = 2;

/// In words.
const STACK: usize = 1 << 16;

const HOUR: Duration = Duration::from_secs(3600);

fn orders(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

fn connect(room: usize) -> (Arc<Shared>, Peer) {
    let (stream, peer) = stream::pair(room);
    let endpoint = Endpoint::Tcp("peer".to_owned());
    let shared = Shared::over(stream, &endpoint, ConnectOptions::default());
    (Arc::new(shared), peer)
}

/// A command whose reply brings its payload back.
fn call(shared: &Shared, payload: u8, limit: Option<Duration>) -> Result<(), ClientError> {
    let payload = vec![payload; 8];
    let args = ServerNoOpArgs {
        payload: payload.clone(),
        ..ServerNoOpArgs::default()
    };
    let sent = shared.send(Command::new(0, args))?;
    match shared.wait(&sent, limit)?.body {
        ReplyBody::ServerNoOp(reply) => assert_eq!(reply.payload, payload, "another's reply"),
        body => panic!("{body:?}"),
    }
    Ok(())
}

/// A thread with room for the codec's frames, which are large when they are not optimised.
fn spawn<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(STACK);
    builder.spawn(act).unwrap()
}

fn caller(
    shared: &Arc<Shared>,
    payload: u8,
    limit: Option<Duration>,
) -> JoinHandle<Result<(), ClientError>> {
    let shared = Arc::clone(shared);
    spawn(move || call(&shared, payload, limit))
}

#[test]
fn each_caller_gets_its_own_reply_in_whatever_order_they_come() {
    orders(PREEMPTIONS, || {
        let (shared, peer) = connect(usize::MAX);
        let callers = [caller(&shared, 1, None), caller(&shared, 2, None)];
        let hardserver = spawn(move || {
            let (first, second) = (peer.take(), peer.take());
            peer.answer(second);
            peer.answer(first);
        });
        for caller in callers {
            caller.join().unwrap().unwrap();
        }
        hardserver.join().unwrap();
    });
}

#[test]
fn a_reply_that_came_before_the_end_is_had_and_the_other_caller_learns_of_the_loss() {
    orders(PREEMPTIONS, || {
        let (shared, peer) = connect(usize::MAX);
        let callers = [caller(&shared, 1, None), caller(&shared, 2, None)];
        let hardserver = spawn(move || {
            let first = peer.take();
            peer.take();
            peer.answer(first);
            peer.hang_up();
        });
        let results = callers.map(|caller| caller.join().unwrap());
        hardserver.join().unwrap();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let lost = results.into_iter().find_map(Result::err);
        let Some(ClientError::Lost { cause, .. }) = lost else {
            panic!("{lost:?}");
        };
        assert!(matches!(cause, Loss::PeerClosed), "{cause}");
    });
}

#[test]
fn who_gives_up_hands_the_socket_on_and_a_late_reply_hurts_nobody() {
    orders(PREEMPTIONS, || {
        let (shared, peer) = connect(usize::MAX);
        let [hasty, patient] = [caller(&shared, 1, Some(HOUR)), caller(&shared, 2, None)];
        let clock = Arc::clone(&shared);
        let hardserver = spawn(move || {
            let commands = [peer.take(), peer.take()];
            sync::pass(2 * HOUR, || drop(clock.loss()));
            peer.stir();
            commands
                .into_iter()
                .for_each(|command| peer.answer(command));
        });
        match hasty.join().unwrap() {
            Ok(()) | Err(ClientError::TimedOut { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        patient.join().unwrap().unwrap();
        hardserver.join().unwrap();
    });
}

#[test]
fn closing_wakes_everyone() {
    orders(PREEMPTIONS, || {
        let (shared, _peer) = connect(usize::MAX);
        let callers = [caller(&shared, 1, None), caller(&shared, 2, Some(HOUR))];
        shared.close();
        for caller in callers {
            match caller.join().unwrap() {
                Err(ClientError::NotSent { cause, .. } | ClientError::Lost { cause, .. }) => {
                    // A write that meets the end explains it in its own words.
                    assert!(matches!(cause, Loss::Closed | Loss::Io(_)), "{cause}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

/// A hardserver that reads no command while its replies are not taken.
#[test]
fn a_writer_without_room_takes_the_replies_that_keep_the_hardserver_from_reading() {
    orders(1, || {
        let (shared, peer) = connect(16);
        let hardserver = spawn(move || {
            let first = peer.take();
            peer.answer(first);
            peer.flush();
            let second = peer.take();
            peer.answer(second);
        });
        let args = |payload| ServerNoOpArgs {
            payload: vec![payload; 8],
            ..ServerNoOpArgs::default()
        };
        let client = spawn(move || {
            let [first, second] =
                [1, 2].map(|payload| shared.send(Command::new(0, args(payload))).unwrap());
            for sent in [second, first] {
                shared.wait(&sent, None).unwrap();
            }
        });
        client.join().unwrap();
        hardserver.join().unwrap();
    });
}
