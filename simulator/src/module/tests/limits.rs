//! Use limits as commands meet them: counted once for every use, by name, and gone after a reset.

use std::time::Duration;

use ncore::Status;
use ncore::types::*;

use super::rig::*;

fn limited(limits: Vec<UseLimit>) -> ACL {
    let actions = vec![operations(Op::SIGN | Op::DUPLICATE_HANDLE | Op::GET_ACL)];
    ACL {
        groups: vec![PermissionGroup {
            limits,
            actions,
            ..Default::default()
        }],
    }
}

fn global(id: [u8; 20], max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Global,
        details: UseLimDetails::Global(UseLimGlobalDetails { id, max }),
    }
}

fn auth(id: [u8; 20], max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Auth,
        details: UseLimDetails::Auth(UseLimAuthDetails { id, max }),
    }
}

fn time(seconds: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Time,
        details: UseLimDetails::Time(UseLimTimeDetails { seconds }),
    }
}

fn sign(key: u32) -> SignArgs {
    SignArgs {
        key,
        mech: Mech::Any,
        plain: bytes(b"x"),
        ..Default::default()
    }
}

#[test]
fn a_global_limit_counts_all_keys_that_name_it() {
    let mut rig = Rig::operational();
    let one = rig.aes(limited(vec![global([1; 20], 3)]));
    let two = rig.aes(limited(vec![global([1; 20], 3)]));
    let other = rig.aes(limited(vec![global([2; 20], 3)]));
    rig.ok(sign(one));
    rig.ok(sign(two));
    rig.ok(sign(one));
    rig.refused(sign(one), Status::UseLimitExceeded);
    rig.refused(sign(two), Status::UseLimitExceeded);
    rig.ok(sign(other));
}

#[test]
fn a_use_is_charged_even_if_the_arithmetic_fails() {
    let mut rig = Rig::operational();
    let key = rig.aes(limited(vec![global([1; 20], 1)]));
    rig.refused(
        SignArgs {
            mech: Mech::RSApPKCS1,
            ..sign(key)
        },
        Status::TypeMismatch,
    );
    rig.refused(sign(key), Status::UseLimitExceeded);
}

#[test]
fn duplicates_count_on_the_same_limits() {
    let mut rig = Rig::operational();
    let key = rig.aes(limited(vec![auth([1; 20], 3)]));
    let copy = rig.ok(DuplicateArgs { key }).newkey;
    rig.ok(sign(copy));
    rig.ok(sign(key));
    rig.refused(sign(copy), Status::UseLimitExceeded);
}

#[test]
fn a_limit_without_a_name_gets_one_of_its_own() {
    let mut rig = Rig::operational();
    let one = rig.aes(limited(vec![global([0; 20], 2)]));
    let two = rig.aes(limited(vec![global([0; 20], 2)]));
    let name = |rig: &mut Rig, key| match &rig.ok(GetACLArgs { flags: 0, key }).acl.0.groups[0]
        .limits[0]
        .details
    {
        UseLimDetails::Global(limit) => limit.id,
        _ => panic!("no global limit"),
    };
    let (first, second) = (name(&mut rig, one), name(&mut rig, two));
    assert_ne!(first, [0; 20]);
    assert_ne!(first, second);
    rig.ok(sign(one));
    rig.refused(sign(one), Status::UseLimitExceeded);
    rig.ok(sign(two));
}

#[test]
fn a_time_limit_runs_from_the_making() {
    let mut rig = Rig::operational();
    rig.uptime = Duration::from_secs(1000);
    let key = rig.aes(limited(vec![time(60)]));
    rig.uptime += Duration::from_millis(59_999);
    rig.ok(sign(key));
    rig.uptime += Duration::from_millis(1);
    rig.refused(sign(key), Status::TimeLimitExceeded);
}

#[test]
fn a_reset_forgets_what_was_counted() {
    let mut rig = Rig::operational();
    let acl = limited(vec![global([1; 20], 1)]);
    let key = rig.aes(acl.clone());
    rig.ok(sign(key));
    rig.refused(sign(key), Status::UseLimitExceeded);
    rig.ok(ClearUnitArgs { module: 1 });
    let key = rig.aes(acl);
    rig.ok(sign(key));
}

#[test]
fn a_blob_loaded_again_starts_its_own_authorisation() {
    let mut rig = Rig::operational();
    let hkm = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let mut list = limited(vec![auth([1; 20], 1)]);
    list.groups
        .push(group(vec![make_blob(ActMakeBlobDetails::ALLOW_KM_ONLY)]));
    let key = rig.aes(list);
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    let args = MakeBlobArgs {
        flags: 0,
        format: BlobFormat::Module,
        idka: key,
        blobkey,
        acl: None,
        file: None,
    };
    let blob = rig.ok(args).blob;
    for _ in 0..2 {
        let key = rig
            .ok(LoadBlobArgs {
                flags: 0,
                module: 1,
                blob: blob.clone(),
                idkb: None,
                file: None,
            })
            .idka;
        rig.ok(sign(key));
        rig.refused(sign(key), Status::UseLimitExceeded);
    }
}
