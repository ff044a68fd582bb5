//! The engine in Rust alone, over `rsa` and `crypto-bigint`.

use std::fmt;
use std::sync::Arc;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, RandomMod, Resize};
use getrandom::SysRng;
use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use rsa::{RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::key::{CrtComponents, RsaPrivateComponents, RsaPublicComponents};
use crate::number::{
    from_be, from_be_like, invert_mod, mul_mod, non_zero, odd, reduce, to_be_padded,
};
use crate::{Engine, Kind, RsaPrivateOp, check_mod_exp};

/// The engine that needs no C compiler: slower, and independent of the fast one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Engine for Portable {
    fn kind(&self) -> Kind {
        Kind::Portable
    }

    fn prepare_rsa(&self, key: &RsaPrivateComponents) -> Result<Arc<dyn RsaPrivateOp>, Error> {
        let crt = key
            .crt()
            .map(|crt| prepare_crt(key, crt))
            .transpose()?
            .flatten();
        Ok(match crt {
            Some(rsa) => Arc::new(CrtKey {
                rsa,
                length: key.n().len(),
            }),
            None => Arc::new(PlainKey::new(key)?),
        })
    }

    fn rsa_public(&self, key: &RsaPublicComponents, input: &[u8]) -> Result<Vec<u8>, Error> {
        let n = from_be(key.n());
        let input = from_be_like(input, &n)
            .filter(|input| *input < n)
            .ok_or(Error::OutOfRange)?;
        // The modulus is odd and the exponent less than it, as the type promises.
        let public = RsaPublicKey::new_unchecked(n, from_be(key.e()));
        let result = rsa_encrypt(&public, &input).map_err(|_| Error::Library)?;
        let result = to_be_padded(&result, key.n().len()).ok_or(Error::Library)?;
        Ok(result.to_vec())
    }

    fn mod_exp(
        &self,
        base: &[u8],
        exponent: &[u8],
        modulus: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        check_mod_exp(base, exponent, modulus)?;
        let n = from_be(modulus);
        let exponent = Zeroizing::new(from_be(exponent));
        let base = Zeroizing::new(from_be(base));
        let result = Zeroizing::new(match odd(&n) {
            Some(n) => {
                let base = reduce(&base, n.as_nz_ref());
                let params = BoxedMontyParams::new(n);
                BoxedMontyForm::new(base, &params).pow(&exponent).retrieve()
            }
            None => mod_exp_even(&base, &exponent, &non_zero(n).ok_or(Error::ZeroModulus)?),
        });
        to_be_padded(&result, modulus.len()).ok_or(Error::Library)
    }
}

/// Square and multiply, in variable time, for a modulus that Montgomery's method does not take.
fn mod_exp_even(base: &BoxedUint, exponent: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    let base = reduce(base, modulus);
    let mut result = reduce(&BoxedUint::one(), modulus);
    for bit in (0..exponent.bit_width_vartime()).rev() {
        result = mul_mod(&result, &result, modulus);
        if exponent.bit_vartime(bit) {
            result = mul_mod(&result, &base, modulus);
        }
    }
    result
}

/// The key for the `rsa` crate, or `None` for the combination it has no constructor for: factors of
/// unequal length with a public exponent of more than 33 bits.
fn prepare_crt(
    key: &RsaPrivateComponents,
    crt: &CrtComponents,
) -> Result<Option<RsaPrivateKey>, Error> {
    let (n, e) = (from_be(key.n()), from_be(key.e()));
    let d = from_be_like(key.d(), &n).ok_or(Error::InvalidKey("private exponent is too long"))?;
    let primes = vec![from_be(&crt.p), from_be(&crt.q)];
    let half = n.bit_width_vartime().div_ceil(2);
    let balanced = primes.iter().all(|prime| prime.bit_width() <= half);
    let small_exponent = e.bit_width_vartime() <= 33;
    let rsa = match (balanced, small_exponent) {
        (true, true) => RsaPrivateKey::from_components(n, e, d, primes),
        (true, false) => RsaPrivateKey::from_components_with_large_exponent(n, e, d, primes),
        (false, true) => RsaPrivateKey::from_components_with_wide_primes(n, e, d, primes),
        (false, false) => return Ok(None),
    };
    let refused = Error::InvalidKey("the components do not belong together");
    rsa.map(Some).map_err(|_| refused)
}

/// A key that is used by the Chinese remainder theorem.
struct CrtKey {
    rsa: RsaPrivateKey,
    length: usize,
}

impl RsaPrivateOp for CrtKey {
    fn modulus_len(&self) -> usize {
        self.length
    }

    fn private(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let n = rsa::traits::PublicKeyParts::n(&self.rsa);
        let input = from_be_like(input, n).filter(|input| input < n.as_ref());
        let input = Zeroizing::new(input.ok_or(Error::OutOfRange)?);
        let result = rsa_decrypt_and_check(&self.rsa, Some(&mut SysRng), &input);
        let result = Zeroizing::new(result.map_err(|_| Error::Fault)?);
        to_be_padded(&result, self.length).ok_or(Error::Library)
    }
}

impl fmt::Debug for CrtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "CrtKey", self.length)
    }
}

/// A key that is used with its private exponent alone.
struct PlainKey {
    n: BoxedMontyParams,
    e: BoxedUint,
    d: Zeroizing<BoxedUint>,
    length: usize,
}

impl PlainKey {
    fn new(key: &RsaPrivateComponents) -> Result<Self, Error> {
        let n = odd(&from_be(key.n())).ok_or(Error::InvalidKey("modulus is even"))?;
        Ok(Self {
            // Padded to the modulus, so that the length of a short exponent does not show.
            d: Zeroizing::new(from_be(key.d()).resize_unchecked(n.bits_precision())),
            n: BoxedMontyParams::new(n),
            e: from_be(key.e()),
            length: key.n().len(),
        })
    }

    fn power(&self, base: &BoxedUint, exponent: &BoxedUint) -> BoxedUint {
        BoxedMontyForm::new(base.clone(), &self.n)
            .pow(exponent)
            .retrieve()
    }
}

impl RsaPrivateOp for PlainKey {
    fn modulus_len(&self) -> usize {
        self.length
    }

    fn private(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let n = self.n.modulus().as_nz_ref();
        let input = from_be_like(input, n).filter(|input| input < n.as_ref());
        let input = Zeroizing::new(input.ok_or(Error::OutOfRange)?);

        let (mask, unmask) = loop {
            let random = BoxedUint::try_random_mod_vartime(&mut SysRng, n);
            let random = Zeroizing::new(random.map_err(|_| Error::Library)?);
            // A number without an inverse would give the factors away; it is as good as never met.
            if let Some(inverse) = invert_mod(&random, n) {
                break (self.power(&random, &self.e), Zeroizing::new(inverse));
            }
        };
        let blinded = mul_mod(&input, &mask, n);
        let powered = Zeroizing::new(self.power(&blinded, &self.d));
        let result = Zeroizing::new(mul_mod(&powered, &unmask, n));
        if self.power(&result, &self.e) != *input {
            return Err(Error::Fault);
        }
        to_be_padded(&result, self.length).ok_or(Error::Library)
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "PlainKey", self.length)
    }
}

fn debug(f: &mut fmt::Formatter<'_>, name: &str, length: usize) -> fmt::Result {
    f.debug_struct(name)
        .field("modulus_len", &length)
        .finish_non_exhaustive()
}
