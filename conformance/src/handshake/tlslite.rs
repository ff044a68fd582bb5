//! tlslite-ng as the other side, for SSL 3.0 and for ciphers that others have dropped.
//!
//! It is no part of this project: `scripts/handshake-tlslite` installs it, and names itself in the variable
//! `SOFTSHIELD_TLSLITE` while it runs the cases.

use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::openssl::Openssl;
use super::peer::{KeyKind, Peer};
use super::suite::{Suite, Version};
use crate::capi::numbers::*;

/// The program that speaks for tlslite-ng.
#[derive(Debug)]
pub struct Tlslite(OsString);

impl Tlslite {
    /// The one that the variable names.
    pub fn found() -> Option<Tlslite> {
        std::env::var_os("SOFTSHIELD_TLSLITE").map(Tlslite)
    }

    /// A server with a new RSA key, which sends back what it gets, line by line in reverse; and a connection to it.
    ///
    /// # Errors
    /// The peer's and the system's.
    pub fn serve(
        &self,
        openssl: &Openssl,
        version: Version,
        suite: &Suite,
    ) -> anyhow::Result<(Peer, TcpStream)> {
        let files = openssl.identity(KeyKind::Rsa)?;
        Peer::listening(self.command("serve", version, suite).args(files))
    }

    /// A client that says hello, and its connection to us.
    ///
    /// # Errors
    /// The peer's and the system's.
    pub fn connect(&self, version: Version, suite: &Suite) -> anyhow::Result<(Peer, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port().to_string();
        let mut command = self.command("connect", version, suite);
        Peer::connecting(command.arg(port), &listener)
    }

    fn command(&self, role: &str, version: Version, suite: &Suite) -> Command {
        let [_, minor] = version.bytes();
        let cipher = match suite.cipher.map(|cipher| cipher.algid) {
            Some(CALG_RC4) => "rc4",
            Some(CALG_3DES) => "3des",
            Some(CALG_AES_128) => "aes128",
            Some(CALG_AES_256) => "aes256",
            _ => "null",
        };
        let mac = match suite.hash {
            CALG_MD5 => "md5",
            _ => "sha",
        };
        let mut command = Command::new(&self.0);
        command
            .args([role, &minor.to_string(), cipher, mac])
            .stdin(Stdio::null());
        command
    }
}
