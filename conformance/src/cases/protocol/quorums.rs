//! Logical tokens of K of N shares, and the cards that hold them, through soft slots.

use anyhow::{Context as _, bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::wire::denied;

const TOKENS: &str = "PROTOCOL, section 4.5";
const SHARES: &str = "nCore API: Cmd_WriteShare, Cmd_ReadShare";
const SLOTS: &str = "nCore API: Cmd_InsertSoftToken, Cmd_RemoveSoftToken, Cmd_GetSlotInfo";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "quorums.subsets.every",
        "Every K of N cards open the token, and no K-1 do",
        TOKENS,
        subsets,
    )
    .covers(&[
        replies(Cmd::ReadShare),
        replies(Cmd::LoadBlob),
        denies(Cmd::LoadBlob, Status::LogTokenNotPresent),
    ]),
    Case::new(
        "quorums.sizes.limits",
        "A quorum has at least one share and at most 64, and no more needed than there are",
        TOKENS,
        sizes,
    )
    .covers(&[
        replies(Cmd::GenerateLogicalToken),
        denies(Cmd::GenerateLogicalToken, Status::InvalidParameter),
        denies(Cmd::GenerateLogicalToken, Status::UnknownFlag),
        denies(Cmd::GenerateLogicalToken, Status::UnknownKM),
        denies(Cmd::LoadLogicalToken, Status::InvalidParameter),
        denies(Cmd::LoadLogicalToken, Status::UnknownKM),
    ]),
    Case::new(
        "quorums.progress.told",
        "Information on a token tells its state and each share's, while writing and reading",
        "nCore API: Cmd_GetLogicalTokenInfo, Cmd_GetLogicalTokenInfoEx",
        progress,
    )
    .covers(&[
        replies(Cmd::GetLogicalTokenInfo),
        replies(Cmd::GetLogicalTokenInfoEx),
    ]),
    Case::new(
        "quorums.pass-phrases.own",
        "Each share has its own pass phrase, and a wrong one costs nothing",
        SHARES,
        pass_phrases,
    )
    .covers(&[
        denies(Cmd::ReadShare, Status::DecryptFailed),
        denies(Cmd::ReadSoftTokenShare, Status::DecryptFailed),
        replies(Cmd::ReadSoftTokenShare),
    ]),
    Case::new(
        "quorums.shares.mixed",
        "Shares of two tokens do not mix, and a token loaded with other parameters takes none",
        SHARES,
        mixed,
    )
    .covers(&[
        denies(Cmd::ReadShare, Status::IncorrectToken),
        denies(Cmd::ReadShare, Status::BadTokenData),
        denies(Cmd::ReadShare, Status::OutOfRange),
    ]),
    Case::new(
        "quorums.shares.one-a-card",
        "A card takes one share of a token, and shares of others besides",
        SHARES,
        one_a_card,
    )
    .covers(&[
        denies(Cmd::WriteShare, Status::AlreadyExists),
        denies(Cmd::WriteShare, Status::BadShareState),
        denies(Cmd::WriteShare, Status::OutOfRange),
    ]),
    Case::new(
        "quorums.shares.list",
        "A share with a list is read only as the list allows",
        "nCore API: M_ACL, Act_ReadShare",
        share_list,
    )
    .covers(&[
        replies(Cmd::GetShareACL),
        replies(Cmd::ReadShare),
        denies(Cmd::ReadShare, Status::AccessDenied),
    ]),
    Case::new(
        "quorums.soft.allowed",
        "Soft slots take tokens that allow them, and no others",
        "PROTOCOL, section 4.5, TokenParams",
        soft_allowed,
    )
    .covers(&[
        denies(Cmd::WriteShare, Status::AccessDenied),
        denies(Cmd::ReadSoftTokenShare, Status::AccessDenied),
    ]),
    Case::new(
        "quorums.cards.bound",
        "A card bound to a module key shows that key, and works where the key is",
        "nCore API: Cmd_FormatToken",
        bound,
    )
    .covers(&[
        replies(Cmd::FormatToken),
        denies(Cmd::FormatToken, Status::UnknownKM),
        replies(Cmd::GetSlotInfo),
    ]),
    Case::new(
        "quorums.cards.foreign",
        "Blank, foreign and damaged cards are told apart",
        SLOTS,
        foreign_cards,
    )
    .covers(&[
        denies(Cmd::InsertSoftToken, Status::UnknownTokenType),
        denies(Cmd::InsertSoftToken, Status::BadTokenData),
        denies(Cmd::InsertSoftToken, Status::NoSpaceOnToken),
        denies(Cmd::GetSlotInfo, Status::TokenNotFormatted),
        denies(Cmd::WriteShare, Status::TokenNotFormatted),
    ]),
    Case::new(
        "quorums.slots.counters",
        "Insertions and changes are counted, and a stale count is PhysTokenNotPresent",
        "PROTOCOL, section 4.5, slots",
        counters,
    )
    .covers(&[
        replies(Cmd::PollSlotList),
        denies(Cmd::InsertSoftToken, Status::SlotFull),
        denies(Cmd::FormatToken, Status::PhysTokenNotPresent),
        denies(Cmd::RemoveSoftToken, Status::PhysTokenNotPresent),
        denies(Cmd::RemoveSoftToken, Status::InvalidSlot),
        denies(Cmd::FormatToken, Status::UnknownSlot),
    ]),
    Case::new(
        "quorums.authorisation.shared",
        "Keys loaded under one token share its limits, and another loading has its own",
        "PROTOCOL, section 4.3, use limits",
        authorisation,
    )
    .covers(&[denies(Cmd::Sign, Status::UseLimitExceeded)]),
    Case::new(
        "quorums.shares.erased",
        "An erased share is gone, and its card takes another",
        "nCore API: Cmd_EraseShare",
        erased,
    )
    .covers(&[
        replies(Cmd::EraseShare),
        denies(Cmd::EraseShare, Status::IncorrectToken),
        denies(Cmd::ReadShare, Status::IncorrectToken),
    ]),
];

/// The soft slot of the module.
fn soft_slot(bench: &Bench) -> anyhow::Result<PhysToken> {
    let slots = bench
        .send(GetSlotListArgs {
            module: bench.module,
        })?
        .slots;
    let slot = slots
        .into_iter()
        .find(|slot| slot.type_ == SlotType::SoftToken);
    Ok(slot.context("the module has no soft slot")?.token)
}

/// Puts an image into the soft slot.
pub(super) fn insert(bench: &Bench, data: Vec<u8>) -> anyhow::Result<PhysToken> {
    let token = soft_slot(bench)?;
    let ic = bench
        .send(InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data,
        })?
        .ic;
    Ok(PhysToken { ic, ..token })
}

/// Takes the image out again.
pub(super) fn remove(bench: &Bench, token: PhysToken) -> anyhow::Result<Vec<u8>> {
    Ok(bench.send(RemoveSoftTokenArgs { flags: 0, token })?.data)
}

/// Does something with a card in the slot: the card afterwards, and what came of it.
fn with_card<T>(
    bench: &Bench,
    card: &[u8],
    act: impl FnOnce(&PhysToken) -> T,
) -> anyhow::Result<(Vec<u8>, T)> {
    let token = insert(bench, card.to_vec())?;
    let result = act(&token);
    Ok((remove(bench, token)?, result))
}

fn params(sharesneeded: u32, sharestotal: u32) -> TokenParams {
    TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS,
        sharesneeded,
        sharestotal,
        timelimit: 0,
    }
}

fn generate(bench: &Bench, params: TokenParams) -> anyhow::Result<GenerateLogicalTokenReply> {
    Ok(bench.send(GenerateLogicalTokenArgs {
        module: bench.module,
        hkm: NULL_AES,
        params,
    })?)
}

fn loading(bench: &Bench, hkt: KeyHash, params: TokenParams) -> anyhow::Result<u32> {
    Ok(bench
        .send(LoadLogicalTokenArgs {
            module: bench.module,
            hkt,
            hkm: NULL_AES,
            params,
        })?
        .idkt)
}

fn write_args(token: &PhysToken, idkt: u32, i: u32, pin: Option<[u8; 20]>) -> WriteShareArgs {
    WriteShareArgs {
        flags: 0,
        token: token.clone(),
        idkt,
        i,
        pin,
        acl: None,
    }
}

/// A blank card, formatted.
fn formatted(bench: &Bench) -> anyhow::Result<Vec<u8>> {
    let format = |token: &PhysToken| {
        bench.send(FormatTokenArgs {
            flags: 0,
            token: token.clone(),
            auth_key: None,
        })
    };
    let (card, answer) = with_card(bench, b"", format)?;
    answer?;
    Ok(card)
}

/// Writes every share of a token, each on a card of its own.
fn write_cards(
    bench: &Bench,
    idkt: u32,
    total: u32,
    pin: impl Fn(u32) -> Option<[u8; 20]>,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut cards = Vec::new();
    for i in 1..=total {
        let blank = formatted(bench)?;
        let (card, answer) = with_card(bench, &blank, |token| {
            bench.send(write_args(token, idkt, i, pin(i)))
        })?;
        answer?;
        cards.push(card);
    }
    Ok(cards)
}

/// Reads share `i` from a card: how many are left.
fn read(
    bench: &Bench,
    card: &[u8],
    idkt: u32,
    i: u32,
    pin: Option<[u8; 20]>,
) -> anyhow::Result<Sent<u32>> {
    let (_, answer) = with_card(bench, card, |token| {
        bench.send(ReadShareArgs {
            flags: 0,
            token: token.clone(),
            idkt,
            i,
            pin,
        })
    })?;
    Ok(answer.map(|reply| reply.sharesleft))
}

/// Makes a blob of a key under a token.
fn blob_under(bench: &Bench, key: u32, idkt: u32) -> anyhow::Result<Vec<u8>> {
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt });
    let args = MakeBlobArgs {
        format: BlobFormat::Token,
        idka: key,
        blobkey,
        ..MakeBlobArgs::default()
    };
    Ok(bench.send(args)?.blob)
}

fn load(bench: &Bench, blob: &[u8], idkt: u32) -> Sent<LoadBlobReply> {
    bench.send(LoadBlobArgs {
        module: bench.module,
        blob: blob.to_vec(),
        idkb: Some(idkt),
        ..LoadBlobArgs::default()
    })
}

fn subsets(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (needed, total) in [(1_u32, 1_u32), (1, 3), (2, 2), (2, 4), (3, 4), (4, 4)] {
        let made = generate(&bench, params(needed, total))?;
        let cards = write_cards(&bench, made.idkt, total, |_| None)?;
        let key = bench.aes(anything())?;
        let blob = blob_under(&bench, key, made.idkt)?;
        for set in 1..1_u32 << total {
            let members: Vec<u32> = (1..=total).filter(|i| set >> (i - 1) & 1 == 1).collect();
            let what = format!("{needed} of {total}, shares {members:?}");
            let count = members.len() as u32;
            if count > needed {
                continue;
            }
            let idkt = loading(&bench, made.hkt, params(needed, total))?;
            for (read_so_far, i) in (1..).zip(&members) {
                let left = read(&bench, &cards[*i as usize - 1], idkt, *i, None)??;
                is(left, needed - read_so_far, &what)?;
            }
            let answer = load(&bench, &blob, idkt);
            if count == needed {
                let loaded = answer.with_context(|| what.clone())?.idka;
                is(bench.hash_of(loaded)?, bench.hash_of(key)?, &what)?;
            } else {
                denied(answer, Status::LogTokenNotPresent).context(what)?;
            }
            bench.send(DestroyArgs { key: idkt })?;
        }
    }
    Ok(Outcome::Passed)
}

fn sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let make = |hkm, params: TokenParams| {
        let module = bench.module;
        let made = bench.send(GenerateLogicalTokenArgs {
            module,
            hkm,
            params: params.clone(),
        });
        let loaded = bench.send(LoadLogicalTokenArgs {
            module,
            hkt: [1; 20],
            hkm,
            params,
        });
        (status(made), status(loaded))
    };
    for (needed, total) in [
        (0, 0),
        (0, 1),
        (2, 1),
        (1, 0),
        (1, 65),
        (65, 65),
        (1, u32::MAX),
    ] {
        let expected = (Status::InvalidParameter, Status::InvalidParameter);
        is(
            make(NULL_AES, params(needed, total)),
            expected,
            &format!("{needed} of {total}"),
        )?;
    }
    is(
        make(NULL_AES, params(64, 64)),
        (Status::OK, Status::OK),
        "64 of 64",
    )?;
    is(
        make(NULL_DES3, params(1, 64)),
        (Status::OK, Status::OK),
        "1 of 64, Triple DES",
    )?;
    let flags = TokenParams {
        flags: 0x1000,
        ..params(1, 1)
    };
    is(
        make(NULL_AES, flags),
        (Status::UnknownFlag, Status::UnknownFlag),
        "an unknown flag",
    )?;
    is(
        make([0x42; 20], params(1, 1)),
        (Status::UnknownKM, Status::UnknownKM),
        "an unknown module key",
    )?;
    Ok(Outcome::Passed)
}

fn progress(rig: &Rig) -> anyhow::Result<Outcome> {
    use LogTokenShareState as Share;

    let bench = Bench::open(rig)?;
    let made = generate(&bench, params(2, 3))?;
    let look = |idkt| -> anyhow::Result<(LogTokenState, u32, Vec<Share>)> {
        let info = bench.send(GetLogicalTokenInfoArgs { idkt })?;
        let ex = bench.send(GetLogicalTokenInfoExArgs { flags: 0, idkt })?;
        is(
            (info.hkt, ex.hkt, ex.hkm),
            (made.hkt, made.hkt, NULL_AES),
            "the hashes",
        )?;
        is(
            (ex.state, ex.sharesneeded, &ex.shares),
            (info.state, info.sharesneeded, &info.shares),
            "both forms",
        )?;
        is(ex.timelimit, 0, "the time limit")?;
        let shares = info.shares.iter().map(|share| share.state).collect();
        Ok((info.state, info.sharesneeded, shares))
    };
    is(
        look(made.idkt)?,
        (LogTokenState::Writing, 3, vec![Share::NotYetWritten; 3]),
        "made",
    )?;
    let blank = formatted(&bench)?;
    let (second, answer) = with_card(&bench, &blank, |token| {
        bench.send(write_args(token, made.idkt, 2, None))
    })?;
    answer?;
    let one = vec![Share::NotYetWritten, Share::OK, Share::NotYetWritten];
    is(
        look(made.idkt)?,
        (LogTokenState::Writing, 2, one),
        "one written",
    )?;
    let mut cards = Vec::new();
    for i in [1, 3] {
        let (card, answer) = with_card(&bench, &blank, |token| {
            bench.send(write_args(token, made.idkt, i, None))
        })?;
        answer?;
        cards.push(card);
    }
    is(
        look(made.idkt)?,
        (LogTokenState::Present, 0, vec![Share::OK; 3]),
        "all written",
    )?;
    let idkt = loading(&bench, made.hkt, params(2, 3))?;
    is(
        look(idkt)?,
        (LogTokenState::Reading, 2, vec![Share::NotYetRead; 3]),
        "loading",
    )?;
    read(&bench, &second, idkt, 2, None)??;
    let one = vec![Share::NotYetRead, Share::OK, Share::NotYetRead];
    is(look(idkt)?, (LogTokenState::Reading, 1, one), "one read")?;
    read(&bench, &cards[1], idkt, 3, None)??;
    let two = vec![Share::NotYetRead, Share::OK, Share::OK];
    is(look(idkt)?, (LogTokenState::Present, 0, two), "two read")?;
    Ok(Outcome::Passed)
}

fn pass_phrases(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let made = generate(&bench, params(3, 3))?;
    let pin = |i: u32| (i != 2).then_some([i as u8; 20]);
    let cards = write_cards(&bench, made.idkt, 3, pin)?;
    let idkt = loading(&bench, made.hkt, params(3, 3))?;
    let mut near = [1; 20];
    near[19] ^= 1;
    for (i, wrong) in [
        (1, None),
        (1, Some([3; 20])),
        (1, Some(near)),
        (1, Some([0; 20])),
        (2, Some([2; 20])),
        (3, Some([1; 20])),
    ] {
        let found = status(read(&bench, &cards[i as usize - 1], idkt, i, wrong)?);
        is(
            found,
            Status::DecryptFailed,
            &format!("share {i} with {wrong:02x?}"),
        )?;
        let soft = ReadSoftTokenShareArgs {
            flags: 0,
            token: soft_slot(&bench)?,
            data: cards[i as usize - 1].clone(),
            idkt,
            i,
            pin: wrong,
        };
        is(
            status(bench.send(soft)),
            Status::DecryptFailed,
            &format!("share {i} of an image"),
        )?;
    }
    let soft = ReadSoftTokenShareArgs {
        flags: 0,
        token: soft_slot(&bench)?,
        data: cards[0].clone(),
        idkt,
        i: 1,
        pin: pin(1),
    };
    is(bench.send(soft)?.sharesleft, 2, "shares left")?;
    is(read(&bench, &cards[1], idkt, 2, None)??, 1, "shares left")?;
    is(read(&bench, &cards[2], idkt, 3, pin(3))??, 0, "shares left")?;
    Ok(Outcome::Passed)
}

fn mixed(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (one, two) = (
        generate(&bench, params(2, 3))?,
        generate(&bench, params(2, 3))?,
    );
    let ones = write_cards(&bench, one.idkt, 3, |_| None)?;
    let twos = write_cards(&bench, two.idkt, 3, |_| None)?;
    let idkt = loading(&bench, one.hkt, params(2, 3))?;
    is(read(&bench, &ones[0], idkt, 1, None)??, 1, "shares left")?;
    for (card, i, expected, what) in [
        (
            &twos[1],
            2,
            Status::IncorrectToken,
            "the other token's card",
        ),
        (&ones[1], 3, Status::IncorrectToken, "another share's card"),
        (&ones[0], 1, Status::BadShareState, "the same share again"),
        (&ones[1], 0, Status::OutOfRange, "share 0"),
        (&ones[1], 4, Status::OutOfRange, "share 4 of 3"),
    ] {
        is(status(read(&bench, card, idkt, i, None)?), expected, what)?;
    }
    for other in [
        params(1, 3),
        params(2, 4),
        TokenParams {
            timelimit: 5,
            ..params(2, 3)
        },
    ] {
        let idkt = loading(&bench, one.hkt, other)?;
        is(
            status(read(&bench, &ones[0], idkt, 1, None)?),
            Status::BadTokenData,
            "other parameters",
        )?;
    }
    is(read(&bench, &ones[2], idkt, 3, None)??, 0, "shares left")?;
    Ok(Outcome::Passed)
}

fn one_a_card(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (one, two) = (
        generate(&bench, params(1, 2))?,
        generate(&bench, params(1, 1))?,
    );
    let blank = formatted(&bench)?;
    let write = |card: &[u8], idkt, i| {
        with_card(&bench, card, |token| {
            status(bench.send(write_args(token, idkt, i, None)))
        })
    };
    let (card, answer) = write(&blank, one.idkt, 1)?;
    is(answer, Status::OK, "the first share")?;
    let (card, answer) = write(&card, one.idkt, 2)?;
    is(
        answer,
        Status::AlreadyExists,
        "the second share on the same card",
    )?;
    let (card, answer) = write(&card, two.idkt, 1)?;
    is(answer, Status::OK, "another token's share")?;
    is(
        write(&blank, one.idkt, 1)?.1,
        Status::BadShareState,
        "the first share again",
    )?;
    for i in [0, 3, u32::MAX] {
        is(
            write(&blank, one.idkt, i)?.1,
            Status::OutOfRange,
            &format!("share {i}"),
        )?;
    }
    let (_, info) = with_card(&bench, &card, |token| {
        bench.send(GetSlotInfoArgs {
            module: bench.module,
            slot: token.slot,
        })
    })?;
    let short = |hash: KeyHash| -> [u8; 10] { std::array::from_fn(|at| hash[at]) };
    let expected: Vec<TokenInfo> = [one.hkt, two.hkt]
        .map(|hkt| TokenInfo {
            flags: 0,
            hkt: short(hkt),
            i: 1,
        })
        .into();
    is(info?.tokens, expected, "the shares on the card")?;
    Ok(Outcome::Passed)
}

fn share_list(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let readable = acl(vec![Action {
        type_: Act::ReadShare,
        details: ActDetails::ReadShare(ActReadShareDetails::default()),
    }]);
    for (list, expected) in [
        (None, Status::OK),
        (Some(readable), Status::OK),
        (Some(may(Op::KNOWN_PERMS)), Status::AccessDenied),
        (Some(ACL::default()), Status::AccessDenied),
    ] {
        let made = generate(&bench, params(1, 1))?;
        let blank = formatted(&bench)?;
        let (card, answer) = with_card(&bench, &blank, |token| {
            bench.send(WriteShareArgs {
                acl: list.clone(),
                ..write_args(token, made.idkt, 1, None)
            })
        })?;
        answer?;
        let (_, told) = with_card(&bench, &card, |token| {
            let hkt = std::array::from_fn(|at| made.hkt[at]);
            bench.send(GetShareACLArgs {
                flags: 0,
                token: token.clone(),
                hkt,
                i: 1,
            })
        })?;
        is(
            told?.acl,
            list.clone().unwrap_or_default(),
            "the list that is told",
        )?;
        let idkt = loading(&bench, made.hkt, params(1, 1))?;
        is(
            status(read(&bench, &card, idkt, 1, None)?),
            expected,
            &format!("{list:?}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn soft_allowed(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hard = TokenParams {
        flags: 0,
        ..params(1, 1)
    };
    let made = generate(&bench, hard.clone())?;
    let blank = formatted(&bench)?;
    let (_, answer) = with_card(&bench, &blank, |token| {
        status(bench.send(write_args(token, made.idkt, 1, None)))
    })?;
    is(
        answer,
        Status::AccessDenied,
        "a share that no soft slot may have",
    )?;
    let idkt = loading(&bench, made.hkt, hard)?;
    let soft = ReadSoftTokenShareArgs {
        flags: 0,
        token: soft_slot(&bench)?,
        data: blank,
        idkt,
        i: 1,
        pin: None,
    };
    denied(bench.send(soft), Status::AccessDenied)?;
    Ok(Outcome::Passed)
}

fn bound(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let km0 = bench.module_keys()?[0];
    let format = |card: &[u8], auth_key| {
        with_card(&bench, card, |token| {
            bench.send(FormatTokenArgs {
                flags: 0,
                token: token.clone(),
                auth_key,
            })
        })
    };
    denied(format(b"", Some([0x61; 20]))?.1, Status::UnknownKM)?;
    let (card, answer) = format(b"", Some(km0))?;
    answer?;
    let made = generate(&bench, params(1, 1))?;
    let (card, answer) = with_card(&bench, &card, |token| {
        bench.send(write_args(token, made.idkt, 1, None))
    })?;
    answer?;
    let (_, info) = with_card(&bench, &card, |token| {
        bench.send(GetSlotInfoArgs {
            module: bench.module,
            slot: token.slot,
        })
    })?;
    let info = info?;
    is(
        (info.auth_key, info.tokens.len()),
        (km0, 1),
        "the key and the shares",
    )?;
    let serial = info.tokenserial.context("the card has no serial number")?;
    let idkt = loading(&bench, made.hkt, params(1, 1))?;
    is(read(&bench, &card, idkt, 1, None)??, 0, "shares left")?;
    // The share's own name does not stand in the clear on a bound card.
    ensure!(
        !card.windows(20).any(|window| window == made.hkt),
        "the card shows its shares"
    );
    let (card, answer) = format(&card, None)?;
    answer?;
    let (_, info) = with_card(&bench, &card, |token| {
        bench.send(GetSlotInfoArgs {
            module: bench.module,
            slot: token.slot,
        })
    })?;
    let info = info?;
    is(
        (info.auth_key, info.tokens, info.tokenserial),
        ([0; 20], vec![], Some(serial)),
        "the card formatted again",
    )?;
    Ok(Outcome::Passed)
}

fn foreign_cards(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let try_insert = |data: &[u8]| -> anyhow::Result<Status> {
        let token = soft_slot(&bench)?;
        let answer = bench.send(InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data: data.to_vec(),
        });
        if let Ok(reply) = &answer {
            remove(
                &bench,
                PhysToken {
                    ic: reply.ic,
                    ..token
                },
            )?;
        }
        Ok(status(answer))
    };
    let card = formatted(&bench)?;
    is(try_insert(b"")?, Status::OK, "a blank card")?;
    is(try_insert(&card)?, Status::OK, "a formatted card")?;
    is(
        try_insert(b"something else entirely")?,
        Status::UnknownTokenType,
        "a foreign card",
    )?;
    is(
        try_insert(&vec![0; 200_000])?,
        Status::NoSpaceOnToken,
        "a card too large",
    )?;
    let mut damaged = 0;
    for at in 0..card.len() {
        let mut other = card.clone();
        other[at] ^= 0x20;
        match try_insert(&other)? {
            Status::BadTokenData => damaged += 1,
            Status::UnknownTokenType => {}
            other => bail!("a card with another byte {at}: {other}"),
        }
    }
    ensure!(
        damaged * 2 > card.len(),
        "only {damaged} of {} bytes are guarded",
        card.len()
    );
    let made = generate(&bench, params(1, 1))?;
    let (_, answers) = with_card(&bench, b"", |token| {
        (
            status(bench.send(GetSlotInfoArgs {
                module: bench.module,
                slot: token.slot,
            })),
            status(bench.send(write_args(token, made.idkt, 1, None))),
        )
    })?;
    is(
        answers,
        (Status::TokenNotFormatted, Status::TokenNotFormatted),
        "a blank card",
    )?;
    Ok(Outcome::Passed)
}

fn counters(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let slot = soft_slot(&bench)?;
    is(slot.ic, 0, "the count of an empty slot")?;
    let changes = || -> anyhow::Result<(u32, u32)> {
        let slots = bench
            .send(PollSlotListArgs {
                module: bench.module,
                flags: 0,
            })?
            .slots;
        let polled = slots
            .into_iter()
            .find(|polled| polled.sld.token.slot == slot.slot);
        let polled = polled.context("the slot is not polled")?;
        Ok((polled.changeevents, polled.sld.token.ic))
    };
    let before = changes()?;
    let first = insert(&bench, Vec::new())?;
    is(changes()?, (before.0 + 1, first.ic), "changes and count")?;
    let again = InsertSoftTokenArgs {
        flags: 0,
        token: slot.clone(),
        data: Vec::new(),
    };
    denied(bench.send(again), Status::SlotFull)?;
    let format = |ic| {
        let token = PhysToken { ic, ..slot.clone() };
        status(bench.send(FormatTokenArgs {
            flags: 0,
            token,
            auth_key: None,
        }))
    };
    is(format(0), Status::PhysTokenNotPresent, "count 0")?;
    is(
        format(first.ic + 1),
        Status::PhysTokenNotPresent,
        "a count to come",
    )?;
    is(format(first.ic), Status::OK, "the count")?;
    remove(&bench, first.clone())?;
    is(changes()?, (before.0 + 2, 0), "changes and count")?;
    let second = insert(&bench, Vec::new())?;
    ensure!(second.ic != first.ic, "two insertions have one count");
    is(
        format(first.ic),
        Status::PhysTokenNotPresent,
        "the first insertion's count",
    )?;
    let stale = RemoveSoftTokenArgs {
        flags: 0,
        token: first,
    };
    denied(bench.send(stale), Status::PhysTokenNotPresent)?;
    remove(&bench, second.clone())?;
    is(
        format(second.ic),
        Status::PhysTokenNotPresent,
        "an empty slot",
    )?;
    let reader = RemoveSoftTokenArgs {
        flags: 0,
        token: PhysToken {
            slot: 0,
            ..second.clone()
        },
    };
    denied(bench.send(reader), Status::InvalidSlot)?;
    let nowhere = PhysToken { slot: 99, ..second };
    denied(
        bench.send(FormatTokenArgs {
            flags: 0,
            token: nowhere,
            auth_key: None,
        }),
        Status::UnknownSlot,
    )?;
    Ok(Outcome::Passed)
}

fn authorisation(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let made = generate(&bench, params(1, 1))?;
    let cards = write_cards(&bench, made.idkt, 1, |_| None)?;
    let limit = UseLimit {
        type_: UseLim::Auth,
        details: UseLimDetails::Auth(UseLimAuthDetails {
            id: [0x3a; 20],
            max: 3,
        }),
    };
    let signs = PermissionGroup {
        limits: vec![limit],
        ..group(vec![operations(Op::SIGN)])
    };
    let movable = group(vec![blob_flags(ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN)]);
    let list = list(vec![signs, movable]);
    let blobs =
        [bench.aes(list.clone())?, bench.aes(list)?].map(|key| blob_under(&bench, key, made.idkt));
    let [one, two] = blobs;
    let (one, two) = (one?, two?);
    for _ in 0..2 {
        let idkt = loading(&bench, made.hkt, params(1, 1))?;
        read(&bench, &cards[0], idkt, 1, None)??;
        let (first, second) = (
            load(&bench, &one, idkt)?.idka,
            load(&bench, &two, idkt)?.idka,
        );
        bench.send(sign_something(first))?;
        bench.send(sign_something(second))?;
        bench.send(sign_something(first))?;
        denied(bench.send(sign_something(second)), Status::UseLimitExceeded)?;
        // A key loaded again under the same token gains nothing.
        let third = load(&bench, &one, idkt)?.idka;
        denied(bench.send(sign_something(third)), Status::UseLimitExceeded)?;
    }
    Ok(Outcome::Passed)
}

fn erased(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let made = generate(&bench, params(1, 1))?;
    let cards = write_cards(&bench, made.idkt, 1, |_| None)?;
    let hkt: [u8; 10] = std::array::from_fn(|at| made.hkt[at]);
    let erase = |card: &[u8], hkt, i| {
        with_card(&bench, card, |token| {
            status(bench.send(EraseShareArgs {
                token: token.clone(),
                hkt,
                i,
            }))
        })
    };
    is(
        erase(&cards[0], hkt, 2)?.1,
        Status::IncorrectToken,
        "another share",
    )?;
    is(
        erase(&cards[0], [9; 10], 1)?.1,
        Status::IncorrectToken,
        "another token's",
    )?;
    let (card, answer) = erase(&cards[0], hkt, 1)?;
    is(answer, Status::OK, "the share")?;
    is(
        erase(&card, hkt, 1)?.1,
        Status::IncorrectToken,
        "the share again",
    )?;
    let idkt = loading(&bench, made.hkt, params(1, 1))?;
    is(
        status(read(&bench, &card, idkt, 1, None)?),
        Status::IncorrectToken,
        "reading it",
    )?;
    let next = generate(&bench, params(1, 1))?;
    let (_, answer) = with_card(&bench, &card, |token| {
        bench.send(write_args(token, next.idkt, 1, None))
    })?;
    answer?;
    Ok(Outcome::Passed)
}
