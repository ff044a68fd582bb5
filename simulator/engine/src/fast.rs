//! The engine over the C library AWS-LC.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::key::{RsaPrivateComponents, RsaPublicComponents};
use crate::portable::Portable;
use crate::sys::{self, Bn, CrtNumbers, Rsa};
use crate::{Engine, Kind, RsaPrivateOp, check_mod_exp, number};

/// The default engine: static C and assembler code, the speed of OpenSSL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fast;

impl Engine for Fast {
    fn kind(&self) -> Kind {
        Kind::Fast
    }

    fn prepare_rsa(&self, key: &RsaPrivateComponents) -> Result<Arc<dyn RsaPrivateOp>, Error> {
        let (n, e, d) = (
            Bn::from_be(key.n())?,
            Bn::from_be(key.e())?,
            Bn::from_be(key.d())?,
        );
        let rsa = match key.crt() {
            Some(crt) => Rsa::with_crt(&CrtNumbers {
                n,
                e,
                d,
                p: Bn::from_be(&crt.p)?,
                q: Bn::from_be(&crt.q)?,
                dmp1: Bn::from_be(&crt.dmp1)?,
                dmq1: Bn::from_be(&crt.dmq1)?,
                iqmp: Bn::from_be(&crt.iqmp)?,
            })?,
            // The library has no constructor for such a key with a public exponent of more than
            // 33 bits; nobody makes enough of them to miss the speed.
            None if key.e().len() > 4 => return Portable.prepare_rsa(key),
            None => Rsa::without_crt(&n, &e, &d)?,
        };
        let modulus = key.n().to_vec();
        Ok(Arc::new(PreparedKey { rsa, modulus }))
    }

    fn rsa_public(&self, key: &RsaPublicComponents, input: &[u8]) -> Result<Vec<u8>, Error> {
        let input = number::pad(input, key.n().len()).ok_or(Error::OutOfRange)?;
        if input.as_slice() >= key.n() {
            return Err(Error::OutOfRange);
        }
        Rsa::public(&Bn::from_be(key.n())?, &Bn::from_be(key.e())?)?.verify(&input)
    }

    fn mod_exp(
        &self,
        base: &[u8],
        exponent: &[u8],
        modulus: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        check_mod_exp(base, exponent, modulus)?;
        let length = modulus.len();
        let modulus = Bn::from_be(number::trim(modulus))?;
        let result = sys::mod_exp(Bn::from_be(base)?, &Bn::from_be(exponent)?, &modulus)?;
        result.to_be_padded(length)
    }
}

#[derive(Debug)]
struct PreparedKey {
    rsa: Rsa,
    modulus: Vec<u8>,
}

impl RsaPrivateOp for PreparedKey {
    fn modulus_len(&self) -> usize {
        self.modulus.len()
    }

    fn private(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let input = number::pad(input, self.modulus.len()).ok_or(Error::OutOfRange)?;
        if input.as_slice() >= self.modulus.as_slice() {
            return Err(Error::OutOfRange);
        }
        if is_fixed_point(&input, &self.modulus) {
            return Ok(input);
        }
        self.rsa.private(&input)
    }
}

/// Zero, one and the modulus less one are their own power for every odd exponent. The library
/// refuses them as inputs, so they are answered here.
fn is_fixed_point(input: &[u8], modulus: &[u8]) -> bool {
    let (Some((last, head)), Some((last_of_modulus, head_of_modulus))) =
        (input.split_last(), modulus.split_last())
    else {
        return false;
    };
    let small = *last <= 1 && head.iter().all(|byte| *byte == 0);
    // The modulus is odd, so taking one from it changes its last byte only.
    small || (head == head_of_modulus && *last == *last_of_modulus - 1)
}
