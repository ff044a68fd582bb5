//! What can go wrong between a command and its reply.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Endpoint;
use crate::codec::{DecodeError, EncodeError};
use crate::frame::BadLength;
use crate::types::{Cmd, Status, StatusInfo};

/// Why a command has no successful reply. The text names the hardserver, the command and the time it took.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made: nothing listens there, or nothing leads there.
    #[error("{endpoint}: no hardserver answers ({cause}){}", tried(after))]
    NotRunning {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// How long it was tried.
        after: Duration,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// This process's user may not connect to the socket, whoever listens there: a matter of its permissions, or of those
    /// of a folder above it.
    #[error("{endpoint} is closed to this user ({cause})")]
    Closed {
        /// The hardserver.
        endpoint: Endpoint,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// The command was not sent, since the connection was lost before. Sending it again on another one is safe.
    #[error("{endpoint}: {cmd} was not sent, the connection is lost: {cause}")]
    NotSent {
        /// The hardserver.
        endpoint: Endpoint,
        /// The command.
        cmd: Cmd,
        /// How the connection was lost.
        cause: Loss,
    },
    /// The connection was lost with the command under way: nobody knows whether it was done.
    #[error("{endpoint}: connection lost {after:.1?} after {cmd} was sent: {cause}")]
    Lost {
        /// The hardserver.
        endpoint: Endpoint,
        /// The command.
        cmd: Cmd,
        /// From the start of sending to the loss.
        after: Duration,
        /// How the connection was lost.
        cause: Loss,
    },
    /// No reply in the time allowed. The command may still be done; its reply is dropped when it comes.
    #[error("{endpoint}: no reply to {cmd} within {after:.1?}")]
    TimedOut {
        /// The hardserver.
        endpoint: Endpoint,
        /// The command.
        cmd: Cmd,
        /// From the start of sending to giving up.
        after: Duration,
    },
    /// The reply is not one: the hardserver's fault, or a wrong wire profile. The connection stays usable.
    #[error("{endpoint}: bad reply to {cmd}: {cause}")]
    Malformed {
        /// The hardserver.
        endpoint: Endpoint,
        /// The command.
        cmd: Cmd,
        /// What is wrong with it.
        cause: BadReply,
    },
    /// The command cannot be written: the caller's fault. Nothing was sent.
    #[error("cannot be sent: {cause}")]
    Encode {
        /// The command.
        cmd: Cmd,
        /// What is wrong with it.
        cause: EncodeError,
    },
    /// More commands are under way on this connection than it has tags for. Nothing was sent.
    #[error("{endpoint}: {cmd} was not sent, {limit} commands are under way")]
    TooMany {
        /// The hardserver.
        endpoint: Endpoint,
        /// The command.
        cmd: Cmd,
        /// The most that may be.
        limit: usize,
    },
    /// The command was refused.
    #[error("{cmd}: {status}")]
    Status {
        /// The command.
        cmd: Cmd,
        /// Why.
        status: Status,
        /// What the status tells beside its number.
        info: Box<StatusInfo>,
    },
}

impl ClientError {
    /// The status that stands for this error: the refusal's own, or the vendor's for a fault of the connection.
    pub fn status(&self) -> Status {
        match self {
            Self::NotRunning { .. } => Status::ServerNotRunning,
            Self::Closed { .. } => Status::ServerAccessDenied,
            Self::NotSent { .. } | Self::Lost { .. } => Status::ServerConnectionLost,
            Self::TimedOut { .. } => Status::OperationTimeout,
            Self::Malformed { cause, .. } => match cause {
                BadReply::Decode(_) => Status::Malformed,
                BadReply::OtherCommand(_) => Status::CommandReplyMismatch,
            },
            Self::Encode { .. } => Status::CannotEncode,
            Self::TooMany { .. } => Status::Busy,
            Self::Status { status, .. } => *status,
        }
    }
}

/// The end of a text, when it took long enough to be of interest.
fn tried(after: &Duration) -> String {
    match *after < Duration::from_millis(1) {
        true => String::new(),
        false => format!(", tried for {after:.1?}"),
    }
}

/// How a connection was lost. It stays lost: every command after that fails with the same cause.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Loss {
    /// This side closed it.
    #[error("closed by this process")]
    Closed,
    /// The hardserver closed it.
    #[error("closed by the hardserver")]
    PeerClosed,
    /// The system reported a failure.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// A frame's length word makes no sense, so the stream cannot be read on.
    #[error("protocol error, {0}")]
    BadLength(BadLength),
    /// A reply to no command: it cannot be told whose it is, so none can be trusted.
    #[error("protocol error, a reply with tag {0:#010x}, which no command under way has")]
    UnknownTag(u32),
    /// The hardserver took no bytes of a command in the time allowed; what it has is a part of one.
    #[error("the hardserver stopped reading")]
    Stuck,
    /// The process is a fork of the one that connected. The connection belongs to its parent; this one must connect
    /// for itself, and obtain a client of its own.
    #[error("this process was forked after connecting")]
    Forked,
}

/// What is wrong with a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// The bytes are not a reply.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A success that names another command, or none.
    #[error("it answers {0}")]
    OtherCommand(Cmd),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_running(after: Duration) -> String {
        let error = ClientError::NotRunning {
            endpoint: Endpoint::Unix("/s".into()),
            after,
            cause: Arc::new(io::ErrorKind::NotFound.into()),
        };
        error.to_string()
    }

    #[test]
    fn the_time_of_a_search_is_told_when_it_took_some() {
        let at_once = not_running(Duration::from_micros(36));
        assert_eq!(at_once, "unix:/s: no hardserver answers (entity not found)");
        let later = not_running(Duration::from_millis(1500));
        assert_eq!(later, format!("{at_once}, tried for 1.5s"));
    }

    #[test]
    fn what_is_closed_to_this_user_is_not_missing() {
        let error = ClientError::Closed {
            endpoint: Endpoint::Unix("/s".into()),
            cause: Arc::new(io::ErrorKind::PermissionDenied.into()),
        };
        let words = "unix:/s is closed to this user (permission denied)";
        assert_eq!(error.to_string(), words);
        assert_eq!(error.status(), Status::ServerAccessDenied);
    }
}
