//! Flag words: option bits as constants of their structure, presence bits as fields of the wire profile.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::names;
use crate::tables::{Tables, Wire};

/// Option bits, presence bits left out.
pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::from("use super::structs::*;\n");
    for (name, structure) in tables.wire_structs() {
        for field in structure
            .fields
            .iter()
            .filter(|field| field.wire == Wire::Flags)
        {
            let Some((word, flags)) = tables.flag_word(name, &field.name) else {
                continue;
            };
            let present = presence_bits(tables, name);
            let bits = flags.bits();
            let options: Vec<_> = bits
                .iter()
                .filter(|(flag, _)| !flag.ends_with("_present"))
                .collect();
            let complete =
                flags.status == "CONFIRMED" && matches!(field.name.as_str(), "flags" | "perms");
            if options.is_empty() && !complete {
                continue;
            }
            // A word that is not the structure's own flag word puts its name in front.
            let own = matches!(field.name.as_str(), "flags" | "perms");
            let prefix = if own {
                String::new()
            } else {
                format!("{}_", field.rust_name().to_uppercase())
            };
            let _ = write!(out, "\nimpl {} {{\n", names::type_name(name));
            for (flag, value) in options {
                let rust = format!("{prefix}{}", names::constant(word, flag));
                let _ = writeln!(
                    out,
                    "    /// Bit `{flag}` of `{}`.\n    pub const {rust}: u32 = {value:#x};",
                    field.name
                );
            }
            if complete {
                let known = bits.iter().fold(0, |all, (_, value)| all | value) & !present;
                let _ = writeln!(
                    out,
                    "    /// Every published bit of `{}`, presence bits left out.\n    pub const KNOWN_{}: u32 = {known:#x};",
                    field.name,
                    field.name.to_uppercase()
                );
            }
            out.push_str("}\n");
        }
    }
    out
}

/// The presence bits, each a field of one structure with the published or assumed value as its default.
pub(crate) fn write_presence(tables: &Tables) -> String {
    let mut bits: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for (name, structure) in &tables.parsed {
        for field in structure.fields.iter().filter(|field| field.optional) {
            let place = format!("{name}.{}", field.name);
            bits.insert(field.presence(), (field.bit.unwrap_or_default(), place));
        }
    }
    let mut out = String::from(
        "/// The bit of a structure's flag word that announces each optional field (PROTOCOL section 1.7).\n\
         #[derive(Debug, Clone, PartialEq, Eq)]\npub struct PresenceBits {\n",
    );
    for (name, (_, place)) in &bits {
        let _ = writeln!(out, "    /// `{place}`.\n    pub {name}: u32,");
    }
    out.push_str("}\n\nimpl PresenceBits {\n    /// Published values where there are any, the table's choice elsewhere.\n");
    out.push_str("    pub const DEFAULT: Self = Self {\n");
    for (name, (bit, _)) in &bits {
        let _ = writeln!(out, "        {name}: {bit:#x},");
    }
    out.push_str("    };\n\n    /// Every bit under the vendor's name of the field it announces, to be changed by that name.\n");
    let _ = writeln!(
        out,
        "    pub fn by_field(&mut self) -> [(&'static str, &mut u32); {}] {{\n        [",
        bits.len()
    );
    for (name, (_, place)) in &bits {
        let _ = writeln!(out, "            (\"{place}\", &mut self.{name}),");
    }
    out.push_str("        ]\n    }\n}\n");
    out
}

fn presence_bits(tables: &Tables, name: &str) -> u32 {
    tables.parsed[name]
        .fields
        .iter()
        .filter_map(|field| field.bit)
        .fold(0, |all, bit| all | bit)
}
