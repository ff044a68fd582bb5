//! Values marked "Windows" are PyCryptodome's; the unit tests of Wine's rsaenh assert the same ones
//! of Windows.

mod known_answers;
mod making;
mod parameters;
mod properties;
mod using;

use super::*;
use crate::alg::RSA_AES;
use crate::constants::*;
use crate::soft::HashState;
use crate::soft::testing::hash;

/// The 2000 bytes that the Windows values are derived from.
pub(super) fn windows_hash() -> HashState {
    let data: Vec<u8> = (0..2000u32).map(|i| i as u8).collect();
    hash(AlgId::CALG_MD2, &data)
}

pub(super) fn windows_key(algorithm: AlgId, flags: u32) -> SymKey {
    SymKey::derive(&RSA_AES, algorithm, &mut windows_hash(), flags).expect("the key is made")
}

pub(super) fn set(key: &mut SymKey, param: u32, value: u32) -> Result<()> {
    key.set_param(param, &value.to_le_bytes())
}

pub(super) fn get(key: &SymKey, param: u32) -> Result<u32> {
    let bytes = key.param(param)?;
    Ok(u32::from_le_bytes(
        bytes.try_into().expect("the parameter is a DWORD"),
    ))
}
