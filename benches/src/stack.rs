//! The stack under measurement: a hardserver in a child process, a Security World, a container with an RSA key.

use std::path::Path;

use conformance::capi::{Capi, Context, Provider, numbers};
use conformance::coverage::Recorder;
use conformance::daemon;
use conformance::target::{Choice, Prepared, Target};

use crate::sys;

/// Bits of the key that the figures of the stack are about.
pub const KEY_BITS: u32 = 2048;

/// A container with an RSA key, in a world that is there.
#[derive(Debug)]
pub struct Signer {
    context: Context,
    bits: u32,
}

/// Plays the hardserver if this process was started as the one of [`Stack::start`] by a benchmark, which has no command line
/// of its own; whether it was.
///
/// # Errors
/// The hardserver's.
pub fn plays_hardserver() -> anyhow::Result<bool> {
    let arguments: Vec<String> = std::env::args().collect();
    // The role that `Daemon::start` asks for.
    let [_, role, modules_name, modules, folder_name, folder] = arguments.as_slice() else {
        return Ok(false);
    };
    if role != "serve" || modules_name != "--modules" || folder_name != "--folder" {
        return Ok(false);
    }
    daemon::serve(Path::new(folder), modules.parse()?, None)?;
    Ok(true)
}

/// A running stack. The hardserver ends with it.
#[derive(Debug)]
pub struct Stack {
    signer: Signer,
    target: Target,
}

impl Stack {
    /// Starts `executable` as the hardserver, makes a world on one module, and a container with a key of
    /// `bits` bits for signatures. To be called before the process has a second thread.
    ///
    /// # Errors
    /// Any of that does not work.
    pub fn start(executable: &Path, bits: u32) -> anyhow::Result<Stack> {
        let prepared = Prepared::new(Choice::Own {
            modules: 1,
            seed: None,
        })?;
        prepared.point_provider()?;
        let target = prepared.open_with(executable)?;
        let signer = Signer::new(bits)?;
        Ok(Stack { signer, target })
    }

    /// The hardserver.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// One signature, as [`Signer::sign`].
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign(&self) -> anyhow::Result<()> {
        self.signer.sign()
    }

    /// The context that signs.
    pub fn context(&self) -> &Context {
        &self.signer.context
    }
}

impl Signer {
    /// Makes a container and a key of `bits` bits for signatures in the world that the environment names.
    ///
    /// # Errors
    /// CryptoAPI refuses.
    pub fn new(bits: u32) -> anyhow::Result<Signer> {
        let capi = Capi::new(
            Recorder::default(),
            Provider::of_type(numbers::PROV_RSA_AES),
        );
        let context = capi.acquire(Some("benchmark"), numbers::CRYPT_NEWKEYSET)?;
        context.gen_pair(numbers::AT_SIGNATURE, bits)?;
        Ok(Signer { context, bits })
    }

    /// One signature as an application makes it: create a SHA-256 hash, hash 32 bytes, sign, destroy the hash.
    ///
    /// # Errors
    /// A call answers FALSE, or the signature does not have the modulus' length.
    pub fn sign(&self) -> anyhow::Result<()> {
        let mut signature = vec![0; self.bits as usize / 8];
        let len = sys::sign(
            self.context.handle(),
            numbers::AT_SIGNATURE,
            &[0x5a; 32],
            &mut signature,
        )?;
        anyhow::ensure!(len == signature.len(), "a signature of {len} bytes");
        Ok(())
    }
}
