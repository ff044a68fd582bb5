//! CPExportKey.

use zeroize::Zeroizing;

use crate::blob::{discrete, opaque, plaintext, rsa_public, simple, wrap};
use crate::constants::{
    AlgId, CRYPT_BLOB_VER3, CRYPT_DESTROYKEY, CRYPT_OAEP, CRYPT_SSL2_FALLBACK, CRYPT_Y_ONLY,
    OPAQUEKEYBLOB, PLAINTEXTKEYBLOB, PRIVATEKEYBLOB, PUBLICKEYBLOB, SIMPLEBLOB,
    SYMMETRICWRAPKEYBLOB,
};
use crate::csp::Csp;
use crate::error::{CspError, Result};
use crate::key::Key;
use crate::output::Output;
use crate::random;
use crate::soft::{PublicKey, RsaPadding};

/// Flags that some blob or some provider knows. Those of DSS and Diffie-Hellman change nothing elsewhere; CRYPT_DESTROYKEY
/// goes with opaque blobs alone, CRYPT_SSL2_FALLBACK with SSL 2.0 masters, which nobody has.
const FLAGS: u32 =
    CRYPT_OAEP | CRYPT_BLOB_VER3 | CRYPT_Y_ONLY | CRYPT_DESTROYKEY | CRYPT_SSL2_FALLBACK;

impl Csp {
    /// CPExportKey. `export_key` is 0 or the key that encrypts the blob.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_TYPE`, `ERROR_MORE_DATA`; `NTE_BAD_KEY_STATE` for a private
    /// key, always, and for a session key that is not exportable; `NTE_NO_KEY` or `NTE_BAD_PUBLIC_KEY` for a SIMPLEBLOB
    /// without a fitting export key.
    pub fn export_key(
        &self,
        context: usize,
        handle: usize,
        export_key: usize,
        blob_type: u32,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let opened = self.context(context)?;
        if flags & !FLAGS != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let key = self.key_copy(context, handle)?;
        if flags & CRYPT_SSL2_FALLBACK != 0 && key.algorithm() != AlgId::CALG_SSL2_MASTER {
            return Err(CspError::NTE_BAD_KEY);
        }
        if flags & CRYPT_DESTROYKEY != 0 && blob_type != OPAQUEKEYBLOB {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        match blob_type {
            PUBLICKEYBLOB => {
                if export_key != 0 {
                    // A key that could not even encrypt gets the page's code, the others Wine's.
                    return Err(match self.key_copy(context, export_key) {
                        Ok(Key::Session(_)) => CspError::NTE_BAD_PUBLIC_KEY,
                        _ => CspError::NTE_BAD_KEY,
                    });
                }
                let key = self.complete(&opened, &*self.key(context, handle)?)?;
                let version_3 = flags & CRYPT_BLOB_VER3 != 0;
                output.put(&match key.key() {
                    PublicKey::Rsa(public) => rsa_public::build(key.algorithm(), public),
                    public => discrete::build(key.algorithm(), public, version_3)?,
                })
            }
            PRIVATEKEYBLOB => match key {
                // Guide, section 3: private keys are not exported. A public key and a session key have none.
                Key::Public(key) if key.pair().is_some() => Err(CspError::NTE_BAD_KEY_STATE),
                Key::Pending(_) => Err(CspError::NTE_BAD_KEY_STATE),
                _ => Err(CspError::NTE_BAD_KEY),
            },
            SIMPLEBLOB => self.export_simple(context, &key, export_key, flags, output),
            PLAINTEXTKEYBLOB => {
                let key = key.session()?;
                if export_key != 0 {
                    return Err(CspError::NTE_BAD_KEY);
                }
                output.put(&plaintext::build(key)?)
            }
            SYMMETRICWRAPKEYBLOB => {
                let key = key.session()?;
                let wrapping = self.key_copy(context, export_key)?;
                let wrapping = wrapping.session()?;
                match output.reserve(wrap::len(key, wrapping)?)? {
                    None => Ok(()),
                    Some(room) => fill(room, &wrap::build(key, wrapping, &mut random::system)?),
                }
            }
            OPAQUEKEYBLOB if opened.provider.is_schannel() => {
                if export_key != 0 {
                    return Err(CspError::NTE_BAD_KEY);
                }
                let blob = match &key {
                    Key::Session(key) => opaque::build(key)?,
                    Key::Master(master) => opaque::build_master(master)?,
                    _ => return Err(CspError::NTE_BAD_KEY),
                };
                let query = output.is_query();
                output.put(&blob)?;
                match flags & CRYPT_DESTROYKEY != 0 && !query {
                    true => self.remove_key(context, handle),
                    false => Ok(()),
                }
            }
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// A session key or premaster under someone's public exchange key.
    fn export_simple(
        &self,
        context: usize,
        key: &Key,
        export_key: usize,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let algorithm = key.algorithm();
        let exportable = match key {
            Key::Master(master) => master.is_exportable(),
            key => key.session()?.is_exportable(),
        };
        if export_key == 0 {
            return Err(CspError::NTE_NO_KEY);
        }
        let exchange = match self.key_copy(context, export_key)? {
            Key::Public(exchange) if exchange.algorithm() == AlgId::CALG_RSA_KEYX => exchange,
            _ => return Err(CspError::NTE_BAD_PUBLIC_KEY),
        };
        if !exportable {
            return Err(CspError::NTE_BAD_KEY_STATE);
        }
        let bytes = match key {
            Key::Master(master) => master.premaster()?,
            key => Zeroizing::new(key.session()?.key_bytes().to_vec()),
        };
        let padding = match flags & CRYPT_OAEP != 0 {
            true => RsaPadding::Oaep {
                label: exchange.label(),
            },
            false => RsaPadding::Pkcs1,
        };
        let public = exchange.key().rsa()?;
        match output.reserve(simple::len(public.modulus_len()))? {
            None => Ok(()),
            Some(room) => fill(
                room,
                &simple::build(algorithm, &bytes, public, padding, &mut random::system)?,
            ),
        }
    }
}

/// Copies a blob into room that was reserved for it.
fn fill(room: &mut [u8], blob: &[u8]) -> Result<()> {
    if room.len() != blob.len() {
        return Err(CspError::NTE_FAIL);
    }
    room.copy_from_slice(blob);
    Ok(())
}
