//! Cards: what a reader holds while a card is in it. A card is one file, which a person can copy, put away or lose.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// One card, as a reader reaches it. What is on it is the business of the module alone.
pub trait Card: Send {
    /// Everything on the card; empty for a blank one.
    fn load(&mut self) -> Result<Vec<u8>, CardError>;

    /// Replaces everything on the card. When this returns, it survives a crash; if it fails, the old content is there.
    fn save(&mut self, image: &[u8]) -> Result<(), CardError>;

    /// Lets the card be pulled in the middle of the next access of this kind, after so many bytes. A read that is not over
    /// then fails. A write fails, and the old content is there, or the new one if it was all written.
    fn pull_in(&mut self, access: Access, bytes: usize);

    /// The card's file, if it is in one.
    fn place(&self) -> Option<&Path> {
        None
    }
}

/// What is done to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All of it is read.
    Read,
    /// All of it is written.
    Write,
}

/// Where the next accesses to a card end too early, in bytes.
#[derive(Clone, Debug, Default)]
struct Pulled {
    read: Option<usize>,
    write: Option<usize>,
}

impl Pulled {
    fn set(&mut self, access: Access, bytes: usize) {
        match access {
            Access::Read => self.read = Some(bytes),
            Access::Write => self.write = Some(bytes),
        }
    }

    /// Whether the card is there until it is read.
    fn check_read(&mut self, length: usize) -> std::io::Result<()> {
        match self.read.take() {
            Some(bytes) if bytes < length => Err(pulled("read")),
            _ => Ok(()),
        }
    }
}

/// Why a card could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("card {place}: {cause}")]
pub struct CardError {
    /// The card's file.
    pub place: PathBuf,
    /// What the operating system said.
    pub cause: std::io::Error,
}

/// A card in a file. A file that does not exist yet is a blank card, and comes into being with the first write.
#[derive(Debug, Clone)]
pub struct FileCard {
    path: PathBuf,
    pulled: Pulled,
}

impl FileCard {
    /// The card in this file.
    pub fn new(path: impl Into<PathBuf>) -> FileCard {
        FileCard {
            path: path.into(),
            pulled: Pulled::default(),
        }
    }

    fn error(&self, cause: std::io::Error) -> CardError {
        CardError {
            place: self.path.clone(),
            cause,
        }
    }

    /// Writes the content beside its place, and then puts it there in one step.
    fn write(&mut self, image: &[u8]) -> std::io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let torn = self.pulled.write.take();
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        // Who could read the card can go on with it, whoever writes.
        if let Ok(old) = std::fs::metadata(&self.path) {
            file.as_file().set_permissions(old.permissions())?;
        }
        let (written, lost) = image.split_at(torn.unwrap_or(image.len()).min(image.len()));
        file.write_all(written)?;
        if !lost.is_empty() {
            // What a program leaves that ends here.
            file.keep()?;
            return Err(pulled("written"));
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        std::fs::File::open(folder)?.sync_all()?;
        match torn {
            None => Ok(()),
            Some(_) => Err(pulled("written")),
        }
    }
}

fn pulled(what: &str) -> std::io::Error {
    std::io::Error::other(format!("the card was pulled while it was {what}"))
}

/// Largest file taken for a card, in bytes: twice what a full card needs.
const LARGEST_FILE: u64 = 64 * 1024;

impl Card for FileCard {
    fn load(&mut self) -> Result<Vec<u8>, CardError> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error(error)),
        };
        let mut image = Vec::new();
        file.take(LARGEST_FILE + 1)
            .read_to_end(&mut image)
            .map_err(|error| self.error(error))?;
        if image.len() as u64 > LARGEST_FILE {
            return Err(self.error(std::io::Error::new(
                ErrorKind::InvalidData,
                "larger than any card",
            )));
        }
        let there = self.pulled.check_read(image.len());
        there.map_err(|error| self.error(error))?;
        Ok(image)
    }

    fn save(&mut self, image: &[u8]) -> Result<(), CardError> {
        self.write(image).map_err(|error| self.error(error))
    }

    fn pull_in(&mut self, access: Access, bytes: usize) {
        self.pulled.set(access, bytes);
    }

    fn place(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// A card that lasts as long as the process.
#[derive(Debug, Default, Clone)]
pub struct MemoryCard {
    image: Vec<u8>,
    pulled: Pulled,
}

impl MemoryCard {
    /// A card with this image on it; an empty image is a blank card.
    pub fn new(image: Vec<u8>) -> MemoryCard {
        MemoryCard {
            image,
            pulled: Pulled::default(),
        }
    }
}

impl Card for MemoryCard {
    fn load(&mut self) -> Result<Vec<u8>, CardError> {
        let there = self.pulled.check_read(self.image.len());
        there.map_err(in_memory)?;
        Ok(self.image.clone())
    }

    fn save(&mut self, image: &[u8]) -> Result<(), CardError> {
        let torn = self.pulled.write.take();
        if torn.is_none_or(|bytes| bytes >= image.len()) {
            self.image = image.to_vec();
        }
        match torn {
            None => Ok(()),
            Some(_) => Err(in_memory(pulled("written"))),
        }
    }

    fn pull_in(&mut self, access: Access, bytes: usize) {
        self.pulled.set(access, bytes);
    }
}

fn in_memory(cause: std::io::Error) -> CardError {
    CardError {
        place: PathBuf::from("in memory"),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_a_blank_card_and_a_write_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut card = FileCard::new(folder.path().join("admin1"));
        assert_eq!(card.load().unwrap(), b"");
        card.save(b"image").unwrap();
        assert_eq!(card.load().unwrap(), b"image");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    fn of_each_kind(folder: &tempfile::TempDir) -> [Box<dyn Card>; 2] {
        let path = folder.path().join("card");
        [
            Box::new(FileCard::new(path)),
            Box::new(MemoryCard::default()),
        ]
    }

    #[test]
    fn a_card_that_was_pulled_while_it_was_written_has_the_old_content_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        for mut card in of_each_kind(&folder) {
            for bytes in 0..=4 {
                card.save(b"old").unwrap();
                card.pull_in(Access::Write, bytes);
                assert!(card.save(b"new").is_err());
                let expected = if bytes < 3 { b"old" } else { b"new" };
                assert_eq!(card.load().unwrap(), expected, "{bytes} bytes");
                // That was once.
                card.save(b"next").unwrap();
                assert_eq!(card.load().unwrap(), b"next");
            }
        }
    }

    #[test]
    fn a_card_that_was_pulled_while_it_was_read_gives_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for mut card in of_each_kind(&folder) {
            card.save(b"old").unwrap();
            for bytes in 0..=4 {
                card.pull_in(Access::Read, bytes);
                assert_eq!(card.load().is_ok(), bytes >= 3, "{bytes} bytes");
                // That was once.
                assert_eq!(card.load().unwrap(), b"old");
            }
        }
    }

    #[test]
    fn a_file_larger_than_any_card_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        std::fs::write(&path, vec![0; LARGEST_FILE as usize + 1]).unwrap();
        let error = FileCard::new(&path).load().unwrap_err();
        assert!(error.to_string().contains("huge"), "{error}");
    }
}
