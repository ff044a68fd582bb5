//! What a worker does with jobs for modules of other hardservers: it sends them, each in its turn, and gives the answers to
//! those who wait.

use std::sync::Arc;

use ncore::message::Reply;
use ncore::types::Status;

use super::imported::{Imported, Outgoing, Parcel, Waiter};
use crate::hardserver::engines::Entered;
use crate::hardserver::worker::{Owed, Worker, caught};

impl Worker {
    /// Sends a job as soon as its exporter may have another.
    pub(in crate::hardserver) fn send(&mut self, parcel: Parcel) {
        let server = Arc::clone(&self.server);
        if let Some(imported) = server.modules[parcel.owed.index].unit.imported()
            && let Entered::Run(first) = imported.line().enter(parcel)
        {
            self.send_from(imported, first);
        }
    }

    /// Sends a job in its turn. Those that cannot be sent are answered, and the next in line have theirs.
    fn send_from(&mut self, imported: &Arc<Imported>, first: Parcel) {
        let mut next = Some(first);
        while let Some(parcel) = next {
            // Nobody listens any more: it is not computed.
            if parcel.owed.answer.connection.closed() {
                drop(parcel);
                next = imported.line().done();
                continue;
            }
            let unsent = match parcel.outgoing.before {
                Some(_) => imported.send_later(parcel).err().map(|parcel| parcel.owed),
                None => self.post(imported, parcel),
            };
            next = unsent.and_then(|owed| self.fail(imported, *owed, Status::HardwareFailed));
        }
    }

    /// Does what a job waits for, and sends it.
    pub(super) fn prepare_and_send(&mut self, imported: &Arc<Imported>, mut parcel: Parcel) {
        let Outgoing { job, before, .. } = &mut *parcel.outgoing;
        let prepared = match before.take() {
            None => Ok(()),
            Some(before) => {
                let header = &parcel.owed.answer.header;
                caught(header, || before(&mut job.command)).flatten()
            }
        };
        let unsent = match prepared {
            Ok(()) => self
                .post(imported, parcel)
                .map(|owed| (owed, Status::HardwareFailed)),
            Err(status) => Some((parcel.owed, status)),
        };
        if let Some((owed, status)) = unsent
            && let Some(next) = self.fail(imported, *owed, status)
        {
            self.send_from(imported, next);
        }
    }

    /// Gives an exporter's answer to whoever waits for it, and sends the next job in line.
    pub(super) fn answered(&mut self, imported: &Arc<Imported>, waiter: Waiter, reply: Reply) {
        let next = match waiter {
            Waiter::Client(owed) => {
                let tag = owed.answer.header.tag;
                self.deliver(imported, *owed, Reply { tag, ..reply })
            }
            Waiter::Thread(thread) => {
                // It waits until it is told.
                let _ = thread.send(reply);
                None
            }
        };
        if let Some(next) = next {
            self.send_from(imported, next);
        }
    }

    /// Tells everybody who waits for an exporter that its link is lost.
    pub(super) fn link_lost(&mut self, imported: &Arc<Imported>, status: Status) {
        for waiter in imported.lost(status) {
            self.answered(imported, waiter, Reply::error(0, Status::HardwareFailed));
        }
        self.server.end_what_was_in_work(imported.number());
    }

    /// Sends a job; what is owed, if there is no link.
    fn post(&self, imported: &Arc<Imported>, parcel: Parcel) -> Option<Box<Owed>> {
        let Parcel { outgoing, owed } = parcel;
        match imported.send(*outgoing, Waiter::Client(owed)) {
            Err(Waiter::Client(owed)) => Some(owed),
            Ok(()) | Err(Waiter::Thread(_)) => None,
        }
    }

    fn fail(&mut self, imported: &Imported, owed: Owed, status: Status) -> Option<Parcel> {
        let reply = Reply::error(owed.answer.header.tag, status);
        self.deliver(imported, owed, reply)
    }

    /// Gives a reply to its client. The next job in line, which the exporter may have now.
    fn deliver(&mut self, imported: &Imported, owed: Owed, reply: Reply) -> Option<Parcel> {
        let connection = Arc::clone(&owed.answer.connection);
        self.settle_debt(owed, reply);
        if connection.flow.resumes() {
            self.server.requeue(&connection);
        }
        self.server.settle(&connection);
        imported.line().done()
    }
}
