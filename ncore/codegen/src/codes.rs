//! Enumerations: a newtype over the wire word with named constants.

use std::fmt::Write as _;

use crate::names;
use crate::tables::Tables;

pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::from("use crate::code::codes;\n");
    for table in &tables.enums {
        let _ = write!(
            out,
            "\ncodes! {{\n    /// The enumeration `{vendor}`.\n    {rust}, \"{vendor}\" {{\n",
            vendor = table.name,
            rust = names::type_name(&table.name)
        );
        for (name, number) in &table.constants {
            let _ = writeln!(out, "        {name} = {number},");
        }
        out.push_str("    }\n}\n");
    }
    out
}
