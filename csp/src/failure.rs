//! What becomes of an error of the layer below: a line in the log with the cause, and a code for the caller
//! (CAPI-CSP section 11).

use std::io;

use ncore::Status;
use nfkm::Error;

use crate::error::CspError;
use crate::log;

/// For `map_err` around a container's file.
pub(crate) fn of_container(error: Error) -> CspError {
    log::error(format_args!("container: {error}"));
    match &error {
        Error::NotFound { .. } => CspError::NTE_BAD_KEYSET,
        Error::Exists { .. } => CspError::NTE_EXISTS,
        Error::Corrupt { .. } | Error::WrongContent { .. } | Error::Foreign { .. } => {
            CspError::NTE_KEYSET_ENTRY_BAD
        }
        error if denied(error) => CspError::NTE_BAD_KEYSET,
        _ => common(&error),
    }
}

/// For `map_err` around a change of a container that is open.
pub(crate) fn of_container_change(error: Error) -> CspError {
    match denied(&error) {
        true => {
            log::error(format_args!("container: {error}"));
            CspError::NTE_PERM
        }
        false => of_container(error),
    }
}

/// For `map_err` around a key: making it, loading it, using it.
pub(crate) fn of_key(error: Error) -> CspError {
    log::error(format_args!("key: {error}"));
    match &error {
        Error::NotFound { .. } => CspError::NTE_NO_KEY,
        Error::Corrupt { .. }
        | Error::WrongContent { .. }
        | Error::Foreign { .. }
        | Error::WrongKey { .. } => CspError::NTE_KEYSET_ENTRY_BAD,
        Error::WrongPassphrase { .. } => CspError::SCARD_W_WRONG_CHV,
        Error::Cards(_) => CspError::SCARD_E_NO_SMARTCARD,
        error if denied(error) => CspError::NTE_PERM,
        // It was there when it was looked for.
        Error::NeedsFipsCard { .. } => CspError::SCARD_W_REMOVED_CARD,
        Error::Status {
            status: Status::PhysTokenNotPresent,
            ..
        } => CspError::SCARD_W_REMOVED_CARD,
        _ => common(&error),
    }
}

/// For `map_err` around making a key of the caller's numbers, which the module may find to be none.
pub(crate) fn of_new_key(error: Error) -> CspError {
    match error.status() {
        Some(Status::InvalidData) => CspError::NTE_BAD_DATA,
        _ => of_key(error),
    }
}

/// For `map_err` around making a key with something in a module's NVRAM.
pub(crate) fn of_key_in_nvram(error: Error) -> CspError {
    match error.status() {
        Some(Status::NoModuleMemory) => {
            log::error(format_args!("key: the NVRAM is full: {error}"));
            CspError::NTE_TOKEN_KEYSET_STORAGE_FULL
        }
        _ => of_new_key(error),
    }
}

/// For `map_err` around a decryption or an agreement, where the module's refusal of the padding or of the peer's value is
/// the caller's bad data.
pub(crate) fn of_decryption(error: Error) -> CspError {
    match error.status() {
        Some(Status::DecryptFailed | Status::InvalidData) => CspError::NTE_BAD_DATA,
        _ => of_key(error),
    }
}

/// For `map_err` around everything else.
pub(crate) fn of_session(error: Error) -> CspError {
    log::error(format_args!("{error}"));
    common(&error)
}

/// Whether the system does not let this user at a file.
fn denied(error: &Error) -> bool {
    matches!(error, Error::File { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied)
}

fn common(error: &Error) -> CspError {
    match error.status() {
        Some(Status::AccessDenied | Status::UseLimitExceeded | Status::StrictFIPS140) => {
            CspError::NTE_PERM
        }
        _ => CspError::NTE_FAIL,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ncore::Cmd;
    use nfkm::Corruption;

    use super::*;

    fn file(kind: io::ErrorKind) -> Error {
        Error::File {
            path: PathBuf::from("key_mscapi_a"),
            cause: kind.into(),
        }
    }

    fn status(status: Status) -> Error {
        Error::Status {
            cmd: Cmd::Decrypt,
            status,
        }
    }

    #[test]
    fn each_layer_error_has_the_code_of_the_table() {
        let missing = || Error::NotFound {
            path: PathBuf::from("key_mscapi_a"),
        };
        let corrupt = || Error::Corrupt {
            path: PathBuf::from("key_mscapi_a"),
            reason: Corruption::Checksum,
        };
        assert_eq!(of_container(missing()), CspError::NTE_BAD_KEYSET);
        assert_eq!(of_container(corrupt()), CspError::NTE_KEYSET_ENTRY_BAD);
        assert_eq!(
            of_container(file(io::ErrorKind::PermissionDenied)),
            CspError::NTE_BAD_KEYSET
        );
        let denied = || file(io::ErrorKind::PermissionDenied);
        assert_eq!(of_container_change(denied()), CspError::NTE_PERM);
        assert_eq!(of_container_change(missing()), CspError::NTE_BAD_KEYSET);
        assert_eq!(of_key(denied()), CspError::NTE_PERM);
        assert_eq!(of_container(file(io::ErrorKind::Other)), CspError::NTE_FAIL);
        assert_eq!(of_key(missing()), CspError::NTE_NO_KEY);
        assert_eq!(of_key(corrupt()), CspError::NTE_KEYSET_ENTRY_BAD);
        assert_eq!(of_key(status(Status::UseLimitExceeded)), CspError::NTE_PERM);
        assert_eq!(of_key(status(Status::HardwareFailed)), CspError::NTE_FAIL);
        assert_eq!(
            of_key(status(Status::PhysTokenNotPresent)),
            CspError::SCARD_W_REMOVED_CARD
        );
        assert_eq!(
            of_key(Error::NeedsFipsCard { module: 1 }),
            CspError::SCARD_W_REMOVED_CARD
        );
        assert_eq!(
            of_key(Error::Cards("no reader".to_owned())),
            CspError::SCARD_E_NO_SMARTCARD
        );
        let wrong = Error::WrongPassphrase {
            place: "card".to_owned(),
            tries: 3,
        };
        assert_eq!(of_key(wrong), CspError::SCARD_W_WRONG_CHV);
        assert_eq!(
            of_decryption(status(Status::DecryptFailed)),
            CspError::NTE_BAD_DATA
        );
        assert_eq!(
            of_decryption(status(Status::AccessDenied)),
            CspError::NTE_PERM
        );
        assert_eq!(
            of_session(Error::NoWorld {
                path: PathBuf::from("world")
            }),
            CspError::NTE_FAIL
        );
    }
}
