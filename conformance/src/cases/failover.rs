//! Modules and connections that go away: it is the client side that reloads and goes on.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use ncore::types::{ClearUnitArgs, Cmd, NoOpArgs};

use crate::capi::numbers::*;
use crate::capi::{Function, NTE_FAIL};
use crate::case::{Case, Need, Outcome};
use crate::coverage::{refuses, replies, works};
use crate::oracle::{RsaPublic, digest};
use crate::rig::{Rig, equal, refused};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "failover.clear.all-modules",
        "A key signs after every module was cleared",
        "nCore API: Cmd_ClearUnit",
        clear_all_modules,
    )
    .needs(&[Need::World, Need::Privileged, Need::Sacrifice])
    .covers(&[works(Function::SignHash), replies(Cmd::ClearUnit)]),
    Case::new(
        "failover.clear.while-signing",
        "No signature of sixteen threads fails while a module of two is cleared again and again",
        "CAPI guide, section 3; nCore API: Cmd_ClearUnit",
        clear_while_signing,
    )
    .needs(&[
        Need::World,
        Need::Modules(2),
        Need::Privileged,
        Need::Sacrifice,
    ])
    .covers(&[works(Function::SignHash), replies(Cmd::ClearUnit)]),
    Case::new(
        "failover.server.killed",
        "A context signs after the hardserver was killed and started again",
        "CAPI guide, section 2.2",
        server_killed,
    )
    .needs(&[Need::World, Need::Control])
    .covers(&[works(Function::SignHash)]),
    Case::any(
        "failover.server.dead",
        "While no hardserver answers, what needs a module fails; it works again when one does",
        "CAPI guide, section 2.2; CryptoAPI reference: CryptGenKey",
        server_dead,
    )
    .needs(&[Need::World, Need::Control])
    .covers(&[
        refuses(Function::GenKey, NTE_FAIL),
        refuses(Function::GenRandom, NTE_FAIL),
        refuses(Function::SignHash, NTE_FAIL),
        works(Function::GenRandom),
        works(Function::SignHash),
    ]),
    Case::new(
        "failover.server.dead-decryption",
        "While no hardserver answers, an exchange pair decrypts nothing; it does when one answers again",
        "CAPI guide, section 2.2; CryptoAPI reference: CryptDecrypt",
        server_dead_decryption,
    )
    .needs(&[Need::World, Need::Control])
    .covers(&[
        refuses(Function::Decrypt, NTE_FAIL),
        works(Function::Decrypt),
    ]),
];

/// The length of pairs whose length is of no matter, in bits.
const BITS: u32 = 512;

/// Clears a module and waits until it is back: the reply to NoOp comes when it is.
fn clear(rig: &Rig, module: u32) -> anyhow::Result<()> {
    let wire = rig.privileged()?;
    wire.send(ClearUnitArgs { module })?;
    wire.send(NoOpArgs { module })?;
    Ok(())
}

fn clear_all_modules(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, 1024)?;
    let before = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    for module in rig.target().usable_modules() {
        clear(rig, *module)?;
    }
    equal(
        context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?,
        before.clone(),
        "the signature",
    )?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    equal(
        again.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?,
        before,
        "the signature of a new context",
    )?;
    Ok(Outcome::Passed)
}

fn clear_while_signing(rig: &Rig) -> anyhow::Result<Outcome> {
    const CLEARS: u32 = 6;
    let (context, _) = rig.container()?;
    let key = context.gen_pair(AT_SIGNATURE, 1024)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    let (done, signatures) = (AtomicBool::new(false), AtomicU32::new(0));
    let sign = |thread: u32| -> anyhow::Result<()> {
        for round in 0_u32.. {
            if done.load(Ordering::Relaxed) {
                break;
            }
            let message = [thread.to_le_bytes(), round.to_le_bytes()].concat();
            let signature = context
                .hash(CALG_SHA1, &message)?
                .sign(AT_SIGNATURE, 0)
                .with_context(|| format!("thread {thread}, signature {round}"))?;
            public.verify(CALG_SHA1, &digest(CALG_SHA1, &message)?, &signature)?;
            signatures.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|thread| scope.spawn(move || sign(thread)))
            .collect();
        let cleared = (0..CLEARS).try_for_each(|round| {
            let seen = signatures.load(Ordering::Relaxed);
            // Between two clears some signatures must get through, or the clears would be all there is.
            let patience = Instant::now() + Duration::from_secs(20);
            while signatures.load(Ordering::Relaxed) < seen + 16 && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(1));
            }
            clear(rig, rig.target().usable_modules()[round as usize % 2])
        });
        done.store(true, Ordering::Relaxed);
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        cleared
    })?;
    let count = signatures.into_inner();
    ensure!(count >= 16 * CLEARS, "only {count} signatures were made");
    Ok(Outcome::Passed)
}

fn server_killed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, 1024)?;
    let before = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    rig.target()
        .daemon()
        .context("the hardserver is ours")?
        .kill_and_restart()?;
    equal(
        context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?,
        before,
        "the signature",
    )?;
    Ok(Outcome::Passed)
}

/// Does something while the run's hardserver is dead.
fn while_dead(rig: &Rig, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let daemon = rig.target().daemon();
    daemon.context("the hardserver is ours")?.while_dead(act)?
}

fn server_dead(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, BITS)?;
    let hash = context.hash(CALG_SHA1, b"message")?;
    while_dead(rig, || {
        refused(context.gen_key(AT_SIGNATURE, BITS << 16), NTE_FAIL)?;
        refused(context.random(8), NTE_FAIL)?;
        refused(hash.sign(AT_SIGNATURE, 0), NTE_FAIL)
    })?;
    // The old pair is still there.
    let public = context.user_key(AT_SIGNATURE)?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    let again = context.hash(CALG_SHA1, b"message")?;
    again.verify(&signature, &public, 0)?;
    context.random(8)?;
    Ok(Outcome::Passed)
}

fn server_dead_decryption(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let pair = context.gen_pair(AT_KEYEXCHANGE, BITS)?;
    let sealed = pair.encrypt(b"message", 0)?;
    while_dead(rig, || refused(pair.decrypt(&sealed, 0), NTE_FAIL))?;
    equal(pair.decrypt(&sealed, 0)?, b"message".to_vec(), "the text")?;
    Ok(Outcome::Passed)
}
