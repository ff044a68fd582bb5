//! What is on a card: its serial number, the module key it is bound to, shares, files.

use ncore::Status;
use serde::{Deserialize, Serialize};

use super::KeyHash;
use super::area::FileId;
use super::sealed::{self, Derivation};
use crate::record::{self, Kind, RecordError};
use rand_core::Rng;

/// Bytes a card holds.
pub(super) const CAPACITY: usize = 32 * 1024;

/// A formatted card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    /// The card's serial number (M_TokenUniqueID).
    pub(super) serial: [u8; 8],
    /// The module key to which the card is bound: only modules that have it can read or change what is on the card.
    pub(super) auth_key: Option<KeyHash>,
    /// The content, sealed under that key if there is one.
    content: Vec<u8>,
}

/// What a card holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Shares of logical tokens.
    pub(super) shares: Vec<StoredShare>,
    /// Files.
    pub(super) files: Vec<StoredFile>,
}

/// A file on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredFile {
    /// Its name.
    pub(super) id: FileId,
    /// Who may do what with it, marshalled; anyone anything if there is none.
    pub(super) acl: Option<Vec<u8>>,
    /// Its bytes.
    pub(super) data: Vec<u8>,
}

/// A share on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredShare {
    /// The token's hash.
    pub(super) hkt: KeyHash,
    /// Which share, from 1.
    pub(super) index: u32,
    /// Whether it needs a pass phrase.
    pub(super) pin: bool,
    /// The share itself.
    pub(super) body: Vec<u8>,
    /// Who may read it, marshalled; anyone if there is none.
    pub(super) acl: Option<Vec<u8>>,
}

impl Image {
    /// A freshly formatted card.
    pub(super) fn blank(
        serial: [u8; 8],
        auth_key: Option<(KeyHash, &[u8])>,
        rng: &mut impl Rng,
    ) -> Result<Image, Status> {
        let mut image = Image {
            serial,
            auth_key: auth_key.map(|(hash, _)| hash),
            content: Vec::new(),
        };
        image.set_content(&Content::default(), auth_key.map(|(_, secret)| secret), rng)?;
        Ok(image)
    }

    /// Reads a card: TokenNotFormatted if it is blank, UnknownTokenType if it holds something else, BadTokenData if it
    /// is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Result<Image, Status> {
        if bytes.is_empty() {
            return Err(Status::TokenNotFormatted);
        }
        record::decode(CARD, bytes).map_err(|error| match error {
            RecordError::Foreign(_) | RecordError::Version { .. } => Status::UnknownTokenType,
            RecordError::Damaged(_) | RecordError::TooLarge => Status::BadTokenData,
        })
    }

    /// The bytes for the card: NoSpaceOnToken if they are too many.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Status> {
        let bytes = record::encode(CARD, self).map_err(|_| Status::NoSpaceOnToken)?;
        if bytes.len() <= CAPACITY {
            Ok(bytes)
        } else {
            Err(Status::NoSpaceOnToken)
        }
    }

    /// What is on it, given the secret of the key it is bound to: TokenAuthFailed with the wrong one.
    pub(super) fn content(&self, secret: Option<&[u8]>) -> Result<Content, Status> {
        let content = match secret {
            None => self.content.clone(),
            Some(secret) => {
                let opened = sealed::open(derivation(secret), &self.serial, &self.content);
                opened.map_err(|_| Status::TokenAuthFailed)?.to_vec()
            }
        };
        Content::decode(&content).map_err(|_| Status::BadTokenData)
    }

    /// Replaces what is on it.
    pub(super) fn set_content(
        &mut self,
        content: &Content,
        secret: Option<&[u8]>,
        rng: &mut impl Rng,
    ) -> Result<(), Status> {
        let content = record::encode(CONTENT, content).map_err(|_| Status::NoSpaceOnToken)?;
        self.content = match secret {
            None => content,
            Some(secret) => sealed::seal(derivation(secret), &self.serial, &content, rng),
        };
        Ok(())
    }

    /// Bytes that are free.
    pub(super) fn free_space(&self) -> u32 {
        let used = self.encode().map_or(CAPACITY, |bytes| bytes.len());
        u32::try_from(CAPACITY - used).unwrap_or(0)
    }
}

impl Content {
    fn decode(bytes: &[u8]) -> Result<Content, RecordError> {
        match record::decode(CONTENT, bytes) {
            // Version 1 had shares only.
            Err(RecordError::Version { found: 1, .. }) => {
                let before = Kind {
                    version: 1,
                    ..CONTENT
                };
                let shares = record::decode(before, bytes)?;
                let files = Vec::new();
                Ok(Content { shares, files })
            }
            result => result,
        }
    }
}

const CARD: Kind = Kind {
    magic: *b"SSCD",
    version: 1,
};
const CONTENT: Kind = Kind {
    magic: *b"SSCC",
    version: 2,
};

fn derivation(secret: &[u8]) -> Derivation<'_> {
    Derivation {
        secret,
        purpose: "card",
        input: &[],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([6; 32])
    }

    fn share(body: &[u8]) -> StoredShare {
        StoredShare {
            hkt: [1; 20],
            index: 1,
            pin: true,
            body: body.to_vec(),
            acl: None,
        }
    }

    fn file(data: &[u8]) -> StoredFile {
        StoredFile {
            id: *b"state\0\0\0\0\0\0",
            acl: None,
            data: data.to_vec(),
        }
    }

    /// Cards that the program wrote when they had no files.
    #[test]
    fn cards_of_version_1_are_read() {
        let content = Content {
            shares: vec![share(b"share")],
            files: Vec::new(),
        };
        let check = |card: &[u8], secret: Option<&[u8]>| {
            let image = Image::decode(card).unwrap();
            assert_eq!(image.serial, [7; 8]);
            assert_eq!(image.content(secret).unwrap(), content);
        };
        check(include_bytes!("../../tests/fixtures/card-1"), None);
        check(
            include_bytes!("../../tests/fixtures/card-1-bound"),
            Some(b"key"),
        );
    }

    #[test]
    fn a_bound_card_opens_with_its_key_only() {
        let mut image = Image::blank([7; 8], Some(([2; 20], b"key")), &mut rng()).unwrap();
        let content = Content {
            shares: vec![share(b"share")],
            files: vec![file(b"content")],
        };
        image
            .set_content(&content, Some(b"key"), &mut rng())
            .unwrap();
        let image = Image::decode(&image.encode().unwrap()).unwrap();
        assert_eq!(image.content(Some(b"key")).unwrap(), content);
        assert_eq!(image.content(Some(b"other")), Err(Status::TokenAuthFailed));
        assert_eq!(image.content(None), Err(Status::BadTokenData));
    }

    #[test]
    fn a_full_card_is_refused() {
        let mut image = Image::blank([7; 8], None, &mut rng()).unwrap();
        let free = image.free_space() as usize;
        let content = |size| Content {
            shares: Vec::new(),
            files: vec![file(&vec![0; size])],
        };
        image
            .set_content(&content(free / 2), None, &mut rng())
            .unwrap();
        assert!(image.encode().is_ok());
        image.set_content(&content(free), None, &mut rng()).unwrap();
        assert_eq!(image.encode(), Err(Status::NoSpaceOnToken));
    }

    #[test]
    fn blank_foreign_and_damaged_cards_are_told_apart() {
        assert_eq!(Image::decode(b""), Err(Status::TokenNotFormatted));
        assert_eq!(Image::decode(b"a text file"), Err(Status::UnknownTokenType));
        let mut bytes = Image::blank([7; 8], None, &mut rng())
            .unwrap()
            .encode()
            .unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Image::decode(&bytes), Err(Status::BadTokenData));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, framed: bool) {
            let bytes = if framed { [&b"SSCD\x01\x00"[..], &bytes].concat() } else { bytes };
            if let Ok(image) = Image::decode(&bytes) {
                let _ = image.content(None);
            }
        }
    }
}
