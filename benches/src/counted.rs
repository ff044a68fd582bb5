//! A signing key whose uses are counted in non-volatile memory, and what the commands about it are.

use anyhow::{Context as _, bail};
use ncore::types::*;

/// The area of the counter.
pub const AREA: [u8; 11] = *b"campaign\0\0\0";

/// The number in the area.
pub const RANGE: NVMemRange = NVMemRange { first: 0, last: 7 };

/// Cmd_NVMemAlloc of the area: any key may count there, and anyone may read.
pub fn area() -> NVMemAllocArgs {
    let counting = ActDetails::NVMemUseLimit(ActNVMemUseLimitDetails {
        flags: 0,
        range: RANGE,
        hks: Vec::new(),
    });
    let reading = ActDetails::NVMemOpPerms(ActNVMemOpPermsDetails {
        perms: ActNVMemOpPermsDetails::READ,
        ..Default::default()
    });
    NVMemAllocArgs {
        module: 1,
        flags: 0,
        info: FileInfo {
            flags: 0,
            length: 8,
            id: AREA,
        },
        acl: list(
            vec![(Act::NVMemUseLimit, counting), (Act::NVMemOpPerms, reading)],
            Vec::new(),
        ),
    }
}

/// Cmd_GenerateKey of an HMAC key that signs so many times, reserved `prefetch` at a time, and may be kept under a module
/// key.
pub fn generate(prefetch: u32) -> GenerateKeyArgs {
    let limit = UseLimit {
        type_: UseLim::NonVolatile,
        details: UseLimDetails::NonVolatile(UseLimNonVolatileDetails {
            flags: 0,
            file: AREA,
            range: RANGE,
            maxlo: u32::MAX,
            maxhi: u32::MAX,
            prefetch,
        }),
    };
    let signing = ActDetails::OpPermissions(ActOpPermissionsDetails {
        perms: ActOpPermissionsDetails::SIGN,
    });
    let keeping = ActDetails::MakeBlob(ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY,
        ..Default::default()
    });
    let mut acl = list(vec![(Act::OpPermissions, signing)], vec![limit]);
    acl.groups
        .extend(list(vec![(Act::MakeBlob, keeping)], Vec::new()).groups);
    GenerateKeyArgs {
        module: 1,
        params: KeyGenParams {
            type_: KeyType::HMACSHA256,
            params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 }),
        },
        acl,
        ..Default::default()
    }
}

/// Cmd_MakeBlob under a module key.
pub fn make_blob(idka: u32, hkm: [u8; 20]) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
        ..Default::default()
    }
}

/// Cmd_LoadBlob.
pub fn load(blob: &[u8]) -> LoadBlobArgs {
    LoadBlobArgs {
        module: 1,
        blob: blob.to_vec(),
        ..Default::default()
    }
}

/// Cmd_Sign: one use.
pub fn sign(key: u32) -> SignArgs {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: b"counted".to_vec(),
    });
    SignArgs {
        key,
        mech: Mech::HMACSHA256,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data,
        },
        ..Default::default()
    }
}

/// Cmd_NVMemOp that reads the counter.
pub fn read() -> NVMemOpArgs {
    NVMemOpArgs {
        module: 1,
        name: AREA,
        range: Some(RANGE),
        op: NVMemOpType::Read,
        ..Default::default()
    }
}

/// The counter in the reply to [`read`].
///
/// # Errors
/// It is another reply, or no number of 8 bytes.
pub fn number(reply: NVMemOpReply) -> anyhow::Result<u64> {
    match reply.res {
        NVMemOpTypeOpRes::Read(read) => {
            let bytes = read.data.as_slice().try_into();
            Ok(u64::from_le_bytes(bytes.context("not 8 bytes")?))
        }
        other => bail!("no bytes: {other:?}"),
    }
}

fn list(actions: Vec<(Act, ActDetails)>, limits: Vec<UseLimit>) -> ACL {
    let action = |(type_, details)| Action { type_, details };
    ACL {
        groups: vec![PermissionGroup {
            limits,
            actions: actions.into_iter().map(action).collect(),
            ..Default::default()
        }],
    }
}
