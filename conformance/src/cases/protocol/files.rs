//! Files on cards and in NVRAM, and blobs in them, on hardservers of the cases' own. Cards are images in the soft slot.

use anyhow::{Context as _, bail, ensure};
use ncore::codec::to_bytes;
use ncore::profile::WireProfile;
use ncore::types::*;

use super::kit::*;
use super::quorums;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};

const FILES: &str = "PROTOCOL, section 4.5, card files";
const BLOBS: &str = "PROTOCOL, section 4.4; CAPI guide, section 10";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "files.card.life",
        "A file on a card is written, listed, read and erased, by who has that card",
        FILES,
        card_life,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::WriteFile),
        replies(Cmd::ReadFile),
        replies(Cmd::EraseFile),
        denies(Cmd::WriteFile, Status::InvalidParameter),
        denies(Cmd::WriteFile, Status::PhysTokenNotPresent),
        denies(Cmd::WriteFile, Status::UnknownFlag),
        denies(Cmd::WriteFile, Status::UnknownSlot),
        denies(Cmd::ReadFile, Status::UnknownID),
        denies(Cmd::ReadFile, Status::PhysTokenNotPresent),
        denies(Cmd::EraseFile, Status::UnknownID),
        denies(Cmd::EraseFile, Status::PhysTokenNotPresent),
    ]),
    Case::new(
        "files.card.kinds",
        "A full card, a blank one, a foreign one and a damaged one are told apart",
        FILES,
        card_kinds,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::WriteFile, Status::NoSpaceOnToken),
        denies(Cmd::FileCreate, Status::NoSpaceOnToken),
        denies(Cmd::ReadFile, Status::TokenNotFormatted),
        denies(Cmd::InsertSoftToken, Status::UnknownTokenType),
        denies(Cmd::InsertSoftToken, Status::BadTokenData),
    ]),
    Case::new(
        "files.devices.same",
        "Either device takes the same operations, as the file's list allows",
        FILES,
        devices_same,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::FileCreate),
        replies(Cmd::FileOp),
        replies(Cmd::FileErase),
        denies(Cmd::FileCreate, Status::AlreadyExists),
        denies(Cmd::FileCreate, Status::UnknownFileDevice),
        denies(Cmd::FileOp, Status::AccessDenied),
        denies(Cmd::FileOp, Status::OutOfRange),
        denies(Cmd::FileOp, Status::UnknownID),
        denies(Cmd::FileErase, Status::UnknownID),
        denies(Cmd::FileErase, Status::AccessDenied),
    ]),
    Case::new(
        "files.officer.alone",
        "Where the officer reserved files on cards, nobody else writes, reads or erases them",
        "PROTOCOL, sections 4.2 and 4.5",
        officer_alone,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::WriteFile, Status::AccessDenied),
        denies(Cmd::ReadFile, Status::AccessDenied),
        denies(Cmd::EraseFile, Status::AccessDenied),
        denies(Cmd::FileCreate, Status::AccessDenied),
    ]),
    Case::new(
        "files.blob.stored",
        "A blob that goes to a file is loaded from there, and no client sees it",
        BLOBS,
        blob_stored,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::MakeBlob),
        replies(Cmd::LoadBlob),
        denies(Cmd::MakeBlob, Status::AlreadyExists),
        denies(Cmd::MakeBlob, Status::TypeMismatch),
        denies(Cmd::LoadBlob, Status::UnknownID),
        denies(Cmd::LoadBlob, Status::InvalidParameter),
        denies(Cmd::LoadBlob, Status::BlobTypeUnknown),
    ]),
    Case::new(
        "files.blob.lists",
        "The key's list says to which device and under which list a blob may go, the file's who loads it",
        "PROTOCOL, sections 4.3 and 4.4; nCore API: Act_MakeBlob",
        blob_lists,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::MakeBlob, Status::AccessDenied),
        denies(Cmd::LoadBlob, Status::AccessDenied),
    ]),
    Case::new(
        "files.blob.erased",
        "A key whose blob is in NVRAM survives a restart, and is gone after initialisation",
        "CAPI guide, sections 9 and 10",
        blob_erased,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::LoadBlob),
        denies(Cmd::LoadBlob, Status::UnknownID),
    ]),
];

const NAME: [u8; 11] = *b"state\0\0\0\0\0\0";

type Perms = ActNVMemOpPermsDetails;

fn card_life(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let card = blank(&bench)?;
    is(
        status(bench.send(read_args(&card))),
        Status::UnknownID,
        "no file",
    )?;
    bench.send(write_args(&card, b"one"))?;
    is(files(&bench, &card)?, vec![info(3)], "the files")?;
    is(&bench.send(read_args(&card))?.data[..], b"one", "the file")?;
    bench.send(write_args(&card, b"another"))?;
    is(
        &bench.send(read_args(&card))?.data[..],
        b"another",
        "the file written over",
    )?;
    let mut args = write_args(&card, b"another");
    args.file.length = 4;
    is(
        status(bench.send(args)),
        Status::InvalidParameter,
        "a length that is not the data's",
    )?;
    let flags = WriteFileArgs {
        flags: 1,
        ..write_args(&card, b"one")
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    let nowhere = PhysToken {
        slot: 77,
        ..card.clone()
    };
    is(
        status(bench.send(write_args(&nowhere, b"one"))),
        Status::UnknownSlot,
        "no slot",
    )?;
    // The same card put in again is another one to whoever knew it before.
    let image = quorums::remove(&bench, card.clone())?;
    let again = quorums::insert(&bench, image)?;
    ensure!(again.ic != card.ic, "the counter stood still");
    for token in [
        &card,
        &PhysToken {
            ic: 0,
            ..again.clone()
        },
    ] {
        let statuses = [
            status(bench.send(read_args(token))),
            status(bench.send(write_args(token, b"late"))),
            status(bench.send(erase_args(token))),
        ];
        is(
            statuses,
            [Status::PhysTokenNotPresent; 3],
            "a stale counter",
        )?;
    }
    is(
        &bench.send(read_args(&again))?.data[..],
        b"another",
        "the file after all that",
    )?;
    bench.send(erase_args(&again))?;
    is(
        status(bench.send(erase_args(&again))),
        Status::UnknownID,
        "erased twice",
    )?;
    is(files(&bench, &again)?, vec![], "the files at the end")?;
    Ok(Outcome::Passed)
}

fn card_kinds(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let card = blank(&bench)?;
    let mut written = 0;
    let full = loop {
        let mut args = write_args(&card, &[7; 2_000]);
        args.file.id = [written + 1; 11];
        match status(bench.send(args)) {
            Status::OK => written += 1,
            other => break other,
        }
        ensure!(written < 200, "there is no end to the card");
    };
    is(full, Status::NoSpaceOnToken, "the last file")?;
    ensure!(written >= 4, "only {written} files of 2000 bytes");
    let huge = bench.send(create_args(on_card(&card), u32::MAX, every()));
    is(status(huge), Status::NoSpaceOnToken, "a file without end")?;
    is(
        files(&bench, &card)?.len(),
        usize::from(written),
        "the files",
    )?;
    let image = quorums::remove(&bench, card)?;
    let card = quorums::insert(&bench, Vec::new())?;
    is(
        status(bench.send(read_args(&card))),
        Status::TokenNotFormatted,
        "a blank card",
    )?;
    quorums::remove(&bench, card.clone())?;
    let insert = |data: Vec<u8>| {
        status(bench.send(InsertSoftTokenArgs {
            flags: 0,
            token: card.clone(),
            data,
        }))
    };
    is(
        insert(b"a text file".to_vec()),
        Status::UnknownTokenType,
        "a foreign card",
    )?;
    for length in 1..image.len().min(64) {
        is(
            insert(image[..length].to_vec()),
            Status::BadTokenData,
            &format!("a card cut to {length} bytes"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn devices_same(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let card = blank(&bench)?;
    for file in [in_nvram(), on_card(&card)] {
        let what = file.dev;
        bench.send(create_args(file.clone(), 4, every()))?;
        let taken = bench.send(create_args(file.clone(), 4, every()));
        is(
            status(taken),
            Status::AlreadyExists,
            &format!("{what}: taken"),
        )?;
        let up = NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count: 0x102 });
        bench.send(operation(file.clone(), NVMemOpType::Incr, up.clone()))?;
        is(
            content(&bench, &file)?,
            vec![2, 1, 0, 0],
            &format!("{what}"),
        )?;
        let outside = FileOpArgs {
            range: Some(NVMemRange { first: 1, last: 4 }),
            ..operation(file.clone(), NVMemOpType::Incr, up.clone())
        };
        is(
            status(bench.send(outside)),
            Status::OutOfRange,
            &format!("{what}: outside"),
        )?;
        bench.send(erase_spec(&file))?;
        is(
            status(bench.send(erase_spec(&file))),
            Status::UnknownID,
            &format!("{what}: erased twice"),
        )?;
        let gone = bench.send(operation(file.clone(), NVMemOpType::Incr, up.clone()));
        is(status(gone), Status::UnknownID, &format!("{what}: gone"))?;

        bench.send(create_args(file.clone(), 4, list_for(Perms::READ)))?;
        let denied = bench.send(operation(file.clone(), NVMemOpType::Incr, up));
        is(
            status(denied),
            Status::AccessDenied,
            &format!("{what}: not in the list"),
        )?;
        is(
            content(&bench, &file)?,
            vec![0; 4],
            &format!("{what}: as it was"),
        )?;
    }
    is(
        status(bench.send(erase_spec(&on_card(&card)))),
        Status::AccessDenied,
        "a file on a card whose list does not free it",
    )?;
    let persistent = FileSpec {
        dev: FileDevice::NVMemPersist,
        details: FileDeviceDetails::NVMemPersist(FileDeviceNVMemPersistDetails { module: 1 }),
        ..in_nvram()
    };
    is(
        status(bench.send(create_args(persistent, 4, every()))),
        Status::UnknownFileDevice,
        "memory that is not there",
    )?;
    Ok(Outcome::Passed)
}

fn officer_alone(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let reserved = NSOPerms::OPS_READ_FILE | NSOPerms::OPS_WRITE_FILE | NSOPerms::OPS_ERASE_FILE;
    spare.operate(1, [7; 20], EVERYTHING & !reserved)?;
    let bench = Bench::at(spare.wire()?, 1);
    let card = blank(&bench)?;
    let statuses = [
        status(bench.send(write_args(&card, b"one"))),
        status(bench.send(create_args(on_card(&card), 4, every()))),
        status(bench.send(read_args(&card))),
        status(bench.send(erase_args(&card))),
    ];
    is(statuses, [Status::AccessDenied; 4], "what is reserved")?;
    bench.send(create_args(in_nvram(), 4, every()))?;
    Ok(Outcome::Passed)
}

fn blob_stored(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let card = blank(&bench)?;
    let key = stored_key(&bench, None, None)?;
    let hash = bench.hash_of(key)?;
    let kacl = template(&bench, &list_for(Perms::LOAD_BLOB))?;
    for file in [in_nvram(), on_card(&card)] {
        let what = file.dev;
        is(
            status(bench.send(load_args(&file))),
            Status::UnknownID,
            &format!("{what}: no file"),
        )?;
        let made = bench.send(blob_args(&bench, key, Some((kacl, &file)))?)?;
        is(made.blob, vec![], &format!("{what}: what the client gets"))?;
        let again = bench.send(blob_args(&bench, key, Some((kacl, &file)))?);
        is(
            status(again),
            Status::AlreadyExists,
            &format!("{what}: again"),
        )?;
        let loaded = bench.send(load_args(&file))?.idka;
        is(bench.hash_of(loaded)?, hash, &format!("{what}: the key"))?;
        bench.send(encrypt_args(loaded, Mech::Any, bytes(b"used")))?;
        let read = operation(file.clone(), NVMemOpType::Read, NVMemOpTypeOpVal::Empty);
        is(
            status(bench.send(read)),
            Status::AccessDenied,
            &format!("{what}: the bytes"),
        )?;
        let both = LoadBlobArgs {
            blob: vec![1; 4],
            ..load_args(&file)
        };
        is(
            status(bench.send(both)),
            Status::InvalidParameter,
            &format!("{what}: a blob and a file"),
        )?;
        let wrong = bench.send(blob_args(&bench, key, Some((key, &file)))?);
        is(
            status(wrong),
            Status::TypeMismatch,
            &format!("{what}: a list of no template"),
        )?;
    }
    let mut file = in_nvram();
    file.file.id = [1; 11];
    bench.send(create_args(file.clone(), 40, every()))?;
    is(
        status(bench.send(load_args(&file))),
        Status::BlobTypeUnknown,
        "a file of zeros",
    )?;
    Ok(Outcome::Passed)
}

fn blob_lists(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let card = on_card(&blank(&bench)?);
    let right = template(&bench, &list_for(Perms::LOAD_BLOB))?;
    let other = template(&bench, &every())?;
    let hash = bench.hash_of(right)?;
    let nvram = MakeBlobFilePerms::DEVS_NV_MEM;
    let soft = MakeBlobFilePerms::DEVS_SOFT_TOKEN;
    let key = stored_key(&bench, Some(nvram), Some(hash))?;
    let send = |key, file: Option<(u32, &FileSpec)>| {
        anyhow::Ok(status(bench.send(blob_args(&bench, key, file)?)))
    };
    is(send(key, None)?, Status::AccessDenied, "to the client")?;
    is(
        send(key, Some((right, &card)))?,
        Status::AccessDenied,
        "to another device",
    )?;
    is(
        send(key, Some((other, &in_nvram())))?,
        Status::AccessDenied,
        "under another list",
    )?;
    is(
        send(key, Some((right, &in_nvram())))?,
        Status::OK,
        "as it says",
    )?;
    let key = stored_key(&bench, Some(soft), None)?;
    is(send(key, Some((other, &card)))?, Status::OK, "to the card")?;
    let free = bench.aes(anything())?;
    is(
        send(free, Some((other, &card)))?,
        Status::AccessDenied,
        "a list that speaks of no file",
    )?;
    let unloadable = template(&bench, &list_for(Perms::READ))?;
    let key = stored_key(&bench, None, None)?;
    let mut file = in_nvram();
    file.file.id = [1; 11];
    is(send(key, Some((unloadable, &file)))?, Status::OK, "a file")?;
    is(
        status(bench.send(load_args(&file))),
        Status::AccessDenied,
        "a file from which nobody may load",
    )?;
    Ok(Outcome::Passed)
}

fn blob_erased(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    spare.initialise(1)?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    let bench = Bench::at(spare.wire()?, 1);
    let kacl = template(&bench, &list_for(Perms::LOAD_BLOB))?;
    let key = stored_key(&bench, None, None)?;
    let hash = bench.hash_of(key)?;
    bench.send(blob_args(&bench, key, Some((kacl, &in_nvram())))?)?;
    spare.restart()?;
    let bench = Bench::at(spare.wire()?, 1);
    let loaded = bench.send(load_args(&in_nvram()))?.idka;
    is(bench.hash_of(loaded)?, hash, "the key after a restart")?;
    spare.initialise(1)?;
    let bench = Bench::at(spare.wire()?, 1);
    is(
        status(bench.send(load_args(&in_nvram()))),
        Status::UnknownID,
        "the file after initialisation",
    )?;
    Ok(Outcome::Passed)
}

/// A hardserver with a module in operation where everything is public, and a client of it.
fn bench(rig: &Rig) -> anyhow::Result<(Spare, Bench)> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    let bench = Bench::at(spare.wire()?, 1);
    Ok((spare, bench))
}

/// A card that was just formatted, in the soft slot.
fn blank(bench: &Bench) -> anyhow::Result<PhysToken> {
    let token = quorums::insert(bench, Vec::new())?;
    bench.send(FormatTokenArgs {
        flags: 0,
        token: token.clone(),
        auth_key: None,
    })?;
    Ok(token)
}

fn files(bench: &Bench, card: &PhysToken) -> anyhow::Result<Vec<FileInfo>> {
    let args = GetSlotInfoArgs {
        module: card.module,
        slot: card.slot,
    };
    Ok(bench.send(args)?.files)
}

fn list_for(perms: u32) -> ACL {
    let details = Perms {
        perms,
        ..Perms::default()
    };
    list(vec![group(vec![Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(details),
    }])])
}

fn every() -> ACL {
    list_for(Perms::KNOWN_PERMS)
}

fn info(length: u32) -> FileInfo {
    FileInfo {
        flags: 0,
        length,
        id: NAME,
    }
}

fn in_nvram() -> FileSpec {
    FileSpec {
        flags: 0,
        dev: FileDevice::NVMem,
        details: FileDeviceDetails::NVMem(FileDeviceNVMemDetails { module: 1 }),
        file: info(0),
    }
}

fn on_card(card: &PhysToken) -> FileSpec {
    FileSpec {
        dev: FileDevice::PhysToken,
        details: FileDeviceDetails::PhysToken(FileDevicePhysTokenDetails {
            token: card.clone(),
        }),
        ..in_nvram()
    }
}

fn write_args(card: &PhysToken, data: &[u8]) -> WriteFileArgs {
    WriteFileArgs {
        flags: 0,
        token: card.clone(),
        file: info(0),
        data: data.to_vec(),
    }
}

fn read_args(card: &PhysToken) -> ReadFileArgs {
    ReadFileArgs {
        flags: 0,
        token: card.clone(),
        file: info(0),
    }
}

fn erase_args(card: &PhysToken) -> EraseFileArgs {
    EraseFileArgs {
        flags: 0,
        token: card.clone(),
        file: info(0),
    }
}

/// Makes a file of this length under the specification's name.
fn create_args(mut file: FileSpec, length: u32, acl: ACL) -> FileCreateArgs {
    file.file.length = length;
    FileCreateArgs {
        flags: 0,
        file,
        acl,
    }
}

fn erase_spec(file: &FileSpec) -> FileEraseArgs {
    FileEraseArgs {
        flags: 0,
        file: file.clone(),
    }
}

fn operation(file: FileSpec, op: NVMemOpType, val: NVMemOpTypeOpVal) -> FileOpArgs {
    FileOpArgs {
        file,
        op,
        val,
        ..FileOpArgs::default()
    }
}

fn content(bench: &Bench, file: &FileSpec) -> anyhow::Result<Vec<u8>> {
    let args = operation(file.clone(), NVMemOpType::Read, NVMemOpTypeOpVal::Empty);
    match bench.send(args)?.res {
        NVMemOpTypeOpRes::Read(read) => Ok(read.data),
        other => bail!("no bytes: {other:?}"),
    }
}

/// A template key with this list, from which a file gets it.
fn template(bench: &Bench, acl: &ACL) -> anyhow::Result<u32> {
    let nested_acl = to_bytes(acl, &WireProfile::DEFAULT)?;
    let data = KeyTypeDKTemplateData {
        appdata: Vec::new(),
        nested_acl,
    };
    bench.import(
        KeyData {
            type_: KeyType::DKTemplate,
            data: KeyTypeData::DKTemplate(data),
        },
        ACL::default(),
    )
}

/// A key that encrypts, whose blobs may go to files alone: on these devices, under the list of this template.
fn stored_key(bench: &Bench, devs: Option<u32>, aclhash: Option<KeyHash>) -> anyhow::Result<u32> {
    let details = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY,
        blobfile: Some(MakeBlobFilePerms {
            flags: 0,
            devs,
            aclhash,
        }),
        ..ActMakeBlobDetails::default()
    };
    bench.aes(list(vec![group(vec![
        operations(Op::ENCRYPT),
        blobs(details),
    ])]))
}

fn blob_args(
    bench: &Bench,
    idka: u32,
    file: Option<(u32, &FileSpec)>,
) -> anyhow::Result<MakeBlobArgs> {
    let hkms = bench.module_keys()?;
    let hkm = *hkms.first().context("no KM0")?;
    Ok(MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
        file: file.map(|(kacl, file)| MakeBlobFile {
            flags: 0,
            kacl,
            file: file.clone(),
        }),
        ..MakeBlobArgs::default()
    })
}

fn load_args(file: &FileSpec) -> LoadBlobArgs {
    LoadBlobArgs {
        module: 1,
        file: Some(file.clone()),
        ..LoadBlobArgs::default()
    }
}
