//! The messages that KNSO signs to bind a world together (PROTOCOL section 4.8), and KMC's word on a module.

use ncore::codec;
use ncore::delegation::Delegation;
use ncore::profile::WireProfile;
use ncore::types::{
    Act, ActDetails, ActNSOPermissionsDetails, Action, AdminKey, CipherText, KeyMgmtEntType, Mech,
    NSOPerms, PlainText, PlainTextType, PlainTextTypeBytesData, PlainTextTypeData, SignArgs,
    VerifyArgs,
};

use super::suite::Suite;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::kmdata::CertificateRecord;
use crate::world::World;
use crate::{Hash, acl, public};

/// Signs one message of a world, or of a module.
pub(super) fn certify(
    client: &Client,
    key: KeyId,
    mech: Mech,
    entry: KeyMgmtEntType,
    message: Vec<u8>,
) -> Result<CertificateRecord, Error> {
    let args = SignArgs {
        key,
        mech,
        plain: plain(&message),
        ..SignArgs::default()
    };
    let signature = client.transact(args)?.sig;
    let signature =
        codec::to_bytes(&signature, &WireProfile::DEFAULT).map_err(|_| Error::Malformed {
            what: "signature of a certificate",
        })?;
    Ok(CertificateRecord {
        entry: entry.0,
        message,
        signature,
    })
}

/// Which module key and which certification key are the world's, and in one of FIPS 140 level 3 which key stands for an
/// operator: text, NUL, hashes.
pub(super) fn module_keys(
    suite: Suite,
    hknso: &Hash,
    hkm: &Hash,
    hkmc: &Hash,
    hkfips: Option<&Hash>,
) -> (KeyMgmtEntType, Vec<u8>) {
    match hkfips {
        None => {
            let text = format!("Module keys: suite = {}\0", suite.name);
            (
                KeyMgmtEntType::CertKMaKMCbKNSO,
                [text.as_bytes(), hknso, hkm, hkmc].concat(),
            )
        }
        Some(hkfips) => {
            let text = format!("Module setup, FIPS3; suite = {}\0", suite.name);
            (
                KeyMgmtEntType::CertKMaKMCaKFIPSbKNSO,
                [text.as_bytes(), hknso, hkm, hkmc, hkfips].concat(),
            )
        }
    }
}

/// Which recovery keys are the world's.
pub(super) fn card_recovery(hknso: &Hash, hkre: &Hash, hkra: &Hash) -> (KeyMgmtEntType, Vec<u8>) {
    (
        KeyMgmtEntType::CertKREaKRAbKNSO,
        [&b"Card Recovery\0"[..], hknso, hkre, hkra].concat(),
    )
}

/// That KML belongs to the module with this serial number. The layout is our own, since the real one is unpublished.
pub(crate) fn module_signing_key(esn: &str, hkml: &Hash) -> (KeyMgmtEntType, Vec<u8>) {
    (
        KeyMgmtEntType::CertKMLaESN,
        [&b"KML\0"[..], esn.as_bytes(), b"\0", hkml].concat(),
    )
}

/// What the holder of an administrator key may do in KNSO's name, for the keys that stand for one operation of the
/// security officer.
pub(super) fn delegation(
    role: AdminKey,
    hash: Hash,
) -> Option<Result<(KeyMgmtEntType, Vec<u8>), Error>> {
    let (entry, ops) = match role {
        AdminKey::NV => (
            KeyMgmtEntType::CertDelgNVbNSO,
            NSOPerms::OPS_NV_MEM_ALLOC | NSOPerms::OPS_NV_MEM_FREE,
        ),
        AdminKey::FIPS => (
            KeyMgmtEntType::CertDelgFIPSbNSO,
            NSOPerms::OPS_ORIGINATE_KEY
                | NSOPerms::OPS_WRITE_SHARE
                | NSOPerms::OPS_GENERATE_LOG_TOKEN,
        ),
        AdminKey::RTC => (KeyMgmtEntType::CertDelgRTCbNSO, NSOPerms::OPS_SET_RTC),
        AdminKey::DSEE => (
            KeyMgmtEntType::CertDelgDSEEbNSO,
            NSOPerms::OPS_DEBUG_SEE_WORLD,
        ),
        AdminKey::FTO => (
            KeyMgmtEntType::CertDelgFTObNSO,
            NSOPerms::OPS_FOREIGN_TOKEN_OPEN,
        ),
        _ => return None,
    };
    let details = ActDetails::NSOPermissions(ActNSOPermissionsDetails {
        perms: NSOPerms { ops },
    });
    let actions = vec![Action {
        type_: Act::NSOPermissions,
        details,
    }];
    let message = Delegation {
        delegate: Some(hash),
        nonce: None,
        actions,
    }
    .to_message();
    Some(
        message
            .map(|message| (entry, message))
            .map_err(|_| Error::Malformed { what: "delegation" }),
    )
}

/// Everything KNSO signs in a world with these keys: which keys are the world's, and what some may do in its name. `hash`
/// gives the hash of each key that the world has.
pub(super) fn messages(
    suite: Suite,
    hash: &dyn Fn(AdminKey) -> Option<Hash>,
) -> Result<Vec<(KeyMgmtEntType, Vec<u8>)>, Error> {
    let [hknso, hkm, hkmc] =
        [AdminKey::NSO, AdminKey::M, AdminKey::MC].map(|role| hash(role).unwrap_or_default());
    let hkfips = hash(AdminKey::FIPS);
    let mut messages = vec![module_keys(suite, &hknso, &hkm, &hkmc, hkfips.as_ref())];
    if let (Some(hkre), Some(hkra)) = (hash(AdminKey::RE), hash(AdminKey::RA)) {
        messages.push(card_recovery(&hknso, &hkre, &hkra));
    }
    for role in AdminKey::ALL {
        let delegated = hash(*role).and_then(|hash| delegation(*role, hash));
        messages.extend(delegated.transpose()?);
    }
    Ok(messages)
}

/// Checks, in a module, that KNSO signed which module key is the world's: a world file that was put together from
/// pieces is refused before the module is given anything of it.
///
/// # Errors
/// [`Error::Malformed`] when the file lacks the message or has another, [`Error::WrongKey`] when its KNSO is another;
/// [`Error::Status`] with VerifyFailed for a wrong signature.
pub(super) fn check_module_keys(
    client: &Client,
    module: u32,
    world: &World,
    suite: Suite,
) -> Result<(), Error> {
    let [hkm, hkmc] = [AdminKey::M, AdminKey::MC].map(|role| world.hash(role).unwrap_or_default());
    let hkfips = world.hash(AdminKey::FIPS);
    let (entry, message) = module_keys(suite, &world.hknso, &hkm, &hkmc, hkfips.as_ref());
    // A module that is being set up asks nobody for permission.
    let fips = FipsAuthorisation::none(client);
    let knso = public::import_admin(&fips, module, world, AdminKey::NSO, acl::admin_public_key())?;
    let verified = check_signed(client, knso, world, entry, &message);
    client.destroy(knso);
    verified
}

/// Checks that the world file has this message of a world, signed by KNSO, whose public half is loaded.
///
/// # Errors
/// [`Error::Malformed`] when the file lacks the message or has another, [`Error::Status`] with VerifyFailed for a wrong
/// signature.
pub(super) fn check_signed(
    client: &Client,
    knso: KeyId,
    world: &World,
    entry: KeyMgmtEntType,
    message: &[u8],
) -> Result<(), Error> {
    let malformed = Error::Malformed {
        what: "world file: a certificate of its keys",
    };
    let certificates = &world.record.certificates;
    match certificates.iter().find(|record| record.entry == entry.0) {
        Some(certificate) if certificate.message == message => verify(client, knso, certificate),
        _ => Err(malformed),
    }
}

/// Checks the signature of a certificate in a module, with the signer's public half there.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Status`] with VerifyFailed for a wrong signature, [`Error::Connection`].
pub(crate) fn verify(
    client: &Client,
    signer: KeyId,
    certificate: &CertificateRecord,
) -> Result<(), Error> {
    let sig: CipherText = codec::from_bytes(&certificate.signature, &WireProfile::DEFAULT)
        .map_err(|_| Error::Malformed {
            what: "signature of a certificate",
        })?;
    let args = VerifyArgs {
        key: signer,
        mech: sig.mech,
        plain: plain(&certificate.message),
        sig,
        ..VerifyArgs::default()
    };
    client.transact(args).map(|_| ())
}

fn plain(message: &[u8]) -> PlainText {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: message.to_vec(),
    });
    PlainText {
        type_: PlainTextType::Bytes,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::admin::SUITES;

    #[test]
    fn binding_messages_are_text_nul_and_hashes() {
        let (entry, message) = module_keys(SUITES[0], &[1; 20], &[2; 20], &[3; 20], None);
        assert_eq!(entry, KeyMgmtEntType::CertKMaKMCbKNSO);
        let text = b"Module keys: suite = DLf3072s256mAEScSP800131Ar1\0";
        assert_eq!(message, [&text[..], &[1; 20], &[2; 20], &[3; 20]].concat());
        let (entry, message) = module_keys(SUITES[0], &[1; 20], &[2; 20], &[3; 20], Some(&[4; 20]));
        assert_eq!(entry, KeyMgmtEntType::CertKMaKMCaKFIPSbKNSO);
        let text = b"Module setup, FIPS3; suite = DLf3072s256mAEScSP800131Ar1\0";
        assert_eq!(
            message,
            [&text[..], &[1; 20], &[2; 20], &[3; 20], &[4; 20]].concat()
        );
        let (_, message) = card_recovery(&[1; 20], &[4; 20], &[5; 20]);
        assert_eq!(
            message,
            [&b"Card Recovery\0"[..], &[1; 20], &[4; 20], &[5; 20]].concat()
        );
    }
}
