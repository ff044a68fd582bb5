//! Files that are replaced whole or not at all: written beside their place, synced, renamed, and the folder synced.
//!
//! On Unix a new file can be read by everyone and written by its owner, whatever the process's mask says: a private one would
//! hide a key from all but its maker. A file that is replaced keeps its mode, and its owner where the superuser replaces it.
//! Who may put files into the folder, and remove those of others, is up to the folder's own mode.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces the file at `path`, or creates it. A crash at any instant leaves the old content or the new.
///
/// # Errors
/// Those of the file system.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = staged(path, content, SHARED)?;
    #[cfg(unix)]
    keep_owner_and_mode(path, file.as_file())?;
    persist(file, path)
}

/// Gives `file` what the file at `path` has, if there is one.
#[cfg(unix)]
fn keep_owner_and_mode(path: &Path, file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let old = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        old => old?,
    };
    let new = file.metadata()?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        // Only the superuser can. Anyone else who may replace the file becomes its owner.
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    file.set_permissions(old.permissions())
}

/// The same for a file that is nobody's business but its owner's.
///
/// # Errors
/// Those of the file system.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    persist(staged(path, content, PRIVATE)?, path)
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

/// Checks that a file at `path` could be written: its folder is there, or can be made, and takes one.
///
/// # Errors
/// Those of the file system.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    NamedTempFile::with_prefix_in(".new-", folder).map(drop)
}

/// Everyone reads, the owner writes.
const SHARED: u32 = 0o644;

/// The owner reads and writes.
const PRIVATE: u32 = 0o600;

/// `mode` counts on Unix alone.
fn staged(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    // Not when the file is made: there the process's mask would take bits away.
    #[cfg(unix)]
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = mode;
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

    #[cfg(unix)]
    #[test]
    fn everyone_reads_a_new_file_and_a_replaced_one_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let metadata = fs::metadata(folder.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        let path = folder.path().join("key");
        create(&path, b"first").unwrap();
        assert_eq!(mode("key"), 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(mode("key"), 0o600);
        replace(&folder.path().join("world"), b"new").unwrap();
        assert_eq!(mode("world"), 0o644);
        replace_private(&folder.path().join("tokens"), b"new").unwrap();
        assert_eq!(mode("tokens"), 0o600);
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
