//! Values of options that several utilities read.

use crate::cli::Failure;

/// A quorum `K/N`; nothing at all is 1/1.
pub fn quorum(text: &str) -> Result<(u32, u32), Failure> {
    if text.trim().is_empty() {
        return Ok((1, 1));
    }
    let parsed = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)));
    parsed.ok_or_else(|| Failure::CommandLine(format!("`{text}' is not a quorum K/N")))
}

/// A time: seconds, or with s, m, h or d at its end.
pub fn seconds(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3_600),
        Some((end, 'd')) => (&text[..end], 86_400),
        _ => (text, 1),
    };
    let number: u32 = digits
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("2h", Some(7_200)),
            ("1d", Some(86_400)),
            ("", None),
            ("m", None),
            ("-1", None),
            ("5 m", None),
            ("99999d", None),
            ("1é", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quorum_is_two_numbers() {
        assert_eq!(quorum("2/3").ok(), Some((2, 3)));
        assert_eq!(quorum("").ok(), Some((1, 1)));
        for text in ["2", "2/", "/3", "a/b", "1/2/3"] {
            assert!(quorum(text).is_err(), "{text}");
        }
    }
}
