//! The module that does the work, and when it is not asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ncore::bignum::Bignum;
use ncore::client::{ClientError, ConnectOptions, Connection};
use ncore::types::{ModExpArgs, NewClientArgs};
use nfkm::Environment;
use zeroize::Zeroizing;

use crate::crt;
use crate::exponentiation::Exponentiation;

/// How long a connection or an answer may take: longer than any exponentiation of a module in order, and short enough for a
/// program that waits for the provider.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long no hardserver is looked for after none was found.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest modulus in bytes: 16384 bits, the longest that Microsoft's providers have.
pub const MODULUS_MAX: usize = 2048;

/// The way to a module: one connection, which all threads share.
#[derive(Debug)]
pub struct Module {
    /// Where the hardserver is. None: what the process's variables say when it is looked for.
    environment: Option<Environment>,
    link: Mutex<Link>,
}

#[derive(Debug)]
enum Link {
    Up(Arc<Connection>),
    /// None was found, or it was lost; when to look again.
    Down {
        until: Option<Instant>,
    },
}

impl Module {
    /// The module of the hardserver that `environment` names, or else the process's variables. Nothing is connected yet.
    pub const fn new(environment: Option<Environment>) -> Module {
        Module {
            environment,
            link: Mutex::new(Link::Down { until: None }),
        }
    }

    /// base^exponent mod modulus, as long as the modulus; None when the caller has to compute it.
    pub fn compute(&self, work: &Exponentiation<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let length = work.modulus.len();
        // The modulus must fill its buffer and be odd, as every modulus of RSA and of Diffie-Hellman is.
        let fills = work.modulus.last() != Some(&0) && length <= MODULUS_MAX;
        if !fills || work.modulus.first()? & 1 == 0 {
            return None;
        }
        let connection = self.connection()?;
        let answer = match work.primes.and_then(|primes| crt::args(work, primes)) {
            Some(args) => connection.transact(args),
            None => connection.transact(ModExpArgs {
                a: Bignum::from_le(work.base),
                p: Bignum::from_le(work.exponent),
                n: Bignum::from_le(work.modulus),
            }),
        };
        match answer {
            Ok(reply) => reply.r.to_le_padded(length).map(Zeroizing::new),
            // An answer all the same: the module is busy, absent, or does not do this length.
            Err(ClientError::Status { .. }) => None,
            // The connection broke, or its hardserver does not answer any more.
            Err(_) => {
                *self.link() = Link::down_for_now();
                None
            }
        }
    }

    /// The connection; None while there is no hardserver.
    fn connection(&self) -> Option<Arc<Connection>> {
        let mut link = self.link();
        match &*link {
            Link::Up(connection) => return Some(Arc::clone(connection)),
            Link::Down { until: Some(until) } if Instant::now() < *until => return None,
            Link::Down { .. } => {}
        }
        match self.connect() {
            Some(connection) => {
                *link = Link::Up(Arc::clone(&connection));
                Some(connection)
            }
            None => {
                *link = Link::down_for_now();
                None
            }
        }
    }

    fn connect(&self) -> Option<Arc<Connection>> {
        let environment = self.environment.clone();
        let environment = environment.unwrap_or_else(Environment::from_process);
        let options = ConnectOptions {
            connect_timeout: PATIENCE,
            reply_timeout: Some(PATIENCE),
            ..ConnectOptions::default()
        };
        let connection = Connection::connect(&environment.endpoint().ok()?, options).ok()?;
        connection.transact(NewClientArgs::default()).ok()?;
        Some(Arc::new(connection))
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        // Each change is one assignment, so what a panic leaves is whole.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn down_for_now() -> Link {
        Link::Down {
            until: Some(Instant::now() + PAUSE),
        }
    }
}
