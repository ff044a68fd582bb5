//! RSA PRIVATEKEYBLOB: magic "RSA2", length in bits, public exponent, modulus, two primes, two
//! CRT exponents, CRT coefficient, private exponent. Read only: the provider exports no private
//! key.

use zeroize::Zeroizing;

use super::BlobHeader;
use crate::error::{CspError, Result};
use crate::soft::RsaPublicKey;

/// The numbers of an RSA key pair, all unsigned and little-endian, ready for an import into a
/// module. Those the blob lacked are computed.
pub struct RsaKeyPair {
    /// The public half.
    pub public: RsaPublicKey,
    /// p.
    pub prime1: Zeroizing<Vec<u8>>,
    /// q.
    pub prime2: Zeroizing<Vec<u8>>,
    /// d mod (p - 1).
    pub exponent1: Zeroizing<Vec<u8>>,
    /// d mod (q - 1).
    pub exponent2: Zeroizing<Vec<u8>>,
    /// q⁻¹ mod p.
    pub coefficient: Zeroizing<Vec<u8>>,
    /// d.
    pub private_exponent: Zeroizing<Vec<u8>>,
}

/// The key pair in a PRIVATEKEYBLOB's body.
///
/// # Errors
/// `NTE_BAD_DATA` if the body is malformed, the numbers do not belong together, or the header's
/// algorithm is not RSA.
pub fn parse(header: &BlobHeader, body: &[u8]) -> Result<RsaKeyPair> {
    let _ = (header, body);
    Err(CspError::NTE_FAIL)
}
