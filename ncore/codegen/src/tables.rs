//! The tables as read from TOML, checked for references to types that do not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::names;

/// Why the tables cannot be used.
#[derive(Debug)]
pub enum TableError {
    /// The file cannot be read.
    Read(PathBuf, std::io::Error),
    /// The file is not TOML of the expected shape.
    Parse(PathBuf, Box<toml::de::Error>),
    /// A field names something that no table defines; the text names both.
    Reference(String),
}

impl std::fmt::Display for TableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Parse(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Reference(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TableError {}

/// Everything the two table files say, in the order in which they say it.
pub(crate) struct Tables {
    pub(crate) enums: Vec<CodeTable>,
    pub(crate) flagwords: BTreeMap<String, FlagWord>,
    pub(crate) structs: toml::map::Map<String, toml::Value>,
    pub(crate) parsed: BTreeMap<String, Struct>,
    pub(crate) commands: Vec<(String, CommandRow)>,
    pub(crate) unions: Vec<(String, Union)>,
    /// Structures that contain themselves through other structures.
    pub(crate) recursive: BTreeSet<String>,
}

/// One enumeration: its name and its constants, end markers left out.
pub(crate) struct CodeTable {
    pub(crate) name: String,
    pub(crate) constants: Vec<(String, u32)>,
}

#[derive(Deserialize, Default)]
pub(crate) struct FlagWord {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) owners: Vec<String>,
    #[serde(default)]
    confirmed: BTreeMap<String, u32>,
    #[serde(default)]
    assumed: BTreeMap<String, u32>,
    /// From the `unverified` tables.
    #[serde(skip)]
    pub(crate) unverified: BTreeMap<String, u32>,
}

impl FlagWord {
    /// Every named bit with its value, by value.
    pub(crate) fn bits(&self) -> Vec<(&str, u32)> {
        let all = self
            .confirmed
            .iter()
            .chain(&self.assumed)
            .chain(&self.unverified);
        let mut bits: Vec<_> = all.map(|(name, value)| (name.as_str(), *value)).collect();
        bits.sort_by_key(|(_, value)| *value);
        bits.dedup();
        bits
    }
}

#[derive(Deserialize)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
}

#[derive(Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) vendor_type: String,
    pub(crate) wire: Wire,
    pub(crate) size: Option<usize>,
    pub(crate) same_as: Option<String>,
    pub(crate) inner: Option<String>,
    elem: Option<String>,
    elem_wire: Option<Wire>,
    elem_size: Option<usize>,
    tag: Option<String>,
    #[serde(default)]
    pub(crate) optional: bool,
    flag: Option<String>,
    pub(crate) bit: Option<u32>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wire {
    Word,
    Enum,
    Flags,
    ZeroWord,
    Word64,
    Bytes,
    Byteblock,
    String,
    Bignum,
    Struct,
    Vector,
    Union,
    Nested,
    Opt,
}

/// Structures that would make what holds them large in memory for the sake of a seldom case: every action of an ACL
/// would be as large as the parameters of the largest key derivation mechanism.
const LARGE: [&str; 1] = ["DKMechParams"];

impl Field {
    /// The field's name in Rust.
    pub(crate) fn rust_name(&self) -> String {
        names::field(&self.name)
    }

    /// The tag field of a union, in Rust.
    pub(crate) fn tag(&self) -> String {
        names::field(self.tag.as_deref().unwrap_or_default())
    }

    /// The vendor's name of the structure this field holds, if it holds one, directly or as elements.
    pub(crate) fn structure(&self) -> Option<&str> {
        match self.wire {
            Wire::Struct => Some(self.same_as.as_deref().unwrap_or(&self.vendor_type)),
            Wire::Nested | Wire::Opt => self.inner.as_deref().filter(|inner| *inner != "ByteBlock"),
            Wire::Vector if self.elem_wire == Some(Wire::Struct) => self.elem.as_deref(),
            _ => None,
        }
    }

    /// The Rust type without the `Option` of an optional field.
    pub(crate) fn rust_type(&self, tables: &Tables) -> String {
        match self.wire {
            Wire::Word | Wire::Flags | Wire::ZeroWord => "u32".into(),
            Wire::Word64 => "u64".into(),
            Wire::Enum => names::type_name(&self.vendor_type),
            Wire::Bytes => format!("[u8; {}]", self.size.unwrap_or_default()),
            Wire::Byteblock => "Vec<u8>".into(),
            Wire::String => "String".into(),
            Wire::Bignum => "Bignum".into(),
            Wire::Union => names::union_name(&self.vendor_type),
            Wire::Vector => format!("Vec<{}>", self.element_type()),
            Wire::Nested => match self.structure() {
                Some(inner) => format!("Nested<{}>", names::type_name(inner)),
                None => "Vec<u8>".into(),
            },
            Wire::Opt => format!(
                "Opt<{}>",
                names::type_name(self.inner.as_deref().unwrap_or_default())
            ),
            Wire::Struct => {
                let name = names::type_name(self.structure().unwrap_or_default());
                if self.is_boxed(tables) {
                    format!("Box<{name}>")
                } else {
                    name
                }
            }
        }
    }

    /// Whether the structure is held by a box: because it contains itself, or because it is large and seldom there.
    pub(crate) fn is_boxed(&self, tables: &Tables) -> bool {
        let held = |name| tables.recursive.contains(name) || LARGE.contains(&name);
        self.wire == Wire::Struct && self.optional && self.structure().is_some_and(held)
    }

    /// Whether the structure contains itself, so that its nesting must be limited.
    pub(crate) fn is_recursive(&self, tables: &Tables) -> bool {
        self.wire == Wire::Struct
            && self.optional
            && self
                .structure()
                .is_some_and(|name| tables.recursive.contains(name))
    }

    /// The name of the presence bit in the wire profile.
    pub(crate) fn presence(&self) -> String {
        names::presence(self.flag.as_deref().unwrap_or_default())
    }

    /// The fewest bytes this field takes on the wire.
    pub(crate) fn min_len(&self, tables: &Tables) -> usize {
        if self.optional {
            return 0;
        }
        match self.wire {
            Wire::Word64 => 8,
            Wire::Bytes => self.size.unwrap_or_default(),
            Wire::Union => 0,
            Wire::Struct => self.structure().map_or(0, |name| tables.min_len(name)),
            _ => 4,
        }
    }

    fn element_type(&self) -> String {
        let elem = self.elem.as_deref().unwrap_or_default();
        match self.elem_wire {
            Some(Wire::Struct | Wire::Enum) => names::type_name(elem),
            Some(Wire::Bytes) => format!("[u8; {}]", self.elem_size.unwrap_or_default()),
            Some(Wire::Bignum) => "Bignum".into(),
            Some(Wire::String) => "String".into(),
            _ => "u32".into(),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct CommandRow {
    pub(crate) code: u32,
    pub(crate) args: String,
    pub(crate) reply: String,
}

#[derive(Deserialize)]
pub(crate) struct Union {
    pub(crate) tag_type: String,
    #[serde(default)]
    arms: BTreeMap<String, String>,
    #[serde(default)]
    by_tag: BTreeMap<String, BTreeMap<String, String>>,
}

impl Union {
    /// The arms: the variant's name, the structure, and the tags that select it.
    pub(crate) fn variants(&self) -> Vec<(String, &str, Vec<&str>)> {
        let mut variants = Vec::new();
        for (arm, structure) in &self.arms {
            let tags = self
                .by_tag
                .values()
                .flatten()
                .filter(|(_, of)| *of == arm)
                .map(|(tag, _)| tag.as_str());
            let mut tags: Vec<_> = tags.collect();
            tags.sort_unstable();
            variants.push((
                names::variant(&self.tag_type, structure),
                structure.as_str(),
                tags,
            ));
        }
        variants.sort();
        variants
    }
}

#[derive(Deserialize)]
struct StructsFile {
    #[serde(rename = "struct")]
    structs: toml::map::Map<String, toml::Value>,
    command: toml::map::Map<String, toml::Value>,
    union: BTreeMap<String, Union>,
}

impl Tables {
    /// Reads and checks both files of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, TableError> {
        let enums_file: toml::Table = parse(&folder.join("enums.toml"))?;
        let structs_path = folder.join("structs.toml");
        let file: StructsFile = parse(&structs_path)?;

        let mut parsed = BTreeMap::new();
        for (name, value) in &file.structs {
            parsed.insert(name.clone(), convert(value, &structs_path)?);
        }
        let mut commands = Vec::new();
        for (name, value) in &file.command {
            commands.push((name.clone(), convert(value, &structs_path)?));
        }
        commands.sort_by_key(|(_, row): &(String, CommandRow)| row.code);
        let mut tables = Self {
            enums: code_tables(&enums_file),
            flagwords: flag_words(&enums_file, folder)?,
            structs: file.structs,
            parsed,
            commands,
            unions: file.union.into_iter().collect(),
            recursive: BTreeSet::new(),
        };
        tables.check()?;
        tables.recursive = tables
            .parsed
            .keys()
            .filter(|name| tables.reaches(name, name))
            .cloned()
            .collect();
        Ok(tables)
    }

    /// The structures in table order, message headers left out: they are written by hand.
    pub(crate) fn wire_structs(&self) -> impl Iterator<Item = (&str, &Struct)> {
        let names = self
            .structs
            .keys()
            .filter(|name| !matches!(name.as_str(), "Command" | "Reply"));
        names.map(|name| (name.as_str(), &self.parsed[name]))
    }

    /// The fewest bytes a structure takes on the wire.
    pub(crate) fn min_len(&self, name: &str) -> usize {
        self.parsed.get(name).map_or(0, |s| {
            s.fields.iter().map(|field| field.min_len(self)).sum()
        })
    }

    /// The flag word of a structure's field, if the tables know one.
    pub(crate) fn flag_word(&self, owner: &str, field: &str) -> Option<(&str, &FlagWord)> {
        let place = format!("{owner}.{field}");
        self.flagwords
            .iter()
            .find(|(_, word)| word.owners.contains(&place))
            .map(|(name, word)| (name.as_str(), word))
    }

    fn members(&self, name: &str) -> Vec<&str> {
        let mut members = Vec::new();
        for field in &self.parsed[name].fields {
            members.extend(field.structure());
            if field.wire == Wire::Union
                && let Some((_, union)) = self
                    .unions
                    .iter()
                    .find(|(name, _)| *name == field.vendor_type)
            {
                members.extend(union.arms.values().map(String::as_str));
            }
        }
        members
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            for member in self.members(name) {
                if member == to {
                    return true;
                }
                if seen.insert(member) {
                    open.push(member);
                }
            }
        }
        false
    }

    fn check(&self) -> Result<(), TableError> {
        for (name, structure) in &self.parsed {
            for field in &structure.fields {
                let known = match field.wire {
                    Wire::Enum => self
                        .enums
                        .iter()
                        .any(|table| table.name == field.vendor_type),
                    Wire::Union => {
                        field.vendor_type.starts_with("Cmd__")
                            || self
                                .unions
                                .iter()
                                .any(|(union, _)| *union == field.vendor_type)
                    }
                    _ => field
                        .structure()
                        .is_none_or(|inner| self.parsed.contains_key(inner)),
                };
                if !known {
                    let what = format!(
                        "{name}.{}: no table defines {}",
                        field.name, field.vendor_type
                    );
                    return Err(TableError::Reference(what));
                }
            }
        }
        Ok(())
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, TableError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| TableError::Read(path.to_owned(), error))?;
    toml::from_str(&text).map_err(|error| TableError::Parse(path.to_owned(), Box::new(error)))
}

fn convert<T: serde::de::DeserializeOwned>(
    value: &toml::Value,
    path: &Path,
) -> Result<T, TableError> {
    value
        .clone()
        .try_into()
        .map_err(|error| TableError::Parse(path.to_owned(), Box::new(error)))
}

/// Two enumerations whose constants carry another prefix than their name, each with its end marker.
const OTHER_PREFIX: [(&str, &str, &str); 2] = [
    ("AdminKeys", "NFKM_", "KMAX"),
    ("AdminTokens", "NFKM_", "LTMAX"),
];

/// The tables of the file that are enumerations: every constant carries the table's name as its prefix.
fn code_tables(file: &toml::Table) -> Vec<CodeTable> {
    let mut tables = Vec::new();
    for (name, value) in file {
        let Some(rows) = value.as_table() else {
            continue;
        };
        let other = OTHER_PREFIX.iter().find(|(table, ..)| table == name);
        let (prefix, end) = match other {
            Some((_, prefix, end)) => ((*prefix).to_owned(), *end),
            None => (format!("{name}_"), "_Max"),
        };
        let is_codes = !rows.is_empty() && rows.keys().all(|key| key.starts_with(&prefix));
        if !is_codes || name.contains("flags") || name.contains("Flags") || name.ends_with("_perms")
        {
            continue;
        }
        let mut constants = Vec::new();
        for (key, number) in rows {
            let bare = &key[prefix.len()..];
            if bare == end {
                continue;
            }
            if let Some(number) = number
                .as_integer()
                .and_then(|number| u32::try_from(number).ok())
            {
                constants.push((bare.to_owned(), number));
            }
        }
        constants.sort_by_key(|(_, number)| *number);
        tables.push(CodeTable {
            name: name.clone(),
            constants,
        });
    }
    tables
}

fn flag_words(file: &toml::Table, folder: &Path) -> Result<BTreeMap<String, FlagWord>, TableError> {
    let path = folder.join("enums.toml");
    let empty = toml::Value::Table(toml::Table::new());
    let mut words: BTreeMap<String, FlagWord> =
        convert(file.get("flagwords").unwrap_or(&empty), &path)?;
    let unverified: BTreeMap<String, BTreeMap<String, u32>> =
        convert(file.get("unverified").unwrap_or(&empty), &path)?;
    for (name, bits) in unverified {
        words.entry(name).or_default().unverified = bits;
    }
    Ok(words)
}
