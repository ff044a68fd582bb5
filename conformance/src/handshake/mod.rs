//! SSL 3.0 and TLS 1.0 with nothing but `Crypt*` calls for their cryptography, as a protocol engine makes them: to speak with
//! stacks that have nothing to do with the provider.
//!
//! Both sides, RSA and DHE-DSS, no resumption, no client certificates, no extensions. Only as much of the protocols as
//! shows whether the keys are right.

pub mod exchange;
pub mod keys;
pub mod openssl;
pub mod peer;
pub mod record;
pub mod suite;
pub mod tlslite;
pub mod transcript;

use std::io::{Read, Write};

use anyhow::{Context as _, bail, ensure};

use crate::capi::{Context, Key};

use exchange::{Agreement, Opened, decrypt_premaster, encrypt_premaster};
use keys::{Randoms, Side, establish, finished};
use record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Protection, Records};
use suite::{Exchange, Suite, Version};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;

/// A session whose handshake is done.
#[derive(Debug)]
pub struct Session<S> {
    wire: Wire<S>,
    /// The suite that was agreed upon.
    pub suite: &'static Suite,
    /// The hellos' random values.
    pub randoms: Randoms,
    /// The master.
    pub master: Key,
    /// By side, MAC key, cipher key and IV.
    pub keys: [[Vec<u8>; 3]; 2],
    /// By side, the handshake messages before its Finished.
    pub messages: [Vec<u8>; 2],
    /// By side, the Finished message's content.
    pub finished: [Vec<u8>; 2],
}

/// What a server shows.
#[derive(Debug)]
pub struct Identity {
    /// Its certificate, in DER.
    pub certificate: Vec<u8>,
    /// The certificate's pair, whose private half is in the module.
    pub pair: Key,
}

/// Messages over records.
#[derive(Debug)]
struct Wire<S> {
    context: Context,
    version: Version,
    records: Records<S>,
    /// Handshake bytes that were received and not yet read.
    pending: Vec<u8>,
    /// All handshake messages so far.
    messages: Vec<u8>,
}

impl<S: Read + Write> Session<S> {
    /// A client's handshake. `public_key` gives the PUBLICKEYBLOB of the server's certificate. The context is one of
    /// PROV_RSA_SCHANNEL or PROV_DH_SCHANNEL, as the suite needs it.
    ///
    /// # Errors
    /// The connection's, the provider's and the peer's.
    pub fn connect(
        stream: S,
        context: Context,
        version: Version,
        suite: &'static Suite,
        public_key: impl FnOnce(&[u8]) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<Session<S>> {
        let mut wire = Wire::new(stream, context, version);
        let client = wire.context.random(32)?;
        let mut hello = version.bytes().to_vec();
        hello.extend(&client);
        // No session to resume, one suite, no compression.
        hello.extend([0, 0, 2]);
        hello.extend(suite.code.to_be_bytes());
        hello.extend([1, 0]);
        wire.send(CLIENT_HELLO, &hello)?;

        let hello = wire.expect(SERVER_HELLO)?;
        let mut hello = Reader(&hello);
        ensure!(
            hello.take(2)? == version.bytes(),
            "the server wants another version"
        );
        let server = hello.take(32)?.to_vec();
        hello.vector(1)?;
        ensure!(
            hello.take(2)? == suite.code.to_be_bytes(),
            "the server wants another suite"
        );
        let randoms = Randoms { client, server };
        let certificates = wire.expect(CERTIFICATE)?;
        let mut chain = Reader(Reader(&certificates).vector(3)?);
        let blob = public_key(chain.vector(3)?)?;
        let server_key = wire.context.import_key(&blob, None, 0)?;
        let parameters = match suite.exchange {
            Exchange::Rsa => None,
            Exchange::DheDss => Some(wire.expect(SERVER_KEY_EXCHANGE)?),
        };
        wire.expect(SERVER_HELLO_DONE)?;

        let (master, message) = match &parameters {
            None => encrypt_premaster(&wire.context, version, &server_key)?,
            Some(message) => {
                let opened = Opened::read(&wire.context, message, &randoms, &server_key)?;
                opened.answer(&wire.context, version)?
            }
        };
        wire.send(CLIENT_KEY_EXCHANGE, &message)?;
        wire.finish(Side::Client, suite, randoms, master)
    }

    /// A server's handshake, with the first of the client's suites that is among `suites`.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub fn accept(
        stream: S,
        context: Context,
        version: Version,
        suites: &[&'static Suite],
        identity: &Identity,
    ) -> anyhow::Result<Session<S>> {
        let mut wire = Wire::new(stream, context, version);
        let hello = wire.expect(CLIENT_HELLO)?;
        let mut hello = Reader(&hello);
        let offered = hello.take(2)?;
        ensure!(
            offered >= &version.bytes()[..],
            "the client speaks {offered:?} only"
        );
        let client = hello.take(32)?.to_vec();
        hello.vector(1)?;
        let codes = hello.vector(2)?;
        let suite = codes.chunks(2).find_map(|code| {
            let wanted = |suite: &&&Suite| suite.code.to_be_bytes() == code;
            suites.iter().find(wanted).copied()
        });
        let suite = suite.context("the client has no suite in common")?;
        let server = wire.context.random(32)?;
        let mut hello = version.bytes().to_vec();
        hello.extend(&server);
        hello.push(0);
        hello.extend(suite.code.to_be_bytes());
        hello.push(0);
        wire.send(SERVER_HELLO, &hello)?;
        let randoms = Randoms { client, server };
        let certificates = vector(3, &vector(3, &identity.certificate));
        wire.send(CERTIFICATE, &certificates)?;
        let agreement = match suite.exchange {
            Exchange::Rsa => None,
            Exchange::DheDss => {
                let (agreement, message) = Agreement::offer(&wire.context, &randoms)?;
                wire.send(SERVER_KEY_EXCHANGE, &message)?;
                Some(agreement)
            }
        };
        wire.send(SERVER_HELLO_DONE, &[])?;

        let message = wire.expect(CLIENT_KEY_EXCHANGE)?;
        let master = match agreement {
            None => decrypt_premaster(&wire.context, version, &identity.pair, &message)?,
            Some(agreement) => agreement.agree(&wire.context, version, &message)?,
        };
        wire.finish(Side::Server, suite, randoms, master)
    }

    /// Sends application data.
    ///
    /// # Errors
    /// The connection's and the provider's.
    pub fn send(&mut self, data: &[u8]) -> anyhow::Result<()> {
        let wire = &mut self.wire;
        wire.records.send(&wire.context, APPLICATION_DATA, data)
    }

    /// The next `length` bytes of application data.
    ///
    /// # Errors
    /// The connection's, the provider's and the peer's.
    pub fn receive(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut data = Vec::new();
        while data.len() < length {
            match self.wire.records.receive(&self.wire.context)? {
                (APPLICATION_DATA, content) => data.extend(content),
                (kind, content) => bail!("expected data, met type {kind}: {content:02x?}"),
            }
        }
        ensure!(data.len() == length, "more data than expected");
        Ok(data)
    }

    /// Says that nothing follows, and gives the connection back with the context.
    ///
    /// # Errors
    /// The connection's and the provider's.
    pub fn close(mut self) -> anyhow::Result<()> {
        self.wire.records.send(&self.wire.context, ALERT, &[1, 0])
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.wire.context
    }
}

impl<S: Read + Write> Wire<S> {
    fn new(stream: S, context: Context, version: Version) -> Wire<S> {
        Wire {
            context,
            version,
            records: Records::new(stream, version),
            pending: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> anyhow::Result<()> {
        let mut message = vec![kind];
        message.extend(vector(3, body));
        self.records.send(&self.context, HANDSHAKE, &message)?;
        self.messages.extend(message);
        Ok(())
    }

    /// The body of the next message, which must be of this type.
    fn expect(&mut self, kind: u8) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some((header, rest)) = self.pending.split_first_chunk::<4>() {
                let [found, high, middle, low] = *header;
                let length = u32::from_be_bytes([0, high, middle, low]) as usize;
                if let Some(body) = rest.get(..length) {
                    ensure!(found == kind, "expected message {kind}, met {found}");
                    let body = body.to_vec();
                    self.messages.extend(self.pending.drain(..4 + length));
                    return Ok(body);
                }
            }
            match self.records.receive(&self.context)? {
                (HANDSHAKE, content) => self.pending.extend(content),
                (other, content) => {
                    bail!("expected message {kind}, met type {other}: {content:02x?}")
                }
            }
        }
    }

    /// The keys, and both sides' ChangeCipherSpec and Finished.
    fn finish(
        mut self,
        own: Side,
        suite: &'static Suite,
        randoms: Randoms,
        master: Key,
    ) -> anyhow::Result<Session<S>> {
        let [client, server] = establish(&self.context, &master, suite, &randoms)?;
        let keys = [client.bytes()?, server.bytes()?];
        let (mut reading, mut writing) = match own {
            Side::Client => (Some(server), Some(client)),
            Side::Server => (Some(client), Some(server)),
        };
        let mut messages = [Vec::new(), Vec::new()];
        let mut values = [Vec::new(), Vec::new()];
        for side in [Side::Client, Side::Server] {
            let value = finished(&self.context, self.version, &master, side, &self.messages)?;
            messages[side as usize].clone_from(&self.messages);
            if side == own {
                self.records.send(&self.context, CHANGE_CIPHER_SPEC, &[1])?;
                self.records.writing = writing.take().map(|keys| Protection::new(suite, keys));
                self.send(FINISHED, &value)?;
            } else {
                let (kind, content) = self.records.receive(&self.context)?;
                ensure!(
                    (kind, &content[..]) == (CHANGE_CIPHER_SPEC, &[1][..]),
                    "expected ChangeCipherSpec, met type {kind}"
                );
                self.records.reading = reading.take().map(|keys| Protection::new(suite, keys));
                let found = self.expect(FINISHED)?;
                ensure!(
                    found == value,
                    "the peer's Finished is {found:02x?}, not {value:02x?}"
                );
            }
            values[side as usize] = value;
        }
        Ok(Session {
            wire: self,
            suite,
            randoms,
            master,
            keys,
            messages,
            finished: values,
        })
    }
}

/// A cursor over a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> anyhow::Result<&'a [u8]> {
        let split = self.0.split_at_checked(length);
        let (taken, rest) = split.context("a message is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A vector whose length has so many bytes.
    fn vector(&mut self, bytes: usize) -> anyhow::Result<&'a [u8]> {
        let length = self.take(bytes)?.iter();
        let length = length.fold(0, |length, byte| length << 8 | usize::from(*byte));
        self.take(length)
    }
}

/// Data after its length of so many bytes.
fn vector(bytes: usize, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_be_bytes();
    [&length[8 - bytes..], data].concat()
}
