//! One seed repeats a run byte for byte, whatever runs beside it.

use ncore::types::*;

use super::rig::*;
use crate::store::MemoryStore;

fn fresh(seed: &[u8]) -> Rig {
    let mut rig = Rig::with(1, seed, Box::new(MemoryStore::default()));
    rig.initialise();
    rig.become_operational(EVERYTHING);
    rig
}

/// A script whose replies hold keys, nonces, identifiers and blobs.
fn script(rig: &mut Rig) -> Vec<ReplyBody> {
    let hkm = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let (private, public) = rig.rsa(512, anything(), anything());
    let aes = rig.aes(anything());
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    let params = TokenParams {
        sharesneeded: 2,
        sharestotal: 3,
        ..Default::default()
    };
    let iv_mech = Mech::RijndaelmCBCi128pPKCS5;
    let commands: Vec<Args> = vec![
        GenerateRandomArgs { lenbytes: 32 }.into(),
        ExportArgs { key: private }.into(),
        ExportArgs { key: aes }.into(),
        EncryptArgs {
            key: public,
            plain: bytes(b"x"),
            ..Default::default()
        }
        .into(),
        EncryptArgs {
            key: aes,
            mech: iv_mech,
            plain: bytes(b"x"),
            ..Default::default()
        }
        .into(),
        MakeBlobArgs {
            format: BlobFormat::Module,
            idka: private,
            blobkey,
            ..Default::default()
        }
        .into(),
        GenerateLogicalTokenArgs {
            module: 1,
            hkm,
            params,
        }
        .into(),
        GetTicketArgs {
            obj: aes,
            dest: TicketDestination::Any,
            ..Default::default()
        }
        .into(),
        GetChallengeArgs { module: 1 }.into(),
        GetKMListArgs {
            module: 1,
            flags: 0,
        }
        .into(),
    ];
    commands
        .into_iter()
        .map(|args| rig.send(args).body)
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_replies_and_another_does_not() {
    let (mut one, mut two, mut three) = (fresh(b"seed"), fresh(b"seed"), fresh(b"sced"));
    assert_eq!(one.module.esn(), two.module.esn());
    assert_ne!(one.module.esn(), three.module.esn());
    let (first, second, third) = (script(&mut one), script(&mut two), script(&mut three));
    assert_eq!(first, second);
    for (first, third) in first.iter().zip(&third) {
        assert_ne!(first, third);
    }
}

#[test]
fn what_other_clients_do_meanwhile_changes_nothing() {
    let (mut alone, mut beside) = (fresh(b"seed"), fresh(b"seed"));
    let (mut quiet, mut busy) = (alone.other_client(2), beside.other_client(2));
    let mut noise = beside.other_client(3);
    let expected = script(&mut quiet);
    noise.aes(anything());
    beside.aes(anything());
    let got = script(&mut busy);
    noise.aes(anything());
    assert_eq!(got, expected);
    alone.aes(anything());
}

#[test]
fn serial_numbers_have_their_form() {
    let rig = Rig::factory();
    let esn = rig.module.esn();
    let groups: Vec<&str> = esn.split('-').collect();
    assert_eq!(groups.len(), 3);
    assert!(groups.iter().all(|group| group.len() == 4));
    assert!(
        rig.module
            .esn()
            .chars()
            .all(|c| c == '-' || c.is_ascii_digit() || ('A'..='F').contains(&c))
    );
}
