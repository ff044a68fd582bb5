//! Handing objects on, and acting for another: tickets, certificates, challenges, user actions.

use anyhow::Context as _;
use ncore::delegation::Delegation;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "tickets.ticket.once",
        "A ticket hands a key to another client, once",
        "nCore API: Cmd_GetTicket, Cmd_RedeemTicket",
        ticket_once,
    )
    .covers(&[
        replies(Cmd::GetTicket),
        replies(Cmd::RedeemTicket),
        denies(Cmd::RedeemTicket, Status::UnknownID),
    ]),
    Case::new(
        "tickets.ticket.named",
        "A ticket for one client is refused to others",
        "nCore API: Cmd_GetTicket",
        ticket_named,
    )
    .covers(&[
        replies(Cmd::GetTicket),
        denies(Cmd::RedeemTicket, Status::AccessDenied),
    ]),
    Case::new(
        "tickets.ticket.nothing",
        "There is no ticket for what is not there",
        "nCore API: Cmd_GetTicket",
        ticket_nothing,
    )
    .covers(&[denies(Cmd::GetTicket, Status::UnknownID)]),
    Case::new(
        "tickets.certificate.key",
        "A loaded key certifies what its hash guards",
        "nCore API: M_Certificate (SigningKey)",
        certificate_key,
    )
    .covers(&[
        replies(Cmd::Sign),
        denies(Cmd::Sign, Status::AccessDenied),
        denies(Cmd::Sign, Status::BadCertKeyHash),
    ]),
    Case::new(
        "tickets.certificate.delegated",
        "A delegation counts for its delegate, fresh and unchanged",
        "nCore API: M_Certificate (SingleCert), Cmd_GetChallenge",
        certificate_delegated,
    )
    .covers(&[
        replies(Cmd::Sign),
        replies(Cmd::GetChallenge),
        denies(Cmd::GetChallenge, Status::InvalidModule),
        denies(Cmd::Sign, Status::BadCertSignature),
        denies(Cmd::Sign, Status::UnknownChallenge),
    ]),
    Case::new(
        "tickets.action.judged",
        "A user action is judged by the key's list",
        "nCore API: Cmd_CheckUserAction",
        action_judged,
    )
    .covers(&[
        replies(Cmd::CheckUserAction),
        denies(Cmd::CheckUserAction, Status::AccessDenied),
    ]),
];

fn ticket(obj: u32, dest: TicketDestination, destspec: TicketDestinationDetails) -> GetTicketArgs {
    GetTicketArgs {
        flags: 0,
        obj,
        dest,
        destspec,
    }
}

fn redeem(module: u32, ticket: &[u8]) -> RedeemTicketArgs {
    RedeemTicketArgs {
        flags: 0,
        module,
        ticket: ticket.to_vec(),
    }
}

fn ticket_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, other, module) = (rig.wire()?, rig.wire()?, rig.module()?);
    let key = aes(&one, module, anything())?;
    let args = ticket(
        key,
        TicketDestination::AnyClient,
        TicketDestinationDetails::Empty,
    );
    let ticket = one.send(args)?.ticket;
    let obj = other.send(redeem(module, &ticket))?.obj;
    equal(hash_of(&other, obj)?, hash_of(&one, key)?, "the hash")?;
    denied(other.send(redeem(module, &ticket)), Status::UnknownID)?;
    one.send(DestroyArgs { key })?;
    other.send(GetKeyInfoArgs { key: obj })?;
    Ok(Outcome::Passed)
}

fn ticket_named(rig: &Rig) -> anyhow::Result<Outcome> {
    use sha1::Digest as _;
    let (one, other, module) = (rig.wire()?, rig.wire()?, rig.module()?);
    let friend = rig.bare_wire()?;
    let client = friend.send(NewClientArgs::default())?.client;
    let key = aes(&one, module, anything())?;
    let named = TicketDestinationNamedClientDetails {
        hclientid: sha1::Sha1::digest(client).into(),
    };
    let args = ticket(
        key,
        TicketDestination::NamedClient,
        TicketDestinationDetails::NamedClient(named),
    );
    let ticket = one.send(args)?.ticket;
    denied(other.send(redeem(module, &ticket)), Status::AccessDenied)?;
    friend.send(redeem(module, &ticket))?;
    Ok(Outcome::Passed)
}

fn ticket_nothing(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let args = ticket(
        77,
        TicketDestination::AnyClient,
        TicketDestinationDetails::Empty,
    );
    denied(wire.send(args), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

/// A key that may certify.
struct Authority {
    key: u32,
    public: KeyData,
    hash: [u8; 20],
}

impl Authority {
    fn new(wire: &Wire, module: u32) -> anyhow::Result<Authority> {
        let list = may(Op::USE_AS_CERTIFICATE | Op::SIGN);
        let (key, public) = rsa(wire, module, 1024, list, may(Op::EXPORT_AS_PLAIN))?;
        let hash = hash_of(wire, key)?;
        Ok(Authority {
            key,
            public: wire.send(ExportArgs { key: public })?.data,
            hash,
        })
    }

    fn certificate(&self) -> Certificate {
        let body = CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key: self.key });
        Certificate {
            keyhash: self.hash,
            type_: CertType::SigningKey,
            body,
        }
    }

    fn delegates(
        &self,
        wire: &Wire,
        delegation: &Delegation,
    ) -> anyhow::Result<CertTypeSingleCertCertBody> {
        let certsignmsg = delegation
            .to_message()
            .context("the delegation cannot be written")?;
        let signature = wire.send(sign_args(self.key, &certsignmsg))?.sig;
        Ok(CertTypeSingleCertCertBody {
            pubkeydata: self.public.clone(),
            signature,
            certsignmsg,
        })
    }

    fn single(&self, body: &CertTypeSingleCertCertBody) -> Certificate {
        let body = CertTypeCertBody::SingleCert(body.clone());
        Certificate {
            keyhash: self.hash,
            type_: CertType::SingleCert,
            body,
        }
    }
}

/// A key that signs only when this one certifies.
fn guarded(wire: &Wire, module: u32, certifier: [u8; 20]) -> anyhow::Result<u32> {
    let group = PermissionGroup {
        certifier: Some(certifier),
        actions: vec![operations(Op::SIGN)],
        ..PermissionGroup::default()
    };
    aes(
        wire,
        module,
        ACL {
            groups: vec![group],
        },
    )
}

fn sign(
    wire: &Wire,
    key: u32,
    certs: Vec<Certificate>,
) -> Result<SignReply, ncore::client::ClientError> {
    wire.send_with(
        SignArgs {
            key,
            plain: bytes(b"message"),
            ..SignArgs::default()
        },
        CertificateList { certs },
    )
}

fn certificate_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (owner, stranger) = (
        Authority::new(&wire, module)?,
        Authority::new(&wire, module)?,
    );
    let key = guarded(&wire, module, owner.hash)?;
    denied(sign(&wire, key, Vec::new()), Status::AccessDenied)?;
    denied(
        sign(&wire, key, vec![stranger.certificate()]),
        Status::AccessDenied,
    )?;
    let liar = Certificate {
        keyhash: owner.hash,
        ..stranger.certificate()
    };
    denied(sign(&wire, key, vec![liar]), Status::BadCertKeyHash)?;
    sign(&wire, key, vec![owner.certificate()])?;
    Ok(Outcome::Passed)
}

fn certificate_delegated(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (owner, delegate) = (
        Authority::new(&wire, module)?,
        Authority::new(&wire, module)?,
    );
    let key = guarded(&wire, module, owner.hash)?;
    let nonce = wire.send(GetChallengeArgs { module })?.nonce;
    let delegation = |nonce| Delegation {
        delegate: Some(delegate.hash),
        nonce,
        actions: vec![operations(Op::SIGN)],
    };
    let lasting = owner.delegates(&wire, &delegation(None))?;
    let fresh = owner.delegates(&wire, &delegation(Some(nonce)))?;
    let chain =
        |body: &CertTypeSingleCertCertBody| vec![delegate.certificate(), owner.single(body)];
    sign(&wire, key, chain(&lasting))?;
    denied(
        sign(&wire, key, vec![owner.single(&lasting)]),
        Status::AccessDenied,
    )?;
    sign(&wire, key, chain(&fresh))?;
    denied(sign(&wire, key, chain(&fresh)), Status::UnknownChallenge)?;
    let mut changed = lasting.clone();
    if let Some(last) = changed.certsignmsg.last_mut() {
        *last ^= 1;
    }
    denied(sign(&wire, key, chain(&changed)), Status::BadCertSignature)?;
    denied(
        wire.send(GetChallengeArgs { module: 4000 }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}

fn action_judged(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let allow = UserActionInfo {
        id: [1; 20],
        perms: 6,
        restriction: b"only this".to_vec(),
    };
    let details = ActDetails::UserAction(ActUserActionDetails {
        allow: allow.clone(),
    });
    let key = aes(
        &wire,
        module,
        acl(vec![Action {
            type_: Act::UserAction,
            details,
        }]),
    )?;
    let ask = |request| {
        wire.send(CheckUserActionArgs {
            flags: 0,
            key,
            request,
        })
    };
    ask(allow.clone())?;
    denied(
        ask(UserActionInfo {
            perms: 1,
            ..allow.clone()
        }),
        Status::AccessDenied,
    )?;
    denied(
        ask(UserActionInfo {
            id: [2; 20],
            ..allow
        }),
        Status::AccessDenied,
    )?;
    Ok(Outcome::Passed)
}
