//! OpenSSL's command line as the other side, and as the judge of what was computed.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use super::peer::{KeyKind, Peer};
use super::suite::Suite;

/// Security level 0 allows what TLS 1.0 and its small keys need.
const CIPHER_SUFFIX: &str = ":@SECLEVEL=0";

/// Where peers write their secrets.
const KEYLOG: &str = "keys.log";

/// A folder of OpenSSL's files.
#[derive(Debug)]
pub struct Openssl {
    folder: TempDir,
}

impl Openssl {
    /// An empty folder, where there is an OpenSSL.
    ///
    /// # Errors
    /// There is none.
    pub fn new() -> anyhow::Result<Openssl> {
        let openssl = Openssl {
            folder: tempfile::tempdir()?,
        };
        openssl.run("version")?;
        Ok(openssl)
    }

    /// Whether this OpenSSL was built with what TLS 1.0 needs for a suite.
    ///
    /// # Errors
    /// The system's.
    pub fn speaks(&self, suite: &Suite) -> anyhow::Result<bool> {
        let cipher = format!("{}{CIPHER_SUFFIX}", suite.name);
        let mut command = self.command("ciphers -s -tls1");
        Ok(command.arg(cipher).output()?.status.success())
    }

    /// A certificate, in DER, for the key of a PUBLICKEYBLOB. Who signs it does not matter: nobody verifies that here.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn certify(&self, kind: KeyKind, public_blob: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.write("subject.blob", public_blob)?;
        let convert = "-pubin -inform MSBLOB -in subject.blob -pubout -out subject.pem";
        self.run(&format!("{} {convert}", kind.command()))?;
        self.run("genrsa -out issuer.pem 1024")?;
        self.run(
            "x509 -new -force_pubkey subject.pem -key issuer.pem -subj /CN=localhost -outform DER",
        )
    }

    /// The PUBLICKEYBLOB of a certificate's key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn public_blob(&self, kind: KeyKind, certificate: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.write("peer.der", certificate)?;
        let public = self.run("x509 -inform DER -in peer.der -pubkey -noout")?;
        self.write("peer.pem", &public)?;
        self.run(&format!(
            "{} -pubin -in peer.pem -pubout -outform MSBLOB",
            kind.command()
        ))
    }

    /// A new key with a certificate: the files of both.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn identity(&self, kind: KeyKind) -> anyhow::Result<[PathBuf; 2]> {
        match kind {
            KeyKind::Rsa => self.run("genrsa -out server.pem 1024")?,
            KeyKind::Dss => {
                self.run(
                    "genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 \
                     -pkeyopt dsa_paramgen_q_bits:160 -out group.pem",
                )?;
                self.run("genpkey -paramfile group.pem -out server.pem")?
            }
        };
        self.run("req -x509 -new -key server.pem -sha1 -subj /CN=localhost -out server.crt")?;
        Ok(["server.pem", "server.crt"].map(|name| self.folder.path().join(name)))
    }

    /// `s_server` with a new key, which sends back what it gets, line by line in reverse; and a connection to it.
    ///
    /// # Errors
    /// OpenSSL's and the system's.
    pub fn serve(&self, kind: KeyKind, suite: &Suite) -> anyhow::Result<(Peer, TcpStream)> {
        self.identity(kind)?;
        let cipher = format!("{}{CIPHER_SUFFIX}", suite.name);
        let mut command = self.command("s_server -accept 127.0.0.1:0 -naccept 1 -rev -tls1");
        command.args(["-cert", "server.crt", "-key", "server.pem"]);
        command.args(["-cipher", &cipher, "-keylogfile", KEYLOG]);
        Peer::listening(&mut command)
    }

    /// `s_client`, which sends a line, and its connection to us.
    ///
    /// # Errors
    /// OpenSSL's and the system's.
    pub fn connect(&self, suite: &Suite, line: &str) -> anyhow::Result<(Peer, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let cipher = format!("{}{CIPHER_SUFFIX}", suite.name);
        let mut command = self.command("s_client -quiet -legacy_server_connect -tls1");
        command.args(["-connect", &address, "-cipher", &cipher]);
        command.args(["-keylogfile", KEYLOG]).stdin(Stdio::piped());
        let (mut peer, stream) = Peer::connecting(&mut command, &listener)?;
        peer.input()?.write_all(line.as_bytes())?;
        Ok((peer, stream))
    }

    /// The master of the session with this client random, from a peer's log of secrets.
    ///
    /// # Errors
    /// It has none.
    pub fn master(&self, client_random: &[u8]) -> anyhow::Result<Vec<u8>> {
        let log = std::fs::read_to_string(self.folder.path().join(KEYLOG))?;
        let prefix = format!("CLIENT_RANDOM {} ", to_hex(client_random));
        let master = log.lines().find_map(|line| line.strip_prefix(&prefix));
        let master = crate::oracle::hex(master.context("the peer has no such session")?);
        ensure!(master.len() == 48, "a master of {} bytes", master.len());
        Ok(master)
    }

    /// TLS 1.0's PRF as OpenSSL computes it.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn prf(
        &self,
        secret: &[u8],
        label: &str,
        seed: &[u8],
        length: usize,
    ) -> anyhow::Result<Vec<u8>> {
        let seed = [label.as_bytes(), seed].concat();
        self.run(&format!(
            "kdf -binary -keylen {length} -kdfopt digest:MD5-SHA1 -kdfopt hexsecret:{} -kdfopt hexseed:{} TLS1-PRF",
            to_hex(secret),
            to_hex(&seed)
        ))
    }

    /// MD5 and SHA-1 of handshake messages as OpenSSL computes them.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn handshake_hash(&self, messages: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.write("messages", messages)?;
        let mut value = self.run("dgst -md5 -binary messages")?;
        value.extend(self.run("dgst -sha1 -binary messages")?);
        Ok(value)
    }

    fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), content)?)
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &str) -> anyhow::Result<Vec<u8>> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("openssl {arguments}: {complaint}");
        }
        Ok(output.stdout)
    }

    /// Without a configuration, which may forbid old protocols.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new("openssl");
        command
            .args(arguments.split_whitespace())
            .env("OPENSSL_CONF", "/dev/null")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
