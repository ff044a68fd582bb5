//! Signatures: CPSignHash and CPVerifySignature.

use crate::capi::Function;
use crate::capi::numbers::*;
use crate::case::{Case, Outcome};
use crate::coverage::works;
use crate::oracle::{RsaPublic, digest};
use crate::rig::Rig;

const SIGN: &str = "CryptoAPI reference: CryptSignHash";

pub(super) const CASES: &[Case] = &[Case::new(
    "sign.rsa.sha256",
    "A SHA-256 hash signed in the module verifies elsewhere",
    SIGN,
    rsa_sha256,
)
.covers(&[works(Function::SignHash), works(Function::ExportKey)])];

fn rsa_sha256(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let key = context.gen_pair(AT_SIGNATURE, 2048)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    let signature = context
        .hash(CALG_SHA_256, b"softshield")?
        .sign(AT_SIGNATURE, 0)?;
    public.verify(
        CALG_SHA_256,
        &digest(CALG_SHA_256, b"softshield")?,
        &signature,
    )?;
    Ok(Outcome::Passed)
}
