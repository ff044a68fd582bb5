//! The continuous signature test.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use csp::constants::{
    AT_SIGNATURE, CRYPT_NEWKEYSET, PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE, PROV_DSS,
    PROV_RSA_AES,
};
use nfkm_tools::cli::{self, Failure};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Options;
use crate::capi::{Provider, Refusal};
use crate::leftover::Leftover;

/// Signs in every thread until it is interrupted, the time is over, or a signature fails.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let flood = Flood::default();
    // The key's container is deleted however the test ends.
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flood.stopped))?;
    }
    let threads = match options.threads {
        Some(threads) => threads.into(),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let key = TestKey::make(options)?;
    // A rate is of signatures alone: the time begins when every thread has its key.
    let ready = Barrier::new(threads + 1);
    let started = thread::scope(|scope| {
        for number in 0..threads {
            let (flood, key, ready) = (&flood, &key, &ready);
            scope.spawn(move || {
                if let Err(refusal) = key.sign_until_stopped(number, flood, ready) {
                    flood.fail(refusal);
                }
            });
        }
        ready.wait();
        let started = Instant::now();
        flood.watch(options).map(|()| started)
    })?;
    let summary = Summary::of(&key.provider, threads, started.elapsed(), &flood);
    drop(key);
    match options.json {
        true => cli::print_json(&summary)?,
        false => cli::print(&summary.report())?,
    }
    let failure = flood.failure.lock().unwrap_or_else(PoisonError::into_inner);
    match *failure {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// What the threads share.
#[derive(Debug, Default)]
struct Flood {
    signatures: AtomicU64,
    stopped: Arc<AtomicBool>,
    /// The first signature that failed.
    failure: Mutex<Option<Refusal>>,
    wake: Condvar,
}

impl Flood {
    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.wake.notify_all();
    }

    fn fail(&self, refusal: Refusal) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(refusal);
        drop(failure);
        self.stop();
    }

    /// Says each second how many signatures it brought, until the end.
    fn watch(&self, options: &Options) -> Result<(), Failure> {
        let mut before = 0;
        for second in 1.. {
            let end = Instant::now() + Duration::from_secs(1);
            while let Some(left) = end.checked_duration_since(Instant::now())
                && !self.stopped.load(Ordering::Relaxed)
            {
                let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                // A wake-up that is missed costs no more than the second.
                drop(self.wake.wait_timeout(failure, left));
            }
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let now = self.signatures.load(Ordering::Relaxed);
            if !options.json {
                let line = format!("{second:6} s {:8} signatures/s\n", now - before);
                // Nobody who reads, nobody to go on for.
                cli::print(&line).inspect_err(|_| self.stop())?;
            }
            before = now;
            if options.seconds.is_some_and(|seconds| second >= seconds) {
                break;
            }
        }
        self.stop();
        Ok(())
    }
}

/// A key for the test, in a container that ends with it.
#[derive(Debug)]
struct TestKey {
    provider: Provider,
    container: String,
    /// Whether it has an area in a module's NVRAM.
    in_nvram: bool,
}

impl TestKey {
    fn make(options: &Options) -> Result<TestKey, Refusal> {
        let (prov_type, name) = match (options.ms, options.dsa) {
            (true, _) => (PROV_RSA_AES, Some(MS_AES_PROVIDER)),
            (false, true) => (PROV_DSS, csp::names::canonical(PROV_DSS)),
            (false, false) => (PROV_RSA_AES, csp::names::canonical(PROV_RSA_AES)),
        };
        let provider = Provider {
            name: name.unwrap_or_default().to_owned(),
            prov_type,
        };
        let container = format!("csptest-{}", std::process::id());
        let context = provider.acquire(Some(&container), CRYPT_NEWKEYSET)?;
        let key = TestKey {
            provider,
            container,
            in_nvram: options.counters || options.kitb,
        };
        if options.counters {
            context.set(PP_CRYPT_COUNT_KEY_USE, 1)?;
        }
        if options.kitb {
            context.set(PP_NO_HOST_STORAGE, 1)?;
        }
        // The provider's own length.
        context.generate(AT_SIGNATURE, 0)?;
        Ok(key)
    }

    fn sign_until_stopped(
        &self,
        thread: usize,
        flood: &Flood,
        ready: &Barrier,
    ) -> Result<(), Refusal> {
        let context = self.provider.acquire(Some(&self.container), 0);
        let context = context.as_ref().map_err(|refusal| *refusal);
        let key = context.and_then(|context| context.user_key(AT_SIGNATURE));
        // The others wait for this one, even if it has nothing to sign with.
        ready.wait();
        let (context, key) = (context?, key?);
        for round in 0u64.. {
            if flood.stopped.load(Ordering::Relaxed) {
                break;
            }
            let text = format!("thread {thread}, signature {round}");
            let check = round.is_multiple_of(CHECK_EVERY).then_some(&key);
            context.sign(text.as_bytes(), AT_SIGNATURE, check)?;
            flood.signatures.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Of how many signatures of a thread one is checked, the first among them. Checking is this process's work and not the
/// module's: done each time, it would take a good part of the rate.
const CHECK_EVERY: u64 = 16;

/// The provider of `--ms`.
const MS_AES_PROVIDER: &str = "Microsoft Enhanced RSA and AES Cryptographic Provider";

impl Drop for TestKey {
    fn drop(&mut self) {
        let left = match self.in_nvram {
            true => Leftover::of(self.provider.prov_type, false, &self.container),
            false => None,
        };
        match self.provider.delete(&self.container, 0) {
            Ok(()) => {
                if let Some(left) = left {
                    left.tell("csptest");
                }
            }
            Err(refusal) => {
                let text = format!("the container `{}' is left: {refusal}", self.container);
                cli::complain("csptest", &text);
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    provider: String,
    threads: usize,
    seconds: f64,
    signatures: u64,
    signatures_per_second: f64,
    failed: bool,
}

impl Summary {
    fn of(provider: &Provider, threads: usize, took: Duration, flood: &Flood) -> Summary {
        let signatures = flood.signatures.load(Ordering::Relaxed);
        let failure = flood.failure.lock().unwrap_or_else(PoisonError::into_inner);
        Summary {
            provider: provider.name.clone(),
            threads,
            seconds: took.as_secs_f64(),
            signatures,
            signatures_per_second: signatures as f64 / took.as_secs_f64(),
            failed: failure.is_some(),
        }
    }

    fn report(&self) -> String {
        format!(
            "{} signatures in {:.1} s on {} threads: {:.1} signatures/s\n",
            self.signatures, self.seconds, self.threads, self.signatures_per_second
        )
    }
}
