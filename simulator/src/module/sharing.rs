//! The cryptography of logical tokens (PROTOCOL section 4.5): from a token's secret to the shares on cards and back.
//!
//! ```text
//! secret ─ sealed under the module key ─ split K of N ─ each piece sealed under module key and pass phrase ─ share
//! ```
//!
//! The split is Shamir's over GF(2^8), byte by byte: K-1 pieces say nothing about the sealed secret, and the secret is
//! not to be had without the module key. The layouts are our own, since the real ones are unpublished.

use ncore::Status;
use ncore::codec::{Decode, Encode, EncodeError, Reader, Writer, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::TokenParams;
use rand_core::{CryptoRng, Rng};
use sha1::{Digest, Sha1};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use super::KeyHash;
use super::sealed::{self, Derivation};

/// The secret of a logical token.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The SHA-1 of a pass phrase, as the client sends it.
pub(super) type Pin = [u8; 20];

/// What identifies a token: everything about it that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The token's hash.
    pub(super) hkt: KeyHash,
    /// The module key it is under.
    pub(super) hkm: KeyHash,
    /// How it is shared.
    pub(super) params: TokenParams,
}

/// Draws a new secret; the token's hash is made of it.
pub(super) fn new_secret(rng: &mut impl Rng) -> (Secret, KeyHash) {
    let mut secret = Secret::default();
    rng.fill_bytes(&mut secret[..]);
    let hash = token_hash(&secret);
    (secret, hash)
}

/// Cuts a token into its pieces, the first for share 1.
pub(super) fn split(
    secret: &Secret,
    identity: &Identity,
    module_key: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<u8>>, Status> {
    let whole = sealed::seal(
        token_derivation(module_key),
        &identity.to_bytes(),
        &secret[..],
        rng,
    );
    let (needed, total) = (
        identity.params.sharesneeded as usize,
        identity.params.sharestotal as usize,
    );
    if needed == 1 {
        // Any piece is the whole; there is nothing to split.
        return Ok(vec![whole; total]);
    }
    Gf256::split_bytes(needed, total, whole, rng).map_err(|_| Status::InvalidParameter)
}

/// Puts a token together from as many pieces as it needs: TokenAssemblyFailed if they are not of one token.
pub(super) fn join(
    pieces: &[Vec<u8>],
    identity: &Identity,
    module_key: &[u8],
) -> Result<Secret, Status> {
    let whole = match pieces {
        [whole] => Zeroizing::new(whole.clone()),
        _ => Zeroizing::new(Gf256::combine_bytes(pieces).map_err(|_| Status::TokenAssemblyFailed)?),
    };
    let plain = sealed::open(token_derivation(module_key), &identity.to_bytes(), &whole)
        .map_err(|_| Status::TokenAssemblyFailed)?;
    let secret = <[u8; 32]>::try_from(&plain[..])
        .map(Secret::new)
        .map_err(|_| Status::TokenAssemblyFailed)?;
    if token_hash(&secret) == identity.hkt {
        Ok(secret)
    } else {
        Err(Status::TokenAssemblyFailed)
    }
}

/// A share as it is on a card: what it is of, and the sealed piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The token.
    pub(super) identity: Identity,
    /// Which share, from 1.
    pub(super) index: u32,
    piece: Vec<u8>,
}

impl Share {
    /// Makes share `index` of a token.
    pub(super) fn seal(
        identity: &Identity,
        index: u32,
        piece: &[u8],
        module_key: &[u8],
        pin: Option<&Pin>,
        rng: &mut impl Rng,
    ) -> Share {
        let header = header(identity, index);
        let piece = sealed::seal(share_derivation(module_key, pin), &header, piece, rng);
        Share {
            identity: identity.clone(),
            index,
            piece,
        }
    }

    /// The piece in it: DecryptFailed for a wrong pass phrase.
    pub(super) fn open(&self, module_key: &[u8], pin: Option<&Pin>) -> Result<Vec<u8>, Status> {
        let header = header(&self.identity, self.index);
        let piece = sealed::open(share_derivation(module_key, pin), &header, &self.piece);
        piece
            .map(|piece| piece.to_vec())
            .map_err(|_| Status::DecryptFailed)
    }

    /// The bytes on the card.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [header(&self.identity, self.index), self.piece.clone()].concat()
    }

    /// Reads the bytes on a card: BadTokenData if they are no share.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Share, Status> {
        let mut reader = Reader::new(bytes, &WireProfile::DEFAULT);
        let (identity, index) = read_header(&mut reader).ok_or(Status::BadTokenData)?;
        Ok(Share {
            identity,
            index,
            piece: reader.take_rest().to_vec(),
        })
    }
}

impl Identity {
    fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self, &WireProfile::DEFAULT).expect("hashes and words always encode")
    }
}

impl Encode for Identity {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        VERSION.encode(w)?;
        self.hkt.encode(w)?;
        self.hkm.encode(w)?;
        self.params.encode(w)
    }
}

const VERSION: u32 = 1;

fn header(identity: &Identity, index: u32) -> Vec<u8> {
    [&identity.to_bytes()[..], &index.to_le_bytes()].concat()
}

/// Reads what [`header`] writes; None if it is something else, or of another version.
fn read_header(r: &mut Reader<'_>) -> Option<(Identity, u32)> {
    if u32::decode(r).ok()? != VERSION {
        return None;
    }
    let (hkt, hkm) = (KeyHash::decode(r).ok()?, KeyHash::decode(r).ok()?);
    let identity = Identity {
        hkt,
        hkm,
        params: Decode::decode(r).ok()?,
    };
    Some((identity, u32::decode(r).ok()?))
}

fn token_derivation(module_key: &[u8]) -> Derivation<'_> {
    Derivation {
        secret: module_key,
        purpose: "token",
        input: &[],
    }
}

fn share_derivation<'a>(module_key: &'a [u8], pin: Option<&'a Pin>) -> Derivation<'a> {
    Derivation {
        secret: module_key,
        purpose: "share",
        input: pin.map_or(&[], |pin| &pin[..]),
    }
}

fn token_hash(secret: &Secret) -> KeyHash {
    Sha1::new()
        .chain_update(b"softshield token\0")
        .chain_update(&secret[..])
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const KM: &[u8] = b"module key";

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([5; 32])
    }

    fn token(needed: u32, total: u32) -> (Secret, Identity, Vec<Vec<u8>>) {
        let params = TokenParams {
            flags: 0,
            sharesneeded: needed,
            sharestotal: total,
            timelimit: 0,
        };
        let (secret, hkt) = new_secret(&mut rng());
        let identity = Identity {
            hkt,
            hkm: [3; 20],
            params,
        };
        let pieces = split(&secret, &identity, KM, &mut rng()).unwrap();
        (secret, identity, pieces)
    }

    #[test]
    fn one_piece_fewer_gives_nothing() {
        let (_, identity, pieces) = token(3, 5);
        assert_eq!(
            join(&pieces[..2], &identity, KM).unwrap_err(),
            Status::TokenAssemblyFailed
        );
        assert_eq!(
            join(&pieces[..1], &identity, KM).unwrap_err(),
            Status::TokenAssemblyFailed
        );
    }

    #[test]
    fn pieces_do_not_join_under_another_key_or_name() {
        let (_, identity, pieces) = token(2, 3);
        assert_eq!(
            join(&pieces[..2], &identity, b"other").unwrap_err(),
            Status::TokenAssemblyFailed
        );
        let renamed = Identity {
            hkt: [9; 20],
            ..identity
        };
        assert_eq!(
            join(&pieces[..2], &renamed, KM).unwrap_err(),
            Status::TokenAssemblyFailed
        );
    }

    #[test]
    fn a_share_opens_with_its_own_pass_phrase_only() {
        let (_, identity, pieces) = token(2, 3);
        let share = Share::seal(&identity, 1, &pieces[0], KM, Some(&[1; 20]), &mut rng());
        let share = Share::from_bytes(&share.to_bytes()).unwrap();
        assert_eq!(share.open(KM, Some(&[1; 20])).unwrap(), pieces[0]);
        for (key, pin) in [(KM, Some(&[2; 20])), (KM, None), (b"other", Some(&[1; 20]))] {
            assert_eq!(share.open(key, pin), Err(Status::DecryptFailed));
        }
    }

    proptest! {
        #[test]
        fn any_quorum_gives_the_token_back(needed in 1u32..6, more in 0u32..4, start in 0usize..9) {
            let (secret, identity, mut pieces) = token(needed, needed + more);
            let length = pieces.len();
            pieces.rotate_left(start % length);
            prop_assert_eq!(&join(&pieces[..needed as usize], &identity, KM).unwrap()[..], &secret[..]);
        }

        #[test]
        fn arbitrary_bytes_are_no_share_or_an_unreadable_one(bytes: Vec<u8>) {
            if let Ok(share) = Share::from_bytes(&bytes) {
                prop_assert_eq!(share.open(KM, None), Err(Status::DecryptFailed));
            }
        }
    }
}
