//! KLF2: the ECDSA pair over P-521 that a module has from its factory and keeps through every initialisation (PROTOCOL
//! section 4.2); and what the factory says of it, the warrant.
//!
//! A genuine warrant is the vendor's word. This one is as worthless as the emulator is: the key that signs it is the same in
//! every copy of the program. Its layout is our own:
//!
//! ```text
//! offset  size  content
//!      0     4  "SSWA"
//!      4     4  version, 1
//!      8     n  serial number (a string), public half of KLF2 (KeyData)
//!    8+n     m  the factory's signature over everything before it (CipherText)
//! ```

use ncore::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};
use ncore::profile::WireProfile;
use ncore::types::{
    CertificateKind, CipherText, ECName, ECPoint, EllipticCurve, KeyData, KeyType, KeyTypeData,
    KeyTypeECPublicData, Mech, MechCipher, MechECDSACipher, VerifyCertificateArgs,
    VerifyCertificateReply,
};
use ncore::{Bignum, Status};
use p521::FieldBytes;
use p521::ecdsa::signature::{Signer as _, Verifier as _};
use p521::ecdsa::{Signature, SigningKey, VerifyingKey};
use rand_core::Rng;
use zeroize::Zeroizing;

use super::call::{Call, Outcome, check_flags, later};
use super::world::PowerOnError;
use crate::record::{self, Kind, RecordError};
use crate::store::Store;

/// The mechanism of its signatures.
pub(super) const MECH: Mech = Mech::ECDSAhSHA512;

/// The pair.
pub(super) struct Klf2(SigningKey);

impl Klf2 {
    /// Gives a new module its pair; one that has it keeps it.
    pub(super) fn provide(store: &dyn Store, rng: &mut impl Rng) -> Result<(), PowerOnError> {
        if Klf2::load(store)?.is_some() {
            return Ok(());
        }
        let mut secret = Zeroizing::new(FieldBytes::default());
        // The order is a little less than 2^521, so nearly every number of that size will do.
        while SigningKey::from_bytes(&secret).is_err() {
            rng.fill_bytes(&mut secret);
            secret[0] &= 1;
        }
        let record = record::encode(KIND, &secret.to_vec())?;
        store.save(&[(NAME, &record)])?;
        Ok(())
    }

    /// The pair in the store; None in what a module without one has left there.
    pub(super) fn load(store: &dyn Store) -> Result<Option<Klf2>, PowerOnError> {
        let Some(record) = store.load(NAME)? else {
            return Ok(None);
        };
        let secret = Zeroizing::new(record::decode::<Vec<u8>>(KIND, &record)?);
        let key = SigningKey::from_slice(&secret);
        let key = key.map_err(|_| RecordError::Damaged("the module's own signing key"))?;
        Ok(Some(Klf2(key)))
    }

    /// This module's pair: NotAvailable without one.
    pub(super) fn of(call: &Call) -> Result<Klf2, Status> {
        let klf2 = Klf2::load(&*call.module.store).map_err(|error| {
            tracing::error!(module = call.module.number(), %error, "KLF2 not read");
            Status::Failed
        })?;
        klf2.ok_or(Status::NotAvailable)
    }

    /// The public half (KeyType_ECDSAPublic).
    pub(super) fn public(&self) -> KeyData {
        let point = self.0.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(FIELD);
        let data = KeyTypeECPublicData {
            curve: EllipticCurve {
                name: ECName::NISTP521,
                ..EllipticCurve::default()
            },
            q: ECPoint {
                flags: 0,
                x: Bignum::from_be(x),
                y: Bignum::from_be(y),
            },
        };
        KeyData {
            type_: KeyType::ECDSAPublic,
            data: KeyTypeData::ECPublic(data),
        }
    }

    /// Signs a message: the same signature each time (RFC 6979).
    pub(super) fn sign(&self, message: &[u8]) -> CipherText {
        let signature: Signature = self.0.sign(message);
        let (r, s) = signature.split_bytes();
        let [r, s] = [r, s].map(|number| Bignum::from_be(&number));
        CipherText {
            mech: MECH,
            data: MechCipher::ECDSA(MechECDSACipher { r, s }),
            ..CipherText::default()
        }
    }

    /// The factory's word that this is the pair of the module with this serial number.
    pub(super) fn warrant(&self, esn: &str) -> Result<Vec<u8>, Status> {
        let mut w = Writer::new(&WireProfile::DEFAULT);
        let written = write_warrant(&mut w, esn, &self.public());
        written.map_err(|_| Status::Failed)?;
        let signed = w.into_bytes();
        let signature = ncore::codec::to_bytes(&factory()?.sign(&signed), &WireProfile::DEFAULT);
        Ok([signed, signature.map_err(|_| Status::Failed)?].concat())
    }
}

/// Cmd_VerifyCertificate: whether a module's warrant is the factory's. MalformedCertificate if it is none, BadCertSignature
/// if it was changed, UnknownParameter for another kind of certificate. The reply tells the warrant's version.
pub(super) fn verify_certificate(_: Call, args: VerifyCertificateArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    if args.type_ != CertificateKind::ModuleIdentification {
        return Err(Status::UnknownParameter);
    }
    later(move || {
        let mut r = Reader::new(&args.warrant, &WireProfile::DEFAULT);
        let signature = read_warrant(&mut r).ok().flatten();
        let (signed, signature) = signature.ok_or(Status::MalformedCertificate)?;
        let signed = &args.warrant[..signed];
        if !is_by(factory()?.0.verifying_key(), signed, &signature) {
            return Err(Status::BadCertSignature);
        }
        Ok(VerifyCertificateReply {
            flags: 0,
            v: VERSION,
        }
        .into())
    })
}

const MAGIC: [u8; 4] = *b"SSWA";
const VERSION: u32 = 1;

fn write_warrant(w: &mut Writer<'_>, esn: &str, public: &KeyData) -> Result<(), EncodeError> {
    MAGIC.encode(w)?;
    VERSION.encode(w)?;
    esn.to_owned().encode(w)?;
    public.encode(w)
}

/// How long the signed part of a warrant is, and its signature; None if it is none of this version.
fn read_warrant(r: &mut Reader<'_>) -> Result<Option<(usize, CipherText)>, DecodeError> {
    let whole = r.rest().len();
    if <[u8; 4]>::decode(r)? != MAGIC || u32::decode(r)? != VERSION {
        return Ok(None);
    }
    String::decode(r)?;
    let public = KeyData::decode(r)?;
    let signed = whole - r.rest().len();
    let signature = CipherText::decode(r)?;
    let suits = r.rest().is_empty() && public.type_ == KeyType::ECDSAPublic;
    Ok(suits.then_some((signed, signature)))
}

/// Whether a key made a signature.
fn is_by(key: &VerifyingKey, message: &[u8], signature: &CipherText) -> bool {
    let MechCipher::ECDSA(numbers) = &signature.data else {
        return false;
    };
    let [r, s] = [&numbers.r, &numbers.s].map(|number| {
        let number = number.to_be();
        let mut bytes = FieldBytes::default();
        let start = FIELD.checked_sub(number.len())?;
        bytes[start..].copy_from_slice(&number);
        Some(bytes)
    });
    let (MECH, Some(r), Some(s)) = (signature.mech, r, s) else {
        return false;
    };
    Signature::from_scalars(r, s).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

/// Bytes of a coordinate.
const FIELD: usize = 66;

/// The key that signs warrants. It is no secret.
fn factory() -> Result<Klf2, Status> {
    let key = SigningKey::from_slice(&[1; FIELD]);
    key.map(Klf2).map_err(|_| Status::SoftwareFailed)
}

/// The record of the pair. It stands beside the others, and no initialisation touches it.
const NAME: &str = "klf2";
const KIND: Kind = Kind {
    magic: *b"SSK2",
    version: 1,
};

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn a_module_keeps_its_pair() {
        let store = MemoryStore::default();
        assert!(Klf2::load(&store).unwrap().is_none());
        Klf2::provide(&store, &mut ChaCha20Rng::from_seed([1; 32])).unwrap();
        let first = Klf2::load(&store).unwrap().unwrap().public();
        Klf2::provide(&store, &mut ChaCha20Rng::from_seed([2; 32])).unwrap();
        assert_eq!(Klf2::load(&store).unwrap().unwrap().public(), first);
        store.save(&[(NAME, b"SSK2xxxx")]).unwrap();
        assert!(Klf2::load(&store).is_err());
    }

    /// The example of RFC 6979, section A.2.7, for SHA-512 and the message "sample".
    #[test]
    fn signatures_are_those_of_the_standard() {
        let number = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
                .collect()
        };
        let secret = number(concat!(
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70",
            "855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
        ));
        let r = number(concat!(
            "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d4",
            "50606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
        ));
        let s = number(concat!(
            "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c07",
            "23d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
        ));
        let key = Klf2(SigningKey::from_slice(&secret).unwrap());
        let signature = key.sign(b"sample");
        let MechCipher::ECDSA(numbers) = &signature.data else {
            panic!("{signature:?}");
        };
        assert_eq!(
            (&numbers.r, &numbers.s),
            (&Bignum::from_be(&r), &Bignum::from_be(&s))
        );
        assert!(is_by(key.0.verifying_key(), b"sample", &signature));
        assert!(!is_by(key.0.verifying_key(), b"simple", &signature));
    }
}
