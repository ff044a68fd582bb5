//! The shape all reports share: a header at the left edge, then ` field   value` lines.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

/// One line of a block: a field's name and how to find its value. A field without a value is left out.
pub struct Field<S> {
    /// The name, as it is printed.
    pub name: &'static str,
    /// The value of the field.
    pub value: fn(&S) -> Option<String>,
}

/// The lines of a block: names and values.
pub type Rows = Vec<(&'static str, String)>;

/// The fields of a table that have a value, in its order.
pub fn rows<S>(table: &[Field<S>], subject: &S) -> Rows {
    let row = |field: &Field<S>| Some((field.name, (field.value)(subject)?));
    table.iter().filter_map(row).collect()
}

/// Appends ` field   value` lines, the fields padded to `width` characters.
pub fn lines(report: &mut String, width: usize, rows: &Rows) {
    for (name, value) in rows {
        line(report, width, name, value);
    }
}

/// The same for programs: the names and values of the report.
pub fn object(rows: Rows) -> Map<String, Json> {
    let member = |(name, value): (&str, String)| (name.to_owned(), Json::String(value));
    rows.into_iter().map(member).collect()
}

/// Appends one ` field   value` line. An empty value leaves no blanks at the end.
pub fn line(report: &mut String, width: usize, name: &str, value: &str) {
    let line = format!(" {name:width$} {value}");
    // Writing to a string cannot fail.
    let _ = writeln!(report, "{}", line.trim_end());
}

/// The names of the bits that are set, separated by blanks; bits without a name as one hexadecimal number; `none` for
/// no bit.
pub fn flag_names(flags: u32, names: &[(u32, &str)]) -> String {
    let mut words: Vec<String> = names
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    let unnamed = names.iter().fold(flags, |rest, (bit, _)| rest & !bit);
    if unnamed != 0 {
        words.push(format!("+{unnamed:#x}"));
    }
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_and_the_rest_is_kept() {
        let names = [(1, "One"), (4, "Four")];
        assert_eq!(flag_names(0, &names), "none");
        assert_eq!(flag_names(5, &names), "One Four");
        assert_eq!(flag_names(0x32 | 4, &names), "Four +0x32");
    }

    #[test]
    fn values_start_after_the_padded_field() {
        let mut report = String::new();
        line(&mut report, 20, "mode", "operational");
        line(&mut report, 20, "device name", "");
        assert_eq!(report, " mode                 operational\n device name\n");
    }
}
