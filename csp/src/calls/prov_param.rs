//! CPGetProvParam and CPSetProvParam.

use nfkm::InNvram;

use crate::alg::{Algorithm, Provider};
use crate::constants::{
    AT_KEYEXCHANGE, AT_SIGNATURE, CRYPT_FIRST, CRYPT_IMPL_HARDWARE, CRYPT_MACHINE_KEYSET,
    CRYPT_NEXT, CRYPT_SEC_DESCR, PP_CLIENT_HWND, PP_CONTAINER, PP_CONTEXT_INFO,
    PP_CRYPT_COUNT_KEY_USE, PP_DELETEKEY, PP_ENUMALGS, PP_ENUMALGS_EX, PP_ENUMCONTAINERS,
    PP_ENUMEX_SIGNING_PROT, PP_IMPTYPE, PP_KEYEXCHANGE_PIN, PP_KEYSET_SEC_DESCR, PP_KEYSET_TYPE,
    PP_KEYSPEC, PP_KEYSTORAGE, PP_KEYX_KEYSIZE_INC, PP_NAME, PP_NO_HOST_STORAGE, PP_PROVTYPE,
    PP_SIG_KEYSIZE_INC, PP_SIGNATURE_PIN, PP_UI_PROMPT, PP_UNIQUE_CONTAINER, PP_USE_HARDWARE_RNG,
    PP_VERSION,
};
use crate::container::Container;
use crate::container::record::Scope;
use crate::context::{Context, Keyset};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key_spec::KeySpec;
use crate::names;
use crate::output::Output;
use crate::prompt::Secret;
use crate::security::{DACL, Descriptor, GROUP, OWNER, Right, SACL};
use crate::sys;

/// What CPSetProvParam's data pointer leads to, by the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvParamForm {
    /// Nothing is read: the parameter means something by itself, or is of no use here.
    None,
    /// A DWORD; NULL is not allowed.
    Dword,
    /// A self-relative security descriptor; NULL is not allowed.
    Descriptor,
    /// A window handle, as wide as a pointer; NULL is no window.
    Window,
    /// Text that ends with a NUL, in the encoding of the A functions; NULL is no text.
    Text,
    /// UTF-16 text that ends with a NUL, which is left away; NULL is no text.
    WideText,
}

/// PP_VERSION 2.0: major in the second byte, minor in the lowest.
const VERSION: u32 = 0x200;

/// PP_ENUMCONTAINERS' maximum length with its NUL, in bytes (MAX_PATH + 1).
const CONTAINER_NAME_MAX: usize = 261;

/// All parts of a security descriptor that a caller may name.
const PARTS: u32 = OWNER | GROUP | DACL | SACL;

impl Csp {
    /// CPGetProvParam. A code that is returned with success is the last error that the successful call leaves.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_TYPE`, `ERROR_MORE_DATA`, `ERROR_NO_MORE_ITEMS`, and for
    /// PP_KEYSET_SEC_DESCR the container's.
    pub fn prov_param(
        &self,
        context: usize,
        param: u32,
        flags: u32,
        output: Output<'_>,
    ) -> Result<Option<CspError>> {
        let context = self.context(context)?;
        match param {
            PP_ENUMALGS | PP_ENUMALGS_EX => {
                return enumerate_algorithms(&context, param, flags, output).map(|()| None);
            }
            PP_ENUMCONTAINERS => {
                return self
                    .enumerate_containers(&context, flags, output)
                    .map(|()| None);
            }
            PP_KEYSET_SEC_DESCR => return descriptor(&context, flags, output),
            _ if flags != 0 => return Err(CspError::NTE_BAD_FLAGS),
            _ => {}
        }
        let container = match &context.keyset {
            Keyset::Container { name, container } => Some((name.as_str(), container.ident())),
            Keyset::Ephemeral(_) => None,
        };
        match param {
            PP_NAME => output.put(&c_string(&context.provider_name)),
            PP_CONTAINER => output.put(&c_string(container.map_or("", |(name, _)| name))),
            PP_UNIQUE_CONTAINER => output.put(&c_string(container.map_or("", |(_, ident)| ident))),
            PP_PROVTYPE => output.put_dword(context.provider.prov_type),
            PP_VERSION => output.put_dword(VERSION),
            PP_IMPTYPE => output.put_dword(CRYPT_IMPL_HARDWARE),
            PP_KEYSPEC => output.put_dword(key_specs(context.provider)),
            PP_KEYSET_TYPE => output.put_dword(if context.scope == Scope::Machine {
                CRYPT_MACHINE_KEYSET
            } else {
                0
            }),
            PP_KEYSTORAGE => output.put_dword(CRYPT_SEC_DESCR),
            PP_SIG_KEYSIZE_INC | PP_KEYX_KEYSIZE_INC => {
                output.put_dword(context.provider.public_key_step)
            }
            // Success says that dwProtocols of PP_ENUMALGS_EX means something, and that the module is the generator.
            PP_ENUMEX_SIGNING_PROT | PP_USE_HARDWARE_RNG => output.set_length(0),
            _ => Err(CspError::NTE_BAD_TYPE),
        }?;
        Ok(None)
    }

    /// How CPSetProvParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_UID`; `NTE_BAD_TYPE` for a parameter that cannot be set.
    pub fn prov_param_form(&self, context: usize, param: u32) -> Result<ProvParamForm> {
        self.context(context)?;
        match param {
            PP_KEYSET_SEC_DESCR => Ok(ProvParamForm::Descriptor),
            PP_CRYPT_COUNT_KEY_USE | PP_NO_HOST_STORAGE => Ok(ProvParamForm::Dword),
            PP_CLIENT_HWND => Ok(ProvParamForm::Window),
            PP_KEYEXCHANGE_PIN | PP_SIGNATURE_PIN => Ok(ProvParamForm::Text),
            PP_UI_PROMPT => Ok(ProvParamForm::WideText),
            PP_CONTEXT_INFO | PP_DELETEKEY | PP_USE_HARDWARE_RNG => Ok(ProvParamForm::None),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPSetProvParam, with the data read as [`Csp::prov_param_form`] said.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_TYPE`, `NTE_PERM`; `NTE_BAD_FLAGS` also for a text that is none;
    /// `NTE_NOT_SUPPORTED` for key counting and keys in NVRAM in HSM Pool mode and without a container.
    pub fn set_prov_param(
        &self,
        context: usize,
        param: u32,
        value: &[u8],
        flags: u32,
    ) -> Result<()> {
        let context = self.context(context)?;
        if param == PP_KEYSET_SEC_DESCR {
            return self.set_descriptor(&context, value, flags);
        }
        if flags != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        match param {
            // A context's private information has no reader, and the module is the only generator there is.
            PP_CONTEXT_INFO | PP_USE_HARDWARE_RNG => Ok(()),
            PP_CLIENT_HWND => {
                let window = value.try_into().map_or(0, usize::from_ne_bytes);
                lock(&context.interaction).window = window;
                Ok(())
            }
            PP_UI_PROMPT => {
                let (units, _) = value.as_chunks();
                let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
                let text = String::from_utf16(&units).map_err(|_| CspError::NTE_BAD_FLAGS)?;
                lock(&context.interaction).text = Some(text).filter(|text| !text.is_empty());
                Ok(())
            }
            PP_KEYEXCHANGE_PIN => set_pin(&context, KeySpec::Exchange, value),
            PP_SIGNATURE_PIN => set_pin(&context, KeySpec::Signature, value),
            PP_CRYPT_COUNT_KEY_USE => set_in_nvram(&context, value, |nvram| &mut nvram.counter),
            PP_NO_HOST_STORAGE => set_in_nvram(&context, value, |nvram| &mut nvram.blob),
            PP_DELETEKEY => match &context.keyset {
                Keyset::Ephemeral(slots) => {
                    slots.set(KeySpec::Exchange, None);
                    slots.set(KeySpec::Signature, None);
                    Ok(())
                }
                Keyset::Container { .. } => Err(CspError::NTE_BAD_TYPE),
            },
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// PP_ENUMCONTAINERS: the machine's or the user's containers of this provider, one a call.
    fn enumerate_containers(
        &self,
        context: &Context,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let flags_without_scope = flags & !CRYPT_MACHINE_KEYSET;
        check_walk(flags_without_scope)?;
        let starts = flags_without_scope == CRYPT_FIRST;
        if output.is_query() {
            // The size is that of the longest name there can be, whatever there is.
            return output.set_length(CONTAINER_NAME_MAX);
        }
        let mut walk = lock(&context.enumerations);
        if starts {
            let scope = match flags & CRYPT_MACHINE_KEYSET != 0 {
                true => &Scope::Machine,
                false => &context.scope,
            };
            let provider =
                names::canonical(context.provider.prov_type).ok_or(CspError::NTE_FAIL)?;
            walk.containers = self.store(context.uses_pool())?.names(provider, scope)?;
            walk.containers.reverse();
        }
        let name = walk
            .containers
            .last()
            .ok_or(CspError::ERROR_NO_MORE_ITEMS)?;
        output.put_item(&c_string(name), CONTAINER_NAME_MAX)?;
        walk.containers.pop();
        Ok(())
    }

    fn set_descriptor(&self, context: &Context, value: &[u8], flags: u32) -> Result<()> {
        if flags & !PARTS != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let from = Descriptor::decode(value)?;
        // Whoever wants to have uses audited needs a privilege that nobody has here.
        if flags & SACL != 0 {
            return Err(CspError::NTE_PERM);
        }
        let mut rights = Vec::new();
        if flags & DACL != 0 {
            rights.push(Right::WriteDacl);
        }
        if flags & (OWNER | GROUP) != 0 {
            rights.push(Right::WriteOwner);
        }
        container(context)?.set_descriptor(flags, from, &rights, &self.identity()?)
    }
}

/// Whether a part of the keys that are made from now on is in NVRAM, as a DWORD that is not 0.
fn set_in_nvram(
    context: &Context,
    value: &[u8],
    part: impl Fn(&mut InNvram) -> &mut bool,
) -> Result<()> {
    let on = value.iter().any(|byte| *byte != 0);
    // An ephemeral pair would leave its area behind, and a pool has no NVRAM of its own.
    if on && (context.is_ephemeral() || context.uses_pool()) {
        return Err(CspError::NTE_NOT_SUPPORTED);
    }
    *part(&mut lock(&context.in_nvram)) = on;
    Ok(())
}

/// Keeps the pass phrase of the cards of a slot's key; an empty one is none.
fn set_pin(context: &Context, spec: KeySpec, value: &[u8]) -> Result<()> {
    let text = sys::decode_ansi(value).ok_or(CspError::NTE_BAD_FLAGS)?;
    let pin = Some(Secret::from(text)).filter(|pin| !pin.text().is_empty());
    lock(&context.interaction).pins[spec as usize] = pin;
    Ok(())
}

/// PP_KEYSET_SEC_DESCR.
fn descriptor(context: &Context, flags: u32, output: Output<'_>) -> Result<Option<CspError>> {
    if flags & !PARTS != 0 {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    output.put_descriptor(&container(context)?.descriptor()?.encode(flags))
}

/// The container of a context that has one.
///
/// # Errors
/// `NTE_BAD_KEYSET` for an ephemeral context.
fn container(context: &Context) -> Result<&Container> {
    match &context.keyset {
        Keyset::Container { container, .. } => Ok(container),
        Keyset::Ephemeral(_) => Err(CspError::NTE_BAD_KEYSET),
    }
}

/// PP_ENUMALGS and PP_ENUMALGS_EX: one algorithm a call, both at one position.
fn enumerate_algorithms(
    context: &Context,
    param: u32,
    flags: u32,
    output: Output<'_>,
) -> Result<()> {
    check_walk(flags)?;
    let mut walk = lock(&context.enumerations);
    if flags == CRYPT_FIRST {
        walk.algorithm = 0;
    }
    let row = context
        .provider
        .algorithms
        .get(walk.algorithm)
        .ok_or(CspError::ERROR_NO_MORE_ITEMS)?;
    let query = output.is_query();
    output.put(&if param == PP_ENUMALGS {
        enumalgs(row)
    } else {
        enumalgs_ex(row)
    })?;
    if !query {
        walk.algorithm += 1;
    }
    Ok(())
}

fn check_walk(flags: u32) -> Result<()> {
    if matches!(flags, 0 | CRYPT_FIRST | CRYPT_NEXT) {
        Ok(())
    } else {
        Err(CspError::NTE_BAD_FLAGS)
    }
}

/// PP_KEYSPEC: the slots that the provider fills.
fn key_specs(provider: &Provider) -> u32 {
    [
        (KeySpec::Exchange, AT_KEYEXCHANGE),
        (KeySpec::Signature, AT_SIGNATURE),
    ]
    .into_iter()
    .filter(|(spec, _)| provider.pair_algorithm(*spec).is_ok())
    .fold(0, |specs, (_, bit)| specs | bit)
}

/// PROV_ENUMALGS: 32 bytes.
fn enumalgs(row: &Algorithm) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    put_dwords(&mut bytes, &[row.id.0, row.default_bits]);
    put_name(&mut bytes, row.name, 20);
    bytes
}

/// PROV_ENUMALGS_EX: 88 bytes.
fn enumalgs_ex(row: &Algorithm) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(88);
    put_dwords(
        &mut bytes,
        &[
            row.id.0,
            row.default_bits,
            row.min_bits,
            row.max_bits,
            row.protocols,
        ],
    );
    put_name(&mut bytes, row.name, 20);
    put_name(&mut bytes, row.long_name, 40);
    bytes
}

fn put_dwords(bytes: &mut Vec<u8>, values: &[u32]) {
    values
        .iter()
        .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
}

/// A length that counts the NUL, and an array of `room` characters. Names fit their arrays; a test of the table says so.
fn put_name(bytes: &mut Vec<u8>, name: &str, room: usize) {
    put_dwords(bytes, &[name.len() as u32 + 1]);
    let end = bytes.len() + room;
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(end, 0);
}

/// Text as callers of the A functions get it.
fn c_string(text: &str) -> Vec<u8> {
    let mut bytes = sys::encode_ansi(text);
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::RSA_AES;
    use crate::constants::AlgId;

    #[test]
    fn the_structures_have_the_layout_of_the_header() {
        let row = RSA_AES.algorithm(AlgId::CALG_AES_256).unwrap();
        let short = enumalgs(row);
        assert_eq!(short.len(), 32);
        assert_eq!(short[..12], [0x10, 0x66, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0]);
        assert_eq!(&short[12..20], b"AES 256\0");
        let long = enumalgs_ex(row);
        assert_eq!(long.len(), 88);
        assert_eq!(long[16..24], [0, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(&long[24..32], b"AES 256\0");
        assert_eq!(long[44..48], [33, 0, 0, 0]);
        assert_eq!(&long[48..81], b"Advanced Encryption Standard 256\0");
    }
}
