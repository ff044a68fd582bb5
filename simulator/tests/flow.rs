//! The flow of a connection's commands under loom, which runs each of these with every order that its threads' locks can
//! take: everything is begun by somebody, and the last to leave hears that the flow is finished.

/// The hardserver's own flow over loom's locks.
#[path = "../src/hardserver/flow"]
mod flow {
    mod sync {
        pub(super) use loom::sync::{Mutex, MutexGuard};
    }

    pub(crate) mod turns;
}

use flow::turns::{Flow, Limits};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// Commands that were read and not begun.
type Pending = usize;

/// A flow of at most this many commands in work.
fn flow(pending: Pending, in_flight: usize) -> Arc<Flow<Pending>> {
    let limits = Limits {
        in_flight,
        unread: 1,
    };
    Arc::new(Flow::new(pending, limits))
}

/// What a worker does with a socket that has news: begins what it may, and is through with the input. How many commands it
/// has begun.
fn read(flow: &Flow<Pending>) -> usize {
    let mut begun = 0;
    while let Some(mut pending) = flow.turn() {
        while *pending > 0 && !flow.pauses() {
            flow.begin_command();
            *pending -= 1;
            begun += 1;
        }
        if *pending == 0 && !flow.input_ended() {
            flow.end_input();
        }
    }
    begun
}

/// A worker that serves the socket.
fn serve(flow: &Flow<Pending>) -> bool {
    flow.announce();
    let begun = read(flow);
    begun > 0 && end(flow, begun) || flow.finished()
}

/// A worker that ends commands, and reads on if it has to. Whether it found the flow finished.
fn end(flow: &Flow<Pending>, mut begun: usize) -> bool {
    while begun > 0 {
        flow.end_command();
        begun -= 1;
        if flow.resumes() {
            begun += read(flow);
        }
    }
    flow.finished()
}

fn on(flow: &Arc<Flow<Pending>>, work: fn(&Flow<Pending>) -> bool) -> JoinHandle<bool> {
    let flow = Arc::clone(flow);
    thread::spawn(move || work(&flow))
}

/// The last command is answered while another thread reads the end of the input: neither may leave the end to the other.
#[test]
fn the_end_of_the_input_and_the_last_reply_are_not_both_left_to_the_other() {
    loom::model(|| {
        let flow = flow(0, 8);
        flow.begin_command();
        let reader = on(&flow, serve);
        let ended = end(&flow, 1);
        assert!(reader.join().expect("no panic") | ended);
    });
}

/// Of two threads that end the last commands of an ended input, one hears that it was the last.
#[test]
fn of_two_last_replies_one_finds_the_flow_finished() {
    loom::model(|| {
        let flow = flow(0, 8);
        flow.begin_command();
        flow.begin_command();
        flow.end_input();
        let other = on(&flow, |flow| end(flow, 1));
        let here = end(&flow, 1);
        assert!(other.join().expect("no panic") | here);
    });
}

/// Reading rests at the limit while a command ends: whoever made room reads on, though the other asks at that moment
/// whether the flow is finished.
#[test]
fn what_waits_at_the_limit_is_begun_and_the_flow_finished_once_it_is_answered() {
    loom::model(|| {
        let flow = flow(2, 1);
        flow.begin_command();
        let reader = on(&flow, serve);
        let ended = end(&flow, 1);
        let finished = reader.join().expect("no panic") | ended;
        assert!(finished, "{flow:?}");
        assert_eq!(flow.in_flight(), 0);
    });
}

/// Replies that the peer has not read hold the end back, and whoever writes the last of them finds it.
#[test]
fn unread_replies_hold_the_end_back() {
    loom::model(|| {
        let flow = flow(0, 8);
        flow.set_unread(1);
        let reader = on(&flow, serve);
        flow.set_unread(0);
        if flow.resumes() {
            read(&flow);
        }
        let written = flow.finished();
        assert!(reader.join().expect("no panic") | written);
    });
}
