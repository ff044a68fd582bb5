//! Tagged unions: one variant an arm, and `Empty` for every tag without one.

use std::fmt::Write as _;

use crate::names;
use crate::tables::Tables;

pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::from(
        "use crate::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};\n\n\
         use super::codes::*;\nuse super::structs::*;\n",
    );
    for (name, union) in &tables.unions {
        let rust = names::union_name(name);
        let tag_type = names::type_name(&union.tag_type);
        let variants = union.variants();
        let _ = write!(
            out,
            "\n/// `{name}`: the body that a tag of type `{tag}` selects.\n#[derive(Debug, Clone, PartialEq, Eq, Default)]\npub enum {rust} {{\n    /// A tag without a body.\n    #[default]\n    Empty,\n",
            tag = union.tag_type
        );
        for (variant, structure, _) in &variants {
            let _ = writeln!(
                out,
                "    /// `{structure}`.\n    {variant}({}),",
                names::type_name(structure)
            );
        }
        let selected = |tags: &[&str]| {
            let bare = tags.iter().map(|tag| &tag[union.tag_type.len() + 1..]);
            bare.map(|tag| format!("{tag_type}::{tag}"))
                .collect::<Vec<_>>()
                .join(" | ")
        };
        let _ = write!(
            out,
            "}}\n\nimpl {rust} {{\n    /// Writes the body. A body that `tag` does not select is an error.\n    pub fn encode(&self, tag: {tag_type}, w: &mut Writer<'_>) -> Result<(), EncodeError> {{\n        match tag {{\n"
        );
        for (variant, _, tags) in variants.iter().filter(|(_, _, tags)| !tags.is_empty()) {
            let _ = writeln!(out, "            {} => match self {{", selected(tags));
            let _ = writeln!(
                out,
                "                Self::{variant}(body) => body.encode(w),"
            );
            let _ = writeln!(
                out,
                "                _ => Err(EncodeError::wrong_arm(\"{name}\")),\n            }},"
            );
        }
        let _ = write!(
            out,
            "            _ => match self {{\n                Self::Empty => Ok(()),\n                {}\n            }},\n        }}\n    }}\n",
            if variants.is_empty() {
                String::new()
            } else {
                format!("_ => Err(EncodeError::wrong_arm(\"{name}\")),")
            }
        );
        let _ = write!(
            out,
            "\n    /// Reads the body that `tag` selects.\n    pub fn decode(tag: {tag_type}, r: &mut Reader<'_>) -> Result<Self, DecodeError> {{\n        match tag {{\n"
        );
        for (variant, _, tags) in variants.iter().filter(|(_, _, tags)| !tags.is_empty()) {
            let _ = writeln!(
                out,
                "            {} => Ok(Self::{variant}(Decode::decode(r)?)),",
                selected(tags)
            );
        }
        out.push_str("            _ => Ok(Self::Empty),\n        }\n    }\n}\n");
    }
    out
}
