//! Prompts that are answered: by cards that come, by pass phrases right and wrong, and by nobody.

use std::time::{Duration, Instant};

use anyhow::ensure;
use csp::constants::{AT_SIGNATURE, CRYPT_SILENT, PP_KEYEXCHANGE_PIN, PP_SIGNATURE_PIN};
use csp::error::CspError;
use csp::prompt::Answers;
use csp::settings::SetupParameters;
use nfkm::NewCardSet;

use super::{ADMIN, Desk, SECTION, answers, card_sets, is};
use crate::case::{Case, Need, Outcome};
use crate::oracle::RsaPublic;
use crate::rig::Rig;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "prompts.card.inserted",
        "A card that is put in completes the prompt that waits for it, and nobody else waits with it",
        SECTION,
        inserted,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.quorum.two-cards",
        "A set of which two cards are needed is loaded card after card, wherever the user says",
        SECTION,
        quorum,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.passphrase.tries",
        "A wrong pass phrase may be followed by the right one; after the last one the call fails",
        SECTION,
        passphrase,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.passphrase.given",
        "A pass phrase that the application gives makes a card good for silent use",
        "CRYPTSPI, section 10: PP_SIGNATURE_PIN",
        given,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.level-3.any-card",
        "In a world of FIPS 140 level 3 any card authorises what is made and imported, public keys too",
        SECTION,
        any_card,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.unattended.time-out",
        "A prompt that nobody can see fails when its time is over; a card completes it all the same",
        SECTION,
        unattended,
    )
    .needs(&[Need::Control]),
];

fn inserted(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, false)?;
    desk.set(&NewCardSet::new("ops", 1, 1), &["operator"], None)?;
    let text = "card-set = 'ops'\nmodules = [1]\nwait-for-card = 30";
    let csp = desk.csp(card_sets(), answers(desk.spare.folder(), text)?);
    let context = csp.container("mine", 0)?;
    let key = desk.while_inserting(1, "operator", || csp.generate(context))??;
    csp.works(context, key)?;

    // The next process needs the card to load the key; while it waits, others are served.
    desk.hands.remove(1)?;
    let csp = desk.csp(card_sets(), answers(desk.spare.folder(), text)?);
    let other = desk.csp(SetupParameters::default(), Answers::default());
    let context = csp.open("mine", 0)?;
    let theirs = other.container("theirs", 0)?;
    let served = std::thread::scope(|scope| {
        let waits = scope.spawn(|| csp.load(context));
        let served = other.generate(theirs);
        let in_time = !waits.is_finished();
        desk.hands.insert(1, "operator")?;
        let Ok(loaded) = waits.join() else {
            anyhow::bail!("the thread that waits panicked");
        };
        csp.works(context, loaded?)?;
        other.works(theirs, served?)?;
        Ok(in_time)
    })?;
    ensure!(served, "the prompt did not wait for its card");
    Ok(Outcome::Passed)
}

fn quorum(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 2, false)?;
    let request = NewCardSet {
        persistent: true,
        ..NewCardSet::new("pair", 2, 2)
    };
    desk.set(&request, &["one", "two"], None)?;
    let text = "card-set = 'pair'\nmodules = [2]\nwait-for-card = 30";
    let csp = desk.csp(card_sets(), answers(desk.spare.folder(), text)?);
    let context = csp.container("mine", 0)?;
    desk.hands.insert(2, "one")?;
    // One of two is not automatic: the script is asked, and then for the other card.
    let key = desk.while_inserting(2, "two", || csp.generate(context))??;
    csp.works(context, key)?;
    Ok(Outcome::Passed)
}

fn passphrase(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, false)?;
    desk.set(&NewCardSet::new("ops", 1, 1), &["operator"], Some("right"))?;
    desk.hands.insert(1, "operator")?;
    let load = |passphrases: &str| {
        let text = format!("card-set = 'ops'\nmodules = [1]\n[passphrases]\nops = [{passphrases}]");
        let csp = desk.csp(card_sets(), answers(desk.spare.folder(), &text)?);
        let context = csp.container("mine", 0)?;
        let made = csp.generate(context);
        if let Ok(key) = made {
            csp.works(context, key)?;
        }
        anyhow::Ok(made)
    };
    load("'wrong', 'Right', 'right'")??;
    is(
        load("'wrong', 'Right'")?,
        CspError::SCARD_W_WRONG_CHV,
        "two wrong ones",
    )?;
    is(load("")?, CspError::NTE_FAIL, "no answer")?;
    load("'right'")??;
    Ok(Outcome::Passed)
}

fn given(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, false)?;
    desk.set(&NewCardSet::new("ops", 1, 1), &["operator"], Some("right"))?;
    desk.hands.insert(1, "operator")?;
    let csp = desk.csp(card_sets(), Answers::default());
    let context = csp.container("mine", CRYPT_SILENT)?;
    let give = |param, text: &[u8]| csp.0.set_prov_param(context, param, text, 0);
    let silent = CspError::NTE_SILENT_CONTEXT;
    is(csp.generate(context), silent, "without a pass phrase")?;
    give(PP_KEYEXCHANGE_PIN, b"right")?;
    is(csp.generate(context), silent, "with that of the other slot")?;
    give(PP_SIGNATURE_PIN, b"wrong")?;
    is(
        csp.generate(context),
        CspError::SCARD_W_WRONG_CHV,
        "with a wrong one",
    )?;
    give(PP_SIGNATURE_PIN, b"right")?;
    let key = csp.generate(context)?;
    csp.works(context, key)?;

    let csp = desk.csp(card_sets(), Answers::default());
    let context = csp.open("mine", CRYPT_SILENT)?;
    is(csp.load(context), silent, "loading without a pass phrase")?;
    csp.0
        .set_prov_param(context, PP_SIGNATURE_PIN, b"right", 0)?;
    csp.works(context, csp.load(context)?)?;
    Ok(Outcome::Passed)
}

fn any_card(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, true)?;
    let waits = || answers(desk.spare.folder(), "wait-for-card = 30");
    let csp = desk.csp(SetupParameters::default(), waits()?);
    let context = csp.container("mine", 0)?;
    let key = desk.while_inserting(1, ADMIN, || csp.generate(context))??;
    csp.works(context, key)?;
    desk.hands.remove(1)?;

    let mut length = 0;
    let mut blob = vec![0; 1024];
    csp.0.export_key(
        context,
        key,
        0,
        csp::constants::PUBLICKEYBLOB,
        0,
        csp::output::Output::new(Some(&mut blob), &mut length),
    )?;
    blob.truncate(length as usize);
    RsaPublic::from_blob(&blob)?;
    let silent = csp.open("mine", CRYPT_SILENT)?;
    is(
        csp.0.import_key(silent, &blob, 0, 0),
        CspError::NTE_SILENT_CONTEXT,
        "a public key without a card",
    )?;
    desk.while_inserting(1, ADMIN, || csp.0.import_key(context, &blob, 0, 0))??;
    csp.0.import_key(silent, &blob, 0, 0)?;
    // Using a key needs no card.
    desk.hands.remove(1)?;
    csp.works(silent, csp.0.get_user_key(silent, AT_SIGNATURE)?)?;
    Ok(Outcome::Passed)
}

fn unattended(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, true)?;
    let request = NewCardSet::new("ops", 1, 1);
    desk.set(&request, &["operator"], Some("secret"))?;
    let service = |setup: SetupParameters, prompt_timeout_secs| SetupParameters {
        no_desktop: true,
        prompt_timeout_secs,
        ..setup
    };
    let csp = desk.csp(service(card_sets(), 1), None);
    let context = csp.container("mine", 0)?;
    let began = Instant::now();
    is(csp.generate(context), CspError::NTE_FAIL, "nobody chooses")?;
    ensure!(
        began.elapsed() >= Duration::from_secs(1),
        "it did not wait for its second"
    );
    let csp = desk.csp(service(SetupParameters::default(), 30), None);
    let context = csp.container("mine", 0)?;
    let key = desk.while_inserting(1, ADMIN, || csp.generate(context))??;
    csp.works(context, key)?;
    Ok(Outcome::Passed)
}
