//! What a forked process, and one that would die of SIGPIPE, may do with a connection.
//!
//! Each child is a real one: it inherits the socket and the state of the locks.
#![cfg(unix)]

mod support;

use ncore::client::{ClientError, Loss};
use ncore::types::Status;
use support::{Server, ask, data};
use sys::Fork;

#[test]
fn forked_process_is_told_to_connect_for_itself() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(1), None).unwrap();
    let dropped = connection.submit(ask(2), None).unwrap();
    match sys::fork() {
        Fork::Child => sys::leave(|| {
            let error = connection.transact(ask(3)).unwrap_err();
            assert!(matches!(
                error,
                ClientError::NotSent {
                    cause: Loss::Forked,
                    ..
                }
            ));
            let error = connection.wait(pending).unwrap_err();
            assert!(matches!(
                error,
                ClientError::Lost {
                    cause: Loss::Forked,
                    ..
                }
            ));
            assert_eq!(error.status(), Status::ServerConnectionLost);
            assert!(matches!(connection.loss(), Some(Loss::Forked)));
            drop(dropped);
            drop(connection);
        }),
        Fork::Parent(child) => {
            sys::expect_success(child);
            // The child has neither closed the connection nor sent anything on it.
            let commands = [peer.expect(), peer.expect()];
            commands
                .iter()
                .rev()
                .for_each(|command| peer.answer(command));
            assert_eq!(connection.wait(pending).unwrap().data, data(1));
            assert_eq!(connection.wait(dropped).unwrap().data, data(2));
            drop(connection);
            peer.expect_end();
        }
    }
}

/// A DLL must not rely on its process to ignore the signal, as Rust programs do.
#[test]
fn writing_to_a_closed_socket_raises_no_signal() {
    match sys::fork() {
        Fork::Child => sys::leave(|| {
            sys::die_of_sigpipe();
            for (connection, peer) in [Server::listen().connect(), support::connect_unix("signal")]
            {
                drop(peer);
                // The first write to a TCP socket that the other end has closed may still go out.
                assert!(connection.submit(ask(1), None).is_ok() || connection.loss().is_some());
                std::thread::sleep(std::time::Duration::from_millis(20));
                assert!(connection.submit(ask(2), None).is_err());
            }
        }),
        Fork::Parent(child) => sys::expect_success(child),
    }
}

mod sys {
    #![allow(unsafe_code)]

    use std::panic::{AssertUnwindSafe, catch_unwind};

    pub(crate) enum Fork {
        Child,
        Parent(libc::pid_t),
    }

    pub(crate) fn fork() -> Fork {
        // SAFETY: the child uses memory (whose allocator survives a fork here), sockets and `leave`, and no lock that
        // another thread of the parent may hold.
        match unsafe { libc::fork() } {
            0 => Fork::Child,
            child => Fork::Parent(child),
        }
    }

    /// Runs the child's part and ends it, at once and without its parent's destructors.
    pub(crate) fn leave(part: impl FnOnce()) -> ! {
        let outcome = catch_unwind(AssertUnwindSafe(part));
        // SAFETY: ends the process; nothing is called back.
        unsafe { libc::_exit(i32::from(outcome.is_err())) }
    }

    pub(crate) fn expect_success(child: libc::pid_t) {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        let ended = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((ended, status), (child, 0), "the child failed");
    }

    pub(crate) fn die_of_sigpipe() {
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    }
}
