//! Files on cards and in NVRAM, and blobs in them.

use ncore::Status;
use ncore::codec::to_bytes;
use ncore::profile::WireProfile;
use ncore::types::*;

use super::rig::*;
use crate::cards::{Access, FileCard, MemoryCard};
use crate::store::{MemoryStore, RedbStore};

const NAME: [u8; 11] = *b"state\0\0\0\0\0\0";

type Perms = ActNVMemOpPermsDetails;

fn list(perms: u32) -> ACL {
    let details = ActDetails::NVMemOpPerms(Perms {
        perms,
        ..Default::default()
    });
    acl(vec![Action {
        type_: Act::NVMemOpPerms,
        details,
    }])
}

fn every() -> ACL {
    list(Perms::KNOWN_PERMS)
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

fn place(slot: u32, ic: u32) -> PhysToken {
    PhysToken {
        module: 1,
        slot,
        ic,
    }
}

fn on_card(slot: u32, ic: u32) -> FileSpec {
    FileSpec {
        dev: FileDevice::PhysToken,
        details: FileDeviceDetails::PhysToken(FileDevicePhysTokenDetails {
            token: place(slot, ic),
        }),
        ..in_nvram()
    }
}

fn format(slot: u32, ic: u32) -> FormatTokenArgs {
    FormatTokenArgs {
        flags: 0,
        token: place(slot, ic),
        auth_key: None,
    }
}

/// A formatted card in the reader of an operational module.
fn with_card() -> Rig {
    let mut rig = Rig::operational();
    rig.module
        .insert_card(0, Box::new(MemoryCard::default()))
        .unwrap();
    rig.ok(format(0, 1));
    rig
}

fn write(data: &[u8]) -> WriteFileArgs {
    WriteFileArgs {
        flags: 0,
        token: place(0, 1),
        file: info(0),
        data: data.to_vec(),
    }
}

fn read() -> ReadFileArgs {
    ReadFileArgs {
        flags: 0,
        token: place(0, 1),
        file: info(0),
    }
}

fn erase() -> EraseFileArgs {
    EraseFileArgs {
        flags: 0,
        token: place(0, 1),
        file: info(0),
    }
}

fn create(spec: FileSpec, length: u32, acl: ACL) -> FileCreateArgs {
    FileCreateArgs {
        flags: 0,
        file: FileSpec {
            file: info(length),
            ..spec
        },
        acl,
    }
}

fn operate(file: FileSpec, op: NVMemOpType, val: NVMemOpTypeOpVal) -> FileOpArgs {
    FileOpArgs {
        file,
        op,
        val,
        ..Default::default()
    }
}

fn content(rig: &mut Rig, file: FileSpec) -> Vec<u8> {
    match rig
        .ok(operate(file, NVMemOpType::Read, NVMemOpTypeOpVal::Empty))
        .res
    {
        NVMemOpTypeOpRes::Read(read) => read.data,
        other => panic!("{other:?}"),
    }
}

fn files(rig: &mut Rig) -> Vec<FileInfo> {
    rig.ok(GetSlotInfoArgs { module: 1, slot: 0 }).files
}

#[test]
fn a_file_on_a_card_is_written_read_and_erased() {
    let mut rig = with_card();
    rig.refused(read(), Status::UnknownID);
    rig.ok(write(b"one"));
    assert_eq!(rig.ok(read()).data, b"one");
    assert_eq!(files(&mut rig), [info(3)]);
    rig.ok(write(b"longer"));
    assert_eq!(rig.ok(read()).data, b"longer");
    // What a command says of a file must be so.
    rig.refused(
        ReadFileArgs {
            file: info(5),
            ..read()
        },
        Status::InvalidParameter,
    );
    rig.refused(
        WriteFileArgs {
            file: info(5),
            ..write(b"four")
        },
        Status::InvalidParameter,
    );
    rig.refused(write(b""), Status::InvalidParameter);
    rig.ok(erase());
    rig.refused(erase(), Status::UnknownID);
    assert_eq!(files(&mut rig), []);
}

#[test]
fn another_insertion_is_another_card() {
    let mut rig = with_card();
    rig.ok(write(b"one"));
    let card = rig.module.remove_card(0).unwrap();
    rig.refused(read(), Status::PhysTokenNotPresent);
    rig.module.insert_card(0, card).unwrap();
    rig.refused(read(), Status::PhysTokenNotPresent);
    rig.refused(write(b"two"), Status::PhysTokenNotPresent);
    rig.refused(erase(), Status::PhysTokenNotPresent);
    let now = ReadFileArgs {
        token: place(0, 2),
        ..read()
    };
    assert_eq!(rig.ok(now).data, b"one");
}

#[test]
fn full_blank_foreign_and_damaged_cards_have_their_own_status() {
    let mut rig = with_card();
    rig.refused(write(&[7; 32 * 1024]), Status::NoSpaceOnToken);
    rig.ok(write(&[7; 30 * 1024]));
    let mut other = write(&[7; 4 * 1024]);
    other.file.id = [1; 11];
    rig.refused(other, Status::NoSpaceOnToken);
    rig.refused(
        create(on_card(0, 1), u32::MAX, every()),
        Status::NoSpaceOnToken,
    );
    assert_eq!(rig.ok(read()).data.len(), 30 * 1024);
    let cards: [(&[u8], Status); 3] = [
        (b"", Status::TokenNotFormatted),
        (b"a text", Status::UnknownTokenType),
        (b"SSCD\x01\x00cut", Status::BadTokenData),
    ];
    for (ic, (card, status)) in (2..).zip(cards) {
        rig.module.remove_card(0).unwrap();
        let card = MemoryCard::new(card.to_vec());
        rig.module.insert_card(0, Box::new(card)).unwrap();
        for _ in 0..2 {
            rig.refused(
                ReadFileArgs {
                    token: place(0, ic),
                    ..read()
                },
                status,
            );
            rig.refused(
                WriteFileArgs {
                    token: place(0, ic),
                    ..write(b"one")
                },
                status,
            );
        }
    }
}

#[test]
fn the_officer_reserves_files_on_cards() {
    let mut rig = Rig::initialising();
    rig.module
        .insert_card(0, Box::new(MemoryCard::default()))
        .unwrap();
    rig.ok(format(0, 1));
    rig.ok(write(b"one"));
    rig.become_operational(EVERYTHING & !NSOPerms::OPS_READ_FILE);
    rig.refused(read(), Status::AccessDenied);
    rig.ok(write(b"two"));
    let mut rig = Rig::initialising();
    rig.module
        .insert_card(0, Box::new(MemoryCard::default()))
        .unwrap();
    rig.ok(format(0, 1));
    rig.ok(write(b"one"));
    rig.become_operational(NSOPerms::OPS_READ_FILE);
    rig.ok(read());
    rig.refused(write(b"two"), Status::AccessDenied);
    rig.refused(create(on_card(0, 1), 1, every()), Status::AccessDenied);
    rig.refused(erase(), Status::AccessDenied);
    assert_eq!(rig.ok(read()).data, b"one");
}

#[test]
fn a_file_on_a_card_obeys_its_list() {
    let mut rig = with_card();
    rig.ok(create(on_card(0, 1), 4, list(Perms::INCR)));
    rig.refused(create(on_card(0, 1), 4, every()), Status::AlreadyExists);
    rig.refused(read(), Status::AccessDenied);
    rig.refused(write(b"four"), Status::AccessDenied);
    rig.refused(erase(), Status::AccessDenied);
    let file = on_card(0, 1);
    let up = NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count: 3 });
    rig.ok(operate(file.clone(), NVMemOpType::Incr, up.clone()));
    rig.refused(
        operate(file.clone(), NVMemOpType::IncrRead, up),
        Status::AccessDenied,
    );
    let erase = FileEraseArgs { flags: 0, file };
    rig.refused(erase, Status::AccessDenied);
    // Nobody but who formats it.
    rig.ok(format(0, 1));
    assert_eq!(files(&mut rig), []);
}

#[test]
fn both_devices_take_the_same_operations() {
    for file in [in_nvram(), on_card(0, 1)] {
        let mut rig = with_card();
        rig.ok(create(file.clone(), 4, every()));
        assert_eq!(content(&mut rig, file.clone()), [0; 4]);
        let data = vec![1, 2, 3, 4];
        let new = NVMemOpTypeOpVal::Write(NVMemOpTypeWriteOpVal { data });
        rig.ok(operate(file.clone(), NVMemOpType::Write, new));
        let data = vec![8, 0, 0, 0];
        let bits = NVMemOpTypeOpVal::BitSet(NVMemOpTypeBitSetOpVal { data });
        rig.ok(operate(file.clone(), NVMemOpType::BitSet, bits));
        let longer = NVMemOpTypeOpVal::Resize(NVMemOpTypeResizeOpVal { size: 5 });
        rig.ok(operate(file.clone(), NVMemOpType::Resize, longer));
        assert_eq!(content(&mut rig, file.clone()), [9, 2, 3, 4, 0]);
        let huge = NVMemOpTypeOpVal::Resize(NVMemOpTypeResizeOpVal { size: u32::MAX });
        let full = match file.dev {
            FileDevice::NVMem => Status::NoModuleMemory,
            _ => Status::NoSpaceOnToken,
        };
        rig.refused(operate(file.clone(), NVMemOpType::Resize, huge), full);
        let list = operate(file.clone(), NVMemOpType::GetACL, NVMemOpTypeOpVal::Empty);
        let NVMemOpTypeOpRes::GetACL(list) = rig.ok(list).res else {
            panic!("no list")
        };
        assert_eq!(list.acl, every());
        rig.ok(FileEraseArgs {
            flags: 0,
            file: file.clone(),
        });
        let gone = operate(file, NVMemOpType::Read, NVMemOpTypeOpVal::Empty);
        rig.refused(gone, Status::UnknownID);
    }
}

#[test]
fn devices_that_are_not_here_are_refused() {
    let mut rig = with_card();
    let persistent = FileSpec {
        dev: FileDevice::NVMemPersist,
        details: FileDeviceDetails::NVMemPersist(FileDeviceNVMemPersistDetails { module: 1 }),
        ..in_nvram()
    };
    rig.refused(create(persistent, 1, every()), Status::UnknownFileDevice);
    let elsewhere = FileSpec {
        details: FileDeviceDetails::NVMem(FileDeviceNVMemDetails { module: 2 }),
        ..in_nvram()
    };
    rig.refused(create(elsewhere, 1, every()), Status::CrossModule);
    rig.refused(create(on_card(9, 1), 1, every()), Status::UnknownSlot);
}

/// A template key with this list, by which MakeBlob makes files.
fn template(rig: &mut Rig, acl: &ACL) -> u32 {
    let nested_acl = to_bytes(acl, &WireProfile::DEFAULT).unwrap();
    let data = KeyTypeDKTemplateData {
        appdata: Vec::new(),
        nested_acl,
    };
    rig.ok(ImportArgs {
        module: 1,
        data: KeyData {
            type_: KeyType::DKTemplate,
            data: KeyTypeData::DKTemplate(data),
        },
        acl: ACL::default(),
        appdata: [0; 64],
    })
    .key
}

/// A key whose list allows blobs in files alone, on these devices and with the list of this template.
fn stored_key(rig: &mut Rig, devs: Option<u32>, aclhash: Option<[u8; 20]>) -> u32 {
    let blobfile = MakeBlobFilePerms {
        flags: 0,
        devs,
        aclhash,
    };
    let details = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY,
        blobfile: Some(blobfile),
        ..Default::default()
    };
    let blobs = Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    };
    rig.aes(acl(vec![operations(Op::ENCRYPT), blobs]))
}

fn blob(rig: &mut Rig, idka: u32, file: Option<(u32, FileSpec)>) -> MakeBlobArgs {
    let list = GetKMListArgs {
        module: 1,
        flags: 0,
    };
    let hkm = rig.ok(list).hkms[0];
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
        file: file.map(|(kacl, file)| MakeBlobFile {
            flags: 0,
            kacl,
            file,
        }),
        ..Default::default()
    }
}

fn load(file: FileSpec) -> LoadBlobArgs {
    LoadBlobArgs {
        flags: 0,
        module: 1,
        blob: Vec::new(),
        idkb: None,
        file: Some(file),
    }
}

#[test]
fn a_blob_in_a_file_is_loaded_from_it_and_never_seen() {
    for file in [in_nvram(), on_card(0, 1)] {
        let mut rig = with_card();
        let kacl = template(&mut rig, &list(Perms::LOAD_BLOB));
        let key = stored_key(&mut rig, None, None);
        let hash = rig.hash_of(key);
        let args = blob(&mut rig, key, Some((kacl, file.clone())));
        assert_eq!(rig.ok(args.clone()).blob, b"");
        rig.refused(args, Status::AlreadyExists);
        let loaded = rig.ok(load(file.clone())).idka;
        assert_eq!(rig.hash_of(loaded), hash);
        let read = operate(file.clone(), NVMemOpType::Read, NVMemOpTypeOpVal::Empty);
        rig.refused(read, Status::AccessDenied);
        rig.refused(
            LoadBlobArgs {
                blob: vec![1],
                ..load(file.clone())
            },
            Status::InvalidParameter,
        );
        let mut longer = file;
        longer.file.length = 1;
        rig.refused(load(longer), Status::InvalidParameter);
    }
}

#[test]
fn a_blob_on_a_card_that_is_pulled_in_a_read_is_not_loaded() {
    let mut rig = with_card();
    let kacl = template(&mut rig, &list(Perms::LOAD_BLOB));
    let key = stored_key(&mut rig, None, None);
    let hash = rig.hash_of(key);
    let args = blob(&mut rig, key, Some((kacl, on_card(0, 1))));
    rig.ok(args);
    for (ic, bytes) in (1..).zip([0, 30, 100]) {
        rig.module.pull_cards_in(Access::Read, bytes);
        rig.refused(load(on_card(0, ic)), Status::TokenIOError);
        let card = rig.module.remove_card(0).unwrap();
        rig.refused(load(on_card(0, ic)), Status::PhysTokenNotPresent);
        rig.module.insert_card(0, card).unwrap();
        let loaded = rig.ok(load(on_card(0, ic + 1))).idka;
        assert_eq!(rig.hash_of(loaded), hash);
    }
}

#[test]
fn a_blob_in_nvram_survives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module1.redb");
    let power_on = || Rig::with(1, b"test", Box::new(RedbStore::open(&path).unwrap()));
    let mut rig = power_on();
    rig.initialise();
    rig.become_operational(EVERYTHING);
    let kacl = template(&mut rig, &list(Perms::LOAD_BLOB));
    let key = stored_key(&mut rig, None, None);
    let hash = rig.hash_of(key);
    let args = blob(&mut rig, key, Some((kacl, in_nvram())));
    rig.ok(args);
    // No orderly end: the reply is the promise.
    drop(rig);
    let mut rig = power_on();
    let loaded = rig.ok(load(in_nvram())).idka;
    assert_eq!(rig.hash_of(loaded), hash);
    rig.initialise();
    rig.refused(load(in_nvram()), Status::UnknownID);
}

#[test]
fn the_lists_of_key_and_file_say_where_a_blob_goes() {
    let mut rig = with_card();
    let kacl = template(&mut rig, &list(Perms::LOAD_BLOB));
    let other = template(&mut rig, &every());
    let aclhash = Some(rig.hash_of(kacl));
    let (nvram, card) = (
        MakeBlobFilePerms::DEVS_NV_MEM,
        MakeBlobFilePerms::DEVS_PHYS_TOKEN,
    );
    let key = stored_key(&mut rig, Some(nvram), aclhash);
    for (kacl, file) in [(kacl, on_card(0, 1)), (other, in_nvram())] {
        let args = blob(&mut rig, key, Some((kacl, file)));
        rig.refused(args, Status::AccessDenied);
    }
    let args = blob(&mut rig, key, None);
    rig.refused(args, Status::AccessDenied);
    let args = blob(&mut rig, key, Some((kacl, in_nvram())));
    rig.ok(args);
    let key = stored_key(&mut rig, Some(card), None);
    let args = blob(&mut rig, key, Some((other, in_nvram())));
    rig.refused(args, Status::AccessDenied);
    let args = blob(&mut rig, key, Some((other, on_card(0, 1))));
    rig.ok(args);
    // A list that speaks of no file allows none.
    let key = rig.aes(anything());
    let args = blob(&mut rig, key, Some((kacl, on_card(0, 1))));
    rig.refused(args, Status::AccessDenied);
    // The file's own list.
    let unloadable = template(&mut rig, &list(Perms::READ));
    let key = stored_key(&mut rig, None, None);
    let mut file = in_nvram();
    file.file.id = [1; 11];
    let args = blob(&mut rig, key, Some((unloadable, file.clone())));
    rig.ok(args);
    rig.refused(load(file), Status::AccessDenied);
}

#[test]
fn what_is_no_template_gives_no_list() {
    let mut rig = with_card();
    let key = stored_key(&mut rig, None, None);
    let aes = rig.aes(anything());
    let args = blob(&mut rig, key, Some((aes, in_nvram())));
    rig.refused(args, Status::TypeMismatch);
    let args = blob(&mut rig, key, Some((77, in_nvram())));
    rig.refused(args, Status::UnknownID);
    let empty = template(&mut rig, &ACL::default());
    let damaged = KeyTypeDKTemplateData {
        nested_acl: vec![1, 2, 3],
        ..KeyTypeDKTemplateData::default()
    };
    let damaged = rig
        .ok(ImportArgs {
            module: 1,
            data: KeyData {
                type_: KeyType::DKTemplate,
                data: KeyTypeData::DKTemplate(damaged),
            },
            acl: ACL::default(),
            appdata: [0; 64],
        })
        .key;
    let args = blob(&mut rig, key, Some((damaged, in_nvram())));
    rig.refused(args, Status::InvalidACL);
    // A file that nobody may load from is a file all the same.
    let args = blob(&mut rig, key, Some((empty, in_nvram())));
    rig.ok(args);
    rig.refused(load(in_nvram()), Status::AccessDenied);
}

#[test]
fn a_file_with_something_else_is_no_blob() {
    let mut rig = with_card();
    rig.ok(create(in_nvram(), 40, every()));
    rig.refused(load(in_nvram()), Status::BlobTypeUnknown);
}

#[test]
fn blobs_in_nvram_are_the_officers_to_allow() {
    let mut rig = Rig::with(1, b"test", Box::new(MemoryStore::default()));
    rig.initialise();
    rig.become_operational(EVERYTHING & !NSOPerms::OPS_NV_MEM_ALLOC);
    let kacl = template(&mut rig, &every());
    let key = stored_key(&mut rig, None, None);
    let args = blob(&mut rig, key, Some((kacl, in_nvram())));
    rig.refused(args, Status::AccessDenied);
}

#[test]
fn a_file_on_a_card_is_there_when_the_command_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let mut rig = Rig::operational();
    rig.module
        .insert_card(0, Box::new(FileCard::new(&path)))
        .unwrap();
    rig.ok(format(0, 1));
    rig.ok(write(b"one"));
    let mut other = Rig::operational();
    other
        .module
        .insert_card(0, Box::new(FileCard::new(&path)))
        .unwrap();
    assert_eq!(other.ok(read()).data, b"one");
}

/// A card that was pulled in the middle of a write has bytes of the old content or of the new one; anything else of what
/// such a file may hold is told from both, and never taken for either.
#[test]
fn a_card_cut_anywhere_is_damaged_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let mut rig = Rig::operational();
    rig.module
        .insert_card(0, Box::new(FileCard::new(&path)))
        .unwrap();
    rig.ok(format(0, 1));
    rig.ok(write(b"old content"));
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let status = rig.send(read()).status;
        let expected = match length {
            0 => Status::TokenNotFormatted,
            _ => Status::BadTokenData,
        };
        assert_eq!(status, expected, "{length} bytes of {}", whole.len());
        rig.refused(GetSlotInfoArgs { module: 1, slot: 0 }, expected);
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(rig.ok(read()).data, b"old content");
}
