//! Commands that compute with numbers from the command itself, without keys (acceleration).

use engine::{Engine, RsaPublicComponents, number};
use ncore::types::{ModExpArgs, ModExpCrtArgs, RSAImmedSignDecryptArgs, RSAImmedVerifyEncryptArgs};
use ncore::{Bignum, Status};
use zeroize::Zeroizing;

use super::engine_status;

/// Cmd_ModExp: `a ^ p mod n`.
///
/// # Errors
/// `InvalidParameter` if `n` is zero or an operand has more than 16384 bits.
pub fn mod_exp(engine: &dyn Engine, args: &ModExpArgs) -> Result<Bignum, Status> {
    let power = engine
        .mod_exp(&args.a.to_be(), &args.p.to_be(), &args.n.to_be())
        .map_err(engine_status)?;
    Ok(Bignum::from_be(&power))
}

/// Cmd_ModExpCrt: `a ^ d mod p*q`, where `d` is given as its residues `dmp1` modulo `p - 1` and `dmq1` modulo `q - 1`.
///
/// There is no public exponent to check the result with; what can be checked is that `iqmp` belongs to the factors.
///
/// # Errors
/// `InvalidParameter` if a factor is zero or an operand has more than 16384 bits, `InvalidData` if `iqmp` is not the
/// inverse of `q` modulo `p`, `OutOfRange` if `a` is not less than `p * q`.
pub fn mod_exp_crt(engine: &dyn Engine, args: &ModExpCrtArgs) -> Result<Bignum, Status> {
    let key = CrtKey {
        p: Zeroizing::new(args.p.to_be()),
        q: Zeroizing::new(args.q.to_be()),
        dmp1: Zeroizing::new(args.dmp1.to_be()),
        dmq1: Zeroizing::new(args.dmq1.to_be()),
        iqmp: Zeroizing::new(args.iqmp.to_be()),
    };
    key.power(engine, &args.a)
}

/// Cmd_RSAImmedSignDecrypt: the RSA private operation with the key in the command.
///
/// # Errors
/// As for [`mod_exp_crt`].
pub fn rsa_immed_sign_decrypt(
    engine: &dyn Engine,
    args: &RSAImmedSignDecryptArgs,
) -> Result<Bignum, Status> {
    let key = CrtKey {
        p: Zeroizing::new(args.k_p.to_be()),
        q: Zeroizing::new(args.k_q.to_be()),
        dmp1: Zeroizing::new(args.k_dmp1.to_be()),
        dmq1: Zeroizing::new(args.k_dmq1.to_be()),
        iqmp: Zeroizing::new(args.k_iqmp.to_be()),
    };
    key.power(engine, &args.m)
}

/// Cmd_RSAImmedVerifyEncrypt: the RSA public operation with the key in the command.
///
/// # Errors
/// `InvalidParameter` for a modulus of an unsupported size, `InvalidData` for an even modulus or an impossible exponent,
/// `OutOfRange` if `m` is not less than the modulus.
pub fn rsa_immed_verify_encrypt(
    engine: &dyn Engine,
    args: &RSAImmedVerifyEncryptArgs,
) -> Result<Bignum, Status> {
    let key =
        RsaPublicComponents::new(&args.k_n.to_be(), &args.k_e.to_be()).map_err(engine_status)?;
    let output = engine
        .rsa_public(&key, &args.m.to_be())
        .map_err(engine_status)?;
    Ok(Bignum::from_be(&output))
}

struct CrtKey {
    p: Zeroizing<Vec<u8>>,
    q: Zeroizing<Vec<u8>>,
    dmp1: Zeroizing<Vec<u8>>,
    dmq1: Zeroizing<Vec<u8>>,
    iqmp: Zeroizing<Vec<u8>>,
}

impl CrtKey {
    /// Garner's recombination (RFC 8017, section 5.1.2, step 2b).
    fn power(&self, engine: &dyn Engine, base: &Bignum) -> Result<Bignum, Status> {
        let base = base.to_be();
        // The engine's limits bound the operands before anything is multiplied here.
        let one = engine
            .mod_exp(&base, &self.dmp1, &self.p)
            .map_err(engine_status)?;
        let two = engine
            .mod_exp(&base, &self.dmq1, &self.q)
            .map_err(engine_status)?;
        if self.iqmp.len() > self.p.len() {
            return Err(Status::InvalidData);
        }
        let [m1, m2] = [&one, &two].map(|number| Zeroizing::new(number::from_be(number)));
        let [p, q, iqmp] =
            [&self.p, &self.q, &self.iqmp].map(|number| Zeroizing::new(number::from_be(number)));
        if number::from_be(&base) >= number::mul(&p, &q) {
            return Err(Status::OutOfRange);
        }
        let modulus = number::non_zero((*p).clone()).ok_or(Status::InvalidParameter)?;
        let inverts = number::mul_mod(&q, &iqmp, &modulus);
        if number::to_be(&inverts).as_slice() != [1] {
            return Err(Status::InvalidData);
        }
        let difference = Zeroizing::new(number::sub_mod(&m1, &m2, &modulus));
        let h = Zeroizing::new(number::mul_mod(&difference, &iqmp, &modulus));
        let hq = Zeroizing::new(number::mul(&h, &q));
        let result = Zeroizing::new(hq.concatenating_add(&*m2));
        Ok(Bignum::from_be(&number::to_be(&result)))
    }
}
