//! What can go wrong in raw arithmetic.

/// Why an engine gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key's components contradict each other. The caller's data is at fault.
    #[error("invalid key: {0}")]
    InvalidKey(&'static str),
    /// The modulus of a key is smaller than [`MIN_RSA_BITS`](crate::MIN_RSA_BITS) or larger than
    /// [`MAX_MODULUS_BITS`](crate::MAX_MODULUS_BITS). The caller's data is at fault.
    #[error("the modulus has an unsupported size")]
    UnsupportedSize,
    /// The input of an RSA operation is not less than the modulus. The caller's data is at fault.
    #[error("input is not less than the modulus")]
    OutOfRange,
    /// A modular exponentiation has the modulus zero. The caller's data is at fault.
    #[error("the modulus is zero")]
    ZeroModulus,
    /// An operand is larger than [`MAX_MODULUS_BITS`](crate::MAX_MODULUS_BITS) allows. The caller's
    /// data is at fault.
    #[error("operand is too large")]
    TooLarge,
    /// The result of a private operation did not survive the check with the public exponent, and
    /// was thrown away. The key is not a valid one, or the arithmetic is at fault.
    #[error("result does not match the public exponent")]
    Fault,
    /// The library beneath gave up, which it does when memory is short.
    #[error("the arithmetic library failed")]
    Library,
}
