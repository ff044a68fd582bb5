//! Keys with something in a module's NVRAM: a counter of their uses, or their blobs (CAPI guide, sections 9 and 10).

use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{bail, ensure};
use csp::constants::{CRYPT_SILENT, KP_GET_USE_COUNT, PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE};
use csp::error::CspError;
use csp::output::Output;
use csp::prompt::Answers;
use csp::settings::SetupParameters;
use nfkm::cards::CardSource;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{EntryName, NewCardSet, Session};

use super::{ADMIN, Answer, Desk, Provider, answers, card_sets, is, provider};
use crate::case::{Case, Need, Outcome};
use crate::rig::{Rig, equal};
use crate::walk::{Hands, Person, Site};

const COUNTING: &str = "CAPI guide, section 9";
const STORAGE: &str = "CAPI guide, section 10";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "prompts.counted.thousand",
        "A counted key counts a thousand signatures across a kill, and counts again after its area was made again",
        COUNTING,
        thousand,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.counted.until-reset",
        "Keys are counted from the parameter's setting to its reset, in that context alone, with the cards of NVRAM",
        COUNTING,
        until_reset,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.counted.card-set",
        "A counted key under a card set is made with the administrator's card first and the operator's after it",
        COUNTING,
        under_cards,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.counted.chosen-module",
        "Of two modules the user chooses the one that takes the administrator's cards; what is made is on that one alone",
        COUNTING,
        chosen_module,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.counted.card-set-elsewhere",
        "A counted key under a card set is made and loaded on its module alone: a card in another one is of no use",
        COUNTING,
        card_set_elsewhere,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.stored.nvram",
        "A key stored in NVRAM leaves no private blob on the host, and goes with its module's areas",
        STORAGE,
        stored,
    )
    .needs(&[Need::Control]),
];

/// A hardserver in a process that can be killed, with a world that delegates NVRAM to one card of two.
struct Place {
    session: Session,
    hands: Hands,
    // Declared last: the session's connection closes first.
    site: Site,
}

impl Place {
    fn new() -> anyhow::Result<Place> {
        let site = Site::start(&env::current_exe()?, 1)?;
        let hands = site.hands()?;
        let mut params = WorldParams::new(2, 2);
        params.features.apply("nv=1")?;
        let mut person = Person::new(&hands, &[ADMIN, "second"]);
        Admin::open(&site.environment())?.create(
            &[1],
            &params,
            &CardSource::Readers,
            &mut person,
        )?;
        hands.remove(1)?;
        Ok(Place {
            session: Session::open(&site.environment())?,
            hands,
            site,
        })
    }

    fn csp(&self, setup: SetupParameters, text: &str) -> anyhow::Result<Provider> {
        let environment = self.site.environment();
        let answers = answers(&self.site.settings().folder, text)?;
        Ok(provider(environment, setup, answers))
    }

    /// Initialises the module and loads the world again, which takes both cards and erases all areas.
    fn initialise(&self) -> anyhow::Result<()> {
        let mut person = Person::new(&self.hands, &[ADMIN, "second"]);
        let admin = Admin::open(&self.site.environment())?;
        admin.load(&[1], &CardSource::Readers, false, &mut person)?;
        self.hands.remove(1)
    }

    /// The only key of the provider.
    fn key(&self) -> anyhow::Result<EntryName> {
        let mut idents = self.session.list("mscapi")?;
        idents.retain(|ident| !ident.starts_with("container-"));
        ensure!(idents.len() == 1, "{} keys", idents.len());
        Ok(EntryName::new("mscapi", &idents[0])?)
    }
}

impl Provider {
    fn set(&self, context: usize, param: u32, value: u32) -> Answer<()> {
        let value = value.to_le_bytes();
        self.0.set_prov_param(context, param, &value, 0)
    }

    /// KP_GET_USE_COUNT, in both of its widths.
    fn count(&self, context: usize, key: usize) -> Answer<u64> {
        let ask = |buffer: &mut [u8]| {
            let mut length = buffer.len() as u32;
            let output = Output::new(Some(buffer), &mut length);
            self.0
                .key_param(context, key, KP_GET_USE_COUNT, 0, output)
                .map(|()| length)
        };
        let (mut long, mut short) = ([0; 8], [0; 4]);
        let lengths = (ask(&mut long)?, ask(&mut short)?);
        let count = u64::from_le_bytes(long);
        match lengths == (8, 4) && count == u64::from(u32::from_le_bytes(short)) {
            true => Ok(count),
            false => Err(CspError::NTE_BAD_DATA),
        }
    }
}

/// Does something, and puts another card in place of the administrator's once the key that this one leads to is loaded: the
/// first on the module.
fn while_swapping<T>(
    hands: &Hands,
    module: u32,
    card: &str,
    act: impl FnOnce() -> T,
) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let patience = Instant::now() + Duration::from_secs(20);
            while hands.look(module)?.keys.is_empty() {
                ensure!(Instant::now() < patience, "no key of the administrators");
                thread::sleep(Duration::from_millis(10));
            }
            hands.insert(module, card)
        });
        let done = act();
        match swaps.join() {
            Ok(swapped) => swapped.map(|()| done),
            Err(_) => bail!("the hands failed"),
        }
    })
}

fn thousand(_: &Rig) -> anyhow::Result<Outcome> {
    let mut place = Place::new()?;
    let csp = place.csp(SetupParameters::default(), "wait-for-card = 30")?;
    let context = csp.container("counted", 0)?;
    csp.set(context, PP_CRYPT_COUNT_KEY_USE, 1)?;
    // The world takes two cards, NVRAM one of them.
    place.hands.insert(1, ADMIN)?;
    let key = csp.generate(context)?;
    place.hands.remove(1)?;
    equal(csp.count(context, key)?, 0, "the count of a new key")?;
    for _ in 0..600 {
        csp.sign(context)?;
    }
    equal(csp.count(context, key)?, 600, "the count")?;
    place.site.kill_and_restart()?;
    // The control channel of another process.
    place.hands = place.site.hands()?;
    for _ in 0..400 {
        csp.sign(context)?;
    }
    equal(csp.count(context, key)?, 1000, "the count after the kill")?;

    place.initialise()?;
    let erased = CspError::NTE_DEVICE_NOT_READY;
    is(csp.sign(context), erased, "signing without the area")?;
    is(csp.count(context, key), erased, "counting without the area")?;
    let again = place.csp(SetupParameters::default(), "")?;
    let reopened = again.open("counted", 0)?;
    is(again.load(reopened), erased, "loading without the area")?;

    // What cspnvfix does.
    let session = Session::open(&place.site.environment())?;
    let mut person = Person::new(&place.hands, &["second"]);
    let authority = session.open_nvram(1, &CardSource::Readers, &mut person)?;
    authority.recreate_counter(&place.key()?)?;
    drop(authority);
    place.hands.remove(1)?;
    for (csp, context) in [(&csp, context), (&again, reopened)] {
        let key = csp.load(context)?;
        csp.works(context, key)?;
    }
    equal(csp.count(context, key)?, 2, "the count of the new area")?;
    Ok(Outcome::Passed)
}

fn until_reset(_: &Rig) -> anyhow::Result<Outcome> {
    let place = Place::new()?;
    let csp = place.csp(SetupParameters::default(), "wait-for-card = 30")?;
    let silent = csp.container("counted", CRYPT_SILENT)?;
    csp.set(silent, PP_CRYPT_COUNT_KEY_USE, 1)?;
    is(
        csp.generate(silent),
        CspError::NTE_SILENT_CONTEXT,
        "without the administrator's card",
    )?;
    // Another context of the container, and this one after the reset, make ordinary keys without cards.
    let other = csp.open("counted", CRYPT_SILENT)?;
    let key = csp.generate(other)?;
    is(csp.count(other, key), CspError::NTE_NOT_FOUND, "the count")?;
    csp.set(silent, PP_CRYPT_COUNT_KEY_USE, 0)?;
    let key = csp.generate(silent)?;
    is(csp.count(silent, key), CspError::NTE_NOT_FOUND, "the count")?;

    csp.set(silent, PP_CRYPT_COUNT_KEY_USE, 7)?;
    place.hands.insert(1, ADMIN)?;
    let key = csp.generate(silent)?;
    csp.works(silent, key)?;
    equal(csp.count(silent, key)?, 1, "the count")?;
    Ok(Outcome::Passed)
}

fn under_cards(_: &Rig) -> anyhow::Result<Outcome> {
    let place = Place::new()?;
    let mut person = Person::new(&place.hands, &["operator"]);
    let request = NewCardSet::new("ops", 1, 1);
    place
        .session
        .create_card_set(1, &request, &CardSource::Readers, &mut person)?;
    place.hands.remove(1)?;
    let text = "card-set = 'ops'\nmodules = [1]\nwait-for-card = 30";
    let csp = place.csp(card_sets(), text)?;
    let context = csp.container("counted", 0)?;
    csp.set(context, PP_CRYPT_COUNT_KEY_USE, 1)?;
    place.hands.insert(1, ADMIN)?;
    let key = while_swapping(&place.hands, 1, "operator", || csp.generate(context))??;
    csp.works(context, key)?;
    equal(csp.count(context, key)?, 1, "the count")?;
    let again = place.csp(card_sets(), "")?;
    let context = again.open("counted", CRYPT_SILENT)?;
    let key = again.load(context)?;
    again.works(context, key)?;
    equal(again.count(context, key)?, 2, "the count")?;
    Ok(Outcome::Passed)
}

fn chosen_module(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 2, false)?;
    let text = "modules = [1]\nwait-for-card = 30\n[administrator]\nmodule = 2";
    for (name, param) in [
        ("counted", PP_CRYPT_COUNT_KEY_USE),
        ("stored", PP_NO_HOST_STORAGE),
    ] {
        // Where keys are loaded is another question.
        let csp = desk.csp(
            SetupParameters::default(),
            answers(desk.spare.folder(), "modules = [2]")?,
        );
        let context = csp.container(name, 0)?;
        csp.set(context, param, 1)?;
        is(csp.generate(context), CspError::NTE_FAIL, "no answer")?;
        let silent = csp.open(name, CRYPT_SILENT)?;
        csp.set(silent, param, 1)?;
        is(
            csp.generate(silent),
            CspError::NTE_SILENT_CONTEXT,
            "a choice in silence",
        )?;

        let csp = desk.csp(
            SetupParameters::default(),
            answers(desk.spare.folder(), text)?,
        );
        let context = csp.open(name, 0)?;
        csp.set(context, param, 1)?;
        let key = desk.while_inserting(2, ADMIN, || csp.generate(context))??;
        desk.hands.remove(2)?;
        csp.works(context, key)?;
        equal(desk.keys_on(1)?, 0, "the keys on the other module")?;

        // The next process asks nobody.
        let again = desk.csp(SetupParameters::default(), Answers::default());
        let context = again.open(name, CRYPT_SILENT)?;
        again.works(context, again.load(context)?)?;
        equal(desk.keys_on(1)?, 0, "the keys on the other module")?;
        ensure!(desk.keys_on(2)? > 0, "the key is on no module");
    }
    Ok(Outcome::Passed)
}

fn card_set_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 2, false)?;
    desk.set(&NewCardSet::new("ops", 1, 2), &["one", "two"], None)?;
    let csp = |text: &str| anyhow::Ok(desk.csp(card_sets(), answers(desk.spare.folder(), text)?));
    // This card would do for any other key.
    desk.hands.insert(1, "one")?;
    desk.hands.insert(2, ADMIN)?;
    let elsewhere = csp("modules = [1]\nwait-for-card = 30")?;
    for (flags, code) in [
        (0, CspError::NTE_FAIL),
        (CRYPT_SILENT, CspError::NTE_SILENT_CONTEXT),
    ] {
        let context = elsewhere.container("counted", flags)?;
        elsewhere.set(context, PP_CRYPT_COUNT_KEY_USE, 1)?;
        is(elsewhere.generate(context), code, "the card elsewhere")?;
    }

    let there = csp("modules = [2]\nwait-for-card = 30")?;
    let context = there.open("counted", 0)?;
    there.set(context, PP_CRYPT_COUNT_KEY_USE, 1)?;
    let key = while_swapping(&desk.hands, 2, "two", || there.generate(context))??;
    there.works(context, key)?;
    equal(there.count(context, key)?, 1, "the count")?;
    equal(desk.keys_on(1)?, 0, "the keys on the other module")?;
    drop(there);

    // At loading too: with both cards there it is loaded on one module, and without its module's on none.
    let again = csp("modules = [1]\nwait-for-card = 30")?;
    let context = again.open("counted", CRYPT_SILENT)?;
    let key = again.load(context)?;
    again.works(context, key)?;
    equal(desk.keys_on(1)?, 0, "the keys on the other module")?;
    drop(again);
    desk.hands.remove(2)?;
    let again = csp("modules = [1]\nwait-for-card = 30")?;
    for (flags, code) in [
        (0, CspError::NTE_FAIL),
        (CRYPT_SILENT, CspError::NTE_SILENT_CONTEXT),
    ] {
        let context = again.open("counted", flags)?;
        is(again.load(context), code, "the card elsewhere")?;
    }
    Ok(Outcome::Passed)
}

fn stored(_: &Rig) -> anyhow::Result<Outcome> {
    let place = Place::new()?;
    let csp = place.csp(SetupParameters::default(), "wait-for-card = 30")?;
    let context = csp.container("stored", 0)?;
    csp.set(context, PP_NO_HOST_STORAGE, 1)?;
    place.hands.insert(1, ADMIN)?;
    let key = csp.generate(context)?;
    place.hands.remove(1)?;
    csp.works(context, key)?;
    let again = place.csp(SetupParameters::default(), "")?;
    let reopened = again.open("stored", CRYPT_SILENT)?;
    again.works(reopened, again.load(reopened)?)?;

    place.initialise()?;
    is(
        csp.sign(context),
        CspError::NTE_KEYSET_ENTRY_BAD,
        "signing after the module was initialised",
    )?;
    let again = place.csp(SetupParameters::default(), "")?;
    let reopened = again.open("stored", CRYPT_SILENT)?;
    is(
        again.load(reopened),
        CspError::NTE_KEYSET_ENTRY_BAD,
        "loading after the module was initialised",
    )?;
    Ok(Outcome::Passed)
}
