//! As much of X.509 as KP_CERTIFICATE needs: whose public key a certificate has.

use crate::soft::{DiscretePublicKey, Group, PublicKey, RsaPublicKey, trim};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The explicit tag of the version, which a certificate of version 1 leaves out.
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10040.4.1, id-dsa (RFC 3279 section 2.3.2).
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
/// 1.2.840.10046.2.1, dhpublicnumber (RFC 3279 section 2.3.3).
const DH_PUBLIC_NUMBER: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01];

/// Whether `der` is a certificate (RFC 5280 section 4.1) of this key, and nothing else.
pub(crate) fn is_for(der: &[u8], key: &PublicKey) -> bool {
    let found = public_key_info(der).and_then(|info| match key {
        PublicKey::Rsa(key) => is_rsa(&info, key),
        PublicKey::Dsa(key) => is_discrete(&info, key, DSA, dsa_parameters),
        PublicKey::Dh(key) => is_discrete(&info, key, DH_PUBLIC_NUMBER, dh_parameters),
    });
    found.unwrap_or(false)
}

/// SubjectPublicKeyInfo, taken apart.
struct PublicKeyInfo<'a> {
    algorithm: &'a [u8],
    /// What follows the algorithm's identifier.
    parameters: &'a [u8],
    /// The bits of the key.
    key: &'a [u8],
}

fn is_rsa(info: &PublicKeyInfo<'_>, key: &RsaPublicKey) -> Option<bool> {
    let mut content = info.key;
    let mut numbers = take(&mut content, SEQUENCE)?;
    let modulus = unsigned(take(&mut numbers, INTEGER)?);
    let exponent = unsigned(take(&mut numbers, INTEGER)?);
    let value = exponent
        .iter()
        .fold(0, |value, byte| value << 8 | u32::from(*byte));
    Some(
        info.algorithm == RSA_ENCRYPTION
            && modulus.iter().rev().eq(key.modulus_le())
            && exponent.len() <= 4
            && value == key.exponent(),
    )
}

/// A key of a group. Certificates may leave the group to their issuer's, and then only the value is compared.
fn is_discrete(
    info: &PublicKeyInfo<'_>,
    key: &DiscretePublicKey,
    algorithm: &[u8],
    parameters: fn(&[u8], &Group) -> Option<bool>,
) -> Option<bool> {
    let mut content = info.key;
    let y = take(&mut content, INTEGER)?;
    let same_group = info.parameters.is_empty() || parameters(info.parameters, &key.group)?;
    Some(info.algorithm == algorithm && same_group && is_number(y, &key.y))
}

/// Dss-Parms: p, q, g.
fn dsa_parameters(mut parameters: &[u8], group: &Group) -> Option<bool> {
    let mut numbers = take(&mut parameters, SEQUENCE)?;
    let (p, q, g) = (
        take(&mut numbers, INTEGER)?,
        take(&mut numbers, INTEGER)?,
        take(&mut numbers, INTEGER)?,
    );
    let same_order = is_number(q, group.q.as_ref()?);
    Some(is_number(p, &group.p) && same_order && is_number(g, &group.g))
}

/// DomainParameters: p, g and more.
fn dh_parameters(mut parameters: &[u8], group: &Group) -> Option<bool> {
    let mut numbers = take(&mut parameters, SEQUENCE)?;
    let (p, g) = (take(&mut numbers, INTEGER)?, take(&mut numbers, INTEGER)?);
    Some(is_number(p, &group.p) && is_number(g, &group.g))
}

/// Whether an INTEGER is a little-endian number.
fn is_number(integer: &[u8], number: &[u8]) -> bool {
    unsigned(integer).iter().rev().eq(trim(number))
}

/// How many bytes the DER value at the start of `head` has, as far as its first six bytes tell; `None` for a form that is
/// not DER, or a length of 4 GiB and more.
pub(crate) fn total_length(head: &[u8]) -> Option<usize> {
    let (header, length) = header(head)?;
    header.checked_add(length)
}

/// The public key of a certificate.
fn public_key_info(der: &[u8]) -> Option<PublicKeyInfo<'_>> {
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
    let identifier = take(&mut algorithm, OBJECT_IDENTIFIER)?;
    Some(PublicKeyInfo {
        algorithm: identifier,
        parameters: algorithm,
        // The bit string begins with the number of bits left unused, none here.
        key: take(&mut info, BIT_STRING)?.strip_prefix(&[0])?,
    })
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

    /// Made with `openssl dsaparam -genkey 1024` and `openssl req -x509 -sha1 -subj "/CN=softshield test" -days 36500
    /// -outform DER`; p, q, g and y with `openssl dsa -text`, a line each.
    const DSA_CERTIFICATE: &[u8] = include_bytes!("../tests/data/dsa-1024.cer");
    const DSA_NUMBERS: &str = include_str!("../tests/data/dsa-1024.numbers");

    fn dsa_key(change: u8) -> PublicKey {
        let numbers: Vec<Vec<u8>> = DSA_NUMBERS.lines().map(little_endian).collect();
        let [p, q, g, y] = &numbers[..] else {
            panic!("four numbers")
        };
        let mut y = y.clone();
        y[10] ^= change;
        let group = Group::new(p, Some(q), g).unwrap();
        PublicKey::Dsa(DiscretePublicKey::new(group, &y).unwrap())
    }

    fn little_endian(hex: &str) -> Vec<u8> {
        hex.trim()
            .as_bytes()
            .rchunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn a_dsa_certificate_is_for_its_own_key_alone() {
        assert!(is_for(DSA_CERTIFICATE, &dsa_key(0)));
        assert!(!is_for(DSA_CERTIFICATE, &dsa_key(1)));
        assert!(!is_for(DSA_CERTIFICATE, &key(0)));
        assert!(!is_for(CERTIFICATE, &dsa_key(0)));
        let PublicKey::Dsa(same) = dsa_key(0) else {
            panic!("a DSA key")
        };
        assert!(!is_for(DSA_CERTIFICATE, &PublicKey::Dh(same)));
    }

    fn key(change: u8) -> PublicKey {
        let mut modulus = little_endian(MODULUS);
        modulus[10] ^= change;
        PublicKey::Rsa(RsaPublicKey::new(&modulus, 65_537).unwrap())
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
