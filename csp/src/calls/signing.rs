//! CPSignHash and CPVerifySignature.

use crate::constants::{AlgId, CRYPT_NOHASHOID, CRYPT_TYPE2_FORMAT, CRYPT_X931_FORMAT};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key_spec::KeySpec;
use crate::output::Output;
use crate::soft::HashState;

/// Flags of both functions. CRYPT_TYPE2_FORMAT is defined and means nothing.
const FLAGS: u32 = CRYPT_NOHASHOID | CRYPT_TYPE2_FORMAT | CRYPT_X931_FORMAT;

/// A signature to be verified: its length, and the bytes unless the caller passed NULL.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// Length in bytes, as the caller said.
    pub length: usize,
    /// So many bytes.
    pub bytes: Option<&'a [u8]>,
}

impl Csp {
    /// CPSignHash: finishes the hash and has a module sign it. `description` is hashed before, UTF-16 without its NUL.
    ///
    /// This is the way of every signature: it takes no file, no lock that another context waits for, and none at all while
    /// the module works.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_NO_KEY`, `NTE_BAD_HASH`, `NTE_BAD_HASH_STATE`, `ERROR_MORE_DATA`, and the
    /// module's; `NTE_BAD_ALGID` for a key specification that is none and for a hash that cannot be signed.
    pub fn sign_hash(
        &self,
        context: usize,
        hash: usize,
        key_spec: u32,
        description: &[u16],
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let opened = self.context(context)?;
        check_flags(flags)?;
        let spec = KeySpec::from_dword(key_spec).ok_or(CspError::NTE_BAD_ALGID)?;
        self.complete_slot(&opened, spec)?;
        let pair = opened.loaded_pair(spec)?;
        let hash = self.hash(context, hash)?;
        let Some(signature) = output.reserve(pair.public().signature_len()?)? else {
            return Ok(());
        };
        let (algorithm, digest) = finish(&mut lock(&hash), description)?;
        pair.sign(&opened, algorithm, &digest, flags, signature)
    }

    /// CPVerifySignature, in software. Finishes the hash.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_HASH`, `NTE_BAD_HASH_STATE`, `NTE_BAD_ALGID`;
    /// `NTE_BAD_SIGNATURE`, by its length already before the pointer is looked at; `ERROR_INVALID_PARAMETER` for NULL.
    pub fn verify_signature(
        &self,
        context: usize,
        hash: usize,
        signature: Signature<'_>,
        key: usize,
        description: &[u16],
        flags: u32,
    ) -> Result<()> {
        let opened = self.context(context)?;
        check_flags(flags)?;
        let key = self.complete(&opened, &*self.key(context, key)?)?;
        let key = key.key();
        let hash = self.hash(context, hash)?;
        if signature.length != key.signature_len()? {
            return Err(CspError::NTE_BAD_SIGNATURE);
        }
        let bytes = signature.bytes.ok_or(CspError::ERROR_INVALID_PARAMETER)?;
        let (algorithm, digest) = finish(&mut lock(&hash), description)?;
        key.verify(algorithm, &digest, bytes, flags)
    }
}

fn check_flags(flags: u32) -> Result<()> {
    if flags & !FLAGS == 0 {
        Ok(())
    } else {
        Err(CspError::NTE_BAD_FLAGS)
    }
}

/// Finishes a hash, the description being the last thing that goes into it.
fn finish(hash: &mut HashState, description: &[u16]) -> Result<(AlgId, Vec<u8>)> {
    // A MAC has no signature, nor has what is made of a master; it must not be finished for nothing.
    let unsigned = [
        AlgId::CALG_MAC,
        AlgId::CALG_HMAC,
        AlgId::CALG_TLS1PRF,
        AlgId::CALG_SCHANNEL_MASTER_HASH,
    ];
    if unsigned.contains(&hash.algorithm()) {
        return Err(CspError::NTE_BAD_ALGID);
    }
    if !description.is_empty() {
        let bytes: Vec<u8> = description
            .iter()
            .flat_map(|unit| unit.to_le_bytes())
            .collect();
        hash.update(&bytes, 0)?;
    }
    Ok((hash.algorithm(), hash.value()?))
}
