//! Files that are replaced whole or not at all: written beside their place, synced, renamed, and the folder synced.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces the file at `path`, or creates it. A crash at any instant leaves the old content or the new.
///
/// # Errors
/// Those of the file system.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    persist(staged(path, content, SHARED)?, path)
}

/// The same for a file that is nobody's business but its owner's.
///
/// # Errors
/// Those of the file system.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    persist(staged(path, content, 0o600)?, path)
}

fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path).map_err(|failure| failure.error)?;
    sync_folder(path)
}

/// Creates the file at `path`, which must not exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when it does, and those of the file system.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = staged(path, content, SHARED)?;
    file.persist_noclobber(path)
        .map_err(|failure| failure.error)?;
    sync_folder(path)
}

/// Removes the file at `path` for good.
///
/// # Errors
/// Those of the file system.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path)
}

/// The folder is shared by the members of a group; a private mode would hide a new key from all but its maker.
const SHARED: u32 = 0o664;

/// `mode` counts on Unix alone.
fn staged(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a rename or removal durable. Windows has no such call: there the journal of the file system orders renames.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder(path))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_one_file_with_the_new_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/world");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn creating_refuses_an_existing_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"first").unwrap();
        assert_eq!(
            create(&path, b"second").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&path).unwrap(), b"first");
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
