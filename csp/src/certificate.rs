//! As much of X.509 as KP_CERTIFICATE needs: whose public key a certificate has.

use crate::soft::RsaPublicKey;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The explicit tag of the version, which a certificate of version 1 leaves out.
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Whether `der` is a certificate (RFC 5280 section 4.1) of this key, and nothing else.
pub(crate) fn is_for(der: &[u8], key: &RsaPublicKey) -> bool {
    public_key(der).is_some_and(|(modulus, exponent)| {
        modulus.iter().rev().eq(key.modulus_le())
            && exponent.len() <= 4
            && exponent
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte))
                == key.exponent()
    })
}

/// How many bytes the DER value at the start of `head` has, as far as its first six bytes tell; `None` for a form that is
/// not DER, or a length of 4 GiB and more.
pub(crate) fn total_length(head: &[u8]) -> Option<usize> {
    let (header, length) = header(head)?;
    header.checked_add(length)
}

/// Modulus and exponent, big-endian and without leading zeros, of an RSA certificate.
fn public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = der;
    let mut certificate = take(&mut outer, SEQUENCE)?;
    let mut tbs = take(&mut certificate, SEQUENCE)?;
    if !outer.is_empty() {
        return None;
    }
    if tbs.first() == Some(&VERSION) {
        take(&mut tbs, VERSION)?;
    }
    take(&mut tbs, INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        take(&mut tbs, SEQUENCE)?;
    }
    let mut info = take(&mut tbs, SEQUENCE)?;
    let mut algorithm = take(&mut info, SEQUENCE)?;
    if take(&mut algorithm, OBJECT_IDENTIFIER)? != RSA_ENCRYPTION {
        return None;
    }
    // The bit string begins with the number of bits left unused, none here.
    let mut bits = take(&mut info, BIT_STRING)?.strip_prefix(&[0])?;
    let mut key = take(&mut bits, SEQUENCE)?;
    Some((
        unsigned(take(&mut key, INTEGER)?),
        unsigned(take(&mut key, INTEGER)?),
    ))
}

/// The content of the value at the start of `rest`, which moves behind it.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    if *rest.first()? != tag {
        return None;
    }
    let (start, length) = header(rest)?;
    let content = rest.get(start..start.checked_add(length)?)?;
    *rest = &rest[start + length..];
    Some(content)
}

/// Length of tag and length octets, and the length they tell.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    match *der.get(1)? {
        short @ 0..0x80 => Some((2, usize::from(short))),
        // The indefinite form is not DER.
        0x80 => None,
        long => {
            let count = usize::from(long & 0x7f);
            let octets = der.get(2..2 + count).filter(|_| count <= 4)?;
            Some((
                2 + count,
                octets
                    .iter()
                    .fold(0, |length, octet| length << 8 | usize::from(*octet)),
            ))
        }
    }
}

fn unsigned(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl req -x509 -newkey rsa:512 -nodes -subj "/CN=softshield test" -days 36500 -outform DER`; its
    /// modulus with `openssl x509 -noout -modulus`.
    const CERTIFICATE: &[u8] = include_bytes!("../tests/data/rsa-512.cer");
    const MODULUS: &str = include_str!("../tests/data/rsa-512.modulus");

    fn key(change: u8) -> RsaPublicKey {
        let digits = MODULUS.trim().as_bytes();
        let mut modulus: Vec<u8> = digits
            .rchunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        modulus[10] ^= change;
        RsaPublicKey::new(&modulus, 65_537).unwrap()
    }

    #[test]
    fn a_certificate_is_for_its_own_key_alone() {
        assert!(is_for(CERTIFICATE, &key(0)));
        assert!(!is_for(CERTIFICATE, &key(1)));
        assert!(!is_for(&[CERTIFICATE, &[0]].concat(), &key(0)));
        assert!(!is_for(&CERTIFICATE[..CERTIFICATE.len() - 1], &key(0)));
        assert!(!is_for(&[], &key(0)));
    }

    #[test]
    fn the_first_bytes_tell_the_length() {
        assert_eq!(total_length(&CERTIFICATE[..6]), Some(CERTIFICATE.len()));
        assert_eq!(total_length(&[0x30, 0x03]), Some(5));
        assert_eq!(total_length(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(total_length(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
        assert_eq!(total_length(&[0x30]), None);
    }

    proptest! {
        #[test]
        fn damaged_certificates_never_panic(at in 0..CERTIFICATE.len(), byte in any::<u8>()) {
            let mut damaged = CERTIFICATE.to_vec();
            damaged[at] = byte;
            let _ = is_for(&damaged, &key(0));
            let _ = is_for(&damaged[..at], &key(0));
        }
    }
}
