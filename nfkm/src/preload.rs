//! Tokens and keys that another process keeps loaded, for whoever is told where its file is (`NFAST_NFKM_TOKENSFILE`,
//! UTILITIES section 8).
//!
//! Whoever knows a ClientID is that client, so the file is for its owner alone. The form of the file is our own, since the
//! real one is unpublished: a line `client <ClientID>`, and for each object on each module a line
//!
//! ```text
//! token <hash> <module> <identifier> cards|softcard
//! key <hash> <module> <identifier>
//! fips <hash of KFIPS> <module> <identifier of LTFIPS> <identifier of KFIPS>
//! ```

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::atomic;
use crate::client::KeyId;
use crate::error::{Corruption, Error};
use crate::key::LoadedKey;
use crate::token::LoadedToken;
use crate::{Hash, hex, unhex};

/// What a file of preloaded objects says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preload {
    /// The client that the objects belong to (M_ClientID).
    pub client: [u8; 20],
    /// The tokens, one for each module.
    pub tokens: Vec<PreloadedToken>,
    /// The private keys, one for each module.
    pub keys: Vec<PreloadedKey>,
    /// The authorisations of a world of FIPS 140 level 3, one for each module.
    pub fips: Vec<PreloadedFips>,
}

/// A token on one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreloadedToken {
    /// Hash of the card set or softcard.
    pub hkltu: Hash,
    /// Whether it is a softcard's.
    pub softcard: bool,
    /// The module.
    pub module: u32,
    /// Its identifier there.
    pub id: KeyId,
}

/// A private key on one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreloadedKey {
    /// Its hash.
    pub hash: Hash,
    /// The module.
    pub module: u32,
    /// Its identifier there.
    pub id: KeyId,
}

/// What authorises commands in a world of FIPS 140 level 3, on one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreloadedFips {
    /// Hash of KFIPS.
    pub hash: Hash,
    /// The module.
    pub module: u32,
    /// The identifier of LTFIPS there.
    pub token: KeyId,
    /// The identifier of KFIPS there.
    pub key: KeyId,
}

impl Preload {
    /// Reads a file; None if there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::File`].
    pub fn read(path: &Path) -> Result<Option<Preload>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path)(error)),
        };
        match parse(&text) {
            Some(preload) => Ok(Some(preload)),
            None => Err(Error::Corrupt {
                path: path.to_owned(),
                reason: Corruption::Content,
            }),
        }
    }

    /// Writes a file, in the place of an older one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = format!("{HEAD}\nclient {}\n", hex(&self.client));
        for token in &self.tokens {
            let kind = if token.softcard { "softcard" } else { "cards" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "token {} {} {} {kind}",
                hex(&token.hkltu),
                token.module,
                token.id
            );
        }
        for PreloadedKey { hash, module, id } in &self.keys {
            let _ = writeln!(text, "key {} {module} {id}", hex(hash));
        }
        for fips in &self.fips {
            let (hash, module) = (hex(&fips.hash), fips.module);
            let _ = writeln!(text, "fips {hash} {module} {} {}", fips.token, fips.key);
        }
        atomic::replace_private(path, text.as_bytes()).map_err(Error::file(path))
    }

    /// The objects with their hashes: tokens, keys, then authorisations.
    pub fn objects(&self) -> impl Iterator<Item = PreloadedKey> + '_ {
        let tokens = self.tokens.iter().map(|token| PreloadedKey {
            hash: token.hkltu,
            module: token.module,
            id: token.id,
        });
        let fips = self.fips.iter().map(|fips| PreloadedKey {
            hash: fips.hash,
            module: fips.module,
            id: fips.key,
        });
        tokens.chain(self.keys.iter().copied()).chain(fips)
    }

    /// Adds a token that is loaded by the same client. One that replaces another on its module takes its place.
    pub fn add(&mut self, token: &LoadedToken) {
        for (module, id) in token.places() {
            let added = PreloadedToken {
                hkltu: token.hash(),
                softcard: token.is_softcard(),
                module,
                id,
            };
            self.tokens
                .retain(|old| (old.hkltu, old.module) != (added.hkltu, module));
            self.tokens.push(added);
        }
    }

    /// Adds a key that is loaded by the same client, in the same way.
    pub fn add_key(&mut self, key: &LoadedKey) {
        let hash = key.hash();
        for (module, id) in key.places() {
            self.keys
                .retain(|old| (old.hash, old.module) != (hash, module));
            self.keys.push(PreloadedKey { hash, module, id });
        }
    }
}

const HEAD: &str = "preload 2";

fn parse(text: &str) -> Option<Preload> {
    let mut lines = text.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let mut preload = Preload {
        client: unhex(lines.next()?.strip_prefix("client ")?)?,
        ..Preload::default()
    };
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["token", hkltu, module, id, kind] => preload.tokens.push(PreloadedToken {
                hkltu: unhex(hkltu)?,
                softcard: match kind {
                    "softcard" => true,
                    "cards" => false,
                    _ => return None,
                },
                module: module.parse().ok()?,
                id: id.parse().ok()?,
            }),
            ["key", hash, module, id] => preload.keys.push(PreloadedKey {
                hash: unhex(hash)?,
                module: module.parse().ok()?,
                id: id.parse().ok()?,
            }),
            ["fips", hash, module, token, key] => preload.fips.push(PreloadedFips {
                hash: unhex(hash)?,
                module: module.parse().ok()?,
                token: token.parse().ok()?,
                key: key.parse().ok()?,
            }),
            _ => return None,
        }
    }
    Some(preload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        assert_eq!(Preload::read(&path).unwrap(), None);
        let token = |softcard, module| PreloadedToken {
            hkltu: [0xab; 20],
            softcard,
            module,
            id: 0x8000_0001,
        };
        let preload = Preload {
            client: [7; 20],
            tokens: vec![token(false, 1), token(true, 2)],
            keys: vec![PreloadedKey {
                hash: [0xcd; 20],
                module: 1,
                id: 3,
            }],
            fips: vec![PreloadedFips {
                hash: [0xef; 20],
                module: 2,
                token: 4,
                key: 5,
            }],
        };
        preload.write(&path).unwrap();
        assert_eq!(Preload::read(&path).unwrap(), Some(preload));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
        for text in [
            "",
            "preload 1\n",
            "preload 2\nclient xy\n",
            "preload 2\nclient 0707070707070707070707070707070707070707\ntoken\n",
            "preload 2\nclient 0707070707070707070707070707070707070707\nkey 07 1 1\n",
        ] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(Preload::read(&path), Err(Error::Corrupt { .. })),
                "{text}"
            );
        }
    }
}
