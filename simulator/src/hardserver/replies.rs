//! What leaves as a reply: its frame, the counts, and what it tells about the client's objects.

use std::sync::atomic::Ordering;

use ncore::bignum::BignumOrder;
use ncore::frame;
use ncore::message::Reply;
use ncore::types::{Cmd, ReplyBody, Status};

use super::Hardserver;
use super::clients::Location;
use super::worker::Answer;

impl Hardserver {
    /// Appends the frame of a reply, and takes note of what the reply tells about the client's objects.
    pub(super) fn encode(&self, answer: &Answer, reply: &Reply, out: &mut Vec<u8>) {
        let guests = answer.connection.guests();
        if reply.status == Status::OK {
            match answer.header.cmd {
                Cmd::Fail => self.counts.device_fails.fetch_add(1, Ordering::Relaxed),
                Cmd::RetryFailedModule => {
                    self.counts.device_restarts.fetch_add(1, Ordering::Relaxed)
                }
                _ => 0,
            };
            if ends_what_is_in_work(answer.header.cmd)
                && let Some(index) = answer.index
            {
                self.held.hurry(index, self.modules[index].epoch());
            }
            // Where the objects of an importer's clients are is the importer's business.
            if guests.is_none() {
                self.note_objects(answer, &reply.body);
            }
        }
        let start = out.len();
        match guests {
            None => {
                let start = frame::begin(out);
                self.encode_message(answer, reply, out);
                frame::finish(out, start, answer.frame_len);
            }
            Some(guests) => self.encode_for_importer(answer, guests, reply, out),
        }
        let length = (out.len() - start - frame::LENGTH_WORD) as u64;

        let traffic = &answer.connection.traffic;
        for (replies, bytes) in [
            (&self.counts.replies, &self.counts.reply_bytes),
            (&traffic.replies, &traffic.reply_bytes),
        ] {
            replies.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(length, Ordering::Relaxed);
        }
        if let Some(index) = answer.index {
            let slot = &self.modules[index];
            slot.replies.fetch_add(1, Ordering::Relaxed);
            slot.reply_bytes.fetch_add(length, Ordering::Relaxed);
        }
    }

    /// Appends the message of a reply: SoftwareFailed or BufferFull instead of one that cannot be written.
    pub(super) fn encode_message(&self, answer: &Answer, reply: &Reply, out: &mut Vec<u8>) {
        let order = BignumOrder::from_command_flags(answer.header.flags);
        let start = out.len();
        let written = reply.encode(out, order, &self.profile);
        let failure = match written {
            Err(error) => {
                tracing::error!(cmd = %answer.header.cmd, %error, "a reply cannot be written");
                self.counts.reply_errors.fetch_add(1, Ordering::Relaxed);
                Some(Status::SoftwareFailed)
            }
            Ok(()) if out.len() - start > self.profile.max_message => Some(Status::BufferFull),
            Ok(()) => None,
        };
        if let Some(status) = failure {
            out.truncate(start);
            // An error without details is four words: it can always be written.
            let _ = Reply::error(answer.header.tag, status).encode(out, order, &self.profile);
        }
    }

    fn note_objects(&self, answer: &Answer, body: &ReplyBody) {
        let (Some(client), Some(index)) = (&answer.client, answer.index) else {
            return;
        };
        if let Some(id) = answer.destroys {
            client.forget(id);
        }
        if let Some(attempt) = &answer.attempt {
            self.adopt(attempt, body);
            return;
        }
        for id in made_objects(body).into_iter().flatten() {
            client.remember(
                id,
                Location::Module {
                    index,
                    epoch: self.modules[index].epoch(),
                },
            );
        }
    }
}

/// The identifiers of the objects that a command made, from its reply.
pub(super) fn made_objects(body: &ReplyBody) -> [Option<u32>; 2] {
    let one = |id| [Some(id), None];
    match body {
        ReplyBody::GenerateKey(reply) => one(reply.key),
        ReplyBody::GenerateKeyPair(reply) => [Some(reply.keypriv), Some(reply.keypub)],
        ReplyBody::Import(reply) => one(reply.key),
        ReplyBody::Duplicate(reply) => one(reply.newkey),
        ReplyBody::LoadBlob(reply) => one(reply.idka),
        ReplyBody::DeriveKey(reply) => one(reply.key),
        ReplyBody::GetKML(reply) => one(reply.idka),
        ReplyBody::GenerateLogicalToken(reply) => one(reply.idkt),
        ReplyBody::LoadLogicalToken(reply) => one(reply.idkt),
        ReplyBody::ChannelOpen(reply) => one(reply.idch),
        ReplyBody::RedeemTicket(reply) => one(reply.obj),
        _ => [None, None],
    }
}

/// Commands after which nothing of a module is in work any more.
pub(super) fn ends_what_is_in_work(cmd: Cmd) -> bool {
    matches!(
        cmd,
        Cmd::ClearUnit
            | Cmd::ClearUnitEx
            | Cmd::InitialiseUnit
            | Cmd::InitialiseUnitEx
            | Cmd::Maintenance
            | Cmd::Fail
            | Cmd::RetryFailedModule
    )
}
