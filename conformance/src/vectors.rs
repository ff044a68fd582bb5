//! Known answers from `vectors/`: blocks of `name = value` lines.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::oracle::hex;

/// One vector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector(BTreeMap<&'static str, &'static str>);

/// The vectors in the text of a file.
///
/// Blank lines part blocks, `#` begins a comment. A block without `id` holds what the blocks after it have in common, up
/// to the next such block. A field that would be empty is left out of the file.
///
/// # Errors
/// A line that is neither.
pub fn parse(text: &'static str) -> anyhow::Result<Vec<Vector>> {
    let (mut vectors, mut common) = (Vec::new(), BTreeMap::new());
    for block in text.split("\n\n") {
        let mut fields = BTreeMap::new();
        for line in block
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let (name, value) = line
                .split_once(" = ")
                .with_context(|| format!("no field: {line}"))?;
            fields.insert(name, value);
        }
        if fields.is_empty() {
            continue;
        }
        if fields.contains_key("id") {
            let mut whole = common.clone();
            whole.extend(fields);
            vectors.push(Vector(whole));
        } else {
            common = fields;
        }
    }
    Ok(vectors)
}

impl Vector {
    /// A field as text; empty if it is not there.
    pub fn text(&self, name: &str) -> &'static str {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// A field of hexadecimal digits as bytes; empty if it is not there.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_without_an_id_are_common_to_those_after_them() {
        let text =
            "# a comment\n\nkey = 01\n\nid = one\nmsg = ff\n\nid = two\n\nkey = 02\n\nid = three\n";
        let vectors = parse(text).expect("well formed");
        let seen: Vec<_> = vectors
            .iter()
            .map(|vector| (vector.text("id"), vector.bytes("key"), vector.bytes("msg")))
            .collect();
        assert_eq!(
            seen,
            [
                ("one", vec![1], vec![255]),
                ("two", vec![1], vec![]),
                ("three", vec![2], vec![])
            ]
        );
        assert!(vectors[0].has("msg") && !vectors[1].has("msg"));
    }

    #[test]
    fn a_line_that_is_no_field_is_an_error() {
        assert!(parse("id: one\n").is_err());
    }
}
