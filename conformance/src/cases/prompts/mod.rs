//! What the provider asks a person, and does not ask: section 8 of the CAPI guide. Each case has a hardserver and a Security
//! World of its own, cards that a person's hands move, and providers whose prompts are answered by script.

mod cards;
mod loss;
mod nvram;
mod table;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use csp::constants::{AT_SIGNATURE, AlgId, CRYPT_NEWKEYSET};
use csp::csp::{Csp, Settings};
use csp::error::CspError;
use csp::output::Output;
use csp::prompt::Answers;
use csp::settings::{KeyProtection, SetupParameters};
use csp::{Caller, Signature};
use ncore::types::ConfigurePoolModuleArgs;
use nfkm::cards::CardSource;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Environment, Error, NewCardSet, Session};

use crate::case::Case;
use crate::rig::Rig;
use crate::spare::Spare;
use crate::walk::{Hands, Person};

const SECTION: &str = "CAPI guide, section 8";

pub(super) const FAMILIES: [&[Case]; 4] = [table::CASES, cards::CASES, loss::CASES, nvram::CASES];

/// What a function of the provider answers.
type Answer<T> = Result<T, CspError>;

/// The administrator card of every world here.
const ADMIN: &str = "admin";

/// A hardserver with a world on all its modules, and a pool of them.
struct Desk {
    session: Session,
    hands: Hands,
    // Declared last: the session's connection closes first.
    spare: Spare,
}

impl Desk {
    fn new(rig: &Rig, modules: u32, strict_fips: bool) -> anyhow::Result<Desk> {
        let spare = rig.spare_with(|options| options.modules = modules)?;
        let hands = spare.hands()?;
        let all: Vec<u32> = (1..=modules).collect();
        let params = WorldParams {
            strict_fips,
            ..WorldParams::new(1, 1)
        };
        let mut person = Person::new(&hands, &vec![ADMIN; all.len()]);
        let admin = Admin::open(&spare.environment())?;
        admin.create(&all, &params, &CardSource::Readers, &mut person)?;
        spare
            .privileged()?
            .send(ConfigurePoolModuleArgs::default())?;
        for module in all {
            hands.remove(module)?;
        }
        Ok(Desk {
            session: Session::open(&spare.environment())?,
            hands,
            spare,
        })
    }

    /// Makes a card set of these cards, on module 1, and leaves the readers empty.
    fn set(&self, request: &NewCardSet, cards: &[&str], pass: Option<&str>) -> anyhow::Result<()> {
        // In a world of level 3 a card must be there from the start.
        self.hands.insert(1, ADMIN)?;
        let mut person = Person::new(&self.hands, cards);
        for number in 1..=request.cards {
            let pass = pass.map(str::to_owned);
            person.passphrases.extend(pass.map(|pass| (number, pass)));
        }
        self.session
            .create_card_set(1, request, &CardSource::Readers, &mut person)?;
        self.hands.remove(1)
    }

    /// A provider as another process would have it; without answers its prompts are those of the process.
    fn csp(&self, setup: SetupParameters, answers: impl Into<Option<Answers>>) -> Provider {
        provider(self.spare.environment(), setup, answers)
    }

    /// The keys of the world that belong to the provider.
    fn keys(&self) -> anyhow::Result<Vec<String>> {
        let mut idents = self.session.list("mscapi")?;
        idents.retain(|ident| !ident.starts_with("container-"));
        Ok(idents)
    }

    /// How many keys are loaded on a module.
    fn keys_on(&self, module: u32) -> anyhow::Result<usize> {
        Ok(self.hands.look(module)?.keys.len())
    }

    /// What protects a key.
    fn protection(&self, ident: &str) -> anyhow::Result<KeyProtection> {
        match self.session.load_key("mscapi", ident) {
            Ok(_) => Ok(KeyProtection::Module),
            Err(Error::NeedsToken { .. }) => Ok(KeyProtection::CardSet),
            Err(error) => Err(error.into()),
        }
    }

    /// Does something, and puts a card into a module a little later.
    fn while_inserting<T>(
        &self,
        module: u32,
        card: &str,
        act: impl FnOnce() -> T,
    ) -> anyhow::Result<T> {
        thread::scope(|scope| {
            let inserted = scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                self.hands.insert(module, card)
            });
            let done = act();
            match inserted.join() {
                Ok(inserted) => inserted.map(|()| done),
                Err(_) => bail!("the hands failed"),
            }
        })
    }
}

/// A provider, by the few of its functions that these cases need.
struct Provider(Csp);

impl Provider {
    fn open(&self, container: &str, flags: u32) -> Answer<usize> {
        self.0
            .acquire_context(Some(container.as_bytes()), flags, &Caller::default())
    }

    /// Opens a container, which is made if it is not there.
    fn container(&self, container: &str, flags: u32) -> Answer<usize> {
        match self.open(container, flags | CRYPT_NEWKEYSET) {
            Err(CspError::NTE_EXISTS) => self.open(container, flags),
            context => context,
        }
    }

    fn generate(&self, context: usize) -> Answer<usize> {
        self.0.gen_key(context, AT_SIGNATURE, 1024 << 16)
    }

    fn load(&self, context: usize) -> Answer<usize> {
        self.0.get_user_key(context, AT_SIGNATURE)
    }

    fn sign(&self, context: usize) -> Answer<Vec<u8>> {
        let hash = self.hash(context)?;
        let mut signature = vec![0; 128];
        let mut length = 128;
        let output = Output::new(Some(&mut signature), &mut length);
        self.0
            .sign_hash(context, hash, AT_SIGNATURE, &[], 0, output)?;
        Ok(signature)
    }

    /// Signs, and verifies with the container's public key.
    fn works(&self, context: usize, key: usize) -> anyhow::Result<()> {
        let signature = self.sign(context).context("signing")?;
        let hash = self.hash(context)?;
        let signature = Signature {
            length: signature.len(),
            bytes: Some(&signature),
        };
        self.0
            .verify_signature(context, hash, signature, key, &[], 0)
            .context("verifying")
    }

    fn hash(&self, context: usize) -> Answer<usize> {
        let hash = self.0.create_hash(context, AlgId::CALG_SHA_256.0, 0, 0)?;
        self.0.hash_data(context, hash, b"section 8", 0)?;
        Ok(hash)
    }
}

fn provider(
    environment: Environment,
    setup: SetupParameters,
    answers: impl Into<Option<Answers>>,
) -> Provider {
    Provider(Csp::new(Settings {
        environment: Some(environment),
        identity: None,
        setup: Some(setup),
        answers: answers.into(),
    }))
}

/// Keys under card sets.
fn card_sets() -> SetupParameters {
    SetupParameters {
        protection: KeyProtection::CardSet,
        ..SetupParameters::default()
    }
}

/// The answers in a file of this content.
fn answers(folder: &std::path::Path, text: &str) -> anyhow::Result<Answers> {
    let path = folder.join("answers.toml");
    std::fs::write(&path, text)?;
    Ok(Answers::from_file(&path)?)
}

#[track_caller]
fn is<T>(answer: Answer<T>, expected: CspError, what: &str) -> anyhow::Result<()> {
    match answer {
        Err(code) if code == expected => Ok(()),
        Err(code) => bail!("{what}: {code} instead of {expected}"),
        Ok(_) => bail!("{what}: success instead of {expected}"),
    }
}

fn is_one_more(before: &[String], after: &[String]) -> anyhow::Result<String> {
    let new: Vec<_> = after
        .iter()
        .filter(|ident| !before.contains(ident))
        .collect();
    ensure!(new.len() == 1, "{} new keys", new.len());
    Ok(new[0].clone())
}
