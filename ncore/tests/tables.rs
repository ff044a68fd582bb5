//! The tables pin every number: the generated code is what the tables say, and the tables are what they count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ncore::message::command_flags;
use ncore::profile::WireProfile;
use ncore::types::*;
use toml::{Table, Value};

fn ncore_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table(name: &str) -> Table {
    let path = ncore_dir().join("tables").join(name);
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn number(value: &Value) -> u32 {
    value.as_integer().unwrap().try_into().unwrap()
}

fn count(value: &Value) -> usize {
    value.as_integer().unwrap().try_into().unwrap()
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn committed_code_is_what_the_generator_writes() {
    for file in ncore_codegen::generate(&ncore_dir()).unwrap() {
        let committed = std::fs::read_to_string(ncore_dir().join(Path::new(file.path))).unwrap();
        assert!(
            committed == file.text,
            "{} is not what the tables give; run: cargo run -p ncore-codegen",
            file.path
        );
    }
}

/// An enumeration as the code has it: its name, and each constant's name and number.
type Codes = (&'static str, Vec<(&'static str, u32)>);

macro_rules! codes {
    ($($name:ident)*) => {
        [$((stringify!($name), $name::ALL.iter().map(|code| {
            let name = code.name().expect("a named code has a name");
            assert_eq!($name::from_name(name), Some(*code));
            (name, code.0)
        }).collect())),*]
    };
}

fn all_codes() -> Vec<Codes> {
    Vec::from(codes! {
        ARQCScheme Act AdminKey AdminKeys AdminToken AdminTokens BlobFormat BusType CertType CertificateKind ChannelMode
        ChannelType CipherSuite ClientPermission Cmd CreateClientVer CrossModReason DeriveMech DeriveRole DevTestOp
        ECName EnqVer FeatureGoldCertVendor FieldType FileDevice FwAuthType IESCipherMode ImpathState ImpathWarrantType
        InfoFormat KAPrimitive KMLType KeyHashMech KeyMgmtEntType KeyType LogTokenShareState LogTokenState Mech
        ModuleAttribTag ModuleMode ModuleState ModuleType MonitorLoaderState NCErrno NVMemOpType NetworkAddressFamily
        PhysTokenType PlainTextType PoolInfo RemoteServerOp SEEInitStatus SEEMachineType SWorldVersion SignerType
        SlotState SlotType StackOp StatID StatNodeTag Status TestKXGroup TestKXSessionKey TicketDestination UpgradeState
        UseLim
    })
}

/// The names of the tables that are enumerations: those [meta] counts, flag words left out.
fn enumerations(enums: &Table) -> BTreeMap<&str, &Table> {
    let counts = enums["meta"]["counts"].as_table().unwrap();
    let names = counts.keys().filter(|name| enums.contains_key(*name));
    let tables = names.map(|name| (name.as_str(), enums[name].as_table().unwrap()));
    tables.filter(|(name, _)| !is_flag_table(name)).collect()
}

fn is_flag_table(name: &str) -> bool {
    name.ends_with("_flags")
        || name.ends_with("_perms")
        || name.ends_with("Flags")
        || name == "NFKM_NKF"
}

#[test]
fn every_number_is_its_constant() {
    let enums = table("enums.toml");
    let codes: BTreeMap<_, _> = all_codes().into_iter().collect();
    let tables = enumerations(&enums);
    let rust_name = |name: &str| match name {
        "nCErrno" => "NCErrno".to_owned(),
        _ => name.to_owned(),
    };
    let named: BTreeSet<_> = tables.keys().map(|name| rust_name(name)).collect();
    let coded: BTreeSet<_> = codes.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(named, coded);
    for (vendor, constants) in tables {
        let prefix = if vendor.starts_with("Admin") && vendor.ends_with('s') {
            "NFKM_".to_owned()
        } else {
            format!("{vendor}_")
        };
        let mut expected: Vec<_> = constants
            .iter()
            .map(|(name, value)| (name.strip_prefix(&prefix).unwrap(), number(value)))
            .filter(|(name, _)| !matches!(*name, "_Max" | "KMAX" | "LTMAX"))
            .collect();
        let mut actual = codes[rust_name(vendor).as_str()].clone();
        expected.sort_unstable();
        actual.sort_unstable();
        assert_eq!(actual, expected, "{vendor}");
    }
}

#[test]
fn tables_are_as_long_as_they_say() {
    let enums = table("enums.toml");
    let meta = enums["meta"].as_table().unwrap();
    let counts = meta["counts"].as_table().unwrap();
    let (mut flags, mut codes) = (Vec::new(), Vec::new());
    for (name, expected) in counts {
        let len = enums[name].as_table().unwrap().len();
        assert_eq!(len, count(expected), "{name}");
        if is_flag_table(name) {
            &mut flags
        } else {
            &mut codes
        }
        .push(len);
    }
    assert_eq!(codes.len(), count(&meta["enum_tables"]));
    assert_eq!(codes.iter().sum::<usize>(), count(&meta["enum_constants"]));
    assert_eq!(flags.len(), count(&meta["flag_tables"]));
    assert_eq!(flags.iter().sum::<usize>(), count(&meta["flag_constants"]));

    let file = table("structs.toml");
    let meta = file["meta"].as_table().unwrap();
    for (table, key) in [
        ("command", "commands"),
        ("struct", "structs"),
        ("union", "unions"),
    ] {
        assert_eq!(
            file[table].as_table().unwrap().len(),
            count(&meta[key]),
            "{table}"
        );
    }
    let fields: Vec<_> = fields(&file).collect();
    assert_eq!(fields.len(), count(&meta["fields"]));
    for (status, key) in [
        ("CONFIRMED", "optional_fields_bit_confirmed"),
        ("ASSUMED", "optional_fields_bit_assumed"),
    ] {
        let of_status = |(_, _, field): &&(_, _, &Table)| text(field, "bit_status") == status;
        assert_eq!(
            fields.iter().filter(of_status).count(),
            count(&meta[key]),
            "{status}"
        );
    }
}

/// Structure, field name and field.
fn fields(file: &Table) -> impl Iterator<Item = (&str, &str, &Table)> {
    let structs = file["struct"].as_table().unwrap().iter();
    structs.flat_map(|(name, value)| {
        let fields = value["fields"].as_array().unwrap().iter();
        fields.map(move |field| {
            let field = field.as_table().unwrap();
            (name.as_str(), text(field, "name"), field)
        })
    })
}

#[test]
fn every_optional_field_has_its_bit_in_the_default_profile() {
    let file = table("structs.toml");
    let expected: BTreeMap<_, _> = fields(&file)
        .filter(|(.., field)| field.get("optional").and_then(Value::as_bool) == Some(true))
        .map(|(structure, name, field)| (format!("{structure}.{name}"), number(&field["bit"])))
        .collect();
    let mut profile = WireProfile::default();
    let actual: BTreeMap<_, _> = profile
        .presence
        .by_field()
        .into_iter()
        .map(|(field, bit)| (field.to_owned(), *bit))
        .collect();
    assert_eq!(actual, expected);
}

/// Two meanings of one bit would make a message that cannot be read back.
#[test]
fn presence_bits_of_a_structure_are_single_and_distinct_from_its_options() {
    let (enums, structs) = (table("enums.toml"), table("structs.toml"));
    for (name, word) in enums["flagwords"].as_table().unwrap() {
        let mut seen = BTreeMap::new();
        let lists = ["confirmed", "assumed"].map(|key| word.get(key));
        let unverified = enums["unverified"].get(name);
        for (flag, value) in lists
            .iter()
            .chain([&unverified])
            .flatten()
            .flat_map(|list| list.as_table().unwrap())
        {
            let value = number(value);
            if value == 0 {
                // The word has a name for "none".
                continue;
            }
            assert!(value.is_power_of_two(), "{flag}");
            if let Some(other) = seen.insert(value, flag) {
                assert_eq!(other, flag, "{name}: one bit, two names");
            }
        }
    }
    for (structure, name, field) in fields(&structs) {
        if let Some(bit) = field.get("bit") {
            let flag = text(field, "flag");
            let listed = enums["flagwords"].as_table().unwrap().values().any(|word| {
                ["confirmed", "assumed"].iter().any(|key| {
                    let listed = word.get(key).and_then(|list| list.get(flag));
                    listed.is_some_and(|value| number(value) == number(bit))
                })
            });
            assert!(listed, "{structure}.{name}: {flag}");
        }
    }
}

#[test]
fn published_bits_stand_in_the_published_words() {
    let enums = table("enums.toml");
    for (name, word) in enums["flagwords"].as_table().unwrap() {
        let (Some(confirmed), Some(published)) = (word.get("confirmed"), enums.get(name)) else {
            continue;
        };
        for (flag, value) in confirmed.as_table().unwrap() {
            assert_eq!(published.get(flag), Some(value), "{flag}");
        }
    }
    let published = |flag: &str| number(&enums["Command_flags"][&format!("Command_flags_{flag}")]);
    for (flag, value) in [
        ("BignumMSBitFirst", command_flags::BIGNUM_MS_BIT_FIRST),
        ("BignumMSWordFirst", command_flags::BIGNUM_MS_WORD_FIRST),
        ("PoolModule", command_flags::POOL_MODULE),
        ("RetainState", command_flags::RETAIN_STATE),
        ("LongJob", command_flags::LONG_JOB),
        ("Resubmit", command_flags::RESUBMIT),
    ] {
        assert_eq!(published(flag), value, "{flag}");
    }
    let all = published("_allflags") & !published("_presentflags") & !published("Unused");
    assert_eq!(command_flags::KNOWN, all);
}

#[test]
fn every_command_number_has_a_name_and_every_command_a_body() {
    let (enums, structs) = (table("enums.toml"), table("structs.toml"));
    for (name, value) in enums["Cmd"].as_table().unwrap() {
        if name != "Cmd__Max" {
            let cmd = Cmd(number(value));
            assert_eq!(Some(cmd.to_string().as_str()), name.strip_prefix("Cmd_"));
        }
    }
    let profile = WireProfile::DEFAULT;
    for (name, row) in structs["command"].as_table().unwrap() {
        let cmd = Cmd::from_name(name).unwrap();
        assert_eq!(cmd.0, number(&row["code"]), "{name}");
        let mut r = ncore::codec::Reader::new(&[0; 4096], &profile);
        let args = Args::decode(cmd, &mut r);
        let is_known = !matches!(args, Ok(Args::Raw(..)));
        assert_eq!(
            is_known,
            !text(row.as_table().unwrap(), "args").is_empty(),
            "{name}"
        );
    }
}
