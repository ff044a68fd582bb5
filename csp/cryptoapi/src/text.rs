//! The A and W forms of strings.

use std::ffi::CString;

use crate::codes::ERROR_INVALID_PARAMETER;

/// A string as the caller of an A or a W form gave it, without its terminator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// Bytes; UTF-8 where a meaning is needed.
    Ansi(Vec<u8>),
    /// UTF-16 code units.
    Wide(Vec<u16>),
}

impl Text {
    /// As characters, for comparison with registered names. What does not decode becomes the
    /// replacement character, which no registered name has.
    pub(crate) fn to_name(&self) -> String {
        match self {
            Text::Ansi(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Text::Wide(units) => String::from_utf16_lossy(units),
        }
    }

    /// As the bytes a provider gets: unchanged, or UTF-16 made UTF-8. `refused` is the error for
    /// an unpaired surrogate: two such names must not become one.
    pub(crate) fn to_ansi(&self, refused: u32) -> Result<CString, u32> {
        let bytes = match self {
            Text::Ansi(bytes) => bytes.clone(),
            Text::Wide(units) => String::from_utf16(units).map_err(|_| refused)?.into_bytes(),
        };
        CString::new(bytes).map_err(|_| refused)
    }

    /// As NUL-terminated UTF-16, which is how a provider gets a description.
    pub(crate) fn to_wide(&self) -> Result<Vec<u16>, u32> {
        let mut units: Vec<u16> = match self {
            Text::Ansi(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| ERROR_INVALID_PARAMETER)?
                .encode_utf16()
                .collect(),
            Text::Wide(units) => units.clone(),
        };
        units.push(0);
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_names_become_utf8() {
        let name = Text::Wide("schlüssel €".encode_utf16().collect());
        assert_eq!(
            name.to_ansi(1).expect("pairs are whole").as_bytes(),
            b"schl\xc3\xbcssel \xe2\x82\xac"
        );
    }

    #[test]
    fn an_unpaired_surrogate_is_refused_with_the_given_code() {
        assert_eq!(Text::Wide(vec![0x61, 0xD800]).to_ansi(77), Err(77));
    }

    #[test]
    fn ansi_names_keep_their_bytes_whatever_they_are() {
        let name = Text::Ansi(vec![0xff, 0xfe, b'x']);
        assert_eq!(
            name.to_ansi(1).expect("no NUL inside").as_bytes(),
            [0xff, 0xfe, b'x']
        );
    }

    #[test]
    fn descriptions_become_terminated_utf16() {
        assert_eq!(
            Text::Ansi(b"a\xc3\xa9".to_vec()).to_wide(),
            Ok(vec![0x61, 0xe9, 0])
        );
        assert_eq!(
            Text::Ansi(vec![0xff]).to_wide(),
            Err(ERROR_INVALID_PARAMETER)
        );
    }
}
