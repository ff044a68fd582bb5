//! A world of FIPS 140 level 3, unattended: what it refuses without a card, and what any card of it grants. `scripts/fips-walk`
//! builds and calls it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{bail, ensure};
use clap::Parser;
use conformance::daemon::Role;
use conformance::walk::{Hands, Person, Site, new_key, sign, step};
use ncore::Status;
use ncore::client::{ClientError, ConnectOptions, Connection};
use ncore::message::Request;
use ncore::types::*;
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Error, NewCardSet, Protection, Session};

/// Walks a world of FIPS 140 level 3 through what it refuses and grants.
#[derive(Debug, Parser)]
#[command(name = "fips-walk")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
}

const READERS: CardSource = CardSource::Readers;

fn main() -> ExitCode {
    let result = match Cli::parse().role {
        Some(role) => role.play(),
        None => walk(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fips-walk: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn strict(needed: u32, cards: u32) -> WorldParams {
    WorldParams {
        strict_fips: true,
        ..WorldParams::new(needed, cards)
    }
}

fn walk() -> anyhow::Result<()> {
    let start = Instant::now();
    let executable = std::env::current_exe()?;
    let mut site = Site::start(&executable, 1)?;
    let hands = site.hands()?;
    step(
        "a world of FIPS 140 level 3 on two administrator cards",
        || {
            let admin = Admin::open(&site.environment())?;
            let mut person = Person::new(&hands, &["admin-1", "admin-2"]);
            let world = admin.create(&[1], &strict(2, 2), &READERS, &mut person)?;
            ensure!(world.is_strict_fips(), "its file does not say so");
            hands.remove(1)
        },
    )?;
    let session = Session::open(&site.environment())?;
    step("the module reports itself so", || {
        let reply = connect(&site)?.transact(NewEnquiryArgs {
            module: 1,
            version: EnqVer::Six.0,
            ..Default::default()
        })?;
        let EnqVerData::Six(data) = reply.data else {
            bail!("no enquiry of level six")
        };
        let bit = EnquiryDataSix::ACTIVENSOPERMSMODES_FIPS_LEVEL3_ENFORCEDV2;
        ensure!(data.six.activensopermsmodes & bit != 0, "{data:?}");
        Ok(())
    })?;
    let refusals = step(
        "raw commands without a card are refused with StrictFIPS140",
        || raw_refusals(&connect(&site)?),
    )?;
    let module_key = |ident: &str| session.generate_key_pair(&new_key(ident, Protection::Module));
    step("nfkm makes no key without a card", || {
        needs_card(module_key("none"))
    })?;
    step(
        "each administrator card authorises a key, and need not stay for its use",
        || {
            for card in ["admin-1", "admin-2"] {
                hands.insert(1, card)?;
                let key = module_key(card)?;
                hands.remove(1)?;
                sign(&key)?;
                sign(&session.load_key("simple", card)?)?;
            }
            needs_card(module_key("after"))
        },
    )?;
    step("no card set is made without a card", || {
        let mut person = Person::new(&hands, &["ops-1", "ops-2"]);
        let made = session.create_card_set(1, &set("ops"), &READERS, &mut person);
        needs_card(made)
    })?;
    step(
        "a card set is made with an administrator card, then blank ones",
        || {
            hands.insert(1, "admin-1")?;
            make_set(&session, &hands)
        },
    )?;
    step(
        "each operator card authorises without its pass phrase",
        || {
            for card in ["ops-1", "ops-2"] {
                hands.insert(1, card)?;
                sign(&module_key(card)?)?;
            }
            hands.remove(1)
        },
    )?;
    step(
        "the cards of another world, a blank card and no card authorise nothing",
        || {
            let other = Site::start(&executable, 1)?;
            let admin = Admin::open(&other.environment())?;
            let file = site.settings().folder.join("cards").join("foreign.card");
            let source = CardSource::Files(vec![file]);
            admin.create(&[1], &strict(1, 1), &source, &mut Unattended::default())?;
            for card in ["foreign", "blank"] {
                hands.insert(1, card)?;
                needs_card(module_key(card))?;
            }
            hands.remove(1)
        },
    )?;
    step(
        "a softcard and a key under it take a card once each",
        || {
            needs_card(session.create_softcard(1, "soft", Some("phrase"), false))?;
            hands.insert(1, "ops-1")?;
            let record = session.create_softcard(1, "soft", Some("phrase"), false)?;
            let token = session.load_softcard(&record, Some("phrase"))?;
            sign(&session.generate_key_pair(&new_key("soft", Protection::Token(token)))?)?;
            Ok(())
        },
    )?;
    step("no private key is imported, whatever card is there", || {
        let private = private_key(&executable)?;
        match session.import_key_pair(&new_key("imported", Protection::Module), private) {
            Err(Error::Status {
                status: Status::StrictFIPS140,
                ..
            }) => Ok(()),
            other => bail!("{other:?}"),
        }
    })?;
    drop(session);
    step("after a power cut all of it is as before", || {
        site.kill_and_restart()?;
        let hands = site.hands()?;
        let session = Session::open(&site.environment())?;
        sign(&session.load_key("simple", "admin-1")?)?;
        // The card of before is in its reader still.
        hands.remove(1)?;
        needs_card(session.generate_key_pair(&new_key("late", Protection::Module)))?;
        hands.insert(1, "ops-2")?;
        sign(&session.generate_key_pair(&new_key("late", Protection::Module))?)?;
        Ok(())
    })?;
    println!("raw-refusals\t{refusals}");
    println!("seconds\t{:.1}", start.elapsed().as_secs_f64());
    Ok(())
}

fn connect(site: &Site) -> anyhow::Result<Connection> {
    let wire = Connection::connect(&site.settings().ordinary(), ConnectOptions::default())?;
    wire.transact(NewClientArgs::default())?;
    Ok(wire)
}

fn set(name: &str) -> NewCardSet {
    NewCardSet {
        persistent: true,
        ..NewCardSet::new(name, 1, 2)
    }
}

fn make_set(session: &Session, hands: &Hands) -> anyhow::Result<()> {
    let mut person = Person::new(hands, &["ops-1", "ops-2"]);
    person.passphrases = [(1, "one".to_owned()), (2, "two".to_owned())].into();
    session.create_card_set(1, &set("ops"), &READERS, &mut person)?;
    Ok(())
}

/// Whether something was refused for want of a card.
fn needs_card<T>(answer: Result<T, Error>) -> anyhow::Result<()> {
    match answer {
        Err(Error::NeedsFipsCard { module: 1 }) => Ok(()),
        Err(other) => bail!("it was refused, but not for want of a card: {other}"),
        Ok(_) => bail!("it was not refused for want of a card"),
    }
}

/// Sends every kind of command that needs authorisation, without; how many were refused as they must.
fn raw_refusals(wire: &Connection) -> anyhow::Result<u32> {
    let aes = KeyGenParams {
        type_: KeyType::Rijndael,
        params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 }),
    };
    let secret = KeyData {
        type_: KeyType::Rijndael,
        data: KeyTypeData::Random(KeyTypeRandomData { k: vec![1; 32] }),
    };
    refused(
        wire,
        GenerateKeyArgs {
            module: 1,
            params: aes,
            ..Default::default()
        },
    )?;
    refused(
        wire,
        GenerateKeyPairArgs {
            module: 1,
            params: new_key("", Protection::Module).params,
            ..Default::default()
        },
    )?;
    refused(
        wire,
        ImportArgs {
            module: 1,
            data: secret,
            ..Default::default()
        },
    )?;
    refused(
        wire,
        GenerateLogicalTokenArgs {
            module: 1,
            hkm: [0; 20],
            params: TokenParams {
                flags: 0,
                sharesneeded: 1,
                sharestotal: 1,
                timelimit: 0,
            },
        },
    )?;
    Ok(4)
}

fn refused<R: Request>(wire: &Connection, args: R) -> anyhow::Result<()>
where
    R::Reply: std::fmt::Debug,
{
    match wire.transact(args) {
        Err(ClientError::Status {
            status: Status::StrictFIPS140,
            ..
        }) => Ok(()),
        other => bail!("{}: {other:?}", R::CMD),
    }
}

/// A private key in clear, out of a module that is in no world.
fn private_key(executable: &Path) -> anyhow::Result<KeyData> {
    let site = Site::start(executable, 1)?;
    let privileged = Connection::connect(&site.settings().privileged(), ConnectOptions::default())?;
    privileged.transact(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Initialisation,
    })?;
    privileged.transact(InitialiseUnitArgs { module: 1 })?;
    let wire = connect(&site)?;
    let details = ActOpPermissionsDetails {
        perms: ActOpPermissionsDetails::EXPORT_AS_PLAIN,
    };
    let aclpriv = ACL {
        groups: vec![PermissionGroup {
            actions: vec![Action {
                type_: Act::OpPermissions,
                details: ActDetails::OpPermissions(details),
            }],
            ..Default::default()
        }],
    };
    let made = wire.transact(GenerateKeyPairArgs {
        module: 1,
        params: new_key("", Protection::Module).params,
        aclpriv,
        ..Default::default()
    })?;
    Ok(wire.transact(ExportArgs { key: made.keypriv })?.data)
}
