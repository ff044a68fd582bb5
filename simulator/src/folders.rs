//! The folders of an installation: what they must not be, and who may enter those that the daemon makes.
//!
//! The daemon of root serves every user of the machine, as a genuine hardserver does: they come to the ordinary socket
//! and read the key management data (SECURITY-WORLD section 1). What is privileged, the modules' state and the cards are
//! for the owner alone, as is everything of a daemon that is not root's.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use crate::options::{Options, OptionsError};

/// The owner alone.
const PRIVATE: u32 = 0o700;

/// Everyone enters and reads.
const PASSABLE: u32 = 0o755;

/// The folder of world, cards and keys, as a genuine installation has it (same section): the group writes too.
const LOCAL: u32 = 0o775;

impl Options {
    /// Checks the rules about folders that no default can satisfy, and makes those that are missing. Those that are there
    /// keep their modes.
    ///
    /// # Errors
    /// A key data folder that is a symbolic link, certificate folders that are mixed up, a folder that cannot be made.
    pub fn prepare_folders(&self) -> Result<(), OptionsError> {
        refuse_link(&self.kmdata)?;
        if same_place(&self.certdir, &self.kmdata.join("features")) {
            return Err(OptionsError::CertificatesMixed(self.certdir.clone()));
        }
        let local = self.kmdata.join("local");
        let open = |mode| if self.shared { mode } else { PRIVATE };
        // The passable ones first: a private folder may be inside them, and then they are not made on its way.
        let mut folders = vec![
            (self.home.as_path(), open(PASSABLE)),
            (&self.kmdata, open(PASSABLE)),
            (&local, open(LOCAL)),
        ];
        folders.extend(self.socket.parent().map(|it| (it, open(PASSABLE))));
        folders.extend(self.privileged_socket.parent().map(|it| (it, PRIVATE)));
        folders.extend(self.control_socket.parent().map(|it| (it, PRIVATE)));
        for folder in [&self.certdir, &self.logdir, &self.state, &self.cards] {
            folders.push((folder, PRIVATE));
        }
        for (folder, mode) in folders {
            make(folder, mode).map_err(|cause| OptionsError::Folder {
                path: folder.to_owned(),
                cause,
            })?;
        }
        Ok(())
    }

    /// The names of what is in the folder of dynamic feature certificates, in order. Nothing here reads it.
    pub fn certificates(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.certdir).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }
}

/// Refuses key management data that are a symbolic link (CAPI guide, section 1.3). Nothing there yet is right. The path has
/// no slash at its end, which would make the system look behind the link.
pub(crate) fn refuse_link(kmdata: &Path) -> Result<(), OptionsError> {
    match fs::symlink_metadata(kmdata) {
        Ok(metadata) if metadata.is_symlink() => Err(OptionsError::KmdataIsLink(kmdata.to_owned())),
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(OptionsError::Folder {
            path: kmdata.to_owned(),
            cause,
        }),
    }
}

/// Makes a folder and those above it. New ones can be entered by their owner only.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    make(folder, PRIVATE)
}

/// Makes a folder and those above it. New ones get this mode, whatever the process's mask says.
fn make(folder: &Path, mode: u32) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.is_dir());
    for folder in missing.collect::<Vec<_>>().into_iter().rev() {
        match DirBuilder::new().mode(mode).create(folder) {
            Ok(()) => fs::set_permissions(folder, Permissions::from_mode(mode))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn same_place(one: &Path, other: &Path) -> bool {
    one == other
        || match (fs::canonicalize(one), fs::canonicalize(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modes of the folders that a daemon makes, from `home` on.
    fn modes(shared: bool) -> Vec<(String, u32)> {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("above/home");
        let options = Options {
            shared,
            socket: home.join("sockets/nserver"),
            privileged_socket: home.join("sockets/priv/privnserver"),
            control_socket: home.join("sockets/priv/control"),
            ..Options::in_folder(&home)
        };
        options.prepare_folders().unwrap();
        let mode = |name: &str| {
            let metadata = home.join(name).metadata().unwrap();
            (name.to_owned(), metadata.permissions().mode() & 0o7777)
        };
        [
            "..",
            ".",
            "kmdata",
            "kmdata/local",
            "sockets",
            "sockets/priv",
            "state",
            "cards",
            "log",
            "femcerts",
        ]
        .map(mode)
        .to_vec()
    }

    #[test]
    fn a_users_folders_are_made_for_their_owner_only() {
        for (name, mode) in modes(false) {
            assert_eq!(mode, 0o700, "{name}");
        }
    }

    #[test]
    fn others_pass_to_what_root_shares_and_to_nothing_else() {
        let expected = [
            ("..", 0o755),
            (".", 0o755),
            ("kmdata", 0o755),
            ("kmdata/local", 0o775),
            ("sockets", 0o755),
            ("sockets/priv", 0o700),
            ("state", 0o700),
            ("cards", 0o700),
            ("log", 0o700),
            ("femcerts", 0o700),
        ];
        assert_eq!(
            modes(true),
            expected.map(|(name, mode)| (name.to_owned(), mode))
        );
    }

    #[test]
    fn folders_that_are_there_keep_their_modes() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            shared: true,
            ..Options::in_folder(folder.path())
        };
        options.prepare_folders().unwrap();
        let closed = Permissions::from_mode(0o710);
        fs::set_permissions(&options.kmdata, closed.clone()).unwrap();
        options.prepare_folders().unwrap();
        let kept = options.kmdata.metadata().unwrap().permissions();
        assert_eq!(kept.mode() & 0o7777, closed.mode());
    }

    #[test]
    fn nothing_is_made_when_something_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let link = folder.path().join("kmdata");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let options = Options {
            kmdata: link,
            ..Options::in_folder(&home)
        };
        let error = options.prepare_folders().unwrap_err();
        assert!(matches!(error, OptionsError::KmdataIsLink(_)), "{error}");
        let mut options = Options::in_folder(&home);
        options.certdir = options.kmdata.join("features");
        let error = options.prepare_folders().unwrap_err();
        assert!(
            matches!(error, OptionsError::CertificatesMixed(_)),
            "{error}"
        );
        assert!(!home.exists());
    }
}
