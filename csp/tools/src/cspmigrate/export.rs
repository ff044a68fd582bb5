//! Files that the registry editor exports: `[KEY]` lines, with `"name"="text"` and other values below each.
//!
//! All that is no container stays as it is, so lines are kept and only looked at.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Skipped;
use super::entry::Entry;

/// An export, in memory as in its file.
pub(super) struct Export {
    path: PathBuf,
    encoding: Encoding,
    lines: Vec<String>,
}

/// Version 5.00 of the editor writes UTF-16, REGEDIT4 the code page, of which ASCII is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16,
}

/// The first lines of an export.
const HEADERS: [&str; 2] = ["Windows Registry Editor Version 5.00", "REGEDIT4"];

impl Export {
    pub(super) fn read(path: &Path) -> Result<Export, Skipped> {
        let bytes = fs::read(path).map_err(refused(path))?;
        let (encoding, text) = decode(&bytes).ok_or_else(|| no_export(path))?;
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let first = lines.first().map_or("", |line| line.trim_end());
        match HEADERS.contains(&first) {
            true => Ok(Export {
                path: path.to_owned(),
                encoding,
                lines,
            }),
            false => Err(no_export(path)),
        }
    }

    /// The keys with their values that are text.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for line in &self.lines {
            let line = line.trim();
            if let Some(place) = key(line) {
                entries.push(Entry {
                    place: place.to_owned(),
                    values: Vec::new(),
                });
            } else if let (Some(entry), Some(value)) = (entries.last_mut(), text_value(line)) {
                entry.values.push(value);
            }
        }
        entries
    }

    /// Takes a key with its values out of the file, whose other lines stay as they are.
    pub(super) fn remove(&mut self, place: &str) -> Result<(), Skipped> {
        let mut inside = false;
        let mut kept = self.lines.clone();
        kept.retain(|line| {
            if let Some(other) = key(line.trim()) {
                inside = other == place;
            }
            !inside
        });
        self.write(&kept).map_err(refused(&self.path))?;
        self.lines = kept;
        Ok(())
    }

    /// Replaces the file in one step.
    fn write(&self, lines: &[String]) -> io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(&encode(self.encoding, &lines.concat()))?;
        draft
            .as_file()
            .set_permissions(fs::metadata(&self.path)?.permissions())?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path)?;
        Ok(())
    }
}

/// `[KEY]`
fn key(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

/// `"name"="text"`, in which a backslash keeps the next character.
fn text_value(line: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(line)?;
    let (text, rest) = quoted(rest.strip_prefix('=')?)?;
    rest.is_empty().then_some((name, text))
}

/// The text between quotation marks at the start, and what follows it.
fn quoted(line: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = line.strip_prefix('"')?.chars();
    loop {
        match characters.next()? {
            '"' => return Some((text, characters.as_str())),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

fn decode(bytes: &[u8]) -> Option<(Encoding, String)> {
    match bytes.strip_prefix(&UTF_16_MARK) {
        Some(rest) => {
            let (units, []) = rest.as_chunks() else {
                return None;
            };
            let units: Vec<u16> = units.iter().copied().map(u16::from_le_bytes).collect();
            Some((Encoding::Utf16, String::from_utf16(&units).ok()?))
        }
        None => Some((Encoding::Utf8, String::from_utf8(bytes.to_vec()).ok()?)),
    }
}

fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16 => {
            let mut bytes = UTF_16_MARK.to_vec();
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            bytes
        }
    }
}

const UTF_16_MARK: [u8; 2] = [0xff, 0xfe];

fn refused(path: &Path) -> impl Fn(io::Error) -> Skipped {
    let place = path.display().to_string();
    move |cause| Skipped::Place {
        place: place.clone(),
        cause,
    }
}

fn no_export(path: &Path) -> Skipped {
    Skipped::Entry {
        place: path.display().to_string(),
        reason: "not a registry export".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_editor_writes_them() {
        let value = |line| text_value(line);
        let pair = |name: &str, text: &str| Some((name.to_owned(), text.to_owned()));
        assert_eq!(value(r#""a"="b""#), pair("a", "b"));
        assert_eq!(value(r#""a\\b"="c\"d""#), pair(r"a\b", "c\"d"));
        assert_eq!(value(r#""a"="""#), pair("a", ""));
        for line in [
            r#""a"=dword:00000001"#,
            r#"@="b""#,
            r#""a"="b"#,
            r#""a"="b" c"#,
            r#""a\"#,
            "",
        ] {
            assert_eq!(value(line), None, "{line}");
        }
    }

    #[test]
    fn a_key_is_taken_out_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.reg");
        let text = "Windows Registry Editor Version 5.00\r\n\r\n[A\\B]\r\n\"x\"=hex:01,\\\r\n  02\r\n\r\n[A\\C]\r\n\"é\"=\"1\"\r\n";
        let without = "Windows Registry Editor Version 5.00\r\n\r\n[A\\C]\r\n\"é\"=\"1\"\r\n";
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            fs::write(&path, encode(encoding, text)).unwrap();
            let mut export = Export::read(&path).unwrap();
            assert_eq!(export.entries().len(), 2);
            assert_eq!(
                export.entries()[1].values,
                [("é".to_owned(), "1".to_owned())]
            );
            export.remove("A\\B").unwrap();
            assert_eq!(fs::read(&path).unwrap(), encode(encoding, without));
        }
    }

    #[test]
    fn other_files_are_no_exports() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [
            &b""[..],
            b"REGEDIT5\n",
            b"\xff\xfeR",
            b"\xff\xfe\0\xd8",
            b"\xc3",
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(Export::read(&path).is_err(), "{bytes:?}");
        }
    }
}
