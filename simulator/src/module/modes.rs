//! The modes of a world beside FIPS 140 level 3, which SetNSOPerms chooses (UTILITIES sections 3.1 and 4.3): what each does.
//!
//! Their names are public and their effects are not. AlwaysUseStrongPrimes is taken to mean what the flag of a single
//! command does, for every RSA pair. DisablePKCS1Padding is taken to refuse the paddings of PKCS#1 v1.5 in every use of a
//! key, and to leave OAEP and numbers, which are not padded. UseFIPSApprovedInternalMechanisms changes nothing: what this
//! module does inside is AES-256-GCM, SHA-2 and ECDSA in any case.

use ncore::Status;
use ncore::types::{
    KeyGenParams, KeyTypeGenParams, KeyTypeRSAPrivateGenParams, Mech, PlainTextType,
    SetNSOPermsArgs,
};

use super::call::Call;
use super::key::Key;
use crate::crypto;

/// The modes that this module has.
pub(super) const AVAILABLE: u32 = SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2
    | SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES
    | SetNSOPermsArgs::DISABLE_PKCS1_PADDING
    | SetNSOPermsArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS;

/// The answer to a mechanism that the world does without: a guess.
const REFUSAL: Status = Status::DeprecatedMechanism;

/// How a key is made in the world.
pub(super) fn parameters(call: &Call, asked: &KeyGenParams) -> KeyGenParams {
    let mut params = asked.clone();
    if call
        .world
        .has_mode(SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES)
        && let KeyTypeGenParams::RSAPrivate(rsa) = &mut params.params
    {
        rsa.flags |= KeyTypeRSAPrivateGenParams::USE_STRONG_PRIMES;
    }
    params
}

/// Refuses PKCS#1 v1.5 padding of data of this type, where the world does without it.
pub(super) fn check_padding(
    call: &Call,
    key: &Key,
    mech: Mech,
    data: PlainTextType,
) -> Result<(), Status> {
    let is_padded = data != PlainTextType::Bignum && crypto::pads_by_pkcs1(mech, key.key_type());
    match is_padded && call.world.has_mode(SetNSOPermsArgs::DISABLE_PKCS1_PADDING) {
        false => Ok(()),
        true => Err(REFUSAL),
    }
}

/// The mechanism of a command that takes a signature or cipher text: its own, or that of what it takes.
pub(super) fn of_given(mech: Mech, given: Mech) -> Mech {
    match mech {
        Mech::Any => given,
        mech => mech,
    }
}
