//! The provider's own entry points, called with what the layer above never passes on: contexts, keys and hashes that
//! nobody gave out, and NULL for pointers that must be there.
//!
//! They go to our own providers alone. What others do with NULL is their own affair, and may end the process.

use crate::capi::numbers::*;
use crate::capi::{
    Arguments, ERROR_INVALID_PARAMETER, Function, Handle, NTE_BAD_HASH, NTE_BAD_KEY, NTE_BAD_UID,
    Spi,
};
use crate::case::{Case, Outcome};
use crate::coverage::{Cover, refuses};
use crate::rig::{Rig, refused};

use super::family::{CIPHERS, is_on, public_blob, signature_len};

const RULES: &str = "CRYPTSPI, section 2";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    Case::any(
        "entry.null.acquire-context",
        "Without a place for the handle no context is opened",
        RULES,
        null_acquire,
    )
    .covers(&[refuses(Function::AcquireContext, ERROR_INVALID_PARAMETER)]),
    Case::any(
        "entry.none.handles",
        "No handle at all is refused before a provider sees it",
        "CRYPTSPI, section 1.6",
        no_handles,
    )
    .covers(&[
        refuses(Function::ReleaseContext, ERROR_INVALID_PARAMETER),
        refuses(Function::DestroyKey, ERROR_INVALID_PARAMETER),
        refuses(Function::DestroyHash, ERROR_INVALID_PARAMETER),
        refuses(Function::HashSessionKey, ERROR_INVALID_PARAMETER),
    ]),
    context(
        "entry.context.create-hash",
        &[refuses(Function::CreateHash, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::CreateHash),
    ),
    context(
        "entry.context.decrypt",
        &[refuses(Function::Decrypt, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::Decrypt),
    ),
    context(
        "entry.context.derive-key",
        &[refuses(Function::DeriveKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::DeriveKey),
    ),
    context(
        "entry.context.duplicate-hash",
        &[refuses(Function::DuplicateHash, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::DuplicateHash),
    ),
    context(
        "entry.context.duplicate-key",
        &[refuses(Function::DuplicateKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::DuplicateKey),
    ),
    context(
        "entry.context.encrypt",
        &[refuses(Function::Encrypt, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::Encrypt),
    ),
    context(
        "entry.context.export-key",
        &[refuses(Function::ExportKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::ExportKey),
    ),
    context(
        "entry.context.gen-key",
        &[refuses(Function::GenKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::GenKey),
    ),
    context(
        "entry.context.get-hash-param",
        &[refuses(Function::GetHashParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::GetHashParam),
    ),
    context(
        "entry.context.get-key-param",
        &[refuses(Function::GetKeyParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::GetKeyParam),
    ),
    context(
        "entry.context.get-prov-param",
        &[refuses(Function::GetProvParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::GetProvParam),
    ),
    context(
        "entry.context.get-user-key",
        &[refuses(Function::GetUserKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::GetUserKey),
    ),
    context(
        "entry.context.hash-data",
        &[refuses(Function::HashData, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::HashData),
    ),
    context(
        "entry.context.hash-session-key",
        &[refuses(Function::HashSessionKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::HashSessionKey),
    ),
    context(
        "entry.context.import-key",
        &[refuses(Function::ImportKey, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::ImportKey),
    ),
    context(
        "entry.context.set-hash-param",
        &[refuses(Function::SetHashParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::SetHashParam),
    ),
    context(
        "entry.context.set-key-param",
        &[refuses(Function::SetKeyParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::SetKeyParam),
    ),
    context(
        "entry.context.set-prov-param",
        &[refuses(Function::SetProvParam, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::SetProvParam),
    ),
    context(
        "entry.context.sign-hash",
        &[refuses(Function::SignHash, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::SignHash),
    ),
    context(
        "entry.context.verify-signature",
        &[refuses(Function::VerifySignature, NTE_BAD_UID)],
        |rig| unknown_context(rig, Function::VerifySignature),
    ),
    key(
        "entry.key.create-hash",
        &[refuses(Function::CreateHash, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::CreateHash),
    ),
    key(
        "entry.key.decrypt",
        &[refuses(Function::Decrypt, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::Decrypt),
    ),
    key(
        "entry.key.destroy-key",
        &[refuses(Function::DestroyKey, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::DestroyKey),
    ),
    key(
        "entry.key.duplicate-key",
        &[refuses(Function::DuplicateKey, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::DuplicateKey),
    ),
    key(
        "entry.key.encrypt",
        &[refuses(Function::Encrypt, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::Encrypt),
    ),
    key(
        "entry.key.export-key",
        &[refuses(Function::ExportKey, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::ExportKey),
    ),
    key(
        "entry.key.get-key-param",
        &[refuses(Function::GetKeyParam, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::GetKeyParam),
    ),
    key(
        "entry.key.hash-session-key",
        &[refuses(Function::HashSessionKey, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::HashSessionKey),
    ),
    key(
        "entry.key.import-key",
        &[refuses(Function::ImportKey, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::ImportKey),
    ),
    key(
        "entry.key.set-key-param",
        &[refuses(Function::SetKeyParam, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::SetKeyParam),
    ),
    key(
        "entry.key.verify-signature",
        &[refuses(Function::VerifySignature, NTE_BAD_KEY)],
        |rig| unknown_key(rig, Function::VerifySignature),
    ),
    hash(
        "entry.hash.decrypt",
        &[refuses(Function::Decrypt, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::Decrypt),
    ),
    hash(
        "entry.hash.derive-key",
        &[refuses(Function::DeriveKey, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::DeriveKey),
    ),
    hash(
        "entry.hash.destroy-hash",
        &[refuses(Function::DestroyHash, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::DestroyHash),
    ),
    hash(
        "entry.hash.duplicate-hash",
        &[refuses(Function::DuplicateHash, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::DuplicateHash),
    ),
    hash(
        "entry.hash.encrypt",
        &[refuses(Function::Encrypt, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::Encrypt),
    )
    .on(CIPHERS),
    hash(
        "entry.hash.get-hash-param",
        &[refuses(Function::GetHashParam, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::GetHashParam),
    ),
    hash(
        "entry.hash.hash-data",
        &[refuses(Function::HashData, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::HashData),
    ),
    hash(
        "entry.hash.hash-session-key",
        &[refuses(Function::HashSessionKey, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::HashSessionKey),
    ),
    hash(
        "entry.hash.set-hash-param",
        &[refuses(Function::SetHashParam, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::SetHashParam),
    ),
    hash(
        "entry.hash.sign-hash",
        &[refuses(Function::SignHash, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::SignHash),
    ),
    hash(
        "entry.hash.verify-signature",
        &[refuses(Function::VerifySignature, NTE_BAD_HASH)],
        |rig| unknown_hash(rig, Function::VerifySignature),
    ),
    pointer(
        "entry.null.create-hash",
        &[refuses(Function::CreateHash, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::CreateHash),
    ),
    pointer(
        "entry.null.decrypt",
        &[refuses(Function::Decrypt, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::Decrypt),
    ),
    pointer(
        "entry.null.derive-key",
        &[refuses(Function::DeriveKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::DeriveKey),
    ),
    pointer(
        "entry.null.duplicate-hash",
        &[refuses(Function::DuplicateHash, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::DuplicateHash),
    ),
    pointer(
        "entry.null.duplicate-key",
        &[refuses(Function::DuplicateKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::DuplicateKey),
    ),
    pointer(
        "entry.null.encrypt",
        &[refuses(Function::Encrypt, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::Encrypt),
    ),
    pointer(
        "entry.null.export-key",
        &[refuses(Function::ExportKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::ExportKey),
    ),
    pointer(
        "entry.null.gen-key",
        &[refuses(Function::GenKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GenKey),
    ),
    pointer(
        "entry.null.gen-random",
        &[refuses(Function::GenRandom, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GenRandom),
    ),
    pointer(
        "entry.null.get-hash-param",
        &[refuses(Function::GetHashParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GetHashParam),
    ),
    pointer(
        "entry.null.get-key-param",
        &[refuses(Function::GetKeyParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GetKeyParam),
    ),
    pointer(
        "entry.null.get-prov-param",
        &[refuses(Function::GetProvParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GetProvParam),
    ),
    pointer(
        "entry.null.get-user-key",
        &[refuses(Function::GetUserKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::GetUserKey),
    ),
    pointer(
        "entry.null.hash-data",
        &[refuses(Function::HashData, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::HashData),
    ),
    pointer(
        "entry.null.import-key",
        &[refuses(Function::ImportKey, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::ImportKey),
    ),
    pointer(
        "entry.null.set-hash-param",
        &[refuses(Function::SetHashParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::SetHashParam),
    ),
    pointer(
        "entry.null.set-key-param",
        &[refuses(Function::SetKeyParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::SetKeyParam),
    ),
    pointer(
        "entry.null.set-prov-param",
        &[refuses(Function::SetProvParam, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::SetProvParam),
    ),
    pointer(
        "entry.null.sign-hash",
        &[refuses(Function::SignHash, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::SignHash),
    ),
    pointer(
        "entry.null.verify-signature",
        &[refuses(Function::VerifySignature, ERROR_INVALID_PARAMETER)],
        |rig| null(rig, Function::VerifySignature),
    ),
];

const fn context(id: &'static str, covers: &'static [Cover], run: Run) -> Case {
    Case::any(id, "A context that nobody gave out is refused", RULES, run).covers(covers)
}

const fn key(id: &'static str, covers: &'static [Cover], run: Run) -> Case {
    Case::any(id, "A key that nobody gave out is refused", RULES, run).covers(covers)
}

const fn hash(id: &'static str, covers: &'static [Cover], run: Run) -> Case {
    Case::any(id, "A hash that nobody gave out is refused", RULES, run).covers(covers)
}

const fn pointer(id: &'static str, covers: &'static [Cover], run: Run) -> Case {
    Case::any(id, "NULL is refused where a pointer must be", RULES, run).covers(covers)
}

/// The entry points, if they are ours.
fn ours(rig: &Rig) -> anyhow::Result<Result<Spi, Outcome>> {
    if rig.capi().provider().other_spelling().is_none() {
        let reason = "another vendor's entry points are not tried with wrong pointers";
        return Ok(Err(Outcome::Skipped(reason.to_owned())));
    }
    rig.capi().spi().map(Ok)
}

/// A context of the library itself with a key and a hash, and all else that a call needs.
struct Open {
    spi: Spi,
    arguments: Arguments<'static>,
}

impl Open {
    fn new(rig: &Rig, function: Function) -> anyhow::Result<Result<Open, Outcome>> {
        let spi = match ours(rig)? {
            Ok(spi) => spi,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let context = spi.acquire()?;
        // CPSignHash looks for its pair before it looks at the hash.
        if function == Function::SignHash {
            spi.key(context, AT_SIGNATURE, 512 << 16)?;
        }
        let ciphers = [
            Function::CreateHash,
            Function::Encrypt,
            Function::Decrypt,
            Function::HashSessionKey,
        ];
        let key = match ciphers.contains(&function) && is_on(rig, CIPHERS) {
            true => spi.key(context, CALG_RC4, 0)?,
            false => spi.import(context, &public_blob(rig)?)?,
        };
        let data: &'static [u8] = match function {
            Function::VerifySignature => &[1; 64][..signature_len(rig)],
            // The head of a PUBLICKEYBLOB, to which there is nothing.
            _ => &[6, 2, 0, 0, 0, 0, 0, 0],
        };
        let arguments = Arguments {
            context,
            key,
            hash: spi.hash(context)?,
            data,
            pointers: true,
        };
        Ok(Ok(Open { spi, arguments }))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The case has its answer; a context that is still there goes with its key and hash.
        let context = Arguments::of(self.arguments.context);
        let _ = self.spi.call(Function::ReleaseContext, &context);
    }
}

fn null_acquire(rig: &Rig) -> anyhow::Result<Outcome> {
    match ours(rig)? {
        Ok(spi) => refused(spi.acquire_nowhere(), ERROR_INVALID_PARAMETER)?,
        Err(outcome) => return Ok(outcome),
    }
    Ok(Outcome::Passed)
}

fn no_handles(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    let (no_context, no_key, no_hash) = (
        rig.capi().no_context(),
        rig.capi().no_key(),
        rig.capi().no_hash(),
    );
    refused(no_context.release(0), ERROR_INVALID_PARAMETER)?;
    refused(no_key.destroy(), ERROR_INVALID_PARAMETER)?;
    refused(no_hash.destroy(), ERROR_INVALID_PARAMETER)?;
    refused(hash.session_key(&no_key, 0), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn unknown_context(rig: &Rig, function: Function) -> anyhow::Result<Outcome> {
    let spi = match ours(rig)? {
        Ok(spi) => spi,
        Err(outcome) => return Ok(outcome),
    };
    for handle in [0, 1, Handle::MAX] {
        refused(spi.call(function, &Arguments::of(handle)), NTE_BAD_UID)?;
    }
    Ok(Outcome::Passed)
}

fn unknown_key(rig: &Rig, function: Function) -> anyhow::Result<Outcome> {
    let open = match Open::new(rig, function)? {
        Ok(open) => open,
        Err(outcome) => return Ok(outcome),
    };
    let arguments = Arguments {
        key: Handle::MAX,
        ..open.arguments
    };
    refused(open.spi.call(function, &arguments), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn unknown_hash(rig: &Rig, function: Function) -> anyhow::Result<Outcome> {
    let open = match Open::new(rig, function)? {
        Ok(open) => open,
        Err(outcome) => return Ok(outcome),
    };
    let arguments = Arguments {
        hash: Handle::MAX,
        ..open.arguments
    };
    refused(open.spi.call(function, &arguments), NTE_BAD_HASH)?;
    Ok(Outcome::Passed)
}

fn null(rig: &Rig, function: Function) -> anyhow::Result<Outcome> {
    let open = match Open::new(rig, function)? {
        Ok(open) => open,
        Err(outcome) => return Ok(outcome),
    };
    let arguments = Arguments {
        pointers: false,
        ..open.arguments
    };
    refused(open.spi.call(function, &arguments), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}
