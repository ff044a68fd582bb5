//! Everything that can go wrong above the socket, one enum for the crate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ncore::client::{ClientError, EndpointError};
use ncore::{Cmd, Status};

use crate::{Hash, hex};

/// Why an operation on a Security World failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable of the environment makes no sense.
    #[error("{names}: {cause}")]
    Setting {
        /// The variable, or the two that it may come from.
        names: &'static str,
        /// What is wrong with it.
        cause: EndpointError,
    },
    /// The Key Management Data folder may not be a symbolic link (CAPI guide, section 1.3).
    #[error("{}: NFAST_KMDATA must not be a symbolic link", path.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// A name that cannot be part of a file name in the folder.
    #[error("`{name}' is not a valid {what}")]
    InvalidName {
        /// Which name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is no such file.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The missing file.
        path: PathBuf,
    },
    /// There is such a file already.
    #[error("{}: exists already", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A file is damaged, or is not what its name says.
    #[error("{}: corrupt: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Corruption,
    },
    /// A file belongs to another Security World.
    #[error("{}: belongs to the world with hknso {}, not to this one with hknso {}", path.display(), hex(file_world), hex(world))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// hknso of the file's world.
        file_world: Hash,
        /// hknso of the world in use.
        world: Hash,
    },
    /// The operating system refused a file operation.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The data is larger than a file of this kind may be.
    #[error("{}: more than {limit} bytes", path.display())]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
        /// The limit in bytes.
        limit: usize,
    },
    /// The entry holds an application's data where a key is wanted, or the other way round.
    #[error("{}: {}", path.display(), if *opaque { "holds data, not a key" } else { "holds a key, not data" })]
    WrongContent {
        /// The entry's file.
        path: PathBuf,
        /// Whether it holds data.
        opaque: bool,
    },
    /// There is no Security World in the folder.
    #[error("{}: no Security World", path.display())]
    NoWorld {
        /// Where the world file would be.
        path: PathBuf,
    },
    /// No module is usable in this world.
    #[error("no usable module{}", cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default())]
    NoUsableModule {
        /// Why the last one that was tried is not.
        cause: Option<Arc<Error>>,
    },
    /// Why none of the modules that were meant is usable: the cause of [`Error::NoUsableModule`].
    #[error("{0}")]
    NotUsable(String),
    /// The hardserver has no module with this number.
    #[error("there is no module #{module}")]
    NoSuchModule {
        /// The module's number, from 1.
        module: u32,
    },
    /// A pool of modules was named for what only a unit can do.
    #[error(
        "module #{module} is a pool, which has no cards and no NVRAM and cannot be initialised: name one of its modules"
    )]
    IsPool {
        /// The pool's number.
        module: u32,
    },
    /// A module was named that does nothing until it is retried.
    #[error("module #{module} has failed")]
    ModuleFailed {
        /// The module's number, from 1.
        module: u32,
    },
    /// The key in the module is not the one that the file describes.
    #[error("{place}: the key's hash is {}, not {}", hex(actual), hex(expected))]
    WrongKey {
        /// The file, or what else named the key.
        place: String,
        /// The recorded hash.
        expected: Hash,
        /// The hash the module gives.
        actual: Hash,
    },
    /// The cards needed are not at hand.
    #[error("{0}")]
    Cards(String),
    /// The pass phrase of a card or softcard was wrong, and whoever was asked gave up.
    #[error("{place}: wrong pass phrase{}", if *tries > 1 { format!(" ({tries} tries)") } else { String::new() })]
    WrongPassphrase {
        /// The card, with its slot, or the softcard.
        place: String,
        /// How many wrong pass phrases were given.
        tries: u32,
    },
    /// A key is protected by a card set or softcard that is not loaded.
    #[error("{}: the key is protected by the {} with hash {}, which is not loaded", path.display(), if *softcard { "softcard" } else { "card set" }, hex(hkltu))]
    NeedsToken {
        /// The key's file.
        path: PathBuf,
        /// Hash of the token.
        hkltu: Hash,
        /// Whether it is a softcard.
        softcard: bool,
    },
    /// A world of FIPS 140 level 3 makes, imports and writes nothing without a card of it.
    #[error(
        "module {module}: no card of the Security World is in a slot, and a world of FIPS 140 level 3 needs one for this"
    )]
    NeedsFipsCard {
        /// The module's number.
        module: u32,
    },
    /// What a key had in a module's NVRAM is gone: the module was initialised since.
    #[error("module {esn}: the NVRAM area {area} was erased")]
    NvramErased {
        /// Electronic serial number of the module.
        esn: String,
        /// The area's name.
        area: String,
    },
    /// The parameters of a new world or card set contradict each other.
    #[error("{0}")]
    Parameters(String),
    /// A module or the hardserver answered a command with an error.
    #[error("{cmd}: {status}")]
    Status {
        /// The command.
        cmd: Cmd,
        /// The answer.
        status: Status,
    },
    /// The hardserver cannot be reached, or the connection to it failed. The text ends with the vendor's status for that,
    /// as scripts expect it.
    #[error("{0}: {status}", status = .0.status())]
    Connection(Box<ClientError>),
    /// A reply, a certificate or a blob does not have the form it should have.
    #[error("{what}: not well-formed")]
    Malformed {
        /// What was read or written.
        what: &'static str,
    },
}

/// What is wrong with a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// It is shorter than it says.
    #[error("truncated")]
    Truncated,
    /// It is longer than it says.
    #[error("more bytes than expected")]
    Trailing,
    /// It does not begin as the files of the folder do.
    #[error("not a Key Management Data file")]
    Magic,
    /// It has a version this software does not know.
    #[error("unknown format version {0}")]
    Version(u16),
    /// It is a file of another kind.
    #[error("a file of kind {0}, which does not suit its name")]
    Kind(u16),
    /// Its length is beyond the limit of its kind.
    #[error("a content of {0} bytes, more than a file of this kind may have")]
    Length(usize),
    /// Its checksum is wrong.
    #[error("bad checksum")]
    Checksum,
    /// Its content is not a record of its kind.
    #[error("the content makes no sense")]
    Content,
    /// It says that it is another entry.
    #[error("its content is another entry's: it was renamed or copied")]
    Renamed,
}

impl Error {
    /// The status with which a module or the hardserver answered, or the one that stands for a fault of the connection or
    /// for a lack of modules. None for faults of files and of the caller.
    pub fn status(&self) -> Option<Status> {
        match self {
            Error::Status { status, .. } => Some(*status),
            Error::Connection(error) => Some(error.status()),
            Error::NoUsableModule { cause } => {
                let status = cause.as_ref().and_then(|cause| cause.status());
                Some(status.unwrap_or(Status::NoUsableModules))
            }
            _ => None,
        }
    }

    /// Whether what was loaded is gone, with every module that had it, with the connection, or because the time of its
    /// token is over. Loading it again, with its cards if it has such, may help.
    pub fn is_loss(&self) -> bool {
        let is_over = self.status() == Some(Status::TimeLimitExceeded);
        self.is_failover() || is_over || matches!(self, Error::NoUsableModule { .. })
    }

    /// Whether another module may do what this one did not: it went away, or has no card for a world of FIPS 140 level 3.
    pub(crate) fn is_another_modules(&self) -> bool {
        self.is_failover() || matches!(self, Error::NeedsFipsCard { .. })
    }

    /// Whether a module or the connection went away, so that another module, or this one after loading the key again,
    /// may still do what was asked.
    pub(crate) fn is_failover(&self) -> bool {
        match self {
            Error::Connection(error) => matches!(
                **error,
                ClientError::NotRunning { .. }
                    | ClientError::NotSent { .. }
                    | ClientError::Lost { .. }
                    | ClientError::TimedOut { .. }
            ),
            Error::Status { status, .. } => matches!(
                *status,
                Status::UnitReset
                    | Status::UnknownID
                    | Status::ClientUnknown
                    | Status::HardwareFailed
                    | Status::ServerFailed
                    | Status::SoftwareFailed
                    | Status::RemoteServerFailed
                    | Status::ServerConnectionLost
                    | Status::ServerNotRunning
                    | Status::CrossModule
                    | Status::InvalidModule
                    | Status::InvalidState
                    | Status::UnknownKM
                    // The card left, with a token that lives no longer than that.
                    | Status::PhysTokenNotPresent
                    | Status::NotAvailable
                    | Status::NoModuleMemory
            ),
            _ => false,
        }
    }

    /// The same error once more, for another caller who waited for the same thing. None if it is not about modules and
    /// connections.
    pub(crate) fn repeated(&self) -> Option<Error> {
        match self {
            Error::NoUsableModule { cause } => Some(Error::NoUsableModule {
                cause: cause.clone(),
            }),
            Error::Status { cmd, status } => Some(Error::Status {
                cmd: *cmd,
                status: *status,
            }),
            Error::Connection(error) => Some(Error::Connection(error.clone())),
            _ => None,
        }
    }

    /// For `map_err`: a file operation on `path` failed.
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
        move |cause| Error::File {
            path: path.to_owned(),
            cause,
        }
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Error {
        match error {
            ClientError::Status { cmd, status, .. } => Error::Status { cmd, status },
            error => Error::Connection(Box::new(error)),
        }
    }
}
