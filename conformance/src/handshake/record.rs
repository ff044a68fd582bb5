//! The record layer: fragments, MACs, padding, encryption.

use std::io::{Read, Write};

use anyhow::{Context as _, bail, ensure};

use crate::capi::{Context, Room};

use super::keys::{WriteKeys, mac};
use super::suite::{Suite, Version};

/// Content type: what follows is protected.
pub const CHANGE_CIPHER_SPEC: u8 = 20;
/// Content type: an alert.
pub const ALERT: u8 = 21;
/// Content type: a handshake message, or a part of one.
pub const HANDSHAKE: u8 = 22;
/// Content type: the application's data.
pub const APPLICATION_DATA: u8 = 23;

/// The most that a record carries, in bytes, before it is protected.
const CONTENT_MAX: usize = 1 << 14;

/// What MAC and padding may add to that, in bytes.
const OVERHEAD_MAX: usize = 2048;

/// Records over a connection.
#[derive(Debug)]
pub struct Records<S> {
    stream: S,
    version: Version,
    /// What is read is protected with these keys, once they are in use.
    pub reading: Option<Protection>,
    /// What is written is protected with these keys, once they are in use.
    pub writing: Option<Protection>,
}

/// Protection of one direction.
#[derive(Debug)]
pub struct Protection {
    suite: &'static Suite,
    keys: WriteKeys,
    sequence: u64,
}

impl<S: Read + Write> Records<S> {
    /// Unprotected records.
    pub fn new(stream: S, version: Version) -> Records<S> {
        Records {
            stream,
            version,
            reading: None,
            writing: None,
        }
    }

    /// Sends content in one record.
    ///
    /// # Errors
    /// The connection's and the provider's.
    pub fn send(&mut self, context: &Context, kind: u8, content: &[u8]) -> anyhow::Result<()> {
        ensure!(content.len() <= CONTENT_MAX, "too much for one record");
        let body = match &mut self.writing {
            None => content.to_vec(),
            Some(protection) => protection.seal(context, self.version, kind, content)?,
        };
        let mut record = vec![kind];
        record.extend(self.version.bytes());
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        Ok(self.stream.write_all(&record)?)
    }

    /// The next record's type and content.
    ///
    /// # Errors
    /// The connection's and the provider's; a record of another version, too long, or with a wrong MAC.
    pub fn receive(&mut self, context: &Context) -> anyhow::Result<(u8, Vec<u8>)> {
        let mut header = [0; 5];
        self.stream
            .read_exact(&mut header)
            .context("the peer has closed the connection")?;
        let [kind, major, minor, high, low] = header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        ensure!(
            length <= CONTENT_MAX + OVERHEAD_MAX,
            "a record of {length} bytes"
        );
        // A client's first record may tell another minor version than the one agreed upon.
        ensure!(major == 3, "a record of version {major}.{minor}");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let content = match &mut self.reading {
            None => body,
            Some(protection) => protection.open(context, self.version, kind, &body)?,
        };
        if kind == ALERT && content.len() == 2 && content[0] == 2 {
            bail!("the peer sends alert {}", content[1]);
        }
        Ok((kind, content))
    }
}

impl Protection {
    /// Protection from the first record on.
    pub fn new(suite: &'static Suite, keys: WriteKeys) -> Protection {
        Protection {
            suite,
            keys,
            sequence: 0,
        }
    }

    /// MAC, padding and encryption. The cipher goes on from record to record: that is how both protocols chain.
    ///
    /// # Errors
    /// The provider's.
    pub fn seal(
        &mut self,
        context: &Context,
        version: Version,
        kind: u8,
        content: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let mut plain = content.to_vec();
        plain.extend(self.mac(context, version, kind, content)?);
        self.sequence += 1;
        let (Some(cipher), Some(key)) = (self.suite.cipher, &self.keys.cipher) else {
            return Ok(plain);
        };
        if cipher.block != 0 {
            let padding = cipher.block - 1 - plain.len() % cipher.block;
            plain.resize(plain.len() + padding + 1, padding as u8);
        }
        let room = Room::Bytes(plain.len());
        Ok(key.encrypt_into(&plain, None, false, 0, room).data()?)
    }

    /// The inverse of [`Protection::seal`].
    ///
    /// # Errors
    /// The provider's; a wrong padding or MAC.
    pub fn open(
        &mut self,
        context: &Context,
        version: Version,
        kind: u8,
        body: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let mut plain = body.to_vec();
        if let (Some(cipher), Some(key)) = (self.suite.cipher, &self.keys.cipher) {
            plain = key.decrypt_into(body, None, false, 0).data()?;
            if cipher.block != 0 {
                let padding = *plain.last().context("a record without padding")?;
                let kept = plain.len().checked_sub(usize::from(padding) + 1);
                let kept = kept.context("a record that is all padding")?;
                // SSL 3.0 does not say what is in it.
                let good = plain[kept..].iter().all(|byte| *byte == padding);
                ensure!(good || version == Version::Ssl3, "a wrong padding");
                plain.truncate(kept);
            }
        }
        let kept = plain.len().checked_sub(self.suite.mac_len());
        let found = plain.split_off(kept.context("a record without a MAC")?);
        let expected = self.mac(context, version, kind, &plain)?;
        ensure!(found == expected, "a wrong MAC");
        self.sequence += 1;
        Ok(plain)
    }

    fn mac(
        &self,
        context: &Context,
        version: Version,
        kind: u8,
        content: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let key = &self.keys.mac;
        Ok(mac(
            context,
            version,
            self.suite,
            key,
            self.sequence,
            kind,
            content,
        )?)
    }
}
