//! One-shot use of keys: Cmd_Sign, Cmd_Verify, Cmd_Encrypt, Cmd_Decrypt, and Cmd_Hash, which needs none.

use ncore::types::{
    ActOpPermissionsDetails, DecryptArgs, DecryptReply, EncryptArgs, EncryptReply, HashArgs,
    HashReply, ReplyBody, SignArgs, SignReply, VerifyArgs,
};

use super::call::{Call, Outcome, check_flags, later};
use super::modes;
use crate::crypto;

/// Cmd_Sign.
pub(super) fn sign(call: Call, args: SignArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::SIGN)?;
    modes::check_padding(&call, &key, args.mech, args.plain.type_)?;
    later(move || {
        let mut rng = call.stream("sign");
        let iv = args.given_iv.as_ref();
        let sig = crypto::sign(
            call.module.engine(),
            &mut rng,
            &key.material,
            args.mech,
            &args.plain,
            iv,
        )?;
        call.still_valid()?;
        Ok(SignReply { sig }.into())
    })
}

/// Cmd_Verify: VerifyFailed for a wrong signature.
pub(super) fn verify(call: Call, args: VerifyArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::VERIFY)?;
    let mech = modes::of_given(args.mech, args.sig.mech);
    modes::check_padding(&call, &key, mech, args.plain.type_)?;
    later(move || {
        crypto::verify(
            call.module.engine(),
            &key.material,
            args.mech,
            &args.plain,
            &args.sig,
        )?;
        call.still_valid()?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_Encrypt.
pub(super) fn encrypt(call: Call, args: EncryptArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::ENCRYPT)?;
    modes::check_padding(&call, &key, args.mech, args.plain.type_)?;
    later(move || {
        let mut rng = call.stream("encrypt");
        let iv = args.given_iv.as_ref();
        let cipher = crypto::encrypt(
            call.module.engine(),
            &mut rng,
            &key.material,
            args.mech,
            &args.plain,
            iv,
        )?;
        call.still_valid()?;
        Ok(EncryptReply { cipher }.into())
    })
}

/// Cmd_Decrypt.
pub(super) fn decrypt(call: Call, args: DecryptArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::DECRYPT)?;
    let mech = modes::of_given(args.mech, args.cipher.mech);
    modes::check_padding(&call, &key, mech, args.reply_type)?;
    later(move || {
        let engine = call.module.engine();
        let plain = crypto::decrypt(
            engine,
            &key.material,
            args.mech,
            &args.cipher,
            args.reply_type,
        )?;
        call.still_valid()?;
        Ok(DecryptReply { plain }.into())
    })
}

/// Cmd_Hash.
pub(super) fn hash(call: Call, args: HashArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        let sig = crypto::hash(args.mech, &args.plain)?;
        call.still_valid()?;
        Ok(HashReply { sig }.into())
    })
}
