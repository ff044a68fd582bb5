//! What a provider hands over.

/// An exponentiation; numbers little-endian.
#[derive(Clone, Copy)]
pub struct Exponentiation<'a> {
    /// The base, less than the modulus.
    pub base: &'a [u8],
    /// The exponent.
    pub exponent: &'a [u8],
    /// The modulus; its length is the result's.
    pub modulus: &'a [u8],
    /// The two primes of the modulus, if the caller knows them.
    pub primes: Option<[&'a [u8]; 2]>,
}
