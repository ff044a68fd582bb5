//! Section 8 as a table: every combination of what the outcome depends on, tried at generation and at loading.

use anyhow::{Context as _, ensure};
use csp::constants::CRYPT_SILENT;
use csp::error::CspError;
use csp::prompt::Answers;
use csp::settings::{KeyProtection, SetupParameters};
use nfkm::NewCardSet;

use super::{ADMIN, Desk, Provider, SECTION, card_sets, is_one_more};
use crate::case::{Case, Need, Outcome};
use crate::rig::Rig;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "prompts.section8.ordinary-world",
        "Protection, cards, the wizard's flag, silence and the pool decide who is asked, as section 8 says",
        SECTION,
        ordinary,
    )
    .needs(&[Need::Control]),
    Case::new(
        "prompts.section8.level-3-world",
        "The same in a world of FIPS 140 level 3, where a card must be there for every new key",
        SECTION,
        strict,
    )
    .needs(&[Need::Control]),
];

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The key is made or loaded, under the protection asked for, and nobody was asked.
    Works,
    /// A prompt is shown.
    Asks,
    /// `NTE_SILENT_CONTEXT`.
    Silent,
    /// `NTE_FAIL`.
    Fails,
    /// `NTE_PERM`.
    Forbidden,
}

use Ends::{Asks, Fails, Forbidden, Silent, Works};

/// Columns: protection (m: module, c: card set); card in the reader (n: none, a: an administrator's, o: an automatic
/// operator card); always display (0, 1); silent; FIPS 140 level 3; pool. A star is any.
const AT_GENERATION: &[(&str, Ends)] = &[
    ("m * * * 0 *", Works),
    ("m a * * 1 0", Works),
    ("m o * * 1 0", Works),
    ("m n * 0 1 0", Asks),
    ("m n * 1 1 0", Silent),
    ("c o 0 * * 0", Works),
    ("c o 1 0 * 0", Asks),
    ("c o 1 1 * 0", Silent),
    ("c a * 0 * 0", Asks),
    ("c n * 0 * 0", Asks),
    ("c a * 1 * 0", Silent),
    ("c n * 1 * 0", Silent),
    ("* * * * 1 1", Forbidden),
    ("c * * * 0 1", Fails),
];

/// As above; the protection is that of the key.
const AT_LOADING: &[(&str, Ends)] = &[
    ("m * * * * *", Works),
    ("c o * * * 0", Works),
    ("c a * 0 * 0", Asks),
    ("c n * 0 * 0", Asks),
    ("c a * 1 * 0", Silent),
    ("c n * 1 * 0", Silent),
    ("c * * * * 1", Fails),
];

/// The names of the cells of one combination, in the order of the columns.
type Cells = [char; 6];

fn ordinary(rig: &Rig) -> anyhow::Result<Outcome> {
    every_combination(rig, false)
}

fn strict(rig: &Rig) -> anyhow::Result<Outcome> {
    every_combination(rig, true)
}

fn every_combination(rig: &Rig, strict: bool) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig, 1, strict)?;
    let request = NewCardSet::new("automatic", 1, 1);
    desk.set(&request, &["operator"], None)?;

    // The keys that are loaded: one under each protection.
    desk.hands.insert(1, "operator")?;
    for (name, setup) in [("m", SetupParameters::default()), ("c", card_sets())] {
        let csp = desk.csp(setup, Answers::default());
        let context = csp.container(name, 0)?;
        let key = csp.generate(context)?;
        csp.works(context, key)?;
    }
    for card in ['n', 'a', 'o'] {
        match card {
            'n' => desk.hands.remove(1)?,
            'a' => desk.hands.insert(1, ADMIN)?,
            _ => desk.hands.insert(1, "operator")?,
        }
        for bits in 0..1 << 4 {
            let bit = |place: u32| if bits >> place & 1 == 1 { '1' } else { '0' };
            let protection = if bit(0) == '1' { 'c' } else { 'm' };
            let level = if strict { '1' } else { '0' };
            let cells = [protection, card, bit(1), bit(2), level, bit(3)];
            generation(&desk, cells).with_context(|| format!("at generation, {cells:?}"))?;
            loading(&desk, cells).with_context(|| format!("at loading, {cells:?}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn generation(desk: &Desk, cells: Cells) -> anyhow::Result<()> {
    let (csp, flags) = provider(desk, cells);
    let context = csp.container("new", flags)?;
    let before = desk.keys()?;
    let made = csp.generate(context);
    check(AT_GENERATION, cells, made)?;
    let Ok(key) = made else {
        ensure!(desk.keys()? == before, "a key was made all the same");
        return Ok(());
    };
    csp.works(context, key)?;
    // The new pair took the place of the one of an earlier round, whose file went.
    let ident = is_one_more(&before, &desk.keys()?)?;
    ensure!(
        desk.protection(&ident)? == protection(cells),
        "it is under another protection"
    );
    Ok(())
}

fn loading(desk: &Desk, cells: Cells) -> anyhow::Result<()> {
    let (csp, flags) = provider(desk, cells);
    let context = csp.open(&cells[0].to_string(), flags)?;
    let loaded = csp.load(context);
    check(AT_LOADING, cells, loaded)?;
    match loaded {
        Ok(key) => csp.works(context, key),
        Err(_) => Ok(()),
    }
}

/// A provider set up like this, whose prompts are closed by their user, and the flags to open containers with.
fn provider(desk: &Desk, cells: Cells) -> (Provider, u32) {
    let setup = SetupParameters {
        protection: protection(cells),
        always_display_ui: cells[2] == '1',
        pool_mode: cells[5] == '1',
        ..SetupParameters::default()
    };
    let closes = Answers {
        cancel: true,
        ..Answers::default()
    };
    let flags = if cells[3] == '1' { CRYPT_SILENT } else { 0 };
    (desk.csp(setup, closes), flags)
}

fn protection(cells: Cells) -> KeyProtection {
    match cells[0] {
        'c' => KeyProtection::CardSet,
        _ => KeyProtection::Module,
    }
}

fn check(
    table: &[(&str, Ends)],
    cells: Cells,
    found: Result<usize, CspError>,
) -> anyhow::Result<()> {
    let fits = |row: &str| {
        let columns = row.chars().filter(|cell| *cell != ' ');
        columns
            .zip(cells)
            .all(|(column, cell)| column == '*' || column == cell)
    };
    let rows: Vec<_> = table.iter().filter(|(row, _)| fits(row)).collect();
    ensure!(rows.len() == 1, "{} rows of the table fit", rows.len());
    let expected = rows[0].1;
    let met = match found {
        Ok(_) => Works,
        Err(CspError::SCARD_W_CANCELLED_BY_USER) => Asks,
        Err(CspError::NTE_SILENT_CONTEXT) => Silent,
        Err(CspError::NTE_FAIL) => Fails,
        Err(CspError::NTE_PERM) => Forbidden,
        Err(other) => anyhow::bail!("{other}"),
    };
    ensure!(met == expected, "{met:?} instead of {expected:?}");
    Ok(())
}
