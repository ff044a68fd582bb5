//! Command bodies and reply bodies: one variant a command, and the tie between a command's two bodies.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::names;
use crate::tables::Tables;

pub(crate) fn write(tables: &Tables) -> String {
    let rows: Vec<_> = tables
        .commands
        .iter()
        .filter(|(_, row)| !row.args.is_empty())
        .collect();
    let mut out = String::from(
        "use crate::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};\n\
         use crate::message::Request;\n\nuse super::codes::Cmd;\nuse super::structs::*;\n",
    );
    out.push_str(
        "\n/// The body of a command.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub enum Args {\n",
    );
    for (name, row) in &rows {
        let _ = writeln!(
            out,
            "    /// `Cmd_{name}`, code {}.\n    {name}({}),",
            row.code,
            names::type_name(&row.args)
        );
    }
    out.push_str("    /// A command without a known layout: its code, and all bytes after the header.\n    Raw(Cmd, Vec<u8>),\n}\n");

    out.push_str("\nimpl Args {\n    /// The command's code.\n    pub fn cmd(&self) -> Cmd {\n        match self {\n");
    for (name, _) in &rows {
        let _ = writeln!(out, "            Self::{name}(_) => Cmd::{name},");
    }
    out.push_str("            Self::Raw(cmd, _) => *cmd,\n        }\n    }\n");
    out.push_str("\n    /// Writes the body.\n    pub fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {\n        match self {\n");
    for (name, _) in &rows {
        let _ = writeln!(out, "            Self::{name}(body) => body.encode(w),");
    }
    out.push_str("            Self::Raw(_, bytes) => {\n                w.raw(bytes);\n                Ok(())\n            }\n        }\n    }\n");
    out.push_str("\n    /// Reads the body of command `cmd`.\n    pub fn decode(cmd: Cmd, r: &mut Reader<'_>) -> Result<Self, DecodeError> {\n        match cmd {\n");
    for (name, _) in &rows {
        let _ = writeln!(
            out,
            "            Cmd::{name} => Ok(Self::{name}(Decode::decode(r)?)),"
        );
    }
    out.push_str(
        "            _ => Ok(Self::Raw(cmd, r.take_rest().to_vec())),\n        }\n    }\n",
    );
    out.push_str("\n    /// Bits of the body's own flag word that no published list names; 0 where no complete list is published.\n    pub fn unknown_flags(&self) -> u32 {\n        match self {\n");
    for (name, row) in &rows {
        let complete = tables
            .flag_word(&row.args, "flags")
            .is_some_and(|(_, word)| word.status == "CONFIRMED");
        if complete {
            let rust = names::type_name(&row.args);
            let _ = writeln!(
                out,
                "            Self::{name}(body) => body.flags & !{rust}::KNOWN_FLAGS,"
            );
        }
    }
    out.push_str("            _ => 0,\n        }\n    }\n}\n");

    let mut bodies = BTreeSet::new();
    out.push_str("\n/// The body of a reply.\n#[derive(Debug, Clone, PartialEq, Eq, Default)]\npub enum ReplyBody {\n    /// A reply without a body.\n    #[default]\n    Empty,\n");
    for (_, row) in rows.iter().filter(|(_, row)| !row.reply.is_empty()) {
        if bodies.insert(&row.reply) {
            let _ = writeln!(
                out,
                "    /// `{}`.\n    {}({}),",
                row.reply,
                variant(&row.reply),
                names::type_name(&row.reply)
            );
        }
    }
    out.push_str("    /// The reply to a command without a known layout: all bytes after the header.\n    Raw(Vec<u8>),\n}\n");
    out.push_str("\nimpl ReplyBody {\n    /// Writes the body.\n    pub fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {\n        match self {\n            Self::Empty => Ok(()),\n");
    for reply in &bodies {
        let _ = writeln!(
            out,
            "            Self::{}(body) => body.encode(w),",
            variant(reply)
        );
    }
    out.push_str("            Self::Raw(bytes) => {\n                w.raw(bytes);\n                Ok(())\n            }\n        }\n    }\n");
    out.push_str("\n    /// Reads the body of a reply to command `cmd`.\n    pub fn decode(cmd: Cmd, r: &mut Reader<'_>) -> Result<Self, DecodeError> {\n        match cmd {\n");
    let mut empty = vec!["Cmd::ErrorReturn".to_owned()];
    for (name, row) in &rows {
        if row.reply.is_empty() {
            empty.push(format!("Cmd::{name}"));
        } else {
            let _ = writeln!(
                out,
                "            Cmd::{name} => Ok(Self::{}(Decode::decode(r)?)),",
                variant(&row.reply)
            );
        }
    }
    let _ = writeln!(
        out,
        "            {} => Ok(Self::Empty),",
        empty.join("\n            | ")
    );
    out.push_str("            _ => Ok(Self::Raw(r.take_rest().to_vec())),\n        }\n    }\n}\n");

    for (name, row) in &rows {
        let args = names::type_name(&row.args);
        let _ = write!(
            out,
            "\nimpl From<{args}> for Args {{\n    fn from(body: {args}) -> Self {{\n        Self::{name}(body)\n    }}\n}}\n"
        );
        let (reply, arm) = if row.reply.is_empty() {
            ("()".to_owned(), "ReplyBody::Empty => Some(())".to_owned())
        } else {
            (
                names::type_name(&row.reply),
                format!("ReplyBody::{}(body) => Some(body)", variant(&row.reply)),
            )
        };
        let _ = write!(
            out,
            "\nimpl Request for {args} {{\n    const CMD: Cmd = Cmd::{name};\n    type Reply = {reply};\n\n    fn reply(body: ReplyBody) -> Option<Self::Reply> {{\n        match body {{\n            {arm},\n            _ => None,\n        }}\n    }}\n}}\n"
        );
        if !row.reply.is_empty()
            && rows
                .iter()
                .filter(|(_, other)| other.reply == row.reply)
                .count()
                == 1
        {
            let v = variant(&row.reply);
            let _ = write!(
                out,
                "\nimpl From<{reply}> for ReplyBody {{\n    fn from(body: {reply}) -> Self {{\n        Self::{v}(body)\n    }}\n}}\n"
            );
        }
    }
    out
}

/// `Cmd_ModExp_Reply` becomes `ModExp`.
fn variant(reply: &str) -> String {
    let name = names::type_name(reply);
    name.strip_suffix("Reply")
        .map_or(name.clone(), str::to_owned)
}
