//! Tokens that another process keeps loaded, for whoever is told where its file is (`NFAST_NFKM_TOKENSFILE`, UTILITIES
//! section 8).
//!
//! Whoever knows a ClientID is that client, so the file is for its owner alone. The form of the file is our own, since the
//! real one is unpublished: a line `client <ClientID>`, and a line `token <hash> <module> <identifier> cards|softcard` for each
//! token on each module.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::atomic;
use crate::client::KeyId;
use crate::error::{Corruption, Error};
use crate::token::LoadedToken;
use crate::{Hash, hex, unhex};

/// What a file of preloaded tokens says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preload {
    /// The client that the tokens belong to (M_ClientID).
    pub client: [u8; 20],
    /// The tokens, one for each module.
    pub tokens: Vec<PreloadedToken>,
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
        atomic::replace_private(path, text.as_bytes()).map_err(Error::file(path))
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
}

const HEAD: &str = "preload 1";

fn parse(text: &str) -> Option<Preload> {
    let mut lines = text.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let client = unhex(lines.next()?.strip_prefix("client ")?)?;
    let tokens = lines.map(token).collect::<Option<_>>()?;
    Some(Preload { client, tokens })
}

fn token(line: &str) -> Option<PreloadedToken> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["token", hkltu, module, id, kind] = words[..] else {
        return None;
    };
    Some(PreloadedToken {
        hkltu: unhex(hkltu)?,
        softcard: match kind {
            "softcard" => true,
            "cards" => false,
            _ => return None,
        },
        module: module.parse().ok()?,
        id: id.parse().ok()?,
    })
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
            "preload 2\n",
            "preload 1\nclient xy\n",
            "preload 1\nclient 00\ntoken\n",
        ] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(Preload::read(&path), Err(Error::Corrupt { .. })),
                "{text}"
            );
        }
    }
}
