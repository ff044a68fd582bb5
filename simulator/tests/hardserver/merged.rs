//! Merged keys (PROTOCOL section 4.9).

use ncore::client::Connection;
use ncore::types::*;

use crate::rig::{Rig, encrypt, import_aes, refusal};

/// A client with copies of one key on every module, merged: the client, the copies, the merged key.
fn merged(rig: &Rig) -> (Connection, Vec<u32>, u32) {
    let client = rig.client();
    let keys: Vec<u32> = (1..=rig.options.modules)
        .map(|module| client.transact(import_aes(module, 1)).unwrap().key)
        .collect();
    let newkey = client
        .transact(MergeKeyIDsArgs { keys: keys.clone() })
        .unwrap()
        .newkey;
    (client, keys, newkey)
}

fn jobs(rig: &Rig, module: u32) -> u32 {
    rig.statistic(
        &[
            StatNodeTag::PerModule.0,
            module,
            StatNodeTag::ModuleJobStats.0,
        ],
        StatID::CmdCount,
    )
}

fn which(client: &Connection, key: u32) -> Vec<u32> {
    client.transact(GetWhichModuleArgs { key }).unwrap().module
}

#[test]
fn commands_are_spread_over_the_members() {
    let rig = Rig::ready(2);
    let (client, _, key) = merged(&rig);
    assert_eq!(which(&client, key), [1, 2]);
    let before = [jobs(&rig, 1), jobs(&rig, 2)];
    let first = client.transact(encrypt(key)).unwrap();
    for _ in 0..9 {
        assert_eq!(client.transact(encrypt(key)).unwrap(), first);
    }
    assert_eq!(
        [jobs(&rig, 1) - before[0], jobs(&rig, 2) - before[1]],
        [5, 5]
    );
}

#[test]
fn a_failed_member_is_dropped_and_the_others_go_on() {
    let rig = Rig::ready(2);
    let (client, _, key) = merged(&rig);
    rig.privileged().transact(FailArgs { module: 1 }).unwrap();
    for _ in 0..4 {
        client.transact(encrypt(key)).unwrap();
    }
    assert_eq!(which(&client, key), [2]);
    rig.privileged().transact(FailArgs { module: 2 }).unwrap();
    assert_eq!(refusal(&client, encrypt(key)), Status::HardwareFailed);
}

#[test]
fn a_key_on_a_failed_module_answers_as_the_module_does_until_that_is_back() {
    let rig = Rig::ready(2);
    let (client, keys, key) = merged(&rig);
    let privileged = rig.privileged();
    for module in [1, 2] {
        privileged.transact(FailArgs { module }).unwrap();
    }
    for _ in 0..2 {
        for key in [keys[0], keys[1], key] {
            assert_eq!(refusal(&client, encrypt(key)), Status::HardwareFailed);
        }
    }
    privileged
        .transact(RetryFailedModuleArgs { module: 1 })
        .unwrap();
    assert_eq!(refusal(&client, encrypt(keys[0])), Status::UnknownID);
    assert_eq!(refusal(&client, encrypt(keys[1])), Status::HardwareFailed);
}

#[test]
fn a_member_that_went_with_a_reset_is_replaced_by_an_update() {
    let rig = Rig::ready(2);
    let (client, keys, key) = merged(&rig);
    let privileged = rig.privileged();
    privileged.transact(ClearUnitArgs { module: 1 }).unwrap();
    assert_eq!(which(&client, key), [2]);
    privileged
        .transact(InitialiseUnitArgs { module: 1 })
        .unwrap();
    let again = client.transact(import_aes(1, 1)).unwrap().key;
    let update = UpdateMergedKeyArgs {
        mkey: key,
        addkeys: vec![again],
        ..Default::default()
    };
    let mut members = client.transact(update).unwrap().keys;
    members.sort_unstable();
    let mut expected = vec![keys[1], again];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(which(&client, key), [1, 2]);
}

#[test]
fn members_are_added_and_removed() {
    let rig = Rig::ready(2);
    let (client, keys, key) = merged(&rig);
    let update = |addkeys: &[u32], delkeys: &[u32]| UpdateMergedKeyArgs {
        mkey: key,
        flags: 0,
        addkeys: addkeys.to_vec(),
        delkeys: delkeys.to_vec(),
    };
    assert_eq!(
        client.transact(update(&[], &[keys[0]])).unwrap().keys,
        [keys[1]]
    );
    assert_eq!(which(&client, key), [2]);
    assert_eq!(refusal(&client, update(&[], &[keys[0]])), Status::UnknownID);
    assert_eq!(
        client.transact(update(&[keys[0]], &[])).unwrap().keys,
        [keys[1], keys[0]]
    );
    let stranger = client.transact(import_aes(1, 2)).unwrap().key;
    assert_eq!(
        refusal(&client, update(&[stranger], &[])),
        Status::InvalidMergedKey
    );
    assert!(client.transact(update(&[], &keys)).unwrap().keys.is_empty());
    assert_eq!(refusal(&client, encrypt(key)), Status::UnknownID);
    let of_a_plain_key = UpdateMergedKeyArgs {
        mkey: keys[0],
        ..Default::default()
    };
    assert_eq!(refusal(&client, of_a_plain_key), Status::InvalidMergedKey);
}

#[test]
fn only_copies_of_one_key_can_be_merged() {
    let rig = Rig::ready(2);
    let (client, keys, key) = merged(&rig);
    let stranger = client.transact(import_aes(2, 2)).unwrap().key;
    let merge = |keys: &[u32]| MergeKeyIDsArgs {
        keys: keys.to_vec(),
    };
    assert_eq!(
        refusal(&client, merge(&[keys[0], stranger])),
        Status::InvalidMergedKey
    );
    assert_eq!(
        refusal(&client, merge(&[keys[0], key])),
        Status::InvalidMergedKey
    );
    assert_eq!(
        refusal(&client, merge(&[keys[0], 12345])),
        Status::UnknownID
    );
    assert_eq!(refusal(&client, merge(&[])), Status::InvalidParameter);
    assert_eq!(
        refusal(&client, merge(&[keys[0]; 257])),
        Status::InvalidParameter
    );
}

#[test]
fn destroying_a_merged_key_leaves_its_members() {
    let rig = Rig::ready(2);
    let (client, keys, key) = merged(&rig);
    client.transact(DestroyArgs { key }).unwrap();
    assert_eq!(refusal(&client, encrypt(key)), Status::UnknownID);
    client.transact(encrypt(keys[0])).unwrap();
    client.transact(DestroyArgs { key: keys[0] }).unwrap();
}
