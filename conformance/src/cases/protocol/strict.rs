//! Worlds of FIPS 140 level 3, through raw commands: what is refused, and what an operator's key grants. On hardservers of
//! the cases' own: setting such a world up erases a module.

use anyhow::ensure;
use ncore::delegation::Delegation;
use ncore::message::Request;
use ncore::types::*;

use super::certificates::Authority;
use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};

const STRICT: &str = "PROTOCOL, section 4.7";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "strict.operator.every-command",
        "Making, importing and writing need an operator's key and its delegation, and one alone is not enough",
        STRICT,
        operator,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetNSOPerms),
        denies(Cmd::GenerateKey, Status::StrictFIPS140),
        denies(Cmd::GenerateKeyPair, Status::StrictFIPS140),
        denies(Cmd::Import, Status::StrictFIPS140),
        denies(Cmd::GenerateLogicalToken, Status::StrictFIPS140),
        denies(Cmd::WriteShare, Status::StrictFIPS140),
        replies(Cmd::WriteShare),
    ]),
    Case::new(
        "strict.plain.neither-way",
        "Secret and private keys neither leave nor enter in the clear, whoever asks",
        STRICT,
        plain,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::Export, Status::StrictFIPS140),
        denies(Cmd::Import, Status::StrictFIPS140),
        denies(Cmd::SetACL, Status::StrictFIPS140),
        replies(Cmd::Sign),
    ]),
    Case::new(
        "strict.enquiry.mode",
        "A module tells that its world is one of level 3, and so it does after a restart",
        "PROTOCOL, section 4.9: EnquiryDataSix",
        enquiry,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::NewEnquiry)]),
];

/// A module in a strict world, with keys that were made before.
struct Strict {
    spare: Spare,
    bench: Bench,
    /// The certificates of an operator: the key at hand, and the officer's delegation to it.
    operator: Vec<Certificate>,
    /// An AES key whose list would let it leave.
    secret: u32,
    /// A pair whose lists would let it leave.
    pair: Pair,
}

impl Strict {
    fn new(rig: &Rig) -> anyhow::Result<Strict> {
        let spare = rig.spare()?;
        spare.initialise(1)?;
        let bench = Bench::at(spare.wire()?, 1);
        let officer = Authority::new(&bench, vec![officer_operations(EVERYTHING)])?;
        let operator = Authority::new(&bench, vec![])?;
        let leaves = || may(Op::EXPORT_AS_PLAIN | Op::SIGN | Op::VERIFY | Op::EXPAND_ACL);
        let secret = bench.aes(leaves())?;
        let pair = bench.rsa(1024, leaves(), leaves())?;
        let delegation = Delegation {
            delegate: Some(operator.hash),
            nonce: None,
            actions: vec![officer_operations(
                NSOPerms::OPS_ORIGINATE_KEY
                    | NSOPerms::OPS_WRITE_SHARE
                    | NSOPerms::OPS_GENERATE_LOG_TOKEN,
            )],
        };
        let operator = vec![
            operator.certificate(),
            officer.delegates(&bench, &delegation)?,
        ];
        spare.privileged()?.send(SetNSOPermsArgs {
            module: 1,
            flags: SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2,
            hknso: officer.hash,
            publicperms: NSOPerms { ops: EVERYTHING },
        })?;
        Ok(Strict {
            spare,
            bench,
            operator,
            secret,
            pair,
        })
    }

    /// Refuses without the operator, with the key alone and with the delegation alone; grants with both.
    fn guards<R: Request + Clone>(&self, args: R) -> anyhow::Result<R::Reply> {
        let what = R::CMD.to_string();
        let refusal = |answer| is(status(answer), Status::StrictFIPS140, &what);
        refusal(self.bench.send(args.clone()))?;
        for alone in &self.operator {
            let certs = certificates(vec![alone.clone()]);
            refusal(self.bench.send_with(args.clone(), certs))?;
        }
        Ok(self
            .bench
            .send_with(args, certificates(self.operator.clone()))?)
    }
}

fn operator(rig: &Rig) -> anyhow::Result<Outcome> {
    let strict = Strict::new(rig)?;
    let bench = &strict.bench;
    strict.guards(bench.aes_args(may(Op::ENCRYPT)))?;
    strict.guards(bench.pair_args(rsa_params(1024), may(Op::SIGN), may(Op::VERIFY)))?;
    let public = bench.export(strict.pair.public)?;
    strict.guards(bench.import_args(public, may(Op::VERIFY)))?;
    let token = strict.guards(GenerateLogicalTokenArgs {
        module: 1,
        hkm: [0; 20],
        params: TokenParams {
            flags: TokenParams::ALLOW_SOFT_SLOTS,
            sharesneeded: 1,
            sharestotal: 1,
            timelimit: 0,
        },
    })?;
    let place = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    let insert = InsertSoftTokenArgs {
        flags: 0,
        token: place.clone(),
        data: Vec::new(),
    };
    let ic = bench.send(insert)?.ic;
    let place = PhysToken { ic, ..place };
    bench.send(FormatTokenArgs {
        flags: 0,
        token: place.clone(),
        auth_key: None,
    })?;
    strict.guards(WriteShareArgs {
        flags: 0,
        token: place,
        idkt: token.idkt,
        i: 1,
        pin: None,
        acl: None,
    })?;
    Ok(Outcome::Passed)
}

fn plain(rig: &Rig) -> anyhow::Result<Outcome> {
    let strict = Strict::new(rig)?;
    let bench = &strict.bench;
    for key in [strict.secret, strict.pair.private] {
        let left = bench.send(ExportArgs { key });
        is(status(left), Status::StrictFIPS140, "a key that leaves")?;
        let list = SetACLArgs {
            key,
            newacl: may(Op::EXPORT_AS_PLAIN),
            ..SetACLArgs::default()
        };
        is(
            status(bench.send(list)),
            Status::StrictFIPS140,
            "a list by which it would",
        )?;
    }
    bench.export(strict.pair.public)?;
    let data = raw_key(KeyType::Rijndael, &[7; 32])?;
    let entered = bench.send_with(
        bench.import_args(data, may(Op::ENCRYPT)),
        certificates(strict.operator.clone()),
    );
    is(status(entered), Status::StrictFIPS140, "a key that enters")?;
    bench.send(sign_args(
        strict.pair.private,
        Mech::RSAhSHA256pPKCS1,
        bytes(b"as before"),
    ))?;
    Ok(Outcome::Passed)
}

fn enquiry(rig: &Rig) -> anyhow::Result<Outcome> {
    let modes = |spare: &Spare| -> anyhow::Result<u32> {
        let reply = spare.wire()?.send(NewEnquiryArgs {
            module: 1,
            version: EnqVer::Six.0,
            ..NewEnquiryArgs::default()
        })?;
        match reply.data {
            EnqVerData::Six(data) => Ok(data.six.activensopermsmodes),
            other => anyhow::bail!("not of level six: {other:?}"),
        }
    };
    let mut strict = Strict::new(rig)?;
    let bit = EnquiryDataSix::ACTIVENSOPERMSMODES_FIPS_LEVEL3_ENFORCEDV2;
    is(modes(&strict.spare)?, bit, "the modes")?;
    strict.spare.restart()?;
    is(modes(&strict.spare)?, bit, "the modes after a restart")?;
    let other = rig.spare()?;
    other.initialise(1)?;
    other.operate(1, [7; 20], EVERYTHING)?;
    ensure!(modes(&other)? == 0, "another world is one of level 3 too");
    Ok(Outcome::Passed)
}
