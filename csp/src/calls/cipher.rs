//! CPEncrypt and CPDecrypt.

use zeroize::Zeroizing;

use crate::constants::{
    AlgId, CRYPT_DECRYPT, CRYPT_DECRYPT_RSA_NO_PADDING_CHECK, CRYPT_ENCRYPT, CRYPT_OAEP,
};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::{Key, PublicHandle};
use crate::pair::Unpadding;
use crate::random;
use crate::soft::{HashState, RsaPadding};

/// The data of CPEncrypt and CPDecrypt: a buffer whose first `length` bytes are the text, in place of which the result is
/// written.
#[derive(Debug)]
pub struct InPlace<'a> {
    /// The whole buffer; absent when the caller passed NULL, to ask for the size.
    pub buffer: Option<&'a mut [u8]>,
    /// Length of the text before, and of the result after.
    pub length: &'a mut u32,
}

impl Csp {
    /// CPEncrypt. `hash` is 0 or a hash that is fed the plain text. A NULL buffer asks for the size of the result.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_HASH`, `NTE_BAD_HASH_STATE`, `NTE_BAD_DATA`, `NTE_BAD_LEN`,
    /// `NTE_PERM`; `ERROR_MORE_DATA` when the buffer is too small, with the size stored and nothing done.
    pub fn encrypt(
        &self,
        context: usize,
        key: usize,
        hash: usize,
        last: bool,
        flags: u32,
        data: InPlace<'_>,
    ) -> Result<()> {
        self.context(context)?;
        if flags & !CRYPT_OAEP != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let key = self.key(context, key)?;
        let hash = Fed(self, context, hash);
        let length = *data.length as usize;
        let mut key = lock(&key);
        match &mut *key {
            Key::Session(key) => {
                let produced = key.encrypted_len(length, last)?;
                let Some(buffer) = room(data.buffer, produced, data.length)? else {
                    return Ok(());
                };
                hash.feed(buffer.get(..length).ok_or(CspError::ERROR_MORE_DATA)?)?;
                *data.length = key.encrypt(buffer, length, last)? as u32;
                Ok(())
            }
            Key::Public(shared) => {
                let exchange = shared.clone();
                drop(key);
                key_exchange(&exchange, last)?;
                exchange.check(CRYPT_ENCRYPT)?;
                let public = exchange.key().rsa()?;
                let size = public.modulus_len();
                let Some(buffer) = room(data.buffer, size, data.length)? else {
                    return Ok(());
                };
                let plain = buffer.get(..length).ok_or(CspError::NTE_BAD_LEN)?;
                let padding = match flags & CRYPT_OAEP != 0 {
                    true => RsaPadding::Oaep {
                        label: exchange.label(),
                    },
                    false => RsaPadding::Pkcs1,
                };
                let cipher = public.encrypt(plain, padding, &mut random::system)?;
                hash.feed(plain)?;
                *data.length = cipher.len() as u32;
                buffer
                    .get_mut(..cipher.len())
                    .ok_or(CspError::NTE_FAIL)?
                    .copy_from_slice(&cipher);
                Ok(())
            }
            Key::Pending(_) | Key::Agreed(_) | Key::Master(_) => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// CPDecrypt. `hash` is 0 or a hash that is fed the plain text.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_HASH`, `NTE_BAD_HASH_STATE`, `NTE_BAD_DATA`, `NTE_PERM`, and
    /// the module's; `ERROR_INVALID_PARAMETER` for a NULL buffer. The length is left as given.
    pub fn decrypt(
        &self,
        context: usize,
        key: usize,
        hash: usize,
        last: bool,
        flags: u32,
        data: InPlace<'_>,
    ) -> Result<()> {
        let opened = self.context(context)?;
        let unpadding = CRYPT_OAEP | CRYPT_DECRYPT_RSA_NO_PADDING_CHECK;
        if flags & !unpadding != 0 || flags & unpadding == unpadding {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let key = self.key(context, key)?;
        let hash = Fed(self, context, hash);
        hash.check()?;
        let length = *data.length as usize;
        let text = data.buffer.ok_or(CspError::ERROR_INVALID_PARAMETER)?;
        let text = text
            .get_mut(..length)
            .ok_or(CspError::ERROR_INVALID_PARAMETER)?;
        let mut key = lock(&key);
        match &mut *key {
            Key::Session(_) if flags & CRYPT_DECRYPT_RSA_NO_PADDING_CHECK != 0 => {
                Err(CspError::NTE_BAD_FLAGS)
            }
            Key::Session(key) => {
                let produced = key.decrypt(text, last)?;
                hash.feed(&text[..produced])?;
                *data.length = produced as u32;
                Ok(())
            }
            Key::Public(shared) => {
                let exchange = shared.clone();
                // The module takes its time; the handle is free meanwhile.
                drop(key);
                key_exchange(&exchange, last)?;
                exchange.check(CRYPT_DECRYPT)?;
                let pair = exchange.pair().ok_or(CspError::NTE_BAD_KEY)?;
                let unpadding = match flags {
                    CRYPT_OAEP => Unpadding::Oaep(exchange.label()),
                    CRYPT_DECRYPT_RSA_NO_PADDING_CHECK => Unpadding::None,
                    _ => Unpadding::Pkcs1,
                };
                let plain = Zeroizing::new(pair.decrypt(&opened, text, unpadding)?);
                let room = text.get_mut(..plain.len()).ok_or(CspError::NTE_FAIL)?;
                room.copy_from_slice(&plain);
                hash.feed(room)?;
                *data.length = plain.len() as u32;
                Ok(())
            }
            Key::Pending(_) | Key::Agreed(_) | Key::Master(_) => Err(CspError::NTE_BAD_KEY),
        }
    }
}

/// RSA encrypts and decrypts with exchange keys, a whole message at once.
fn key_exchange(key: &PublicHandle, last: bool) -> Result<()> {
    match key.algorithm() {
        AlgId::CALG_RSA_KEYX if last => Ok(()),
        AlgId::CALG_RSA_KEYX => Err(CspError::ERROR_INVALID_PARAMETER),
        _ => Err(CspError::NTE_BAD_KEY),
    }
}

/// The buffer, if it has room for a result of `size` bytes. None when only the size was asked for.
fn room<'a>(
    buffer: Option<&'a mut [u8]>,
    size: usize,
    length: &mut u32,
) -> Result<Option<&'a mut [u8]>> {
    let needed = u32::try_from(size).map_err(|_| CspError::NTE_BAD_LEN)?;
    match buffer {
        Some(buffer) if buffer.len() >= size => Ok(Some(buffer)),
        buffer => {
            *length = needed;
            if buffer.is_none() {
                Ok(None)
            } else {
                Err(CspError::ERROR_MORE_DATA)
            }
        }
    }
}

/// The hash that goes along, if the caller gave one.
struct Fed<'a>(&'a Csp, usize, usize);

impl Fed<'_> {
    /// Whether the hash takes data.
    fn check(&self) -> Result<()> {
        self.with(|hash| hash.update(&[], 0))
    }

    fn feed(&self, plain: &[u8]) -> Result<()> {
        self.with(|hash| hash.update(plain, 0))
    }

    fn with(&self, act: impl FnOnce(&mut HashState) -> Result<()>) -> Result<()> {
        let Fed(csp, context, handle) = *self;
        match handle {
            0 => Ok(()),
            handle => act(&mut lock(&*csp.hash(context, handle)?)),
        }
    }
}
