//! Structures: definition and codec.

use std::fmt::Write as _;

use crate::names;
use crate::tables::{Field, Struct, Tables, Wire};

pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::from(
        "use crate::bignum::Bignum;\n\
         use crate::codec::{Decode, DecodeError, Encode, EncodeError, Nested, Opt, Reader, Writer};\n\n\
         use super::codes::*;\nuse super::unions::*;\n",
    );
    for (name, structure) in tables.wire_structs() {
        write_struct(&mut out, tables, name, structure);
    }
    out
}

fn write_struct(out: &mut String, tables: &Tables, name: &str, structure: &Struct) {
    let rust = names::type_name(name);
    let defaults = if needs_manual_default(structure) {
        ""
    } else {
        ", Default"
    };
    let _ = write!(
        out,
        "\n/// `{name}`.\n#[derive(Debug, Clone, PartialEq, Eq{defaults})]\npub struct {rust} {{\n"
    );
    for field in &structure.fields {
        let inner = field.rust_type(tables);
        let shown = if field.optional {
            format!("Option<{inner}>")
        } else {
            inner
        };
        let _ = writeln!(
            out,
            "    /// {}\n    pub {}: {shown},",
            describe(field),
            field.rust_name()
        );
    }
    out.push_str("}\n");
    if defaults.is_empty() {
        write_default(out, &rust, structure);
    }
    write_encode(out, name, &rust, structure);
    write_decode(out, tables, name, &rust, structure);
}

fn describe(field: &Field) -> String {
    let kind = match field.wire {
        Wire::Word => "word".into(),
        Wire::Enum => "code".into(),
        Wire::Flags => {
            "flag word without the presence bits, which the codec adds and removes".into()
        }
        Wire::ZeroWord => "word, always 0".into(),
        Wire::Word64 => "64-bit word".into(),
        Wire::Bytes => format!("{} bytes", field.size.unwrap_or_default()),
        Wire::Byteblock => "byte block".into(),
        Wire::String => "string".into(),
        Wire::Bignum => "big number".into(),
        Wire::Struct => "structure".into(),
        Wire::Vector => "vector".into(),
        Wire::Union => format!("the arm that `{}` selects", field.tag()),
        Wire::Nested => "nested value".into(),
        Wire::Opt => "optional value with a presence word of its own".into(),
    };
    format!("`{}`, {}: {kind}.", field.name, field.vendor_type)
}

/// The standard library has no default for arrays of more than 32 elements.
fn needs_manual_default(structure: &Struct) -> bool {
    structure
        .fields
        .iter()
        .any(|field| !field.optional && field.size.is_some_and(|size| size > 32))
}

fn write_default(out: &mut String, rust: &str, structure: &Struct) {
    let _ = write!(
        out,
        "\nimpl Default for {rust} {{\n    fn default() -> Self {{\n        Self {{\n"
    );
    for field in &structure.fields {
        let value = match field.size {
            Some(size) if !field.optional && size > 32 => format!("[0; {size}]"),
            _ => "Default::default()".into(),
        };
        let _ = writeln!(out, "            {}: {value},", field.rust_name());
    }
    out.push_str("        }\n    }\n}\n");
}

fn write_encode(out: &mut String, name: &str, rust: &str, structure: &Struct) {
    let _ = write!(
        out,
        "\nimpl Encode for {rust} {{\n    fn encode(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {{\n"
    );
    for field in &structure.fields {
        let place = format!("\"{name}.{}\"", field.name);
        let rust_name = field.rust_name();
        if field.wire == Wire::Flags && is_flag_word(structure, field) {
            let optional: Vec<_> = structure
                .fields
                .iter()
                .filter(|field| field.optional)
                .collect();
            if optional.is_empty() {
                let _ = writeln!(out, "        self.{rust_name}.encode(writer)?;");
                continue;
            }
            let _ = writeln!(
                out,
                "        let mut presence = 0;\n        let mut known = 0;"
            );
            for field in optional {
                let bit = format!("writer.profile().presence.{}", field.presence());
                let _ = writeln!(out, "        known |= {bit};");
                let _ = writeln!(
                    out,
                    "        if self.{}.is_some() {{ presence |= {bit}; }}",
                    field.rust_name()
                );
            }
            let _ = writeln!(
                out,
                "        (self.{rust_name} & !known | presence).encode(writer)?;"
            );
        } else if field.wire == Wire::Union {
            let tag = field.tag();
            let _ = writeln!(
                out,
                "        self.{rust_name}.encode(self.{tag}, writer).map_err(|e| e.at({place}))?;"
            );
        } else if field.wire == Wire::ZeroWord {
            let _ = writeln!(out, "        0u32.encode(writer)?;");
        } else if field.optional {
            let _ = writeln!(
                out,
                "        if let Some(value) = &self.{rust_name} {{ value.encode(writer).map_err(|e| e.at({place}))?; }}"
            );
        } else {
            let _ = writeln!(
                out,
                "        self.{rust_name}.encode(writer).map_err(|e| e.at({place}))?;"
            );
        }
    }
    out.push_str("        Ok(())\n    }\n}\n");
}

fn write_decode(out: &mut String, tables: &Tables, name: &str, rust: &str, structure: &Struct) {
    let _ = write!(
        out,
        "\nimpl Decode for {rust} {{\n    const MIN_LEN: usize = {};\n\n    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {{\n",
        tables.min_len(name)
    );
    for field in &structure.fields {
        let place = format!("\"{name}.{}\"", field.name);
        let rust_name = field.rust_name();
        if field.wire == Wire::Union {
            let (union, tag) = (names::union_name(&field.vendor_type), field.tag());
            let _ = writeln!(
                out,
                "        let {rust_name} = {union}::decode({tag}, reader).map_err(|e| e.at({place}))?;"
            );
        } else if field.optional {
            let word = flag_word(structure);
            let bit = format!("reader.profile().presence.{}", field.presence());
            let decode = if field.is_recursive(tables) {
                "reader.deeper(Decode::decode)"
            } else {
                "Decode::decode(reader)"
            };
            let _ = writeln!(
                out,
                "        let {rust_name} = if {word} & {bit} != 0 {{ Some({decode}.map_err(|e| e.at({place}))?) }} else {{ None }};"
            );
        } else {
            let ty = field.rust_type(tables);
            let _ = writeln!(
                out,
                "        let {rust_name} = <{ty} as Decode>::decode(reader).map_err(|e| e.at({place}))?;"
            );
            if field.wire == Wire::ZeroWord {
                let _ = writeln!(
                    out,
                    "        if {rust_name} != 0 {{ return Err(DecodeError::not_zero({place})); }}"
                );
            }
        }
    }
    let optional: Vec<_> = structure
        .fields
        .iter()
        .filter(|field| field.optional)
        .collect();
    if !optional.is_empty() {
        let word = flag_word(structure);
        let bits: Vec<_> = optional
            .iter()
            .map(|field| format!("reader.profile().presence.{}", field.presence()))
            .collect();
        let _ = writeln!(
            out,
            "        let {word} = {word} & !({});",
            bits.join(" | ")
        );
    }
    let fields: Vec<_> = structure.fields.iter().map(Field::rust_name).collect();
    let _ = write!(
        out,
        "        Ok(Self {{ {} }})\n    }}\n}}\n",
        fields.join(", ")
    );
}

/// The word that announces the structure's optional fields: its first flag word.
fn flag_word(structure: &Struct) -> String {
    let first = structure
        .fields
        .iter()
        .find(|field| field.wire == Wire::Flags);
    first.map(Field::rust_name).unwrap_or_default()
}

fn is_flag_word(structure: &Struct, field: &Field) -> bool {
    flag_word(structure) == field.rust_name()
}
