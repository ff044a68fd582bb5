//! A pool beside its modules (HSM Pool mode): who names its number uses it, nobody else sees a difference.

mod common;

use common::{Rig, digest, request};
use ncore::Mech;
use ncore::types::{
    ConfigurePoolModuleArgs, DestroyArgs, FailArgs, LoadBlobArgs, ModuleState,
    RetryFailedModuleArgs, SignArgs,
};
use nfkm::kmdata::EntryContent;
use nfkm::{EntryName, IdentRule};

const POOL: u32 = 3;

#[test]
fn a_client_uses_the_pool_by_its_number_and_the_modules_as_before() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let admin = rig.admin();
    admin
        .client()
        .transact(ConfigurePoolModuleArgs::default())
        .unwrap();

    let info = session.world().unwrap();
    let pools: Vec<(u32, bool, ModuleState)> = info
        .modules
        .iter()
        .map(|module| (module.number, module.is_pool(), module.state))
        .collect();
    let usable = ModuleState::Usable;
    assert_eq!(
        pools,
        [(1, false, usable), (2, false, usable), (POOL, true, usable)]
    );
    assert!(info.modules.iter().all(|module| module.fault.is_none()));

    let ident = IdentRule::Fixed("pooled".to_owned());
    let key = session.generate_key_pair(&request(ident)).unwrap();
    assert_eq!(key.modules(), [1, 2], "a pool is not one module more");
    key.sign(Mech::RSApPKCS1, digest(7)).unwrap();

    let name = EntryName::new("mscapi", "pooled").unwrap();
    let EntryContent::Key(record) = session.folder().entry(&info.world.hknso, &name).unwrap()
    else {
        panic!("no key")
    };
    let client = session.client().unwrap();
    let load = LoadBlobArgs {
        module: POOL,
        blob: record.blob,
        ..LoadBlobArgs::default()
    };
    let loaded = client.transact(load).unwrap().idka;
    let sign = || {
        let sign = SignArgs {
            key: loaded,
            mech: Mech::RSApPKCS1,
            plain: digest(7),
            ..SignArgs::default()
        };
        client.transact(sign).map(|reply| reply.sig)
    };
    let expected = sign().unwrap();
    for module in [1, 2, 1] {
        admin.client().transact(FailArgs { module }).unwrap();
        for _ in 0..3 {
            assert_eq!(sign().unwrap(), expected);
        }
        let retry = RetryFailedModuleArgs { module };
        admin.client().transact(retry).unwrap();
    }
    client.transact(DestroyArgs { key: loaded }).unwrap();
}

#[test]
fn a_pool_with_no_member_left_has_failed_and_is_back_with_the_first() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let admin = rig.admin();
    admin
        .client()
        .transact(ConfigurePoolModuleArgs::default())
        .unwrap();
    let state = || session.world().unwrap().modules[1].state;
    assert_eq!(state(), ModuleState::Usable);
    admin.client().transact(FailArgs { module: 1 }).unwrap();
    assert_eq!(state(), ModuleState::Failed);
    let retry = RetryFailedModuleArgs { module: 1 };
    admin.client().transact(retry).unwrap();
    assert_eq!(state(), ModuleState::Usable);
}
