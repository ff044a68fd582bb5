//! Waiting for the socket of the model.

use std::io;
use std::time::Duration;

use super::stream::Stream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Readable,
    Writable,
}

pub(super) fn wait(stream: &Stream, until: Until, limit: Option<Duration>) -> io::Result<bool> {
    Ok(stream.wait(until, limit))
}
