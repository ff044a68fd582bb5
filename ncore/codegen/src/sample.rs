//! Sampling code for the property tests: a random value of every type, each union's arm matching its tag.
//!
//! The generated file is a module of a test. Its parent gives it `Source`, the trait `Sample` with the basic types, and
//! the checks that run over all structures.

use std::fmt::Write as _;

use crate::names;
use crate::tables::{Field, Tables, Wire};

pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::from("use super::{Sample, Source};\nuse ncore::types::*;\n");
    for (name, structure) in tables.wire_structs() {
        let rust = names::type_name(name);
        let _ = write!(
            out,
            "\nimpl Sample for {rust} {{\n    fn sample(source: &mut Source) -> Self {{\n"
        );
        for field in &structure.fields {
            let rust_name = field.rust_name();
            let value = match field.wire {
                Wire::Union => format!(
                    "sample_{}({}, source)",
                    names::union_name(&field.vendor_type).to_lowercase(),
                    field.tag()
                ),
                Wire::Flags => mask(tables, name, field),
                Wire::ZeroWord => "0".into(),
                _ => "Sample::sample(source)".into(),
            };
            let value = if field.wire == Wire::Flags && field.optional {
                format!("Some({value})")
            } else {
                value
            };
            let _ = writeln!(out, "        let {rust_name} = {value};");
        }
        let fields: Vec<_> = structure.fields.iter().map(Field::rust_name).collect();
        let _ = write!(
            out,
            "        Self {{ {} }}\n    }}\n}}\n",
            fields.join(", ")
        );
    }
    for table in &tables.enums {
        let rust = names::type_name(&table.name);
        let _ = write!(
            out,
            "\nimpl Sample for {rust} {{\n    fn sample(source: &mut Source) -> Self {{\n        source.code({rust}::ALL, {rust})\n    }}\n}}\n"
        );
    }
    for (name, union) in &tables.unions {
        let rust = names::union_name(name);
        let tag_type = names::type_name(&union.tag_type);
        let _ = write!(
            out,
            "\n/// A random body that `tag` selects.\npub(crate) fn sample_{}(tag: {tag_type}, s: &mut Source) -> {rust} {{\n    let _ = &s;\n    match tag {{\n",
            rust.to_lowercase()
        );
        for (variant, _, tags) in union
            .variants()
            .iter()
            .filter(|(_, _, tags)| !tags.is_empty())
        {
            let bare: Vec<_> = tags
                .iter()
                .map(|tag| format!("{tag_type}::{}", &tag[union.tag_type.len() + 1..]))
                .collect();
            let _ = writeln!(
                out,
                "        {} => {rust}::{variant}(Sample::sample(s)),",
                bare.join(" | ")
            );
        }
        let _ = write!(out, "        _ => {rust}::Empty,\n    }}\n}}\n");
    }
    out.push_str("\n/// Samples every structure once, encodes, decodes and compares.\npub(crate) fn check_every_structure(s: &mut Source) {\n");
    for (name, _) in tables.wire_structs() {
        let rust = names::type_name(name);
        let _ = writeln!(out, "    super::check_structure::<{rust}>(\"{name}\", s);");
    }
    out.push_str("}\n\n/// Decodes `bytes` as every structure.\npub(crate) fn decode_as_every_structure(bytes: &[u8]) {\n");
    for (name, _) in tables.wire_structs() {
        let rust = names::type_name(name);
        let _ = writeln!(out, "    super::check_bytes::<{rust}>(bytes);");
    }
    out.push_str("}\n\n/// A random command body.\npub(crate) fn sample_args(s: &mut Source) -> Args {\n    const COUNT: usize = ");
    let rows: Vec<_> = tables
        .commands
        .iter()
        .filter(|(_, row)| !row.args.is_empty())
        .collect();
    let _ = writeln!(out, "{};\n    match s.index(COUNT) {{", rows.len());
    for (i, (name, _)) in rows.iter().enumerate().skip(1) {
        let _ = writeln!(out, "        {i} => Args::{name}(Sample::sample(s)),");
    }
    let _ = writeln!(
        out,
        "        _ => Args::{}(Sample::sample(s)),\n    }}\n}}",
        rows[0].0
    );
    out.push_str("\n/// A random reply body with the command it answers.\npub(crate) fn sample_reply(s: &mut Source) -> (Cmd, ReplyBody) {\n");
    let _ = writeln!(out, "    match s.index({}) {{", rows.len());
    for (i, (name, row)) in rows
        .iter()
        .enumerate()
        .skip(1)
        .chain(rows.iter().enumerate().take(1))
    {
        let pattern = if i == 0 {
            "_".to_owned()
        } else {
            i.to_string()
        };
        if row.reply.is_empty() {
            let _ = writeln!(out, "        {pattern} => (Cmd::{name}, ReplyBody::Empty),");
        } else {
            let reply = names::type_name(&row.reply);
            let v = reply.strip_suffix("Reply").unwrap_or(&reply);
            let _ = writeln!(
                out,
                "        {pattern} => (Cmd::{name}, ReplyBody::{v}(Sample::sample(s))),"
            );
        }
    }
    out.push_str("    }\n}\n");
    out
}

/// Flag words get random bits outside their presence bits.
fn mask(tables: &Tables, owner: &str, field: &Field) -> String {
    let structure = &tables.parsed[owner];
    let first = structure
        .fields
        .iter()
        .find(|other| other.wire == Wire::Flags);
    let is_word = first.is_some_and(|first| first.name == field.name);
    let present = if is_word {
        structure
            .fields
            .iter()
            .filter_map(|f| f.bit)
            .fold(0, |all, bit| all | bit)
    } else {
        0
    };
    match present {
        0 => "source.word()".into(),
        _ => format!("source.word() & !{present:#x}"),
    }
}
