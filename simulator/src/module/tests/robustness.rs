//! Whatever a client sends, and whatever happens meanwhile, the module answers.

use std::thread;

use ncore::Status;
use ncore::codec::{Decode, Reader};
use ncore::message::Command;
use ncore::profile::WireProfile;
use ncore::types::*;
use proptest::prelude::*;

use super::rig::*;
use crate::module::support::{Support, table};

/// A module with one object of every kind, so that identifiers among the words mean something.
fn furnished() -> Rig {
    let mut rig = Rig::operational();
    rig.rsa(512, anything(), anything());
    rig.aes(anything());
    let params = TokenParams {
        sharesneeded: 1,
        sharestotal: 1,
        ..Default::default()
    };
    rig.ok(GenerateLogicalTokenArgs {
        module: 1,
        hkm: [0; 20],
        params,
    });
    let hash = ChannelOpenArgs {
        mode: ChannelMode::Sign,
        mech: Mech::SHA1Hash,
        ..Default::default()
    };
    rig.ok(hash);
    rig
}

/// Words that mean something to some command: small numbers, identifiers of the furnished module, mechanisms, extremes.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        0u32..24,
        (1u32..7).prop_map(|n| n ^ 0x1000_0000),
        prop::sample::select(vec![44, 62, 73, 75, 93, 164, 512, u32::MAX]),
        any::<u32>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_commands_are_answered(
        commands in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(word(), 0..60)), 1..40),
    ) {
        let cmds: Vec<Cmd> = table()
            .filter(|(_, support)| matches!(support, Support::Module(_)))
            // These end what the furniture is for.
            .filter(|(cmd, _)| ![Cmd::ClearUnit, Cmd::ClearUnitEx, Cmd::Fail].contains(cmd))
            .map(|(cmd, _)| cmd)
            .collect();
        let mut rig = furnished();
        for (place, words) in commands {
            let cmd = *place.get(&cmds);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).chain([0; 512]).collect();
            let mut reader = Reader::new(&bytes, &WireProfile::DEFAULT);
            let Ok(args) = Args::decode(cmd, &mut reader) else { continue };
            let mut command = Command::new(1, args);
            // What follows the arguments may do for certificates.
            command.certs = CertificateList::decode(&mut reader).ok();
            let reply = rig.begin(command).finish();
            prop_assert!(reply.status != Status::SoftwareFailed, "{} is not carried out", cmd);
            let mut bytes = Vec::new();
            prop_assert!(reply.encode(&mut bytes, Default::default(), &WireProfile::DEFAULT).is_ok());
        }
        rig.ok(NoOpArgs { module: 1 });
    }
}

#[test]
fn clients_work_beside_each_other_and_through_resets() {
    let mut rig = Rig::operational();
    let hkm = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let work = |mut rig: Rig| {
        let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
        let mut finished = 0;
        for _ in 0..40 {
            let ReplyBody::GenerateKey(GenerateKeyReply { key, .. }) =
                rig.send(aes_args(anything())).body
            else {
                continue;
            };
            let blob = MakeBlobArgs {
                format: BlobFormat::Module,
                idka: key,
                blobkey: blobkey.clone(),
                ..Default::default()
            };
            let commands: [Args; 4] = [
                SignArgs {
                    mech: Mech::Any,
                    ..sign_args(key)
                }
                .into(),
                blob.into(),
                DuplicateArgs { key }.into(),
                DestroyArgs { key }.into(),
            ];
            for args in commands {
                let status = rig.send(args).status;
                finished += usize::from(status == Status::OK);
                let expected = [Status::OK, Status::UnitReset, Status::UnknownID];
                assert!(expected.contains(&status), "{status}");
            }
        }
        finished
    };
    let clients: Vec<Rig> = (2..8).map(|ordinal| rig.other_client(ordinal)).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(|| work(client)))
            .collect();
        for _ in 0..10 {
            rig.ok(ClearUnitArgs { module: 1 });
            rig.ok(NoOpArgs { module: 1 });
        }
        assert!(
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum::<usize>()
                > 0
        );
    });
    (2..8).for_each(|ordinal| rig.module.dismiss(ordinal));
    let objects = rig.module.statistics(Default::default());
    let left = objects
        .iter()
        .find(|statistic| statistic.id == StatID::ObjectCount)
        .unwrap()
        .value;
    assert_eq!(left, 0, "nobody left anything behind");
}
