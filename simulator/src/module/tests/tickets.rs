//! Objects handed from client to client, challenges, and permissions of the application's own.

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::module::tickets::module_of_ticket;

fn ticket_for(
    obj: u32,
    dest: TicketDestination,
    destspec: TicketDestinationDetails,
) -> GetTicketArgs {
    GetTicketArgs {
        flags: 0,
        obj,
        dest,
        destspec,
    }
}

fn any(obj: u32) -> GetTicketArgs {
    ticket_for(
        obj,
        TicketDestination::AnyClient,
        TicketDestinationDetails::Empty,
    )
}

fn redeem(ticket: &[u8]) -> RedeemTicketArgs {
    RedeemTicketArgs {
        flags: 0,
        module: 1,
        ticket: ticket.to_vec(),
    }
}

#[test]
fn a_ticket_serves_once() {
    let mut rig = Rig::operational();
    let mut other = rig.other_client(2);
    let key = rig.aes(anything());
    let ticket = rig.ok(any(key)).ticket;
    assert_eq!(module_of_ticket(&ticket), Some(1));
    let obj = other.ok(redeem(&ticket)).obj;
    assert_eq!(other.hash_of(obj), rig.hash_of(key));
    other.refused(redeem(&ticket), Status::UnknownID);
    // Both handles name the same object.
    other.ok(SetAppDataArgs {
        key: obj,
        appdata: [3; 64],
    });
    assert_eq!(rig.ok(GetAppDataArgs { key }).appdata, [3; 64]);
    rig.ok(DestroyArgs { key });
    other.ok(GetKeyInfoArgs { key: obj });
}

#[test]
fn a_ticket_for_one_client_is_refused_to_others() {
    let mut rig = Rig::operational();
    let (mut second, mut third) = (rig.other_client(2), rig.other_client(3));
    let key = rig.aes(anything());
    let named = TicketDestinationDetails::NamedClient(TicketDestinationNamedClientDetails {
        hclientid: [3; 20],
    });
    let ticket = rig
        .ok(ticket_for(key, TicketDestination::NamedClient, named))
        .ticket;
    second.refused(redeem(&ticket), Status::AccessDenied);
    third.ok(redeem(&ticket));
}

#[test]
fn a_ticket_dies_with_its_issuer_and_with_a_reset() {
    let mut rig = Rig::operational();
    let mut other = rig.other_client(2);
    let key = other.aes(anything());
    let ticket = other.ok(any(key)).ticket;
    rig.module.dismiss(2);
    rig.refused(redeem(&ticket), Status::UnknownID);
    let key = rig.aes(anything());
    let ticket = rig.ok(any(key)).ticket;
    rig.ok(ClearUnitArgs { module: 1 });
    rig.refused(redeem(&ticket), Status::UnknownID);
}

#[test]
fn what_is_no_ticket_is_refused() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    rig.refused(any(99), Status::UnknownID);
    rig.refused(redeem(b"short"), Status::InvalidParameter);
    rig.refused(redeem(&[0; 25]), Status::InvalidParameter);
    let mut ticket = rig.ok(any(key)).ticket;
    ticket[10] ^= 1;
    rig.refused(redeem(&ticket), Status::UnknownID);
    ticket[0] = 2;
    rig.refused(redeem(&ticket), Status::UnknownID);
    let empty = TicketDestinationDetails::Empty;
    rig.refused(
        ticket_for(key, TicketDestination::AnySEEWorld, empty.clone()),
        Status::NotAvailable,
    );
    rig.refused(
        ticket_for(key, TicketDestination::AnyKernelClient, empty.clone()),
        Status::NotAvailable,
    );
    rig.refused(
        ticket_for(key, TicketDestination(9), empty),
        Status::UnknownParameter,
    );
}

#[test]
fn user_actions_are_judged_by_the_keys_list() {
    let mut rig = Rig::operational();
    let allow = UserActionInfo {
        id: [1; 20],
        perms: 6,
        restriction: b"only this".to_vec(),
    };
    let details = ActDetails::UserAction(ActUserActionDetails {
        allow: allow.clone(),
    });
    let key = rig.aes(acl(vec![Action {
        type_: Act::UserAction,
        details,
    }]));
    let ask = |request| CheckUserActionArgs {
        flags: 0,
        key,
        request,
    };
    rig.ok(ask(allow.clone()));
    rig.ok(ask(UserActionInfo {
        perms: 2,
        ..allow.clone()
    }));
    rig.refused(
        ask(UserActionInfo {
            perms: 1,
            ..allow.clone()
        }),
        Status::AccessDenied,
    );
    rig.refused(
        ask(UserActionInfo {
            id: [2; 20],
            ..allow.clone()
        }),
        Status::AccessDenied,
    );
    rig.refused(
        ask(UserActionInfo {
            restriction: b"that".to_vec(),
            ..allow.clone()
        }),
        Status::AccessDenied,
    );
    rig.refused(
        CheckUserActionArgs {
            flags: 0,
            key: 77,
            request: allow,
        },
        Status::UnknownID,
    );
}
