//! Cipher suites: what the administrator keys of a world are made of.

use ncore::Mech;
use ncore::types::{
    Bignum, CipherSuite, DSADiscreteLogGroup, KeyGenParams, KeyType, KeyTypeDSAPrivateGenParams,
    KeyTypeGenParams, KeyTypeRSAPrivateGenParams, KeyTypeRandomGenParams,
};

use crate::error::Error;
use crate::world::World;

/// What a cipher suite prescribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number in the world file.
    pub code: CipherSuite,
    /// Its name, as it is given to `new-world` and stands in the signed messages.
    pub name: &'static str,
}

/// The suites a world can be made with, the default first. Both take DSA keys over a fixed 3072-bit group with a 256-bit
/// subgroup and an AES module key; they differ in how a real module derives keys from it.
pub const SUITES: [Suite; 2] = [
    Suite {
        code: CipherSuite::DLf3072s256mAEScSP800131Ar1,
        name: "DLf3072s256mAEScSP800131Ar1",
    },
    Suite {
        code: CipherSuite::DLf3072s256mRijndael,
        name: "DLf3072s256mRijndael",
    },
];

impl Suite {
    /// The suite of this name.
    ///
    /// # Errors
    /// [`Error::Parameters`] when no world can be made with it.
    pub fn by_name(name: &str) -> Result<Suite, Error> {
        SUITES
            .into_iter()
            .find(|suite| suite.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
                Error::Parameters(format!(
                    "cipher suite `{name}' is not supported, choose one of: {}",
                    names.join(", ")
                ))
            })
    }

    /// The suite that a world was made with.
    ///
    /// # Errors
    /// [`Error::Malformed`] when no world can be made with it.
    pub(super) fn of(world: &World) -> Result<Suite, Error> {
        SUITES
            .into_iter()
            .find(|suite| suite.code == world.cipher_suite())
            .ok_or(Error::Malformed {
                what: "world file: cipher suite",
            })
    }

    /// The type of the module key KM.
    pub(super) fn module_key_type(self) -> KeyType {
        KeyType::Rijndael
    }

    /// How KM is generated: 256 bits.
    pub(super) fn module_key(self) -> KeyGenParams {
        let params = KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 });
        KeyGenParams {
            type_: self.module_key_type(),
            params,
        }
    }

    /// How an administrator signing key is generated.
    pub(super) fn signing_key(self) -> KeyGenParams {
        let params = KeyTypeDSAPrivateGenParams {
            lenbits: 3072,
            dlg: Some(group()),
            ..KeyTypeDSAPrivateGenParams::default()
        };
        KeyGenParams {
            type_: KeyType::DSAPrivate,
            params: KeyTypeGenParams::DSAPrivate(params),
        }
    }

    /// How a key that others encrypt to (KRE, KP) is generated: RSA, 3072 bits.
    pub(super) fn encryption_key(self) -> KeyGenParams {
        let params = KeyTypeRSAPrivateGenParams {
            lenbits: 3072,
            ..KeyTypeRSAPrivateGenParams::default()
        };
        KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        }
    }

    /// The mechanism of the administrator keys' signatures.
    pub(super) fn signing_mech(self) -> Mech {
        Mech::DSAhSHA256
    }
}

/// The group of the administrator keys. FIPS 186-4 lets keys share one; a fixed one spares the search for a 3072-bit
/// prime each time a world is made. It can be made again, and so checked to have no trap door, with
///
/// ```text
/// openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:3072 -pkeyopt dsa_paramgen_q_bits:256 \
///   -pkeyopt digest:SHA256 -pkeyopt type:fips186_4 -pkeyopt gindex:1 -pkeyopt hexseed:SEED
/// ```
///
/// where SEED is the SHA-256 of the text `softshield DLf3072s256 163`; no smaller number at its end gives a group.
fn group() -> DSADiscreteLogGroup {
    DSADiscreteLogGroup {
        p: number(P),
        q: number(Q),
        g: number(G),
    }
}

/// Reads a number in hex digits; two digits are one byte.
fn number(digits: &str) -> Bignum {
    let nibble = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, &d| byte << 4 | nibble(d)))
        .collect();
    Bignum::from_be(&bytes)
}

/// The prime of the field.
const P: &str = "\
    b4ab51a1354b05c4a3bbeb3015841efa950fdf2c0b2973c59eb28282c37f1850e2100f8454434acb8852e5aecfb1d67e\
    ec17f9613cf20f9a49f319822de9e569c80f7f74e0e0b924c532dab622a26fb2484f44d8e864b2b7f1140338e2c1c214\
    3bcd0808b44a14cbf540a7f42db1e6d2c8d5e3e2976bf7f12c5a6eff01318694cecd848c67cc1009e889254289388942\
    d11bf79dac9455473b47fca59d3741c2e91467f9734fef674ff1aff3c302097b7631d88b0df78c925ba5e203793d98e1\
    add59b3212b510b1c24061334a25278ac9134f86d62851383b5be1c48aaa758fc172fb81c5db1605cce3fef822ade7cd\
    1ee68972ced6043a3d6d64d2529436475874adeff7e133efe664a789056b45d1636e7b19bf5118abe18f51ca2c222607\
    5e0b8cb904447642e9fe056498d4ded4ead0bf34d26c99e0f71af8e5c1f6a88618727edc98e288f63b6bdc3ea813288d\
    441dbca493724c3abff1a1ff9b7fb9e3c2be291a06e984482b23c26be32396a6d6ba3fd68fff89020e9e98689161e661";

/// The order of the subgroup.
const Q: &str = "\
    b67755190faf6f12201865cc46323786e33374ddb0ae73ed64c96a94bf5ae713";

/// Its generator.
const G: &str = "\
    62d7f7f101295accd7c8216a64d52dfef8a76c7633d896f5b0427b7807107c205d3c4283828fcc9c82c2674e640aba3c\
    5b4e3d3caa4541a097d55c5b51d9e0d7db9934b47570850ea97d0685961a67b9e9a13857b80265904d4fe90d8307d6d2\
    f778885526b86a72a85fc9d2753b7578031b2a2594553364a94d3d31d1d6ed69c7b284448e27c1eb495af749868d7736\
    153bbffe327c475e683f71535780adaa4205da26ae350af7445ee940e1b069e7dee6b744f02d76c20039d69112ca3537\
    0abd5d011184a63c4462b5d8e5a18449ef42089b25d8bf71ea3a24f0e54880aa422f772b8f8bb873221efbeb9dc73ace\
    fbc232c6a652e486166986b3f2f096d313a4e47269a93b457bdabbc2cd4dcb73fd67128393aec35682a26f4610610972\
    3dd26880af704a26d1a22abc31d7e6247c7a879e46b6c5bed6ef56d3412d5cd4605109c9957935b16272e203aee7cd24\
    e32e838547878017afa6601bc6e15f592f5638601b943fb45be01857246aac405bd13164082f4556b192d3e6542ae5ad";

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    #[test]
    fn the_group_has_the_sizes_and_the_order_of_its_suite() {
        let group = group();
        assert_eq!((group.p.bits(), group.q.bits()), (3072, 256));
        let [p, q, g] =
            [&group.p, &group.q, &group.g].map(|number| BigUint::from_bytes_le(number.le_bytes()));
        let one = BigUint::from(1u8);
        assert_eq!((&p - &one) % &q, BigUint::ZERO);
        assert_eq!(g.modpow(&q, &p), one);
        assert_ne!(g, one);
        // Fermat's test; the suspicious may run the command above.
        for prime in [&p, &q] {
            assert_eq!(BigUint::from(2u8).modpow(&(prime - &one), prime), one);
        }
    }

    #[test]
    fn other_suites_are_refused_with_the_list() {
        let error = Suite::by_name("ECp521mAES").unwrap_err().to_string();
        assert!(
            error.contains("ECp521mAES") && error.contains("DLf3072s256mAEScSP800131Ar1"),
            "{error}"
        );
    }
}
