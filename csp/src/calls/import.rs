//! CPImportKey.

use zeroize::Zeroizing;

use super::generate::check_prompts;
use crate::agreed::Agreed;
use crate::alg::Family;
use crate::blob::opaque::{self, OpaqueKey};
use crate::blob::{self, BlobHeader, discrete, plaintext, rsa_private, rsa_public, simple, wrap};
use crate::constants::{
    AlgId, CRYPT_ARCHIVABLE, CRYPT_DECRYPT, CRYPT_EXPORTABLE, CRYPT_IPSEC_HMAC_KEY, CRYPT_NO_SALT,
    CRYPT_OAEP, CRYPT_USER_PROTECTED, OPAQUEKEYBLOB, PLAINTEXTKEYBLOB, PRIVATEKEYBLOB,
    PUBLICKEYBLOB, SIMPLEBLOB, SYMMETRICWRAPKEYBLOB,
};
use crate::context::Context;
use crate::csp::Csp;
use crate::error::{CspError, Result};
use crate::key::{Key, PublicHandle};
use crate::key_spec::KeySpec;
use crate::new_pair::NewPair;
use crate::pair::Unpadding;
use crate::random;
use crate::soft::{Master, PublicKey, SymKey, is_schannel};

/// Flags that CPImportKey knows. On a private key CRYPT_EXPORTABLE and CRYPT_ARCHIVABLE are accepted and not granted.
const FLAGS: u32 = SESSION_FLAGS | CRYPT_OAEP;

/// Those that mean something to a session key, however it came.
const SESSION_FLAGS: u32 = CRYPT_EXPORTABLE
    | CRYPT_USER_PROTECTED
    | CRYPT_NO_SALT
    | CRYPT_ARCHIVABLE
    | CRYPT_IPSEC_HMAC_KEY;

/// The longest blob, in bytes. Parts of it are copied, so there must be an end to it; the longest key has a tenth of that.
const BLOB_MAX: usize = 128 << 10;

impl Csp {
    /// CPImportKey. `import_key` is 0 or a key: the exchange pair of a SIMPLEBLOB (0: the context's own), the session key
    /// of an encrypted PRIVATEKEYBLOB or a SYMMETRICWRAPKEYBLOB.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_TYPE`, `NTE_BAD_VER`, `NTE_BAD_DATA`, `NTE_BAD_ALGID`, `NTE_BAD_KEY`,
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
        if blob.len() > BLOB_MAX {
            return Err(CspError::NTE_BAD_DATA);
        }
        let (header, body) = blob::parse(blob)?;
        if flags & CRYPT_IPSEC_HMAC_KEY != 0 && header.blob_type != PLAINTEXTKEYBLOB {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        // Version 3 is for DSS and Diffie-Hellman keys, whose own readers tell it apart.
        if !matches!(header.blob_type, PUBLICKEYBLOB | PRIVATEKEYBLOB) {
            header.check_version_2()?;
        }
        if import_key != 0 {
            // Also where the blob needs none.
            self.key(context, import_key)?;
        }
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
            OPAQUEKEYBLOB if opened.provider.is_schannel() => import.opaque()?,
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
    /// A free-standing handle; the container is not touched. A Diffie-Hellman key that is imported with the caller's own
    /// pair becomes the secret they share.
    fn public(&self) -> Result<Key> {
        let algorithm = self.header.algorithm;
        self.check_algorithm()?;
        self.csp.authorise_import(self.opened)?;
        let key = match self.opened.provider.family {
            Family::Rsa => PublicKey::Rsa(rsa_public::parse(self.header, self.body)?),
            Family::Dss => {
                let parts = discrete::parse(self.header, self.body)?;
                match algorithm {
                    AlgId::CALG_DSS_SIGN => PublicKey::Dsa(parts.public_key()?),
                    _ if self.import_key != 0 => return self.agree(parts),
                    // Version 2 has the value alone, which is nothing without a group.
                    _ if parts.group.is_none() => return Err(CspError::NTE_BAD_KEY),
                    _ => PublicKey::Dh(parts.public_key()?),
                }
            }
        };
        Ok(Key::Public(PublicHandle::of_public(algorithm, key)))
    }

    fn agree(&self, theirs: discrete::Parts) -> Result<Key> {
        let own = self.csp.key(self.context, self.import_key)?;
        let own = self.csp.complete(self.opened, &own)?;
        let PublicKey::Dh(public) = own.key() else {
            return Err(CspError::NTE_BAD_KEY);
        };
        let pair = own.pair().ok_or(CspError::NTE_BAD_KEY)?;
        let same_group = theirs
            .group
            .is_none_or(|group| group.p == public.group.p && group.g == public.group.g);
        let y = theirs.y.ok_or(CspError::NTE_BAD_DATA)?;
        if !same_group || y.len() != public.group.p.len() {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(Key::Agreed(Agreed(pair.agree(self.opened, &y)?)))
    }

    /// A public or private key must be of an algorithm that the provider has.
    fn check_algorithm(&self) -> Result<()> {
        match self.opened.provider.algorithm(self.header.algorithm) {
            Ok(_) => Ok(()),
            Err(_) => Err(CspError::NTE_BAD_DATA),
        }
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
        let algorithm = self.header.algorithm;
        self.check_algorithm()?;
        let new = match self.opened.provider.family {
            Family::Rsa => NewPair::of_rsa(&rsa_private::parse(self.header, body)?),
            Family::Dss => NewPair::of_parts(algorithm, &discrete::parse(self.header, body)?)?,
        };
        let pair = self.csp.new_pair(self.opened, algorithm, new)?;
        Ok(Key::Public(PublicHandle::of_pair(algorithm, pair)))
    }

    /// The module decrypts; what comes out stays in software.
    fn simple(&self) -> Result<Key> {
        let (provider, algorithm) = (self.opened.provider, self.header.algorithm);
        // Before the module has anything to do with it.
        provider.algorithm(algorithm)?;
        let exchange = match self.import_key {
            0 => {
                let algorithm = self.opened.provider.pair_algorithm(KeySpec::Exchange)?;
                PublicHandle::of_pair(algorithm, self.opened.pair(KeySpec::Exchange)?)
            }
            key => match self.csp.key_copy(self.context, key)? {
                Key::Public(key) => key,
                _ => return Err(CspError::NTE_BAD_PUBLIC_KEY),
            },
        };
        let pair = match exchange.pair() {
            Some(pair) if exchange.algorithm() == AlgId::CALG_RSA_KEYX => pair,
            _ => return Err(CspError::NTE_BAD_PUBLIC_KEY),
        };
        exchange.check(CRYPT_DECRYPT)?;
        let cipher = simple::parse(self.body, pair.public().rsa()?.modulus_len())?;
        let unpadding = match self.flags & CRYPT_OAEP != 0 {
            true => Unpadding::Oaep(exchange.label()),
            false => Unpadding::Pkcs1,
        };
        let decrypted = pair
            .decrypt(self.opened, cipher, unpadding)
            .map(Zeroizing::new);
        if !is_schannel(algorithm) {
            return self.session(&decrypted?);
        }
        let premaster = match &decrypted {
            Ok(bytes) => Some(&bytes[..]),
            Err(CspError::NTE_BAD_DATA) => None,
            Err(error) => return Err(*error),
        };
        let flags = self.flags & SESSION_FLAGS;
        let random = &mut random::system;
        let master = Master::receive(provider, algorithm, premaster, flags, random)?;
        Ok(Key::Master(master))
    }

    fn opaque(&self) -> Result<Key> {
        if self.import_key != 0 {
            return Err(CspError::NTE_BAD_KEY);
        }
        let flags = self.flags & SESSION_FLAGS;
        let (provider, algorithm) = (self.opened.provider, self.header.algorithm);
        Ok(
            match opaque::parse(provider, algorithm, self.body, flags)? {
                OpaqueKey::Session(key) => Key::Session(key),
                OpaqueKey::Master(master) => Key::Master(master),
            },
        )
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
