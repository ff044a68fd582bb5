//! KML: the pair by which a module signs what it says about itself and its keys, made anew at each initialisation; and
//! Cmd_GetKML, which gives the public half.

use std::sync::Arc;

use engine::Engine;
use ncore::types::{
    ACL, Act, ActDetails, ActOpPermissionsDetails, Action, DSADiscreteLogGroup, GetKMLArgs,
    GetKMLReply, KMLType, KeyData, KeyGenParams, KeyType, KeyTypeDSAPrivateGenParams,
    KeyTypeGenParams, Mech, PermissionGroup,
};
use ncore::{Bignum, Status};
use rand_core::CryptoRng;

use super::call::{Call, Outcome, later};
use super::key::Key;
use super::objects::Object;
use crate::crypto::{self, KeyMaterial};

/// The pair.
pub(super) struct Kml {
    /// The private half. The public half is made of it when it is asked for.
    pub(super) private: KeyMaterial,
    /// The mechanism of its signatures.
    pub(super) mech: Mech,
}

impl Kml {
    /// Makes a pair of this kind: UnknownParameter if there is no such kind.
    pub(super) fn generate(
        engine: &dyn Engine,
        kind: KMLType,
        rng: &mut impl CryptoRng,
    ) -> Result<Kml, Status> {
        let (group, lenbits) = match kind {
            KMLType::DSAp1024s160 => (&DSA_1024_160, 1024),
            KMLType::DSAp3072s256 => (&DSA_3072_256, 3072),
            _ => return Err(Status::UnknownParameter),
        };
        let params = KeyTypeDSAPrivateGenParams {
            lenbits,
            dlg: Some(group.to_wire()),
            ..Default::default()
        };
        let params = KeyGenParams {
            type_: KeyType::DSAPrivate,
            params: KeyTypeGenParams::DSAPrivate(params),
        };
        Ok(Kml::of(crypto::generate_key_pair(engine, &params, rng)?))
    }

    /// The saved pair.
    pub(super) fn restore(engine: &dyn Engine, data: &KeyData) -> Result<Kml, Status> {
        Ok(Kml::of(KeyMaterial::restore(engine, data)?))
    }

    fn of(private: KeyMaterial) -> Kml {
        let mech = if private.length_bits() > 1024 {
            Mech::DSAhSHA256
        } else {
            Mech::DSA
        };
        Kml { private, mech }
    }
}

/// Cmd_GetKML: NotAvailable in a module that was never initialised.
pub(super) fn get_kml(call: Call, _: GetKMLArgs) -> Outcome {
    let kml = Arc::clone(call.world.kml.as_ref().ok_or(Status::NotAvailable)?);
    later(move || {
        let public = kml.private.public().ok_or(Status::Failed)?;
        let key = Key::new(public, public_acl(), [0; 64], call.uptime());
        Ok(GetKMLReply {
            idka: call.insert(0, Object::Key(key.into()))?,
        }
        .into())
    })
}

/// What anyone may do with a public key of the module.
fn public_acl() -> ACL {
    let perms = ActOpPermissionsDetails::VERIFY
        | ActOpPermissionsDetails::EXPORT_AS_PLAIN
        | ActOpPermissionsDetails::DUPLICATE_HANDLE
        | ActOpPermissionsDetails::GET_ACL
        | ActOpPermissionsDetails::GET_APP_DATA;
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails { perms });
    let actions = vec![Action {
        type_: Act::OpPermissions,
        details,
    }];
    ACL {
        groups: vec![PermissionGroup {
            actions,
            ..Default::default()
        }],
    }
}

/// A group of fixed numbers, in hexadecimal: making one takes seconds, and its sharing weakens nothing.
struct Group {
    p: &'static str,
    q: &'static str,
    g: &'static str,
}

impl Group {
    fn to_wire(&self) -> DSADiscreteLogGroup {
        DSADiscreteLogGroup {
            p: number(self.p),
            q: number(self.q),
            g: number(self.g),
        }
    }
}

fn number(hex: &str) -> Bignum {
    let digit = |digit: &u8| (*digit as char).to_digit(16).unwrap_or(0) as u8;
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, it| byte << 4 | digit(it)))
        .collect();
    Bignum::from_be(&bytes)
}

/// Made by `openssl genpkey -genparam -algorithm DSA` with `type:fips186_4 pbits:1024 qbits:160 digest:SHA1`.
const DSA_1024_160: Group = Group {
    p: concat!(
        "c9aabd68ba0b46c534b5d5d0a17b20315af21d7133e1244998a7d26f5b55e6dce75bfaf9b6a1d7603597d172a35d07f7a956",
        "52edbf0ae0fe48a5ed5de312dd3b8ae6ed3da3907fa9f67e0ba452dc3d7791660bb3f659bdee69a173ccfd5d7762a7bf970f",
        "99dd1de3769957305a420597a86b5b4340c4350159f9dc5d7bbdfb07",
    ),
    q: "9e4f8c1a12a7cc400db7bd5f61bde934f11d006b",
    g: concat!(
        "05fc5049ad198f353ae6f557124a20780ca17dd146a2964f760e00489947bafce1e9855006ab766b999565c8907240274e22",
        "42dd61202815e11e2e9c1312e852fefc43c6cb86f42523672b6551fa219d453461c06b1e89710e37775b4a25e03d625ff9ec",
        "385384e366fd1e3019733ea04e583785ec745761062810f6c5792f92",
    ),
};

/// Made by `openssl genpkey -genparam -algorithm DSA` with `type:fips186_4 pbits:3072 qbits:256 digest:SHA256`.
const DSA_3072_256: Group = Group {
    p: concat!(
        "f647a4d4155608ff1e8e289f67aa3f22c9c81e16e8c5ff47790a456cab89b79224ee3d7f39ae3db6a016fb760f8064524e37",
        "55e4a937b8e2640946009d5e59acfd514823d3af1f5ae65fbb26a60f6791d73f753f860c4a2847179029d740f5e1b1a82c8b",
        "b4e38f091f673dbc2e0bb47bc9253f09d4ac0f4a59c29716b2562aabae7da02763f30fc03b40c4f97d5fed1dff128e4707c4",
        "c945c3af154b123276bc11bd7dca7d7bc5a4121c3533c1ca84af09bff1b9347d119295d74787c92234a3e2d5fac967abb5a4",
        "0dd5058d19ff6c509991a24db5f72b7b53fdd87dce4af671ec626b964c1d212fb05fd8d86f74dd1300c7fd2cecf6b7790b3e",
        "a350b0d5a204e3f5b18b1bb5ab73a20d41ddff19a65158671f5b644d75f54d3ab54a6bbdb9b5d20fe5225ddf88a3e0960e76",
        "70b4b2f09652013fb20772b9e6c5982a53d48213dfc50a3a60ead386801f43fd4b56050a6590fd0dc08f9372d6664a9ffbab",
        "06c1c4c0ab1c1980550433fef95706dad50a6eb9d042a16fad19a910ae4413706dd9",
    ),
    q: "dcf4c202f45c2506d10bdfddbaa72d19cc84e1413e1b0acd55a8c864cee1363b",
    g: concat!(
        "9703b631fcef944b3cbb81c3b24d4178c24dbe088994a6ad8fbf5a35c18a654b80a19d7dc402bce0e68498bd75430aceb439",
        "c521758dd708bd0e8efe282f6f911238649de8c15bdfcf86aea9bf26434c47f46c7861694d981d75bf0cd4c511389324e71e",
        "4d5d5b90417abe750e81dda288fadc84f502a808c9b817e97f3f39ecb4215885c6003f4390cfcba42552f5890e3cd5bb6f8b",
        "ca8ff83124208d7b5b840660d3dcef2e3bffee0d8f7bacbedec8859eadd3450d84f541169ef74f893c70214c1cbc55dbbc4b",
        "58e60999fde82e385ce495167247d5aa2e95f43b87f4e0748ef47386de9d74f323b2ce12e02ba6d6b15901baf4042276bd36",
        "517e19ff0607c273d60f481a84b5d12b1472cf81755756ab476df0b45a7108412d27cbbbbf3847eb0740d4d6600c9647f405",
        "3126540b68dab535fc8cf01c1c8f2ec01fe4f8d4da799bd21c5605b212c9f0b51ba80bdaa1fe405376039886a28c20dc658f",
        "2653d157e3cba867194307a9375311af75711cf81eafa8e433ccaaa1d3545e61d3c7",
    ),
};

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn both_kinds_are_made_and_pass_the_check_of_an_import() {
        let engine = engine::Kind::default().engine();
        for (kind, bits, mech) in [
            (KMLType::DSAp1024s160, 1024, Mech::DSA),
            (KMLType::DSAp3072s256, 3072, Mech::DSAhSHA256),
        ] {
            let kml = Kml::generate(&*engine, kind, &mut ChaCha20Rng::from_seed([3; 32])).unwrap();
            assert_eq!((kml.private.length_bits(), kml.mech), (bits, mech));
            // Import tests the primes and the order of the generator.
            KeyMaterial::import(&*engine, &kml.private.to_key_data()).unwrap();
            let again = Kml::restore(&*engine, &kml.private.to_key_data()).unwrap();
            assert_eq!(
                (again.private.hash(), again.mech),
                (kml.private.hash(), mech)
            );
        }
        let refused = Kml::generate(&*engine, KMLType(7), &mut ChaCha20Rng::from_seed([3; 32]));
        assert_eq!(refused.err(), Some(Status::UnknownParameter));
    }
}
