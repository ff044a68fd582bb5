//! Logical tokens, cards and shares.

use std::time::Duration;

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::cards::MemoryCard;
use crate::module::{KeyHash, SlotKind};
use crate::store::MemoryStore;

const NULL_KM: KeyHash = [0; 20];
const SOFT: u32 = TokenParams::ALLOW_SOFT_SLOTS;

fn params(sharesneeded: u32, sharestotal: u32) -> TokenParams {
    TokenParams {
        flags: SOFT,
        sharesneeded,
        sharestotal,
        timelimit: 0,
    }
}

fn generate(rig: &mut Rig, hkm: KeyHash, params: TokenParams) -> GenerateLogicalTokenReply {
    rig.ok(GenerateLogicalTokenArgs {
        module: 1,
        hkm,
        params,
    })
}

/// Puts an image into the soft slot.
fn insert(rig: &mut Rig, data: Vec<u8>) -> PhysToken {
    let token = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    let ic = rig
        .ok(InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data,
        })
        .ic;
    PhysToken { ic, ..token }
}

fn remove(rig: &mut Rig, token: PhysToken) -> Vec<u8> {
    rig.ok(RemoveSoftTokenArgs { flags: 0, token }).data
}

fn write(token: &PhysToken, idkt: u32, i: u32, pin: Option<[u8; 20]>) -> WriteShareArgs {
    WriteShareArgs {
        flags: 0,
        token: token.clone(),
        idkt,
        i,
        pin,
        acl: None,
    }
}

fn read(token: &PhysToken, idkt: u32, i: u32, pin: Option<[u8; 20]>) -> ReadShareArgs {
    ReadShareArgs {
        flags: 0,
        token: token.clone(),
        idkt,
        i,
        pin,
    }
}

/// Writes every share of a token to a card of its own.
fn write_cards(
    rig: &mut Rig,
    idkt: u32,
    total: u32,
    pin: impl Fn(u32) -> Option<[u8; 20]>,
) -> Vec<Vec<u8>> {
    let mut cards = Vec::new();
    for i in 1..=total {
        let token = insert(rig, Vec::new());
        rig.ok(FormatTokenArgs {
            flags: 0,
            token: token.clone(),
            auth_key: None,
        });
        rig.ok(write(&token, idkt, i, pin(i)));
        cards.push(remove(rig, token));
    }
    cards
}

/// Reads share `i` of its card; what the module answers.
fn read_card(
    rig: &mut Rig,
    cards: &[Vec<u8>],
    idkt: u32,
    i: u32,
    pin: Option<[u8; 20]>,
) -> Result<u32, Status> {
    let token = insert(rig, cards[i as usize - 1].clone());
    let reply = rig.send(read(&token, idkt, i, pin));
    remove(rig, token);
    match reply.body {
        ReplyBody::ReadShare(reply) => Ok(reply.sharesleft),
        _ => Err(reply.status),
    }
}

#[test]
fn a_slot_of_another_module_takes_only_cards_that_may_be_read_remotely() {
    let seed = b"remote";
    let slots = vec![
        SlotKind::SmartCard,
        SlotKind::SoftToken,
        SlotKind::Remote,
        SlotKind::Dynamic,
    ];
    let mut rig = Rig::with_slots(1, seed, Box::new(MemoryStore::default()), slots);
    rig.initialise();
    rig.become_operational(EVERYTHING);
    for (slot, flags, answer) in [
        (2, SOFT | TokenParams::REMOTELY_READABLE, Status::OK),
        (2, SOFT, Status::AccessDenied),
        (3, SOFT, Status::OK),
    ] {
        let params = TokenParams {
            flags,
            ..params(1, 1)
        };
        let made = generate(&mut rig, NULL_KM, params.clone());
        let card = write_cards(&mut rig, made.idkt, 1, |_| None).remove(0);
        rig.module
            .insert_card(slot, Box::new(MemoryCard::new(card)))
            .unwrap();
        let idkt = rig
            .ok(LoadLogicalTokenArgs {
                module: 1,
                hkt: made.hkt,
                hkm: NULL_KM,
                params,
            })
            .idkt;
        let slots = rig.ok(GetSlotListArgs { module: 1 }).slots;
        let place = slots[slot as usize].token.clone();
        assert_eq!(rig.send(read(&place, idkt, 1, None)).status, answer);
        rig.module.remove_card(slot).unwrap();
    }
}

#[test]
fn an_image_in_a_command_does_not_stay_for_a_token_that_is_not_persistent() {
    let mut rig = Rig::operational();
    let params = TokenParams {
        flags: SOFT | TokenParams::NOT_PERSISTENT,
        ..params(1, 1)
    };
    let made = generate(&mut rig, NULL_KM, params.clone());
    let data = write_cards(&mut rig, made.idkt, 1, |_| None).remove(0);
    let idkt = rig
        .ok(LoadLogicalTokenArgs {
            module: 1,
            hkt: made.hkt,
            hkm: NULL_KM,
            params,
        })
        .idkt;
    let image = ReadSoftTokenShareArgs {
        token: PhysToken {
            module: 1,
            slot: 1,
            ic: 0,
        },
        flags: 0,
        idkt,
        i: 1,
        pin: None,
        data,
    };
    rig.refused(image, Status::AccessDenied);
}

#[test]
fn a_quorum_of_cards_gives_the_token_back() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(2, 3));
    let state = |rig: &mut Rig, idkt| rig.ok(GetLogicalTokenInfoArgs { idkt });
    let info = state(&mut rig, made.idkt);
    assert_eq!(
        (info.state, info.sharesneeded, info.hkt),
        (LogTokenState::Writing, 3, made.hkt)
    );
    let cards = write_cards(&mut rig, made.idkt, 3, |_| None);
    assert_eq!(state(&mut rig, made.idkt).state, LogTokenState::Present);

    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(2, 3),
    };
    let idkt = rig.ok(load).idkt;
    assert_eq!(read_card(&mut rig, &cards, idkt, 3, None), Ok(1));
    let info = state(&mut rig, idkt);
    assert_eq!((info.state, info.sharesneeded), (LogTokenState::Reading, 1));
    let shares: Vec<_> = info.shares.iter().map(|share| share.state).collect();
    use LogTokenShareState as Share;
    assert_eq!(shares, [Share::NotYetRead, Share::NotYetRead, Share::OK]);
    assert_eq!(
        read_card(&mut rig, &cards, idkt, 3, None),
        Err(Status::BadShareState)
    );
    assert_eq!(read_card(&mut rig, &cards, idkt, 1, None), Ok(0));
    let info = state(&mut rig, idkt);
    assert_eq!((info.state, info.sharesneeded), (LogTokenState::Present, 0));
    assert_eq!(
        read_card(&mut rig, &cards, idkt, 2, None),
        Err(Status::BadShareState)
    );
}

#[test]
fn a_short_quorum_opens_nothing() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(2, 3));
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt: made.idkt });
    let key = rig.aes(anything());
    let blob = MakeBlobArgs {
        format: BlobFormat::Token,
        idka: key,
        blobkey,
        ..Default::default()
    };
    // Not before every share is on a card.
    rig.refused(blob.clone(), Status::LogTokenNotPresent);
    let cards = write_cards(&mut rig, made.idkt, 3, |_| None);
    let blob = rig.ok(blob).blob;
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(2, 3),
    };
    let idkt = rig.ok(load).idkt;
    let load_blob = LoadBlobArgs {
        flags: 0,
        module: 1,
        blob,
        idkb: Some(idkt),
        file: None,
    };
    rig.refused(load_blob.clone(), Status::LogTokenNotPresent);
    read_card(&mut rig, &cards, idkt, 1, None).unwrap();
    rig.refused(load_blob.clone(), Status::LogTokenNotPresent);
    read_card(&mut rig, &cards, idkt, 2, None).unwrap();
    rig.ok(load_blob);
}

#[test]
fn each_card_has_its_own_pass_phrase() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(2, 3));
    let pin = |i| (i != 2).then_some([i as u8; 20]);
    let cards = write_cards(&mut rig, made.idkt, 3, pin);
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(2, 3),
    };
    let idkt = rig.ok(load).idkt;
    for wrong in [Some([9; 20]), None] {
        assert_eq!(
            read_card(&mut rig, &cards, idkt, 1, wrong),
            Err(Status::DecryptFailed)
        );
    }
    assert_eq!(
        read_card(&mut rig, &cards, idkt, 2, Some([2; 20])),
        Err(Status::DecryptFailed)
    );
    assert_eq!(read_card(&mut rig, &cards, idkt, 1, pin(1)), Ok(1));
    assert_eq!(read_card(&mut rig, &cards, idkt, 2, None), Ok(0));

    let token = insert(&mut rig, cards[0].clone());
    let info = rig.ok(GetSlotInfoArgs { module: 1, slot: 1 });
    assert_eq!(
        info.tokens,
        [TokenInfo {
            flags: TokenInfo::PIN_PRESENT,
            hkt: made.hkt[..10].try_into().unwrap(),
            i: 1
        }]
    );
    remove(&mut rig, token);
    insert(&mut rig, cards[1].clone());
    assert_eq!(
        rig.ok(GetSlotInfoArgs { module: 1, slot: 1 }).tokens[0].flags,
        0
    );
}

#[test]
fn a_changed_pass_phrase_replaces_the_old_one() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(1, 1));
    let mut cards = write_cards(&mut rig, made.idkt, 1, |_| Some([1; 20]));
    let token = insert(&mut rig, cards[0].clone());
    let hkt: [u8; 10] = made.hkt[..10].try_into().unwrap();
    let change = ChangeSharePINArgs {
        flags: 0,
        token: token.clone(),
        hkm: NULL_KM,
        hkt,
        i: 1,
        oldpin: Some([1; 20]),
        newpin: Some([2; 20]),
    };
    rig.refused(
        ChangeSharePINArgs {
            oldpin: Some([9; 20]),
            ..change.clone()
        },
        Status::DecryptFailed,
    );
    rig.refused(
        ChangeSharePINArgs {
            i: 2,
            ..change.clone()
        },
        Status::IncorrectToken,
    );
    rig.refused(
        ChangeSharePINArgs {
            hkm: [7; 20],
            ..change.clone()
        },
        Status::UnknownKM,
    );
    rig.ok(change);
    cards[0] = remove(&mut rig, token);
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(1, 1),
    };
    let idkt = rig.ok(load).idkt;
    assert_eq!(
        read_card(&mut rig, &cards, idkt, 1, Some([1; 20])),
        Err(Status::DecryptFailed)
    );
    assert_eq!(read_card(&mut rig, &cards, idkt, 1, Some([2; 20])), Ok(0));
}

#[test]
fn a_token_under_a_world_key_loads_in_that_world_only() {
    let mut rig = Rig::operational();
    let km = rig.aes(anything());
    let hkm = rig.hash_of(km);
    let token = GenerateLogicalTokenArgs {
        module: 1,
        hkm,
        params: params(1, 1),
    };
    rig.refused(token.clone(), Status::UnknownKM);
    rig.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    });
    let made = rig.ok(token);
    let cards = write_cards(&mut rig, made.idkt, 1, |_| None);
    let data = rig.ok(ExportArgs { key: km }).data;

    let mut other = Rig::with(1, b"another", Box::new(MemoryStore::default()));
    other.initialise();
    other.become_operational(EVERYTHING);
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm,
        params: params(1, 1),
    };
    other.refused(load.clone(), Status::UnknownKM);
    let import = ImportArgs {
        module: 1,
        data,
        acl: anything(),
        appdata: [0; 64],
    };
    let km = other.ok(import).key;
    other.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    });
    let idkt = other.ok(load).idkt;
    assert_eq!(read_card(&mut other, &cards, idkt, 1, None), Ok(0));
}

#[test]
fn cards_that_do_not_belong_are_refused() {
    let mut rig = Rig::operational();
    let (made, other) = (
        generate(&mut rig, NULL_KM, params(2, 2)),
        generate(&mut rig, NULL_KM, params(2, 2)),
    );
    let cards = write_cards(&mut rig, made.idkt, 2, |_| None);
    let foreign = write_cards(&mut rig, other.idkt, 2, |_| None);
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(2, 2),
    };
    let idkt = rig.ok(load.clone()).idkt;
    assert_eq!(
        read_card(&mut rig, &foreign, idkt, 1, None),
        Err(Status::IncorrectToken)
    );
    assert_eq!(
        read_card(&mut rig, &[cards[1].clone()], idkt, 1, None),
        Err(Status::IncorrectToken)
    );
    assert_eq!(
        read_card(&mut rig, &[Vec::new()], idkt, 1, None),
        Err(Status::TokenNotFormatted)
    );
    // Said to be shared otherwise than it is.
    let idkt = rig
        .ok(LoadLogicalTokenArgs {
            params: params(1, 2),
            ..load.clone()
        })
        .idkt;
    assert_eq!(
        read_card(&mut rig, &cards, idkt, 1, None),
        Err(Status::BadTokenData)
    );
    let slot = PhysToken {
        module: 1,
        slot: 1,
        ic: 1,
    };
    rig.refused(read(&slot, idkt, 3, None), Status::PhysTokenNotPresent);
    let token = insert(&mut rig, cards[0].clone());
    rig.refused(read(&token, idkt, 0, None), Status::OutOfRange);
    rig.refused(read(&token, idkt, 3, None), Status::OutOfRange);
    rig.refused(read(&token, 999, 1, None), Status::UnknownID);
}

#[test]
fn impossible_quorums_are_refused() {
    let mut rig = Rig::operational();
    let args = |params| GenerateLogicalTokenArgs {
        module: 1,
        hkm: NULL_KM,
        params,
    };
    for (needed, total) in [(0, 1), (2, 1), (0, 0), (1, 65), (65, 65)] {
        rig.refused(args(params(needed, total)), Status::InvalidParameter);
        let load = LoadLogicalTokenArgs {
            module: 1,
            hkt: [1; 20],
            hkm: NULL_KM,
            params: params(needed, total),
        };
        rig.refused(load, Status::InvalidParameter);
    }
    rig.refused(
        args(TokenParams {
            flags: 8,
            ..params(1, 1)
        }),
        Status::UnknownFlag,
    );
    rig.ok(args(params(64, 64)));
    // The other null module key.
    let mut null_aes = [0; 20];
    null_aes[0] = 1;
    rig.ok(GenerateLogicalTokenArgs {
        hkm: null_aes,
        ..args(params(1, 1))
    });
}

#[test]
fn a_share_is_written_once_and_one_card_takes_one_of_a_token() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(2, 2));
    let token = insert(&mut rig, Vec::new());
    rig.refused(write(&token, made.idkt, 1, None), Status::TokenNotFormatted);
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: None,
    });
    rig.ok(write(&token, made.idkt, 1, None));
    rig.refused(write(&token, made.idkt, 1, None), Status::BadShareState);
    rig.refused(write(&token, made.idkt, 2, None), Status::AlreadyExists);
    rig.refused(write(&token, made.idkt, 3, None), Status::OutOfRange);
    // Other tokens go onto the same card.
    let other = generate(&mut rig, NULL_KM, params(1, 1));
    rig.ok(write(&token, other.idkt, 1, None));
    assert_eq!(
        rig.ok(GetSlotInfoArgs { module: 1, slot: 1 }).tokens.len(),
        2
    );
    let hkt: [u8; 10] = made.hkt[..10].try_into().unwrap();
    let erase = EraseShareArgs {
        token: token.clone(),
        hkt,
        i: 1,
    };
    rig.ok(erase.clone());
    rig.refused(erase, Status::IncorrectToken);
    assert_eq!(
        rig.ok(GetSlotInfoArgs { module: 1, slot: 1 }).tokens.len(),
        1
    );
    // The second share still makes the token whole, though the first is lost.
    rig.ok(write(&token, made.idkt, 2, None));
    rig.refused(write(&token, made.idkt, 2, None), Status::BadShareState);
}

#[test]
fn soft_slots_take_only_tokens_that_allow_it() {
    let mut rig = Rig::operational();
    let made = generate(
        &mut rig,
        NULL_KM,
        TokenParams {
            flags: 0,
            ..params(1, 1)
        },
    );
    let token = insert(&mut rig, Vec::new());
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: None,
    });
    rig.refused(write(&token, made.idkt, 1, None), Status::AccessDenied);
    // A reader takes them.
    rig.module
        .insert_card(0, Box::new(MemoryCard::default()))
        .unwrap();
    let slots = rig.ok(GetSlotListArgs { module: 1 }).slots;
    let reader = slots[0].token.clone();
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: reader.clone(),
        auth_key: None,
    });
    rig.ok(write(&reader, made.idkt, 1, None));
}

#[test]
fn a_card_image_in_the_command_serves_as_well() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(1, 1));
    let cards = write_cards(&mut rig, made.idkt, 1, |_| Some([1; 20]));
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(1, 1),
    };
    let idkt = rig.ok(load).idkt;
    let args = ReadSoftTokenShareArgs {
        flags: 0,
        token: PhysToken {
            module: 1,
            slot: 1,
            ic: 0,
        },
        data: cards[0].clone(),
        idkt,
        i: 1,
        pin: Some([1; 20]),
    };
    rig.refused(
        ReadSoftTokenShareArgs {
            pin: None,
            ..args.clone()
        },
        Status::DecryptFailed,
    );
    rig.refused(
        ReadSoftTokenShareArgs {
            data: b"junk".to_vec(),
            ..args.clone()
        },
        Status::UnknownTokenType,
    );
    assert_eq!(rig.ok(args).sharesleft, 0);
}

#[test]
fn slots_show_what_is_in_them() {
    let mut rig = Rig::operational();
    let slots = rig.ok(GetSlotListArgs { module: 1 }).slots;
    let kinds: Vec<_> = slots
        .iter()
        .map(|slot| (slot.type_, slot.token.ic))
        .collect();
    assert_eq!(kinds, [(SlotType::SmartCard, 0), (SlotType::SoftToken, 0)]);
    let changes = |rig: &mut Rig| {
        let slots = rig
            .ok(PollSlotListArgs {
                flags: 0,
                module: 1,
            })
            .slots;
        slots
            .iter()
            .map(|slot| slot.changeevents)
            .collect::<Vec<_>>()
    };
    let before = changes(&mut rig);
    rig.refused(
        GetSlotInfoArgs { module: 1, slot: 0 },
        Status::PhysTokenNotPresent,
    );
    rig.refused(GetSlotInfoArgs { module: 1, slot: 2 }, Status::UnknownSlot);

    rig.module
        .insert_card(0, Box::new(MemoryCard::default()))
        .unwrap();
    assert_eq!(
        rig.module
            .insert_card(0, Box::new(MemoryCard::default()))
            .err(),
        Some(Status::SlotFull)
    );
    assert_eq!(
        rig.module
            .insert_card(1, Box::new(MemoryCard::default()))
            .err(),
        Some(Status::UnknownSlot)
    );
    assert_eq!(changes(&mut rig)[0], before[0] + 1);
    rig.refused(
        GetSlotInfoArgs { module: 1, slot: 0 },
        Status::TokenNotFormatted,
    );
    let token = PhysToken {
        module: 1,
        slot: 0,
        ic: 1,
    };
    rig.refused(
        FormatTokenArgs {
            flags: 0,
            token: PhysToken {
                ic: 2,
                ..token.clone()
            },
            auth_key: None,
        },
        Status::PhysTokenNotPresent,
    );
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: None,
    });
    let info = rig.ok(GetSlotInfoArgs { module: 1, slot: 0 });
    assert_eq!((info.ic, info.tokens.len(), info.auth_key), (1, 0, [0; 20]));
    assert!(info.freespace > 30_000 && info.tokenserial.is_some());

    // The same card in again is another insertion.
    let card = rig.module.remove_card(0).unwrap();
    rig.module.insert_card(0, card).unwrap();
    rig.refused(
        FormatTokenArgs {
            flags: 0,
            token,
            auth_key: None,
        },
        Status::PhysTokenNotPresent,
    );
    assert_eq!(
        rig.ok(GetSlotInfoArgs { module: 1, slot: 0 }).tokenserial,
        info.tokenserial
    );
}

#[test]
fn soft_slots_are_for_images_and_readers_for_cards() {
    let mut rig = Rig::operational();
    let slot = |slot| PhysToken {
        module: 1,
        slot,
        ic: 0,
    };
    let insert = |slot, data| InsertSoftTokenArgs {
        flags: 0,
        token: slot,
        data,
    };
    rig.refused(insert(slot(0), Vec::new()), Status::InvalidSlot);
    rig.refused(insert(slot(9), Vec::new()), Status::UnknownSlot);
    rig.refused(
        insert(slot(1), b"a text file".to_vec()),
        Status::UnknownTokenType,
    );
    rig.refused(insert(slot(1), vec![0; 40_000]), Status::NoSpaceOnToken);
    rig.refused(
        RemoveSoftTokenArgs {
            flags: 0,
            token: slot(1),
        },
        Status::PhysTokenNotPresent,
    );
    rig.refused(
        RemoveSoftTokenArgs {
            flags: 0,
            token: slot(0),
        },
        Status::InvalidSlot,
    );
    let ic = rig.ok(insert(slot(1), Vec::new())).ic;
    rig.refused(insert(slot(1), Vec::new()), Status::SlotFull);
    rig.refused(
        RemoveSoftTokenArgs {
            flags: 0,
            token: PhysToken {
                ic: ic + 1,
                ..slot(1)
            },
        },
        Status::PhysTokenNotPresent,
    );
    // A reset empties the module's memory, soft slots with it.
    rig.ok(ClearUnitArgs { module: 1 });
    assert_eq!(rig.ok(GetSlotListArgs { module: 1 }).slots[1].token.ic, 0);
}

#[test]
fn a_card_bound_to_a_module_key_is_closed_to_other_modules() {
    let mut rig = Rig::operational();
    let km0 = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let made = generate(&mut rig, NULL_KM, params(1, 1));
    let token = insert(&mut rig, Vec::new());
    rig.refused(
        FormatTokenArgs {
            flags: 0,
            token: token.clone(),
            auth_key: Some([5; 20]),
        },
        Status::UnknownKM,
    );
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: Some(km0),
    });
    rig.ok(write(&token, made.idkt, 1, None));
    assert_eq!(
        rig.ok(GetSlotInfoArgs { module: 1, slot: 1 }).tokens.len(),
        1
    );
    let card = remove(&mut rig, token);

    let mut other = Rig::with(1, b"another", Box::new(MemoryStore::default()));
    other.initialise();
    other.become_operational(EVERYTHING);
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(1, 1),
    };
    let idkt = other.ok(load).idkt;
    assert_eq!(
        read_card(&mut other, std::slice::from_ref(&card), idkt, 1, None),
        Err(Status::TokenAuthFailed)
    );
    let token = insert(&mut other, card);
    let info = other.ok(GetSlotInfoArgs { module: 1, slot: 1 });
    assert_eq!((info.tokens.len(), info.auth_key), (0, km0));
    other.refused(
        FormatTokenArgs {
            flags: 0,
            token,
            auth_key: None,
        },
        Status::TokenAuthFailed,
    );
}

#[test]
fn a_share_with_a_list_is_read_as_the_list_allows() {
    let mut rig = Rig::operational();
    let made = generate(&mut rig, NULL_KM, params(1, 1));
    let token = insert(&mut rig, Vec::new());
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: None,
    });
    rig.ok(WriteShareArgs {
        acl: Some(ACL::default()),
        ..write(&token, made.idkt, 1, None)
    });
    let load = LoadLogicalTokenArgs {
        module: 1,
        hkt: made.hkt,
        hkm: NULL_KM,
        params: params(1, 1),
    };
    let idkt = rig.ok(load.clone()).idkt;
    rig.refused(read(&token, idkt, 1, None), Status::AccessDenied);

    let made = generate(&mut rig, NULL_KM, params(1, 1));
    let details = ActDetails::ReadShare(ActReadShareDetails::default());
    let list = acl(vec![Action {
        type_: Act::ReadShare,
        details,
    }]);
    rig.ok(WriteShareArgs {
        acl: Some(list.clone()),
        ..write(&token, made.idkt, 1, None)
    });
    let idkt = rig
        .ok(LoadLogicalTokenArgs {
            hkt: made.hkt,
            ..load
        })
        .idkt;
    assert_eq!(rig.ok(read(&token, idkt, 1, None)).sharesleft, 0);
    let hkt: [u8; 10] = made.hkt[..10].try_into().unwrap();
    assert_eq!(
        rig.ok(GetShareACLArgs {
            flags: 0,
            token,
            hkt,
            i: 1
        })
        .acl,
        list
    );
}

#[test]
fn a_token_and_the_keys_under_it_end_with_their_time() {
    let mut rig = Rig::operational();
    let km0 = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let made = generate(
        &mut rig,
        km0,
        TokenParams {
            timelimit: 60,
            ..params(1, 1)
        },
    );
    write_cards(&mut rig, made.idkt, 1, |_| None);
    let key = rig.aes(anything());
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt: made.idkt });
    let make = MakeBlobArgs {
        format: BlobFormat::Token,
        idka: key,
        blobkey,
        ..Default::default()
    };
    let blob = rig.ok(make.clone()).blob;
    let load = LoadBlobArgs {
        flags: 0,
        module: 1,
        blob,
        idkb: Some(made.idkt),
        file: None,
    };
    let loaded = rig.ok(load.clone()).idka;
    rig.uptime += Duration::from_secs(59);
    let sign = SignArgs {
        mech: Mech::Any,
        ..sign_args(loaded)
    };
    rig.ok(sign.clone());
    let info = rig.ok(GetLogicalTokenInfoExArgs {
        flags: 0,
        idkt: made.idkt,
    });
    assert_eq!((info.age, info.timelimit, info.hkm), (59, 60, km0));
    rig.uptime += Duration::from_secs(1);
    rig.refused(sign, Status::TimeLimitExceeded);
    rig.refused(load, Status::TimeLimitExceeded);
    rig.refused(make, Status::TimeLimitExceeded);
    assert_eq!(
        rig.ok(GetLogicalTokenInfoArgs { idkt: made.idkt }).state,
        LogTokenState::TimeLimitExceeded
    );
}

/// The time of a loaded token is over: its card must leave the slot before it is read again, except in a dynamic slot.
#[test]
fn a_card_whose_token_ended_with_its_time_must_leave_its_slot() {
    let slots = vec![SlotKind::SmartCard, SlotKind::SoftToken, SlotKind::Dynamic];
    let store = Box::new(MemoryStore::default());
    let mut rig = Rig::with_slots(1, b"time", store, slots);
    rig.initialise();
    rig.become_operational(EVERYTHING);
    let params = TokenParams {
        timelimit: 60,
        ..params(1, 1)
    };
    let made = generate(&mut rig, NULL_KM, params.clone());
    let card = write_cards(&mut rig, made.idkt, 1, |_| None).remove(0);
    let load = |rig: &mut Rig| {
        rig.ok(LoadLogicalTokenArgs {
            module: 1,
            hkt: made.hkt,
            hkm: NULL_KM,
            params: params.clone(),
        })
        .idkt
    };
    let place = |rig: &mut Rig, slot: u32| {
        let slots = rig.ok(GetSlotListArgs { module: 1 }).slots;
        slots[slot as usize].token.clone()
    };
    for (slot, answer) in [(0, Status::TimeLimitExceeded), (2, Status::OK)] {
        rig.module
            .insert_card(slot, Box::new(MemoryCard::new(card.clone())))
            .unwrap();
        let token = place(&mut rig, slot);

        // One that is destroyed before its time is over leaves the card as it was.
        let early = load(&mut rig);
        rig.ok(read(&token, early, 1, None));
        rig.uptime += Duration::from_secs(59);
        rig.ok(DestroyArgs { key: early });
        rig.uptime += Duration::from_secs(60);
        let late = load(&mut rig);
        rig.ok(read(&token, late, 1, None));

        // Nor does it matter to a token that is loaded beside it, until the first one ends.
        rig.uptime += Duration::from_secs(59);
        let beside = load(&mut rig);
        rig.ok(read(&token, beside, 1, None));
        rig.uptime += Duration::from_secs(1);
        let next = load(&mut rig);
        assert_eq!(rig.send(read(&token, next, 1, None)).status, answer);
        let state = rig.ok(GetLogicalTokenInfoArgs { idkt: beside }).state;
        assert_eq!(state, LogTokenState::Present);
        rig.ok(DestroyArgs { key: late });
        let next = load(&mut rig);
        assert_eq!(rig.send(read(&token, next, 1, None)).status, answer);

        let taken = rig.module.remove_card(slot).unwrap();
        rig.module.insert_card(slot, taken).unwrap();
        let token = place(&mut rig, slot);
        let next = load(&mut rig);
        rig.ok(read(&token, next, 1, None));
        rig.module.remove_card(slot).unwrap();
    }
}
