//! Waiting for sockets, by several threads at once.
//!
//! Every worker sleeps in the same epoll instance and the kernel wakes exactly one for each event, so a worker may
//! compute for as long as it likes: the next event wakes another one. That is what an asynchronous runtime cannot do
//! with its one driver, which somebody has to hand over, at the price of waking a thread, before computing; and the
//! price of a wake-up is a tenth of an RSA signature.
//!
//! Sockets are registered edge-triggered: one event for new bytes, whoever takes it reads until nothing is left.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

/// How long a worker that had work watches for more before it sleeps: longer than a client takes from a reply to its next
/// command.
const WATCH: Duration = Duration::from_micros(100);

/// An epoll instance with two doorbells: one that wakes a single worker, one that wakes all.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    one: OwnedFd,
    all: OwnedFd,
    /// Whether a worker watches: asks without sleeping.
    watched: AtomicBool,
}

/// What woke a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Something happened on the socket registered under this number.
    Socket(u64, Happened),
    /// [`Poller::wake_one`] was called.
    Woken,
    /// [`Poller::wake_all`] was called; from now on every wait ends with this.
    Stop,
}

/// What happened on a socket.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happened {
    /// There may be room to write again.
    pub(super) writable: bool,
    /// The peer sends nothing more: the end of the file is there to be read.
    pub(super) end: bool,
    /// The peer is gone in both directions: nobody will read a reply.
    pub(super) gone: bool,
}

const ONE: u64 = u64::MAX;
const ALL: u64 = u64::MAX - 1;

impl Poller {
    pub(super) fn new() -> std::io::Result<Poller> {
        let bell = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let poller = Poller {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            one: bell()?,
            all: bell()?,
            watched: AtomicBool::new(false),
        };
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &poller.epoll,
            &poller.one,
            epoll::EventData::new_u64(ONE),
            edge,
        )?;
        // Level-triggered and never read: once rung, it wakes every worker, also those that come later.
        epoll::add(
            &poller.epoll,
            &poller.all,
            epoll::EventData::new_u64(ALL),
            epoll::EventFlags::IN,
        )?;
        Ok(poller)
    }

    /// Registers a socket under a number, for reading.
    pub(super) fn add(&self, socket: impl AsFd, number: u64) -> std::io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(number),
            interest(false),
        )?)
    }

    /// Chooses whether the socket's getting writable is an event. What is already the case becomes an event again.
    pub(super) fn set_writable(
        &self,
        socket: impl AsFd,
        number: u64,
        writable: bool,
    ) -> std::io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(number),
            interest(writable),
        )?)
    }

    /// Ends the registration of a socket.
    pub(super) fn remove(&self, socket: impl AsFd) {
        // It fails only for a socket that is not registered.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Sleeps until something happens.
    pub(super) fn wait(&self) -> std::io::Result<Event> {
        loop {
            if let Some(event) = self.ask(None)? {
                return Ok(event);
            }
        }
    }

    /// For a worker that had work just now: asks again and again for a while, giving way to other threads in between,
    /// before it sleeps. To wake a thread on a processor that has gone idle takes a tenth of an RSA signature and more. Of
    /// several such workers one watches, and the others sleep.
    pub(super) fn watch(&self) -> std::io::Result<Event> {
        if !self.watched.swap(true, Ordering::Acquire) {
            let event = self.ask_until(Instant::now() + WATCH);
            self.watched.store(false, Ordering::Release);
            if let Some(event) = event? {
                return Ok(event);
            }
        }
        self.wait()
    }

    /// What has happened, if something has.
    pub(super) fn look(&self) -> std::io::Result<Option<Event>> {
        self.ask(Some(Duration::ZERO))
    }

    /// Sleeps until something happens, `limit` at most.
    pub(super) fn wait_for(&self, limit: Duration) -> std::io::Result<Option<Event>> {
        self.ask(Some(limit))
    }

    fn ask_until(&self, end: Instant) -> std::io::Result<Option<Event>> {
        loop {
            let event = self.look()?;
            if event.is_some() || Instant::now() >= end {
                return Ok(event);
            }
            std::thread::yield_now();
        }
    }

    fn ask(&self, limit: Option<Duration>) -> std::io::Result<Option<Event>> {
        let limit = limit.map(|limit| Timespec {
            tv_sec: 0,
            tv_nsec: limit.subsec_nanos().into(),
        });
        // One event at a time: a worker that took two would keep one of them waiting while it computes.
        let mut events: [std::mem::MaybeUninit<epoll::Event>; 1] =
            [const { std::mem::MaybeUninit::uninit() }];
        let event = match epoll::wait(&self.epoll, &mut events, limit.as_ref()) {
            Ok((events, _)) => match events {
                [event] => *event,
                _ => return Ok(None),
            },
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The kernel's structure is packed: its fields are copied out before they are used.
        let (data, flags) = (event.data, event.flags);
        Ok(Some(match data.u64() {
            ONE => Event::Woken,
            ALL => Event::Stop,
            number => Event::Socket(number, happened(flags)),
        }))
    }

    /// Wakes one sleeping worker.
    pub(super) fn wake_one(&self) {
        ring(&self.one);
    }

    /// Wakes every worker, for good.
    pub(super) fn wake_all(&self) {
        ring(&self.all);
    }
}

fn interest(writable: bool) -> epoll::EventFlags {
    let reading = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
    if writable {
        reading | epoll::EventFlags::OUT
    } else {
        reading
    }
}

fn happened(flags: epoll::EventFlags) -> Happened {
    use epoll::EventFlags as Flags;
    Happened {
        writable: flags.contains(Flags::OUT),
        end: flags.intersects(Flags::RDHUP | Flags::HUP | Flags::ERR),
        gone: flags.intersects(Flags::HUP | Flags::ERR),
    }
}

fn ring(bell: &OwnedFd) {
    // It fails only when the counter is full, and then the bell has been rung.
    let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn new_bytes_are_one_event_and_the_end_another() {
        let poller = Poller::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        poller.add(&far, 7).unwrap();
        near.write_all(b"x").unwrap();
        let bytes = Happened {
            writable: false,
            end: false,
            gone: false,
        };
        assert_eq!(poller.wait().unwrap(), Event::Socket(7, bytes));
        poller.wake_one();
        assert_eq!(
            poller.wait().unwrap(),
            Event::Woken,
            "unread bytes are not announced again"
        );
        drop(near);
        assert_eq!(
            poller.wait().unwrap(),
            Event::Socket(
                7,
                Happened {
                    end: true,
                    gone: true,
                    ..bytes
                }
            )
        );
    }

    #[test]
    fn stopping_wakes_everybody_for_good() {
        let poller = Poller::new().unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| poller.wait().unwrap()))
                .collect();
            poller.wake_all();
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), Event::Stop);
            }
        });
        assert_eq!(poller.wait().unwrap(), Event::Stop);
    }

    #[test]
    fn writability_is_announced_when_asked_for() {
        let poller = Poller::new().unwrap();
        let (_near, far) = UnixStream::pair().unwrap();
        poller.add(&far, 7).unwrap();
        poller.set_writable(&far, 7, true).unwrap();
        let room = Happened {
            writable: true,
            end: false,
            gone: false,
        };
        assert_eq!(poller.wait().unwrap(), Event::Socket(7, room));
    }
}
