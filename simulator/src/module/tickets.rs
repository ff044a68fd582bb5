//! Handing objects from one client to another: Cmd_GetTicket, Cmd_RedeemTicket.
//!
//! A ticket is a word that numbers the module and 20 random bytes. It serves once and dies with the client that asked
//! for it (PROTOCOL section 6, K6).

use std::collections::HashMap;

use ncore::Status;
use ncore::types::{
    GetTicketArgs, GetTicketReply, RedeemTicketArgs, RedeemTicketReply, TicketDestination,
    TicketDestinationDetails,
};
use rand_core::Rng;

use super::call::{Call, Outcome, body, check_flags};
use super::objects::Object;

/// Most tickets not yet redeemed.
const MAX_TICKETS: usize = 10_000;

type Secret = [u8; 20];

/// The tickets not yet redeemed.
#[derive(Default)]
pub(super) struct Tickets(HashMap<Secret, Ticket>);

struct Ticket {
    issuer: u64,
    object: Object,
    destination: Destination,
}

/// Who may redeem a ticket. Nothing runs inside the module, so code there is no destination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destination {
    AnyClient,
    /// The client whose identifier has this SHA-1.
    NamedClient([u8; 20]),
}

impl Tickets {
    /// Drops every ticket.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops the tickets of a client.
    pub(super) fn dismiss(&mut self, client: u64) {
        self.0.retain(|_, ticket| ticket.issuer != client);
    }

    fn issue(&mut self, secret: Secret, ticket: Ticket) -> Result<(), Status> {
        if self.0.len() >= MAX_TICKETS {
            return Err(Status::NoModuleMemory);
        }
        self.0.insert(secret, ticket);
        Ok(())
    }

    /// Takes a ticket: UnknownID if there is none such, AccessDenied if it is for somebody else, who may still come.
    fn redeem(&mut self, secret: &Secret, client: Option<[u8; 20]>) -> Result<Object, Status> {
        let ticket = self.0.get(secret).ok_or(Status::UnknownID)?;
        if let Destination::NamedClient(named) = ticket.destination
            && client != Some(named)
        {
            return Err(Status::AccessDenied);
        }
        self.0
            .remove(secret)
            .map(|ticket| ticket.object)
            .ok_or(Status::UnknownID)
    }
}

/// The number of the module that made a ticket; None if it is no ticket. The hardserver finds the way by it.
pub fn module_of_ticket(ticket: &[u8]) -> Option<u32> {
    parse(ticket).map(|(module, _)| module)
}

/// Cmd_GetTicket: NotAvailable for destinations inside a module or a kernel.
pub(super) fn issue(call: Call, args: GetTicketArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let destination = match (args.dest, &args.destspec) {
        (TicketDestination::Any | TicketDestination::AnyClient, _) => Destination::AnyClient,
        (TicketDestination::NamedClient, TicketDestinationDetails::NamedClient(named)) => {
            Destination::NamedClient(named.hclientid)
        }
        (TicketDestination::AnySEEWorld | TicketDestination::NamedSEEWorld, _) => {
            return Err(Status::NotAvailable);
        }
        (TicketDestination::AnyKernelClient, _) => return Err(Status::NotAvailable),
        _ => return Err(Status::UnknownParameter),
    };
    let mut secret = Secret::default();
    call.stream("ticket").fill_bytes(&mut secret);
    let issuer = call.client.ordinal;
    call.change(|inner| {
        let object = inner.objects.object(issuer, args.obj)?.clone();
        inner.tickets.issue(
            secret,
            Ticket {
                issuer,
                object,
                destination,
            },
        )
    })?;
    let ticket = [&call.number.to_le_bytes()[..], &secret].concat();
    body(GetTicketReply { ticket })
}

/// Cmd_RedeemTicket: InvalidParameter for bytes that are no ticket.
pub(super) fn redeem(call: Call, args: RedeemTicketArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let (module, secret) = parse(&args.ticket).ok_or(Status::InvalidParameter)?;
    if module != call.number {
        return Err(Status::UnknownID);
    }
    let object = call.change(|inner| inner.tickets.redeem(&secret, call.client.hash))?;
    body(RedeemTicketReply {
        obj: call.insert(0, object)?,
    })
}

fn parse(ticket: &[u8]) -> Option<(u32, Secret)> {
    let (module, secret) = ticket.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*module), secret.try_into().ok()?))
}
