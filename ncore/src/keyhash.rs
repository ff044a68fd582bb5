//! What a key hash is taken of (PROTOCOL, "Key hash").
//!
//! This crate does no cryptography, so it gives the input of the hash function: SHA-1 makes `M_KeyHash` of it, and the
//! mechanism of a `M_KeyHashEx` makes that.

use crate::types::{Bignum, DSADiscreteLogGroup, KeyData, KeyType, KeyTypeData};

/// The bytes whose hash names a key, or `None` where this module has no rule: private keys, which share the hash of
/// their public half, and elliptic curves.
pub fn preimage(key: &KeyData) -> Option<Vec<u8>> {
    let (prefix, material) = match (&key.data, key.type_) {
        (KeyTypeData::RSAPublic(key), _) => {
            // The published prefix is for exponents of at most 32 bits. For larger ones there is no source: K1 of
            // PROTOCOL section 6 has us choose a prefix of our own.
            let prefix = if key.e.bits() <= 32 { "RSA00" } else { "RSA01" };
            (prefix, blocks([&key.e, &key.n]))
        }
        (KeyTypeData::DSAPublic(key), _) => ("DSA00", [group(&key.dlg), block(&key.y)].concat()),
        (KeyTypeData::DHPublic(key), _) => ("DH000", blocks([&key.dlg.p, &key.dlg.g, &key.gx])),
        (KeyTypeData::DHExPublic(key), _) => ("DH001", [group(&key.dlg), block(&key.gx)].concat()),
        (KeyTypeData::DSAComm(key), _) => ("DSC01", group(&key.dlg)),
        (KeyTypeData::DSACommVariableSeed(key), _) => ("DSC02", group(&key.dlg)),
        (KeyTypeData::DKTemplate(key), _) => {
            ("TEM01", [&key.appdata[..], &key.nested_acl].concat())
        }
        (KeyTypeData::Random(key), KeyType::ArcFour) => ("RC4", key.k.clone()),
        // The arm is shared with keys that have a public half.
        (KeyTypeData::Random(_), KeyType::Ed25519Private | KeyType::X25519Private) => return None,
        (KeyTypeData::Random(key), type_) => (type_.name()?, key.k.clone()),
        (KeyTypeData::DES(key), type_) => (type_.name()?, key.k.to_vec()),
        (KeyTypeData::DES2(key), type_) => (type_.name()?, key.k.to_vec()),
        (KeyTypeData::DES3(key), type_) => (type_.name()?, key.k.to_vec()),
        _ => return None,
    };
    let parts = [
        &b"nFast KeyHash\0"[..],
        prefix.as_bytes(),
        b"\0",
        &material,
        b"invented by nCipher 1997\0",
    ];
    Some(parts.concat())
}

/// `B(x)`: little-endian, padded with zeros to a multiple of 64 bytes, no length.
fn block(number: &Bignum) -> Vec<u8> {
    let mut bytes = number.le_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes
}

fn blocks<const N: usize>(numbers: [&Bignum; N]) -> Vec<u8> {
    numbers.map(block).concat()
}

fn group(group: &DSADiscreteLogGroup) -> Vec<u8> {
    blocks([&group.p, &group.q, &group.g])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{
        DiscreteLogGroup, KeyTypeDESData, KeyTypeDHPublicData, KeyTypeDKTemplateData,
        KeyTypeDSAPrivateData, KeyTypeRSAPublicData, KeyTypeRandomData,
    };

    const HEAD: &[u8] = b"nFast KeyHash\0";
    const TAIL: &[u8] = b"invented by nCipher 1997\0";

    /// The material must lie between the prefix and the closing text, as the table of PROTOCOL has it.
    fn check(type_: KeyType, data: KeyTypeData, prefix: &str, material: &[u8]) {
        let expected = [HEAD, prefix.as_bytes(), b"\0", material, TAIL].concat();
        assert_eq!(
            preimage(&KeyData { type_, data }).expect("has a rule"),
            expected,
            "{type_}"
        );
    }

    fn rsa(e: &[u8], n: &[u8]) -> KeyTypeData {
        KeyTypeData::RSAPublic(KeyTypeRSAPublicData {
            e: Bignum::from_be(e),
            n: Bignum::from_be(n),
        })
    }

    #[test]
    fn numbers_fill_blocks_of_64_bytes() {
        let mut material = [vec![1, 0, 1], vec![0; 61], vec![0x66, 0x55], vec![0; 62]].concat();
        check(
            KeyType::RSAPublic,
            rsa(&[1, 0, 1], &[0x55, 0x66]),
            "RSA00",
            &material,
        );
        // 65 bytes take two blocks, 64 bytes exactly one.
        material.truncate(64);
        material.extend([0xab; 65]);
        material.extend([0; 63]);
        check(
            KeyType::RSAPublic,
            rsa(&[1, 0, 1], &[0xab; 65]),
            "RSA00",
            &material,
        );
        material.truncate(64);
        material.extend([0xab; 64]);
        check(
            KeyType::RSAPublic,
            rsa(&[1, 0, 1], &[0xab; 64]),
            "RSA00",
            &material,
        );
    }

    #[test]
    fn large_exponent_has_its_own_prefix() {
        let material = [vec![1, 0, 0, 0, 1], vec![0; 59], vec![7], vec![0; 63]].concat();
        check(
            KeyType::RSAPublic,
            rsa(&[1, 0, 0, 0, 1], &[7]),
            "RSA01",
            &material,
        );
        let material = [vec![0xff; 4], vec![0; 60], vec![7], vec![0; 63]].concat();
        check(
            KeyType::RSAPublic,
            rsa(&[0xff; 4], &[7]),
            "RSA00",
            &material,
        );
    }

    #[test]
    fn diffie_hellman_has_prime_generator_and_public_value() {
        let number = |value: u32| Bignum::from(value);
        let dlg = DiscreteLogGroup {
            p: number(23),
            g: number(5),
        };
        let data = KeyTypeData::DHPublic(KeyTypeDHPublicData { dlg, gx: number(8) });
        let one = |value: u8| [vec![value], vec![0; 63]].concat();
        check(
            KeyType::DHPublic,
            data,
            "DH000",
            &[one(23), one(5), one(8)].concat(),
        );
    }

    #[test]
    fn raw_keys_are_hashed_as_they_are() {
        let random = |k: &[u8]| KeyTypeData::Random(KeyTypeRandomData { k: k.to_vec() });
        check(KeyType::ArcFour, random(b"abc"), "RC4", b"abc");
        check(KeyType::Rijndael, random(&[7; 16]), "Rijndael", &[7; 16]);
        check(
            KeyType::HMACSHA256,
            random(&[1, 2, 3]),
            "HMACSHA256",
            &[1, 2, 3],
        );
        check(
            KeyType::DES,
            KeyTypeData::DES(KeyTypeDESData { k: [9; 8] }),
            "DES",
            &[9; 8],
        );
        let template = KeyTypeDKTemplateData {
            appdata: vec![1, 2],
            nested_acl: vec![3],
        };
        check(
            KeyType::DKTemplate,
            KeyTypeData::DKTemplate(template),
            "TEM01",
            &[1, 2, 3],
        );
    }

    #[test]
    fn private_keys_have_no_preimage_of_their_own() {
        let data = KeyTypeData::DSAPrivate(KeyTypeDSAPrivateData::default());
        assert_eq!(
            preimage(&KeyData {
                type_: KeyType::DSAPrivate,
                data
            }),
            None
        );
        assert_eq!(preimage(&KeyData::default()), None);
        let secret = KeyTypeData::Random(KeyTypeRandomData { k: vec![1] });
        assert_eq!(
            preimage(&KeyData {
                type_: KeyType::Ed25519Private,
                data: secret
            }),
            None
        );
    }
}
