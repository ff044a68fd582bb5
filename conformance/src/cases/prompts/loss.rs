//! Keys under card sets when modules lose them, and keys in a pool when members go.

use std::time::{Duration, Instant};

use csp::constants::{CRYPT_SILENT, PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE};
use csp::error::CspError;
use csp::prompt::Answers;
use csp::settings::SetupParameters;
use ncore::types::{ClearUnitArgs, FailArgs, NoOpArgs, RetryFailedModuleArgs};
use nfkm::NewCardSet;

use super::{Desk, SECTION, answers, card_sets, is};
use crate::case::{Case, Need, Outcome};
use crate::rig::Rig;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "prompts.lost.automatic-card",
        "A key under an automatic card set is loaded again without a word when its modules are cleared",
        SECTION,
        automatic,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.lost.card-removed",
        "A key under a set that is not persistent goes with its card, and comes back with it through a prompt",
        SECTION,
        removed,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.pool.members-fail",
        "In HSM Pool mode keys of the module are made and go on signing while members fail; others are refused",
        "CAPI guide, section 4",
        pool,
    )
    .needs(&[Need::Control]),
];

impl Desk {
    fn clear(&self, module: u32) -> anyhow::Result<()> {
        let wire = self.spare.privileged()?;
        wire.send(ClearUnitArgs { module })?;
        wire.send(NoOpArgs { module })?;
        Ok(())
    }
}

fn automatic(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 2, false)?;
    desk.set(&NewCardSet::new("ops", 1, 2), &["one", "two"], None)?;
    desk.hands.insert(1, "one")?;
    desk.hands.insert(2, "two")?;
    let csp = desk.csp(card_sets(), Answers::default());
    let context = csp.container("mine", CRYPT_SILENT)?;
    let key = csp.generate(context)?;
    csp.works(context, key)?;
    // One module after the other: first a copy is left, in the end none.
    for modules in [&[1][..], &[2], &[1, 2]] {
        for module in modules {
            desk.clear(*module)?;
        }
        csp.works(context, key)?;
    }
    // The module that failed is used again when it is back: then the other one is not missed.
    desk.clear(1)?;
    let patience = Instant::now() + Duration::from_secs(20);
    while Instant::now() < patience {
        csp.works(context, key)?;
        if desk.keys_on(1)? > 0 && desk.keys_on(2)? > 0 {
            return Ok(Outcome::Passed);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("the key did not come back to module 1")
}

fn removed(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, false)?;
    desk.set(&NewCardSet::new("ops", 1, 1), &["operator"], None)?;
    desk.hands.insert(1, "operator")?;
    let text = "modules = [1]\nwait-for-card = 30";
    let csp = desk.csp(card_sets(), answers(desk.spare.folder(), text)?);
    let context = csp.container("mine", 0)?;
    let silent = csp.open("mine", CRYPT_SILENT)?;
    let key = csp.generate(context)?;
    csp.works(context, key)?;
    desk.hands.remove(1)?;
    is(
        csp.sign(silent),
        CspError::NTE_SILENT_CONTEXT,
        "signing without the card",
    )?;
    desk.while_inserting(1, "operator", || csp.sign(context))??;
    csp.sign(silent)?;
    Ok(Outcome::Passed)
}

fn pool(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 2, false)?;
    let setup = SetupParameters {
        pool_mode: true,
        ..SetupParameters::default()
    };
    let csp = desk.csp(setup, Answers::default());
    let context = csp.container("pooled", 0)?;
    for param in [PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE] {
        is(
            csp.0.set_prov_param(context, param, &[1, 0, 0, 0], 0),
            CspError::NTE_NOT_SUPPORTED,
            "counters and keys in NVRAM",
        )?;
    }
    let key = csp.generate(context)?;
    for module in [1, 2, 1] {
        let privileged = desk.spare.privileged()?;
        privileged.send(FailArgs { module })?;
        csp.works(context, key)?;
        privileged.send(RetryFailedModuleArgs { module })?;
        csp.works(context, key)?;
    }
    // The same key outside the pool.
    let csp = desk.csp(SetupParameters::default(), Answers::default());
    let context = csp.open("pooled", 0)?;
    csp.works(context, csp.load(context)?)?;
    Ok(Outcome::Passed)
}
