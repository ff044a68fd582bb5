//! Arithmetic for anyone, without keys of the world: Cmd_ModExp, Cmd_ModExpCrt, Cmd_RSAImmedSignDecrypt,
//! Cmd_RSAImmedVerifyEncrypt, Cmd_GeneratePrime, Cmd_GenerateRandom.

use ncore::Status;
use ncore::types::{
    GeneratePrimeArgs, GeneratePrimeReply, GenerateRandomArgs, GenerateRandomReply, ModExpArgs,
    ModExpCrtArgs, ModExpReply, RSAImmedSignDecryptArgs, RSAImmedSignDecryptReply,
    RSAImmedVerifyEncryptArgs, ReplyBody,
};
use rand_core::Rng;

use super::call::{Call, Outcome, later};
use crate::crypto;

/// Most random bytes in one reply: with its header it fits the largest message, 262152 bytes (PROTOCOL section 6, F3).
const MAX_RANDOM: u32 = 262_128;

/// Cmd_ModExp: r = a^p mod n.
pub(super) fn mod_exp(call: Call, args: ModExpArgs) -> Outcome {
    later(move || {
        let r = crypto::mod_exp(call.module.engine(), &args)?;
        call.still_valid()?;
        Ok(ReplyBody::ModExp(ModExpReply { r }))
    })
}

/// Cmd_ModExpCrt: a^d mod pq, given what the Chinese remainder theorem needs.
pub(super) fn mod_exp_crt(call: Call, args: ModExpCrtArgs) -> Outcome {
    later(move || {
        let r = crypto::mod_exp_crt(call.module.engine(), &args)?;
        call.still_valid()?;
        Ok(ReplyBody::ModExp(ModExpReply { r }))
    })
}

/// Cmd_RSAImmedSignDecrypt: the same, by other names.
pub(super) fn rsa_private(call: Call, args: RSAImmedSignDecryptArgs) -> Outcome {
    later(move || {
        let r = crypto::rsa_immed_sign_decrypt(call.module.engine(), &args)?;
        call.still_valid()?;
        Ok(ReplyBody::RSAImmedSignDecrypt(RSAImmedSignDecryptReply {
            r,
        }))
    })
}

/// Cmd_RSAImmedVerifyEncrypt: m^e mod n.
pub(super) fn rsa_public(call: Call, args: RSAImmedVerifyEncryptArgs) -> Outcome {
    later(move || {
        let r = crypto::rsa_immed_verify_encrypt(call.module.engine(), &args)?;
        call.still_valid()?;
        Ok(ReplyBody::RSAImmedSignDecrypt(RSAImmedSignDecryptReply {
            r,
        }))
    })
}

/// Cmd_GeneratePrime.
pub(super) fn generate_prime(call: Call, args: GeneratePrimeArgs) -> Outcome {
    later(move || {
        let r = crypto::generate_prime(&args, &mut call.stream("prime"))?;
        call.still_valid()?;
        Ok(GeneratePrimeReply { r }.into())
    })
}

/// Cmd_GenerateRandom: OutOfRange for more bytes than a reply holds.
pub(super) fn generate_random(call: Call, args: GenerateRandomArgs) -> Outcome {
    if args.lenbytes > MAX_RANDOM {
        return Err(Status::OutOfRange);
    }
    let draw = move || {
        let mut data = vec![0; args.lenbytes as usize];
        call.stream("random").fill_bytes(&mut data);
        Ok(GenerateRandomReply { data }.into())
    };
    // A short one takes less time than handing it to another thread.
    if args.lenbytes <= 4096 {
        draw().map(super::call::Done::Body)
    } else {
        later(draw)
    }
}
