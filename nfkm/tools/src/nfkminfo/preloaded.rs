//! What another process keeps loaded (`preload`).

use std::fmt::Write;

use nfkm::{Preload, PreloadedKey, hex};
use serde_json::{Value as Json, json};

/// The last section of the report.
pub fn section(preload: Option<&Preload>, client: bool) -> String {
    let mut report = String::new();
    if client {
        let id = preload.map_or("none".to_owned(), |preload| hex(&preload.client));
        // Writing to a string cannot fail.
        let _ = writeln!(report, "\nPre-load client id {id}");
    }
    let objects: Vec<PreloadedKey> = preload.into_iter().flat_map(Preload::objects).collect();
    if objects.is_empty() {
        report.push_str("\nNo Pre-Loaded Objects\n");
        return report;
    }
    let count = objects.len();
    let _ = writeln!(
        report,
        "\nPre-Loaded Objects ({count:3}): objecthash module objectid generation"
    );
    for PreloadedKey { hash, module, id } in objects {
        let _ = writeln!(report, " {} {module:6} {id:#010x} 1", hex(&hash));
    }
    report
}

/// The same for programs.
pub fn json(preload: Option<&Preload>) -> Json {
    let object = |object: PreloadedKey| json!({ "objecthash": hex(&object.hash), "module": object.module, "objectid": object.id });
    let objects = preload.into_iter().flat_map(Preload::objects);
    objects.map(object).collect()
}

#[cfg(test)]
mod tests {
    use nfkm::PreloadedToken;

    use super::*;

    #[test]
    fn what_is_loaded_is_listed_with_its_client_on_request() {
        assert_eq!(section(None, false), "\nNo Pre-Loaded Objects\n");
        let preload = Preload {
            client: [0xcc; 20],
            tokens: vec![PreloadedToken {
                hkltu: [0xab; 20],
                softcard: true,
                module: 1,
                id: 0x8000_0001,
            }],
            keys: vec![PreloadedKey {
                hash: [0xcd; 20],
                module: 2,
                id: 7,
            }],
            ..Preload::default()
        };
        insta::assert_snapshot!(section(Some(&preload), true));
    }
}
