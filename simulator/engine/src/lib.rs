//! Raw public-key operations with a safe face: RSA with and without CRT, and modular exponentiation. It pads, hashes and decides nothing.
//!
//! [`Engine`] is the trait, [`Fast`] and [`Portable`] are its two implementations. Both give the
//! same bytes for the same key and input; they differ in speed and in what they are built on.
//! All integers cross this interface as big-endian bytes.
//!
//! Key generation is not here: it must not depend on which engine is chosen.

mod error;
mod fast;
mod key;
pub mod number;
mod portable;
#[allow(unsafe_code)]
mod sys;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use error::Error;
pub use fast::Fast;
pub use key::{CrtComponents, RsaPrivateComponents, RsaPublicComponents};
pub use portable::Portable;

/// The smallest RSA modulus an engine takes, in bits.
pub const MIN_RSA_BITS: u32 = 384;

/// The largest modulus an engine takes, in bits, for RSA and for exponentiation alike.
///
/// The time of an exponentiation grows with the cube of the size, so the limit also bounds what
/// one command can cost.
pub const MAX_MODULUS_BITS: u32 = 16_384;

/// Raw public-key arithmetic.
///
/// An engine is shared by all threads of a module and holds no lock while it computes.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Which implementation this is.
    fn kind(&self) -> Kind;

    /// Makes a private key ready for use: everything that does not depend on the input is computed
    /// here once, so that an operation costs the bare exponentiation.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] if the library beneath refuses the components.
    fn prepare_rsa(&self, key: &RsaPrivateComponents) -> Result<Arc<dyn RsaPrivateOp>, Error>;

    /// The RSA public operation, `input ^ e mod n`. The result has the length of the modulus.
    ///
    /// Time depends on the values: key and input are public.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `input` is not less than the modulus.
    fn rsa_public(&self, key: &RsaPublicComponents, input: &[u8]) -> Result<Vec<u8>, Error>;

    /// `base ^ exponent mod modulus`. The result has the length of `modulus`, leading zeros
    /// included.
    ///
    /// For an odd modulus, the time depends on the lengths of the arguments and not on the value
    /// of `exponent`, so a secret exponent is passed padded to a public length. An even modulus
    /// never belongs to a secret and is answered in variable time.
    ///
    /// # Errors
    /// [`Error::ZeroModulus`] if `modulus` is zero; [`Error::TooLarge`] if `modulus` or `exponent`
    /// has more than [`MAX_MODULUS_BITS`] or `base` more than twice that.
    fn mod_exp(
        &self,
        base: &[u8],
        exponent: &[u8],
        modulus: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error>;
}

/// A private key made ready by [`Engine::prepare_rsa`].
pub trait RsaPrivateOp: fmt::Debug + Send + Sync {
    /// Length of the modulus in bytes.
    fn modulus_len(&self) -> usize;

    /// The RSA private operation, `input ^ d mod n`, blinded. The result has the length of the
    /// modulus and is checked with the public exponent before it is handed out.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `input` is not less than the modulus; [`Error::Fault`] if the
    /// check fails.
    fn private(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error>;
}

/// The implementations there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Over the C library AWS-LC.
    #[default]
    Fast,
    /// In Rust alone.
    Portable,
}

impl Kind {
    /// Makes an engine of this kind.
    pub fn engine(self) -> Arc<dyn Engine> {
        match self {
            Self::Fast => Arc::new(Fast),
            Self::Portable => Arc::new(Portable),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Portable => "portable",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Reads the name that `Display` writes.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "fast" => Ok(Self::Fast),
            "portable" => Ok(Self::Portable),
            other => Err(format!("no engine is called {other:?}: fast or portable")),
        }
    }
}

/// The limits of [`Engine::mod_exp`], the same for every implementation.
fn check_mod_exp(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<(), Error> {
    const MAX: usize = (MAX_MODULUS_BITS / 8) as usize;
    let lengths = [
        (number::trim(base).len(), 2 * MAX),
        (exponent.len(), MAX),
        (modulus.len(), MAX),
    ];
    if lengths.iter().any(|(length, limit)| length > limit) {
        return Err(Error::TooLarge);
    }
    if number::trim(modulus).is_empty() {
        return Err(Error::ZeroModulus);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_reads_the_name_it_writes() {
        for kind in [Kind::Fast, Kind::Portable] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.engine().kind(), kind);
        }
        assert!("quick".parse::<Kind>().is_err());
        assert_eq!(Kind::default(), Kind::Fast);
    }
}
