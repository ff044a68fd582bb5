//! CPImportKey.

use zeroize::Zeroizing;

use super::generate::check_prompts;
use crate::blob::{self, BlobHeader, plaintext, rsa_private, rsa_public, simple, wrap};
use crate::constants::{
    CRYPT_ARCHIVABLE, CRYPT_DECRYPT, CRYPT_EXPORTABLE, CRYPT_IPSEC_HMAC_KEY, CRYPT_NO_SALT,
    CRYPT_OAEP, CRYPT_USER_PROTECTED, PLAINTEXTKEYBLOB, PRIVATEKEYBLOB, PUBLICKEYBLOB, SIMPLEBLOB,
    SYMMETRICWRAPKEYBLOB,
};
use crate::context::Context;
use crate::csp::Csp;
use crate::error::{CspError, Result};
use crate::key::{Key, PublicHandle};
use crate::pair::{KeySpec, NewPair, Unpadding};
use crate::soft::SymKey;

/// Flags that CPImportKey knows. On a private key CRYPT_EXPORTABLE and CRYPT_ARCHIVABLE are accepted and not granted.
const FLAGS: u32 = SESSION_FLAGS | CRYPT_OAEP;

/// Those that mean something to a session key, however it came.
const SESSION_FLAGS: u32 = CRYPT_EXPORTABLE
    | CRYPT_USER_PROTECTED
    | CRYPT_NO_SALT
    | CRYPT_ARCHIVABLE
    | CRYPT_IPSEC_HMAC_KEY;

impl Csp {
    /// CPImportKey. `import_key` is 0 or a key: the exchange pair of a SIMPLEBLOB (0: the context's own), the session key
    /// of an encrypted PRIVATEKEYBLOB or a SYMMETRICWRAPKEYBLOB.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_TYPE`, `NTE_BAD_DATA`, `NTE_BAD_ALGID`, `NTE_BAD_KEY`,
    /// `NTE_BAD_PUBLIC_KEY`, `NTE_SILENT_CONTEXT`, and the module's.
    pub fn import_key(
        &self,
        context: usize,
        blob: &[u8],
        import_key: usize,
        flags: u32,
    ) -> Result<usize> {
        let opened = self.context(context)?;
        if flags & !FLAGS != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let (header, body) = blob::parse(blob)?;
        if flags & CRYPT_IPSEC_HMAC_KEY != 0 && header.blob_type != PLAINTEXTKEYBLOB {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        // Version 3 is for DSS and Diffie-Hellman keys.
        header.check_version_2()?;
        check_prompts(&opened, flags)?;
        let import = Import {
            csp: self,
            context,
            opened: &opened,
            header: &header,
            body,
            import_key,
            flags,
        };
        let key = match header.blob_type {
            PUBLICKEYBLOB => import.public()?,
            PRIVATEKEYBLOB => import.private()?,
            SIMPLEBLOB => import.simple()?,
            PLAINTEXTKEYBLOB => import.plaintext()?,
            SYMMETRICWRAPKEYBLOB => import.wrapped()?,
            _ => return Err(CspError::NTE_BAD_TYPE),
        };
        self.add_key(context, key)
    }
}

/// One call of CPImportKey.
struct Import<'a> {
    csp: &'a Csp,
    context: usize,
    opened: &'a Context,
    header: &'a BlobHeader,
    body: &'a [u8],
    import_key: usize,
    flags: u32,
}

impl Import<'_> {
    /// A free-standing handle; the container is not touched.
    fn public(&self) -> Result<Key> {
        let key = rsa_public::parse(self.header, self.body)?;
        Ok(Key::Public(PublicHandle::of_public(
            self.header.algorithm,
            key,
        )))
    }

    /// The private key goes into the module, and its pair into the slot its algorithm names.
    fn private(&self) -> Result<Key> {
        let decrypted;
        let body = match self.import_key {
            0 => self.body,
            key => {
                let key = self.csp.key_copy(self.context, key)?;
                let mut key = key.session()?.clone();
                let mut data = Zeroizing::new(self.body.to_vec());
                let length = key.decrypt(&mut data, true)?;
                data.truncate(length);
                decrypted = data;
                &decrypted[..]
            }
        };
        let pair = rsa_private::parse(self.header, body)?;
        let spec = KeySpec::of_algorithm(self.header.algorithm).ok_or(CspError::NTE_BAD_DATA)?;
        let pair = self
            .csp
            .new_pair(self.opened, spec, NewPair::Imported(&pair))?;
        Ok(Key::Public(PublicHandle::of_pair(pair)))
    }

    /// The module decrypts; what comes out stays in software.
    fn simple(&self) -> Result<Key> {
        let exchange = match self.import_key {
            0 => PublicHandle::of_pair(self.opened.pair(KeySpec::Exchange)?),
            key => match self.csp.key_copy(self.context, key)? {
                Key::Public(key) => key,
                Key::Session(_) => return Err(CspError::NTE_BAD_PUBLIC_KEY),
            },
        };
        let pair = match exchange.pair() {
            Some(pair) if pair.spec() == KeySpec::Exchange => pair,
            _ => return Err(CspError::NTE_BAD_PUBLIC_KEY),
        };
        exchange.check(CRYPT_DECRYPT)?;
        let cipher = simple::parse(self.body, pair.public().modulus_len())?;
        let unpadding = match self.flags & CRYPT_OAEP != 0 {
            true => Unpadding::Oaep(exchange.label()),
            false => Unpadding::Pkcs1,
        };
        let bytes = Zeroizing::new(pair.decrypt(cipher, unpadding)?);
        self.session(&bytes)
    }

    fn plaintext(&self) -> Result<Key> {
        let bytes = plaintext::parse(self.body)?;
        let provider = self.opened.provider;
        let key = SymKey::import_plaintext(
            provider,
            self.header.algorithm,
            bytes,
            self.flags & SESSION_FLAGS,
        )?;
        Ok(Key::Session(key))
    }

    fn wrapped(&self) -> Result<Key> {
        let wrapping = self.csp.key_copy(self.context, self.import_key)?;
        let bytes = wrap::parse(self.body, self.header.algorithm, wrapping.session()?)?;
        self.session(&bytes)
    }

    fn session(&self, bytes: &[u8]) -> Result<Key> {
        let provider = self.opened.provider;
        let key = SymKey::import_wrapped(
            provider,
            self.header.algorithm,
            bytes,
            self.flags & SESSION_FLAGS,
        )?;
        Ok(Key::Session(key))
    }
}
