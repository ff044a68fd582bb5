//! A TLS 1.0 handshake with `openssl s_server`, computed by a Schannel provider against a hardserver of its own: every secret
//! beside OpenSSL's.
//!
//! usage: handshake [SUITE], by default AES128-SHA; DHE-DSS-AES128-SHA shows the other provider. The exit code is 1 when a
//! value differs.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use conformance::capi::numbers::{PROV_DH_SCHANNEL, PROV_RSA_SCHANNEL};
use conformance::capi::{Capi, Provider};
use conformance::coverage::Recorder;
use conformance::daemon::Role;
use conformance::handshake::Session;
use conformance::handshake::openssl::Openssl;
use conformance::handshake::peer::KeyKind;
use conformance::handshake::suite::{Exchange, Suite, Version};
use conformance::handshake::transcript;
use conformance::target::{Choice, Prepared};

#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// The cipher suite, by OpenSSL's name
    #[arg(default_value = "AES128-SHA")]
    suite: String,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    if let Some(role) = cli.role {
        role.play()?;
        return Ok(ExitCode::SUCCESS);
    }
    let suite = Suite::named(&cli.suite).context("no such suite")?;
    let (kind, prov_type) = match suite.exchange {
        Exchange::Rsa => (KeyKind::Rsa, PROV_RSA_SCHANNEL),
        Exchange::DheDss => (KeyKind::Dss, PROV_DH_SCHANNEL),
    };
    let prepared = Prepared::new(Choice::Own {
        modules: 1,
        seed: None,
    })?;
    // Before the first thread: the provider runs in this process and reads its environment.
    prepared.point_provider()?;
    let _target = prepared.open()?;
    let openssl = Openssl::new()?;
    let (_peer, stream) = openssl.serve(kind, suite)?;
    let capi = Capi::new(Recorder::default(), Provider::of_type(prov_type));
    let context = capi.verify_context()?;
    let public = |der: &[u8]| openssl.public_blob(kind, der);
    let mut session = Session::connect(stream, context, Version::Tls1, suite, public)?;

    println!("TLS 1.0, {}, with openssl s_server", suite.name);
    println!("client random        {}", hex(&session.randoms.client));
    println!("server random        {}", hex(&session.randoms.server));
    println!(
        "master (OpenSSL's)   {}",
        hex(&openssl.master(&session.randoms.client)?)
    );
    let mut equal = true;
    for line in transcript::compare(&openssl, &session)? {
        let verdict = match line.provider == line.openssl {
            true => "equal",
            false => "DIFFERENT",
        };
        equal &= line.provider == line.openssl;
        println!("{:20} {}", line.what, hex(&line.provider));
        println!("{:20} {} {verdict}", "  OpenSSL's", hex(&line.openssl));
    }
    session.send(b"hello\n")?;
    let answer = session.receive(6)?;
    println!(
        "sent hello, received {}",
        String::from_utf8_lossy(&answer).trim_end()
    );
    session.close()?;
    Ok(match equal {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
