//! What a key hash is taken of (PROTOCOL, "Key hash").
//!
//! This crate does no cryptography, so it gives the input of the hash function: SHA-1 makes `M_KeyHash` of it, and the
//! mechanism of a `M_KeyHashEx` makes that.

use crate::curves::Curve;
use crate::types::{
    Bignum, DSADiscreteLogGroup, ECNameData, ECPoint, EllipticCurve, Field, FieldType,
    FieldTypeData, KeyData, KeyType, KeyTypeData,
};

/// The bytes whose hash names a key, or `None` where this module has no rule: private keys, which share the hash of
/// their public half, curves over binary fields, and types nobody has named.
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
        (KeyTypeData::DSACommVariableSeed(key), KeyType::DSACommFIPS186_3) => {
            ("DSC02", group(&key.dlg))
        }
        (KeyTypeData::DSACommVariableSeed(key), _) => ("DSC01", group(&key.dlg)),
        (KeyTypeData::ECPublic(key), type_) => {
            let prefix = match type_ {
                KeyType::ECPublic => "EC00",
                KeyType::ECDSAPublic => "ECDSA00",
                KeyType::ECDHPublic | KeyType::ECDHLaxPublic => "ECDH000",
                _ => return None,
            };
            (prefix, [curve(&key.curve)?, point(&key.q)?].concat())
        }
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

/// The domain parameters, the same bytes whether the key names the curve or gives it: the key is the same one.
fn curve(curve: &EllipticCurve) -> Option<Vec<u8>> {
    let Curve {
        p,
        a,
        b,
        x,
        y,
        r,
        h,
    } = match &curve.data {
        ECNameData::Empty => Curve::named(curve.name)?,
        ECNameData::Custom(given) => given_curve(
            &given.f,
            [&given.a, &given.b, &given.r, &Bignum::from(given.h)],
            &given.g,
        )?,
        ECNameData::CustomLCF(given) => {
            given_curve(&given.f, [&given.a, &given.b, &given.r, &given.h], &given.g)?
        }
    };
    // A curve of the prime kind, over a field of the prime kind, of this many bits.
    let words = [0, 0, u32::try_from(p.bits()).ok()?].map(u32::to_le_bytes);
    Some([words.concat(), blocks([&p, &a, &b, &x, &y, &r, &h])].concat())
}

fn given_curve(field: &Field, [a, b, r, h]: [&Bignum; 4], g: &ECPoint) -> Option<Curve> {
    let FieldTypeData::Prime(prime) = &field.data else {
        return None;
    };
    let finite = field.type_ == FieldType::Prime && g.flags & ECPoint::INFINITY == 0;
    finite.then(|| Curve {
        p: prime.p.clone(),
        a: a.clone(),
        b: b.clone(),
        x: g.x.clone(),
        y: g.y.clone(),
        r: r.clone(),
        h: h.clone(),
    })
}

fn point(point: &ECPoint) -> Option<Vec<u8>> {
    let finite = point.flags & ECPoint::INFINITY == 0;
    finite.then(|| blocks([&point.x, &point.y]))
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::*;
    use crate::types::{
        DiscreteLogGroup, ECName, ECNameCustomData, FieldTypePrimeData, KeyTypeDESData,
        KeyTypeDHPublicData, KeyTypeDKTemplateData, KeyTypeDSACommVariableSeedData,
        KeyTypeDSAPrivateData, KeyTypeECPublicData, KeyTypeRSAPublicData, KeyTypeRandomData,
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

    /// The public key of the worked example in the vendor's application note on key hashes.
    fn example(type_: KeyType, curve: EllipticCurve) -> KeyData {
        let hex = |digits: &str| Bignum::from_be(&u256(digits));
        let q = ECPoint {
            flags: 0,
            x: hex("08f81421c7e89597d9b5a2bbd536f7305bcbd669194a281338cdb613bb0f9fd1"),
            y: hex("2d5b7759bd9e3fcd4aea4f4853f2aaeac675aa165947e3438044f6e57ccd89c4"),
        };
        let data = KeyTypeData::ECPublic(KeyTypeECPublicData { curve, q });
        KeyData { type_, data }
    }

    fn u256(digits: &str) -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
    }

    fn named(name: ECName) -> EllipticCurve {
        EllipticCurve {
            name,
            data: ECNameData::Empty,
        }
    }

    /// The value that PROTOCOL section 1, "Key hash", gives for that example.
    #[test]
    fn named_curve_hashes_with_its_parameters() {
        let input = preimage(&example(KeyType::ECPublic, named(ECName::NISTP256))).unwrap();
        assert_eq!(input.len(), 632);
        let digest: [u8; 20] = Sha1::digest(&input).into();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6ac2377ceaac44eab378518d1b6f4ebf0d4d0dec");
    }

    /// The application note: different representations of the same key have the same hash, different uses differ.
    #[test]
    fn given_curve_hashes_as_the_named_one() {
        let known = Curve::named(ECName::NISTP256).unwrap();
        let field = Field {
            type_: FieldType::Prime,
            data: FieldTypeData::Prime(FieldTypePrimeData {
                flags: 0,
                p: known.p,
            }),
        };
        let given = ECNameCustomData {
            f: field,
            a: known.a,
            b: known.b,
            g: ECPoint {
                flags: 0,
                x: known.x,
                y: known.y,
            },
            r: known.r,
            h: 1,
        };
        let custom = EllipticCurve {
            name: ECName::Custom,
            data: ECNameData::Custom(given),
        };
        let key = example(KeyType::ECDHPublic, named(ECName::NISTP256));
        let lax = example(KeyType::ECDHLaxPublic, custom);
        assert_eq!(preimage(&key), preimage(&lax));
        let other = example(KeyType::ECDSAPublic, named(ECName::NISTP256));
        assert_ne!(preimage(&key), preimage(&other));
        let binary = example(KeyType::ECDSAPublic, named(ECName::NISTB163));
        assert_eq!(preimage(&binary), None);
    }

    #[test]
    fn domain_parameters_of_fips_186_3_have_their_own_prefix() {
        let data = KeyTypeDSACommVariableSeedData::default();
        let data = KeyTypeData::DSACommVariableSeed(data);
        check(KeyType::DSACommVariableSeed, data.clone(), "DSC01", &[]);
        check(KeyType::DSACommFIPS186_3, data, "DSC02", &[]);
    }
}
