//! What another process keeps loaded (`preload`).

use std::fmt::Write;

use nfkm::{Preload, PreloadedToken, hex};
use serde_json::{Value as Json, json};

/// The last section of the report.
pub fn section(preload: Option<&Preload>, client: bool) -> String {
    let mut report = String::new();
    if client {
        let id = preload.map_or("none".to_owned(), |preload| hex(&preload.client));
        // Writing to a string cannot fail.
        let _ = writeln!(report, "\nPre-load client id {id}");
    }
    let tokens = preload.map(|preload| preload.tokens.as_slice());
    match tokens.unwrap_or_default() {
        [] => report.push_str("\nNo Pre-Loaded Objects\n"),
        tokens => {
            let count = tokens.len();
            let _ = writeln!(
                report,
                "\nPre-Loaded Objects ({count:3}): objecthash module objectid generation"
            );
            for token in tokens {
                let (hash, module, id) = (hex(&token.hkltu), token.module, token.id);
                let _ = writeln!(report, " {hash} {module:6} {id:#010x} 1");
            }
        }
    }
    report
}

/// The same for programs.
pub fn json(preload: Option<&Preload>) -> Json {
    let tokens = preload.map(|preload| preload.tokens.as_slice());
    let token = |token: &PreloadedToken| json!({ "objecthash": hex(&token.hkltu), "module": token.module, "objectid": token.id });
    tokens.unwrap_or_default().iter().map(token).collect()
}

#[cfg(test)]
mod tests {
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
        };
        insta::assert_snapshot!(section(Some(&preload), true));
    }
}
